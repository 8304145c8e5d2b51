"""Arrays from .npz and .npy files: inputs with a target, or columns of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.dataset import ClassType, Source
from kerasrecipes.data.precision import describe_merged, find_merged_values
from kerasrecipes.data.target import (
    choose_task,
    encode_numbers,
    encode_target,
    find_class_type,
)
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.recipe.suggest import find_meant

if TYPE_CHECKING:
    import pyarrow as pa

Arrays = Mapping[str, NDArray[Any]]

INPUTS = ("x", "inputs", "data", "features", "images", "x_train")
TARGETS = ("y", "target", "targets", "label", "labels", "y_train")
CLASS_NAMES = ("class_names", "target_names")


def read_arrays(path: str, spec: DatasetSpec, hint: Task | None = None) -> Source | pa.Table:
    """Read inputs and a target, or a table of which the arrays are the columns.

    A .npz file holds x and y (or inputs, data, features, images; target, targets, label, labels),
    or x_train, y_train, x_test and y_test, or equally long columns. A .npy file holds rows of
    numbers, whose columns are named "0", "1", … as they stand, or a structured array.

    Args:
        path: Absolute.
        spec: The recipe's ``dataset``; its target may name an array.
        hint: What the recipe's loss asks for; see ``encode_target``.

    Raises:
        DataError: The file cannot be read, or its arrays do not fit together.
    """
    file = Path(path)
    arrays = _load(file)
    if file.suffix == ".npy":
        return _make_columns(arrays[""], file.name)
    if (
        all(array.ndim == 1 for array in arrays.values())
        and len(set(map(len, arrays.values()))) == 1
    ):
        return _make_table(arrays, file.name)
    return _make_source(arrays, file, spec, hint)


def load_inputs(path: str) -> NDArray[Any]:
    """Read inputs alone, of shape (n_samples, ...), as training would read them.

    Raises:
        DataError: The file cannot be read, or it is not clear which array holds the inputs.
    """
    file = Path(path)
    arrays = _load(file)
    names = _find_key(arrays, ("x_test", *INPUTS)) if len(arrays) > 1 else next(iter(arrays))
    if names is None:
        raise DataError(file.name, [_describe_keys(arrays, "inputs", INPUTS)])
    return _read_inputs(arrays[names], names or "the array", file.name)


def load_labelled(
    path: str, spec: DatasetSpec, task: Task
) -> tuple[NDArray[Any], NDArray[Any], str]:
    """Read inputs and a target to hold answers against; test arrays are preferred to others.

    Returns:
        The inputs; the target, as it was saved or as class names where the file has them, of shape
        (n_samples,) or (n_samples, n_targets); and the target's name.

    Raises:
        DataError: The file cannot be read, or its arrays do not fit together.
    """
    file = Path(path)
    arrays = _load(file)
    told = spec.target if isinstance(spec.target, str) else None
    y = told if told in arrays else _find_key(arrays, ("y_test", *TARGETS))
    x = _find_key({key: value for key, value in arrays.items() if key != y}, ("x_test", *INPUTS))
    if x is None and y is not None:
        x = _find_only_inputs(arrays, y)
    problems = [] if x else [_describe_keys(arrays, "inputs", INPUTS)]
    problems += [] if y else [_describe_keys(arrays, "the target", TARGETS)]
    if problems or x is None or y is None:
        raise DataError(file.name, problems)
    if len(arrays[x]) != len(arrays[y]):
        problem = (
            f"inputs and target must be equally long (received: {x} of {len(arrays[x]):,}, {y} of "
            f"{len(arrays[y]):,}). Save them anew."
        )
        raise DataError(file.name, [problem])
    target, named = arrays[y], _find_key(arrays, CLASS_NAMES)
    if task == "classification" and target.ndim == 2 and _is_one_hot(target):
        target = target.argmax(axis=1)
    target = target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
    if named and target.dtype.kind in "iu":
        are_indices = target.min(initial=0) >= 0 and target.max(initial=0) < len(arrays[named])
        target = arrays[named][target] if are_indices else target
    return _read_inputs(arrays[x], x, file.name), target, y


def load_columns(path: str) -> pa.Table:
    """Read a table of which the arrays are the columns, as ``read_arrays`` does.

    Raises:
        DataError: The file cannot be read, or its arrays are no columns.
    """
    file = Path(path)
    arrays = _load(file)
    if file.suffix == ".npy":
        return _make_columns(arrays[""], file.name)
    if {array.ndim for array in arrays.values()} != {1} or len({*map(len, arrays.values())}) != 1:
        problem = (
            "the arrays must be columns, of shape (rows,) and equally long (received: "
            f"{_describe(arrays)}). Save one for each column that the model was trained on."
        )
        raise DataError(file.name, [problem])
    return _make_table(arrays, file.name)


def _load(file: Path) -> dict[str, NDArray[Any]]:
    """Every array by name; the one of a .npy file is named ""."""
    if not file.is_file():
        others = [*file.parent.glob("*.np[yz]")] if file.parent.is_dir() else []
        meant = find_meant(file.name, [other.name for other in others])
        hint = f"Did you mean '{meant}'?" if meant else "Check the path."
        raise DataError(file.name, [f"path: there is no file {file}. {hint}"])
    if not file.stat().st_size:
        raise DataError(file.name, [f"path: {file} is empty (0 bytes). Write the file anew."])
    name = ""
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            arrays = {}
            for name in loaded.files:
                arrays[name] = loaded[name]
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        problem = f"path: {file} cannot be read: {str(error).rstrip('.')}. Write it anew."
        if "allow_pickle=False" in str(error) or "pickled" in str(error):
            which = f"array '{name}' " if name else "it "
            problem = (
                f"path: {which}holds Python objects, which are not loaded, as they can run code. "
                "Save numbers or texts: numpy.asarray(…, dtype='float32') or dtype='str'."
            )
        raise DataError(file.name, [problem]) from error
    if not arrays:
        raise DataError(file.name, [f"path: {file} holds no arrays. Save x and y in it."])
    return arrays


def _make_columns(array: NDArray[Any], dataset: str) -> pa.Table:
    if array.dtype.names:
        return _make_table({name: array[name] for name in array.dtype.names}, dataset)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        problem = (
            "a .npy file must hold rows of numbers, of shape (rows, columns) (received: shape "
            f"{array.shape} of {array.dtype}). Save inputs and target in one file: "
            "numpy.savez(path, x=…, y=…)."
        )
        raise DataError(dataset, [problem])
    return _make_table({str(i): column for i, column in enumerate(array.T)}, dataset)


def _make_table(arrays: Arrays, dataset: str) -> pa.Table:
    import pyarrow as pa

    columns = {}
    problems = []
    for name, array in arrays.items():
        try:
            array = np.char.decode(array) if array.dtype.kind == "S" else array
            columns[name] = pa.array(np.ascontiguousarray(array))
        except (pa.ArrowException, UnicodeDecodeError) as error:
            problems.append(f"array '{name}' of {array.dtype} cannot be a column: {error}.")
    if not next(iter(arrays.values())).size:
        problems.append("the file has no rows. Add rows.")
    if problems:
        raise DataError(dataset, problems)
    return pa.table(columns)


def _make_source(arrays: Arrays, file: Path, spec: DatasetSpec, hint: Task | None) -> Source:
    told = spec.target if isinstance(spec.target, str) else None
    problems = []
    y = told if told in arrays else None if told else _find_key(arrays, TARGETS)
    x = _find_key({name: array for name, array in arrays.items() if name != y}, INPUTS)
    if x is None and y is not None:
        x = _find_only_inputs(arrays, y)
    if x is None:
        problems.append(_describe_keys(arrays, "inputs", INPUTS))
    if y is None and told:
        meant = find_meant(told, arrays)
        guess = f"Did you mean '{meant}'? " if meant else ""
        problems.append(f"target: no array '{told}'. {guess}The arrays: {_describe(arrays)}.")
    elif y is None:
        problems.append(_describe_keys(arrays, "the target", TARGETS))
    if x is None or y is None:
        raise DataError(file.name, problems)
    tests = [_find_key(arrays, (_name_test(name),)) for name in (x, y)]
    pairs = [(x, y)]
    if tests[0] is not None and tests[1] is not None:
        pairs.append((tests[0], tests[1]))
    return _pair(arrays, pairs, file, spec.task, hint)


def _name_test(name: str) -> str:
    return name.lower().replace("_train", "") + "_test"


def _pair(
    arrays: Arrays,
    pairs: list[tuple[str, str]],
    file: Path,
    told: Task | None,
    hint: Task | None,
) -> Source:
    """Make a source of inputs and target, and of those of the file's own test part."""
    problems = []
    for x, y in pairs:
        lengths = [arrays[name].shape[0] if arrays[name].ndim else 0 for name in (x, y)]
        if lengths[0] != lengths[1]:
            problems.append(
                f"inputs and target must be equally long (received: {x} of {lengths[0]:,}, {y} of "
                f"{lengths[1]:,}). Save them anew."
            )
        elif not lengths[0]:
            problems.append(f"{x} and {y} have no rows. Add rows.")
    x_shapes = {arrays[x].shape[1:] for x, _ in pairs}
    if len(x_shapes) > 1:
        problems.append(f"{pairs[0][0]} and {pairs[1][0]} must have rows of one shape.")
    if problems:
        raise DataError(file.name, problems)
    inputs = [_read_inputs(arrays[x], x, file.name) for x, _ in pairs]
    if len({array.dtype for array in inputs}) > 1:  # pixels, and numbers of another kind
        inputs = [array.astype(np.float32) for array in inputs]
    x, y = pairs[0]
    n_train = len(arrays[y])
    targets = np.concatenate([arrays[y] for _, y in pairs])
    target, task, class_names, warnings = _encode(targets, file.name, y, told, hint)
    numbers = {x: arrays[x]} | ({y: targets} if task == "regression" else {})
    # One-hot columns are numbered, whatever they hold.
    class_type: ClassType = "integer" if targets[0].size > 1 else find_class_type(targets)
    used = {name for pair in pairs for name in pair}
    named = _find_key(arrays, CLASS_NAMES)
    if named is not None and class_names == tuple(map(str, range(len(arrays[named])))):
        class_names = tuple(map(str, arrays[named].tolist()))
        used.add(named)
        class_type = "text"
    has_test = len(pairs) > 1
    n_targets = target.shape[1] if target.ndim > 1 else 1
    return Source(
        inputs=inputs[0],
        target=target[:n_train],
        task=task,
        target_names=(y,) if n_targets == 1 else tuple(f"{y} {i}" for i in range(n_targets)),
        class_names=class_names,
        test_inputs=inputs[1] if has_test else None,
        test_target=target[n_train:] if has_test else None,
        origin=str(file),
        left_out=tuple((name, "not named x or y") for name in arrays if name not in used),
        warnings=(*warnings, *_warn_of_merged(numbers)),
        class_type=class_type if class_names else "text",
    )


