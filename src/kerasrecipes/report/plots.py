"""The report's plots: functions that draw arrays on a matplotlib Axes.

They depend on neither models nor run folders, and can be used alone::

    figure = Figure(figsize=(5, 5))
    plot_regplot(y_true, y_pred, figure.subplots(), unit="$1000s")
    figure.savefig("regplot.png")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn import metrics

from kerasrecipes.report.axes import SMALL, scale_curves, write_ticks, write_titles
from kerasrecipes.report.style import CELL, COLORS, FAINT, INK, MUTED, ON_CELL, WRONG
from kerasrecipes.report.words import name_metric, shorten, write_number, write_with_unit

Numbers = NDArray[np.floating[Any]]
Classes = NDArray[np.integer[Any]]

SAMPLES_IN_A_ROW = 5
"""How many images fit one row."""

_FITTED = COLORS["validation"]
_SHARES = LinearSegmentedColormap.from_list("share", [to_rgba(CELL, 0), to_rgba(CELL, 1)])
_MOST_POINTS = 5000  # of more rows, evenly spaced ones are drawn
_VECTORS_UP_TO = 1000  # points; more are drawn as an image, which is smaller
_BAND_UP_TO = 2000  # rows; with more, the band is thinner than its line, and its bootstrap is slow
_LONGEST_NAME = 12  # characters under an image
_MARKERS_UP_TO = 30  # epochs
_BIGGEST_ANNOTATED = 20  # classes
_BIGGEST_WITH_SHARES = 12
_LABEL_POINTS = 7  # of the smallest class names
_NAME_HEIGHT = 0.065  # of a curve, as a share of the Axes


def plot_regplot(
    y_true: Numbers,
    y_pred: Numbers,
    ax: Axes,
    *,
    unit: str = "",
    title: str = "",
    with_r2: bool = True,
) -> None:
    """Plot predicted against actual values, with the fitted line and the line of equality.

    The band is seaborn's: 95% of 1,000 bootstrapped lines. It shows the uncertainty of the line,
    not that of a prediction.

    Args:
        y_true: Shape (n_samples,), in ``unit``.
        y_pred: Shape (n_samples,), in ``unit``.
        unit: The target's unit; empty if it has none.
        with_r2: Whether the title has R².
    """
    import seaborn as sns  # takes time, and no other plot needs it

    n_samples = len(y_true)
    shown = _evenly_spaced(n_samples)
    ax.scatter(y_true[shown], y_pred[shown], **_point_style(len(shown)))
    with_band = 2 < n_samples <= _BAND_UP_TO
    if n_samples > 1:
        line, ci = {"color": _FITTED, "lw": 1.8}, 95 if with_band else None
        sns.regplot(x=y_true, y=y_pred, ax=ax, scatter=False, ci=ci, seed=0, line_kws=line)
        ax.lines[-1].set_label("fitted line" + with_band * ", 95% band")
    both = np.concatenate([y_true, y_pred])
    margin = 0.04 * (np.ptp(both) or 1)
    limits = (both.min() - margin, both.max() + margin)
    ax.plot(limits, limits, "--", color=MUTED, lw=1.2, label="perfect prediction", zorder=1.5)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"Actual values{_in_unit(unit)}", ylabel=f"Predicted values{_in_unit(unit)}")
    write_ticks(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.13), ncols=2, fontsize=SMALL)
    write_titles(ax, title, _describe_errors(y_true, y_pred, unit, with_r2=with_r2))


def plot_residuals(
    y_true: Numbers, y_pred: Numbers, ax: Axes, *, unit: str = "", title: str = ""
) -> None:
    """Plot residuals (actual − predicted) against predictions, and their histogram.

    Args:
        y_true: Shape (n_samples,), in ``unit``.
        y_pred: Shape (n_samples,), in ``unit``.
        unit: The target's unit; empty if it has none.
    """
    residuals = y_true - y_pred
    shown = _evenly_spaced(len(residuals))
    ax.scatter(y_pred[shown], residuals[shown], **_point_style(len(shown)))
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
    ax.set(xlabel=f"Predicted values{_in_unit(unit)}", ylabel=f"Actual − predicted{_in_unit(unit)}")
    write_ticks(ax)
    middle = " to ".join(write_with_unit(end, unit) for end in (low, high))
    write_titles(ax, title, [f"shaded: the middle 90%, {middle}"])


def plot_learning_curves(
    train: Sequence[float],
    validation: Sequence[float] | None,
    ax: Axes,
    *,
    metric: str = "loss",
    best_epoch: int | None = None,
) -> None:
    """Plot one metric by epoch, on the training part and, where there is one, the validation part.

    Args:
        train: Shape (n_epochs,), the metric's values.
        validation: Shape (n_epochs,), or None.
        metric: The metric's name in Keras.
        best_epoch: The epoch of the lowest validation loss, counted from 1; it is marked.
    """
    curves = {"train": np.array(train, dtype=float)}
    if validation is not None:
        curves["validation"] = np.array(validation, dtype=float)
    epochs = np.arange(1, len(train) + 1)
    for part, values in curves.items():
        marker = "o" if len(epochs) <= _MARKERS_UP_TO else ""
        ax.plot(epochs, values, color=COLORS[part], label=part, lw=1.6, marker=marker, ms=4)
    scale_curves(ax, curves.values())
    notes = []
    if best_epoch is not None and "validation" in curves:
        lowest = curves["validation"][best_epoch - 1]
        ax.axvline(best_epoch, color=MUTED, lw=1, ls=":", zorder=1)
        ax.plot(best_epoch, lowest, "o", ms=7, mfc="none", mec=COLORS["validation"], mew=1.8)
        notes = [f"dotted: lowest validation loss, epoch {best_epoch:,}"]
    write_titles(ax, name_metric(metric), notes)
    _label_line_ends(curves, ax)


def plot_confusion_matrix(
    y_true: Classes, y_pred: Classes, ax: Axes, *, class_names: Sequence[str], title: str = ""
) -> None:
    """Plot how many samples of each class were predicted as each class, coloured by row share.

    Args:
        y_true: Shape (n_samples,), class indices.
        y_pred: Shape (n_samples,), class indices.
        class_names: Names by class index.
    """
    n_classes = len(class_names)
    counts = metrics.confusion_matrix(y_true, y_pred, labels=np.arange(n_classes))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    is_annotated = n_classes <= _BIGGEST_ANNOTATED
    norm = PowerNorm(1 if is_annotated else 0.5, 0, 1)  # shows rare mistakes among many classes
    cells = ax.pcolormesh(shares, cmap=_SHARES, norm=norm, ec=FAINT, lw=float(is_annotated))
    cells.set_rasterized(not is_annotated)
    if is_annotated:
        _write_cells(ax, counts, shares)
    ticks = _thin_out(class_names, offset=0.5)
    ax.set_xticks(**ticks, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(**ticks)
    ax.set(xlabel="Predicted class", ylabel="Actual class", title=title, aspect="equal")
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def plot_samples(
    images: NDArray[Any],
    y_true: Sequence[str],
    y_pred: Sequence[str],
    ax: Axes,
    *,
    confidence: Sequence[float] | None = None,
    value_range: tuple[float, float] | None = None,
    is_ink: bool = False,
    title: str = "",
) -> None:
    """Plot images in a row with their predicted classes; mistakes have a red frame and a cross.

    Args:
        images: Shape (n_images, height, width) or (n_images, height, width, 1) for grey images,
            or (n_images, height, width, 3) for colour.
        y_true: Shape (n_images,), class names.
        y_pred: Shape (n_images,), class names.
        confidence: Shape (n_images,), probabilities of the predicted classes.
        value_range: Values of black and white; by default the images' own.
        is_ink: Whether the highest grey value is black, as ink on paper.
    """
    low, high = value_range or (images.min(), images.max())
    scaled = np.clip((images - float(low)) / (float(high) - float(low) or 1), 0, 1)
    is_colour = scaled.ndim == 4 and scaled.shape[-1] == 3
    pixels = scaled if is_colour else scaled.reshape(*scaled.shape[:3], -1)[..., 0]
    for i, image in enumerate(pixels):
        is_wrong = y_true[i] != y_pred[i]
        left, right = i + 0.04, i + 0.96
        ax.imshow(
            image,
            cmap="gray_r" if is_ink else "gray",
            vmin=0,
            vmax=1,
            extent=(left, right, 0, 0.92),
        )
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
            ax.text(i + 0.5, -0.19 - 0.18 * n, line, color=color, size=SMALL, ha="center")
    ax.set(xlim=(0, max(len(pixels), SAMPLES_IN_A_ROW)), ylim=(-0.62, 0.94), aspect="equal")
    ax.set_title(title)
    ax.axis("off")


def plot_image_rows(rows: Mapping[str, NDArray[Any]], ax: Axes, *, is_ink: bool = False) -> None:
    """Plot rows of images below each other, such as inputs and outputs, each with its name.

    Args:
        rows: By name, images of shape (n_images, height, width) or (n_images, height, width, 1)
            for grey images, or (n_images, height, width, 3) for colour.
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
            ax.add_patch(Rectangle((extent[0], extent[2]), 0.92, 0.92, fill=False, ec=FAINT))
        ax.text(-0.08, top - 0.5, name, color=MUTED, size=SMALL, ha="right", va="center")
    ax.set(xlim=(-0.75, len(pixels)), ylim=(0, len(rows)), aspect="equal")
    ax.axis("off")


