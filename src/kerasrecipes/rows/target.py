"""What is to be predicted: class numbers with their names, or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
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
from kerasrecipes.rows.words import SHOWN, ask_meant, list_some

ClassType = Literal["text", "integer", "boolean"]
"""What classes were before they had names, and what answers are again."""

MAX_CLASSES = 1000
MAX_CODES = 20
"""Whole numbers of at most so many distinct values are classes, where nothing says otherwise."""

_FEWEST_LEVELS = 6
"""Whole numbers of fewer distinct values are always classes."""

_MANY_LEVELS = 11
"""From so many on, values that differ in frequency are ratings, grades or counts."""

_MOST_OUT_OF_SHAPE = 0.05
"""The share of rows that may be missing for a histogram to rise to one peak and fall again."""

_LEAST_PEAK = 1.5
"""How often the commonest level of a rating comes, in means over levels; class codes are even."""

_CLASS_WORDS = frozenset(
    [
        *("class", "label", "type", "species", "category", "cluster"),
        *("클래스", "레이블", "라벨", "종류", "분류", "유형"),
    ]
)
"""Words in the name of a column that holds class codes."""

_AMOUNT_WORDS = frozenset(
    [
        *("score", "rating", "quality", "points", "stars", "count", "days", "hours", "years"),
        *("점수", "평점", "별점", "품질", "개수", "횟수", "일수"),
    ]
)
"""Words in the name of a column that holds ratings or counts."""

_MANY_CLASSES = 10
"""So many classes or more, and more than half as many as rows, are hardly meant as classes."""


@dataclass(frozen=True)
class Target:
    """What a table's rows are to be predicted for, and how it is read.

    Attributes:
        columns: One, or several of numbers.
        task: What it asks for.
        class_names: Names by class number; empty for regression.
        class_type: What the classes are in the file.
    """

    columns: tuple[Column, ...]
    task: Task
    class_names: tuple[str, ...] = ()
    class_type: ClassType = "text"

    def read(self, several: Sequence[Cells]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read the columns' values.

        Returns:
            Class numbers (int64) or numbers (float32), of shape (n_rows,) or (n_rows, n_targets);
            and which rows have a value in every column. Other rows hold 0.

        Raises:
            DataError: Values are no numbers, or no classes that the model was trained on.
        """
        problems = [problem for cells in several if (problem := check_type(cells))]
        if problems:
            raise DataError(several[0].dataset, problems)
        arrays: list[NDArray[Any]] = []
        known = np.ones(len(several[0]), dtype=bool)
        for column, cells in zip(self.columns, several, strict=True):
            values, is_known, problem = (
                self._read_classes(column, cells) if self.class_names else _read(column, cells)
            )
            problems += [problem] if problem else []
            arrays.append(values)
            known &= is_known
        if problems:
            raise DataError(several[0].dataset, problems)
        return arrays[0] if len(arrays) == 1 else np.column_stack(arrays), known

    def _read_classes(
        self, column: Column, cells: Cells
    ) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
        names, is_known, problem = read_names(column, cells)
        numbers = {name: number for number, name in enumerate(self.class_names)}
        codes = np.array([numbers.get(name, -1) for name in names.tolist()], np.int64)
        rows = np.flatnonzero(is_known & (codes < 0))
        if len(rows):
            problem = self._describe_unknown(names, rows, cells)
        return np.maximum(codes, 0), is_known, problem

    def _describe_unknown(self, names: NDArray[Any], rows: NDArray[np.intp], cells: Cells) -> str:
        is_unknown = np.zeros(len(cells.distinct), dtype=bool)
        is_unknown[cells.codes[rows]] = True
        are = "is no class" if len(rows) == 1 else "are no classes"
        return (
            f"target {cells.name}: {cells.show(is_unknown)} {are} that the model was trained on."
            f"{ask_meant(names[rows[0]], self.class_names)} The classes: "
            f"{list_some(self.class_names, 20)}."
        )


def find_target(
    several: Sequence[Cells], told: Task | None, hint: Task | None, keep: NDArray[np.bool_]
) -> tuple[Target, NDArray[Any], NDArray[np.bool_]]:
    """Find what target columns ask for, and read their values.

    Args:
        several: One column, or several of numbers.
        told: The task that the recipe names; None lets the values say: texts and truth values are
            classes, and so may be whole numbers of few distinct values.
        hint: What the recipe's loss asks for.
        keep: The rows whose values are classes, of shape (n_rows,).

    Returns:
        The target; and what ``Target.read`` gives.

    Raises:
        DataError: The values do not suit the task.
    """
    dataset = several[0].dataset
    names = [cells.name for cells in several]
    problems = [problem for cells in several if (problem := check_type(cells))]
    if len(several) > 1 and told == "classification":
        problems.append(
            "target: several targets are numbers, and classification has one target (received: "
            f"{', '.join(names)}). Keep one of them, or write task: regression."
        )
    if problems:
        raise DataError(dataset, problems)
    if len(several) > 1:
        columns = tuple(NumberColumn.take(cells, "float", {}) for cells in several)
        target = Target(columns, "regression")
        return target, *target.read(several)
    cells = several[0]
    task = told or _judge_task(cells, hint)
    if task == "regression":
        target = Target((NumberColumn.take(cells, "float", {}),), task)
        return target, *target.read(several)
    is_boolean = BooleanColumn.recognise(cells) is not None
    kind = BooleanColumn if is_boolean else CategoryColumn
    word = "boolean" if is_boolean else "string_categorical"
    column = kind.take(cells, word, {})
    values, known, _ = read_names(column, cells)
    kept = values[keep]
    class_type = find_class_type(cells)
    # Numbers by size, texts by letter.
    class_names = tuple(sorted(set(kept.tolist()), key=float if cells.is_number else str))
    if problem := _check_classes(class_names, len(kept), cells, is_told=told is not None):
        raise DataError(dataset, [problem])
    target = Target((column,), "classification", class_names, class_type)
    numbers = {name: number for number, name in enumerate(class_names)}
    codes = np.array([numbers.get(name, 0) for name in values.tolist()], np.int64)
    return target, codes, known


