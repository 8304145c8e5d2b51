"""Parts of the plots of all pages: scales and subtitles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from numpy.typing import NDArray

from kerasrecipes.report.style import MUTED

SMALL = 9
"""Points of the smallest text: at least 9 CSS pixels on a phone."""

_LOG_FROM = 8  # a curve that falls by this factor is drawn on a logarithmic scale


def write_titles(ax: Axes, title: str, subtitle: Sequence[str]) -> None:
    """Write a title and, below it, facts about the data; both are above the Axes."""
    ax.set_title(title, pad=8 + 1.4 * SMALL * len(subtitle))
    ax.annotate(
        "\n".join(subtitle),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 5),
        textcoords="offset points",
        va="bottom",
        size=SMALL,
        color=MUTED,
        linespacing=1.3,
    )


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
    curves = list(curves)
    is_positive = all(np.nanmin(values, initial=np.inf) > 0 for values in curves)
    if is_positive and any(map(_falls_far, curves)):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter("")
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    ax.set(xlabel="Epoch")


def _falls_far(values: NDArray[np.float64]) -> bool:
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and bool(finite[0] > _LOG_FROM * finite[-1])
