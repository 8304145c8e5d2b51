"""DataFrames of pandas or Polars, and other tables in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import is_usable, name_value
from kerasrecipes.rows.files.base import TableFile

if TYPE_CHECKING:
    import pandas as pd


class TableInMemory(TableFile):
    """A table that is in memory already.

    Args:
        table: Every row; ``read`` returns it once, so that its columns can be freed one by one.
        spec: The recipe's ``dataset``.
        name: For messages.
    """

    def __init__(self, table: pa.Table, spec: DatasetSpec, name: str) -> None:
        super().__init__(name, spec)
        self._table = table

    def read(self, as_text: Collection[str] = ()) -> pa.Table:
        table, self._table = self._table, None
        return table

    def iterate(
        self, wanted: Sequence[str], numbers: Collection[str], n_rows: int
    ) -> Iterator[pa.Table]:
        for start in range(0, max(1, len(self._table)), n_rows):
            yield self._table.slice(start, n_rows)


def is_frame(data: object) -> bool:
    """Whether data are a DataFrame, of pandas or another library that exports Arrow's columns."""
    exports = any(hasattr(data, name) for name in ("iloc", "__arrow_c_stream__", "to_arrow"))
    return exports and hasattr(data, "columns")


def read_frame(frame: Any) -> pa.Table:
    """A DataFrame's columns, its index left aside; a column of mixed types becomes text."""
    if not hasattr(frame, "iloc"):
        try:
            return frame.to_arrow() if hasattr(frame, "to_arrow") else pa.table(frame)
        except pa.ArrowException as error:
            types = ", ".join(f"{name} {kind}" for name, kind in dict(frame.schema).items())
            problem = f"Arrow cannot read a column's type ({types}): {error}. Cast or drop it."
            raise DataError("DataFrame", [problem]) from error
    columns = [read_series(frame.iloc[:, i]) for i in range(frame.shape[1])]
    names = [str(name) for name in frame.columns]
    return pa.Table.from_arrays(columns, names=names)


def read_series(values: pd.Series) -> pa.Array:
    """A column's values; types that Arrow cannot combine, or does not support, become text.

    Whole numbers past 64 bits become float64.
    """
    values = values.sparse.to_dense() if hasattr(values, "sparse") else values
    try:
        array = pa.Array.from_pandas(values)
    except (pa.ArrowException, OverflowError):
        array = None
    if array is not None and not isinstance(array.type, pa.BaseExtensionType):
        is_dictionary = pa.types.is_dictionary(array.type)
        kind = array.type.value_type if is_dictionary else array.type
        if not is_dictionary or is_usable(kind):
            return array
    known = values.dropna()
    if len(known) and all(isinstance(value, int | float) for value in known):
        numbers = [None if is_missing else float(value)
                   for value, is_missing in zip(values, values.isna(), strict=True)]  # fmt: skip
        return pa.array(numbers, pa.float64())
    texts = [
        None if is_missing else str(value) if hasattr(value, "__len__") else name_value(value)
        for value, is_missing in zip(values, values.isna(), strict=True)
    ]
    array = pa.array(texts, pa.string())
    return array.dictionary_encode() if hasattr(values, "cat") else array
