"""The target: class numbers with their names, or numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import Task
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, Notation, is_usable, name_value
from kerasrecipes.rows.disk import are_on_disk, choose_columns
from kerasrecipes.rows.kinds import BooleanColumn, CategoryColumn, Column, Finding, NumberColumn
from kerasrecipes.rows.kinds.date import DateColumn
from kerasrecipes.rows.words import ask_meant, count, list_some

ClassType = Literal["text", "integer", "boolean"]  # of classes in the file, and of predicted ones
MAX_CLASSES = 1000
MAX_CODES = 20  # whole numbers of at most so many distinct values are classes by default
_FEWEST_LEVELS, _MANY_LEVELS = 6, 11
"""Whole numbers of fewer values are always classes; of so many or more, ratings or counts if their
frequencies differ."""

_LEAST_PEAK, _MOST_OUT_OF_SHAPE = 1.5, 0.05
"""How often the commonest rating occurs, in means over ratings; and the share of rows that may be
missing for a histogram to rise to one peak and fall again. Codes of classes are even."""

_CLASS_WORDS = re.compile("(?i)class|label|type|species|category|클래스|레이블|라벨|종류|분류|유형")
_AMOUNT_WORDS = re.compile("(?i)score|rating|quality|stars|점수|평점|별점|품질")
_MANY_CLASSES = 10
"""So many classes or more, and more than half as many as rows, are probably not classes."""


@dataclass
class ColumnsRead:
    """The arrays of columns."""

    complete: NDArray[np.bool_]  # which rows have no missing values: all, before the first column
    arrays: dict[str, NDArray[np.generic]] = field(default_factory=dict)  # by input, (n_rows,)
    gaps: dict[str, tuple[int, str]] = field(default_factory=dict)  # how many are missing, where
    problems: list[str] = field(default_factory=list)

    def add(self, column: Column, cells: Cells) -> list[NDArray[Any]]:
        """Read a column's cells, and return its arrays, or none if there is a problem."""
        arrays, problem = column.read(cells)
        if problem:
            self.problems.append(problem)
            return []
        self.arrays |= zip(column.inputs, arrays, strict=True)
        is_missing = column.find_missing(arrays[0])
        if is_missing.any():
            self.complete &= ~is_missing
            rows = np.flatnonzero(is_missing)
            self.gaps[column.name] = len(rows), cells.locate(rows)
        is_number = isinstance(column, NumberColumn)
        if is_number and len(rows := np.flatnonzero(np.isinf(arrays[0]))):
            problem = f"column {column.name}: no finite number in {cells.locate(rows)}."
            self.problems.append(f"{problem} Correct or remove these rows.")
        return arrays

    def keep(self, keep: NDArray[np.bool_]) -> dict[str, NDArray[np.generic]]:
        """The arrays of some rows; each array is freed once its rows were taken."""
        if keep.all():
            return self.arrays
        if are_on_disk(self.arrays):
            return choose_columns(self.arrays, np.flatnonzero(keep))
        return {name: self.arrays.pop(name)[keep] for name in [*self.arrays]}

    def describe_gaps(self) -> str:
        """How many values are missing in each column, and where."""
        return ", ".join(f"{name} {n:,} ({where})" for name, (n, where) in self.gaps.items())


