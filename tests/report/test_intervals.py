"""Half-widths of prediction intervals are the order statistics that split conformal needs."""

from __future__ import annotations

import numpy as np
import pytest

from kerasrecipes.errors import InputError
from kerasrecipes.report.results import find_half_widths, sort_residuals


def test_the_half_width_is_the_ceil_of_n_plus_1_times_the_level():
    residuals = np.arange(1.0, 20.0)[:, None] * [1, 10]  # 19 rows
    assert find_half_widths(residuals, 0.9).tolist() == [18, 180]
    assert find_half_widths(residuals, 0.95).tolist() == [19, 190]
    assert find_half_widths(residuals, 0.5).tolist() == [10, 100]


@pytest.mark.parametrize(("level", "needed"), [(0.9, 9), (0.99, 99), (0.999, 999)])
def test_too_few_rows_for_a_level_are_an_error_that_says_how_many_it_needs(level, needed):
    assert find_half_widths(np.ones((needed, 1)), level) == [1]
    with pytest.raises(InputError, match=rf"{level} need {needed} validation rows"):
        find_half_widths(np.ones((needed - 1, 1)), level)


@pytest.mark.parametrize("level", [0, 1, 90, -0.1, np.nan])
def test_a_level_is_a_share(level):
    with pytest.raises(InputError, match="must be between 0 and 1"):
        find_half_widths(np.ones((50, 1)), level)


def test_intervals_cover_new_rows_at_least_as_often_as_their_level():
    rng, covered = np.random.default_rng(0), []
    for _ in range(400):
        validation, new = rng.exponential(size=(40, 1)), rng.exponential(size=20)
        width = find_half_widths(sort_residuals(validation, 0 * validation), 0.9)
        covered.append(np.mean(new <= width))
    assert 0.895 <= np.mean(covered) <= 0.93


def test_residuals_are_absolute_sorted_by_target_and_of_many_rows_a_sample():
    residuals = sort_residuals(
        np.array([[1, 5], [2, 9], [3, 0]]), np.array([[4, 5], [2, 8], [4, 9]])
    )
    assert residuals.tolist() == [[0, 0], [1, 1], [3, 9]]
    many = np.arange(30_000.0)[:, None]
    assert sort_residuals(many, 0 * many).shape == (10_000, 1)
