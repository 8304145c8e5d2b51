"""The tables of a comparison, formats of other programs, and one HTML page with its pictures.

The functions ``plot_...`` take arrays and a matplotlib Axes, and need neither recipes nor runs.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import isnan, nan
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from kerasrecipes.comparison.contenders import LABELS, Contender, find_differences
from kerasrecipes.comparison.statistics import CONFIDENCE, Ranking, lower_first, shorten_names
from kerasrecipes.durable import write_file
from kerasrecipes.recipe.yaml_file import dump_yaml
from kerasrecipes.report import style
from kerasrecipes.report.page import get_environment
from kerasrecipes.report.style import PageFigure, choose_fonts, new_figure, render_svg, use_style
from kerasrecipes.report.tables import Table, write_score
from kerasrecipes.report.words import (
    name_score,
    shorten_each,
    write_number,
    write_rows,
    write_seconds,
)
from kerasrecipes.rows.words import count
from kerasrecipes.runs import Run
from kerasrecipes.terminal import print_warnings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from kerasrecipes.comparison.comparison import Comparison

_WIDE, _NARROW = 11.2, 4  # figures on a wide and on a narrow screen, in inches
_LONGEST_NAMES = {_WIDE: 34, _NARROW: 20}  # in characters
_MOST_POINTS = 200  # of a curve: more cannot be distinguished in a panel
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.]+(e[+-]?\d+)?$)")


def write_page(file: Path, page: tuple[str, list[str]], console: Console) -> None:
    """Write a page, and print the warnings with which it was rendered."""
    html, warnings = page
    print_warnings(console, warnings)
    write_file(file, html.encode("utf-8"))


def render_comparison(comparison: Comparison) -> tuple[str, list[str]]:
    """Write the page, from the runs' files alone, and list warnings, as of a missing font."""
    figures, warnings = _draw_pictures(comparison)
    ranking, contenders = comparison.ranking, comparison.contenders
    infos = [run.info for contender in contenders for run in contender.runs]
    dataset = infos[0]["dataset"]
    names = shorten_names([contender.name for contender in contenders])
    named = zip(names, contenders, strict=True)
    networks = [(name, each) for name, each in named if each.runs[0].has_network]
    fit_s = sum(info.get("seconds", {}).get("fit", 0) for info in infos)

    def link(run: Run) -> str:
        return os.path.relpath(run.report_path, comparison.page.parent)

    page = get_environment("kerasrecipes.comparison").get_template("comparison.html.j2")
    html = page.render(
        title=f"{count(len(contenders), 'recipe')} compared by "
        f"{comparison.part} {lower_first(comparison.metric_name)}",
        comparison=comparison,
        lines=str(comparison).splitlines(),
        names=names,
        dataset=dataset,
        facts={"Data": dataset.get("origin"), "Rows": write_rows(dataset["rows"])},
        tiles=[
            (write_score(ranking.standings[0].mean), "best mean"),
            (ranking.n, f"{ranking.draw_name}s each"),
            (len(infos), "runs"),
            (write_seconds(fit_s), "to fit them all"),
        ],
        figures=figures,
        tables=make_tables(comparison),
        best=networks[0][0],
        diffs={name: _diff_recipes([networks[0][1], each]) for name, each in networks[1:]},
        score=write_score,
        link=link,
        warnings=dict.fromkeys([*(w for i in infos for w in i.get("warnings", ())), *warnings]),
    )
    return html, warnings


def _diff_recipes(recipes: Sequence[Contender]) -> list[str]:
    """The marked lines of a unified diff of two recipes, without the keys that only name them."""
    before, after = (
        dump_yaml({k: v for k, v in each.settings.items() if k not in LABELS}).splitlines()
        for each in recipes
    )
    return list(difflib.unified_diff(before, after, n=2, lineterm=""))[3:]  # without its header


