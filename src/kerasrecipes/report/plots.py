"""The report's plots: functions that draw arrays on a matplotlib Axes.

They depend on neither models nor run folders, and can be used alone::

    figure = Figure(figsize=(5, 5))
    plot_regplot(y_true, y_pred, figure.subplots(), unit="$1000s")
    figure.savefig("regplot.png")

Unless stated otherwise, arrays have shape (n_samples,), classes are indices, and ``unit`` is that
of the target, empty if it has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn import metrics

from kerasrecipes.report.style import (
    CELL,
    COLORS,
    FAINT,
    INK,
    MUTED,
    ON_CELL,
    SMALL,
    WRONG,
    scale_curves,
    write_facts,
    write_legend,
    write_ticks,
)
from kerasrecipes.report.words import write_number, write_with_unit
from kerasrecipes.rows.dataset import sample_rows

Numbers = NDArray[np.floating[Any]]
Classes = NDArray[np.integer[Any]]
Curve = Sequence[float]

IMAGES_IN_A_ROW = 5

_SHARES = LinearSegmentedColormap.from_list("share", [to_rgba(CELL, 0), to_rgba(CELL, 1)])
_HEAT = LinearSegmentedColormap.from_list(
    "heat", [(1, 0.8, 0, 0), (1, 0.5, 0, 0.5), (0.8, 0, 0.1, 0.85)]
)
_POINTS: dict[str, Any] = {"color": COLORS["train"], "s": 18, "alpha": 0.5, "linewidths": 0}
_MOST_POINTS = 1000  # of more rows, some are drawn
_MARKERS_UP_TO = 30  # epochs
_BIGGEST_ANNOTATED = 20  # classes
_BIGGEST_WITH_SHARES = 12


def plot_regplot(
    y_true: Numbers, y_pred: Numbers, ax: Axes, *, unit: str = "", with_r2: bool = True
) -> None:
    """Plot predicted against actual values, with the fitted line and the line of equality.

    The band is seaborn's: 95% of 1,000 bootstrapped lines. It shows the uncertainty of the line,
    not that of a prediction.
    """
    import seaborn as sns  # takes time, and only plots of numbers need it

    shown = sample_rows(len(y_true), _MOST_POINTS)
    sns.regplot(
        x=y_true[shown],
        y=y_pred[shown],
        ax=ax,
        fit_reg=len(y_true) > 2 and np.ptp(y_true[shown]) > 0,
        seed=0,
        scatter_kws=_POINTS,
        line_kws={"color": COLORS["validation"], "lw": 1.8, "label": "fitted line, 95% band"},
    )
    both = np.concatenate([y_true, y_pred])
    margin = 0.04 * (np.ptp(both) or 1)
    limits = (both.min() - margin, both.max() + margin)
    ax.plot(limits, limits, "--", color=MUTED, lw=1.2, label="perfect prediction", zorder=1.5)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"Actual values{in_unit(unit)}", ylabel=f"Predicted values{in_unit(unit)}")
    write_ticks(ax)
    write_legend(ax)
    mae = write_with_unit(metrics.mean_absolute_error(y_true, y_pred), unit)
    rmse = write_with_unit(metrics.root_mean_squared_error(y_true, y_pred), unit)
    has_r2 = with_r2 and len(y_true) > 1
    r2 = f"R² {write_number(metrics.r2_score(y_true, y_pred))}, " if has_r2 else ""
    write_facts(ax, f"{r2}n = {len(y_true):,}\nMAE {mae}, RMSE {rmse}")


def plot_residuals(y_true: Numbers, y_pred: Numbers, ax: Axes, *, unit: str = "") -> None:
    """Plot residuals (actual − predicted) against predictions, and their histogram."""
    residuals = y_true - y_pred
    shown = sample_rows(len(residuals), _MOST_POINTS)
    ax.scatter(y_pred[shown], residuals[shown], **_POINTS)
    histogram = ax.inset_axes((1.02, 0, 0.22, 1), sharey=ax)
    reach = 1.25 * (np.abs(residuals).max() or 1)
    ends = residuals.min() - 1e-6 * reach, residuals.max() + 1e-6 * reach  # equal ones need a width
    histogram.hist(
        residuals, 25, range=ends, orientation="horizontal", color=COLORS["train"], alpha=0.55, lw=0
    )
    low, high = np.percentile(residuals, [5, 95])
    for axes in (ax, histogram):
        axes.axhline(0, color=MUTED, lw=1.2, ls="--")
        axes.axhspan(low, high, color=COLORS["train"], alpha=0.07, lw=0, zorder=0)
    histogram.axis("off")
    ax.set(ylim=(-reach, reach))
    ax.set(xlabel=f"Predicted values{in_unit(unit)}", ylabel=f"Actual − predicted{in_unit(unit)}")
    write_ticks(ax)
    middle = " to ".join(write_with_unit(end, unit) for end in (low, high))
    write_facts(ax, f"shaded: the middle 90%\n{middle}")


def plot_residuals_by_column(values: NDArray[Any], residuals: Numbers, ax: Axes) -> None:
    """Plot residuals over numbers or texts, with the mean and its 95% interval by bin or text."""
    import seaborn as sns

    shown = sample_rows(len(values), _MOST_POINTS)
    points = {"x": values[shown], "y": residuals[shown], "ax": ax}
    means = {"color": COLORS["validation"], "n_boot": 100, "seed": 0}
    if values.dtype.kind == "f":
        ax.scatter(values[shown], residuals[shown], **_POINTS)
        sns.regplot(**points, **means, x_bins=10, fit_reg=False)
    else:
        order, places = np.unique(values[shown], return_inverse=True)
        # Those of seaborn's stripplot differ at each call.
        shifts = np.random.default_rng(0).uniform(-0.1, 0.1, len(places))
        ax.scatter(places + shifts, residuals[shown], **_POINTS)
        sns.pointplot(**points, **means, order=order, ls="none")
        ax.tick_params(axis="x", rotation=30)
    ax.axhline(0, color=MUTED, lw=1.2, ls="--")
    ax.set_ylabel("Actual − predicted")


def plot_learning_curves(
    train: Curve, validation: Curve | None, ax: Axes, *, best_epoch: int | None = None
) -> None:
    """Plot a metric by epoch, from 1, on the training and perhaps the validation part."""
    curves = {"train": np.array(train, dtype=float)}
    if validation is not None:
        curves["validation"] = np.array(validation, dtype=float)
    epochs = np.arange(1, len(train) + 1)
    for part, values in curves.items():
        marker = "o" if len(epochs) <= _MARKERS_UP_TO else ""
        ax.plot(epochs, values, color=COLORS[part], label=part, lw=1.6, marker=marker, ms=4)
    if best_epoch is not None:
        label = f"best epoch: {best_epoch:,}"
        ax.axvline(best_epoch, color=MUTED, lw=1, ls=":", zorder=1, label=label)
    scale_curves(ax, curves.values())
    write_legend(ax, 3)


def plot_confusion_matrix(
    y_true: Classes, y_pred: Classes, ax: Axes, *, class_names: Sequence[str]
) -> None:
    """Plot how many samples of each class were predicted as each class, coloured by row share."""
    n_classes = len(class_names)
    counts = metrics.confusion_matrix(y_true, y_pred, labels=np.arange(n_classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    is_annotated = n_classes <= _BIGGEST_ANNOTATED
    cells = ax.pcolormesh(shares, cmap=_SHARES, vmin=0, vmax=1, ec=FAINT, lw=float(is_annotated))
    cells.set_rasterized(not is_annotated)
    for row, column in np.argwhere(counts) if is_annotated else ():
        share = shares[row, column]
        percent = f"\n{share:.0%}" if n_classes <= _BIGGEST_WITH_SHARES and share >= 0.01 else ""
        ax.text(
            column + 0.5,
            row + 0.5,
            f"{counts[row, column]:,}{percent}",
            color=ON_CELL if share > 0.9 else INK,
            size=float(np.clip(100 / n_classes, 7, 13)),
            ha="center",
            va="center",
            linespacing=1.3,
            in_layout=False,  # the layout of many texts takes time
        )
    ticks = _thin_out(class_names, offset=0.5)
    angle = 45 if is_annotated else 90
    ax.set_xticks(**ticks, rotation=angle, ha="right", va="center", rotation_mode="anchor")
    ax.set_yticks(**ticks)
    ax.set(xlabel="Predicted class", ylabel="Actual class", aspect="equal")
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def plot_images(
    rows: Mapping[str, NDArray[Any]],
    ax: Axes,
    *,
    notes: Sequence[str] = (),
    is_wrong: Sequence[bool] = (False,) * IMAGES_IN_A_ROW,
    heat: Iterable[Numbers] = (),
    is_ink: bool = False,
) -> None:
    """Plot rows of images below each other, such as inputs and outputs, each with its name.

    Args:
        rows: By name, grey images of shape (n_images, height, width) or (n_images, height, width,
            1), or images in colour of shape (n_images, height, width, 3).
        notes: A text below each column of images.
        is_wrong: Which columns have a red frame and note.
        heat: Shape (n_images, n_patches, n_patches), drawn in red over the lowest row, or empty.
        is_ink: Whether the highest grey value is black, as ink on paper.
    """
    for n, (name, images) in enumerate(rows.items()):
        top = len(rows) - n
        low, high = float(images.min()), float(images.max())
        scaled = np.clip((images - low) / ((high - low) or 1), 0, 1)
        pixels = scaled if scaled.shape[3:] == (3,) else scaled.reshape(*scaled.shape[:3])
        for i, image in enumerate(pixels):
            extent = (i + 0.04, i + 0.96, top - 0.96, top - 0.04)
            cmap = "gray_r" if is_ink else "gray"
            ax.imshow(image, cmap=cmap, vmin=0, vmax=1, extent=extent)
            color, width = (WRONG, 2) if is_wrong[i] else (FAINT, 1)
            frame = Rectangle((extent[0], extent[2]), 0.92, 0.92, fill=False, ec=color, lw=width)
            ax.add_patch(frame)
        ax.text(-0.08, top - 0.5, name, color=MUTED, size=SMALL, ha="right", va="center")
    for i, drops in enumerate(heat):
        extent, shares = (i + 0.04, i + 0.96, 0.04, 0.96), drops / max(drops.max(), 0.02)
        ax.imshow(shares, cmap=_HEAT, vmin=0, vmax=1, extent=extent, interpolation="bicubic")
    for i, note in enumerate(notes):
        color = WRONG if is_wrong[i] else INK
        ax.text(i + 0.5, -0.05, note, color=color, size=SMALL, ha="center", va="top")
    left, low = -0.75 * any(map(str.strip, rows)), -0.55 * bool(notes)
    ax.set(xlim=(left, IMAGES_IN_A_ROW), ylim=(low, len(rows)), aspect="equal")
    ax.axis("off")


def plot_series(
    actual: NDArray[Any], predicted: NDArray[Any], ax: Axes, *, class_names: Sequence[str] = ()
) -> None:
    """Plot the actual and the predicted value of each step; classes if they have names."""
    steps = np.arange(1, len(actual) + 1)
    of_name = {"actual": ("train", actual, "o"), "predicted": ("validation", predicted, "x")}
    for name, (part, values, marker) in of_name.items():
        style = {"ls": "", "marker": marker} if class_names else {"lw": 1.6}
        ax.plot(steps, values, color=COLORS[part], label=name, **style)
    ax.set_xlabel("Step")
    write_ticks(ax)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    if 0 < len(class_names) <= _BIGGEST_ANNOTATED:
        ax.set_yticks(**_thin_out(class_names))
    write_legend(ax)


def plot_class_counts(
    counts: Sequence[int], class_names: Sequence[str], ax: Axes, *, part: str = "train"
) -> None:
    """Plot how many rows of a part each class has; the part's name sets the colour."""
    bars = ax.barh(range(len(counts)), counts, 0.66, color=COLORS.get(part, COLORS["test"]))
    if len(counts) <= _BIGGEST_ANNOTATED:
        ax.bar_label(bars, [f"{count:,}" for count in counts], padding=4, color=INK, size=SMALL)
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
    ax.grid(visible=False)
    ax.margins(x=0.22)
    ax.set_yticks(**_thin_out(class_names))
    ax.set(ylim=(len(counts) - 0.4, -0.6), xlabel=f"{sum(counts):,} in all")
    ax.set_title(part.capitalize())


def plot_importance(names: Sequence[str], rises: Numbers, ax: Axes, *, label: str) -> None:
    """Plot a bar with an interval for each column, from the top; grey if it includes zero.

    ``rises`` has shape (n_columns, 3): each mean, and the ends of its interval.
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


def in_unit(unit: str) -> str:
    """A unit at the end of a label."""
    return f" ({unit})" if unit else ""


def _thin_out(class_names: Sequence[str], offset: float = 0) -> dict[str, Any]:
    """Ticks for class names: smaller ones for many classes, then only every second or third."""
    n_classes, step = len(class_names), 1 + len(class_names) // 60
    places = np.arange(0, n_classes, step) + offset
    size = float(np.clip(420 / n_classes, 7, 10))
    return {"ticks": places, "labels": class_names[::step], "size": size}
