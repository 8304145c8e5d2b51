"""Sections of a report, each of which answers one question."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from kerasrecipes.errors import InputError
from kerasrecipes.report.intervals import find_half_widths
from kerasrecipes.report.results import Results
from kerasrecipes.report.scored import Scored
from kerasrecipes.report.tables import Table
from kerasrecipes.report.words import write_with_unit

_EPSILON = 1e-7  # the least probability, as in Keras: the log loss of 0 is infinite


@dataclass(frozen=True)
class Section:
    """A question about a run, and its answer.

    Attributes:
        title: The question.
        answer: The answer in sentences.
        table: The numbers of the answer.
        caption: How to read them.
        plots: The names of the plots that belong to it.
    """

    title: str
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
        Section("Which columns are important?", plots=("importance",)),
        Section("Which places of an image are important?", plots=("occlusion",)),
        _ask_probabilities(results),
        _ask_threshold(results),
        _ask_interval(results),
        Section("Where are predictions wrong?", plots=("residuals_by_column",)),
    )
    return [each for each in sections if each.table.rows or {*drawn} & {*each.plots}]


def _ask_probabilities(results: Results) -> Section:
    temperature = results.codec.get("temperature", 1)
    calibrated = (
        f"Logits are divided by {temperature:.3g}, the temperature with the lowest log loss on "
        "validation rows. The loss in the table of scores is computed before calibration."
    )
    return Section(
        "How good are the probabilities?",
        calibrated if temperature != 1 else "",
        score_probabilities(results.scored),
        "Brackets contain 95% intervals. Brier score: the mean squared error of probabilities. "
        "Calibration error: the mean difference between probability and observed frequency, in ten "
        "bins of equally many rows.",
        ("roc_pr_curves", "reliability"),
    )


def _ask_threshold(results: Results) -> Section:
    thresholds, reason = results.codec.get("thresholds", ()), results.codec.get("threshold_reason")
    values = ", ".join(f"{each:g}" for each in thresholds)
    return Section(
        "Which threshold?",
        f"Threshold {values}: {reason}. Accuracy in the table of scores is at 0.5.",
        score_thresholds(results.scored, thresholds),
        f"Scores of the predicted classes on {results.part} rows",
    )


def _ask_interval(results: Results) -> Section:
    rows: list[list[str]] = []
    residuals = np.zeros((0, 1)) if results.residuals is None else results.residuals
    several = results.split_targets() if results.has_predictions else []
    with suppress(InputError):  # too few rows
        for each, half_width in zip(several, find_half_widths(residuals, 0.9), strict=False):
            covered = np.mean(each.row_errors <= half_width)
            rows.append(
                [each.target, f"± {write_with_unit(half_width, each.unit)}", f"{covered:.1%}"]
            )
    return Section(
        "How wide are prediction intervals?",
        "predict --interval 0.9 adds an interval to each prediction.",
        Table({"Target": False, "Half-width": True, "Covered": True}, rows),
        "Split conformal intervals of 90%, from the absolute residuals of validation rows, and the "
        f"share of {results.part} rows that they cover",
    )


def score_probabilities(several: Sequence[Scored]) -> Table:
    """Score probabilities."""
    rows = [[each.name, *_score(each)] for each in several]
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
    scores.append(sizes @ np.abs(means - shares))
    areas = (scored.areas or ["–", "–"]) if scored.is_binary else []
    return [*areas, *(f"{score:.3f}" for score in scores)]


def score_thresholds(several: Sequence[Scored], thresholds: Sequence[float]) -> Table:
    """Score the predicted classes at their thresholds, and at 0.5.

    Args:
        several: Those of more than two classes have no row.
        thresholds: The least probability at which each is predicted; empty if none was chosen.
    """
    from sklearn import metrics

    rows = []
    binary = [each for each in several if each.is_binary]
    for each, threshold in zip(binary, thresholds, strict=False):
        for at, predicted in {0.5: each.chances > 0.5, threshold: each.y_pred == 1}.items():
            *scores, _ = metrics.precision_recall_fscore_support(
                each.happened,
                predicted,
                average="binary",
                zero_division=np.nan,
                sample_weight=each.weights,
            )
            for score in (metrics.balanced_accuracy_score, metrics.accuracy_score):
                scores.insert(0, score(each.happened, predicted, sample_weight=each.weights))
            rows.append([each.name, f"{at:g}", *(f"{score:.3f}" for score in scores)])
    names = ("Threshold", "Accuracy", "Balanced accuracy", "Precision", "Recall", "F1")
    return Table({"Predicted": False} | dict.fromkeys(names, True), rows)
