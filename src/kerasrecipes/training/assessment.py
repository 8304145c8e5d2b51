"""How good a model is: scores, a model of scikit-learn beside it, and which inputs matter."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.model.build import compile_model
from kerasrecipes.model.built import Built, weigh_rows
from kerasrecipes.model.target import TargetCodec
from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import Column, Dataset
from kerasrecipes.rows.compatibility import takes_ids
from kerasrecipes.rows.dataset import Part, count_rows, sample_rows, take_rows
from kerasrecipes.rows.windows import mix_rows
from kerasrecipes.training.fit import Scorer

_WORK = 3e9  # multiply-adds that take scikit-learn about a second
_MOST_VALUES, _VALUES_AT_ONCE = 50_000_000, 4_000_000
_FEWEST_ROWS, _FEWEST_STEPS = 100, 30
_REPEATS = 5  # of the shuffles of a column
_PATCHES = 12  # along each side of an image
_LAST: dict[str, dict[str, NDArray[Any]]] = {}  # predictions of the last linear model

Predict = Callable[[Any], NDArray[Any]]
"""From rows to predictions of the same form as the saved model's."""


def score_answers(
    codec: TargetCodec,
    target: NDArray[np.generic],
    outputs: NDArray[np.generic],
    known: NDArray[np.bool_] | None = None,
    weights: NDArray[np.floating] | None = None,
) -> dict[str, float]:
    """R², mean absolute error and root mean squared error of a saved model's outputs, for numbers.

    Several targets are scored one by one. Of a single target that is an array, errors are means
    over all numbers, and R² compares with the mean of each place. ``known`` says which steps no
    mask covers, shape (n_samples, n_steps); ``outputs`` have the shape (n_samples, ..., n_units).
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


def fit_linear(
    recipe: Recipe, dataset: Dataset, built: Built, answers: NDArray[Any]
) -> dict[str, Any]:
    """Fit LogisticRegression or RidgeCV for about a second, and compare it with the network.

    ``answers`` are the network's predictions for the test part. Returns scores by part, the mean
    error, and how much lower the network's is; or the reason why there is no model.
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

    ``X`` are their values, of shape (n_rows, n_values), and ``rows`` their numbers in that part.
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
    """Compute the scores that the network has, of predictions by part, with the recipe's loss."""
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


def measure_importance(
    built: Built, predict: Predict, part: Part, answers: NDArray[Any], limit_s: float
) -> dict[str, Any]:
    """Shuffle each column between rows, and measure how much the error increases.

    Breiman 2001, doi:10.1023/A:1010933404324. A date is shuffled as a whole, and a column of a
    series window by window. Of many rows, a sample is used. Returns the mean increase by column and
    its 95% interval over the rows; or the reason why nothing was measured.
    """
    if len(part) < 2:
        return {"left_out": "there is only one test row"}
    columns, some = built.encoder.columns, take_rows(part.inputs, slice(1024))
    predict(some)  # traces the graph
    started_s = time.perf_counter()
    predict(some)
    row_s = (time.perf_counter() - started_s) / count_rows(some)
    n_affordable = limit_s / row_s / len(columns)
    repeats = min(_REPEATS, int(n_affordable / min(len(part), _FEWEST_ROWS)))
    if repeats < 1:
        return {"left_out": "it would take more than a tenth of the time of the run"}
    rows = sample_rows(len(part), int(n_affordable / repeats))
    rng, repeated, found = np.random.default_rng(0), np.tile(rows, repeats), {}
    errors = measure_errors(built.codec, part.target[rows], answers[rows])
    for column in columns:
        shuffled = np.concatenate([rng.permutation(rows) for _ in range(repeats)])
        taken = {key: shuffled if key in column.inputs else repeated for key in part.inputs}
        outputs = predict(mix_rows(part.inputs, taken))
        worse = measure_errors(built.codec, part.target[repeated], outputs)
        found[column.name] = find_interval(worse.reshape(repeats, -1).mean(axis=0) - errors)
    return {"columns": found, "rows": len(rows), "of_rows": len(part), "repeats": repeats}


def rank_inputs(info: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    """The first input of each column, the most important first, if the report draws them."""
    found = info.get("importance", {}).get("columns", {})
    known = [each for each in columns if each.name in found]
    known.sort(key=lambda column: -found[column.name][0])
    return [column.inputs[0] for column in known if "residuals_by_column" in info["plots"]]


def occlude(
    predict: Predict, images: NDArray[Any], answers: NDArray[Any], limit_s: float
) -> NDArray[np.float32]:
    """Measure how much a patch of mean colour lowers the probability of the predicted class.

    Zeiler and Fergus 2014, arXiv:1311.2901. A patch is a quarter of the image high and wide. After
    ``limit_s`` no further image is begun. Images have the shape (n_images, height, width, ...),
    ``answers`` (n_images, n_units), and the result (n_done, n_patches, n_patches).
    """
    started_s, found = time.perf_counter(), []
    if answers.shape[1] == 1:
        answers = np.hstack([1 - answers, answers])
    height, width = images.shape[1:3]
    rows, columns = (np.arange(size) / size for size in (height, width))
    centres = (np.arange(_PATCHES) + 0.5) / _PATCHES
    down, right = (abs(each - centres[:, None]) <= 1 / 8 for each in (rows, columns))
    is_hidden = (down[:, None, :, None] & right[None, :, None, :]).reshape(-1, height, width)
    for image, chances in zip(images, answers, strict=True):
        hidden = np.repeat(image[None], len(is_hidden), axis=0)
        hidden[is_hidden] = images.mean(axis=(0, 1, 2))
        outputs = predict(hidden)
        place = int(chances.argmax())
        left = outputs[:, place] if outputs.shape[1] > 1 else abs(1 - place - outputs[:, 0])
        found.append(chances[place] - left)
        if time.perf_counter() - started_s > limit_s:
            break
    return np.array(found, np.float32).reshape(-1, _PATCHES, _PATCHES)
