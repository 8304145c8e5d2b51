"""From a run's results to figures with title and caption."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from kerasrecipes.report import plots, style
from kerasrecipes.report.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_TARGETS = 8  # of several targets, so many are drawn
_READABLE_INCHES = 5  # a wider figure is scrolled on a narrow screen


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


_BY_TARGET = ("regplot", "residuals", "outputs")

_PLOTS: dict[str, tuple[Callable[[Results, style.Fonts], Iterator[Figure]], str, str]] = {
    "regplot": (
        plots.draw_regplot,
        "Predicted and actual values",
        "Points on the dashed line are predicted perfectly. A fitted line flatter than the dashed "
        "one means that high values are predicted too low and low values too high.",
    ),
    "residuals": (
        plots.draw_residuals,
        "Residuals",
        "For points above zero, the prediction is too low. Residuals should scatter evenly around "
        "zero; a curve or a funnel shows a pattern that the model has not learned.",
    ),
    "residuals_by_column": (
        plots.draw_residuals_by_column,
        "Residuals by column",
        "The most important columns. Large points are means of rows with similar values, with 95% "
        "intervals; where they are above zero, predictions are too low.",
    ),
    "learning_curves": (
        plots.draw_learning_curves,
        "Learning curves",
        "If rows were held out for validation, the best epoch has their lowest loss, and the model "
        "overfits where the training curve still improves and the validation curve gets worse. A "
        "loss that falls far is drawn on a logarithmic scale.",
    ),
    "confusion_matrix": (
        plots.draw_confusion_matrix,
        "Confusion matrix",
        "Each row is an actual class, each column a predicted class. Correct predictions are on "
        "the diagonal. Colours and percentages are shares of the row.",
    ),
    "roc_pr_curves": (
        plots.draw_roc_pr_curves,
        "ROC and precision-recall curves",
        "Each point of a curve is a threshold. Of more than two classes, each is separated from "
        "all others. Brackets contain 95% intervals. The dashed line is chance.",
    ),
    "reliability": (
        plots.draw_reliability,
        "Reliability curve",
        "Each point is a tenth of the rows, of similar probability. On the dashed line, a "
        "probability of 80% is right in 80% of the rows; below it, probabilities are too high.",
    ),
    "samples": (
        plots.draw_samples,
        "Sample images",
        "Below each image are the predicted class and its probability. A mistake has a red frame, "
        "a cross and the actual class.",
    ),
    "occlusion": (
        partial(plots.draw_samples, with_heat=True),
        "Occlusion of the sample images",
        "A patch of mean colour covers one place after another. Where it covers a red place, the "
        "probability of the predicted class falls most. Below each image: this probability without "
        "a patch, and the lowest one with it.",
    ),
    "outputs": (
        plots.draw_outputs,
        "Actual and predicted outputs",
        "Of several values of a step, the first is drawn. If a predicted line repeats the actual "
        "line one step later, the model is hardly better than the last value.",
    ),
    "class_counts": (
        plots.draw_class_counts,
        "Class counts",
        "How many rows each class or label has. Each part has its own scale: compare shapes, not "
        "lengths.",
    ),
    "importance": (
        plots.draw_importance,
        "Importance of columns",
        "How much worse predictions become when a column’s values are shuffled between rows. Lines "
        "are 95% intervals over the rows; columns without a clear effect are grey. Correlated "
        "columns replace each other, so each of them may seem unimportant.",
    ),
}
"""By name: how it is drawn, title and caption."""
