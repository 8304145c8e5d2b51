"""Models of scikit-learn, fitted to a network's rows and scored by its metrics."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.model.build import compile_model
from kerasrecipes.model.built import Built, weigh_rows
from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.compatibility import takes_ids
from kerasrecipes.rows.dataset import sample_rows, take_rows
from kerasrecipes.training.fit import Scorer
from kerasrecipes.training.scores import find_interval, measure_errors, score_answers

_WORK = 3e9  # multiply-adds that take scikit-learn about a second
_MOST_VALUES, _VALUES_AT_ONCE = 50_000_000, 4_000_000
_FEWEST_ROWS, _FEWEST_STEPS = 100, 30
_LAST: dict[str, dict[str, NDArray[Any]]] = {}  # predictions of the last linear model

Predict = Callable[[Any], NDArray[Any]]
"""From rows to predictions of the same form as the saved model's."""


def fit_linear(
    recipe: Recipe, dataset: Dataset, built: Built, answers: NDArray[Any]
) -> dict[str, Any]:
    """Fit LogisticRegression or RidgeCV for about a second, and compare it with the network.

    Args:
        answers: The network's predictions for the test part.

    Returns:
        For run.json: scores by part, the mean error, and how much lower the network's mean error
        is; or the reason why there is no model.
    """
    n_rows, n_values = len(dataset.parts["train"]), _encode(dataset, built, slice(1)).shape[1]
    work = _WORK / n_values / max(dataset.n_classes, len(dataset.target_names))
    is_regression = dataset.task == "regression"
    effort = 2 * min(n_values, 1000) + 600 if is_regression else _FEWEST_STEPS
    n_used = int(min(n_rows, work / effort, _MOST_VALUES / n_values))
    reasons = {
        "targets are arrays": built.codec.is_array,
        "ids are no numbers": takes_ids(recipe),
        f"{n_values:,} values of a row take too long": n_used < min(n_rows, _FEWEST_ROWS),
        "there is one test row": len(answers) == 1,
    }
    if any(reasons.values()):
        return {"left_out": next(why for why, is_so in reasons.items() if is_so)}
    codec = replace(built.codec, thresholds=())  # no threshold is chosen for the linear model
    # The runs of a comparison share rows, and so the model.
    facts = dataset.fingerprint, dataset.target_fingerprint, recipe.dataset, recipe.class_weight
    key = repr((*facts, built.encoder.columns, replace(codec, temperature=1.0)))
    if key not in _LAST:
        n_steps = int(min(work / n_used, 1000))
        _LAST.clear()
        _LAST[key] = _predict_linear(recipe, dataset, built, n_used, n_steps)
    found = _LAST[key]
    target = dataset.parts["test"].target
    ours, theirs = (measure_errors(codec, target, each) for each in (answers, found["test"]))
    return {
        "rows": n_used,
        "of_rows": n_rows,
        "scores": score_baseline(recipe, dataset, built, found),
        "error": float(theirs.mean()),
        "gain": find_interval(theirs - ours),
    }


def _predict_linear(
    recipe: Recipe, dataset: Dataset, built: Built, n_used: int, n_steps: int
) -> dict[str, NDArray[Any]]:
    """Fit a linear model to ``n_used`` training rows, and predict the held-out parts."""
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.preprocessing import StandardScaler

    rows = sample_rows(len(dataset.parts["train"]), n_used)
    X = _encode(dataset, built, rows)
    estimator: Any = LogisticRegression(max_iter=n_steps)
    if dataset.task == "regression":
        estimator = RidgeCV((1, 30, 1000))
    scaler = StandardScaler().fit(X)
    predict = fit_baseline(estimator, scaler.transform(X), rows, recipe, dataset, built)
    found, n_at_once = {}, max(_VALUES_AT_ONCE // X.shape[1], 1)
    for name in [name for name in dataset.parts if name != "train"]:
        starts = range(0, len(dataset.parts[name]), n_at_once)
        pieces = (_encode(dataset, built, slice(i, i + n_at_once), name) for i in starts)
        found[name] = np.concatenate([predict(scaler.transform(piece)) for piece in pieces])
    return found


def _encode(dataset: Dataset, built: Built, rows: Any, part: str = "train") -> NDArray[np.float32]:
    """Encode some rows, flat: shape (n_rows, n_values)."""
    encoded = built.encoder.encode(take_rows(dataset.parts[part].inputs, rows))
    return np.nan_to_num(np.asarray(encoded, np.float32).reshape(len(encoded), -1))


def fit_baseline(
    estimator: Any, X: Any, rows: Any, recipe: Recipe, dataset: Dataset, built: Built
) -> Predict:
    """Fit an estimator to some training rows; for several targets, one for each.

    Args:
        X: Shape (n_rows, n_values).
        rows: The numbers of these rows in the training part.
    """
    from sklearn.base import clone
    from sklearn.dummy import DummyClassifier
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    part, codec, models = dataset.parts["train"], built.codec, []
    weights = weigh_rows(recipe, dataset)
    weights = part.weights if weights is None else weights
    weights = None if weights is None else weights[rows]
    n_classes = 2 if codec.is_multilabel else len(codec.class_names)
    # Beside TensorFlow's threads, those of BLAS spend most of their time waiting for each other.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        for target in part.target[rows].reshape(len(X), -1).T:
            has_one_class = n_classes and len(np.unique(target)) == 1
            model = DummyClassifier() if has_one_class else clone(estimator)
            models.append(model.fit(X, target, sample_weight=weights))

    def predict(X: Any) -> NDArray[Any]:
        answers = np.zeros((len(X), len(models), max(n_classes, 1)), np.float32)
        for i, model in enumerate(models):
            if n_classes:
                answers[:, i, model.classes_.astype(int)] = model.predict_proba(X)
            else:
                answers[:, i, 0] = model.predict(X)
        if codec.is_multilabel or (n_classes and codec.n_units == 1):
            answers = answers[..., 1]
        return answers.reshape(len(X), *codec.steps, codec.n_units)

    return predict


def score_baseline(
    recipe: Recipe, dataset: Dataset, built: Built, answers: Mapping[str, NDArray[Any]]
) -> dict[str, dict[str, float]]:
    """Compute the scores that the network has, by part: the recipe's loss and metrics, and ours.

    Args:
        answers: Predictions by part, of the same form as the saved model's.
    """
    codec, shown = built.codec, {}
    is_sigmoid = codec.is_multilabel or codec.n_units == 1
    for part, each in answers.items():
        rows = dataset.parts[part]
        outputs = codec.encode(each) if codec.mean else each
        if codec.from_logits:
            chances = np.clip(each, 1e-7, 1 - 1e-7)
            outputs = np.log(chances) - is_sigmoid * np.log1p(-chances)
        weights = () if rows.weights is None else (rows.weights,)
        shown[part] = outputs.astype(np.float32), codec.encode(rows.target), *weights
    first = next(iter(shown.values()))
    judge = keras.Sequential([keras.Input(first[0].shape[1:]), keras.layers.Identity()])
    compile_model(recipe, judge, is_weighted=len(first) > 2)
    scorer = Scorer(judge, first, recipe.batch_size)
    scores = {part: scorer(each) for part, each in shown.items()}
    if dataset.task == "regression":
        for part, each in answers.items():
            rows = dataset.parts[part]
            scores[part] |= score_answers(codec, rows.target, each, weights=rows.weights)
    return scores
