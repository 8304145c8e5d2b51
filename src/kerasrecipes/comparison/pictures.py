"""From a comparison to pictures with the words that go with them.

The functions ``plot_...`` take arrays and a matplotlib Axes, and need neither recipes nor runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.description import lower_first, shorten_names
from kerasrecipes.comparison.statistics import CONFIDENCE, Ranking
from kerasrecipes.report.style import (
    FAINT,
    INK,
    MUTED,
    SERIES,
    PageFigure,
    choose_fonts,
    new_figure,
    render_svg,
    scale_curves,
    use_style,
)
from kerasrecipes.report.words import name_score, shorten, write_number
from kerasrecipes.rows.words import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kerasrecipes.comparison.comparison import Comparison

_WIDE, _NARROW = 11.2, 4  # figures on a wide and on a narrow screen, in inches
_LONGEST_NAMES = {_WIDE: 34, _NARROW: 20}  # in characters
_MOST_POINTS = 200  # of a curve: more cannot be distinguished in a panel


def draw_pictures(comparison: Comparison) -> tuple[list[PageFigure], list[str]]:
    """Draw the scores, and the learning curves of the metric and the loss.

    Returns:
        The pictures, and warnings.
    """
    contenders = comparison.contenders
    names = shorten_names([contender.name for contender in contenders])
    metric = lower_first(comparison.metric_name)
    fonts = choose_fonts([*names, metric])
    names = [fonts.spell(name, f"recipe {i}") for i, name in enumerate(names, 1)]
    what = f"{comparison.part} {fonts.spell(metric, comparison.ranking.metric)}"
    with use_style(fonts.families):
        figures = [_draw_scores(names, comparison.ranking, what)]
        shown = [i for i, each in enumerate(contenders) if each.runs[0].has_network]
        columns = _find_curves([contenders[i] for i in shown], comparison.ranking.metric)
        figures += [_draw_curves(names, contenders, shown, column) for column in columns]
    return figures, fonts.list_warnings()


def _draw_scores(names: Sequence[str], ranking: Ranking, what: str) -> PageFigure:
    standings, draw_name = ranking.standings, ranking.draw_name
    better = "higher is better →" if ranking.higher_is_better else "← lower is better"
    scores = [standing.scores for standing in standings]
    intervals = [standing.interval for standing in standings]

    def draw(width: float) -> bytes:
        figure = new_figure(width, 0.85 + 0.5 * len(standings))
        named = dict(zip(_shorten(names, width), scores, strict=True))
        label = f"{what[0].upper()}{what[1:]}\n{better}"
        plot_scores(named, intervals, figure.subplots(), label=label)
        return render_svg(figure)

    listed = "; ".join(f"{each.name} {write_number(each.mean, 4)}" for each in standings)
    return PageFigure(
        title=f"Every {draw_name}'s score",
        alt=f"Dot plot of the {what} of {count(ranking.n, draw_name)}, best recipe on "
        f"top. Means: {listed}.",
        caption=f"Each dot is one {draw_name}; the diamond is their mean, and the line through it "
        f"the mean's {100 * CONFIDENCE:g}% interval. The dotted line is the best mean.",
        width=round(96 * _WIDE),
        panels=(draw(_WIDE),),
        narrow=draw(_NARROW),
    )


def _draw_curves(
    names: Sequence[str], contenders: Sequence[Contender], shown: Sequence[int], column: str
) -> PageFigure:
    """Draw a panel for each shown recipe, in its colour and all on the same scales."""
    names, contenders = [names[i] for i in shown], [contenders[i] for i in shown]
    part = "validation" if column.startswith("val_") else "training"
    dataset = contenders[0].runs[0].info["dataset"]
    title = f"{name_score(column.removeprefix('val_'), dataset)}, {part} part"
    of_seeds = [[run.history[column] for run in contender.runs] for contender in contenders]
    means = [average_curves(curves) for curves in of_seeds]

    def draw(width: float, n_columns: int) -> bytes:
        n_rows = -(-len(names) // n_columns)
        figure = new_figure(width, 0.4 + 1.7 * n_rows)
        panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).flat
        for i, (name, ax) in enumerate(zip(_shorten(names, width), panels, strict=False)):
            others = means[:i] + means[i + 1 :]
            plot_seed_curves(of_seeds[i], others, ax, color=SERIES[shown[i] % len(SERIES)])
            scale_curves(ax, means)
            ax.set_xlabel("")
            ax.tick_params(labelbottom=i + n_columns >= len(names))
            ax.set_title(name, size=10, pad=5)
        for ax in panels:  # without a recipe
            ax.remove()
        figure.supxlabel("Epoch", size=10)
        return render_svg(figure)

    n_epochs = max(len(curve) for curves in of_seeds for curve in curves)
    return PageFigure(
        title=title,
        alt=f"{title}, over up to {count(n_epochs, 'epoch')}: a panel for each of "
        f"{', '.join(names)}.",
        caption="A thin line is one run, to its last epoch; the thick line is the mean up to the "
        "first epoch that some run lacks. Grey lines are the means of the other recipes.",
        width=round(96 * _WIDE),
        panels=(draw(_WIDE, min(len(names), 3)),),
        narrow=draw(_NARROW, 1 if len(names) < 4 else 2),
    )


def _find_curves(contenders: Sequence[Contender], metric: str) -> list[str]:
    """Find the columns that every run's history has: the metric's and the loss's."""
    histories = [run.history for contender in contenders for run in contender.runs]
    found = [
        next((c for c in (f"val_{name}", name) if all(h.get(c) for h in histories)), "")
        for name in (metric.removesuffix("_original_units"), "loss")
    ]
    return list(dict.fromkeys(filter(None, found)))