def plot_series(
    actual: NDArray[Any],
    predicted: NDArray[Any],
    ax: Axes,
    *,
    class_names: Sequence[str] = (),
    title: str = "",
) -> None:
    """Plot the actual and the predicted value of each step; of several values, the first.

    Args:
        actual: Shape (n_steps,) or (n_steps, n_values): numbers, or class indices.
        predicted: Of the same shape.
        class_names: Names by class index; empty for numbers.
    """
    for name, values, marker in (("actual", actual, "o"), ("predicted", predicted, "x")):
        series = values.reshape(len(values), -1)[:, :1]
        style = {"ls": "", "marker": marker} if len(class_names) else {"lw": 1.6}
        color = COLORS["train" if name == "actual" else "validation"]
        ax.plot(np.arange(1, len(series) + 1), series, color=color, label=name, **style)
    ax.set_xlabel("Step")
    write_ticks(ax)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    if len(class_names) and len(class_names) <= _BIGGEST_ANNOTATED:
        ax.set_yticks(**_thin_out(class_names))
    ax.set_title(title)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.22), ncols=2, fontsize=SMALL)


def plot_class_counts(
    counts: Sequence[int], class_names: Sequence[str], ax: Axes, *, part: str = "train"
) -> None:
    """Plot how many rows of a part each class has.

    Args:
        counts: Shape (n_classes,).
        class_names: Names by class index.
        part: The part's name; it sets the colour.
    """
    positions = np.arange(len(counts))
    bars = ax.barh(positions, counts, height=0.66, color=COLORS.get(part, COLORS["test"]))
    if len(counts) <= _BIGGEST_ANNOTATED:
        ax.bar_label(bars, [f"{count:,}" for count in counts], padding=4, color=INK, size=SMALL)
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
    ax.grid(visible=False)
    ax.margins(x=0.22)
    ax.set_yticks(**_thin_out(class_names))
    ax.set_ylim(len(counts) - 0.4, -0.6)
    ax.set_title(part.capitalize())
    ax.set_xlabel(f"{sum(counts):,} in all")


