"""The report's pictures: functions from arrays and a matplotlib Axes to that Axes.

They know neither models nor run folders, and can be used alone::

    figure = Figure(figsize=(5, 5))
    plot_regplot(y_true, y_pred, figure.subplots(), unit="$1000s")
    figure.savefig("regplot.png")
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from sklearn import metrics

from kerasrecipes.report.axes import find_line_ends, scale_curves, spread_apart
from kerasrecipes.report.style import COLORS, FAINT, INK, MUTED, WRONG
from kerasrecipes.report.words import name_metric, shorten, write_number, write_with_unit

_FITTED = COLORS["validation"]
_BOX = {"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": FAINT, "alpha": 0.92}
_MOST_POINTS = 5000  # beyond, a scatter plot is a blot: evenly spaced rows stand for all
_BAND_UP_TO = 2000  # rows; beyond, the band is thinner than its line, and its bootstrap is slow
_LONGEST_NAME = 14  # characters under an image
_MARKERS_UP_TO = 30  # epochs
_BIGGEST_ANNOTATED = 25  # classes
_BIGGEST_WITH_SHARES = 12


def plot_regplot(
    y_true: NDArray[np.floating[Any]],
    y_pred: NDArray[np.floating[Any]],
    ax: Axes,
    *,
    unit: str = "",
    title: str = "",
) -> Axes:
    """Plot predicted against actual values, with the fitted line and the line of equality.

    The band is seaborn's: 95% of 1,000 bootstrapped lines. It says how sure the line is, not how
    far off a prediction may be.

    Args:
        y_true: Shape (n_samples,), in ``unit``.
        y_pred: Shape (n_samples,), in ``unit``.
        ax: Where to draw.
        unit: The target's unit; empty where it has none.
        title: The picture's title.
    """
    n_samples = len(y_true)
    shown = _evenly_spaced(n_samples)
    ax.scatter(y_true[shown], y_pred[shown], **_point_style(len(shown)))
    with_band = 2 < n_samples <= _BAND_UP_TO
    if n_samples > 1:
        sns.regplot(
            x=y_true,
            y=y_pred,
            ax=ax,
            scatter=False,
            ci=95 if with_band else None,
            seed=0,
            line_kws={"color": _FITTED, "lw": 1.8},
        )
        ax.lines[-1].set_label("fitted line" + with_band * ", 95% band")
    both = np.concatenate([y_true, y_pred])
    margin = 0.04 * (np.ptp(both) or 1)
    limits = (both.min() - margin, both.max() + margin)
    ax.plot(limits, limits, "--", color=MUTED, lw=1.2, label="perfect prediction", zorder=1.5)
    ax.set(xlim=limits, ylim=limits, aspect="equal", title=title)
    ax.set(xlabel="Actual Values", ylabel="Predicted Values")
    ax.legend(loc="lower right")
    _write_box(ax, _describe_errors(y_true, y_pred, unit))
    return ax


def plot_residuals(
    y_true: NDArray[np.floating[Any]],
    y_pred: NDArray[np.floating[Any]],
    ax: Axes,
    *,
    unit: str = "",
    title: str = "",
) -> Axes:
    """Plot residuals (actual − predicted) against predictions, with their histogram beside.

    Args:
        y_true: Shape (n_samples,), in ``unit``.
        y_pred: Shape (n_samples,), in ``unit``.
        ax: Where to draw.
        unit: The target's unit; empty where it has none.
        title: The picture's title.
    """
    residuals = y_true - y_pred
    shown = _evenly_spaced(len(residuals))
    ax.scatter(y_pred[shown], residuals[shown], **_point_style(len(shown)))
    histogram = ax.inset_axes((1.02, 0, 0.22, 1), sharey=ax)
    histogram.hist(
        residuals, bins=25, orientation="horizontal", color=COLORS["train"], alpha=0.55, lw=0
    )
    low, high = np.percentile(residuals, [5, 95])
    for axes in (ax, histogram):
        axes.axhline(0, color=MUTED, lw=1.2, ls="--")
        axes.axhspan(low, high, color=COLORS["train"], alpha=0.07, lw=0, zorder=0)
    histogram.tick_params(labelleft=False, labelbottom=False)
    histogram.grid(visible=False)
    histogram.spines[:].set_visible(False)
    reach = 1.25 * (np.abs(residuals).max() or 1)
    of_unit = f" ({unit})" if unit else ""
    ax.set(ylim=(-reach, reach), title=title)
    ax.set(xlabel=f"Predicted Values{of_unit}", ylabel=f"Actual − predicted{of_unit}")
    _write_box(ax, [f"shaded: the middle 90%, {write_number(low)} to {write_number(high)}"])
    return ax


def plot_learning_curves(
    train: Sequence[float],
    validation: Sequence[float] | None,
    ax: Axes,
    *,
    metric: str = "loss",
    best_epoch: int | None = None,
) -> Axes:
    """Plot one metric by epoch, on the training part and, where there is one, the validation part.

    Args:
        train: Shape (n_epochs,), the metric's values.
        validation: Shape (n_epochs,), or None.
        ax: Where to draw.
        metric: The metric's name in Keras.
        best_epoch: The epoch of the lowest validation loss, counted from 1, to be marked.
    """
    curves = {"train": np.array(train, dtype=float)}
    if validation is not None:
        curves["validation"] = np.array(validation, dtype=float)
    epochs = np.arange(1, len(train) + 1)
    for part, values in curves.items():
        marker = "o" if len(epochs) <= _MARKERS_UP_TO else ""
        ax.plot(epochs, values, color=COLORS[part], label=part, lw=1.6, marker=marker, ms=4)
    scale_curves(ax, curves.values())
    ax.set_title(name_metric(metric), pad=22)
    if best_epoch is not None and "validation" in curves:
        _mark_best_epoch(ax, best_epoch, curves["validation"][best_epoch - 1])
    _label_line_ends(ax)
    return ax


def plot_confusion_matrix(
    y_true: NDArray[np.integer[Any]],
    y_pred: NDArray[np.integer[Any]],
    ax: Axes,
    *,
    class_names: Sequence[str],
    title: str = "",
) -> Axes:
    """Plot how many samples of each class were given each class, coloured by share of the row.

    Args:
        y_true: Shape (n_samples,), class indices.
        y_pred: Shape (n_samples,), class indices.
        ax: Where to draw.
        class_names: Names by class index.
        title: The picture's title.
    """
    n_classes = len(class_names)
    counts = metrics.confusion_matrix(y_true, y_pred, labels=np.arange(n_classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    is_annotated = n_classes <= _BIGGEST_ANNOTATED
    norm = PowerNorm(1 if is_annotated else 0.5, 0, 1)  # among many classes mistakes are thin
    cells = ax.pcolormesh(shares, cmap="Blues", norm=norm, ec="white", lw=float(is_annotated))
    if is_annotated:
        _write_cells(ax, counts, shares)
    if n_classes > _BIGGEST_WITH_SHARES:
        shares_format = PercentFormatter(1)
        bar = ax.figure.colorbar(cells, ax=ax, shrink=0.4, aspect=18, format=shares_format)
        bar.set_label("share of the actual class")
        bar.outline.set_visible(False)
    is_slanted = n_classes > 3
    ax.set_xticks(
        np.arange(n_classes) + 0.5,
        class_names,
        rotation=(45 if is_annotated else 90) * is_slanted,
        ha="right" if is_slanted and is_annotated else "center",
        rotation_mode="anchor" if is_annotated else "default",
        size=_label_size(n_classes),
    )
    ax.set_yticks(np.arange(n_classes) + 0.5, class_names, size=_label_size(n_classes))
    ax.set(xlabel="Predicted class", ylabel="Actual class", title=title, aspect="equal")
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return ax


def plot_samples(
    images: NDArray[Any],
    y_true: Sequence[str],
    y_pred: Sequence[str],
    ax: Axes,
    *,
    confidence: Sequence[float] | None = None,
    value_range: tuple[float, float] | None = None,
    title: str = "",
) -> Axes:
    """Plot images in a row, each over its predicted class; a mistake is framed and crossed.

    Args:
        images: Shape (n_images, height, width) or (n_images, height, width, 1) for grey images,
            drawn dark on light, or (n_images, height, width, 3) for colour.
        y_true: Shape (n_images,), class names.
        y_pred: Shape (n_images,), class names.
        ax: Where to draw.
        confidence: Shape (n_images,), probabilities of the predicted classes, to be written.
        value_range: Values of white and black; by default the images' own.
        title: The row's title.
    """
    low, high = value_range or (images.min(), images.max())
    scaled = np.clip((images - float(low)) / (float(high) - float(low) or 1), 0, 1)
    is_colour = scaled.ndim == 4 and scaled.shape[-1] == 3
    pixels = scaled if is_colour else scaled.reshape(*scaled.shape[:3], -1)[..., 0]
    for i, image in enumerate(pixels):
        is_wrong = y_true[i] != y_pred[i]
        left, right = i + 0.04, i + 0.96
        ax.imshow(image, cmap="gray_r", vmin=0, vmax=1, extent=(left, right, 0, 0.92))
        frame = Rectangle((left, 0), 0.92, 0.92, fill=False, ec=FAINT, lw=0.8)
        if is_wrong:
            frame.set(ec=WRONG, lw=2)
        ax.add_patch(frame)
        lines = [("✗ " * is_wrong + shorten(y_pred[i], _LONGEST_NAME), WRONG if is_wrong else INK)]
        if confidence is not None and np.isfinite(confidence[i]):
            lines.append((f"{confidence[i]:.0%}", MUTED))
        if is_wrong:
            lines.append((f"is {shorten(y_true[i], _LONGEST_NAME)}", MUTED))
        for n, (line, color) in enumerate(lines):
            ax.text(i + 0.5, -0.16 - 0.15 * n, line, color=color, size=8.5, ha="center")
    ax.set(xlim=(0, max(len(pixels), 10)), ylim=(-0.62, 0.94), aspect="equal", title=title)
    ax.axis("off")
    return ax


def plot_class_counts(
    counts: Sequence[int], class_names: Sequence[str], ax: Axes, *, part: str = "train"
) -> Axes:
    """Plot how many rows of a part each class has.

    Args:
        counts: Shape (n_classes,).
        class_names: Names by class index.
        ax: Where to draw.
        part: The part's name, which gives the colour.
    """
    positions = np.arange(len(counts))
    bars = ax.barh(positions, counts, height=0.66, color=COLORS.get(part, COLORS["test"]))
    if len(counts) <= _BIGGEST_ANNOTATED:
        ax.bar_label(bars, [f"{count:,}" for count in counts], padding=4, color=INK, size=9)
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
    ax.grid(visible=False)
    ax.margins(x=0.22)
    ax.set_yticks(positions, class_names, size=_label_size(len(counts)))
    ax.set_ylim(len(counts) - 0.4, -0.6)
    ax.set_title(part.capitalize())
    ax.set_xlabel(f"{sum(counts):,} in all")
    return ax


def _describe_errors(y_true: Any, y_pred: Any, unit: str) -> list[str]:
    mae = metrics.mean_absolute_error(y_true, y_pred)
    rmse = metrics.root_mean_squared_error(y_true, y_pred)
    lines = [f"MAE  {write_with_unit(mae, unit)}", f"RMSE  {write_with_unit(rmse, unit)}"]
    if len(y_true) > 1:
        lines.insert(0, f"R²  {write_number(metrics.r2_score(y_true, y_pred))}")
    return [*lines, f"n  {len(y_true):,}"]


def _write_cells(ax: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    """Write counts into the cells, and the row's share where it is 1% or more and there is room."""
    has_room = len(counts) <= _BIGGEST_WITH_SHARES
    size = float(np.clip(80 / len(counts), 5.5, 13))
    for row, column in np.argwhere(counts):
        share = shares[row, column]
        percent = f"\n{share:.0%}" if has_room and share >= 0.01 else ""
        ax.text(
            column + 0.5,
            row + 0.5,
            f"{counts[row, column]:,}{percent}",
            color="white" if share > 0.65 else INK,
            size=size,
            ha="center",
            va="center",
            linespacing=1.3,
            in_layout=False,  # inside its cell anyway, and the layout takes time
        )


