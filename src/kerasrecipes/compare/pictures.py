"""From a comparison to pictures with the words that go with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerasrecipes.compare import plots
from kerasrecipes.compare.contender import Contender
from kerasrecipes.compare.statistics import Comparison
from kerasrecipes.compare.words import (
    choose_decimals,
    find_prefix,
    name_draw,
    name_scores,
    shorten,
    write_decimal,
)
from kerasrecipes.report.fonts import choose_fonts
from kerasrecipes.report.picture import Picture, warn_of_missing_glyphs
from kerasrecipes.report.style import new_figure, render_svg, use_style
from kerasrecipes.report.words import name_metric, write_count

_LONGEST_NAME = 30  # characters beside a row of dots


def draw_pictures(
    ranked: Sequence[Contender], comparison: Comparison, part: str
) -> tuple[Picture, list[Picture], list[str]]:
    """Draw the seeds' scores and their learning curves.

    Args:
        ranked: Best first, as the comparison's standings are.
        comparison: What the statistics say.
        part: Of the data, that the scores are of.

    Returns:
        The dot plot, the curves of the metric and of the loss as far as the runs have them, and
        warnings for a person.
    """
    unit = str(ranked[0].runs[0].info["dataset"].get("target_unit") or "")
    prefix = find_prefix([contender.name for contender in ranked])
    names = [contender.name.removeprefix(prefix) for contender in ranked]
    fonts = choose_fonts([*names, unit])
    names = [fonts.spell(name, f"recipe {i}") for i, name in enumerate(names, 1)]
    unit = fonts.spell(unit, "")
    with use_style(fonts.families):
        scores = _draw_scores(names, comparison, name_scores(comparison, part, unit))
        curves = [
            _draw_curves(names, ranked, column, n_epochs)
            for column, n_epochs in _find_curves(ranked, comparison).items()
        ]
    return scores, curves, warn_of_missing_glyphs(fonts)


def _draw_scores(names: Sequence[str], comparison: Comparison, what: str) -> Picture:
    standings = comparison.standings
    draw_name = name_draw(comparison)
    decimals = choose_decimals(standing.sd for standing in standings)
    means = [write_decimal(standing.mean, decimals) for standing in standings]
    notes = [f"{mean}  {s.verdict}" for mean, s in zip(means, standings, strict=True)]
    better = "higher is better →" if comparison.higher_is_better else "← lower is better"
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

    told = "; ".join(f"{s.name} {mean}" for s, mean in zip(standings, means, strict=True))
    return Picture(
        name="scores",
        title=f"Every {draw_name}'s score",
        alt=f"Dot plot of the {what} of {write_count(comparison.n, draw_name)}, best recipe on "
        f"top. Means: {told}.",
        caption=f"Each dot is one {draw_name}; the diamond is their mean, and the line through it "
        f"the mean's {100 * comparison.confidence:g}% interval. The dotted line is the best mean."
        if comparison.n > 1
        else f"One {draw_name} each, so nothing tells how far the dots would move with another.",
        width=round(96 * 11.2),
        image=draw(11.2, 0.52, is_narrow=False),
        narrow_image=draw(4, 0.62, is_narrow=True),
    )


def _draw_curves(
    names: Sequence[str], ranked: Sequence[Contender], column: str, n_epochs: int
) -> Picture:
    is_validation = column.startswith("val_")
    part = "validation" if is_validation else "training"
    metric = column.removeprefix("val_")
    title = f"{name_metric(metric)}, {part} part"
    of_seeds = [[run.history[column] for run in contender.runs] for contender in ranked]

    def draw(width: float, longest_name: int) -> bytes:
        figure = new_figure(width, max(3.6, 1.2 + 0.19 * len(names)))
        curves = dict(zip(_label(names, longest_name), of_seeds, strict=True))
        plots.plot_seed_curves(curves, figure.subplots())
        return render_svg(figure)

    has_stopped = any(len({*map(len, curves)}) > 1 for curves in of_seeds)
    return Picture(
        name=f"curves_{column}",
        title=title,
        alt=f"{title}, over up to {write_count(n_epochs, 'epoch')}: a line for each of "
        f"{', '.join(names)}.",
        caption="A line is the mean of the seeds, its band reaches from lowest to highest."
        + has_stopped * " It goes on dotted where some seeds had stopped."
        if len(of_seeds[0]) > 1
        else "A line is one seed.",
        width=round(96 * 5.4),
        image=draw(5.4, 18),
        narrow_image=draw(4, 14),
    )


def _find_curves(ranked: Sequence[Contender], comparison: Comparison) -> Mapping[str, int]:
    """Columns that every run's history has, the metric's before the loss's, and their lengths."""
    histories = [run.history for contender in ranked for run in contender.runs]

    def first_shared(*columns: str) -> str | None:
        return next((c for c in columns if all(history.get(c) for history in histories)), None)

    logged = comparison.metric.removesuffix("_original_units")
    found = (first_shared(f"val_{name}", name) for name in (logged, "loss"))
    return {
        column: max(len(history[column]) for history in histories) for column in found if column
    }


def _label(names: Sequence[str], length: int) -> list[str]:
    """Shorten names, and number those that are then the same."""
    short = [shorten(name, length) for name in names]
    return [f"{name} ({i})" if short.count(name) > 1 else name for i, name in enumerate(short, 1)]
