"""A table that can be read: the interface of all formats, and tables in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Missing, Notation, is_number, is_usable, name_value

if TYPE_CHECKING:
    import pandas as pd

Names = Collection[str]

MEMORY_OF_VALUE = 16
"""Bytes of memory for a value of a table: Arrow's, ours and the encoded one."""

NO_ROWS = "there are no rows. Add rows."
_MOST_SAMPLED, _THINNING = 1 << 17, 11  # few series have periods that are multiples of 11

TYPE_ERRORS = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)
"""Exceptions of Arrow if ``concatenate`` finds types without a common one."""


class TableFile(ABC):
    """A table that can be read, whole or in pieces.

    Attributes:
        notation: How values are written; complete once rows were read.
        notes: Changes to the rows; filled by reading.
    """

    def __init__(self, name: str, spec: DatasetSpec) -> None:
        self.name, self.notation = name, Notation(Missing.read(spec))
        self.notes: list[str] = []

    @abstractmethod
    def read(self, as_text: Names = ()) -> pa.Table:
        """Read every row; the types of some columns are not inferred, where the format has none."""

    def list_names(self) -> list[str] | None:
        """The columns' names, or None where only reading the rows shows them."""
        return None

    def iterate(self, wanted: Names, numbers: Names, n_rows: int) -> Iterator[pa.Table]:
        """Read columns in pieces of about so many rows; types may differ from piece to piece.

        All columns are read if none is wanted, or a wanted one is missing. ``numbers`` are columns
        of plain numbers, where the format has no types.
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
        """Read every row of some columns, and a sample of rows with the distance between two."""
        types = self.infer_types()
        numbers = [name for name, kind in types.items() if is_number(kind)]
        for tried in (numbers, []):
            columns, sample, step, n_rows = [], list[pa.Table](), 1, 0
            for piece in self.iterate([*types], tried, _MOST_SAMPLED):
                columns.append(piece.select(names))
                some = range(-n_rows % step, len(piece), step)  # none of a few rows
                sample.append(piece.take(pa.array(some, pa.int64())))
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
    """A table in a file, opened for the columns that will be read; None means all."""

    def __init__(self, path: Path, spec: DatasetSpec, name: str, wanted: Names | None) -> None:
        super().__init__(name, spec)
        self.path, self.spec, self.wanted = path, spec, wanted
        self.notation = replace(self.notation, first_row=1)


class TableInMemory(TableFile):
    """A table in memory; ``read`` returns it once, so that its columns can be freed one by one."""

    def __init__(self, table: pa.Table, spec: DatasetSpec, name: str) -> None:
        super().__init__(name, spec)
        self._table = table

    def read(self, as_text: Names = ()) -> pa.Table:
        table, self._table = self._table, None
        return table

    def iterate(self, wanted: Names, numbers: Names, n_rows: int) -> Iterator[pa.Table]:
        for start in range(0, max(1, len(self._table)), n_rows):
            yield self._table.slice(start, n_rows)


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


def is_frame(data: object) -> bool:
    """Whether data are a DataFrame, of pandas or another library that exports Arrow's columns."""
    exports = any(hasattr(data, name) for name in ("iloc", "__arrow_c_stream__", "to_arrow"))
    return exports and hasattr(data, "columns")


def read_frame(frame: Any) -> pa.Table:
    """A DataFrame's columns, its index left aside; a column of mixed types becomes text."""
    if hasattr(frame, "iloc"):
        columns = [read_series(frame.iloc[:, i]) for i in range(frame.shape[1])]
        return pa.Table.from_arrays(columns, names=[str(name) for name in frame.columns])
    try:
        return frame.to_arrow() if hasattr(frame, "to_arrow") else pa.table(frame)
    except pa.ArrowException as error:
        types = ", ".join(f"{name} {kind}" for name, kind in dict(frame.schema).items())
        problem = f"Arrow cannot read a column's type ({types}): {error}. Cast or drop it."
        raise DataError("DataFrame", [problem]) from error


def read_series(values: pd.Series) -> pa.Array:
    """A column's values; as float64 past 64 bits, as text where Arrow has no type for them."""
    values = values.sparse.to_dense() if hasattr(values, "sparse") else values
    with suppress(pa.ArrowException, OverflowError):
        array = pa.Array.from_pandas(values)
        is_dictionary = pa.types.is_dictionary(array.type)
        is_kept = not is_dictionary or is_usable(array.type.value_type)
        if is_kept and not isinstance(array.type, pa.BaseExtensionType):
            return array
    known = values.dropna()
    write: Callable[[Any], Any] = name_value
    kind = pa.string()
    if len(known) and all(isinstance(value, int | float) for value in known):
        write, kind = float, pa.float64()
    texts = [
        None if is_missing else str(value) if hasattr(value, "__len__") else write(value)
        for value, is_missing in zip(values, values.isna(), strict=True)
    ]
    array = pa.array(texts, kind)
    return array.dictionary_encode() if hasattr(values, "cat") else array
