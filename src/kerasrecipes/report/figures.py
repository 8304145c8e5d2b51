"""From a run's results to figures with title, caption and alternative text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.report import N_SAMPLES, plots
from kerasrecipes.report.curves import (
    draw_reliability,
    draw_residuals_by_column,
    draw_roc_pr_curves,
)
from kerasrecipes.report.fonts import Fonts, choose_fonts
from kerasrecipes.report.importance import draw_importance, draw_occlusion
from kerasrecipes.report.results import Results
from kerasrecipes.report.style import PageFigure, new_figure, render_png, render_svg, use_style
from kerasrecipes.report.verdict import describe_most_confused, describe_score
from kerasrecipes.report.words import shorten
from kerasrecipes.rows.words import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_TARGETS = 8  # of several targets, so many are drawn
_LONGEST_NAME = 28  # characters of a target's or a class's name
_ROWS_SHOWN = 6  # whose outputs are drawn
_FORECASTS_SHOWN = 300
_PAGE_INCHES = 10  # panels that fit this width are placed side by side

Drawing = tuple[list["Figure"], PageFigure]


def draw_figures(results: Results, names: Sequence[str]) -> tuple[list[PageFigure], list[str]]:
    """Draw the named plots; a plot whose data the run does not have is left out.

    Returns:
        The figures, in the order of the names, and warnings for the user.
    """
    important = results.info.get("importance", {}).get("columns", ())
    values = (values[:1000] for values in results.columns.values())
    texts = chain(results.targets, results.columns, important, *values)
    fonts = choose_fonts([results.target, results.unit, *results.class_names, *texts])
    drawn: list[PageFigure] = []
    warnings = fonts.list_warnings()
    with use_style(fonts.families):
        for name in names:
            figures = [_render(*drawing) for drawing in _draw(name, results, fonts)]
            drawn += figures
            if not figures:
                why = results.info.get(name, {}).get("left_out", "this run has no data for it")
                warnings.append(f"The plot {name} is left out: {why}.")
            elif name in _BY_TARGET and len(results.targets) > _MOST_TARGETS:
                first = f"the first {_MOST_TARGETS} of {len(results.targets)} targets"
                warnings.append(f"The plot {name} is drawn for {first}.")
    return drawn, warnings


def _render(panels: Sequence[Figure], words: PageFigure) -> PageFigure:
    width = panels[0].get_figwidth()
    png = render_png(panels, min(len(panels), int(_PAGE_INCHES // width)))
    for panel in panels:
        panel.set_layout_engine("none")  # the layout is done
    scale = 1.25 if len(panels) == 1 and not words.scrolls else 1
    svgs = tuple(map(render_svg, panels))
    return replace(words, panels=svgs, width=round(96 * width * scale), png=png)


def _draw(name: str, results: Results, fonts: Fonts) -> Iterator[Drawing]:
    """Draw a plot; one of a single target is drawn for each of several."""
    several = results.split_targets() if name in _BY_TARGET else [results]
    file_names = _name_files(name, [each.target for each in several]) if several[1:] else [name]
    for each, file_name in zip(several[:_MOST_TARGETS], file_names, strict=False):
        if drawing := name in _DRAWERS and _DRAWERS[name](each, fonts):
            panels, figure = drawing
            title = f"{figure.title}: {each.target}" if several[1:] else figure.title
            yield panels, replace(figure, name=file_name, title=title)


def _name_files(name: str, targets: Sequence[str]) -> list[str]:
    names = [make_folder_name(f"{name}_{target}") for target in targets]
    are_distinct = len({name.casefold() for name in names}) == len(names)
    return names if are_distinct else [f"{name}_{i + 1}" for i in range(len(targets))]


def _draw_regplot(results: Results, fonts: Fonts) -> Drawing | None:
    if results.is_classification or not results.has_predictions:
        return None
    figure = new_figure(4.6, 5.2)
    # R² of arrays compares with the mean of each place, which is not known here.
    plot = partial(plots.plot_regplot, with_r2=not results.is_array)
    _plot_target(plot, figure, results, fonts)
    rows = count(len(results.y_true), f"{results.part} row")
    whose = f"of {results.evaluated}" if results.evaluated else "of the test part"
    return [figure], PageFigure(
        title="Predicted and actual values",
        alt=f"Scatter plot of predicted against actual {results.target} for {rows}, with a fitted "
        f"line and the line of perfect prediction. {describe_score(results)}",
        caption=f"Each point is a {results.value_noun} {whose}. Points on the dashed line are "
        "predicted perfectly. A fitted line flatter than the dashed one means that high values are "
        "predicted too low and low values too high.",
    )


def _draw_residuals(results: Results, fonts: Fonts) -> Drawing | None:
    if results.is_classification or not results.has_predictions:
        return None
    figure = new_figure(4.6, 3.9)
    _plot_target(plots.plot_residuals, figure, results, fonts)
    return [figure], PageFigure(
        title="Residuals",
        alt=f"Scatter plot of residuals (actual minus predicted {results.target}) against "
        f"predictions, with a histogram of the residuals. {describe_score(results)}",
        caption="For points above zero, the prediction is too low. Residuals should scatter evenly "
        "around zero; a curve or a funnel shows a pattern that the model has not learned.",
    )


def _plot_target(
    plot: Callable[..., object], figure: Figure, results: Results, fonts: Fonts
) -> None:
    target = shorten(fonts.spell(results.target, "Target"), _LONGEST_NAME)
    plot(
        results.y_true,
        results.y_pred,
        figure.subplots(),
        unit=shorten(fonts.spell(results.unit, ""), _LONGEST_NAME),
        title=f"{target}, {results.part} {results.value_noun}s",
    )


def _draw_learning_curves(results: Results, fonts: Fonts) -> Drawing | None:
    if not results.epochs_run:
        return None
    shown, best = results.curve_names[:2], results.best_epoch
    panels = [new_figure(4.4, 3.5) for _ in shown]
    for metric, figure in zip(shown, panels, strict=True):
        validation = results.history.get(f"val_{metric}")
        plots.plot_learning_curves(
            results.history[metric],
            validation,
            figure.subplots(),
            metric=metric,
            best_epoch=best,
        )
    lowest, how_to_read = "Training part only.", ""
    if best:
        lowest = f"Validation loss is lowest after epoch {best}."
        how_to_read = (
            "The model overfits where the training curve still improves and the validation curve "
            "gets worse. "
        )
    return panels, PageFigure(
        title="Learning curves",
        alt=f"Line plots of {' and '.join(shown)} over {count(results.epochs_run, 'epoch')}. "
        f"{lowest}",
        caption=f"{how_to_read}A loss that falls far is drawn on a logarithmic scale.",
    )


def _draw_confusion_matrix(results: Results, fonts: Fonts) -> Drawing | None:
    if not (results.is_classification and results.has_predictions):
        return None
    n_classes, labels = len(results.class_names), _label_classes(results, fonts)
    size = float(np.clip(3.5 + 0.5 * n_classes, 4.6, 8.5))
    figure = new_figure(size, size * 0.92)
    ax = figure.subplots()
    plots.plot_confusion_matrix(results.y_true, results.y_pred, ax, class_names=labels)
    return [figure], PageFigure(
        title="Confusion matrix",
        alt=f"Confusion matrix of {count(n_classes, 'class')}: actual classes as rows, "
        f"predicted classes as columns. {describe_score(results)} "
        f"{describe_most_confused(results)}",
        caption="Each row is an actual class, each column a predicted class. Correct predictions "
        "are on the diagonal. Colours and percentages are shares of the row.",
        scrolls=n_classes > 3,
    )


def _draw_samples(results: Results, fonts: Fonts) -> Drawing | None:
    has_classes = results.is_classification and results.has_predictions and not results.is_array
    if not (results.samples and has_classes):
        return None
    images, positions = results.samples["images"], results.samples["positions"]
    labels = np.array(_label_classes(results, fonts))
    y_true, y_pred = results.y_true[positions], results.y_pred[positions]
    confidence = results.confidence[positions]
    wrong = np.flatnonzero(y_true != y_pred)
    groups = {
        f"The first {N_SAMPLES} test images": np.argsort(positions)[:N_SAMPLES],
        "The most confident mistakes": wrong[np.argsort(-confidence[wrong])][:N_SAMPLES],
    }
    panels = []
    for title, group in groups.items():
        for start in range(0, len(group), plots.SAMPLES_IN_A_ROW):
            chosen = group[start : start + plots.SAMPLES_IN_A_ROW]
            panels.append(new_figure(4.8, 2))
            plots.plot_samples(
                images[chosen],
                labels[y_true[chosen]],
                labels[y_pred[chosen]],
                panels[-1].subplots(),
                confidence=confidence[chosen],
                value_range=(images.min(), images.max()),
                is_ink=results.has_ink,
                title=" " if start else title,
            )
    return panels, PageFigure(
        title="Sample images",
        alt=f"The first {N_SAMPLES} test images with their predicted classes"
        + (", and the most confident mistakes." if len(wrong) else "."),
        caption="Below each image are the predicted class and its probability. A mistake has a red "
        "frame, a cross and the actual class.",
    )


def _draw_outputs(results: Results, fonts: Fonts) -> Drawing | None:
    if not results.has_predictions:
        return None
    if not results.is_array:
        return _draw_forecasts(results, fonts) if "n_steps" in results.dataset else None
    actual, predicted = (
        results.encode(results.predictions[what][:_ROWS_SHOWN]) for what in ("actual", "predicted")
    )
    images = None if results.samples is None else results.samples["images"][:_ROWS_SHOWN]
    while actual.ndim > 4:  # frames of a film
        actual, predicted = actual[:, -1], predicted[:, -1]
    is_image = bool(results.dataset.get("is_image"))
    are_images = actual.ndim == 4 or (actual.ndim == 3 and is_image)
    if actual.ndim == 4 and actual.shape[-1] not in (1, 3):  # other channels, or gray frames
        some = (..., 0) if is_image else (slice(None), -1)
        actual, predicted = actual[some], predicted[some]
    if are_images:
        rows = {"actual": actual, "predicted": predicted}
        is_same = images is not None and images.shape == actual.shape and (images == actual).all()
        if images is not None:
            rows = {"input": images} | ({"predicted": predicted} if is_same else rows)
        panels = [new_figure(0.8 + 1.1 * len(actual), 0.3 + 1.1 * len(rows))]
        plots.plot_image_rows(rows, panels[0].subplots(), is_ink=results.has_ink)
    else:
        known = results.predictions.get("known", np.ones(actual.shape[:2], bool))
        panels = [new_figure(4.4, 2.6) for _ in actual]
        for i, panel in enumerate(panels):
            shown = known[i].reshape(len(known[i]), -1)[:, 0]
            plots.plot_series(
                actual[i][shown],
                predicted[i][shown],
                panel.subplots(),
                class_names=_label_classes(results, fonts),
                title=f"{results.part} row {i + 1}",
            )
    return panels, PageFigure(
        title="Inputs and outputs" if are_images else "Actual and predicted series",
        alt=f"The first {len(actual)} {results.part} {results.noun}s with what the model predicts. "
        f"{describe_score(results)}",
        caption=f"The first {len(actual)} {results.part} {results.noun}s."
        + " The first value of each step is drawn." * (actual.ndim == 3 and not are_images),
    )


def _draw_forecasts(results: Results, fonts: Fonts) -> Drawing:
    figure = new_figure(8.6, 3)
    n_shown = min(len(results.y_true), _FORECASTS_SHOWN)
    shown = slice(n_shown)
    names, title = _label_classes(results, fonts), f"the first {n_shown:,} {results.part} windows"
    ax = figure.subplots()
    plots.plot_series(
        results.y_true[shown], results.y_pred[shown], ax, class_names=names, title=title
    )
    return [figure], PageFigure(
        title="Actual and predicted series",
        alt=f"Lines of the actual and the predicted {results.target} of {title}, in their order. "
        f"{describe_score(results)}",
        caption="Each prediction uses only the rows of its window. If the predicted line repeats "
        "the actual line one step later, the model is hardly better than the last value.",
        scrolls=True,
    )


def _draw_class_counts(results: Results, fonts: Fonts) -> Drawing | None:
    counts = results.dataset.get("class_counts") or {}
    labels = _label_classes(results, fonts)
    if results.is_multilabel:
        labels = [shorten(fonts.spell(name, "label"), _LONGEST_NAME) for name in results.targets]
    n_classes, noun = len(labels), "label" if results.is_multilabel else "class"
    if {*map(len, counts.values())} != {n_classes}:
        return None
    panels = []
    for part, of_part in counts.items():
        panels.append(new_figure(3.3, float(np.clip(1.3 + 0.3 * n_classes, 2.2, 9))))
        plots.plot_class_counts(of_part, labels, panels[-1].subplots(), part=part)
    first, of_first = next(iter(counts.items()))
    part, values = "training" if first == "train" else first, f"{results.value_noun}s"
    return panels, PageFigure(
        title=f"{noun.capitalize()} counts",
        alt=f"Bar charts of the {values} of {count(n_classes, noun)} in each part. In the "
        f"{part} part, a {noun} has {min(of_first):,} to {max(of_first):,} {values}.",
        caption=f"How many {values} each {noun} has."
        + " Each part has its own scale: compare shapes, not lengths." * (len(counts) > 1),
    )


_DRAWERS: dict[str, Callable[[Results, Fonts], Drawing | None]] = {
    "regplot": _draw_regplot,
    "residuals": _draw_residuals,
    "residuals_by_column": draw_residuals_by_column,
    "learning_curves": _draw_learning_curves,
    "confusion_matrix": _draw_confusion_matrix,
    "roc_pr_curves": draw_roc_pr_curves,
    "reliability": draw_reliability,
    "samples": _draw_samples,
    "outputs": _draw_outputs,
    "class_counts": _draw_class_counts,
    "importance": draw_importance,
    "occlusion": draw_occlusion,
}

_BY_TARGET = ("regplot", "residuals", "outputs")


def _label_classes(results: Results, fonts: Fonts) -> list[str]:
    spelled = (fonts.spell(name, f"class {i}") for i, name in enumerate(results.class_names))
    return [shorten(name, _LONGEST_NAME) for name in spelled]
