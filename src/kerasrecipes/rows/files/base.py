"""The interface of all formats of tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Missing, Notation, is_number

MEMORY_OF_VALUE = 16
"""Bytes of memory for a value of a table: Arrow's, ours and the encoded one."""

NO_ROWS = "there are no rows. Add rows."
_MOST_SAMPLED, _THINNING = 1 << 17, 11  # few series have periods that are multiples of 11

TYPE_ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
"""Exceptions of Arrow if ``concatenate`` finds types without a common one."""


class TableFile(ABC):
    """A table that can be read, whole or in pieces.

    Args:
        name: For messages.
        spec: The recipe's ``dataset``.

    Attributes:
        notation: How values are written; complete once rows were read.
        notes: Changes to the rows; filled by reading.
    """

    def __init__(self, name: str, spec: DatasetSpec) -> None:
        self.name, self.notation = name, Notation(Missing.read(spec))
        self.notes: list[str] = []

    @abstractmethod
    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        """Read every row.

        Args:
            as_text: Columns whose types are not to be inferred where the format has none.

        Raises:
            DataError: The table cannot be read.
        """

    def list_names(self) -> list[str] | None:
        """The columns' names, or None where only reading the rows shows them."""
        return None

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        """Read columns piece by piece; all columns if a wanted one is missing.

        Args:
            wanted: The columns to read, at least; none means all.
            numbers: Columns of plain numbers, where the format has no types.
            n_rows: How many rows a piece should have, about.

        Yields:
            Rows in order; their types may differ from piece to piece.
        """
        yield self.read()

    def infer_types(self) -> dict[str, pa.DataType]:
        """The columns' types, by the first rows where the format has none."""
        first = next(self.iterate([], (), 1), None)
        if first is None:
            raise DataError(self.name, [NO_ROWS])
        schema = first.schema
        return dict(zip(schema.names, schema.types, strict=True))

    def read_sample(self, names: Sequence[str]) -> tuple[pa.Table, pa.Table, int]:
        """Read every row of some columns, and a sample of the rows of all columns.

        Returns:
            The columns; the sample; and the distance between two of its rows.
        """
        types = self.infer_types()
        numbers = [name for name, kind in types.items() if is_number(kind)]
        for tried in (numbers, []):
            columns, sample, step, n_rows = [], list[pa.Table](), 1, 0
            for piece in self.iterate([*types], tried, _MOST_SAMPLED):
                columns.append(piece.select(names))
                sample.append(piece.take(pa.array(range(-n_rows % step, len(piece), step))))
                n_rows += len(piece)
                while sum(map(len, sample)) > _MOST_SAMPLED:
                    thick = concatenate(sample)
                    sample = [thick.take(pa.array(range(0, len(thick), _THINNING)))]
                    step *= _THINNING
            if all(piece.schema == columns[0].schema for piece in columns):
                break
        whole, some = concatenate(columns), concatenate(sample)
        return _as_integers(whole, types), _as_integers(some, types), step

    def estimate_memory(self) -> int:
        """Estimate how many bytes training needs for all rows; 0 where the file is small."""
        return 0


class FileOnDisk(TableFile):
    """A table in a file.

    Args:
        path: Its path.
        spec: The recipe's ``dataset``.
        name: For messages.
        wanted: The columns that will be read; None means all.
    """

    def __init__(
        self, path: Path, spec: DatasetSpec, name: str, wanted: Collection[str] | None = None
    ) -> None:
        super().__init__(name, spec)
        self.path, self.spec, self.wanted = path, spec, wanted
        self.notation = replace(self.notation, first_row=1)


def _as_integers(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Make columns integers whose types are, if all their numbers are whole."""
    for i, name in enumerate(table.column_names):
        column = table[name]
        if column.type != pa.float64() or not pa.types.is_integer(types[name]):
            continue
        if pc.all(pc.equal(column, pc.floor(column)), min_count=0).as_py():
            table = table.set_column(i, name, column.cast(types[name]))
    return table


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables of the same columns together; whole numbers and fractions become fractions."""
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
