from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from kerasrecipes.model.target import TargetCodec
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.training.assessment import score_answers


def score(
    y_true: np.ndarray, y_pred: np.ndarray, *names: str, weights: Any = None, **facts: Any
) -> dict[str, float]:
    codec = TargetCodec(LossKind.NUMBERS, (), len(names) or 1, names or ("price",), **facts)
    return score_answers(codec, y_true, y_pred, weights=weights)


def test_scores_of_a_regression_worked_by_hand():
    """Errors 1, -1, 2, 0 around a mean of 2: squares 6, of 8 in all."""
    y_true, y_pred = np.array([0.0, 2.0, 2.0, 4.0]), np.array([1.0, 1.0, 4.0, 4.0])
    scores = score(y_true, y_pred, mean=(2.0,), scale=(1.4,))
    assert scores == pytest.approx(
        {"mae_original_units": 1.0, "rmse_original_units": np.sqrt(1.5), "r2": 0.25}
    )


def test_one_row_has_no_r2():
    assert score(np.array([1.0]), np.array([3.0])) == {"mae": 2.0, "rmse": 2.0}


def test_each_of_several_targets_is_scored_in_its_own_unit():
    y_true = np.array([[0.0, 100], [2, 200], [2, 300], [4, 400]])
    y_pred = np.array([[1.0, 110], [1, 190], [4, 310], [4, 390]])
    scores = score(y_true, y_pred, "price", "rent", mean=(2.0, 250.0), scale=(1.4, 112.0))
    assert list(scores) == [
        *("mae_price_original_units", "rmse_price_original_units", "r2_price"),
        *("mae_rent_original_units", "rmse_rent_original_units", "r2_rent"),
    ]
    assert scores["mae_price_original_units"] == 1.0
    assert scores["r2_price"] == 0.25
    assert scores["rmse_rent_original_units"] == pytest.approx(10)
    assert scores["r2_rent"] == pytest.approx(1 - 400 / 50_000)


def test_a_column_and_a_row_of_numbers_are_scored_alike():
    y_true, y_pred = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 3.0])
    expected = score(y_true, y_pred)
    assert score(y_true, y_pred[:, None]) == expected
    assert score(y_true[:, None], y_pred[:, None]) == expected
    assert list(expected) == ["mae", "rmse", "r2"]


def test_weighted_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y_true, y_pred, weights = rng.normal(size=(3, 20))
    weights = weights**2
    assert score(y_true, y_pred, weights=weights) == pytest.approx(
        {
            "mae": mean_absolute_error(y_true, y_pred, sample_weight=weights),
            "rmse": root_mean_squared_error(y_true, y_pred, sample_weight=weights),
            "r2": r2_score(y_true, y_pred, sample_weight=weights),
        }
    )
