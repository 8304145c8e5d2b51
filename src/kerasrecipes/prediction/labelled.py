"""Rows with known answers, to hold a saved model's against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data import arrays, files, images, load_for
from kerasrecipes.data.dataset import Inputs
from kerasrecipes.data.target import encode_numbers, encode_with, read_target
from kerasrecipes.data.values import name_value, show_rows
from kerasrecipes.errors import DataError, InputError
from kerasrecipes.prediction.rows import fit_shape, read_array_table, read_frame_table
from kerasrecipes.prediction.saved import Saved
from kerasrecipes.recipe.endings import has_arrays
from kerasrecipes.recipe.suggest import suggest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True)
class Labelled:
    """Rows with known answers.

    Attributes:
        inputs: As the model takes them.
        target: Class numbers of shape (n_samples,), or numbers in the user's units, of shape
            (n_samples,) or (n_samples, n_targets).
        rows: Each row's number in its file, counted from 0.
        origin: Where they came from, in words.
    """

    inputs: Inputs
    target: NDArray[Any]
    rows: NDArray[np.int64]
    origin: str


def read_labelled(saved: Saved, data: str | pd.DataFrame | None) -> Labelled:
    """Read rows with their answers.

    Args:
        saved: The model.
        data: A file or rows with the target's column; None takes the run's own test part.

    Raises:
        DataError: The target is missing, or rows break a rule that held in training.
        InputError: The run's own test part is not to be had, or ``data`` is something else.
    """
    if data is None:
        return _read_test_part(saved)
    if not isinstance(data, str):
        _check_frame(saved, data)
        return _read_table(saved, read_frame_table(saved, data), "DataFrame")
    path = Path(data).expanduser().absolute()
    if data == files.STANDARD_INPUT:
        raise InputError("evaluate reads a file, not standard input. Save the rows to one.")
    if not saved.is_table:
        return _read_arrays(saved, path)
    if has_arrays(path):
        return _read_table(saved, read_array_table(saved, str(path)), path.name)
    table = files.read_table(str(path), saved.recipe.dataset, _list_texts(saved))
    return _read_table(saved, table, path.name)


def _list_texts(saved: Saved) -> list[str]:
    """The columns that predict reads as text, and a target of which the classes are texts."""
    columns = [
        column.name
        for column in saved.encoder.columns
        if column.kind != "number" and not column.feature.startswith("integer_")
    ]
    class_names = saved.codec.class_names
    is_plain = {*class_names} <= {"True", "False"} or all(map(_is_number, class_names))
    return columns if is_plain else [*columns, *saved.codec.names]


def _is_number(class_name: str) -> bool:
    """Whether a class is called as a number is, such as 7; 007 is a text."""
    try:
        number = int(class_name) if class_name.lstrip("-").isdigit() else float(class_name)
    except ValueError:
        return False
    return name_value(number) == class_name


def _check_frame(saved: Saved, data: object) -> None:
    import pandas as pd

    if not saved.is_table:
        raise InputError(
            f"This run takes {saved.takes}: evaluate it on an .npz file of inputs and target, or "
            "on a folder of images by class."
        )
    if not isinstance(data, pd.DataFrame):
        kind = type(data).__name__
        raise InputError(f"evaluate takes a DataFrame or a file (received: {kind}).")


def _read_test_part(saved: Saved) -> Labelled:
    spec, facts = saved.recipe.dataset, saved.run.info["dataset"]
    remedy = "Give rows with known answers: --data FILE, or evaluate(data) in Python."
    if not (spec.name or spec.path or spec.openml or spec.sklearn):
        raise InputError(
            f"This run was trained on a DataFrame, which was not kept with it. {remedy}"
        )
    dataset = load_for(saved.recipe)
    if dataset.fingerprint != facts["fingerprint"]:
        raise InputError(
            f"{dataset.name} is not what this run was trained on any more, so its test part "
            f"cannot be told from rows that were learnt. {remedy}"
        )
    test = dataset.parts["test"]
    return Labelled(test.inputs, test.target, test.rows, "the run's own test part")


def _read_table(saved: Saved, table: pa.Table, origin: str) -> Labelled:
    problems: list[str] = []
    inputs, target = None, None
    try:
        target = _read_targets(saved, table, origin)
    except DataError as error:
        problems += error.problems
    try:
        inputs = saved.read_table(table, origin)
    except DataError as error:
        problems += error.problems
    if inputs is None or target is None:
        raise DataError(origin, problems)
    return Labelled(inputs, target, np.arange(table.num_rows), origin)


def _read_targets(saved: Saved, table: pa.Table, origin: str) -> NDArray[Any]:
    """The target's columns as training had them."""
    inputs = [column.name for column in saved.encoder.columns]
    others = [name for name in table.column_names if name not in inputs]
    problems, targets = [], []
    for name in saved.codec.names:
        if (count := table.column_names.count(name)) != 1:
            found = f"{count} columns are named '{name}'" if count else f"there is no '{name}'"
            hint = "" if count else suggest(name, others)
            problems.append(f"{found}, the target, to hold answers against. {hint}".rstrip())
            continue
        try:
            values, is_known = read_target(table, name, origin)
            targets.append(_encode(saved, values, is_known, name, origin))
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(origin, problems)
    return targets[0] if len(targets) == 1 else np.column_stack(targets)


