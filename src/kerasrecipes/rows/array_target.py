"""The target of arrays: a class or numbers for each row, or an array for each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import Task
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.kinds import BooleanColumn
from kerasrecipes.rows.target import MAX_CLASSES, Target, are_classes, find_target, make_cells
from kerasrecipes.rows.words import list_some, show_places

MOST_NUMBERS = 10
"""So many numbers of a row are targets of their own; more are one target, an array."""


ArrayTarget = tuple[Target, tuple[str, ...], NDArray[Any]]
"""How a target is read, its name or those of several, and the values as ``Source.target``."""


def find_array_target(
    values: NDArray[Any], name: str, dataset: str, task: Task | None, hint: LossKind | None
) -> ArrayTarget:
    """Find the task of values of shape (n_rows, ...), and encode them.

    A row has a class or a number; a few numbers; many labels, which are 0 or 1; or an array of
    numbers or of classes, such as a class for each step of a sequence or each pixel of an image.
    ``hint`` is what the recipe's loss requires. DataError: The values do not suit the task.
    """
    if values.dtype.kind not in "biufU":
        raise DataError(dataset, [_describe(name, "a number or text", values)])
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    wants_numbers = task == "regression" or (task is None and hint is LossKind.NUMBERS)
    if values.ndim == 1:
        return _find_in_columns(values, name, dataset, task, hint)
    n_last = values.shape[-1]
    # Rows of two columns may be the two classes of a single unit.
    may_be_one_hot = task == "classification" or hint is not LossKind.BINARY or n_last == 2
    if not wants_numbers and task != "multilabel" and may_be_one_hot and _is_one_hot(values):
        classes = tuple(map(str, range(n_last)))
        target = Target((), "classification", classes, "integer", values.shape[1:-1])
        return target, (name,), values.argmax(axis=-1)
    is_binary = values.dtype.kind == "b"
    # Bytes are pixels, except those of a mask.
    may_be_classes = values.dtype.kind == "i" or (values.dtype.kind == "u" and values.max() == 1)
    if _is_number(values) and (hint is LossKind.BINARY or (not hint and may_be_classes)):
        is_binary |= bool(np.isin(values, (values.min(), values.max())).all())
    elif values.dtype.kind == "U" and hint in (LossKind.BINARY, None):  # yes and no
        cells = make_cells(values.ravel(), dataset, name)
        is_binary = not BooleanColumn.take(cells, "boolean", {}).read(cells)[1]
    wants_numbers &= values.dtype.kind != "b"
    names: tuple[str, ...] = (name,)
    if task == "multilabel" or (is_binary and task is None and values.ndim == 2):
        names = tuple(f"{name} {i}" for i in range(n_last))
        target = Target((), "multilabel")
    elif not wants_numbers and (
        is_binary
        or task == "classification"
        or (hint is LossKind.INTEGERS and _are_whole(values))
        or (hint is None and task is None and _are_codes(values, name))
        or not _is_number(values)
    ):
        values = values[..., 0] if n_last == 1 else values
        target = _find_classes(values, name, dataset, is_binary=is_binary)
    elif values.ndim == 2 and n_last <= MOST_NUMBERS:
        return _find_in_columns(values, name, dataset, task, hint)
    else:
        target = Target((), "regression", shape=values.shape[1:])
    return target, names, _encode(values, name, dataset, target)


def read_array_target(
    values: NDArray[Any], name: str, dataset: str, target: Target
) -> NDArray[Any]:
    """Encode values, of shape (n_rows, ...), of a target that is known from training."""
    classes, n_names = target.class_names, len(target.columns)
    if classes and values.shape[-1:] == (len(classes),) and _is_one_hot(values):
        values = values.argmax(axis=-1)
    if not target.shape and target.task != "multilabel":
        cells = _read_cells(values, name, dataset) if values.ndim < 3 else []
        if len(cells) != n_names:
            one = "a class" if classes else "a number"
            each = one if n_names == 1 else f"{n_names} numbers"
            raise DataError(dataset, [_describe(name, each, values)])
        return target.read(cells)[0]
    wanted = target.shape or (n_names,)
    # A last axis of one makes no difference.
    if values.shape[1:] not in (wanted, (*wanted, 1)) and (*values.shape[1:], 1) != wanted:
        raise DataError(dataset, [_describe(name, f"an array of shape {wanted}", values)])
    return _encode(values.reshape(len(values), *wanted), name, dataset, target)


def _encode(values: NDArray[Any], name: str, dataset: str, target: Target) -> NDArray[Any]:
    """Labels, numbers or class numbers, of shape (n_rows, ...)."""
    if target.task == "multilabel":
        if values.dtype.kind == "U" and values.ndim == 2:
            cells, known = _read_cells(values, name, dataset), np.ones(len(values), bool)
            values = find_target(cells, target.task, None, known)[1]
        if values.ndim != 2 or not _is_number(values) or not ((values == 0) | (values == 1)).all():
            raise DataError(dataset, [_describe(name, "a 0 or 1 for each label and", values)])
        return values.astype(np.float32)
    if not target.class_names:
        if not _is_number(values):
            raise DataError(dataset, [_describe(name, "numbers", values)])
        return read_finite(values, f"target {name}: ", dataset)
    found, places = np.unique(values, return_inverse=True)
    numbers = target.find_numbers(np.array([_write(value) for value in found], object))
    if (numbers < 0).any():
        unknown = list_some([_write(value) for value in found[numbers < 0]])
        problem = f"target {name} has classes that the model was not trained on: {unknown}."
        raise DataError(dataset, [f"{problem} The classes: {list_some(target.class_names, 20)}."])
    return numbers[places].reshape(values.shape)


def _read_cells(values: NDArray[Any], name: str, dataset: str) -> list[Cells]:
    """The cells of a target of one column, or of several; raise DataError if one is missing."""
    columns = values.reshape(len(values), -1).T
    names = [name] if len(columns) == 1 else [f"{name} {i}" for i in range(len(columns))]
    cells = [make_cells(column, dataset, one) for column, one in zip(columns, names, strict=True)]
    known = np.logical_and.reduce([one.is_known for one in cells])
    if not known.all():
        place = cells[0].locate(np.flatnonzero(~known))
        problem = f"target {name} is missing ({place}). Fill it in, or remove these rows."
        raise DataError(dataset, [problem])
    return cells


def _is_one_hot(values: NDArray[Any]) -> bool:
    """Whether the last axis, of two or more, contains one 1 and otherwise 0."""
    if not _is_number(values) or values.ndim < 2 or values.shape[-1] < 2:
        return False
    return bool(((values == 0) | (values == 1)).all() and (values.sum(axis=-1) == 1).all())


def _find_in_columns(
    values: NDArray[Any], name: str, dataset: str, task: Task | None, hint: LossKind | None
) -> ArrayTarget:
    """A class or a number for each row, or a few numbers, by the rules of a table's target."""
    cells = _read_cells(values, name, dataset)
    target, encoded, _ = find_target(cells, task, hint, np.ones(len(values), bool))
    return target, tuple(each.name for each in cells), encoded


