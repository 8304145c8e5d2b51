"""The target: class numbers with their names, or numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import Task
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, Notation, is_usable, name_value
from kerasrecipes.rows.kinds import (
    BooleanColumn,
    CategoryColumn,
    Column,
    DateColumn,
    Finding,
    NumberColumn,
)
from kerasrecipes.rows.kinds.base import describe_wrong_share
from kerasrecipes.rows.kinds.category import find_lists
from kerasrecipes.rows.words import SHOWN, ask_meant, list_some

ClassType = Literal["text", "integer", "boolean"]
"""The type of classes in the file, and of predicted classes."""

MAX_CLASSES = 1000
MAX_CODES = 20
"""Whole numbers of at most so many distinct values are classes by default."""

_FEWEST_LEVELS = 6
"""Whole numbers of fewer distinct values are always classes."""

_MANY_LEVELS = 11
"""From so many on, values that differ in frequency are ratings, grades or counts."""

_MOST_OUT_OF_SHAPE = 0.05
"""The share of rows that may be missing for a histogram to rise to one peak and fall again."""

_LEAST_PEAK = 1.5
"""How often the commonest level of a rating occurs, in means over levels; class codes are even."""

_CLASS_WORDS = frozenset(
    [
        *("class", "label", "type", "species", "category", "cluster"),
        *("클래스", "레이블", "라벨", "종류", "분류", "유형"),
    ]
)
"""Words in the name of a column of class codes."""

_AMOUNT_WORDS = frozenset(
    [
        *("score", "rating", "quality", "points", "stars", "count", "days", "hours", "years"),
        *("점수", "평점", "별점", "품질", "개수", "횟수", "일수"),
    ]
)
"""Words in the name of a column of ratings or counts."""

_MANY_CLASSES = 10
"""So many classes or more, and more than half as many as rows, are probably not classes."""


@dataclass(frozen=True)
class Target:
    """The target of a table, and how it is read.

    Attributes:
        columns: One, or several of numbers or labels; empty for arrays in training.
        task: Regression, classification or multi-label classification.
        class_names: Names by class number; empty for other tasks.
        class_type: The type of the classes in the file.
        shape: Of a row's target, if it is an array.
    """

    columns: tuple[Column, ...]
    task: Task
    class_names: tuple[str, ...] = ()
    class_type: ClassType = "text"
    shape: tuple[int, ...] = ()

    def read(self, several: Sequence[Cells]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read the columns' values.

        Returns:
            Class numbers (int64), numbers or labels (float32), of shape (n_rows,) or (n_rows,
            n_targets); and which rows have a value in every column. Other rows contain 0.

        Raises:
            DataError: Values are not numbers, or are not classes that the model was trained on.
        """
        dataset = several[0].dataset
        raise_problems(dataset, filter(None, map(check_type, several)))
        read_one = self._read_classes if self.class_names else _read_numbers
        if self.task == "multilabel":
            read_one = _read_labels
        read = [
            read_one(column, cells) for column, cells in zip(self.columns, several, strict=True)
        ]
        raise_problems(dataset, [problem for _, _, problem in read if problem])
        arrays = [values for values, _, _ in read]
        known = np.logical_and.reduce([is_known for _, is_known, _ in read])
        return arrays[0] if len(arrays) == 1 else np.column_stack(arrays), known

    def find_numbers(self, names: NDArray[Any]) -> NDArray[np.int64]:
        """The numbers of classes by their names, of shape (n_rows,); -1 for other names."""
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return np.array([numbers.get(name, -1) for name in names.tolist()], np.int64)

    def _read_classes(
        self, column: Column, cells: Cells
    ) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
        names, is_known, problem = _read_names(column, cells)
        numbers = self.find_numbers(names)
        rows = np.flatnonzero(is_known & (numbers < 0))
        if len(rows):
            is_unknown = np.isin(np.arange(len(cells.distinct)), cells.codes[rows])
            are_not = "is not a class" if len(rows) == 1 else "are not classes"
            problem = (
                f"target {cells.name}: {cells.show(is_unknown)} {are_not} that the model was "
                f"trained on.{ask_meant(names[rows[0]], self.class_names)} The classes: "
                f"{list_some(self.class_names, 20)}."
            )
        return np.maximum(numbers, 0), is_known, problem