@dataclass(frozen=True)
class Target:
    """The target of a table, and how it is read."""

    columns: tuple[Column, ...]  # several of numbers or labels; none for arrays in training
    task: Task
    class_names: tuple[str, ...] = ()  # by class number
    class_type: ClassType = "text"
    shape: tuple[int, ...] = ()  # of a row's target, if it is an array

    def read(self, several: Sequence[Cells]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Read the columns' values, as features are read, and which rows have one in every column.

        Class numbers are int64, numbers and labels float32, of shape (n_rows,) or (n_rows,
        n_targets), and 0 where one is missing.
        """
        read = ColumnsRead(np.ones(len(several[0]), dtype=bool))
        for column, cells in zip(self.columns, several, strict=True):
            read.add(column, cells)
        other = " If these are classes, write task: classification."
        other = other if self.task == "regression" and len(read.arrays) < len(several) else ""
        problems = (problem.replace("column", "target", 1) + other for problem in read.problems)
        raise_problems(several[0].dataset, problems)
        arrays = [*read.arrays.values()]
        if not self.class_names:
            values = np.nan_to_num(arrays[0] if len(arrays) == 1 else np.column_stack(arrays))
            return values, read.complete
        cells, names = several[0], _name_classes(self.columns[0], arrays[0])
        numbers = self.find_numbers(names)
        if len(rows := np.flatnonzero(read.complete & (numbers < 0))):
            shown = cells.show(np.isin(np.arange(len(cells.distinct)), cells.codes[rows]))
            rule = f"target {cells.name} has classes that the model was not trained on: {shown}."
            meant = ask_meant(names[rows[0]], self.class_names)
            known = f"The classes: {list_some(self.class_names, 20)}."
            raise DataError(cells.dataset, [f"{rule}{meant} {known}"])
        return np.maximum(numbers, 0), read.complete

    def find_numbers(self, names: NDArray[Any]) -> NDArray[np.int64]:
        """The numbers of classes by their names, of shape (n_rows,); -1 for other names."""
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return np.array([numbers.get(name, -1) for name in names.tolist()], np.int64)


def find_target(
    several: Sequence[Cells], task: Task | None, hint: LossKind | None, keep: NDArray[np.bool_]
) -> tuple[Target, NDArray[Any], NDArray[np.bool_]]:
    """Find the task of target columns, and read their values as ``Target.read`` does.

    Without a task, the loss (``hint``) or the values decide: texts and truth values are classes,
    and so may be whole numbers of few distinct values. Only rows to ``keep`` give classes.
    """
    if len(several) > 1 and task == "classification":
        names = ", ".join(cells.name for cells in several)
        rule = f"target: classification has one target (received: {names})."
        remedy = "Keep one of them, or write task: regression or task: multilabel."
        raise DataError(several[0].dataset, [f"{rule} {remedy}"])
    if task == "multilabel" or (len(several) > 1 and not task and hint is LossKind.BINARY):
        labels = tuple(BooleanColumn.take(cells, "boolean", {}) for cells in several)
        pairs = zip(labels, several, strict=True)
        if task or not any(label.read(cells)[1] for label, cells in pairs):
            target = Target(labels, "multilabel")
            return target, *target.read(several)
    cells = several[0]
    found = task or ("regression" if len(several) > 1 else _find_task(cells, hint))
    if found == "regression":
        target = Target(tuple(NumberColumn.take(cells, "float", {}) for cells in several), found)
        return target, *target.read(several)
    column: Column = CategoryColumn.take(cells, "string_categorical", {})
    if not cells.is_category and BooleanColumn.recognise(cells) is not None:
        column = BooleanColumn.take(cells, "boolean", {})
    (values,), _ = column.read(cells)
    names_by_row, known = _name_classes(column, values), ~column.find_missing(values)
    kept = names_by_row[keep]
    # Numbers by size, texts by letter.
    class_names = tuple(sorted(set(kept.tolist()), key=float if cells.is_number else str))
    _check_classes(class_names, len(kept), cells, is_asked=task is not None)
    are_whole = all(re.fullmatch("-?[0-9]{1,18}", name) for name in class_names)
    class_type: ClassType = "integer" if cells.is_number and are_whole else "text"
    class_type = "boolean" if column.kind == "boolean" else class_type
    target = Target((column,), found, class_names, class_type)
    return target, np.maximum(target.find_numbers(names_by_row), 0), known


def recognise_target(cells: Cells) -> Finding:
    """How a target would be taken as a feature, were it not an identifier."""
    if check_type(cells):
        return Finding(None)
    hint = ""
    for kind in () if cells.is_category else (BooleanColumn, NumberColumn):
        finding = kind.recognise(cells) or Finding(None)
        if finding.column is not None:
            return finding
        hint = hint or finding.hint
    if (date := DateColumn.recognise(cells)) and date.column:
        hint = "dates or times; to predict them, write numbers, such as days or seconds"
    return Finding(CategoryColumn.take(cells, "string_categorical", {}), hint=hint)


def _name_classes(column: Column, values: NDArray[Any]) -> NDArray[Any]:
    """The names of the classes that values of a column are."""
    if column.kind == "boolean":
        return np.where(values == 1, "True", "False").astype(object)
    return values


def are_classes(values: NDArray[Any], name: str) -> bool:
    """Whether whole numbers are codes of classes rather than ratings or counts.

    Six or more values are numbers if the name says so, or if they differ in frequency and are more
    than ten or have one peak.
    """
    counts = np.unique(values, return_counts=True)[1]
    # A short table of counts has few distinct values too, but hardly one twice.
    if len(counts) > MAX_CODES or 2 * len(counts) > len(values):
        return False
    if len(counts) < _FEWEST_LEVELS or _CLASS_WORDS.search(name):
        return True
    if _AMOUNT_WORDS.search(name):
        return False
    if counts.max() < _LEAST_PEAK * counts.mean():
        return True
    peak = int(counts.argmax())
    slopes = counts[: peak + 1], counts[peak:][::-1]
    n_missing = sum(int((np.maximum.accumulate(slope) - slope).sum()) for slope in slopes)
    has_one_peak = n_missing <= _MOST_OUT_OF_SHAPE * int(counts.sum())
    return len(counts) < _MANY_LEVELS and not has_one_peak


def check_type(cells: Cells) -> str:
    """Describe a type that a target cannot have; empty if the type is valid."""
    kind = cells.type
    if pa.types.is_null(kind) or (is_usable(kind) and not pa.types.is_temporal(kind)):
        return ""
    return f"target {cells.name} must contain numbers, texts or truth values; its type is {kind}."


def _find_task(cells: Cells, hint: LossKind | None) -> Task:
    """Find the task from a target's values."""
    finding, is_number = recognise_target(cells), False
    if isinstance(finding.column, NumberColumn):
        numbers, _ = finding.column.read_exact(cells)
        numbers = numbers[~np.isnan(numbers)]
        is_number = bool(finding.wrong) or bool((np.trunc(numbers) != numbers).any())
        if not is_number:
            is_number = hint is LossKind.NUMBERS if hint else not are_classes(numbers, cells.name)
    elif hint is LossKind.NUMBERS and cells.is_text:
        _, wrong = NumberColumn.take(cells, "float", {}).read_exact(cells)
        is_number = 2 * cells.counts[wrong].sum() < cells.n_values
    return "regression" if is_number else "classification"


def _check_classes(names: Sequence[str], n_rows: int, cells: Cells, *, is_asked: bool) -> None:
    """Check that there are classes to distinguish, and rows of each."""
    n = len(names)
    is_hopeless = n in (1, n_rows) or n > MAX_CLASSES
    if not (is_hopeless or (n >= _MANY_CLASSES and 2 * n > n_rows and not is_asked)):
        return
    remedy = "Choose"
    if cells.is_number:
        remedy = "Write task: regression if it is a number to predict, or choose"
    elif hint := recognise_target(cells).hint:
        remedy = f"Note: {hint}. Or choose"
    meant = "" if is_hopeless else ", or write task: classification if they are meant"
    rule = f"target {cells.name} must have 2 to {MAX_CLASSES:,} classes, with several rows of each"
    shown = ", ".join(map(write_value, names[:3]))
    received = f"(received: {count(n, 'class')} in {count(n_rows, 'row')}, such as {shown})"
    raise DataError(cells.dataset, [f"{rule} {received}. {remedy} another target{meant}."])


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
