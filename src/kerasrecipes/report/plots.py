"""The report's plots: functions from a run's results and fonts to panels of one size.

A run that has no data for a plot has no panels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn import metrics

from kerasrecipes.report import N_SAMPLES
from kerasrecipes.report.results import Results
from kerasrecipes.report.style import (
    CELL,
    COLORS,
    FAINT,
    INK,
    MUTED,
    ON_CELL,
    SERIES,
    SMALL,
    WRONG,
    Fonts,
    new_figure,
    scale_curves,
    write_facts,
    write_legend,
    write_ticks,
)
from kerasrecipes.report.words import (
    name_metric,
    shorten,
    shorten_each,
    write_number,
    write_with_unit,
)
from kerasrecipes.rows.dataset import sample_rows

_SHARES = LinearSegmentedColormap.from_list("share", [to_rgba(CELL, 0), to_rgba(CELL, 1)])
_HEAT = LinearSegmentedColormap.from_list(
    "heat", [(1, 0.8, 0, 0), (1, 0.5, 0, 0.5), (0.8, 0, 0.1, 0.85)]
)
_POINTS: dict[str, Any] = {"color": COLORS["train"], "s": 18, "alpha": 0.5, "linewidths": 0}
_MOST_POINTS = 1000  # of more rows, some are drawn
_MARKERS_UP_TO = 30  # epochs
_BIGGEST_ANNOTATED = 20  # classes
_BIGGEST_WITH_SHARES = 12
_LONGEST_NAME = 26  # characters of a target's, a column's or a class's name
_LONGEST_UNDER_IMAGE = 12
_MOST_COLUMNS = 20
_IMAGES_IN_A_ROW = 5
_ARRAYS_SHOWN = _IMAGES_IN_A_ROW  # rows with an array as target
_FORECASTS_SHOWN = 300
_OF_INK = ("digits", "fashion_mnist", "mnist")  # high values of these images are ink on paper


def draw_regplot(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw predicted against actual values, with the fitted line and the line of equality.

    The band is seaborn's: 95% of 1,000 bootstrapped lines. It shows the uncertainty of the line,
    not that of a prediction.
    """
    if results.has_classes or not results.has_predictions:
        return
    import seaborn as sns  # takes time, and only plots of numbers need it

    y_true, y_pred, unit = results.y_true, results.y_pred, _label(results.unit, fonts, "")
    ax = _new_axes(4.6, 5.6, _title_numbers(results, fonts))
    shown = sample_rows(len(y_true), _MOST_POINTS)
    sns.regplot(
        x=y_true[shown],
        y=y_pred[shown],
        ax=ax,
        fit_reg=len(y_true) > 2,
        seed=0,
        scatter_kws=_POINTS,
        line_kws={"color": COLORS["validation"], "lw": 1.8, "label": "fitted line, 95% band"},
    )
    both = np.concatenate([y_true, y_pred])
    margin = 0.04 * (np.ptp(both) or 1)
    limits = (both.min() - margin, both.max() + margin)
    ax.plot(limits, limits, "--", color=MUTED, lw=1.2, label="perfect prediction", zorder=1.5)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"Actual values{_in_unit(unit)}", ylabel=f"Predicted values{_in_unit(unit)}")
    write_ticks(ax)
    write_legend(ax)
    mae = write_with_unit(metrics.mean_absolute_error(y_true, y_pred), unit)
    rmse = write_with_unit(metrics.root_mean_squared_error(y_true, y_pred), unit)
    # R² of arrays compares with the mean of each place, which is not known here.
    has_r2 = not results.is_array and len(y_true) > 1
    r2 = f"R² {write_number(metrics.r2_score(y_true, y_pred))}, " if has_r2 else ""
    write_facts(ax, f"{r2}n = {len(y_true):,}\nMAE {mae}, RMSE {rmse}")
    yield ax.figure


