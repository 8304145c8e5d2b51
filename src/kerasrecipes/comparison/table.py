"""Recipes as rows of one table, for a terminal or for other programs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan, nan
from statistics import mean
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.differences import find_differences
from kerasrecipes.comparison.statistics import Verdict
from kerasrecipes.comparison.words import find_prefix, write_decimal

if TYPE_CHECKING:
    from kerasrecipes.comparison.comparison import Comparison

_Cells = Sequence[str | Text]
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.]+(e[+-]?\d+)?$)")
_STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red", Verdict.TOO_FEW: "yellow"}


def make_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Make one mapping per recipe, best first, with all facts about it."""
    differences = find_differences([contender.settings for contender in comparison.contenders])
    rows = []
    pairs = zip(comparison.contenders, comparison.ranking.standings, strict=True)
    for i, (contender, standing) in enumerate(pairs):
        infos = [run.info for run in contender.runs]
        needed = f" (run about {standing.seeds_needed})" if standing.seeds_needed else ""
        rows.append(
            {
                "rank": standing.rank,
                "recipe": contender.name,
                "differs": {key: words[i] for key, words in differences.items()},
                "part": comparison.part,
                "metric": comparison.ranking.metric,
                "seeds": len(standing.scores),
                "mean": standing.mean,
                "sd": standing.sd,
                **_read_epochs(contender, comparison),
                "linear_model": _read_linear(contender, comparison),
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


def _read_epochs(contender: Contender, comparison: Comparison) -> dict[str, float]:
    """Read the metric's best and last value over the epochs, on average over the runs."""
    name = f"val_{comparison.ranking.metric}"
    if not contender.runs[0].has_network:
        others = (_read_epochs(c, comparison) for c in comparison.contenders if c != contender)
        return dict.fromkeys(next(others, {}), nan)
    curves = [run.history[name] for run in contender.runs if name in run.history]
    if comparison.part != "validation" or not curves:  # other parts are not scored every epoch
        return {}
    best = max if comparison.ranking.higher_is_better else min
    return {"best_epoch": mean(map(best, curves)), "last_epoch": mean(c[-1] for c in curves)}


def _read_linear(contender: Contender, comparison: Comparison) -> float:
    """The mean score of linear models on the same rows; NaN where runs have none."""
    models = [run.info.get("linear_model", {}) for run in contender.runs]
    scores = [each.get("scores", {}).get(comparison.part, {}) for each in models]
    return mean(each.get(comparison.ranking.metric, nan) for each in scores)


def make_table(
    rows: Sequence[Mapping[str, Any]], metric: str, is_wide: bool = False
) -> RenderableType:
    """Show ranks, scores and verdicts, then facts: next to them in 120 columns, below in 80."""
    first, names = rows[0], _shorten_names(rows)
    who: dict[str, _Cells] = {
        "rank": [str(row["rank"]) for row in rows],
        "recipe": [
            Text(name, style="bold" if row["rank"] == 1 else "")
            for name, row in zip(names, rows, strict=True)
        ],
    }
    scores: dict[str, _Cells] = {
        f"{first['part']}\n{metric}": [
            write_decimal(row["mean"], 4) + (f" ± {row['sd']:,.4f}" if row["seeds"] > 1 else "")
            for row in rows
        ],
        "difference,\n95% interval": ["", *map(_write_difference, rows[1:])],
        "verdict": [_color_verdict(row["verdict"]) for row in rows],
    }
    facts: dict[str, _Cells] = {
        "epochs\nrun": [_count(row["epochs"]) for row in rows],
        "parameters": [_count(row["parameters"]) for row in rows],
        "fit, s": [f"{row['fit_s']:.1f}" for row in rows],
    }
    if not all(isnan(row["linear_model"]) for row in rows):
        linear = [write_decimal(row["linear_model"], 4) for row in rows]
        facts = {"linear\nmodel": linear} | facts
    if "best_epoch" in first:
        best = [write_decimal(row["best_epoch"], 4) for row in rows]
        last = [write_decimal(row["last_epoch"], 4) for row in rows]
        facts = {"in best\nepoch": best, "in last\nepoch": last} | facts
    if is_wide:
        return _join(who | scores | facts)
    return Group(_join(who | scores), "", _join(who | facts))


def make_differences(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Show the differences between the recipes, each value in words."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for key in rows[0]["differs"]:
        table.add_row(Text(key, style="dim"), "")
        for row, name in zip(rows, _shorten_names(rows), strict=True):
            table.add_row(f"  {name}", Text(row["differs"][key]))
    return table


def to_json(comparison: Comparison) -> str:
    """Write the rows and every score as JSON; values that cannot be computed are null."""
    facts = {"rows": comparison.rows, "comparison": asdict(comparison.ranking)}
    without_nan = json.loads(json.dumps(facts), parse_constant=lambda name: None)
    return json.dumps(without_nan, indent=2, ensure_ascii=False)


def to_csv(comparison: Comparison) -> str:
    """Write the rows as CSV; a spreadsheet takes no text in it as a formula."""
    flat = [{k: _quote_formula(v) for k, v in row.items()} for row in _flatten_rows(comparison)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _quote_formula(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet may run, as OWASP advises."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def to_markdown(comparison: Comparison) -> str:
    """Write the rows as a Markdown table."""
    flat = _flatten_rows(comparison)
    lines = [list(flat[0]), ["---"] * len(flat[0])]
    lines += [
        [f"{v:.4g}" if isinstance(v, float) else str(v).replace("|", "\\|") for v in row.values()]
        for row in flat
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _join(columns: Mapping[str, _Cells]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in columns:
        if header == "recipe":
            table.add_column(header, overflow="fold")
        elif header in ("rank", "verdict"):
            table.add_column(header)
        else:
            table.add_column(header, justify="right", no_wrap=True)
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    return table


def _color_verdict(verdict: str) -> Text:
    style = next((s for start, s in _STYLES.items() if verdict.startswith(start)), "")
    # The interval next to it takes two lines as well.
    return Text(verdict.replace(" (", "\n("), style=style)


def _write_difference(row: Mapping[str, Any]) -> str:
    difference, low, high = (
        write_decimal(row[key], 4, sign=True)
        for key in ("difference", "difference_low", "difference_high")
    )
    return difference if low == "–" else f"{difference}\n{low} to {high}"


def _count(n: float) -> str:
    return f"{n:,.1f}".removesuffix(".0") if n else "–"  # without a network


def _shorten_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    prefix = find_prefix([row["recipe"] for row in rows])
    return [row["recipe"].removeprefix(prefix) for row in rows]


def _flatten_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The rows with a column for each difference."""
    rows = comparison.rows
    differs = [{f"recipe.{k}": words for k, words in row.pop("differs").items()} for row in rows]
    return [row | more for row, more in zip(rows, differs, strict=True)]