def judge_target(cells: Cells) -> Finding:
    """Judge a target by the rules by which features are judged; identifiers are no question."""
    for kind in (BooleanColumn, DateColumn, NumberColumn):
        finding = kind.recognise(cells)
        if finding is not None and finding.column is not None:
            return finding
    return Finding(CategoryColumn.take(cells, "string_categorical", {}))


def read_names(column: Column, cells: Cells) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
    """The class that each row's value names, and whether it has a value; and what is wrong."""
    arrays, problem = column.read(cells)
    if problem:
        n = len(cells)
        return np.full(n, "", dtype=object), np.zeros(n, dtype=bool), problem
    known = ~column.find_missing(arrays[0])
    if column.kind == "boolean":
        names = np.where(arrays[0] == 1, "True", "False").astype(object)
        return names, known, ""
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
    """What classes are in the file: 3 and 3.0 are integers; "3" and 0.5 are texts as answers."""
    if BooleanColumn.recognise(cells) is not None:
        return "boolean"
    if not cells.is_number:
        return "text"
    numbers = NumberColumn(cells.name, "float").read_exact(cells)[0]
    numbers = numbers[~np.isnan(numbers)]
    are_whole = np.trunc(numbers) == numbers
    return "integer" if (are_whole & (np.abs(numbers) < 2.0**63)).all() else "text"


def check_type(cells: Cells) -> str:
    """What is wrong with the type of a target's values; empty if nothing is."""
    kind = cells.type
    if pa.types.is_null(kind) or (is_usable(kind) and not pa.types.is_temporal(kind)):
        return ""
    return f"target {cells.name} must hold numbers, texts or truth values; its type is {kind}."


def _read(column: Column, cells: Cells) -> tuple[NDArray[Any], NDArray[np.bool_], str]:
    """Numbers of a regression's target."""
    numbers, wrong = column.read_exact(cells)  # type: ignore[attr-defined]
    if wrong.any():
        n_wrong = int(cells.counts[wrong].sum())
        words = [cells.names[i] for i in np.flatnonzero(wrong)]
        is_one = n_wrong == 1
        remedy = "Correct it" if is_one else "Correct them"
        if 2 * n_wrong >= cells.n_values:
            remedy = "Choose another target"
        elif len(words) <= SHOWN:
            rows = "this row" if is_one else "these rows"
            missing = write_value(words, 200)
            remedy = f"To leave {rows} out, write missing_values: {missing} and missing: drop"
        problem = (
            f"target {column.name} must hold numbers for regression; {n_wrong:,} of "
            f"{cells.n_values:,} values {'is no number' if is_one else 'are no numbers'}: "
            f"{cells.show(wrong)}. {remedy}; if these are classes, write task: classification."
        )
        return numbers, np.ones(len(cells), dtype=bool), problem
    known = ~np.isnan(numbers)
    with np.errstate(over="ignore"):
        return np.where(known, numbers, 0).astype(np.float32), known, ""


def _judge_task(cells: Cells, hint: Task | None) -> Task:
    """The task that a target's values ask for."""
    finding = judge_target(cells)
    column = finding.column
    if isinstance(column, DateColumn):
        problem = (
            f"target {cells.name} must hold numbers, texts or truth values; it holds "
            f"{column.reason}. Choose another target, or write task: classification."
        )
        raise DataError(cells.dataset, [problem])
    if isinstance(column, NumberColumn):
        numbers, _ = column.read_exact(cells)
        numbers = numbers[~np.isnan(numbers)]
        are_whole = bool((np.trunc(numbers) == numbers).all())
        if finding.problem or not are_whole:
            return "regression"  # Reading says which values are no numbers.
        return hint or ("classification" if are_classes(numbers, cells.name) else "regression")
    if hint == "regression" and cells.is_text:
        style = NumberColumn.take(cells, "float", {})
        if (wrong := style.read_exact(cells)[1]).any():
            n_wrong = int(cells.counts[wrong].sum())
            return "regression" if 2 * n_wrong < cells.n_values else "classification"
        return "regression"
    return "classification"


def _check_classes(class_names: Sequence[str], n_rows: int, cells: Cells, *, is_told: bool) -> str:
    n_classes, name = len(class_names), cells.name
    remedy = "Choose another target"
    if cells.is_number:
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
    if not is_told and n_classes >= _MANY_CLASSES and 2 * n_classes > n_rows:
        return (
            f"target {name} has {n_classes:,} classes in {n_rows:,} rows, such as "
            f"{', '.join(map(write_value, class_names[:3]))}: too few rows of each to learn from. "
            f"{remedy}, or write task: classification if they are meant."
        )
    if n_classes > MAX_CLASSES:
        return (
            f"target {name} may have {MAX_CLASSES:,} classes at most (received: {n_classes:,}, "
            f"such as {', '.join(map(write_value, class_names[:3]))}). {remedy}."
        )
    return ""


def make_cells(values: NDArray[Any], dataset: str, name: str) -> Cells:
    """An array of shape (n_rows,) as cells."""
    if values.dtype.kind in "OU":
        array = pa.array([name_value(value) for value in values.tolist()], pa.string())
    else:
        dtype = np.float64 if values.dtype == np.longdouble else values.dtype.newbyteorder("=")
        array = pa.array(np.ascontiguousarray(values, dtype))
    return Cells(name, pa.chunked_array([array]), Notation(), dataset=dataset)
