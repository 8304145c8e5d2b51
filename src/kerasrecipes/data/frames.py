"""DataFrames as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasrecipes.data.values import name_value

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_frame(frame: pd.DataFrame) -> pa.Table:
    """A DataFrame's columns, its index left aside; a column of mixed types becomes text."""
    import pyarrow as pa

    columns = [read_series(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return pa.Table.from_arrays(columns, names=[str(name) for name in frame.columns])


def read_series(values: pd.Series) -> pa.Array:
    """A column's values; those of types that Arrow cannot hold together, or at all, are text."""
    import pyarrow as pa

    try:
        return pa.Array.from_pandas(values)
    except pa.ArrowException:
        texts = [
            None if is_missing else str(value) if hasattr(value, "__len__") else name_value(value)
            for value, is_missing in zip(values, values.isna(), strict=True)
        ]
        return pa.array(texts, pa.string())
