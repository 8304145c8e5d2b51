"""Describes the results of a run in sentences, from its files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.report.results import Results
from kerasrecipes.report.words import write_number, write_with_unit
from kerasrecipes.rows.words import count

_GAP = 1.2
"""A validation loss this many times the training loss may mean overfitting, if the gap grew."""

_SMALL = 0.001
"""A gap of a smaller share of the first validation loss means nothing."""

_RISE = 1.05
"""A last validation loss this many times the lowest one means that training went on too long."""

_STILL_FALLS = 0.05
"""A validation loss still falls if the last quarter of the epochs has this share of its fall."""

_LEARNED = 0.1
"""A model that removes a smaller share of the baseline's error has learned almost nothing."""

_WEIGHTED = (
    "Scores, thresholds and curves are weighted by sample_weight; all else counts each row once."
)

_ACCURACIES = ("accuracy", "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy")

_MOST_TARGETS = 6
"""How many of several targets are described; the table of scores has them all."""


def give_verdict(results: Results) -> list[str]:
    """Describe what the run achieved: how good the predictions are, then the limits of that."""
    if not results.has_predictions:
        notes = [_describe_nothing(results), describe_fit(results)]
        return [*filter(None, notes)]
    if results.is_multilabel:
        baselines = [_describe_label_baseline(results)]
    elif results.is_classification:
        baselines = [f"{_describe_class_baseline(results)} {describe_most_confused(results)}"]
    elif len(results.targets) == 1:
        baselines = [_describe_errors(results)]
    else:
        baselines = [
            f"{each.target}: {_describe_errors(each)} {_describe_r2(each)}"
            for each in results.split_targets()[:_MOST_TARGETS]
        ]
    baselines[-1] = f"{baselines[-1]} {describe_linear(results, is_short=True)}".rstrip()
    baselines += [_WEIGHTED] if results.dataset.get("weighted") else []
    notes = [describe_score(results), *baselines, describe_fit(results), _describe_spread(results)]
    return [*filter(None, notes)]


def describe_score(results: Results) -> str:
    """Say how good the predictions are, with a 95% confidence interval for classes."""
    if results.is_multilabel:
        return _describe_labels(results)
    if results.is_classification:
        n_correct, n_samples = _count_correct(results)
        low, high = _accuracy_interval(results)
        method = f"Student, over {results.noun}s" if results.is_array else "Wilson"
        thresholds = results.codec.get("thresholds", ())
        at = f" at threshold {thresholds[0]:g}" if len(thresholds) == 1 else ""
        return (
            f"The model predicts the right class for {n_correct / n_samples:.1%} of "
            f"{_count_rows(results)}{at} (95% confidence interval {100 * low:.1f}–{high:.1%}, "
            f"{method}).{_describe_weighted(results)}"
        )
    targets = results.split_targets()
    errors = [
        f"{write_with_unit(np.abs(each.y_true - each.y_pred).mean(), each.unit)} for {each.target}"
        for each in targets[:_MOST_TARGETS]
    ]
    rest = len(targets) - _MOST_TARGETS
    more = f", and {count(rest, 'more target')}" if rest > 0 else ""
    r2 = f" {_describe_r2(results)}" if len(targets) == 1 else ""
    return f"The mean absolute error on {_count_rows(targets[0])} is {', '.join(errors)}{more}.{r2}"


def _describe_weighted(results: Results) -> str:
    """Say how good the predictions are if rows are weighted by class_weight, as in training."""
    by_class = np.array(results.info.get("class_weights", ()))
    weights = by_class[results.y_true] if len(by_class) > results.y_true.max() else np.zeros(1)
    if not weights.any():
        return ""
    share = np.average(results.y_true == results.y_pred, weights=weights)
    return f" Weighted by class_weight, as in training, it is {share:.1%}."


