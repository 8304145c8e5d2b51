"""Draws docs/performance.png and docs/performance_growth.png from stored measurements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.growth import SIZES, find_slope
from benchmarks.measure import ROOT
from benchmarks.results import Results, read_fit
from benchmarks.targets import list_growth
from benchmarks.workloads import WORKLOADS

FITS = {
    "boston": "Boston, 500 epochs",
    "fashion": "Fashion-MNIST, 5 epochs",
    "conv": "Conv, 1 epoch",
    "lstm": "LSTM, 3 epochs",
}
OURS, FLOOR, OTHERS = "#d55e00", "#9aa1aa", "#0173b2"
INK, GRID = "#1f2328", "#d9dde2"


def draw(found: Mapping[str, Results]) -> dict[str, Path]:
    """Draw the pictures that have results; gives the files by "fits" and "growth"."""
    import matplotlib as mpl

    mpl.use("Agg")
    look = {
        "font.size": 9,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.edgecolor": FLOOR,
        "text.color": INK,
        "axes.labelcolor": INK,
        "figure.dpi": 160,
    }
    pictures = {}
    with mpl.rc_context(look):
        names = [name for name in FITS if name in found]
        if names:
            pictures["fits"] = _draw_fits(found, names)
        if any(len(list_growth(found, what)[0]) > 1 for what in SIZES):
            pictures["growth"] = _draw_growth(found)
    return pictures


def _draw_fits(found: Mapping[str, Results], names: list[str]) -> Path:
    import matplotlib.pyplot as plt

    counts = [len(_list_bars(name, found[name])) for name in names]
    figure, axes = plt.subplots(
        len(names),
        figsize=(8, 0.6 * len(names) + 0.24 * sum(counts)),
        height_ratios=counts,
        layout="constrained",
        squeeze=False,
    )
    for name, ax in zip(names, axes[:, 0], strict=True):
        bars = _list_bars(name, found[name])
        labels, medians, spans, colors = zip(*bars, strict=True)
        ax.barh(labels, medians, color=colors, height=0.7)
        for i, (median, (low, high)) in enumerate(zip(medians, spans, strict=True)):
            ax.plot((low, high), (i, i), color=INK, linewidth=1)
            ax.text(high, i, f"  {median:.2f}", va="center", fontsize=8)
        ax.invert_yaxis()
        ax.set_title(f"{FITS[name]}: seconds of fit, median and range")
        ax.set_xlim(0, 1.08 * max(high for _, high in spans))
        ax.tick_params(axis="y", length=0)
    file = ROOT / "docs" / "performance.png"
    figure.savefig(file)
    plt.close(figure)
    return file


def _list_bars(name: str, results: Results) -> list[tuple[str, float, tuple[float, float], str]]:
    """Label, median, range and colour of each contender, fastest first."""
    bars = []
    for key, label in WORKLOADS[name].labels.items():
        values = [v for v in results.list_values(key, read_fit) if v is not None]
        median = results.find_median(key, read_fit)
        if median is None:
            continue
        is_floor = key.startswith(("bare", "xla"))
        color = OURS if key in ("command", "ours") else FLOOR if is_floor else OTHERS
        bars.append((label, median, (min(values), max(values)), color))
    return sorted(bars, key=lambda bar: bar[1])


def _draw_growth(found: Mapping[str, Results]) -> Path:
    import matplotlib.pyplot as plt

    measured = [what for what in SIZES if len(list_growth(found, what)[0]) > 1]
    size = 1 + 2.25 * len(measured), 5
    figure, axes = plt.subplots(
        2,
        len(measured),
        figsize=size,
        layout="constrained",
        sharex="col",
        sharey="row",
        squeeze=False,
    )
    for column, what in enumerate(measured):
        sizes, seconds, memory = list_growth(found, what)
        if not sizes:
            continue
        _draw_costs(axes[0, column], sizes, seconds)
        _draw_costs(axes[1, column], sizes, memory)
        axes[0, column].set_title(what)
        axes[1, column].set_xlabel(what)
    for ax in axes[:, 0]:
        low, high = ax.get_ylim()
        ax.set_ylim(min(low, high / 30), high * 3)  # room for the slope; do not magnify noise
    axes[0, 0].set_ylabel("seconds above import")
    axes[1, 0].set_ylabel("MB above import")
    file = ROOT / "docs" / "performance_growth.png"
    figure.savefig(file)
    plt.close(figure)
    return file


def _draw_costs(ax: Any, sizes: list[int], costs: list[float]) -> None:
    ax.loglog(sizes, costs, "o-", color=OURS, markersize=4)
    ax.grid(color=GRID, linewidth=0.6)
    slope = find_slope(sizes[-2:], costs[-2:])
    if slope == slope:
        ax.text(0.05, 0.92, f"slope {slope:.2f} at the end", transform=ax.transAxes, va="top")