def _warn_of_merged(arrays: Arrays) -> Iterator[str]:
    """Warn of columns that become float32, of arrays of shape (rows,) or (rows, columns)."""
    found = {
        f"{name}[:, {i}]" if array.ndim == 2 else name: find_merged_values(column)
        for name, array in arrays.items()
        if array.ndim <= 2 and not np.can_cast(array.dtype, np.float32)
        for i, column in enumerate(array.reshape(len(array), -1).T)
    }
    if merged := {name: counts for name, counts in found.items() if counts}:
        yield describe_merged(merged)


def _read_inputs(array: NDArray[Any], name: str, dataset: str) -> NDArray[Any]:
    """Pixels stay bytes; all else becomes float32."""
    if array.dtype.kind not in "biuf" or array.ndim < 2:
        problem = (
            f"{name} must hold numbers, of shape (rows, …) (received: shape {array.shape} of "
            f"{array.dtype}). Save text and columns in a table, such as a CSV file."
        )
        raise DataError(dataset, [problem])
    return array if array.dtype == np.uint8 else array.astype(np.float32)


def _encode(
    target: NDArray[Any], dataset: str, name: str, task: Task | None, hint: Task | None
) -> tuple[NDArray[Any], Task, tuple[str, ...], tuple[str, ...]]:
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if target.dtype.kind not in "biufU" or target.ndim > 2:
        problem = (
            f"target {name} must hold a number or text for each row (received: shape "
            f"{target.shape} of {target.dtype}). Save it anew."
        )
        raise DataError(dataset, [problem])
    if target.ndim == 1:
        return *encode_target(target, dataset, name, task, hint=hint), ()
    task = choose_task(target, task, hint)
    if task != "regression" and _is_one_hot(target):
        names = tuple(map(str, range(target.shape[1])))
        warning = f"{name} is one-hot: its {len(names)} columns are taken as classes 0, 1, …"
        return target.argmax(axis=1), "classification", names, (warning,)
    if task == "classification":
        problem = (
            f"target {name} must hold one class for each row (received: shape {target.shape}, not "
            "one-hot). Save class numbers or names, of shape (rows,)."
        )
        raise DataError(dataset, [problem])
    return encode_numbers(target, dataset, name), "regression", (), ()


def _is_one_hot(target: NDArray[Any]) -> bool:
    if target.dtype.kind == "U":
        return False
    return bool(((target == 0) | (target == 1)).all() and (target.sum(axis=1) == 1).all())


def _find_key(arrays: Arrays, choices: tuple[str, ...]) -> str | None:
    """The array that has one of some names, in whatever case."""
    names = {name.lower(): name for name in reversed([*arrays])}
    return next((names[choice] for choice in choices if choice in names), None)


def _find_only_inputs(arrays: Arrays, y: str) -> str | None:
    """The one other array that is as long as the target."""
    found = [
        name
        for name, array in arrays.items()
        if name != y and array.ndim > 1 and len(array) == len(arrays[y])
    ]
    return found[0] if len(found) == 1 else None


def _describe_keys(arrays: Arrays, what: str, choices: tuple[str, ...]) -> str:
    return (
        f"an array must hold {what}: {', '.join(choices)} (received: {_describe(arrays)}). Rename "
        "one when it is saved: numpy.savez(path, x=…, y=…)."
    )


def _describe(arrays: Arrays) -> str:
    return ", ".join(f"{name} of shape {array.shape}" for name, array in arrays.items())