def find_target(
    several: Sequence[Cells], task: Task | None, hint: LossKind | None, keep: NDArray[np.bool_]
) -> tuple[Target, NDArray[Any], NDArray[np.bool_]]:
    """Find the task of target columns, and read their values.

    Args:
        several: One column, or several of numbers.
        task: The task that the recipe names; None leaves it to the values: texts and truth values
            are classes, and so may be whole numbers of few distinct values.
        hint: What the recipe's loss requires.
        keep: The rows whose values are classes, of shape (n_rows,).

    Returns:
        The target; and what ``Target.read`` gives.

    Raises:
        DataError: The values do not suit the task.
    """
    dataset = several[0].dataset
    raise_problems(dataset, filter(None, map(check_type, several)))
    if len(several) > 1 and task == "classification":
        names = ", ".join(cells.name for cells in several)
        problem = (
            "target: several targets are numbers, and classification has one target (received: "
            f"{names}). Keep one of them, or write task: regression; for labels, task: multilabel."
        )
        raise DataError(dataset, [problem])
    if task == "multilabel" or (len(several) > 1 and not task and hint is LossKind.BINARY):
        labels = tuple(BooleanColumn.take(cells, "boolean", {}) for cells in several)
        pairs = zip(labels, several, strict=True)
        are_read = not any(label.read(each)[1] for label, each in pairs)
        if are_read or task == "multilabel":
            target = Target(labels, "multilabel")
            return target, *target.read(several)
    cells = several[0]
    asked = task or ("regression" if len(several) > 1 else _find_task(cells, hint))
    if asked == "regression":
        columns = tuple(NumberColumn.take(cells, "float", {}) for cells in several)
        target = Target(columns, asked)
        return target, *target.read(several)
    column: Column = CategoryColumn.take(cells, "string_categorical", {})
    if BooleanColumn.recognise(cells) is not None:
        column = BooleanColumn.take(cells, "boolean", {})
    names_by_row, known, _ = _read_names(column, cells)
    kept = names_by_row[keep]
    # Numbers by size, texts by letter.
    class_names = tuple(sorted(set(kept.tolist()), key=float if cells.is_number else str))
    is_asked = task is not None
    raise_problems(dataset, _check_classes(class_names, len(kept), cells, is_asked=is_asked))
    target = Target((column,), asked, class_names, find_class_type(cells))
    return target, np.maximum(target.find_numbers(names_by_row), 0), known


def recognise_target(cells: Cells) -> Finding:
    """How a target would be taken as a feature, were it not an identifier."""
    if check_type(cells):
        return Finding(None)
    hint = ""
    for kind in (BooleanColumn, DateColumn, NumberColumn):
        finding = kind.recognise(cells) or Finding(None)
        if finding.column is not None:
            return finding
        hint = hint or finding.hint
    column = CategoryColumn.take(cells, "string_categorical", {})
    return Finding(column, hint=hint or find_lists(cells))


def _read_names(column: Column, cells: Cells) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
    """The class that each row's value names, and whether it has a value; and what is wrong."""
    arrays, problem = column.read(cells)
    if problem:
        n = len(cells)
        return np.full(n, "", dtype=object), np.zeros(n, dtype=bool), problem
    known = ~column.find_missing(arrays[0])
    if column.kind == "boolean":
        return np.where(arrays[0] == 1, "True", "False").astype(object), known, ""
    return arrays[0], known, ""


