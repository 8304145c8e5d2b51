from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from kerasrecipes.rows.windows import count_overlapping

RNG = np.random.default_rng(0)
WALK = RNG.normal(size=400).cumsum()
WINDOWS = np.lib.stride_tricks.sliding_window_view(WALK, 20)
OF_COLUMNS = np.lib.stride_tricks.sliding_window_view(RNG.normal(size=(300, 3)), 6, axis=0)


@pytest.mark.parametrize(
    ("rows", "n_overlapping"),
    [
        (WINDOWS, 19),
        (WINDOWS[::3], 6),
        (WINDOWS[:, ::-1], 19),
        (WINDOWS[..., None], 19),
        (OF_COLUMNS.transpose(0, 2, 1), 5),
        (np.concatenate([WINDOWS[:150], WINDOWS[200:]]), 19),
    ],
    ids=["every step", "every third step", "new steps first", "a feature", "columns", "two series"],
)
def test_windows_that_overlap_are_found(rows: Any, n_overlapping: int) -> None:
    assert count_overlapping(rows) == n_overlapping


@pytest.mark.parametrize(
    "rows",
    [
        WINDOWS[::20],
        RNG.permutation(WINDOWS),
        WINDOWS[:4],
        RNG.integers(0, 2, (300, 10)),
        np.zeros((50, 9)),
        load_digits().images,
        load_digits().data,
        load_iris().data,
        np.pad(RNG.integers(1, 9, (200, 20)), ((0, 0), (80, 0))),
        {"x": WALK},
    ],
    ids=[
        *("side by side", "in any order", "too few rows", "bits", "constant", "images", "pixels"),
        *("columns", "padded ids", "a table"),
    ],
)
def test_other_rows_are_no_windows(rows: Any) -> None:
    assert count_overlapping(rows) == 0
