"""Describes the results of a run in sentences, from its files."""

from __future__ import annotations

from itertools import accumulate
from operator import truediv

import numpy as np

from kerasrecipes.report.results import Results
from kerasrecipes.report.serving import name_thresholds
from kerasrecipes.report.words import write_number, write_with_unit
from kerasrecipes.rows.words import count, list_some

_RISE = 1.05  # a last validation loss this many times the lowest one is a sign of overfitting
_LEARNED = 0.1  # a model with a lower R² on its own training rows has learned almost nothing
_WEIGHTED = (
    "Scores, thresholds and curves are weighted by sample_weight; all else counts each row once."
)


def give_verdict(results: Results) -> list[str]:
    """Describe what the run achieved: how good the predictions are, then the limits of that."""
    if not results.has_predictions:
        missing = f"No verdict: no {results.part} row was predicted."
        return [*filter(None, [missing, describe_fit(results)])]
    spread = "If the model was trained on some of these rows, the scores are too optimistic."
    if not results.evaluated:
        seed = f" (seed {results.info['seed']})" if results.info.get("seed") is not None else ""
        spread = (
            f"This is one run{seed} on one split. Other seeds and splits give somewhat different "
            "numbers: train again with seed=1, seed=2 and so on."
        )
        if "n_steps" in results.dataset:
            spread += " Windows that overlap are alike, so the interval is too narrow."
    notes = [
        describe_score(results),
        f"{_describe_baseline(results)} {describe_linear(results)}".strip(),
        _WEIGHTED if results.dataset.get("weighted") else "",
        describe_fit(results),
        spread,
    ]
    return [*filter(None, notes)]


def describe_score(results: Results) -> str:
    """Say how good the predictions are, with a 95% confidence interval for classes."""
    rows = count(len(results.actual), f"{results.part} row")
    if not results.has_classes:
        errors = [
            f"{write_with_unit(each.row_errors.mean(), each.unit)} for {each.target}"
            for each in results.by_target
        ]
        r2 = results.metrics.get(results.part, {}).get("r2")
        explained = (
            "" if r2 is None else f" The model explains {_write_r2(r2)} of the variance (R²)."
        )
        return f"The mean absolute error on {rows} is {list_some(errors)}.{explained}"
    method = "Wilson"
    if results.actual.ndim > 1:
        is_sure = results.row_errors.mean() in (0, 1)
        method = f"{'Wilson' if is_sure else 'Student'}, over rows"
        values = count(results.actual.count(), "label" if results.is_multilabel else "value")
        rows = f"the {values} of {rows}"
    weights, weighted = np.array(results.info.get("class_weights", ())), ""
    y_true, y_pred = results.y_true, results.y_pred
    if not results.is_multilabel and len(weights) > y_true.max() and weights[y_true].any():
        share = np.average(y_true == y_pred, weights=weights[y_true])
        weighted = f" Weighted by class_weight, as in training, it is {share:.1%}."
    is_right = "is right" if results.is_multilabel else "predicts the right class"
    thresholds = results.codec.get("thresholds", ())
    at = f" at threshold {thresholds[0]:.4g}" if len(thresholds) == 1 else ""
    low, high = _find_interval(results)
    return (
        f"The model {is_right} for {(1 - results.row_errors).mean():.1%} of {rows}{at} (95% "
        f"confidence interval {100 * low:.1f}–{high:.1%}, {method}).{weighted}"
    )


def _write_r2(r2: float) -> str:
    return f"{r2:.0%}" if r2 > 0 else "none"


def describe_linear(results: Results) -> str:
    """Say how good a linear model on the same rows is, and whether the network is better."""
    facts = results.info.get("linear_model", {})
    if not facts.keys() >= {"error", "gain", "rows", "of_rows"}:
        return ""
    if results.has_classes:
        score, points = f"is right for {1 - facts['error']:.1%}", " points"
        gains = np.clip(facts["gain"], -1, 1) * 100
    else:
        unit = "standard deviations" if len(results.targets) > 1 else results.unit
        score, points = f"has an error of {write_with_unit(facts['error'], unit)}", ""
        gains = facts["gain"]
    mean, low, high = gains
    verdict = "the network is not clearly better"
    if low > 0:
        verdict = "the network is better"
    elif high < 0:
        verdict = "it is better than the network"
    sample = f" fitted to {facts['rows']:,} rows" if facts["rows"] < facts["of_rows"] else ""
    at = " at threshold 0.5" if results.codec.get("thresholds") else ""
    return (
        f"A linear model{sample} {score}{at}: {verdict}{at} (difference {write_number(mean, 2)}"
        f"{points}, 95% interval {write_number(low, 2)} to {write_number(high, 2)})."
    )


