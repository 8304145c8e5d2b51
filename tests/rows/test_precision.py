"""Which columns are warned of because float32 merges their values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kerasrecipes.rows.cells import Cells, Notation
from kerasrecipes.rows.kinds import NumberColumn
from kerasrecipes.rows.precision import find_merged, warn_of_merged
from kerasrecipes.rows.target import make_cells

NOISE = np.random.default_rng(0).normal(size=1000)
TIMES = 1_700_000_000 + 60 * np.arange(60)


def find(values: Any) -> Any:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    cells = Cells("c", pa.chunked_array([array]), Notation())
    return find_merged(NumberColumn.take(cells, "float", {}), cells)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (TIMES, (60, 29)),
        (TIMES.astype(np.uint64), (60, 29)),
        (TIMES.astype(np.float64), (60, 29)),
        ([*TIMES.tolist(), None, 1_700_000_000], (60, 29)),
        ([*TIMES.astype(str), None], (60, 29)),
        (pa.array(TIMES).dictionary_encode(), (60, 29)),
        ([2**24, 2**24 + 1], (2, 1)),
        ([-(2**62), -(2**62) - 1], (2, 1)),
        ([1e9 + 0.25, 1e9 + 0.5], (2, 1)),
        ([Decimal("1700000000.01"), Decimal("1700000000.02")], (2, 1)),
    ],
)
def test_values_that_float32_merges_are_counted(values: Any, expected: tuple[int, int]) -> None:
    assert find(values) == expected


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.2, 0.1 + 0.2, 0.3],
        [0.1 + 0.2, 0.3],  # one number and its rounding error
        NOISE,
        1013.25 + NOISE,
        127.03 + 0.01 * NOISE,  # degrees of longitude in one town
        1e300 * NOISE,
        np.arange(1_500_000_000, 1_700_000_000, 86_400),  # days of several years
        np.arange(1_500_000_000, 1_700_000_000, 1_000),  # merged, and too near to matter
        [2**24 - 1, 2**24],
        [1_700_000_000] * 3,
        TIMES.astype(np.float32),  # nothing more is lost
        [1.5, float("inf")],
        [True, False],
        ["a", "b"],
        pa.array([], pa.float64()),
        pa.nulls(3),
        pa.nulls(3, pa.int64()),
    ],
)
def test_other_columns_are_left_in_peace(values: Any) -> None:
    assert find(values) is None


@pytest.mark.parametrize("dtype", [np.int64, ">i8", ">f8", np.longdouble])
def test_arrays_of_every_layout(dtype: Any) -> None:
    values = np.stack([TIMES, TIMES], axis=1).astype(dtype)[:, 1]
    assert find_merged(NumberColumn("x", "float"), make_cells(values, "mine", "x")) == (60, 29)


def test_the_warning_names_every_column() -> None:
    merged = {"time": find(TIMES), "id": find([2**24, 2**24 + 1]), "n": None}
    assert [*warn_of_merged(merged, ", or drop them")] == [
        "float32, in which networks compute, cannot distinguish numbers so large and so close "
        "together: time (60 distinct values become 29), id (2 distinct values become 1). Subtract "
        "a fixed number from each, here and in rows to predict alike, or drop them."
    ]