def describe_linear(results: Results, *, is_short: bool = False) -> str:
    """Say how good a linear model on the same rows is, and whether the network is better.

    Args:
        is_short: Whether to leave out the difference.
    """
    facts = results.info.get("linear_model", {})
    if not facts.keys() >= {"error", "gain", "rows", "of_rows"}:
        return ""
    are_shares = results.is_classification or results.is_multilabel
    unit = "standard deviations" if len(results.targets) > 1 else results.unit
    score = f"has an error of {write_with_unit(facts['error'], unit)}"
    score = f"is right for {1 - facts['error']:.1%}" if are_shares else score
    sample = f" fitted to {facts['rows']:,} rows" if facts["rows"] < facts["of_rows"] else ""
    _, lowest, highest = facts["gain"]
    verdict = "the network is not clearly better"
    if lowest > 0 or highest < 0:
        verdict = "the network is better" if lowest > 0 else "it is better than the network"
    at = " at threshold 0.5" if results.codec.get("thresholds") else ""
    sentence = f"A linear model{sample} {score}{at}: {verdict}{at}"
    if is_short:
        return f"{sentence}."
    differences = np.clip(facts["gain"], -1, 1) * 100 if are_shares else facts["gain"]
    gain, low, high = (write_number(each, 2) for each in differences)
    unit = " points" if are_shares else ""
    return f"{sentence} (difference {gain}{unit}, 95% interval {low} to {high})."


def describe_most_confused(results: Results) -> str:
    """Say which class was most often predicted as which other class."""
    wrong = results.y_true != results.y_pred
    if not wrong.any():
        return f"No {results.part} {results.value_noun} was misclassified."
    pairs, counts = np.unique(
        np.stack([results.y_true[wrong], results.y_pred[wrong]]), axis=1, return_counts=True
    )
    actual, predicted = (results.class_names[i] for i in pairs[:, np.argmax(counts)])
    times = count(counts.max(), "time")
    return f"Most frequent confusion: {actual} predicted as {predicted} ({times})."


def describe_fit(results: Results) -> str:
    """Say whether the model has learned, whether it overfits, and of which epoch its weights are.

    Three rules, in this order:

    1. A model that is hardly better than the baseline on its own training rows has not learned
       yet, whatever its losses are.
    2. It overfits if the validation loss is well above the training loss, this gap has grown
       during training, the validation loss no longer falls, and validation rows are predicted
       wrong.
    3. A validation loss that still falls clearly suggests more epochs.

    Returns:
        Sentences; empty for an evaluation.
    """
    if results.evaluated:
        return ""
    epoch = results.info.get("weights_of_epoch")
    weights = f"The model has the weights of epoch {epoch:,}." if epoch else ""
    return " ".join(filter(None, [_describe_losses(results), weights]))


def _describe_losses(results: Results) -> str:
    curve = results.history.get("val_loss", [])
    still_falls = _still_falls(results)
    lasts = "Validation loss was still falling in the last epoch: train for more epochs."
    if weakness := _describe_weakness(results):
        remedy = lasts if still_falls else "Train longer, or change the learning rate or the model."
        return f"The model has hardly learned yet: {weakness}. {remedy}"
    if not results.history.get("loss"):
        return ""
    if not curve:
        return "No rows were held out for validation, so overfitting cannot be judged."
    train, validation = (
        results.metrics.get(part, {}).get("loss", results.history[column][-1])
        for part, column in (("train", "loss"), ("validation", "val_loss"))
    )
    if not np.isfinite([train, validation]).all():
        return ""
    both = (
        f"the loss is {write_number(train)} on the training part and {write_number(validation)} "
        "on the validation part"
    )
    first_loss = results.history["loss"][0]
    has_grown = validation * first_loss > _GAP * train * curve[0]
    is_small = validation - train < _SMALL * curve[0] or _is_always_right(results)
    has_gap = validation > _GAP * train > 0 and has_grown and not is_small
    lowest = curve[(results.best_epoch or 1) - 1]
    has_risen = curve[-1] > _RISE * lowest > 0
    signs = f"{'Signs' if has_gap or has_risen else 'Little sign'} of overfitting"
    if len(curve) > 1 and results.best_epoch == len(curve):
        lasts = lasts if still_falls else "Validation loss was lowest in the last epoch."
        return f"{both[0].upper()}{both[1:]}. {lasts}"
    if has_risen:
        return (
            f"{signs}: {both}. Validation loss was lowest after epoch {results.best_epoch:,} of "
            f"{results.epochs_run:,} ({write_number(lowest)}) and ended at "
            f"{write_number(curve[-1])}."
        )
    return f"{signs}: {both}."