def _draw_pictures(comparison: Comparison) -> tuple[list[PageFigure], list[str]]:
    """Draw the scores, and the learning curves of the metric and the loss; list warnings."""
    contenders = comparison.contenders
    names = shorten_names([contender.name for contender in contenders])
    metric = lower_first(comparison.metric_name)
    fonts = choose_fonts([*names, metric])
    names = [fonts.spell(name, f"recipe {i}") for i, name in enumerate(names, 1)]
    what = f"{comparison.part} {fonts.spell(metric, comparison.ranking.metric)}"
    with use_style(fonts.families):
        figures = [_draw_scores(names, comparison.ranking, what)]
        shown = [i for i, each in enumerate(contenders) if each.runs[0].has_network]
        histories = [run.history for i in shown for run in contenders[i].runs]
        shown_metric = comparison.ranking.metric.removesuffix("_original_units")
        for name in dict.fromkeys([shown_metric, "loss"]):
            for column in (f"val_{name}", name):
                if all(history.get(column) for history in histories):
                    figures.append(_draw_curves(names, contenders, shown, column))
                    break
    return figures, fonts.list_warnings()


def _draw_scores(names: Sequence[str], ranking: Ranking, what: str) -> PageFigure:
    standings, draw_name = ranking.standings, ranking.draw_name
    better = "higher is better →" if ranking.higher_is_better else "← lower is better"
    scores = [standing.scores for standing in standings]
    intervals = [standing.interval for standing in standings]

    def draw(width: float) -> Figure:
        figure = new_figure(width, 0.85 + 0.5 * len(standings))
        named = dict(zip(shorten_each(names, _LONGEST_NAMES[width]), scores, strict=True))
        label = f"{what[0].upper()}{what[1:]}\n{better}"
        plot_scores(named, intervals, figure.subplots(), label=label)
        return figure

    listed = "; ".join(f"{each.name} {write_number(each.mean, 4)}" for each in standings)
    return PageFigure(
        title=f"Every {draw_name}'s score",
        alt=f"Dot plot of the {what} of {count(ranking.n, draw_name)}, best recipe on "
        f"top. Means: {listed}.",
        caption=f"Each dot is one {draw_name}; the diamond is their mean, and the line through it "
        f"the mean's {100 * CONFIDENCE:g}% interval. The dotted line is the best mean.",
        **draw_twice(draw, _WIDE),
    )


def draw_twice(draw: Callable[[float], Figure], width: float) -> dict[str, Any]:
    """Draw a figure of a width in inches, and one for a narrow screen, for a ``PageFigure``."""
    panels = (render_svg(draw(width)),)
    return {"width": round(96 * width), "panels": panels, "narrow": render_svg(draw(_NARROW))}


def _draw_curves(
    names: Sequence[str], contenders: Sequence[Contender], shown: Sequence[int], column: str
) -> PageFigure:
    """Draw a panel for each shown recipe, in its colour and all on the same scales."""
    contenders = [contenders[i] for i in shown]
    part = "validation" if column.startswith("val_") else "training"
    dataset = contenders[0].runs[0].info["dataset"]
    title = f"{name_score(column.removeprefix('val_'), dataset)}, {part} part"
    of_seeds = [[run.history[column] for run in contender.runs] for contender in contenders]
    means = [average_curves(curves) for curves in of_seeds]

    def draw(width: float) -> Figure:
        titles = shorten_each(names, _LONGEST_NAMES[width])  # the same in every figure
        n_columns = min(len(shown), 3) if width > _NARROW else 1 if len(shown) < 4 else 2
        n_rows = -(-len(shown) // n_columns)
        figure = new_figure(width, 0.4 + 1.7 * n_rows)
        panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).flat
        for i, (number, ax) in enumerate(zip(shown, panels, strict=False)):
            others = means[:i] + means[i + 1 :]
            color = style.SERIES[number % len(style.SERIES)]
            plot_seed_curves(of_seeds[i], others, ax, color=color)
            style.scale_curves(ax, means)
            ax.set_xlabel("")
            ax.tick_params(labelbottom=i + n_columns >= len(shown))
            ax.set_title(titles[number], size=10, pad=5)
        for ax in panels:  # without a recipe
            ax.remove()
        figure.supxlabel("Epoch", size=10)
        return figure

    n_epochs = max(len(curve) for curves in of_seeds for curve in curves)
    return PageFigure(
        title=title,
        alt=f"{title}, over up to {count(n_epochs, 'epoch')}: a panel for each of "
        f"{', '.join(names[i] for i in shown)}.",
        caption="A thin line is one run, to its last epoch; the thick line is the mean up to the "
        "first epoch that some run lacks. Grey lines are the means of the other recipes.",
        **draw_twice(draw, _WIDE),
    )


