"""From a comparison to pictures with the words that go with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerasrecipes.comparison import plots
from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.statistics import CONFIDENCE, Ranking
from kerasrecipes.comparison.words import choose_decimals, find_prefix, lower_first, write_decimal
from kerasrecipes.report.axes import scale_curves
from kerasrecipes.report.fonts import choose_fonts
from kerasrecipes.report.style import SERIES, PageFigure, new_figure, render_svg, use_style
from kerasrecipes.report.words import name_score, shorten
from kerasrecipes.rows.words import count

if TYPE_CHECKING:
    from kerasrecipes.comparison.comparison import Comparison

_LONGEST_NAME = 34  # characters next to a row of dots
_LONGEST_TITLE = 20  # characters above a panel


def draw_pictures(comparison: Comparison) -> tuple[PageFigure, list[PageFigure], list[str]]:
    """Draw the scores and the learning curves.

    Returns:
        The dot plot; the curves of the metric and of the loss, if the runs have them; warnings.
    """
    contenders = comparison.contenders
    prefix = find_prefix([contender.name for contender in contenders])
    names = [contender.name.removeprefix(prefix) for contender in contenders]
    metric = lower_first(comparison.metric_name)
    fonts = choose_fonts([*names, metric])
    names = [fonts.spell(name, f"recipe {i}") for i, name in enumerate(names, 1)]
    what = f"{comparison.part} {fonts.spell(metric, comparison.ranking.metric)}"
    with use_style(fonts.families):
        scores = _draw_scores(names, comparison.ranking, what)
        shown = [i for i, each in enumerate(contenders) if each.runs[0].has_network]
        columns = _find_curves(comparison)
        curves = [_draw_curves(names, contenders, shown, column) for column in columns]
    return scores, curves, fonts.list_warnings()


def _draw_scores(names: Sequence[str], ranking: Ranking, what: str) -> PageFigure:
    standings, draw_name = ranking.standings, ranking.draw_name
    decimals = choose_decimals(standing.sd for standing in standings)
    means = [write_decimal(standing.mean, decimals) for standing in standings]
    notes = [f"{mean}  {s.verdict}" for mean, s in zip(means, standings, strict=True)]
    better = "higher is better →" if ranking.higher_is_better else "← lower is better"
    scores = {
        label: standing.scores
        for label, standing in zip(_label(names, _LONGEST_NAME), standings, strict=True)
    }

    def draw(width: float, row_height: float, *, is_narrow: bool) -> bytes:
        figure = new_figure(width, 0.85 + row_height * len(standings))
        plots.plot_scores(
            scores,
            [standing.interval for standing in standings],
            notes,
            figure.subplots(),
            label=f"{what[0].upper()}{what[1:]}  ({better})",
            is_narrow=is_narrow,
        )
        return render_svg(figure)

    listed = "; ".join(f"{s.name} {mean}" for s, mean in zip(standings, means, strict=True))
    return PageFigure(
        name="scores",
        title=f"Every {draw_name}'s score",
        alt=f"Dot plot of the {what} of {count(ranking.n, draw_name)}, best recipe on "
        f"top. Means: {listed}.",
        caption=f"Each dot is one {draw_name}; the diamond is their mean, and the line through it "
        f"the mean's {100 * CONFIDENCE:g}% interval. The dotted line is the best mean."
        if ranking.n > 1
        else f"There is one {draw_name} for each recipe, which does not show how much scores vary.",
        width=round(96 * 11.2),
        panels=(draw(11.2, 0.52, is_narrow=False),),
        narrow=draw(4, 0.62, is_narrow=True),
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
    means = [plots.average_curves(curves) for curves in of_seeds]

    def draw(width: float, n_columns: int) -> bytes:
        n_rows = -(-len(names) // n_columns)
        figure = new_figure(width, 0.4 + 1.7 * n_rows)
        panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).flat
        for i, (name, ax) in enumerate(zip(_label(names, _LONGEST_TITLE), panels, strict=False)):
            others = means[:i] + means[i + 1 :]
            plots.plot_seed_curves(of_seeds[i], others, ax, color=SERIES[shown[i] % len(SERIES)])
            scale_curves(ax, means)
            is_lowest = i + n_columns >= len(names)
            ax.tick_params(labelbottom=is_lowest, labelsize=8.5)
            ax.set_xlabel("Epoch" if i // n_columns == n_rows - 1 else "", size=9)
            ax.set_title(name, size=9.5, pad=5, weight="bold" if i == 0 else "normal")
        for ax in panels:  # without a recipe
            ax.remove()
        return render_svg(figure)

    n_columns = min(len(names), 2 if len(names) in (2, 4) else 3)
    n_epochs = max(len(curve) for curves in of_seeds for curve in curves)
    has_seeds = len(of_seeds[0]) > 1
    return PageFigure(
        name=f"curves_{column}",
        title=title,
        alt=f"{title}, over up to {count(n_epochs, 'epoch')}: a panel for each of "
        f"{', '.join(names)}.",
        caption="A thin line is one seed, to its last epoch; the thick line is the mean up to the "
        "first epoch that some seed lacks. Grey lines are the means of the other recipes."
        if has_seeds
        else "A line is one seed. Grey lines are the other recipes.",
        width=round(96 * 5.4),
        panels=(draw(5.4, n_columns),),
        narrow=draw(4, 1 if len(names) < 4 else 2),
    )


def _find_curves(comparison: Comparison) -> list[str]:
    """Find the columns that every run's history has: the metric's and the loss's."""
    trained = (contender for contender in comparison.contenders if contender.runs[0].has_network)
    histories = [run.history for contender in trained for run in contender.runs]
    logged = comparison.ranking.metric.removesuffix("_original_units")
    found = [
        next((c for c in (f"val_{name}", name) if all(h.get(c) for h in histories)), "")
        for name in (logged, "loss")
    ]
    return list(dict.fromkeys(filter(None, found)))


def _label(names: Sequence[str], length: int) -> list[str]:
    """Shorten names, and number those that are then the same."""
    short = [shorten(name, length) for name in names]
    return [f"{name} ({i})" if short.count(name) > 1 else name for i, name in enumerate(short, 1)]
