"""The comparison's pictures: functions from arrays and a matplotlib Axes to that Axes.

As in ``report/plots.py``, they need neither recipes nor run folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from kerasrecipes.report.style import FAINT, INK, MUTED, SERIES

_MOST_POINTS = 200  # of a curve: more cannot be distinguished in a panel


def plot_scores(
    scores: Mapping[str, Sequence[float]],
    intervals: Sequence[tuple[float, float]],
    ax: Axes,
    *,
    label: str,
) -> Axes:
    """Plot every seed's score as a dot, and below the dots the mean with its interval.

    Args:
        scores: By name, from top to bottom; each of shape (n_seeds,).
        intervals: Shape (n_names, 2), the ends of each mean's interval; NaN where it has none.
        ax: Where to draw.
        label: The name of the scores.
    """
    means = [float(np.mean(values)) for values in scores.values()]
    if np.isfinite(means[0]):
        ax.axvline(means[0], color=MUTED, lw=1, ls=(0, (1, 2)), zorder=1)
    for i, values in enumerate(scores.values()):
        color = SERIES[i % len(SERIES)]
        row = np.full(len(values), i - 0.14)
        ax.plot(values, row, "o", color=color, ms=6.5, mec="none", alpha=0.65)
        ax.plot(intervals[i], [i + 0.16] * 2, color=color, lw=2.2, solid_capstyle="butt")
        if len(values) > 1:
            ax.plot(means[i], i + 0.16, "D", color=color, ms=6, mec="white", mew=1)
    ax.set_yticks(range(len(scores)), [*scores], color=INK)
    ax.set(ylim=(len(scores) - 0.45, -0.55), xlabel=label)
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.06)
    return ax


def plot_seed_curves(
    curves: Sequence[Sequence[float]],
    others: Sequence[NDArray[np.float64]],
    ax: Axes,
    *,
    color: str,
) -> Axes:
    """Plot one recipe's seeds by epoch, each to its end, and their mean as far as all go.

    Args:
        curves: One per seed, each of shape (n_epochs_of_that_seed,).
        others: Means of the other recipes, drawn faintly to compare with.
        ax: Where to draw; panels of one figure share their scales.
        color: Of the recipe.
    """
    for other in others:
        _plot_thinned(other, ax, color=FAINT, lw=1.4, zorder=1)
    for curve in curves:
        values = np.asarray(curve, dtype=float)
        _plot_thinned(values, ax, color=color, lw=0.8, alpha=0.6)
        if len(ends := np.flatnonzero(np.isfinite(values))):
            ax.plot(ends[-1] + 1, values[ends[-1]], "o", color=color, ms=3.2, mec="none")
    if len(curves) > 1:
        _plot_thinned(average_curves(curves), ax, color=color, lw=2.2)
    return ax


def average_curves(curves: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Average curves over the epochs in which all of them have a finite value.

    Returns:
        Shape (n_epochs,), up to the first epoch that some curve lacks.
    """
    n_epochs = min(map(len, curves))
    mean = np.mean([curve[:n_epochs] for curve in curves], axis=0)
    return mean[: np.argmin([*np.isfinite(mean), False])]


def _plot_thinned(values: NDArray[np.float64], ax: Axes, **look: Any) -> None:
    last = len(values) - 1
    shown = np.unique(np.linspace(0, last, min(len(values), _MOST_POINTS)).round().astype(int))
    ax.plot(shown + 1, values[shown], **look)
