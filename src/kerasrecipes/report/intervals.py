"""Prediction intervals of numbers, from the residuals of validation rows.

Split conformal prediction: an interval covers a new row with at least the probability of its level
if both come from the same source. Lei et al. 2018, doi:10.1080/01621459.2017.1307116.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import InputError
from kerasrecipes.rows.dataset import sample_rows

_MOST_ROWS = 10_000


def sort_residuals(y_true: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.float64]:
    """Sort absolute residuals; of many rows, those of a random sample.

    Args:
        y_true: Shape (n_samples, n_targets).
        y_pred: Of the same shape.

    Returns:
        Shape (n_rows, n_targets), each column ascending.
    """
    chosen = sample_rows(len(y_true), _MOST_ROWS)
    return np.sort(np.abs(y_true[chosen].astype(float) - y_pred[chosen]), axis=0)


def find_half_widths(residuals: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Find the half-width of each target's interval, of shape (n_targets,), in the target's unit.

    Raises:
        InputError: The level is not between 0 and 1, or needs more rows than there are.
    """
    if not 0 < level < 1:
        raise InputError(f"interval must be between 0 and 1, such as 0.9 (received: {level!r}).")
    place = math.ceil(round((len(residuals) + 1) * level, 9))
    if place > len(residuals):
        raise InputError(
            f"Intervals of {level:g} need {math.ceil(round(level / (1 - level), 9)):,} validation "
            f"rows (this run has {len(residuals):,}). Use a lower level, or train with more."
        )
    return residuals[place - 1]