def plot_scores(
    scores: Mapping[str, Sequence[float]],
    intervals: Sequence[tuple[float, float]],
    ax: Axes,
    *,
    label: str,
) -> None:
    """Plot every seed's score as a dot, and below the dots the mean with its interval.

    Intervals have the shape (n_names, 2), and NaN where a mean has none.
    """
    from matplotlib.ticker import MaxNLocator

    means = [float(np.mean(values)) for values in scores.values()]
    if np.isfinite(means[0]):
        ax.axvline(means[0], color=style.MUTED, lw=1, ls=(0, (1, 2)), zorder=1)
    for i, values in enumerate(scores.values()):
        color = style.SERIES[i % len(style.SERIES)]
        row = np.full(len(values), i - 0.14)
        ax.plot(values, row, "o", color=color, ms=6.5, mec="none", alpha=0.65)
        ax.plot(intervals[i], [i + 0.16] * 2, color=color, lw=2.2, solid_capstyle="butt")
        if len(values) > 1:
            ax.plot(means[i], i + 0.16, "D", color=color, ms=6, mec="white", mew=1)
    ax.set_yticks(range(len(scores)), [*scores], color=style.INK)
    ax.set(ylim=(len(scores) - 0.45, -0.55), xlabel=label)
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.06)


def plot_seed_curves(
    curves: Sequence[Sequence[float]],
    others: Sequence[NDArray[np.float64]],
    ax: Axes,
    *,
    color: str,
) -> None:
    """Plot one recipe's seeds by epoch, each to its end, and their mean as far as all go.

    The other recipes' means are drawn faintly to compare with.
    """
    for other in others:
        _plot_thinned(other, ax, color=style.FAINT, lw=1.4, zorder=1)
    for curve in curves:
        values = np.asarray(curve, dtype=float)
        _plot_thinned(values, ax, color=color, lw=0.8, alpha=0.6)
        if len(ends := np.flatnonzero(np.isfinite(values))):
            ax.plot(ends[-1] + 1, values[ends[-1]], "o", color=color, ms=3.2, mec="none")
    if len(curves) > 1:
        _plot_thinned(average_curves(curves), ax, color=color, lw=2.2)


