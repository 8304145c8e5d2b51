"""What curves of all pages have in common."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasrecipes.report.axes import spread_apart


def test_heights_that_are_apart_stay_where_they_are() -> None:
    np.testing.assert_allclose(spread_apart([0.9, 0.1, 0.5], 0.1), [0.9, 0.1, 0.5])


def test_heights_that_meet_part_around_their_middle() -> None:
    np.testing.assert_allclose(spread_apart([0.5, 0.5], 0.1), [0.45, 0.55])


def test_no_heights_are_no_trouble() -> None:
    assert spread_apart([], 0.1).size == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_heights_keep_their_order_their_gap_and_their_bounds(heights: list[float]) -> None:
    apart = spread_apart(heights, 0.1)
    order = np.argsort(heights, kind="stable")
    assert (np.diff(apart[order]) >= 0.1 - 1e-9).all()
    assert apart.min() >= 0
    assert apart.max() <= 1 + 1e-9


def test_too_many_heights_start_from_the_bottom() -> None:
    assert spread_apart([0.5] * 4, 0.5) == pytest.approx([0, 0.5, 1, 1.5])
