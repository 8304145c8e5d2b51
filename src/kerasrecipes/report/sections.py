"""Sections of a report, each of which answers one question."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from kerasrecipes.errors import InputError
from kerasrecipes.report.intervals import find_half_widths
from kerasrecipes.report.results import Results
from kerasrecipes.report.scored import Scored
from kerasrecipes.report.tables import Table, write_score
from kerasrecipes.report.verdict import describe_linear
from kerasrecipes.report.words import name_score, write_with_unit
from kerasrecipes.rows.words import count

_EPSILON = 1e-7  # the least probability, as in Keras: the log loss of 0 is infinite
_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Section:
    """A question about a run, and its answer.

    Attributes:
        title: The question.
        short: Its name in the list of contents.
        answer: The answer in sentences.
        table: The numbers of the answer.
        caption: How to read them.
        plots: The names of the plots that belong to it.
    """

    title: str
    short: str
    answer: str = ""
    table: Table = field(default_factory=lambda: Table({}, ()))
    caption: str = ""
    plots: tuple[str, ...] = ()


def list_sections(results: Results, drawn: Collection[str]) -> list[Section]:
    """List the sections that have a table or a plot.

    Args:
        drawn: The names of the plots that were drawn.
    """
    sections = (
        _ask_linear(results),
        Section("Which columns are important?", "Importance", plots=("importance",)),
        Section("Which places of an image are important?", "Occlusion", plots=("occlusion",)),
        _ask_probabilities(results),
        _ask_threshold(results),
        _ask_interval(results),
        Section("Where are predictions wrong?", "Residuals", plots=("residuals_by_column",)),
    )
    return [each for each in sections if each.table.rows or {*drawn} & {*each.plots}]


def _ask_linear(results: Results) -> Section:
    linear = results.info.get("linear_model", {}).get("scores", {}).get("test", {})
    rows = [
        [
            name_score(key, results.dataset, results.info.get("loss", "")),
            write_score(score),
            write_score(linear[key]),
        ]
        for key, score in results.metrics.get("test", {}).items()
        if key in linear
    ]
    return Section(
        "Is it better than a linear model?",
        "Baseline",
        describe_linear(results),
        Table({"Metric": False, "Network": True, "Linear model": True}, rows),
        "Scores on the test part; the linear model takes the same encoded rows",
    )


def _ask_probabilities(results: Results) -> Section:
    temperature = results.codec.get("temperature", 1)
    calibrated = (
        f"Logits are divided by {temperature:.3g}, the temperature with the lowest log loss on "
        "validation rows. The loss in the table of scores is computed before calibration."
    )
    is_binary = any(each.is_binary for each in results.scored)
    areas = "Areas have 95% intervals (bootstrap of up to 10,000 rows). " if is_binary else ""
    return Section(
        "How good are the probabilities?",
        "Probabilities",
        calibrated if temperature != 1 else "",
        score_probabilities(results.scored, temperature),
        f"{areas}Brier score: the mean squared error of probabilities. Calibration error: the mean "
        "difference between probability and observed frequency, in ten bins of equally many rows.",
        ("reliability",) if is_binary else ("roc_pr_curves", "reliability"),
    )


def _ask_threshold(results: Results) -> Section:
    thresholds, reason = results.codec.get("thresholds", ()), results.codec.get("threshold_reason")
    values = ", ".join(f"{each:g}" for each in thresholds)
    chosen = f"Threshold {values}: {reason}. Accuracy in the table of scores is at 0.5."
    return Section(
        "Which threshold?",
        "Threshold",
        chosen if values else "Threshold 0.5. To change it, set threshold in the recipe.",
        score_thresholds(results.scored, thresholds),
        f"Scores of the predicted classes on {results.part} {results.noun}s",
        ("roc_pr_curves",) if any(each.is_binary for each in results.scored) else (),
    )


def _ask_interval(results: Results) -> Section:
    rows: list[list[str]] = []
    residuals = np.zeros((0, 1)) if results.residuals is None else results.residuals
    several = results.split_targets() if results.has_predictions else []
    answer = "predict --interval 0.9 adds an interval to each prediction."
    for i, each in enumerate(several):
        errors = np.abs(each.y_true - each.y_pred)
        for level in _LEVELS:
            try:
                half_width = find_half_widths(residuals, level)[i]
            except InputError:  # too few rows
                continue
            covered, width = np.mean(errors <= half_width), write_with_unit(half_width, each.unit)
            rows.append([each.target, f"{level:.0%}", f"± {width}", f"{covered:.1%}"])
            if level == 0.9 and i == 0:
                tested = count(len(errors), f"{results.part} {results.noun}")
                answer = f"Intervals of 90% (± {width}) cover {covered:.1%} of {tested}. {answer}"
    headings = {"Target": False} | dict.fromkeys(("Level", "Half-width", "Covered"), True)
    return Section(
        "How wide are prediction intervals?",
        "Intervals",
        answer,
        Table(headings, rows),
        "Split conformal intervals, from the absolute residuals of validation rows",
    )


def score_probabilities(several: Sequence[Scored], temperature: float) -> Table:
    """Score probabilities, also those before calibration if there was one."""
    rows = []
    for each in several:
        before = [each.uncalibrate(temperature)] if temperature != 1 else []
        rows += [[one.name, *_score(one)] for one in (each, *before)]
    areas = ("ROC AUC", "Average precision") if any(each.is_binary for each in several) else ()
    headings = dict.fromkeys((*areas, "Brier score", "Log loss", "Calibration error"), True)
    return Table({"Probability of": False} | headings, rows)


def _score(scored: Scored) -> list[str]:
    of_true = scored.y_prob[np.arange(len(scored.y_true)), scored.y_true]
    brier = (scored.y_prob**2).sum(axis=1) - 2 * of_true + 1
    brier = brier / 2 if scored.is_binary else brier
    losses = -np.log(np.maximum(of_true, _EPSILON))
    scores = [np.average(each, weights=scored.weights) for each in (brier, losses)]
    means, shares, sizes = scored.bins
    cells = (scored.areas or ["–", "–"]) if scored.is_binary else []
    return [*cells, *(f"{score:.3f}" for score in (*scores, sizes @ np.abs(means - shares)))]


def score_thresholds(several: Sequence[Scored], thresholds: Sequence[float]) -> Table:
    """Score the predicted classes at their thresholds, and at 0.5.

    Args:
        several: Those of more than two classes have no row.
        thresholds: The least probability at which each is predicted; empty means 0.5.
    """
    from sklearn import metrics

    rows = []
    binary = [each for each in several if each.is_binary]
    for each, threshold in zip(binary, thresholds or [0.5] * len(binary), strict=False):
        for at, predicted in {0.5: each.chances > 0.5, threshold: each.y_pred == 1}.items():
            pair, weights = (each.happened, predicted), {"sample_weight": each.weights}
            by_class = metrics.precision_recall_fscore_support(
                *pair, labels=[False, True], zero_division=np.nan, **weights
            )
            accuracy, recalls = metrics.accuracy_score(*pair, **weights), by_class[1]
            balanced = recalls[~np.isnan(recalls)].mean()
            scores = accuracy, balanced, *(values[1] for values in by_class[:3])
            cells = (f"{score:.3f}" for score in scores)
            rows.append([each.name, f"{at:g}", *cells])
    names = ("Threshold", "Accuracy", "Balanced accuracy", "Precision", "Recall", "F1")
    return Table({"Predicted": False} | dict.fromkeys(names, True), rows)
