"""Scores of a regression in the user's units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def score_numbers(
    y_true: NDArray[np.generic],
    y_pred: NDArray[np.generic],
    names: Sequence[str] = ("",),
    suffix: str = "",
) -> dict[str, float]:
    """R², mean absolute error and root mean squared error, of each of several targets by name.

    Args:
        y_true: Shape (n_samples,) or (n_samples, n_targets), in the user's units.
        y_pred: Shape (n_samples, n_targets).
        names: Of the targets; of a single one it is not used.
        suffix: Put behind the names of the scores that have a unit.
    """
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    scores: dict[str, float] = {}
    y_true, y_pred = y_true.reshape(len(y_true), -1), y_pred.reshape(len(y_pred), -1)
    for i, name in enumerate(names):
        of = f"_{name}" if len(names) > 1 else ""
        pair = y_true[:, i], y_pred[:, i]
        scores[f"mae{of}{suffix}"] = float(mean_absolute_error(*pair))
        scores[f"rmse{of}{suffix}"] = float(root_mean_squared_error(*pair))
        if len(y_true) > 1:
            scores[f"r2{of}"] = float(r2_score(*pair))
    return scores
