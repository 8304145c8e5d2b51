"""What of a column's numbers is lost in float32, in which networks compute."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.kinds import NumberColumn

_COARSE = 1e-3
"""Where float32's steps are less of the standard deviation, a network hardly sees them."""

_FLOAT64_NOISE = 1e-12
"""Float64 numbers whose range is less of their size are one number and its rounding errors."""

_LARGEST_EXACT = 2**24
"""Float32 holds every integer up to here."""


class Merged(NamedTuple):
    """Distinct numbers of a column, and how many float32 leaves of them."""

    n_distinct: int
    n_left: int


def find_merged(column: NumberColumn, cells: Cells) -> Merged | None:
    """Find whether a column has numbers too large and too close together for float32.

    Returns:
        None where no difference is lost that matters beside the others.
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
        step = np.spacing(np.float32(largest))
    if not step > _COARSE * pc.stddev(values).as_py():
        return None
    rounded = values.cast(pa.float32(), safe=False)
    merged = Merged(pc.count_distinct(values).as_py(), pc.count_distinct(rounded).as_py())
    return merged if merged.n_left < merged.n_distinct else None


def describe_merged(merged: Mapping[str, Merged], remedy: str = "") -> str:
    """Warn of columns, by name.

    Args:
        merged: What ``find_merged`` found.
        remedy: What else can be done, such as ", or ...".
    """
    counts = ", ".join(
        f"{name} ({n_distinct:,} distinct values become {n_left:,})"
        for name, (n_distinct, n_left) in merged.items()
    )
    return (
        "float32, in which networks compute, cannot tell numbers so large and so close together "
        f"apart: {counts}. Subtract a fixed number from each, here and in rows to predict "
        f"alike{remedy}."
    )
