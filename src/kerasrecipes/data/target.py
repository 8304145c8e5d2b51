"""What is to be predicted: class numbers with their names, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.dataset import ClassType
from kerasrecipes.data.values import (
    SHOWN,
    decode_values,
    encode_values,
    is_usable,
    name_value,
    name_values,
    parse_numbers,
    show_values,
)
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import Task
from kerasrecipes.recipe.suggest import find_meant
from kerasrecipes.recipe.yaml_file import write_value

if TYPE_CHECKING:
    import pyarrow as pa

MAX_CLASSES = 1000
MAX_CODES = 20
"""Whole numbers of at most so many distinct values are classes, where nothing says otherwise."""

Rows = NDArray[np.integer[Any]]


def read_target(table: pa.Table, name: str, dataset: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Read a target column.

    Returns:
        The values that are there, of shape (n_known,): bool, int64, float64, or text (dtype
        object); and which rows they belong to, of shape (n_rows,).

    Raises:
        DataError: Its values are of a type that is no target, such as dates.
    """
    import pyarrow as pa

    values = decode_values(table.column(name))
    kind = values.type
    if pa.types.is_null(kind):
        return np.empty(0, dtype=object), np.zeros(len(values), dtype=bool)
    if not is_usable(kind) or pa.types.is_temporal(kind):
        problem = f"target {name} must hold numbers, texts or truth values; its type is {kind}."
        raise DataError(dataset, [problem])
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        known: NDArray[np.bool_] = values.is_valid().to_numpy()
        plain = pa.bool_() if pa.types.is_boolean(kind) else pa.int64()
        filled = values.drop_null().cast(plain, safe=False)
        return filled.to_numpy(), known
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = values.cast(pa.float64()).to_numpy()
        return numbers[~np.isnan(numbers)], ~np.isnan(numbers)
    codes, distinct = encode_values(values)
    texts = np.array([*name_values(distinct), ""], dtype=object)[codes]
    known = (texts != "").astype(bool)
    return texts[known], known


def choose_task(values: NDArray[Any], task: Task | None, hint: Task | None) -> Task | None:
    """The task told, or of whole numbers, which may be classes or quantities, the hint."""
    are_whole = values.dtype.kind in "iuf" and bool((np.trunc(values) == values).all())
    return task or (hint if are_whole else None)


def find_class_type(values: NDArray[Any]) -> ClassType:
    """What classes are in the file: 3 and 3.0 are integers; "3" and 0.5 are texts as answers."""
    if values.dtype.kind == "b":
        return "boolean"
    if values.dtype.kind in "iuf":
        are_whole = np.trunc(values) == values
        return "integer" if (are_whole & (np.abs(values) < 2.0**63)).all() else "text"
    return "text"


def encode_target(
    values: NDArray[Any],
    dataset: str,
    name: str,
    task: Task | None,
    rows: Rows | None = None,
    hint: Task | None = None,
) -> tuple[NDArray[Any], Task, tuple[str, ...]]:
    """Encode a target as training wants it.

    Args:
        values: Of shape (n_rows,): truth values, whole numbers, numbers, or texts.
        dataset: The data set's name, for messages.
        name: The target's name.
        task: What it asks for; None lets its values say: texts and truth values are classes, and
            so are whole numbers of at most 20 distinct values that each come twice on average.
        rows: Each value's row in the source, for messages.
        hint: The task of whole numbers where ``task`` is None: what the recipe's loss asks for.

    Returns:
        Class numbers (int64) or numbers (float32), of shape (n_rows,); the task; and the class
        names in the order of their numbers, sorted, empty for regression.

    Raises:
        DataError: The values do not suit the task.
    """
    task = choose_task(values, task, hint)
    if task is None:
        task = "classification" if _are_classes(values) else "regression"
    if task == "regression":
        return encode_numbers(values, dataset, name, rows), task, ()
    codes, class_names = _number_classes(values)
    problem = _check_classes(class_names, len(values), name, values.dtype.kind in "iuf")
    if problem:
        raise DataError(dataset, [problem])
    return codes, task, class_names