def _encode(
    saved: Saved, values: NDArray[Any], is_known: NDArray[np.bool_], name: str, origin: str
) -> NDArray[Any]:
    """Class numbers or numbers; every row must have one."""
    if not is_known.all():
        rows = np.flatnonzero(~is_known)
        problem = (
            f"target {name} is missing in {len(rows):,} of {len(is_known):,} rows "
            f"({show_rows(rows)}). Fill it in, or remove these rows."
        )
        raise DataError(origin, [problem])
    if saved.codec.class_names:
        return encode_with(values, saved.codec.class_names, origin, name)
    return encode_numbers(values, origin, name)


def _read_arrays(saved: Saved, path: Path) -> Labelled:
    """Images by class, or inputs and target of a .npz file."""
    name = saved.codec.names[0]
    if path.is_dir() and saved.image_form[0]:
        *size, color_mode = saved.image_form
        spec = saved.recipe.dataset.model_copy(
            update={"image_size": size, "color_mode": color_mode, "task": None}
        )
        source = images.load_image_folder(str(path), spec)
        inputs = np.asarray(source.inputs)
        target: NDArray[Any] = np.asarray(source.class_names, object)[source.target]
    elif path.suffix == ".npz":
        inputs, target, name = arrays.load_labelled(str(path), saved.recipe.dataset, saved.task)
    else:
        folder = "a folder of images by class, or " if saved.image_form[0] else ""
        raise DataError(
            path.name,
            [
                f"this run takes {saved.takes}, with answers (received: {path.name}). Give "
                f"{folder}an .npz file of inputs and target."
            ],
        )
    is_known: NDArray[np.bool_] = np.ones(target.shape, np.bool_)
    if target.dtype.kind == "f":
        is_known = np.asarray(np.isfinite(target))
    if target.ndim == 1 and len(saved.codec.names) == 1:
        target = _encode(saved, target[is_known], is_known, name, path.name)
    elif target.shape[1:] == (len(saved.codec.names),) and not saved.codec.class_names:
        target = _encode(saved, target, np.asarray(is_known.all(axis=1)), name, path.name)
    else:
        wanted = "a class" if saved.codec.class_names else "a number"
        n_targets = len(saved.codec.names)
        each = wanted if n_targets == 1 else f"{n_targets} numbers"
        problem = (
            f"target {name} must hold {each} for each row (received: shape {target.shape} of "
            f"{target.dtype}). Save it anew."
        )
        raise DataError(path.name, [problem])
    rows = fit_shape(saved, inputs, path.name)
    return Labelled(rows, target, np.arange(len(rows)), path.name)