def are_classes(values: NDArray[Any], name: str) -> bool:
    """Whether whole numbers are codes of classes rather than ratings or counts.

    They are codes where at most 20 distinct ones each come twice on average. Of six or more, they
    are numbers if the name says so, or if values differ in frequency and are more than ten or have
    one peak.

    Args:
        values: Of shape (n_rows,).
        name: The column's name.
    """
    counts = np.unique(values, return_counts=True)[1]
    # A short table of counts has few distinct values too, but hardly one twice.
    if len(counts) > MAX_CODES or 2 * len(counts) > len(values):
        return False
    words = {word.casefold() for word in re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+", name)}
    if len(counts) < _FEWEST_LEVELS or words & _CLASS_WORDS:
        return True
    return not words & _AMOUNT_WORDS and not _have_shape_of_amounts(counts)


def _have_shape_of_amounts(counts: NDArray[np.int64]) -> bool:
    """Whether levels differ in frequency, and are many or rise to one peak and fall again.

    Args:
        counts: The rows of each level, in the levels' order, of shape (n_levels,).
    """
    if counts.max() < _LEAST_PEAK * counts.mean():
        return False
    if len(counts) >= _MANY_LEVELS:
        return True
    peak = int(counts.argmax())
    slopes = counts[: peak + 1], counts[peak:][::-1]
    n_missing = sum(int((np.maximum.accumulate(slope) - slope).sum()) for slope in slopes)
    return n_missing <= _MOST_OUT_OF_SHAPE * int(counts.sum())


def find_class_type(cells: Cells) -> ClassType:
    """Find the type of classes in the file: 3 and 3.0 are integers; "3" and 0.5 are texts."""
    if BooleanColumn.recognise(cells) is not None:
        return "boolean"
    if not cells.is_number:
        return "text"
    numbers = NumberColumn(cells.name, "float").read_exact(cells)[0]
    numbers = numbers[~np.isnan(numbers)]
    are_whole = np.trunc(numbers) == numbers
    return "integer" if (are_whole & (np.abs(numbers) < 2.0**63)).all() else "text"


def check_type(cells: Cells) -> str:
    """Describe a type that a target cannot have; empty if the type is valid."""
    kind = cells.type
    if pa.types.is_null(kind) or (is_usable(kind) and not pa.types.is_temporal(kind)):
        return ""
    return f"target {cells.name} must contain numbers, texts or truth values; its type is {kind}."


def _read_labels(column: Column, cells: Cells) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
    """Labels as 1 and 0, which of them are there, and what is wrong."""
    arrays, problem = column.read(cells)
    values = np.zeros(len(cells), np.float32) if problem else arrays[0]
    known = ~np.isnan(values)
    return np.where(known, values, 0), known, problem.replace("column", "target", 1)


def _read_numbers(column: Column, cells: Cells) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
    """Numbers of a regression's target, which of them are there, and what is wrong."""
    numbers, wrong = column.read_exact(cells)  # type: ignore[attr-defined]
    known = ~np.isnan(numbers)
    if not wrong.any():
        with np.errstate(over="ignore"):
            values = np.where(known, numbers, 0).astype(np.float32)
        infinite = np.flatnonzero(np.isinf(values))
        problem = f"target {column.name}: no finite number in {cells.locate(infinite)}. "
        problem += "Correct or remove these rows."
        return values, known, problem if len(infinite) else ""
    n_wrong, words = int(cells.counts[wrong].sum()), cells.take_names(wrong)
    remedy = "Correct it" if n_wrong == 1 else "Correct them"
    if 2 * n_wrong >= cells.n_values:
        remedy = "Choose another target"
    elif len(words) <= SHOWN:
        rows, missing = "this row" if n_wrong == 1 else "these rows", write_value(words, 200)
        remedy = f"To leave {rows} out, write missing_values: {missing} and missing: drop"
    problem = (
        f"target {column.name} must contain numbers for regression; "
        f"{describe_wrong_share(cells, wrong, 'number')}: {cells.show(wrong)}. {remedy}; if these "
        "are classes, write task: classification."
    )
    return numbers, known, problem


def _find_task(cells: Cells, hint: LossKind | None) -> Task:
    """Find the task from a target's values."""
    finding = recognise_target(cells)
    column = finding.column
    if isinstance(column, DateColumn):
        problem = (
            f"target {cells.name} must contain numbers, texts or truth values; it contains "
            f"{column.reason}. Choose another target, or write task: classification."
        )
        raise DataError(cells.dataset, [problem])
    if isinstance(column, NumberColumn):
        numbers, _ = column.read_exact(cells)
        numbers = numbers[~np.isnan(numbers)]
        if finding.problem or (np.trunc(numbers) != numbers).any():
            return "regression"  # Reading names the values that are not numbers.
        if hint is not None:
            return "regression" if hint is LossKind.NUMBERS else "classification"
        return "classification" if are_classes(numbers, cells.name) else "regression"
    if hint is LossKind.NUMBERS and cells.is_text:
        _, wrong = NumberColumn.take(cells, "float", {}).read_exact(cells)
        return "regression" if 2 * cells.counts[wrong].sum() < cells.n_values else "classification"
    return "classification"


def _check_classes(
    class_names: Sequence[str], n_rows: int, cells: Cells, *, is_asked: bool
) -> Iterator[str]:
    n_classes, name = len(class_names), cells.name
    remedy = "Choose another target"
    if cells.is_number:
        remedy = "Write task: regression if it is a number to predict, or choose another target"
    elif hint := recognise_target(cells).hint:
        remedy = f"Note: {hint}. Or choose another target"
    if n_classes == 1:
        yield (
            f"target {name} has one class only, {write_value(class_names[0])}: there is nothing to "
            "distinguish. Add rows of other classes, or choose another target."
        )
    elif n_classes == n_rows:
        yield (
            f"target {name} has as many classes as rows, {n_rows:,}: none occurs twice, so nothing "
            f"can be learned. {remedy}."
        )
    elif not is_asked and n_classes >= _MANY_CLASSES and 2 * n_classes > n_rows:
        yield (
            f"target {name} has {n_classes:,} classes in {n_rows:,} rows, such as "
            f"{', '.join(map(write_value, class_names[:3]))}: too few rows of each to learn from. "
            f"{remedy}, or write task: classification if they are meant."
        )
    elif n_classes > MAX_CLASSES:
        yield (
            f"target {name} may have {MAX_CLASSES:,} classes at most (received: {n_classes:,}, "
            f"such as {', '.join(map(write_value, class_names[:3]))}). {remedy}."
        )


def make_cells(values: NDArray[Any], dataset: str, name: str) -> Cells:
    """An array of shape (n_rows,) as cells."""
    if values.dtype.kind in "OU":
        array = pa.array([name_value(value) for value in values.tolist()], pa.string())
    else:
        dtype = np.float64 if values.dtype == np.longdouble else values.dtype.newbyteorder("=")
        array = pa.array(np.ascontiguousarray(values, dtype))
    return Cells(name, pa.chunked_array([array]), Notation(), dataset=dataset)


def read_weights(cells: Cells) -> NDArray[np.float32]:
    """Read how much each row counts, of shape (n_rows,); all must be finite and 0 or more."""
    arrays, problem = NumberColumn.take(cells, "float", {}).read(cells)
    if not problem and not (good := np.isfinite(arrays[0]) & (arrays[0] >= 0)).all():
        place = cells.locate(np.flatnonzero(~good))
        received = f"(received: {arrays[0][~good][0]:g} in {place})"
        problem = f"{cells.name} must be 0 or more in every row {received}. Correct these rows."
    if problem:
        raise DataError(cells.dataset, [f"sample_weight: {problem}"])
    return np.asarray(arrays[0], np.float32)
