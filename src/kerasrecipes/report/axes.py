"""Parts of the plots of all pages: scales, subtitles and legends."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from numpy.typing import NDArray

from kerasrecipes.report.style import MUTED

SMALL = 9
"""Points of the smallest text: at least 9 CSS pixels on a phone."""

_LOG_FROM = 8  # a curve that falls by this factor is drawn on a logarithmic scale


def write_titles(ax: Axes, title: str, subtitle: str) -> None:
    """Write a title and, below it, facts about the data; both are above the Axes."""
    ax.set_title(title, pad=8 + 1.4 * SMALL * len(subtitle.splitlines()))
    ax.text(0, 1.02, subtitle, transform=ax.transAxes, va="bottom", size=SMALL, color=MUTED)


def write_legend(ax: Axes, n_columns: int = 2) -> None:
    """Write a legend below the Axes, where it covers no data."""
    place = {"loc": "outside lower center", "ncols": n_columns}
    ax.figure.legend(handles=ax.get_legend_handles_labels()[0], fontsize=SMALL, **place)


def write_ticks(ax: Axes) -> None:
    """Write few numbers on both axes, with thousands set apart, so that labels stay apart."""
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "−")))


def scale_curves(ax: Axes, curves: Iterable[NDArray[np.float64]]) -> None:
    """Count epochs in whole numbers, and use a logarithmic scale for values that fall far.

    Args:
        ax: Where the curves are drawn.
        curves: Each of shape (n_epochs,); NaN after a run has ended or diverged.
    """
    falls = [values[np.isfinite(values)] for values in curves]
    is_positive = all((values > 0).all() for values in falls)
    if is_positive and any(len(v) and v[0] > _LOG_FROM * v[-1] for v in falls):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter("")
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    ax.set(xlabel="Epoch")
