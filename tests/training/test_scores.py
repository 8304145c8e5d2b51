from __future__ import annotations

import numpy as np
import pytest

from kerasrecipes.training.scores import score_numbers


def test_scores_of_a_regression_worked_by_hand():
    """Errors 1, -1, 2, 0 around a mean of 2: squares 6, of 8 in all."""
    y_true, y_pred = np.array([0.0, 2.0, 2.0, 4.0]), np.array([1.0, 1.0, 4.0, 4.0])
    scores = score_numbers(y_true, y_pred, "_original_units")
    assert scores == pytest.approx(
        {"mae_original_units": 1.0, "rmse_original_units": np.sqrt(1.5), "r2": 0.25}
    )


def test_one_row_has_no_r2():
    assert score_numbers(np.array([1.0]), np.array([3.0])) == {"mae": 2.0, "rmse": 2.0}
