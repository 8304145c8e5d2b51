"""What the curves of all pages have in common: scales, and names at the ends of lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

_LOG_FROM = 8  # times that the first value of a falling curve is its last


def scale_curves(ax: Axes, curves: Iterable[NDArray[np.float64]]) -> None:
    """Count epochs in whole numbers, and give values that fall far a logarithmic scale.

    Args:
        ax: Where the curves are drawn.
        curves: Each of shape (n_epochs,); NaN where a run had ended or diverged.
    """
    curves = list(curves)
    if _is_positive(curves) and any(map(_falls_far, curves)):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter("")
    ax.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
    ax.set(xlabel="Epoch")


def find_line_ends(ax: Axes) -> list[tuple[Line2D, tuple[float, float], float]]:
    """Each named line, its last finite point in data coordinates, and that point's height.

    Returns:
        Heights are shares of the Axes' own, so that names can be put beside the ends.
    """
    to_axes = ax.transScale + ax.transLimits
    ax.get_ylim()  # settles the limits that transLimits reads
    ends = []
    for line in ax.get_lines():
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        if str(line.get_label()).startswith("_child") or not np.isfinite(y).any():
            continue
        last = np.flatnonzero(np.isfinite(y))[-1]
        ends.append((line, (x[last], y[last]), float(to_axes.transform((x[last], y[last]))[1])))
    return ends


def spread_apart(heights: Sequence[float], gap: float) -> NDArray[np.float64]:
    """Move heights as little as possible so that any two are at least a gap apart.

    The least squares under that constraint are an isotonic regression of the sorted heights less
    what the gaps below them take.

    Args:
        heights: Shape (n,), shares of the Axes' height.
        gap: In the same unit.

    Returns:
        Shape (n,), in the order of ``heights``, from 0 to 1 if there is room for all.
    """
    if not len(heights):
        return np.empty(0)
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    fitted = isotonic_regression(np.asarray(heights, dtype=float)[order] - steps).x
    highest = max(1 - gap * (len(heights) - 1), 0)
    apart = np.empty(len(heights))
    apart[order] = np.clip(fitted, 0, highest) + steps
    return apart


def _is_positive(curves: Iterable[NDArray[np.float64]]) -> bool:
    return all(np.nanmin(values, initial=np.inf) > 0 for values in curves)


def _falls_far(values: NDArray[np.float64]) -> bool:
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and bool(finite[0] > _LOG_FROM * finite[-1])