def describe_thresholds(results: Results) -> str:
    """Say what the chosen thresholds apply to, and how they were chosen; empty without any."""
    values = [f"{value:.4g} for {name}" for name, value in name_thresholds(results.codec).items()]
    why = results.codec.get("threshold_reason")
    at = f"Threshold {', '.join(values)}: {why}. Accuracy in the table of scores is at 0.5."
    return at if values else ""


def describe_fit(results: Results) -> str:
    """Say whether the model has learned, whether it overfits, and of which epoch its weights are.

    Empty for an evaluation. A model that is hardly better than the mean on its own training rows
    has not learned yet, whatever its losses are; others overfit if the validation loss has risen.
    """
    if results.evaluated:
        return ""
    epoch = results.info.get("weights_of_epoch")
    weights = f"The model has the weights of epoch {epoch:,}." if epoch else ""
    return " ".join(filter(None, [_describe_losses(results), weights]))


def _describe_losses(results: Results) -> str:
    scores = results.metrics.get("train", {})
    r2 = [value for name, value in scores.items() if name == "r2" or name.startswith("r2_")]
    if r2 and max(r2) < _LEARNED:
        return (
            f"The model has hardly learned yet: it explains {_write_r2(max(r2))} of the variance "
            "of its own training rows (R²). Train longer, or change the learning rate or the model."
        )
    curve, best = results.history.get("val_loss", []), results.best_epoch
    if not curve and results.epochs_run:
        return "No rows were held out for validation, so overfitting cannot be judged."
    if best is None:
        return ""
    ends = [
        results.metrics.get(part, {}).get("loss", losses[-1])
        for part, losses in (("train", results.history["loss"]), ("validation", curve))
    ]
    train, validation = map(write_number, ends)
    both = f"loss is {train} on the training part and {validation} on the validation part."
    if best == len(curve) > 1:
        return (
            f"The {both} Validation loss was lowest in the last epoch: more epochs may improve the "
            "model."
        )
    lowest, last = curve[best - 1], curve[-1]
    if last > _RISE * lowest > 0:
        both += (
            f" Validation loss was lowest after epoch {best:,} of {results.epochs_run:,} "
            f"({write_number(lowest)}) and ended at {write_number(last)}"
        )
        # Rises before that epoch were noise, since the loss fell further afterwards.
        if last / lowest <= max(map(truediv, curve[:best], accumulate(curve, min))):
            return f"The {both}; it rose as much before that epoch and fell again."
        return f"{'Signs of overfitting: the' if ends[1] > ends[0] else 'The'} {both}."
    return f"The {both}"


def _describe_baseline(results: Results) -> str:
    """Compare the predictions with those that need no learning; empty for several numbers."""
    if results.has_classes:
        counts = [np.bincount(each.y_true) for each in results.by_target]
        share = float(np.mean([each.max() / each.sum() for each in counts]))
        what = "value of each label" if results.is_multilabel else "class"
        low, high = _find_interval(results)
        doubt = "" if low > share else ": the model is not clearly better"
        doubt = ": the model scores lower" if high < share else doubt
        return f"Always predicting the most frequent {what} would score {share:.1%}{doubt}."
    if len(results.targets) > 1:
        return ""
    baselines = {"the mean": np.ma.abs(results.actual - results.actual.mean(axis=0)).mean()}
    period = results.dataset.get("period")
    for column, what in (
        ("last_value", "a window's last value"),
        ("one_period_ago", f"the value one period ago ({period} rows)"),
    ):
        values = np.array(results.predictions.get(column, np.nan), float)
        if np.isfinite(values).any():
            baselines[what] = np.nanmean(np.abs(results.y_true - values))
    sentences = [
        f"Always predicting {what} would have an error of {write_with_unit(error, results.unit)}."
        for what, error in baselines.items()
    ]
    if len(results.row_errors) > 1:
        ends = [write_with_unit(end, results.unit) for end in _find_interval(results)]
        sentences.insert(0, f"The 95% confidence interval of the error is {' to '.join(ends)}.")
    return " ".join(sentences)


def _find_interval(results: Results) -> tuple[float, float]:
    """The 95% interval of the mean error, or of the share that is right."""
    from scipy import stats

    errors = results.row_errors
    if results.has_classes and (results.actual.ndim == 1 or errors.mean() in (0, 1)):
        # doi:10.1080/01621459.1927.10502953
        test = stats.binomtest(int((errors == 0).sum()), len(errors))
        wilson = test.proportion_ci(method="wilson")
        return float(wilson.low), float(wilson.high)
    values, highest = (1 - errors, 1.0) if results.has_classes else (errors, np.inf)
    if len(values) < 2:
        return 0.0, highest
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)  # of rows, which are independent
    return max(float(values.mean() - half), 0.0), min(float(values.mean() + half), highest)
