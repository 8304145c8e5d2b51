"""The interface of all formats of tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Missing, Notation

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
            wanted: The columns to read, at least.
            numbers: Columns of plain numbers, where the format has no types.
            n_rows: How many rows a piece should have, about.

        Yields:
            Rows in order; their types may differ from piece to piece.
        """
        yield self.read()


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables of the same columns together; whole numbers and fractions become fractions."""
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
