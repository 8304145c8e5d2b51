"""DataFrames as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_frame(frame: pd.DataFrame) -> pa.Table:
    """A DataFrame's columns, its index left aside; a column of mixed types becomes text."""
    import pyarrow as pa

    columns = []
    for position in range(frame.shape[1]):
        values = frame.iloc[:, position]
        try:
            column = pa.Array.from_pandas(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            column = pa.array([None if value is None else str(value) for value in values])
        columns.append(column)
    return pa.Table.from_arrays(columns, names=[str(name) for name in frame.columns])