def _still_falls(results: Results) -> bool:
    """Whether validation loss is lowest in the last epoch, and more epochs promise a better one."""
    curve = results.history.get("val_loss", [])
    if len(curve) < 2 or results.best_epoch != len(curve):
        return False
    if _is_always_right(results):
        return False
    before = curve[-1 - max(len(curve) // 4, 1)]
    return before - curve[-1] > _STILL_FALLS * (curve[0] - curve[-1])


def _is_always_right(results: Results) -> bool:
    """Whether all validation rows were predicted right in the last epoch."""
    return any(results.history.get(f"val_{name}", [0])[-1] == 1 for name in _ACCURACIES)


def _describe_weakness(results: Results) -> str:
    """Say why the model is no better than the baseline on its training rows, if so."""
    scores = results.metrics.get("train", {})
    if not results.is_classification:
        r2 = [value for name, value in scores.items() if name == "r2" or name.startswith("r2_")]
        if not r2 or max(r2) >= _LEARNED:
            return ""
        return f"it explains {max(max(r2), 0):.0%} of the variance of its own training rows (R²)"
    counts = results.dataset.get("class_counts", {}).get("train")
    accuracy = next((scores[name] for name in _ACCURACIES if name in scores), None)
    if not counts or accuracy is None or not results.has_predictions:
        return ""
    from sklearn.metrics import recall_score

    # A model trained with class_weight may score below the most frequent class, but not in recall.
    recall = recall_score(results.y_true, results.y_pred, average="macro", zero_division=0)
    chance, share = 1 / len(counts), max(counts) / sum(counts)
    if _skill(accuracy, share) >= _LEARNED or _skill(recall, chance) >= _LEARNED:
        return ""
    return (
        f"its accuracy on its own training rows is {accuracy:.1%}, and "
        f"{share:.1%} of them are of the most frequent class"
    )


def _skill(score: float, baseline: float) -> float:
    """The share of a baseline's errors that a model avoids."""
    return (score - baseline) / (1 - baseline) if baseline < 1 else 1.0


def _describe_nothing(results: Results) -> str:
    if results.evaluated:
        return f"No verdict: no {results.noun} of {results.evaluated} was predicted."
    epochs = count(results.epochs_run, "epoch")
    return f"No verdict: {epochs} finished, and no test {results.noun} was predicted."


def _describe_spread(results: Results) -> str:
    if results.evaluated:
        return (
            f"A confidence interval covers only the choice of these {results.noun}s. If the model "
            "was trained on some of them, these scores are too optimistic."
        )
    seed = results.info.get("seed")
    is_series = "n_steps" in results.dataset
    alike = " Windows that overlap are alike, so the interval is too narrow." * is_series
    return (
        f"This is one run{'' if seed is None else f' (seed {seed})'} on one split. Other seeds and "
        f"splits give somewhat different numbers, and a confidence interval covers only the choice "
        f"of test {results.noun}s.{alike} Train again with seed=1, seed=2 and so on to see the "
        "spread."
    )


def _describe_class_baseline(results: Results) -> str:
    trained = results.dataset.get("class_counts", {}).get("train")
    counts = trained or np.bincount(results.y_true)
    share = float(np.mean(results.y_true == np.argmax(counts)))
    whose = "the" if trained else f"these {results.value_noun}s'"
    sentence = f"Always predicting {whose} most frequent class would score {share:.1%}"
    if _accuracy_interval(results)[0] > share:
        return f"{sentence}."
    return f"{sentence}: the model is not clearly better."


def _describe_errors(results: Results) -> str:
    """Compare a target's mean absolute error with that of predicting the mean."""
    errors, interval, simple = results.row_errors, "", ""
    baseline = np.abs(results.y_true - results.y_true.mean()).mean()
    mean_of = f"these {results.noun}s"
    if results.is_array:
        known = results.predictions.get("known", True)
        actual = np.ma.array(results.predictions["actual"].astype(float), mask=~np.array(known))
        baseline = np.ma.abs(actual - actual.mean(axis=0)).mean()
        mean_of = f"each value over these {results.noun}s"
    period = results.dataset.get("period")
    for column, what in (
        ("last_value", "a window's last value"),
        ("one_period_ago", f"the value one period ago ({period} rows)"),
    ):
        values = np.array(results.predictions.get(column, np.nan), float)
        if np.isfinite(values).any():
            error = write_with_unit(np.nanmean(np.abs(results.y_true - values)), results.unit)
            simple += f" Always predicting {what} would have an error of {error}."
    if len(errors) > 1:
        ends = " to ".join(write_with_unit(end, results.unit) for end in _mean_interval(errors))
        interval = f"The 95% confidence interval of the error is {ends}. "
    return (
        f"{interval}Always predicting the mean of {mean_of} would have an error of "
        f"{write_with_unit(baseline, results.unit)}.{simple}"
    )


def _describe_r2(results: Results) -> str:
    """Say how much of the variance the predictions explain; empty for a single row."""
    from sklearn.metrics import r2_score

    if len(results.y_true) < 2:
        return ""
    r2 = results.metrics.get(results.part, {}).get("r2") if results.is_array else None
    r2 = r2_score(results.y_true, results.y_pred) if r2 is None else r2
    if r2 > 0:
        return f"The model explains {r2:.0%} of the variance (R²)."
    return f"The model explains none of the variance (R² {write_number(r2)})."


def _count_rows(results: Results) -> str:
    """Count the predicted rows in words: ``152 test rows``, ``60 rows of new.csv``."""
    n_rows = len(next(iter(results.predictions.values())))
    rows = count(n_rows, results.noun if results.evaluated else f"test {results.noun}")
    if results.is_array:
        rows = f"the {count(len(results.y_true), results.value_noun)} of {rows}"
    return f"{rows} of {results.evaluated}" if results.evaluated else rows


def _describe_labels(results: Results) -> str:
    """Say how many labels are right, and how many rows in all of theirs."""
    wrong = _compare_labels(results)
    n_right, n_rows = int((~wrong.any(axis=1)).sum()), len(wrong)
    low, high = wilson_interval(n_right, n_rows)
    return (
        f"The model predicts {1 - wrong.mean():.1%} of the {count(wrong.size, 'label')} of "
        f"{_count_rows(results)} right. All labels are right in {n_right / n_rows:.1%} of these "
        f"{results.noun}s (95% confidence interval {100 * low:.1f}–{high:.1%}, Wilson)."
    )


def _describe_label_baseline(results: Results) -> str:
    shares = [each.y_true.mean() for each in results.split_targets()]
    frequent = np.mean([max(share, 1 - share) for share in shares])
    wrong = _compare_labels(results).mean(axis=0)
    name = results.targets[int(wrong.argmax())]
    return (
        f"Always predicting the more frequent value of each label would be right for "
        f"{frequent:.1%}. The label that is most often wrong is {name} ({wrong.max():.1%})."
    )


def _compare_labels(results: Results) -> NDArray[np.bool_]:
    """Which labels are wrong, of shape (n_rows, n_labels)."""
    return np.column_stack([each.y_true != each.y_pred for each in results.split_targets()])


def _accuracy_interval(results: Results) -> tuple[float, float]:
    """An interval of the accuracy at 95%; values of one row are not independent."""
    if results.is_array and len(results.row_errors) < 2:
        return 0.0, 1.0
    if results.is_array:
        low, high = _mean_interval(1 - results.row_errors)
        return low, min(high, 1.0)
    return wilson_interval(*_count_correct(results))


def _count_correct(results: Results) -> tuple[int, int]:
    return int(np.sum(results.y_true == results.y_pred)), len(results.y_true)


def wilson_interval(n_correct: int, n_samples: int) -> tuple[float, float]:
    """Wilson's score interval of a share at 95%, doi:10.1080/01621459.1927.10502953."""
    from scipy.stats import binomtest

    interval = binomtest(n_correct, n_samples).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Student's interval of a mean at 95%."""
    from scipy.stats import sem, t

    half = float(sem(values) * t.ppf(0.975, len(values) - 1))
    return max(float(values.mean()) - half, 0.0), float(values.mean()) + half