def average_curves(curves: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Average curves up to the first epoch in which some curve has no finite value."""
    n_epochs = min(map(len, curves))
    mean = np.mean([curve[:n_epochs] for curve in curves], axis=0)
    return mean[: np.argmin([*np.isfinite(mean), False])]


def _plot_thinned(values: NDArray[np.float64], ax: Axes, **look: Any) -> None:
    last = len(values) - 1
    shown = np.unique(np.linspace(0, last, min(len(values), _MOST_POINTS)).round().astype(int))
    ax.plot(shown + 1, values[shown], **look)


def make_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Make one mapping per recipe, best first, with all facts about it."""
    networks = [each for each in comparison.contenders if each.runs[0].has_network]
    differences = find_differences([network.settings for network in networks])
    places = {network.name: i for i, network in enumerate(networks)}
    rows = []
    pairs = zip(comparison.contenders, comparison.ranking.standings, strict=True)
    part, metric = comparison.part, comparison.ranking.metric
    best = max if comparison.ranking.higher_is_better else min
    for contender, standing in pairs:
        infos = [run.info for run in contender.runs]
        # The scores of epochs and of linear models are NaN where there are none.
        column = f"val_{metric}" if part == "validation" else ""
        curves = [run.history.get(column) or [nan] for run in contender.runs]
        linear = [info.get("linear_model", {}).get("scores", {}).get(part, {}) for info in infos]
        needed = f" (run about {standing.seeds_needed})" if standing.seeds_needed else ""
        rows.append(
            {
                "rank": standing.rank,
                "recipe": contender.name,
                "differs": {
                    key: words[places[contender.name]] if contender.name in places else "–"
                    for key, words in differences.items()
                },
                "part": part,
                "metric": metric,
                "seeds": len(standing.scores),
                "mean": standing.mean,
                "sd": standing.sd,
                "best_epoch": mean(map(best, curves)),
                "last_epoch": mean(curve[-1] for curve in curves),
                "linear_model": mean(scores.get(metric, nan) for scores in linear),
                "difference": standing.difference,
                "difference_low": standing.difference_interval[0],
                "difference_high": standing.difference_interval[1],
                "p_value": standing.p_value,
                "verdict": f"{standing.verdict}{needed}",
                "epochs": mean(info["epochs_run"] for info in infos),
                "parameters": infos[0]["parameters"],
                "fit_s": mean(info["seconds"]["fit"] for info in infos),
            }
        )
    return rows


def make_tables(comparison: Comparison) -> dict[str, Table]:
    """Make the tables of scores, of facts, and of what differs between the recipes."""
    rows = comparison.rows
    names = shorten_names([row["recipe"] for row in rows])
    keys = ("difference_low", "difference_high")
    ends = [[_write_signed(row[key]) for key in keys] for row in rows[1:]]
    scores = {
        comparison.metric_name: [
            f"{_write(row['mean'])} ± {_write(row['sd'], 2)}".removesuffix(" ± ") for row in rows
        ],
        "Difference": ["", *(_write_signed(row["difference"]) for row in rows[1:])],
        "95% interval": ["", *(" to ".join(filter(None, each)) for each in ends)],
    }
    facts = {
        "In best\nepoch": [_write(row["best_epoch"]) for row in rows],
        "In last\nepoch": [_write(row["last_epoch"]) for row in rows],
        "Linear\nmodel": [_write(row["linear_model"]) for row in rows],
        "Epochs": [f"{row['epochs']:,.6g}" if row["epochs"] else "" for row in rows],
        "Parameters": [f"{row['parameters']:,}" if row["parameters"] else "" for row in rows],
        "Time to fit": [write_seconds(row["fit_s"]) for row in rows],
    }
    differs = {key: [row["differs"][key] for row in rows] for key in rows[0]["differs"]}
    verdicts = {"Verdict": [row["verdict"] for row in rows]}
    return {
        "scores": _make_table(names, scores, verdicts),
        "facts": _make_table(names, {key: cells for key, cells in facts.items() if any(cells)}),
        "differences": _make_table(names, {}, differs),
    }


def _make_table(
    names: list[str], numbers: dict[str, list[str]], texts: dict[str, list[str]] | None = None
) -> Table:
    columns = {"Recipe": names} | numbers | (texts or {})
    return Table({key: key in numbers for key in columns}, [*zip(*columns.values(), strict=True)])


def _write(value: float, digits: int = 4) -> str:
    return "" if isnan(value) else write_number(value, digits, pad=True)


def _write_signed(value: float) -> str:
    return f"+{_write(value, 3)}" if value > 0 else _write(value, 3)


def to_json(comparison: Comparison) -> str:
    """Write the rows and every score as JSON; values that cannot be computed are null."""
    facts = {"rows": comparison.rows, "comparison": asdict(comparison.ranking)}
    without_nan = json.loads(json.dumps(facts), parse_constant=lambda name: None)
    return json.dumps(without_nan, indent=2, ensure_ascii=False)


def to_csv(comparison: Comparison) -> str:
    """Write the rows as CSV; a spreadsheet takes no text in it as a formula."""
    import pandas as pd

    return pd.DataFrame(_flatten(comparison)).map(_quote_formula).to_csv(index=False)


def _quote_formula(cell: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet may run, as OWASP advises."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def to_markdown(comparison: Comparison) -> str:
    """Write the rows as a Markdown table."""
    rows = _flatten(comparison)
    lines = [[*rows[0]], ["---"] * len(rows[0])]
    for row in rows:
        cells = (f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())
        lines.append(["" if cell == "nan" else cell.replace("|", "\\|") for cell in cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _flatten(comparison: Comparison) -> list[dict[str, Any]]:
    """The rows with a key for each difference between the recipes."""
    rows = []
    for row in comparison.rows:
        differs = {f"recipe.{key}": value for key, value in row.pop("differs").items()}
        rows.append(row | differs)
    return rows
