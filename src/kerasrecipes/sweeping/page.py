"""One self-contained HTML page of a sweep, its table, and its drawings."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrecipes.report.page import get_environment
from kerasrecipes.report.style import (
    FAINT,
    INK,
    MUTED,
    SERIES,
    PageFigure,
    choose_fonts,
    new_figure,
    render_svg,
    use_style,
)
from kerasrecipes.report.tables import Table
from kerasrecipes.report.words import shorten, write_number
from kerasrecipes.rows.words import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from kerasrecipes.sweeping.steps import Sweep

_BEST, _OTHER = SERIES[1], SERIES[0]
_LONGEST_NAME, _MOST_MARKS = 26, 12  # of an axis
_LONGEST_NOTE = 100
_WIDTH, _NARROW = 9.2, 4  # of a figure on a wide and on a narrow screen, in inches


def render_sweep(found: Sweep) -> tuple[str, list[str]]:
    """Write the page of a sweep.

    Returns:
        The page, and warnings, such as of a script that no installed font can draw.
    """
    plan = found.plan
    words = [word for each in plan.space.ranges for word in (each.key, str(each.values))]
    fonts = choose_fonts([plan.metric, *words])
    with use_style(fonts.families):
        figures = [_draw_history(found), _draw_values(found)] if found.ranking else []
    states = [row["state"] for row in found.rows]
    comparison = found.comparison.page if found.comparison else None
    counts = {what: states.count(what) for what in ("finished", "pruned", "failed")}
    best = [
        (write_number(row["score"], 4), f"best validation {found.plan.metric}")
        for row in found.ranking[:1]
    ]
    page = get_environment("kerasrecipes.sweeping").get_template("sweep.html.j2")
    html = page.render(
        title=f"{count(len(states), 'trial')} of {plan.space.base.name}",
        lines=found.verdict.splitlines(),
        tiles=[*best, *((n, what) for what, n in counts.items() if n)],
        figures=figures,
        importance=_list_importance(found),
        trials=list_trials(found),
        best=best and found.best.read_text(encoding="utf-8"),
        comparison=comparison and Path(os.path.relpath(comparison, found.folder)).as_posix(),
        strategy=plan.spec.strategy,
        command=found.command,
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
    return Table({"Trial": False, found.plan.metric: True, "Values": False, "Note": False}, cells)


def _write_value(value: str | float) -> str:
    """Write the value of a range."""
    return value if isinstance(value, str) else f"{value:.4g}"


def _list_importance(found: Sweep) -> Table:
    shares = sorted(found.importance.items(), key=lambda item: -item[1])
    rows = [[name, f"{share:.0%}"] for name, share in shares]
    return Table({"Range": False, "Importance": True}, rows)


def _draw(figure: PageFigure, draw: Callable[[Axes], None], height: float) -> PageFigure:
    """Add the drawings for a wide and for a narrow screen; sizes are in inches."""
    drawings = []
    for width in (_WIDTH, _NARROW):
        canvas = new_figure(width, height)
        draw(canvas.subplots())
        drawings.append(render_svg(canvas))
    return replace(figure, panels=(drawings[0],), narrow=drawings[1], width=round(96 * _WIDTH))


def _draw_history(found: Sweep) -> PageFigure:
    from matplotlib.ticker import MaxNLocator

    finished = [row for row in found.rows if row["state"] == "finished"]
    others = [row["trial"] for row in found.rows if row["state"] in ("pruned", "failed")]
    numbers, scores = [row["trial"] for row in finished], [row["score"] for row in finished]
    best = (np.maximum if found.plan.higher_is_better else np.minimum).accumulate(scores)

    def draw(ax: Axes) -> None:
        ax.step([*numbers, len(found.rows)], [*best, best[-1]], where="post", color=_BEST, lw=2)
        ax.plot(numbers, scores, "o", color=_OTHER, ms=6, mec="none")
        ax.plot(others, [0.02] * len(others), "x", color=MUTED, transform=ax.get_xaxis_transform())
        ax.set(xlabel="Trial", ylabel=f"Validation {found.plan.metric}")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))

    better = "Higher" if found.plan.higher_is_better else "Lower"
    crosses = " Crosses are trials that were pruned or failed." if others else ""
    figure = PageFigure(
        title="Best score so far",
        alt=f"Validation {found.plan.metric} of {count(len(scores), 'finished trial')}; the best "
        f"is {write_number(best[-1], 4)}.",
        caption=f"A dot is a trial; the line is the best score up to it. {better} is better."
        f"{crosses}",
    )
    return _draw(figure, draw, 3.2)


def _draw_values(found: Sweep) -> PageFigure:
    """Draw a line for each trial through its values, with an axis for each range."""
    metric, ranges = found.plan.metric, found.plan.space.ranges
    keys = [*(each.key for each in ranges), metric]
    rows = [row["values"] | {metric: row["score"]} for row in found.ranking]
    orders = {key: sorted({row[key] for row in rows if key in row}) for key in keys}
    orders |= {each.key: [*each.values] for each in ranges if each.values}

    def place(key: str, value: Any) -> float:
        return float(orders[key].index(value) / max(len(orders[key]) - 1, 1))

    def draw(ax: Axes) -> None:
        for i, row in reversed(list(enumerate(rows))):
            line = {x: place(key, row[key]) for x, key in enumerate(keys) if key in row}
            color, width = (_BEST, 2.4) if i == 0 else (_OTHER, 1.0)
            alpha = 1 - 0.75 * i / len(rows)
            ax.plot([*line], [*line.values()], "o-", color=color, lw=width, alpha=alpha, ms=3)
        for x, key in enumerate(keys):
            order = orders[key]
            for value in order if len(order) <= _MOST_MARKS else (order[0], order[-1]):
                text = shorten(_write_value(value), 12)
                ax.text(x + 0.03, place(key, value), text, size=9, color=MUTED, va="bottom")
        names = [shorten(key, _LONGEST_NAME) for key in keys]
        ax.set_xticks(range(len(keys)), names, size=9, color=INK)
        is_narrow = ax.bbox.width < ax.bbox.height
        ax.tick_params(axis="x", rotation=90 if is_narrow else 12 if len(keys) > 4 else 0)
        ax.set(yticks=[], ylim=(-0.05, 1.05))
        ax.grid(axis="x", color=FAINT, lw=1.2)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.margins(x=0.12)

    figure = PageFigure(
        title="Values of every finished trial",
        alt=f"Parallel coordinates of {', '.join(keys)}.",
        caption="A line is a trial, the thick one the best; lines are fainter the worse their "
        "score. On each axis, values are in order: the first of a list or the lowest number is "
        "below. A line passes by a range that did not apply.",
    )
    return _draw(figure, draw, 4.5)
