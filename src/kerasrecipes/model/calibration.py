"""Chooses a temperature and thresholds on validation rows after the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics import precision_recall_curve, roc_curve

from kerasrecipes.model.built import Built
from kerasrecipes.model.serving import make_predictor, make_serving_model
from kerasrecipes.model.target import TargetCodec
from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import Dataset, Part

_HIGHEST = 20.0  # temperatures are searched between this and its inverse


def calibrate(recipe: Recipe, dataset: Dataset, built: Built) -> tuple[Built, list[str]]:
    """Fit the temperature, then choose the thresholds; warn of each that cannot be chosen."""
    codec, part, warnings = built.codec, dataset.parts.get("validation"), []
    if recipe.calibrate and part:
        raw = make_predictor(_join(built, replace(codec, from_logits=False)), built.encoder)
        codec = replace(codec, temperature=fit_temperature(codec, raw(part.inputs), part))
        built = replace(built, serving=_join(built, codec), codec=codec)
        if codec.temperature == 1:
            warnings.append(
                "calibrate: no temperature from 0.05 to 20 minimises the log loss of the "
                "validation rows. The probabilities are not calibrated."
            )
    names = codec.names if codec.is_multilabel else codec.class_names[1:]
    aim, reason = recipe.threshold, "set in the recipe"
    thresholds: list[Any] = [aim] * len(names)
    if isinstance(aim, dict) and part:
        words = " ".join(f"{key} {value}" for key, value in aim.items()).replace("_", " ")
        reason = f"chosen on {len(part):,} validation rows ({words})"
        chances = make_predictor(built.serving, built.encoder)(part.inputs)[:, -len(names) :]
        labels = part.target.reshape(len(part), -1) == 1
        for i, name in enumerate(names):
            found = choose_threshold(labels[:, i], chances[:, i], aim, part.weights)
            thresholds[i] = 0.5 if found is None else found
            if found is None:
                warnings.append(f"threshold: no threshold for {name} can be {reason}. It is 0.5.")
    if aim is not None:
        codec = replace(codec, thresholds=tuple(map(float, thresholds)), threshold_reason=reason)
    return replace(built, codec=codec), warnings


def fit_temperature(codec: TargetCodec, outputs: NDArray[Any], part: Part) -> float:
    """Fit the number that logits are divided by to minimise the log loss, arXiv:1706.04599.

    ``outputs`` are those of the recipe's layers, of shape (n_samples, n_units). The result is 1 if
    the log loss has no minimum within the limits.
    """
    if not codec.from_logits and (outputs.min() < 0 or outputs.max() > 1):
        return 1.0  # these are not probabilities
    logits = np.asarray(codec.find_logits(outputs), np.float64)
    if codec.is_binary:  # logits of each unit's two classes
        logits = np.stack([np.zeros_like(logits), logits], axis=-1).reshape(-1, 2)
    y_true = part.target.astype(np.int64).reshape(-1, 1)
    weights = None if part.weights is None else np.repeat(part.weights, len(y_true) // len(part))

    def find_log_loss(log_temperature: float) -> float:
        chances = log_softmax(logits / np.exp(log_temperature), axis=-1)
        return -np.average(np.take_along_axis(chances, y_true, axis=1)[:, 0], weights=weights)

    limit = np.log(_HIGHEST)
    found = minimize_scalar(find_log_loss, bounds=(-limit, limit), method="bounded").x
    return float(np.exp(found)) if abs(found) < 0.99 * limit else 1.0


def choose_threshold(
    y_true: NDArray[np.bool_],
    y_prob: NDArray[np.float32],
    aim: Mapping[Any, Any],
    weights: NDArray[np.float32] | None = None,
) -> float | None:
    """Choose the least probability at which true is predicted, so that an aim is reached.

    A recall is reached by the highest such threshold, a precision by the one with the highest
    recall. The result lies in the middle between two probabilities. It is None if no threshold
    reaches the aim, or if the rows are all true or all false. Arrays have shape (n_samples,).
    """
    if y_true.all() or not y_true.any():
        return None
    ((key, wanted),) = aim.items()
    precision, recall, thresholds = precision_recall_curve(y_true, y_prob, sample_weight=weights)
    precision, recall = precision[:-1], recall[:-1]
    if key == "recall":
        scores = np.where(recall >= wanted - 1e-9, thresholds, -1)
    elif key == "precision":
        scores = np.where(precision >= wanted - 1e-9, recall, -1)
    elif wanted == "f1":
        scores = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    else:
        fpr, tpr, thresholds = roc_curve(y_true, y_prob, sample_weight=weights)
        scores = (tpr - fpr)[1:]
        thresholds = thresholds[1:]  # the first is infinite
    best = int(np.argmax(scores))
    if scores[best] < 0:
        return None
    high = float(thresholds[best])
    low = y_prob[y_prob < high].max(initial=0)
    middle = (low + high) / 2
    return float(middle) if np.float32(middle) > low else high


def _join(built: Built, codec: TargetCodec) -> keras.Model:
    """Join the same layers with another codec."""
    shape = built.serving.inputs[0].shape[1:]
    return make_serving_model(built.network, built.encoder, codec, shape)