def _in_unit(unit: str) -> str:
    return f" ({unit})" if unit else ""


def _describe_errors(y_true: Any, y_pred: Any, unit: str, *, with_r2: bool) -> list[str]:
    mae = metrics.mean_absolute_error(y_true, y_pred)
    rmse = metrics.root_mean_squared_error(y_true, y_pred)
    with_r2 = with_r2 and len(y_true) > 1
    r2 = f"R² {write_number(metrics.r2_score(y_true, y_pred))}, " if with_r2 else ""
    errors = f"MAE {write_with_unit(mae, unit)}, RMSE {write_with_unit(rmse, unit)}"
    return [f"{r2}n = {len(y_true):,}", errors]


def _write_cells(ax: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    """Write counts into the cells, and shares of the row of at least 1% where there is room."""
    has_room = len(counts) <= _BIGGEST_WITH_SHARES
    size = float(np.clip(100 / len(counts), _LABEL_POINTS, 13))
    for row, column in np.argwhere(counts):
        share = shares[row, column]
        percent = f"\n{share:.0%}" if has_room and share >= 0.01 else ""
        ax.text(
            column + 0.5,
            row + 0.5,
            f"{counts[row, column]:,}{percent}",
            color=ON_CELL if share > 0.9 else INK,
            size=size,
            ha="center",
            va="center",
            linespacing=1.3,
            in_layout=False,  # the layout of many texts takes time
        )


def _evenly_spaced(n_samples: int) -> NDArray[np.int64]:
    return np.linspace(0, n_samples - 1, min(n_samples, _MOST_POINTS)).astype(np.int64)


def _point_style(n_points: int) -> dict[str, Any]:
    alpha = float(np.clip(40 / np.sqrt(n_points + 1) / 5, 0.15, 0.65))
    style = {"color": COLORS["train"], "s": 26 if n_points < 1000 else 10, "alpha": alpha, "lw": 0}
    return style | {"rasterized": n_points > _VECTORS_UP_TO}


def _label_line_ends(curves: Mapping[str, NDArray[np.float64]], ax: Axes) -> None:
    """Write the names of one or two curves next to their right ends, without overlaps."""
    to_axes = ax.transScale + ax.transLimits
    ax.get_ylim()  # settles the limits that transLimits reads
    heights = {}
    for part, values in curves.items():
        if len(known := np.flatnonzero(np.isfinite(values))):
            heights[part] = to_axes.transform((known[-1] + 1, values[known[-1]]))[1]
    if len(heights) == 2 and np.ptp([*heights.values()]) < _NAME_HEIGHT:
        half = _NAME_HEIGHT / 2
        middle = np.clip(np.mean([*heights.values()]), half, 1 - half)
        lower, upper = sorted(heights, key=lambda part: heights[part])
        heights |= {lower: middle - half, upper: middle + half}
    place: dict[str, Any] = {"transform": ax.transAxes, "va": "center", "weight": "bold"}
    for part, height in heights.items():
        ax.text(1.02, height, part, color=COLORS[part], **place)


def _thin_out(class_names: Sequence[str], offset: float = 0) -> dict[str, Any]:
    """Ticks for class names: smaller ones for many classes, then only every second or third."""
    n_classes, step = len(class_names), 1 + len(class_names) // 60
    size = float(np.clip(420 / n_classes, _LABEL_POINTS, 10))
    places = np.arange(0, n_classes, step) + offset
    return {"ticks": places, "labels": class_names[::step], "size": size}