def _find_classes(values: NDArray[Any], name: str, dataset: str, *, is_binary: bool) -> Target:
    """A class for each place of a row; whole numbers are the classes 0, 1, …, as in Keras."""
    found = np.unique(values)
    if _is_number(values) and not is_binary:
        if found[0] < 0 or not _are_whole(found):
            wrong = found[0] if found[0] < 0 else found[found != np.floor(found)][0]
            problem = f"target {name} must contain class numbers from 0 on (received: {wrong:g})."
            raise DataError(dataset, [f"{problem} Use loss: mse if these are numbers."])
        names = tuple(map(str, range(int(found[-1]) + 1)))
    else:
        names = tuple(map(_write, found))
    if len(names) == 1 or (len(found) > MAX_CLASSES and not _is_number(values)):
        problem = f"target {name} must have 2 classes or more, and {MAX_CLASSES:,} texts at most "
        raise DataError(dataset, [f"{problem}(received: {len(names):,})."])
    are_whole = all(each.isdecimal() for each in names)
    return Target((), "classification", names, "integer" if are_whole else "text", values.shape[1:])


def read_finite(
    values: NDArray[Any], what: str, dataset: str, rows: NDArray[np.int64] | None = None
) -> NDArray[Any]:
    """Numbers as float32; pixels stay bytes. Raise DataError with the ``rows`` of others."""
    if values.dtype == np.uint8:
        return values
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32, copy=False)
    if not (finite := np.isfinite(numbers)).all():
        bad = np.flatnonzero(~finite.all(axis=tuple(range(1, numbers.ndim))))
        bad = bad if rows is None else rows[bad]
        problem = f"{what}values are not finite in {show_places(bad.tolist())}."
        raise DataError(dataset, [f"{problem} Correct or remove these rows."])
    return numbers


def _are_whole(values: NDArray[Any]) -> bool:
    return _is_number(values) and bool((values == np.floor(values)).all())


def _are_codes(values: NDArray[Any], name: str) -> bool:
    """Whether whole numbers are probably the classes 0, 1, … of steps or pixels."""
    if values.dtype.kind not in "iu" or values.min() or values.max() >= MAX_CLASSES:
        return False
    return len(np.unique(values)) == int(values.max()) + 1 and are_classes(values.ravel(), name)


def _is_number(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biuf"


def _write(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:.7g}"


def _describe(name: str, each: str, values: NDArray[Any]) -> str:
    return (
        f"target {name} must contain {each} for each row (received: shape {values.shape} of "
        f"{values.dtype}). Save it again."
    )
