"""Rows of a table in memory, and the arrays of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import raise_problems
from kerasrecipes.rows.cells import Cells, Missing, Notation
from kerasrecipes.rows.disk import are_on_disk, choose_columns
from kerasrecipes.rows.kinds import Column, Finding, NumberColumn, recognise_column
from kerasrecipes.rows.words import find_repeated


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


class LoadedTable:
    """Rows of a table in memory, from row ``first_row`` on; their columns must differ in name.

    ``notes`` are changes to the rows when they were read, and ``remarks`` points to check, which
    are found when columns are read for training.
    """

    def __init__(
        self,
        table: pa.Table,
        notation: Notation,
        name: str,
        first_row: int = 0,
        notes: tuple[str, ...] = (),
    ) -> None:
        # Readers of CSV and Excel files ignore white space around names.
        names = [column_name.strip() for column_name in table.column_names]
        raise_problems(name, find_repeated(names))
        self.columns = dict(zip(names, table.columns, strict=True))
        self.name, self._n_rows = name, len(table)
        self.notation, self.first_row, self.notes = notation, first_row, notes
        self.remarks: list[str] = []
        self._cells: dict[str, Cells] = {}
        self._findings: dict[str, Finding] = {}

    def __len__(self) -> int:
        return self._n_rows

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return [*self.columns]

    def take_cells(self, name: str) -> Cells:
        """The cells of one column, which keep their results."""
        if name not in self._cells:
            values = self.columns[name]
            self._cells[name] = Cells(name, values, self.notation, self.first_row, self.name)
        return self._cells[name]

    def recognise(self, name: str) -> Finding:
        """Find how one column is read, by its type and values; computed once."""
        if name not in self._findings:
            self._findings[name] = recognise_column(self.take_cells(name))
        return self._findings[name]

    def free(self, name: str) -> None:
        """Free a column's memory."""
        self.columns.pop(name, None)
        self._cells.pop(name, None)

    def with_missing(self, missing: Missing) -> LoadedTable:
        """The same rows, with different values that mean missing."""
        if missing == self.notation.missing:
            return self
        notation = replace(self.notation, missing=missing)
        return LoadedTable(pa.table(self.columns), notation, self.name, self.first_row, self.notes)

    def read_columns(self, columns: Sequence[Column], *, is_training: bool = False) -> ColumnsRead:
        """Read columns; in training, find remarks on each, and free it once it was read."""
        read = ColumnsRead(np.ones(len(self), dtype=bool))
        for column in columns:
            cells = self.take_cells(column.name)
            arrays = read.add(column, cells)
            if is_training:
                self.remarks += filter(None, [column.remark(cells, arrays) if arrays else ""])
                self.free(column.name)
        return read
