"""Differences between a column's numbers that float32, in which networks compute, loses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.kinds import NumberColumn

_COARSE = 1e-3
"""Where float32's steps are less of the standard deviation, they hardly affect a network."""

_FLOAT64_NOISE = 1e-12
"""Float64 numbers whose range is less of their size are one number and its rounding errors."""

_LARGEST_EXACT = 2**24
"""Float32 represents every integer up to here."""


Merged = tuple[int, int]
"""The number of distinct numbers of a column, and how many float32 leaves of them."""


def find_merged(column: NumberColumn, cells: Cells) -> Merged | None:
    """Find whether a column has numbers too large and too close together for float32.

    Returns:
        None if no difference is lost that is large compared with the others.
    """
    if cells.is_number and not pa.types.is_decimal(cells.type):
        values = cells.values
    else:
        values = pa.array(column.read_exact(cells)[0], from_pandas=True)
    is_integer = pa.types.is_integer(values.type)
    if not (is_integer or pa.types.is_float64(values.type)):
        return None
    lowest, highest = pc.min_max(values).as_py().values()
    if lowest is None:
        return None
    largest = max(abs(lowest), abs(highest))
    if is_integer and largest <= _LARGEST_EXACT:
        return None
    if not is_integer and highest - lowest <= _FLOAT64_NOISE * largest:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        step = float(np.spacing(np.float32(largest)))
    if not step > _COARSE * pc.stddev(values).as_py():
        return None
    rounded = values.cast(pa.float32(), safe=False)
    n_distinct, n_left = (pc.count_distinct(each).as_py() for each in (values, rounded))
    return (n_distinct, n_left) if n_left < n_distinct else None


def warn_of_merged(found: Mapping[str, Merged | None], remedy: str = "") -> Iterator[str]:
    """Warn of columns that lose differences, if there are any.

    Args:
        found: By column, the result of ``find_merged``.
        remedy: Another remedy, such as ", or ...".
    """
    counts = [
        f"{name} ({merged[0]:,} distinct values become {merged[1]:,})"
        for name, merged in found.items()
        if merged
    ]
    if counts:
        yield (
            "float32, in which networks compute, cannot distinguish numbers so large and so close "
            f"together: {', '.join(counts)}. Subtract a fixed number from each, here and in "
            f"rows to predict alike{remedy}."
        )