def _shorten(names: Sequence[str], width: float) -> list[str]:
    """Shorten names for a figure of a width in inches; names that become equal get a number."""
    short = [shorten(name, _LONGEST_NAMES[width]) for name in names]
    return [f"{name} ({i})" if short.count(name) > 1 else name for i, name in enumerate(short, 1)]


def plot_scores(
    scores: Mapping[str, Sequence[float]],
    intervals: Sequence[tuple[float, float]],
    ax: Axes,
    *,
    label: str,
) -> Axes:
    """Plot every seed's score as a dot, and below the dots the mean with its interval.

    Args:
        scores: By name, from top to bottom; each of shape (n_seeds,).
        intervals: Shape (n_names, 2), the ends of each mean's interval; NaN where it has none.
        ax: Where to draw.
        label: The name of the scores.
    """
    from matplotlib.ticker import MaxNLocator

    means = [float(np.mean(values)) for values in scores.values()]
    if np.isfinite(means[0]):
        ax.axvline(means[0], color=MUTED, lw=1, ls=(0, (1, 2)), zorder=1)
    for i, values in enumerate(scores.values()):
        color = SERIES[i % len(SERIES)]
        row = np.full(len(values), i - 0.14)
        ax.plot(values, row, "o", color=color, ms=6.5, mec="none", alpha=0.65)
        ax.plot(intervals[i], [i + 0.16] * 2, color=color, lw=2.2, solid_capstyle="butt")
        if len(values) > 1:
            ax.plot(means[i], i + 0.16, "D", color=color, ms=6, mec="white", mew=1)
    ax.set_yticks(range(len(scores)), [*scores], color=INK)
    ax.set(ylim=(len(scores) - 0.45, -0.55), xlabel=label)
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.06)
    return ax


def plot_seed_curves(
    curves: Sequence[Sequence[float]],
    others: Sequence[NDArray[np.float64]],
    ax: Axes,
    *,
    color: str,
) -> Axes:
    """Plot one recipe's seeds by epoch, each to its end, and their mean as far as all go.

    Args:
        curves: One per seed, each of shape (n_epochs_of_that_seed,).
        others: Means of the other recipes, drawn faintly to compare with.
        ax: Where to draw; panels of one figure share their scales.
        color: Of the recipe.
    """
    for other in others:
        _plot_thinned(other, ax, color=FAINT, lw=1.4, zorder=1)
    for curve in curves:
        values = np.asarray(curve, dtype=float)
        _plot_thinned(values, ax, color=color, lw=0.8, alpha=0.6)
        if len(ends := np.flatnonzero(np.isfinite(values))):
            ax.plot(ends[-1] + 1, values[ends[-1]], "o", color=color, ms=3.2, mec="none")
    if len(curves) > 1:
        _plot_thinned(average_curves(curves), ax, color=color, lw=2.2)
    return ax


def average_curves(curves: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Average curves over the epochs in which all of them have a finite value.

    Returns:
        Shape (n_epochs,), up to the first epoch that some curve lacks.
    """
    n_epochs = min(map(len, curves))
    mean = np.mean([curve[:n_epochs] for curve in curves], axis=0)
    return mean[: np.argmin([*np.isfinite(mean), False])]


def _plot_thinned(values: NDArray[np.float64], ax: Axes, **look: Any) -> None:
    last = len(values) - 1
    shown = np.unique(np.linspace(0, last, min(len(values), _MOST_POINTS)).round().astype(int))
    ax.plot(shown + 1, values[shown], **look)
