"""Scores of a regression in the user's units, and errors of each row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.model.target import TargetCodec


def score_answers(
    codec: TargetCodec,
    target: NDArray[np.generic],
    outputs: NDArray[np.generic],
    known: NDArray[np.bool_] | None = None,
    weights: NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """R², mean absolute error and root mean squared error of a saved model's outputs, for numbers.

    Several targets are scored one by one. Of a single target that is an array, errors are means
    over all numbers, and R² compares with the mean of each place.

    Args:
        codec: Between target and outputs.
        target: Shape (n_samples, ...), in the user's units.
        outputs: Shape (n_samples, ..., n_units).
        known: Which steps no mask covers, of shape (n_samples, n_steps).
        weights: How much each row counts, of shape (n_samples,).
    """
    from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

    target = target.reshape(outputs.shape)
    if known is not None:
        target, outputs = target[known], outputs[known]
        weights = None if weights is None else np.repeat(weights, known.sum(axis=1))
    y_true, y_pred = target.reshape(len(target), -1), outputs.reshape(len(outputs), -1)
    scores: dict[str, float] = {}
    suffix = "_original_units" if codec.mean else ""
    several = len(codec.names) > 1
    for i, name in enumerate(codec.names):
        of = f"_{name}" if several else ""
        columns = slice(i, i + 1) if several else slice(None)
        pair = y_true[:, columns], y_pred[:, columns]
        mse = mean_squared_error(*pair, sample_weight=weights)
        scores[f"mae{of}{suffix}"] = float(mean_absolute_error(*pair, sample_weight=weights))
        scores[f"rmse{of}{suffix}"] = math.sqrt(mse)
        if len(y_true) > 1:
            r2 = r2_score(*pair, sample_weight=weights, multioutput="variance_weighted")
            scores[f"r2{of}"] = float(r2)
    return scores


def measure_errors(
    codec: TargetCodec, target: NDArray[Any], answers: NDArray[Any]
) -> NDArray[np.float64]:
    """Each row's error, of shape (n_samples,).

    1 for a wrong class, the share of wrong labels, or the absolute error in the user's units; of
    several targets, the mean of their errors in standard deviations of each.
    """
    actual, decoded = codec.name_actual(target), codec.decode(answers)
    pairs = [(y, decoded[name.replace("actual", "predicted", 1)]) for name, y in actual.items()]
    if codec.class_names or codec.is_multilabel:
        return np.mean([y != predicted for y, predicted in pairs], axis=0)
    scales = [1.0 if len(pairs) == 1 else np.std(y) or 1.0 for y, _ in pairs]
    errors = [abs(y - p) / sd for (y, p), sd in zip(pairs, scales, strict=True)]
    return np.mean(errors, axis=0, dtype=np.float64)


def find_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The mean, and the ends of its 95% interval (Student's)."""
    from scipy.stats import sem, t

    mean = float(values.mean())
    half = float(sem(values) * t.ppf(0.975, len(values) - 1))
    return mean, mean - half, mean + half
