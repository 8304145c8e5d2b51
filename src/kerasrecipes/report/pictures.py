"""From a run's results to pictures with the words that go with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.report import plots
from kerasrecipes.report.choices import N_SAMPLES
from kerasrecipes.report.fonts import Fonts, choose_fonts
from kerasrecipes.report.picture import Picture, warn_of_missing_glyphs
from kerasrecipes.report.results import Results
from kerasrecipes.report.style import new_figure, render_png, use_style
from kerasrecipes.report.verdict import describe_most_confused, describe_score
from kerasrecipes.report.words import shorten, write_count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_TARGETS = 8  # so many of several targets are drawn one by one
_LONGEST_NAME = 32  # characters of a target's or a class's name that have room in a picture

Drawing = tuple["Figure", Picture]


def draw_pictures(results: Results, names: Sequence[str]) -> tuple[list[Picture], list[str]]:
    """Draw the named pictures, leaving out those whose data the run does not have.

    Returns:
        The pictures, in the order of the names, and warnings for a person.
    """
    fonts = choose_fonts([results.target, results.unit, *results.class_names])
    pictures: list[Picture] = []
    warnings = warn_of_missing_glyphs(fonts)
    with use_style(fonts.families):
        for name in names:
            n_before = len(pictures)
            for figure, picture in _draw(name, results, fonts):
                width, image = round(96 * figure.get_figwidth()), render_png(figure)
                pictures.append(replace(picture, width=width, image=image))
            if len(pictures) == n_before:
                warnings.append(f"The picture {name} is left out: this run has no data for it.")
            elif name in _BY_TARGET and len(results.targets) > _MOST_TARGETS:
                first = f"the first {_MOST_TARGETS} of {len(results.targets)} targets"
                warnings.append(f"The picture {name} is drawn for {first}.")
    return pictures, warnings


def _draw(name: str, results: Results, fonts: Fonts) -> Iterator[Drawing]:
    """Draw a picture, or one for each of several targets where it shows a single one."""
    several = results.split_targets() if name in _BY_TARGET else [results]
    file_names = _name_files(name, [each.target for each in several])
    for each, file_name in zip(several[:_MOST_TARGETS], file_names, strict=False):
        if drawing := _DRAWERS[name](each, fonts):
            figure, picture = drawing
            if len(several) > 1:
                title = f"{picture.title}: {each.target}"
                picture = replace(picture, name=file_name, title=title)
            yield figure, picture


def _name_files(name: str, targets: Sequence[str]) -> list[str]:
    names = [make_folder_name(f"{name}_{target}") for target in targets]
    are_distinct = len({name.casefold() for name in names}) == len(names)
    return names if are_distinct else [f"{name}_{i + 1}" for i in range(len(targets))]


def _draw_regplot(results: Results, fonts: Fonts) -> Drawing | None:
    if results.is_classification or not results.has_predictions:
        return None
    figure = new_figure(5.6, 5.6)
    target = shorten(fonts.spell(results.target, "Target"), _LONGEST_NAME)
    title = f"{target}, {results.part} rows"
    unit = fonts.spell(results.unit, "")
    plots.plot_regplot(results.y_true, results.y_pred, figure.subplots(), unit=unit, title=title)
    rows = write_count(len(results.y_true), f"{results.part} row")
    whose = f"of {results.evaluated}" if results.evaluated else "that the model never saw"
    return figure, Picture(
        name="regplot",
        title="Predicted and actual values",
        alt=f"Scatter plot of predicted against actual {results.target} for {rows}, with a fitted "
        f"line and the line of perfect prediction. {describe_score(results)}",
        caption=f"Each point is a row {whose}. On the dashed line a prediction equals the truth; "
        "a fitted line flatter than it means that extremes are pulled inwards.",
    )


def _draw_residuals(results: Results, fonts: Fonts) -> Drawing | None:
    if results.is_classification or not results.has_predictions:
        return None
    figure = new_figure(7.6, 4.4)
    target = shorten(fonts.spell(results.target, "the target"), _LONGEST_NAME)
    title = f"Residuals of {target}, {results.part} rows"
    unit = fonts.spell(results.unit, "")
    plots.plot_residuals(results.y_true, results.y_pred, figure.subplots(), unit=unit, title=title)
    return figure, Picture(
        name="residuals",
        title="Residuals",
        alt=f"Actual minus predicted {results.target} against the prediction, with a histogram. "
        f"{describe_score(results)}",
        caption="Above zero the model guessed too low. A cloud without shape is good news; a curve "
        "or a funnel is something that the model has not learned.",
    )


def _draw_learning_curves(results: Results, fonts: Fonts) -> Drawing | None:
    if not results.epochs_run:
        return None
    shown = results.curve_names[:2]
    figure = new_figure(4.6 * len(shown) + 0.6, 3.7)
    for metric, ax in zip(shown, figure.subplots(1, len(shown), squeeze=False)[0], strict=True):
        validation = results.history.get(f"val_{metric}")
        plots.plot_learning_curves(
            results.history[metric], validation, ax, metric=metric, best_epoch=results.best_epoch
        )
    best = results.best_epoch
    return figure, Picture(
        name="learning_curves",
        title="Learning curves",
        alt=f"{' and '.join(shown).capitalize()} over {write_count(results.epochs_run, 'epoch')}"
        + (f"; validation loss is lowest after epoch {best}." if best else ", training part only."),
        caption="Where the validation curve leaves the training curve, the model has begun to "
        "learn its training rows by heart. A loss that falls far has a logarithmic scale.",
        is_wide=len(shown) > 1,
    )


def _draw_confusion_matrix(results: Results, fonts: Fonts) -> Drawing | None:
    if not (results.is_classification and results.has_predictions):
        return None
    size = float(np.clip(4.4 + 0.36 * len(results.class_names), 5, 9.5))
    figure = new_figure(size, size * 0.92)
    plots.plot_confusion_matrix(
        results.y_true, results.y_pred, figure.subplots(), class_names=_short_labels(results, fonts)
    )
    n_classes = write_count(len(results.class_names), "class")
    return figure, Picture(
        name="confusion_matrix",
        title="Confusion matrix",
        alt=f"Confusion matrix of {n_classes}: actual classes as rows, predicted classes as "
        f"columns. {describe_score(results)} {describe_most_confused(results)}",
        caption="A row is an actual class, a column what the model said. The darker the diagonal, "
        "the better; a percentage is the share of its row.",
        is_wide=len(results.class_names) > 4,
    )


def _draw_samples(results: Results, fonts: Fonts) -> Drawing | None:
    if not (results.samples and results.is_classification and results.has_predictions):
        return None
    images, positions = results.samples["images"], results.samples["positions"]
    labels = np.array(_labels(results, fonts))
    y_true, y_pred = results.y_true[positions], results.y_pred[positions]
    confidence = results.confidence[positions]
    wrong = np.flatnonzero(y_true != y_pred)
    rows = {
        f"The first {N_SAMPLES} test images": np.argsort(positions)[:N_SAMPLES],
        "The most confident mistakes": wrong[np.argsort(-confidence[wrong])][:N_SAMPLES],
    }
    rows = {title: chosen for title, chosen in rows.items() if len(chosen)}
    figure = new_figure(10, 2.02 * len(rows))
    for (title, chosen), ax in zip(
        rows.items(), figure.subplots(len(rows), squeeze=False)[:, 0], strict=True
    ):
        plots.plot_samples(
            images[chosen],
            labels[y_true[chosen]],
            labels[y_pred[chosen]],
            ax,
            confidence=confidence[chosen],
            value_range=(images.min(), images.max()),
            title=title,
        )
    return figure, Picture(
        name="samples",
        title="Sample images",
        alt=f"The first {N_SAMPLES} test images with their predicted classes"
        + (", and the mistakes that the model was surest of." if len(rows) > 1 else "."),
        caption="Under each image stand the predicted class and its probability; a mistake has a "
        "red frame, a cross and the true class.",
        is_wide=True,
    )


def _draw_class_counts(results: Results, fonts: Fonts) -> Drawing | None:
    counts = results.dataset.get("class_counts") or {}
    if not counts:
        return None
    n_classes = len(results.class_names)
    figure = new_figure(3 * len(counts) + 1.2, float(np.clip(1.3 + 0.3 * n_classes, 2.2, 9)))
    labels = _short_labels(results, fonts)
    axes = figure.subplots(1, len(counts), squeeze=False, sharey=True)[0]
    for (part, of_part), ax in zip(counts.items(), axes, strict=True):
        plots.plot_class_counts(of_part, labels, ax, part=part)
    first, of_first = next(iter(counts.items()))
    part = "training" if first == "train" else first
    return figure, Picture(
        name="class_counts",
        title="Class counts",
        alt=f"Bar charts of the rows of {write_count(n_classes, 'class')} in each part; in the "
        f"{part} part a class has {min(of_first):,} to {max(of_first):,}.",
        caption="Each part has a scale of its own: compare the shapes, not the lengths."
        if len(counts) > 1
        else "How many rows each class has.",
        is_wide=len(counts) > 1,
    )


_DRAWERS: dict[str, Callable[[Results, Fonts], Drawing | None]] = {
    "regplot": _draw_regplot,
    "residuals": _draw_residuals,
    "learning_curves": _draw_learning_curves,
    "confusion_matrix": _draw_confusion_matrix,
    "samples": _draw_samples,
    "class_counts": _draw_class_counts,
}

_BY_TARGET = ("regplot", "residuals")


def _labels(results: Results, fonts: Fonts) -> list[str]:
    return [fonts.spell(name, f"class {i}") for i, name in enumerate(results.class_names)]


def _short_labels(results: Results, fonts: Fonts) -> list[str]:
    return [shorten(label, _LONGEST_NAME) for label in _labels(results, fonts)]
