"""The page of a sweep and its table of trials."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrecipes.comparison.page import draw_twice
from kerasrecipes.comparison.statistics import lower_first
from kerasrecipes.report import style
from kerasrecipes.report.page import get_environment
from kerasrecipes.report.style import PageFigure, choose_fonts, new_figure, use_style
from kerasrecipes.report.tables import Table
from kerasrecipes.report.words import shorten, shorten_each, write_number
from kerasrecipes.rows.words import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kerasrecipes.sweeping.steps import Sweep

_WINNER, _TRIAL = style.SERIES[1], style.SERIES[0]
_LONGEST_NAME, _MOST_MARKS = 26, 12  # of an axis
_LONGEST_NOTE = 100
_WIDTH = 9.2  # of a figure on a wide screen, in inches


def render_sweep(found: Sweep) -> tuple[str, list[str]]:
    """Write the page of a sweep, and list warnings, such as of a script without a font."""
    plan, metric = found.plan, lower_first(found.plan.metric_name)
    words = [word for each in plan.space.ranges for word in (each.key, str(each.values))]
    fonts = choose_fonts([metric, *words])
    with use_style(fonts.families):
        figures = [_draw_history(found), _draw_values(found)] if found.ranking else []
    states = [row["state"] for row in found.rows]
    comparison = found.comparison and os.path.relpath(found.comparison.page, found.folder)
    tiles = [(states.count(what), what) for what in ("finished", "pruned", "failed")]
    best = [write_number(row["score"], 4) for row in found.ranking[:1]]
    shares = sorted(found.importance.items(), key=lambda item: -item[1])
    importance = [[name, f"{share:.0%}"] for name, share in shares]
    page = get_environment("kerasrecipes.sweeping").get_template("sweep.html.j2")
    html = page.render(
        title=f"{count(len(states), 'trial')} of {plan.space.base.name}",
        sweep=found,
        lines=found.verdict.splitlines(),
        tiles=[*((each, f"best validation {metric}") for each in best), *filter(all, tiles)],
        figures=figures,
        importance=Table({"Range": False, "Importance": True}, importance),
        trials=list_trials(found),
        best=best and found.best.read_text(encoding="utf-8"),
        comparison=comparison,
    )
    return html, fonts.list_warnings()


def list_trials(found: Sweep, most: int | None = None) -> Table:
    """List trials, the finished ones first and from best to worst; or the best ones only."""
    ranking = found.ranking
    others = [row for row in found.rows if row not in ranking]
    cells = [
        [
            str(row["trial"]),
            write_number(row["score"], 4) if row in ranking else row["state"],
            " ".join(f"{key}={_write_value(value)}" for key, value in row["values"].items()),
            shorten(row["note"], _LONGEST_NOTE),
        ]
        for row in [*ranking, *others][:most]
    ]
    metric = found.plan.metric_name
    return Table({"Trial": False, metric: True, "Values": False, "Note": False}, cells)


def _write_value(value: str | float) -> str:
    """Write the value of a range."""
    return value if isinstance(value, str) else f"{value:.4g}"


def _draw_history(found: Sweep) -> PageFigure:
    from matplotlib.ticker import MaxNLocator

    metric = lower_first(found.plan.metric_name)
    finished = [row for row in found.rows if row["state"] == "finished"]
    others = [row["trial"] for row in found.rows if row["state"] in ("pruned", "failed")]
    numbers, scores = [row["trial"] for row in finished], [row["score"] for row in finished]
    best = (np.maximum if found.plan.higher_is_better else np.minimum).accumulate(scores)

    def draw(width: float) -> Figure:
        figure = new_figure(width, 3.2)
        ax = figure.subplots()
        ax.step([*numbers, len(found.rows)], [*best, best[-1]], where="post", color=_WINNER, lw=2)
        ax.plot(numbers, scores, "o", color=_TRIAL, ms=6, mec="none")
        below = ax.get_xaxis_transform()
        ax.plot(others, [0.02] * len(others), "x", color=style.MUTED, transform=below)
        ax.set(xlabel="Trial", ylabel=f"Validation {metric}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        return figure

    better = "Higher" if found.plan.higher_is_better else "Lower"
    crosses = " Crosses are trials that were pruned or failed." if others else ""
    return PageFigure(
        title="Best score so far",
        alt=f"Validation {metric} of {count(len(scores), 'finished trial')}; the best is "
        f"{write_number(best[-1], 4)}.",
        caption=f"A dot is a trial; the line is the best score up to it. {better} is better."
        f"{crosses}",
        **draw_twice(draw, _WIDTH),
    )


def _draw_values(found: Sweep) -> PageFigure:
    """Draw a line for each trial through its values, with an axis for each range."""
    metric, ranges = found.plan.metric_name, found.plan.space.ranges
    keys = [*(each.key for each in ranges), metric]
    rows = [row["values"] | {metric: row["score"]} for row in found.ranking]
    orders = {key: sorted({row[key] for row in rows if key in row}) for key in keys}
    orders |= {each.key: [*each.values] for each in ranges if each.values}

    def place(key: str, value: Any) -> float:
        return float(orders[key].index(value) / max(len(orders[key]) - 1, 1))

    def draw(width: float) -> Figure:
        figure = new_figure(width, 4.5)
        ax = figure.subplots()
        for i, row in reversed(list(enumerate(rows))):
            line = {x: place(key, row[key]) for x, key in enumerate(keys) if key in row}
            color, weight = (_WINNER, 2.4) if i == 0 else (_TRIAL, 1.0)
            alpha = 1 - 0.75 * i / len(rows)
            ax.plot([*line], [*line.values()], "o-", color=color, lw=weight, alpha=alpha, ms=3)
        for x, key in enumerate(keys):
            order = orders[key]
            for value in order if len(order) <= _MOST_MARKS else (order[0], order[-1]):
                text = shorten(_write_value(value), 12)
                ax.text(x + 0.03, place(key, value), text, size=9, color=style.MUTED, va="bottom")
        names = shorten_each(keys, _LONGEST_NAME)
        ax.set_xticks(range(len(keys)), names, size=9, color=style.INK)
        rotation = 90 if width < _WIDTH else 12 if len(keys) > 4 else 0
        ax.tick_params(axis="x", rotation=rotation)
        ax.set(yticks=[], ylim=(-0.05, 1.05))
        ax.grid(axis="x", color=style.FAINT, lw=1.2)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.margins(x=0.12)
        return figure

    return PageFigure(
        title="Values of every finished trial",
        alt=f"Parallel coordinates of {', '.join(keys)}.",
        caption="Each line is a trial. The thick line is the best trial; worse trials have fainter "
        "lines. On each axis, the first value of a list or the lowest number is at the bottom. "
        "A line has no point on the axis of a range that did not apply.",
        **draw_twice(draw, _WIDTH),
    )
