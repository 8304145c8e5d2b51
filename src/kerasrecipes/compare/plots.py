"""The comparison's pictures: functions from arrays and a matplotlib Axes to that Axes.

As in ``report/plots.py``, they know neither contenders nor run folders, and can be used alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from kerasrecipes.report.axes import find_line_ends, scale_curves, spread_apart
from kerasrecipes.report.style import INK, MUTED, SERIES

_LABEL_SIZE = 9
_MARKERS_UP_TO = 30  # epochs
_MOST_POINTS = 400  # of a curve: more cannot be told apart, and would only swell the file
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))  # for lines whose colours repeat


def plot_scores(
    scores: Mapping[str, Sequence[float]],
    intervals: Sequence[tuple[float, float]],
    notes: Sequence[str],
    ax: Axes,
    *,
    label: str,
    is_narrow: bool = False,
) -> Axes:
    """Plot every seed's score as a dot, and below the dots the mean with its interval.

    Args:
        scores: By name, from top to bottom; each of shape (n_seeds,).
        intervals: Shape (n_names, 2), the ends of each mean's interval; NaN where it has none.
        notes: Shape (n_names,), what is written beside each row.
        ax: Where to draw.
        label: What the scores are.
        is_narrow: Whether names and notes stand above their rows, not beside them.
    """
    means = [float(np.mean(values)) for values in scores.values()]
    if np.isfinite(means[0]):
        ax.axvline(means[0], color=MUTED, lw=1, ls=(0, (1, 2)), zorder=1)
    for i, (name, values) in enumerate(scores.items()):
        color = SERIES[i % len(SERIES)]
        row = np.full(len(values), i - 0.14)
        ax.plot(values, row, "o", color=color, ms=6.5, mec="none", alpha=0.65)
        ax.plot(intervals[i], [i + 0.16] * 2, color=color, lw=2.2, solid_capstyle="butt")
        if len(values) > 1:
            ax.plot(means[i], i + 0.16, "D", color=color, ms=6, mec="white", mew=1)
        _write_row(ax, i, name, notes[i], is_narrow=is_narrow)
    ax.set(ylim=(len(scores) - 0.45, -0.85 if is_narrow else -0.55), yticks=[])
    ax.xaxis.set_major_locator(MaxNLocator(4 if is_narrow else 8, steps=[1, 2, 5, 10]))
    ax.margins(x=0.06)
    ax.set_xlabel(label)
    ax.spines["left"].set_visible(False)
    return ax


def plot_seed_curves(curves: Mapping[str, Sequence[Sequence[float]]], ax: Axes) -> Axes:
    """Plot each name's mean over its seeds by epoch, in a band from its lowest to its highest seed.

    Where some of its seeds have ended, the line goes on dotted: the mean of the others.

    Args:
        curves: By name, a curve per seed, each of shape (n_epochs_of_that_seed,).
        ax: Where to draw.
    """
    means = []
    for i, (name, of_seeds) in enumerate(curves.items()):
        color, dashes = SERIES[i % len(SERIES)], _DASHES[i // len(SERIES) % len(_DASHES)]
        values, n_whole = stack_curves(of_seeds)
        mean, low, high = (
            reduce(np.ma.masked_invalid(values), axis=0).filled(np.nan)
            for reduce in (np.ma.mean, np.ma.min, np.ma.max)
        )
        means.append(mean)
        shown = np.unique(np.linspace(0, len(mean) - 1, min(len(mean), _MOST_POINTS)).astype(int))
        marker = "o" if len(mean) <= _MARKERS_UP_TO else ""
        if len(values) > 1:
            band = ax.fill_between(shown + 1, low[shown], high[shown], color=color)
            band.set(alpha=0.18, lw=0)
        line: dict[str, Any] = {
            "color": color,
            "ls": dashes,
            "lw": 1.8,
            "marker": marker,
            "ms": 3.5,
        }
        whole, rest = shown[shown < n_whole], shown[shown >= n_whole - 1]
        ax.plot(whole + 1, mean[whole], **line)
        if n_whole < len(mean):
            ax.plot(rest + 1, mean[rest], color=color, ls=":", lw=1.4)
        ax.lines[-1].set_label(name)
    scale_curves(ax, means)
    _label_line_ends(ax)
    return ax


def stack_curves(curves: Sequence[Sequence[float]]) -> tuple[NDArray[np.float64], int]:
    """Put curves of unequal length into one array.

    Returns:
        Shape (n_curves, n_epochs_of_the_longest), NaN behind a curve's end; and the number of
        epochs that all of them have.
    """
    lengths = [len(curve) for curve in curves]
    values = np.full((len(curves), max(lengths)), np.nan)
    for row, curve in zip(values, curves, strict=True):
        row[: len(curve)] = curve
    return values, min(lengths)


def _write_row(ax: Axes, row: int, name: str, note: str, *, is_narrow: bool) -> None:
    left, right = ((0, "left"), (1, "right")) if is_narrow else ((-0.02, "right"), (1.02, "left"))
    height = row - 0.5 if is_narrow else row
    weight = "bold" if row == 0 else "normal"
    for (x, alignment), text, color in ((left, name, INK), (right, note, MUTED)):
        ax.text(
            x,
            height,
            text,
            transform=ax.get_yaxis_transform(),
            ha=alignment,
            va="center",
            color=color,
            size=_LABEL_SIZE if is_narrow else 10,
            weight=weight if text is name else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )


def _label_line_ends(ax: Axes) -> None:
    """Write each line's name beside its end, in ink, with a thread of the line's colour to it."""
    ends = find_line_ends(ax)
    points_high = ax.get_window_extent().height / ax.figure.dpi * 72
    heights = spread_apart([height for *_, height in ends], 1.35 * _LABEL_SIZE / points_high)
    for i, ((line, end, _), height) in enumerate(zip(ends, heights, strict=True)):
        thread = {"arrowstyle": "-", "color": line.get_color(), "lw": 0.9, "shrinkA": 1}
        ax.annotate(
            str(line.get_label()),
            end,
            xytext=(1.05, height),
            textcoords=ax.transAxes,
            va="center",
            size=_LABEL_SIZE,
            weight="bold" if i == 0 else "normal",
            arrowprops=thread | {"shrinkB": 4, "relpos": (0, 0.5)},
            annotation_clip=False,
        )