def encode_with(
    values: NDArray[Any],
    class_names: Sequence[str],
    dataset: str,
    name: str,
    rows: Rows | None = None,
) -> NDArray[np.int64]:
    """Encode labels as the classes that a model knows, of shape (n_rows,).

    Raises:
        DataError: There are labels that the model does not know.
    """
    codes, found = _number_classes(values)
    numbers = {class_name: number for number, class_name in enumerate(class_names)}
    known = np.array([numbers.get(class_name, -1) for class_name in found], dtype=np.int64)[codes]
    unknown = np.flatnonzero(known < 0)
    if len(unknown):
        first = [found[code] for code in codes[unknown[:SHOWN]]]
        shown = show_values(first, _number_rows(unknown, rows))
        meant = find_meant(first[0], class_names)
        noun = "label is none" if len(unknown) == 1 else "labels are none"
        hint = f" Did you mean '{meant}'?" if meant else ""
        problem = (
            f"target {name} must hold classes that the model knows; {len(unknown):,} {noun}: "
            f"{shown}.{hint} {_list_classes(class_names)}"
        )
        raise DataError(dataset, [problem])
    return known


def encode_numbers(
    values: NDArray[Any], dataset: str, name: str, rows: Rows | None = None
) -> NDArray[np.float32]:
    """Numbers, truth values or numbers written as text, as float32 of the same shape.

    Raises:
        DataError: Some are no numbers.
    """
    if values.dtype.kind in "OU":
        import pyarrow as pa

        texts = [name_value(value) for value in values.tolist()]
        values, wrong = parse_numbers(pa.array(texts, pa.string()))
        bad = np.flatnonzero(wrong)
        if len(bad):
            shown = show_values([texts[i] for i in bad[:SHOWN]], _number_rows(bad, rows))
            noun, it = ("value is none", "it") if len(bad) == 1 else ("values are none", "them")
            problem = (
                f"target {name} must hold numbers for regression; {len(bad):,} {noun}: {shown}. "
                f"Mend {it}, or write task: classification."
            )
            raise DataError(dataset, [problem])
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _are_classes(values: NDArray[Any]) -> bool:
    if values.dtype.kind not in "iu":
        return values.dtype.kind != "f"
    n_distinct = len(np.unique(values))
    # A short table of counts has few distinct values too, but hardly one twice.
    return n_distinct <= MAX_CODES and 2 * n_distinct <= len(values)


def _number_classes(values: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Each value's class, and the class names in order: numbers by size, texts by letter."""
    if values.dtype.kind in "OU":
        texts = [name_value(value) for value in values.tolist()]
        names = tuple(sorted(set(texts)))
        numbers = {name: number for number, name in enumerate(names)}
        return np.fromiter((numbers[text] for text in texts), np.int64, len(texts)), names
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), tuple(name_value(value) for value in distinct.tolist())


def _check_classes(class_names: Sequence[str], n_rows: int, name: str, are_numbers: bool) -> str:
    n_classes = len(class_names)
    remedy = "Choose another target"
    if are_numbers:
        remedy = "Write task: regression if it is a number to predict, or choose another target"
    if n_classes == 1:
        return (
            f"target {name} has one class only, {write_value(class_names[0])}: there is nothing to "
            "tell apart. Add rows of other classes, or choose another target."
        )
    if n_classes == n_rows:
        return (
            f"target {name} has as many classes as rows, {n_rows:,}: none comes twice, so nothing "
            f"can be learned. {remedy}."
        )
    if n_classes > MAX_CLASSES:
        return (
            f"target {name} may have {MAX_CLASSES:,} classes at most (received: {n_classes:,}, "
            f"such as {', '.join(map(write_value, class_names[:3]))}). {remedy}."
        )
    return ""


def _list_classes(class_names: Sequence[str]) -> str:
    shown = ", ".join(class_names[:20])
    more = f" and {len(class_names) - 20:,} more" if len(class_names) > 20 else ""
    return f"The classes: {shown}{more}."


def _number_rows(places: Rows, rows: Rows | None) -> Rows:
    return places if rows is None else rows[places]
