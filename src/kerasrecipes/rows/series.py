"""Windows of a series: rows that share their steps with the rows around them."""

from __future__ import annotations

import numpy as np

from kerasrecipes.rows.dataset import Inputs

_PAIRS, _FEWEST_PAIRS = 64, 8
_ENOUGH = 0.9
"""Where the windows of several series stand in one array, some rows do not continue others."""


def count_overlapping(inputs: Inputs) -> int:
    """Count the rows after each row that share steps with it; 0 unless rows are windows.

    Windows have shape (n_samples, n_steps, ...), and each is the one before, shifted by some steps.
    """
    if isinstance(inputs, dict) or inputs.ndim < 2 or len(inputs) <= _FEWEST_PAIRS:
        return 0
    n_steps, n_pairs = inputs.shape[1], min(_PAIRS, len(inputs) - 1)
    places = np.linspace(0, len(inputs) - 2, n_pairs).astype(np.int64)
    pair = [inputs[rows].reshape(n_pairs, n_steps, -1) for rows in (places, places + 1)]
    for rows, following in (pair, [each[:, ::-1] for each in pair]):  # some have new steps first
        for shift in range(1, n_steps):
            # One step rules most shifts out.
            if (rows[:, shift] == following[:, 0]).all(axis=1).mean() < _ENOUGH:
                continue
            shared = rows[:, shift:]
            varies = (shared != shared[:, :1, :1]).any(axis=(1, 2))
            equal = (shared == following[:, :-shift]).all(axis=(1, 2))[varies]
            if len(equal) >= _FEWEST_PAIRS and equal.mean() >= _ENOUGH:
                return -(-n_steps // shift) - 1
    return 0
