"""Plots of probabilities, and of residuals by column, with their captions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from kerasrecipes.report import group_values
from kerasrecipes.report.axes import SMALL
from kerasrecipes.report.fonts import Fonts
from kerasrecipes.report.results import Results
from kerasrecipes.report.scored import Scored
from kerasrecipes.report.style import COLORS, MUTED, SERIES, PageFigure, new_figure
from kerasrecipes.report.verdict import wilson_interval
from kerasrecipes.report.words import shorten
from kerasrecipes.rows.dataset import sample_rows

Drawing = tuple[list[Figure], PageFigure]

_LONGEST_NAME = 24
_MOST_ROWS, _MOST_POINTS = 5000, 500


def draw_roc_pr_curves(results: Results, fonts: Fonts) -> Drawing | None:
    """Draw ROC and precision-recall curves of two classes, of each of more, or of each label."""
    several = [each for each in islice(results.separated, len(SERIES)) if each.areas]
    if not several:
        return None
    panels = [new_figure(4.4, 4.8) for _ in range(2)]
    roc, pr = map(_make_square, panels)
    roc.plot([0, 1], [0, 1], "--", color=MUTED, lw=1.2, zorder=1)
    for color, each in zip(SERIES, several, strict=False):
        label = shorten(fonts.spell(each.name, "class"), _LONGEST_NAME)
        of_curve, of_point = _trace(each, each.chances), _trace(each, each.y_pred)
        for ax, curve, area, point in zip((roc, pr), of_curve, each.areas, of_point, strict=True):
            ax.plot(*curve, color=color, lw=1.6, label=f"{label}: area {area}")
            ax.plot(*point[:, 1], "o", ms=7, mfc="none", mec=color, mew=1.8)
            ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.15), fontsize=SMALL)
    roc.set(xlabel="False positive rate", ylabel="Recall (true positive rate)", title="ROC")
    pr.set(xlabel="Recall", ylabel="Precision", title="Precision and recall")
    names = [each.name for each in several]
    n_all, notes, point_is = len(results.separated), "", "the threshold of the predicted classes"
    if not results.is_multilabel and n_all > 1:
        notes = " Each class is separated from all others."
        point_is = "the predicted classes, which are the likeliest, whatever their probability"
    if len(names) < n_all:
        notes += f" Drawn are {len(names)} of {n_all}."
    return panels, PageFigure(
        title="ROC and precision-recall curves",
        alt=f"ROC and precision-recall curves of {', '.join(names)}.",
        caption=f"Each point of a curve is a threshold; the circle is {point_is}. Brackets contain "
        "95% intervals (bootstrap). The dashed line is chance."
        f"{notes}",
    )


def draw_reliability(results: Results, fonts: Fonts) -> Drawing | None:
    """Draw observed frequencies over probabilities, in groups of similar probability."""
    several, temperature = results.scored[: len(SERIES)], results.codec.get("temperature", 1)
    if not several:
        return None
    figure = new_figure(4.6, 4.8)
    ax = _make_square(figure)
    ax.plot([0, 1], [0, 1], "--", color=MUTED, lw=1.2, zorder=1)
    ax.set(xlabel="Mean predicted probability", ylabel="Observed frequency")
    is_one = len(several) == 1
    with_ends = is_one and bool((several[0].weights == 1).all())
    intervals = " Vertical lines are 95% intervals (Wilson)." if with_ends else ""
    for color, each in zip(SERIES, several, strict=False):
        means, shares, sizes = each.bins
        label = shorten(fonts.spell(each.name, "class"), _LONGEST_NAME)
        ax.plot(means, shares, "o-", color=color, lw=1.6, ms=4, label=label)
        if with_ends:
            n_rows = np.rint(sizes * len(each.y_true)).astype(int)
            n_true = np.rint(shares * n_rows).astype(int)
            ends = [*map(wilson_interval, n_true, n_rows)]
            ax.vlines(means, *np.transpose(ends), color=color, lw=1.2, alpha=0.5)
        if is_one and temperature != 1:
            before = each.uncalibrate(temperature)
            ax.plot(*before.bins[:2], "o-", color=MUTED, lw=1, ms=3, label=before.name)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.15), fontsize=SMALL, ncols=2)
    return [figure], PageFigure(
        title="Reliability curve",
        alt=f"Reliability curve of {', '.join(each.name for each in several)}.",
        caption="Each point is a tenth of the rows, of similar probability. On the dashed line, a "
        "probability of 80% is right in 80% of the rows; below it, probabilities are too high."
        f"{intervals}",
    )


def draw_residuals_by_column(results: Results, fonts: Fonts) -> Drawing | None:
    """Draw residuals over the most important columns; of many rows, some."""
    columns = results.columns
    is_one = len(results.targets) == 1 and not results.is_classification
    if not (is_one and columns and results.has_predictions):
        return None
    shown = sample_rows(len(results.y_true), _MOST_ROWS)
    residuals = (results.y_true - results.y_pred)[shown]
    panels = [new_figure(4.4, 3) for _ in columns]
    for panel, (name, values) in zip(panels, columns.items(), strict=True):
        ax, texts = panel.subplots(), [fonts.spell(values[i], "other") for i in shown]
        plot_residuals_by_column(texts, residuals, ax)
        ax.set_xlabel(shorten(fonts.spell(name, "column"), _LONGEST_NAME))
    return panels, PageFigure(
        title="Residuals by column",
        alt=f"Residuals (actual minus predicted {results.target}) over {', '.join(columns)}.",
        caption="The most important columns. Large points are means of rows with similar values; "
        "where they are above zero, predictions are too low.",
    )


def plot_residuals_by_column(
    values: Sequence[Any], residuals: NDArray[np.float64], ax: Axes
) -> None:
    """Plot residuals over a column, with the means of ten groups of values, or of categories.

    Args:
        values: Shape (n_samples,), numbers or texts.
        residuals: Shape (n_samples,), actual less predicted.
    """
    line = "o-"
    try:
        x = np.array(values, dtype=float)
        groups = group_values(x)
    except ValueError:
        texts, groups = np.unique(values, return_inverse=True)
        x, line = groups.astype(float), "o"
        names = [shorten(text, _LONGEST_NAME // 2) for text in texts]
        ax.set_xticks(np.arange(len(texts)), names, rotation=30, ha="right")
    known = np.isfinite(x)
    shown = np.flatnonzero(known)[:: len(x) // _MOST_POINTS + 1]
    ax.scatter(x[shown], residuals[shown], color=COLORS["train"], s=14, alpha=0.4, lw=0)
    sizes = np.bincount(groups[known])
    means = [np.bincount(groups[known], each[known])[sizes > 0] for each in (x, residuals)]
    ax.plot(*(means / sizes[sizes > 0]), line, color=COLORS["validation"], lw=1.6, ms=5)
    ax.axhline(0, color=MUTED, lw=1.2, ls="--")
    ax.set_ylabel("Actual − predicted")


def _make_square(figure: Figure) -> Axes:
    ax = figure.subplots()
    ticks = [0, 0.25, 0.5, 0.75, 1]
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=ticks, yticks=ticks)
    return ax


def _trace(scored: Scored, y_score: NDArray[Any]) -> list[NDArray[Any]]:
    """The points of the ROC and the precision-recall curve: each an array of shape (2, n)."""
    pair, weights = (scored.happened, y_score), {"sample_weight": scored.weights}
    fpr, tpr, _ = roc_curve(*pair, **weights)
    precision, recall, _ = precision_recall_curve(*pair, **weights)
    return [np.stack([fpr, tpr]), np.stack([recall, precision])]