def draw_residuals(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw residuals (actual − predicted) against predictions, and their histogram."""
    if results.has_classes or not results.has_predictions:
        return
    y_pred, residuals = results.y_pred, results.y_true - results.y_pred
    unit = _label(results.unit, fonts, "")
    ax = _new_axes(4.6, 3.9, _title_numbers(results, fonts))
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
    ax.set(xlabel=f"Predicted values{_in_unit(unit)}", ylabel=f"Actual − predicted{_in_unit(unit)}")
    write_ticks(ax)
    middle = " to ".join(write_with_unit(end, unit) for end in (low, high))
    write_facts(ax, f"shaded: the middle 90%, {middle}")
    yield ax.figure


def draw_residuals_by_column(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw residuals over numbers or texts, with the mean and its 95% interval by bin or text."""
    if len(results.targets) > 1 or results.has_classes or not results.has_predictions:
        return
    import seaborn as sns

    residuals = results.y_true - results.y_pred
    shown = sample_rows(len(residuals), _MOST_POINTS)
    for name, texts in results.columns.items():
        ax = _new_axes(4.4, 3)
        try:
            values = np.array(texts, dtype=float)[shown]
        except ValueError:
            different, places = np.unique(texts, return_inverse=True)
            values = np.array(_label_each(different, fonts, "value"))[places][shown]
        points = {"x": values, "y": residuals[shown], "ax": ax}
        means = {"color": COLORS["validation"], "n_boot": 100, "seed": 0}
        if values.dtype.kind == "f":
            ax.scatter(values, residuals[shown], **_POINTS)
            sns.regplot(**points, **means, x_bins=10, fit_reg=False)
        else:
            order = np.unique(values)
            sns.stripplot(**points, order=order, color=COLORS["train"], alpha=0.5)
            sns.pointplot(**points, **means, order=order, ls="none")
            ax.tick_params(axis="x", rotation=30)
        ax.axhline(0, color=MUTED, lw=1.2, ls="--")
        ax.set(xlabel=_label(name, fonts, "column"), ylabel="Actual − predicted")
        yield ax.figure


def draw_learning_curves(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw the loss and the first metric by epoch, from 1."""
    others = ("val_", "epoch", "learning_rate")
    for metric in [each for each in results.history if not each.startswith(others)][:2]:
        ax = _new_axes(4.4, 3.7, name_metric(metric))
        curves = []
        for part, column in (("train", metric), ("validation", f"val_{metric}")):
            if column in results.history:
                values = np.array(results.history[column])
                epochs = np.arange(1, len(values) + 1)
                marker = "o" if len(values) <= _MARKERS_UP_TO else ""
                ax.plot(epochs, values, color=COLORS[part], label=part, lw=1.6, marker=marker, ms=4)
                curves.append(values)
        if best := results.best_epoch:
            label = f"best epoch: {best:,}"
            ax.axvline(best, color=MUTED, lw=1, ls=":", zorder=1, label=label)
        scale_curves(ax, curves)
        write_legend(ax, 3)
        yield ax.figure


def draw_confusion_matrix(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw how many samples of each class were predicted as each class, coloured by row share."""
    if not (results.is_classification and results.has_predictions):
        return
    labels = _label_classes(results, fonts)
    n_classes = len(labels)
    width = float(np.clip(3.5 + 0.5 * n_classes, 4.6, 8.5))
    ax = _new_axes(width, width * 0.92)
    indices = np.arange(n_classes)
    counts = metrics.confusion_matrix(results.y_true, results.y_pred, labels=indices)
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
    ticks = _thin_out(labels, offset=0.5)
    ax.set_xticks(**ticks, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(**ticks)
    ax.set(xlabel="Predicted class", ylabel="Actual class", aspect="equal")
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    yield ax.figure


def draw_roc_pr_curves(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw a ROC and a precision-recall curve for each class or label."""
    several = results.scored
    if len(several) == 1 and not several[0].is_binary:
        several = [several[0].separate(i, name) for i, name in enumerate(results.class_names)]
    labels = _label_each([each.name for each in several], fonts, "class")
    drawn = [row for row in zip(SERIES, labels, several, strict=False) if row[2].areas]
    if not drawn:
        return
    roc, pr = _make_square(4.4), _make_square(4.4)
    for color, label, each in drawn:
        pair = each.happened, each.chances
        fpr, tpr, _ = metrics.roc_curve(*pair, sample_weight=each.weights)
        precision, recall, _ = metrics.precision_recall_curve(*pair, sample_weight=each.weights)
        roc.plot(fpr, tpr, color=color, lw=1.6, label=f"{label}: area {each.areas[0]}")
        pr.plot(recall, precision, color=color, lw=1.6, label=f"{label}: area {each.areas[1]}")
    roc.plot([0, 1], [0, 1], "--", color=MUTED, lw=1.2, zorder=1)
    roc.set(xlabel="False positive rate", ylabel="Recall (true positive rate)", title="ROC")
    pr.set(xlabel="Recall", ylabel="Precision", title="Precision and recall")
    for ax in (roc, pr):
        write_legend(ax, 1)
        yield ax.figure


def draw_reliability(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw observed frequencies against probabilities, which are equal at best."""
    if not (several := results.scored):
        return
    ax = _make_square(4.6)
    ax.plot([0, 1], [0, 1], "--", color=MUTED, lw=1.2, zorder=1)
    ax.set(xlabel="Mean predicted probability", ylabel="Observed frequency")
    labels = _label_each([each.name for each in several], fonts, "class")
    for color, label, each in zip(SERIES, labels, several, strict=False):
        ax.plot(*each.bins[:2], "o-", color=color, lw=1.6, ms=4, label=label)
    write_legend(ax)
    yield ax.figure


def _make_square(width: float) -> Any:
    ax, ticks = _new_axes(width, 4.8), [0, 0.25, 0.5, 0.75, 1]
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=ticks, yticks=ticks)
    return ax


def draw_samples(results: Results, fonts: Fonts, *, with_heat: bool = False) -> Iterator[Figure]:
    """Draw the first test images and the most confident mistakes, and less of both with heat."""
    most = _IMAGES_IN_A_ROW if with_heat else N_SAMPLES
    has_classes = results.is_classification and results.has_predictions and not results.is_array
    if not (results.samples and has_classes):
        return
    images, positions, drops = (results.samples[key] for key in ("images", "positions", "drops"))
    positions = positions[: len(drops)] if with_heat else positions
    y_true, y_pred = results.y_true[positions], results.y_pred[positions]
    is_wrong, chances = y_true != y_pred, np.full(len(y_pred), np.nan)
    if results.probabilities.size:
        chances = results.probabilities[positions, y_pred]
    labels = shorten_each(_label_classes(results, fonts), _LONGEST_UNDER_IMAGE)

    def describe(i: int) -> str:
        lines = [labels[y_pred[i]]]
        if np.isfinite(chances[i]):
            lines.append(f"{chances[i]:.0%}")
        if with_heat:
            lines[-1] += f" → {max(chances[i] - drops[i].max(), 0):.0%}"
        elif is_wrong[i]:
            lines = [f"✗ {lines[0]}", *lines[1:], f"is {labels[y_true[i]]}"]
        return "\n".join(lines)

    worst = np.flatnonzero(is_wrong)
    groups = {
        "The first test images": np.argsort(positions)[:most],
        "The most confident mistakes": worst[np.argsort(-chances[worst])][:most],
    }
    for title, group in groups.items():
        for start in range(0, len(group), _IMAGES_IN_A_ROW):
            chosen = group[start : start + _IMAGES_IN_A_ROW]
            ax = _new_axes(4.8, 2.9 if with_heat else 2, " " if start else title)
            plot_images(
                dict.fromkeys(("", " ") if with_heat else ("",), images[chosen]),
                ax,
                notes=[describe(i) for i in chosen],
                is_wrong=is_wrong[chosen],
                heat=drops[chosen] if with_heat else (),
                is_ink=results.dataset.get("name") in _OF_INK,
            )
            yield ax.figure


def draw_outputs(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw the first targets that are arrays, as images or by step, or the first windows."""
    if not results.has_predictions or not (results.is_array or "n_steps" in results.dataset):
        return
    size, pairs = (4.4, 2.8), dict[str, tuple[Any, Any]]()
    labels = _label_classes(results, fonts)
    actual, predicted = (each[:_ARRAYS_SHOWN] for each in (results.actual, results.predicted))
    while actual.ndim > 4:  # frames of a film
        actual, predicted = actual[:, -1], predicted[:, -1]
    if actual.ndim == 4 and actual.shape[-1] not in (1, 3):
        actual, predicted = actual[..., 0], predicted[..., 0]
    if actual.ndim == 4 or (actual.ndim == 3 and results.dataset.get("is_image")):
        rows = {"actual": actual.data, "predicted": predicted.data}
        if results.samples is not None:
            rows = {"input": results.samples["images"][:_ARRAYS_SHOWN]} | rows
        ax = _new_axes(6.4, 0.3 + 1.1 * len(rows))
        plot_images(rows, ax, is_ink=results.dataset.get("name") in _OF_INK)
        yield ax.figure
    elif results.is_array:
        for number, row in enumerate(zip(actual, predicted, strict=True), 1):
            y_true, y_pred = (each.reshape(len(each), -1)[:, 0].compressed() for each in row)
            pairs[f"{results.part} row {number}"] = y_true, y_pred
    else:  # one value for each window
        size, shown = (8.6, 3), slice(_FORECASTS_SHOWN)
        pairs[f"the first {results.part} windows"] = results.y_true[shown], results.y_pred[shown]
    for title, (y_true, y_pred) in pairs.items():
        ax, steps = _new_axes(*size, title), np.arange(1, len(y_true) + 1)
        for name, part, values, marker in (
            ("actual", "train", y_true, "o"),
            ("predicted", "validation", y_pred, "x"),
        ):
            look = {"ls": "", "marker": marker} if labels else {"lw": 1.6}
            ax.plot(steps, values, color=COLORS[part], label=name, **look)
        ax.set_xlabel("Step")
        write_ticks(ax)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        if 0 < len(labels) <= _BIGGEST_ANNOTATED:
            ax.set_yticks(**_thin_out(labels))
        write_legend(ax)
        yield ax.figure


def draw_class_counts(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw how many rows of each part each class has."""
    labels = _label_classes(results, fonts)
    for part, counts in results.dataset.get("class_counts", {}).items():
        if len(counts) == len(labels):
            height = float(np.clip(1.3 + 0.3 * len(labels), 2.2, 9))
            ax = _new_axes(3.3, height, part.capitalize())
            bars = ax.barh(range(len(counts)), counts, 0.66, color=COLORS.get(part, COLORS["test"]))
            if len(counts) <= _BIGGEST_ANNOTATED:
                texts = [f"{count:,}" for count in counts]
                ax.bar_label(bars, texts, padding=4, color=INK, size=SMALL)
                ax.set_xticks([])
                ax.spines["bottom"].set_visible(False)
            ax.grid(visible=False)
            ax.margins(x=0.22)
            ax.set_yticks(**_thin_out(labels))
            ax.set(ylim=(len(counts) - 0.4, -0.6), xlabel=f"{sum(counts):,} in all")
            yield ax.figure


def draw_importance(results: Results, fonts: Fonts) -> Iterator[Figure]:
    """Draw a bar with an interval for each column, from the top; grey if it includes zero."""
    facts = results.info.get("importance", {})
    has_all = facts.keys() >= {"columns", "rows", "of_rows", "repeats"}
    if not (has_all and (columns := facts["columns"])):
        return
    shown = sorted(columns, key=lambda name: -columns[name][0])[:_MOST_COLUMNS]
    names = _label_each(shown, fonts, "column")
    unit = "standard deviations" if len(results.targets) > 1 else _label(results.unit, fonts, "")
    label, scale = f"Increase in mean absolute error{_in_unit(unit)}", 1
    if results.has_classes:
        label, scale = "Decrease in accuracy (points)", 100
    ax = _new_axes(4.6, 1.2 + 0.28 * len(names))
    rises = scale * np.array([columns[name] for name in shown])
    for i, (mean, low, high) in enumerate(rises):
        color = COLORS["train"] if low > 0 else MUTED
        ax.barh(i, mean, height=0.62, color=color, alpha=0.25, lw=0)
        ax.errorbar(mean, i, xerr=[[mean - low], [high - mean]], fmt="o", color=color, ms=5)
    ax.axvline(0, color=MUTED, lw=1)
    write_ticks(ax)
    ax.set_yticks(range(len(names)), names, size=SMALL)
    ax.set(ylim=(len(names) - 0.4, -0.6), xlabel=label)
    ax.grid(visible=False, axis="y")
    rows = f"{facts['rows']:,} of {facts['of_rows']:,} test rows"
    write_facts(ax, f"{rows}, {facts['repeats']} shuffles")
    yield ax.figure


def plot_images(
    rows: Mapping[str, NDArray[Any]],
    ax: Axes,
    *,
    notes: Sequence[str] = (),
    is_wrong: Sequence[bool] = (False,) * _IMAGES_IN_A_ROW,
    heat: Iterable[NDArray[np.float64]] = (),
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
    left, low = -0.75 * any(map(str.strip, rows)), -0.7 * bool(notes)
    ax.set(xlim=(left, _IMAGES_IN_A_ROW), ylim=(low, len(rows)), aspect="equal")
    ax.axis("off")


def _new_axes(width: float, height: float, title: str = "") -> Any:
    ax = new_figure(width, height).subplots()
    ax.set_title(title)
    return ax


def _label(name: str, fonts: Fonts, instead: str) -> str:
    return shorten(fonts.spell(name, instead), _LONGEST_NAME)


def _label_classes(results: Results, fonts: Fonts) -> list[str]:
    names, noun = results.class_names, "class"
    if results.is_multilabel:
        names, noun = results.targets, "label"
    return _label_each(names, fonts, noun)


def _label_each(names: Iterable[str], fonts: Fonts, noun: str) -> list[str]:
    spelt = [fonts.spell(name, f"{noun} {i}") for i, name in enumerate(names)]
    return shorten_each(spelt, _LONGEST_NAME)


def _title_numbers(results: Results, fonts: Fonts) -> str:
    return f"{_label(results.target, fonts, 'Target')}, {results.part} rows"


def _in_unit(unit: str) -> str:
    """A unit at the end of a label."""
    return f" ({unit})" if unit else ""


def _thin_out(class_names: Sequence[str], offset: float = 0) -> dict[str, Any]:
    """Ticks for class names: smaller ones for many classes, then only every second or third."""
    n_classes, step = len(class_names), 1 + len(class_names) // 60
    places = np.arange(0, n_classes, step) + offset
    size = float(np.clip(420 / n_classes, 7, 10))
    return {"ticks": places, "labels": class_names[::step], "size": size}
