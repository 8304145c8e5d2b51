"""Plots of the importance of columns, and of places in images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.report import plots
from kerasrecipes.report.axes import SMALL, write_ticks, write_titles
from kerasrecipes.report.fonts import Fonts
from kerasrecipes.report.results import Results
from kerasrecipes.report.style import COLORS, MUTED, PageFigure, new_figure
from kerasrecipes.report.words import shorten
from kerasrecipes.rows.words import list_some

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_COLUMNS = 20


def draw_importance(results: Results, fonts: Fonts) -> tuple[list[Figure], PageFigure] | None:
    """Draw how much the error increases when a column is shuffled."""
    facts = results.info.get("importance", {})
    has_all = facts.keys() >= {"columns", "rows", "of_rows", "repeats"}
    if not (has_all and (columns := facts["columns"])):
        return None
    ranked = sorted(columns, key=lambda name: -columns[name][0])
    idle = [name for name in ranked if columns[name][1] <= 0]
    shown = ranked[:_MOST_COLUMNS]
    names = [shorten(fonts.spell(name, f"column {i}"), 28) for i, name in enumerate(shown, 1)]
    unit = "standard deviations" if len(results.targets) > 1 else fonts.spell(results.unit, "")
    label, scale = f"Increase in mean absolute error{f' ({unit})' if unit else ''}", 1
    if results.is_classification or results.is_multilabel:
        label, scale = "Decrease in accuracy (points)", 100
    figure = new_figure(4.6, 1.2 + 0.28 * len(names))
    rises = scale * np.array([columns[name] for name in shown])
    title = f"{facts['rows']:,} of {facts['of_rows']:,} test rows, {facts['repeats']} shuffles"
    plot_importance(names, rises, figure.subplots(), label=label, title=title)
    return [figure], PageFigure(
        title="Importance of columns",
        alt=f"Importance of {len(names)} columns; {names[0]} is the most important.",
        caption="How much worse predictions become when a column’s values are shuffled between "
        "rows. Lines are 95% intervals over the rows. Correlated columns replace each other, so "
        "each of them may seem unimportant. Without a clear effect (grey): "
        f"{list_some(idle, 8) or 'none'}.",
    )


def plot_importance(
    names: Sequence[str], rises: NDArray[np.float64], ax: Axes, *, label: str, title: str = ""
) -> None:
    """Plot a bar with an interval for each column, from the top; grey if it includes zero.

    Args:
        rises: Shape (n_columns, 3): each mean, and the ends of its interval.
    """
    for i, (mean, low, high) in enumerate(rises):
        color = COLORS["train"] if low > 0 else MUTED
        ax.barh(i, mean, height=0.62, color=color, alpha=0.25, lw=0)
        ax.errorbar(mean, i, xerr=[[mean - low], [high - mean]], fmt="o", color=color, ms=5)
    ax.axvline(0, color=MUTED, lw=1)
    write_ticks(ax)
    ax.set_yticks(range(len(names)), names, size=SMALL)
    ax.set(ylim=(len(names) - 0.4, -0.6), xlabel=label)
    ax.grid(visible=False, axis="y")
    write_titles(ax, "", [title])


def draw_occlusion(results: Results, fonts: Fonts) -> tuple[list[Figure], PageFigure] | None:
    """Draw the first sample images and the most confident mistakes, five of each."""
    if not (results.samples and len(results.samples["drops"]) and results.is_classification):
        return None
    images, positions, drops = (results.samples[key] for key in ("images", "positions", "drops"))
    positions = positions[: len(drops)]
    is_wrong = results.y_true[positions] != results.y_pred[positions]
    chances, worst = results.confidence[positions], np.flatnonzero(is_wrong)
    groups = {
        "The first test images": np.arange(len(drops)),
        "The most confident mistakes": worst[np.argsort(-chances[worst])],
    }
    panels = []
    for title, group in groups.items():
        if not len(group := group[: plots.SAMPLES_IN_A_ROW]):
            continue
        classes = [results.class_names[i] for i in results.y_pred[positions[group]]]
        lost = chances[group] - drops[group].max(axis=(1, 2))
        notes = [
            f"{shorten(fonts.spell(one, 'class'), 12)}\n{before:.0%} → {max(after, 0):.0%}"
            for one, before, after in zip(classes, chances[group], lost, strict=True)
        ]
        panels.append(new_figure(4.8, 2.7))
        ax = panels[-1].subplots()
        plot_occlusion(images[group], drops[group], notes, ax, is_ink=results.has_ink)
        ax.set_title(title)
    return panels, PageFigure(
        title="Occlusion of the sample images",
        alt="Sample images, and the places that the predicted class depends on, in red.",
        caption="A patch of mean colour, a quarter of the image high and wide, covers one place "
        "after another. Where it covers a red place, the probability of the predicted class falls "
        "most. Below each image: this probability without a patch, and the lowest one with it.",
    )


def plot_occlusion(
    images: NDArray[Any],
    drops: NDArray[np.floating[Any]],
    notes: Sequence[str],
    ax: Axes,
    *,
    is_ink: bool = False,
) -> None:
    """Plot images, and below them the same images with the important places in red.

    Args:
        images: As in ``plots.plot_image_rows``.
        drops: Shape (n_images, n_patches, n_patches).
        notes: Shape (n_images,), a text below each image.
    """
    from matplotlib.colors import LinearSegmentedColormap

    colors = [(1, 0.8, 0, 0), (1, 0.5, 0, 0.5), (0.8, 0, 0.1, 0.85)]
    heat = LinearSegmentedColormap.from_list("heat", colors)
    plots.plot_image_rows({"": images, " ": images}, ax, is_ink=is_ink)
    for i, (drop, note) in enumerate(zip(drops, notes, strict=True)):
        shares = np.clip(drop / max(drop.max(), 0.02), 0, 1)
        extent = (i + 0.04, i + 0.96, 0.04, 0.96)
        ax.imshow(shares, cmap=heat, vmin=0, vmax=1, extent=extent, interpolation="bicubic")
        ax.text(i + 0.5, -0.05, note, color=MUTED, size=SMALL, ha="center", va="top")
    ax.set(xlim=(0, plots.SAMPLES_IN_A_ROW), ylim=(-0.5, 2))
