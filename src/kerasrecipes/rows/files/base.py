"""What every format of tables offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.rows.cells import Notation

NO_ROWS = "the file has no rows. Add rows."
TYPE_ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
"""What Arrow raises where ``concatenate`` finds types that have no common one."""


class TableFile(ABC):
    """A table that can be read, whole or in pieces.

    Attributes:
        name: For messages.
        notation: How values are written.
        notes: What was done to the rows that a careful person would want to know; filled by
            reading.
    """

    name: str
    notation: Notation
    notes: list[str]

    @abstractmethod
    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        """Read every row.

        Args:
            as_text: Columns whose types are not to be inferred where the format has none.

        Raises:
            DataError: The table cannot be read, or has no rows.
        """

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        """Read columns piece by piece; all columns where a wanted one is not there.

        Args:
            wanted: The columns to read, at least.
            numbers: Those that hold plain numbers, where the format has no types.
            n_rows: How many rows a piece should have, about.

        Yields:
            Rows in order; their types may differ from piece to piece.
        """
        yield self.read()


def check_columns(table: pa.Table, dataset: str) -> pa.Table:
    """Return a table whose column names differ and that has rows.

    Raises:
        DataError: It has not.
    """
    names = table.column_names
    problems = [
        f"column names must differ (received: '{name}' {names.count(name)} times). Rename all but "
        "one."
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if not table.num_rows:
        problems.append(NO_ROWS)
    if problems:
        raise DataError(dataset, problems)
    return table


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables of the same columns together; whole numbers and fractions become fractions."""
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