def _write_box(ax: Axes, lines: Sequence[str]) -> None:
    ax.text(
        0.035,
        0.965,
        "\n".join(lines),
        transform=ax.transAxes,
        va="top",
        size=9.5,
        linespacing=1.5,
        bbox=_BOX,
    )


def _evenly_spaced(n_samples: int) -> NDArray[np.int64]:
    return np.linspace(0, n_samples - 1, min(n_samples, _MOST_POINTS)).astype(np.int64)


def _point_style(n_points: int) -> dict[str, Any]:
    alpha = float(np.clip(40 / np.sqrt(n_points + 1) / 5, 0.15, 0.65))
    return {"color": COLORS["train"], "s": 26 if n_points < 1000 else 10, "alpha": alpha, "lw": 0}


def _mark_best_epoch(ax: Axes, epoch: int, value: float) -> None:
    ax.axvline(epoch, color=MUTED, lw=1, ls=":", zorder=1)
    ax.plot(epoch, value, "o", ms=7, mfc="white", mec=COLORS["validation"], mew=1.8, zorder=3)
    alignment = "right" if epoch > np.mean(ax.get_xlim()) else "left"
    ax.annotate(
        f"lowest validation loss: epoch {epoch:,}",
        (epoch, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha=alignment,
        size=8.5,
        color=MUTED,
    )


def _label_line_ends(ax: Axes) -> None:
    """Write each line's name at its right end, apart from each other where the ends meet."""
    ends = find_line_ends(ax)
    heights = spread_apart([height for *_, height in ends], 0.065)
    for (line, *_), height in zip(ends, heights, strict=True):
        ax.text(
            1.02,
            height,
            str(line.get_label()),
            transform=ax.transAxes,
            color=line.get_color(),
            va="center",
            weight="bold",
        )


def _label_size(n_classes: int) -> float:
    return float(np.clip(420 / n_classes, 4.2, 10))
