"""From a run's results to figures with title and caption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrecipes.report import N_SAMPLES, plots, style
from kerasrecipes.report.results import Results
from kerasrecipes.report.words import name_metric, shorten, shorten_each
from kerasrecipes.rows.words import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_NAME = 26  # characters of a target's, a column's or a class's name
_LONGEST_UNDER_IMAGE = 10
_MOST_TARGETS = 8  # of several targets, so many are drawn
_MOST_COLUMNS = 20
_ARRAYS_SHOWN = plots.IMAGES_IN_A_ROW  # rows with an array as target
_FORECASTS_SHOWN = 300
_READABLE_INCHES = 5  # a wider figure is scrolled on a narrow screen
_OF_INK = ("digits", "fashion_mnist", "mnist")  # high values of these images are ink on paper


def draw_figures(
    results: Results, names: Sequence[str]
) -> tuple[list[style.PageFigure], list[str]]:
    """Draw the named plots, but for those whose data the run does not have; return warnings too."""
    important = results.info.get("importance", {}).get("columns", ())
    values = (values[:1000] for values in results.columns.values())
    texts = chain(results.targets, results.columns, important, *values)
    fonts = style.choose_fonts([results.target, results.unit, *results.class_names, *texts])
    drawn: list[style.PageFigure] = []
    warnings = fonts.list_warnings()
    with style.use_style(fonts.families):
        for name in names:
            figures = [*_draw(name, results, fonts)]
            drawn += figures
            if not figures:
                why = results.info.get(name, {}).get("left_out", "this run has no data for it")
                warnings.append(f"The plot {name} is left out: {why}.")
    return drawn, warnings


def _draw(name: str, results: Results, fonts: style.Fonts) -> Iterator[style.PageFigure]:
    if name not in _PLOTS:  # as in a run of an older version
        return
    draw, title, caption = _PLOTS[name]
    several = results.by_target if name in _BY_TARGET else [results]
    is_one = len(several) == 1
    for number, each in enumerate(several[:_MOST_TARGETS], 1):
        if not (panels := [*draw(each, fonts)]):
            continue
        png, width = style.render_png(panels), panels[0].get_figwidth()
        for panel in panels:
            panel.set_layout_engine("none")  # the layout is done
        scrolls = width > _READABLE_INCHES
        scale = 1.25 if len(panels) == 1 and not scrolls else 1
        yield style.PageFigure(
            title if is_one else f"{title}: {each.target}",
            caption,
            name=name if is_one else f"{name}_{number}",
            panels=tuple(map(style.render_svg, panels)),
            width=round(96 * width * scale),
            scrolls=scrolls,
            png=png,
        )


def _new_axes(width: float, height: float) -> Any:
    return style.new_figure(width, height).subplots()


def _label(name: str, fonts: style.Fonts, instead: str) -> str:
    return shorten(fonts.spell(name, instead), _LONGEST_NAME)


def _label_classes(results: Results, fonts: style.Fonts) -> list[str]:
    return _label_each(results.names, fonts, results.class_noun)


def _label_each(names: Iterable[str], fonts: style.Fonts, noun: str) -> list[str]:
    spelt = [fonts.spell(name, f"{noun} {i}") for i, name in enumerate(names)]
    return shorten_each(spelt, _LONGEST_NAME)


def _draw_numbers(
    results: Results, fonts: style.Fonts, *, are_residuals: bool = False
) -> Iterator[Figure]:
    if results.has_classes or not results.has_predictions:
        return
    ax = _new_axes(4.6, 3.9 if are_residuals else 5.6)
    ax.set_title(f"{_label(results.target, fonts, 'Target')}, {results.part} rows")
    pair, unit = (results.y_true, results.y_pred), _label(results.unit, fonts, "")
    if are_residuals:
        plots.plot_residuals(*pair, ax, unit=unit)
    else:
        # R² of arrays compares with the mean of each place, which is not known here.
        plots.plot_regplot(*pair, ax, unit=unit, with_r2=not results.is_array)
    yield ax.figure


def _draw_residuals_by_column(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    if len(results.targets) > 1 or results.has_classes or not results.has_predictions:
        return
    labels = _label_each(results.columns, fonts, "column")
    for label, texts in zip(labels, results.columns.values(), strict=True):
        try:
            values = np.array(texts, dtype=float)
        except ValueError:
            different, places = np.unique(texts, return_inverse=True)
            values = np.array(_label_each(different, fonts, "value"))[places]
        ax = _new_axes(4.4, 3)
        plots.plot_residuals_by_column(values, results.y_true - results.y_pred, ax)
        ax.set_xlabel(label)
        yield ax.figure


def _draw_learning_curves(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    others = ("val_", "epoch", "learning_rate")
    for metric in [each for each in results.history if not each.startswith(others)][:2]:
        ax = _new_axes(4.4, 3.7)
        curves = results.history[metric], results.history.get(f"val_{metric}")
        plots.plot_learning_curves(*curves, ax, best_epoch=results.best_epoch)
        ax.set_title(name_metric(metric))
        yield ax.figure


def _draw_confusion_matrix(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    if not (results.is_classification and results.has_predictions):
        return
    labels = _label_classes(results, fonts)
    size = float(np.clip(3.5 + 0.5 * len(labels), 4.6, 8.5))
    ax = _new_axes(size, size * 0.92)
    plots.plot_confusion_matrix(results.y_true, results.y_pred, ax, class_names=labels)
    yield ax.figure


def _draw_roc_pr_curves(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    from sklearn.metrics import precision_recall_curve, roc_curve

    several = results.scored
    if len(several) == 1 and not several[0].is_binary:
        several = [several[0].separate(i, name) for i, name in enumerate(results.class_names)]
    labels = _label_each([each.name for each in several], fonts, "class")
    drawn = [row for row in zip(style.SERIES, labels, several, strict=False) if row[2].areas]
    if not drawn:
        return
    roc, pr = _make_square(4.4), _make_square(4.4)
    for color, label, each in drawn:
        pair = each.happened, each.chances
        fpr, tpr, _ = roc_curve(*pair, sample_weight=each.weights)
        precision, recall, _ = precision_recall_curve(*pair, sample_weight=each.weights)
        roc.plot(fpr, tpr, color=color, lw=1.6, label=f"{label}: area {each.areas[0]}")
        pr.plot(recall, precision, color=color, lw=1.6, label=f"{label}: area {each.areas[1]}")
    roc.plot([0, 1], [0, 1], "--", color=style.MUTED, lw=1.2, zorder=1)
    roc.set(xlabel="False positive rate", ylabel="Recall (true positive rate)", title="ROC")
    pr.set(xlabel="Recall", ylabel="Precision", title="Precision and recall")
    for ax in (roc, pr):
        style.write_legend(ax, 1)
        yield ax.figure


def _draw_reliability(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    if not (several := results.scored):
        return
    ax = _make_square(4.6)
    ax.plot([0, 1], [0, 1], "--", color=style.MUTED, lw=1.2, zorder=1)
    ax.set(xlabel="Mean predicted probability", ylabel="Observed frequency")
    labels = _label_each([each.name for each in several], fonts, "class")
    for color, label, each in zip(style.SERIES, labels, several, strict=False):
        ax.plot(*each.bins[:2], "o-", color=color, lw=1.6, ms=4, label=label)
    style.write_legend(ax)
    yield ax.figure


def _make_square(width: float) -> Any:
    ax, ticks = _new_axes(width, 4.8), [0, 0.25, 0.5, 0.75, 1]
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=ticks, yticks=ticks)
    return ax


def _draw_samples(
    results: Results, fonts: style.Fonts, *, with_heat: bool = False
) -> Iterator[Figure]:
    """Draw the first test images and the most confident mistakes, and less of both with heat."""
    most = plots.IMAGES_IN_A_ROW if with_heat else N_SAMPLES
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
        for start in range(0, len(group), plots.IMAGES_IN_A_ROW):
            chosen = group[start : start + plots.IMAGES_IN_A_ROW]
            ax = _new_axes(4.8, 2.9 if with_heat else 1.85)
            plots.plot_images(
                dict.fromkeys(("", " ") if with_heat else ("",), images[chosen]),
                ax,
                notes=[describe(i) for i in chosen],
                is_wrong=is_wrong[chosen],
                heat=drops[chosen] if with_heat else (),
                is_ink=results.dataset.get("name") in _OF_INK,
            )
            ax.set_title(" " if start else title)
            yield ax.figure


def _draw_outputs(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    if not results.has_predictions or not (results.is_array or "n_steps" in results.dataset):
        return
    size, pairs = (4.4, 2.8), dict[str, tuple[Any, Any]]()
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
        plots.plot_images(rows, ax, is_ink=results.dataset.get("name") in _OF_INK)
        yield ax.figure
    elif results.is_array:
        for number, row in enumerate(zip(actual, predicted, strict=True), 1):
            y_true, y_pred = (each.reshape(len(each), -1)[:, 0].compressed() for each in row)
            pairs[f"{results.part} row {number}"] = y_true, y_pred
    else:  # one value for each window
        size, shown = (8.6, 3), slice(_FORECASTS_SHOWN)
        pairs[f"the first {results.part} windows"] = results.y_true[shown], results.y_pred[shown]
    for title, (y_true, y_pred) in pairs.items():
        ax = _new_axes(*size)
        plots.plot_series(y_true, y_pred, ax, class_names=_label_classes(results, fonts))
        ax.set_title(title)
        yield ax.figure


def _draw_class_counts(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    labels = _label_classes(results, fonts)
    for part, counts in results.dataset.get("class_counts", {}).items():
        if len(counts) == len(labels):
            ax = _new_axes(3.3, float(np.clip(1.3 + 0.3 * len(labels), 2.2, 9)))
            plots.plot_class_counts(counts, labels, ax, part=part)
            yield ax.figure


def _draw_importance(results: Results, fonts: style.Fonts) -> Iterator[Figure]:
    facts = results.info.get("importance", {})
    has_all = facts.keys() >= {"columns", "rows", "of_rows", "repeats"}
    if not (has_all and (columns := facts["columns"])):
        return
    shown = sorted(columns, key=lambda name: -columns[name][0])[:_MOST_COLUMNS]
    names = _label_each(shown, fonts, "column")
    unit = "standard deviations" if len(results.targets) > 1 else _label(results.unit, fonts, "")
    label, scale = f"Increase in mean absolute error{plots.in_unit(unit)}", 1
    if results.has_classes:
        label, scale = "Decrease in accuracy (points)", 100
    ax = _new_axes(4.6, 1.2 + 0.28 * len(names))
    rises = scale * np.array([columns[name] for name in shown])
    plots.plot_importance(names, rises, ax, label=label)
    rows = f"{facts['rows']:,} of {facts['of_rows']:,} test rows"
    style.write_facts(ax, f"{rows}, {count(facts['repeats'], 'shuffle')}")
    yield ax.figure


_BY_TARGET = ("regplot", "residuals", "outputs")

_PLOTS: dict[str, tuple[Callable[[Results, style.Fonts], Iterator[Figure]], str, str]] = {
    "regplot": (
        _draw_numbers,
        "Predicted and actual values",
        "Points on the dashed line are predicted perfectly. A fitted line flatter than the dashed "
        "one means that high values are predicted too low and low values too high.",
    ),
    "residuals": (
        partial(_draw_numbers, are_residuals=True),
        "Residuals",
        "For points above zero, the prediction is too low. Residuals should scatter evenly around "
        "zero; a curve or a funnel shows a pattern that the model has not learned.",
    ),
    "residuals_by_column": (
        _draw_residuals_by_column,
        "Residuals by column",
        "The most important columns. Large points are means of rows with similar values, with 95% "
        "intervals; where they are above zero, predictions are too low.",
    ),
    "learning_curves": (
        _draw_learning_curves,
        "Learning curves",
        "If rows were held out for validation, the best epoch has their lowest loss, and the model "
        "overfits where the training curve still improves and the validation curve gets worse. A "
        "loss that falls far is drawn on a logarithmic scale.",
    ),
    "confusion_matrix": (
        _draw_confusion_matrix,
        "Confusion matrix",
        "Each row is an actual class, each column a predicted class. Correct predictions are on "
        "the diagonal. Colours and percentages are shares of the row.",
    ),
    "roc_pr_curves": (
        _draw_roc_pr_curves,
        "ROC and precision-recall curves",
        "Each point of a curve is a threshold. Of more than two classes, each is separated from "
        "all others. At most the first eight are drawn. Brackets contain 95% intervals. The dashed "
        "line is chance.",
    ),
    "reliability": (
        _draw_reliability,
        "Reliability curve",
        "Each point is a tenth of the rows, of similar probability. On the dashed line, a "
        "probability of 80% is right in 80% of the rows; below it, probabilities are too high. At "
        "most the first eight labels are drawn.",
    ),
    "samples": (
        _draw_samples,
        "Sample images",
        "Below each image are the predicted class and its probability. A mistake has a red frame, "
        "a cross and the actual class.",
    ),
    "occlusion": (
        partial(_draw_samples, with_heat=True),
        "Occlusion of the sample images",
        "A patch of mean colour covers one place after another. Where it covers a red place, the "
        "probability of the predicted class falls most. Below each image: this probability without "
        "a patch, and the lowest one with it.",
    ),
    "outputs": (
        _draw_outputs,
        "Actual and predicted outputs",
        "Of several values of a step, the first is drawn. If a predicted line repeats the actual "
        "line one step later, the model is hardly better than the last value.",
    ),
    "class_counts": (
        _draw_class_counts,
        "Class counts",
        "How many rows each class or label has. Each part has its own scale: compare shapes, not "
        "lengths.",
    ),
    "importance": (
        _draw_importance,
        "Importance of columns",
        "How much worse predictions become when a column’s values are shuffled between rows. Lines "
        "are 95% intervals over the rows; columns without a clear effect are grey. Correlated "
        "columns replace each other, so each of them may seem unimportant.",
    ),
}
"""By name: from results and fonts to panels of one size, title and caption.

A run that has no data for a plot has no panels.
"""
