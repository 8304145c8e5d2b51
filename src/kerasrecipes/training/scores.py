"""Scores of a regression in the units that people think in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def score_numbers(
    y_true: NDArray[np.generic], y_pred: NDArray[np.generic], suffix: str = ""
) -> dict[str, float]:
    """R², mean absolute error and root mean squared error.

    Args:
        y_true: Shape (n_samples,), in the user's units.
        y_pred: Shape (n_samples,).
        suffix: Put behind the names of the scores that have a unit.
    """
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    scores = {
        f"mae{suffix}": mean_absolute_error(y_true, y_pred),
        f"rmse{suffix}": root_mean_squared_error(y_true, y_pred),
    }
    if len(y_true) > 1:
        scores["r2"] = r2_score(y_true, y_pred)
    return {name: float(value) for name, value in scores.items()}
