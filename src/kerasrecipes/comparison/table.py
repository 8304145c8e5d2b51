"""Recipes as rows: tables for the page and the terminal, and formats of other programs."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from math import isnan, nan
from statistics import mean
from typing import TYPE_CHECKING, Any

from kerasrecipes.comparison.comparable import find_differences
from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.description import shorten_names
from kerasrecipes.report.tables import Table
from kerasrecipes.report.words import write_number, write_seconds

if TYPE_CHECKING:
    from kerasrecipes.comparison.comparison import Comparison


_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d.]+(e[+-]?\d+)?$)")


def make_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Make one mapping per recipe, best first, with all facts about it."""
    differences = find_differences([contender.settings for contender in comparison.contenders])
    rows = []
    pairs = zip(comparison.contenders, comparison.ranking.standings, strict=True)
    for i, (contender, standing) in enumerate(pairs):
        infos = [run.info for run in contender.runs]
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
                "verdict": standing.verdict_in_full,
                "epochs": mean(info["epochs_run"] for info in infos),
                "parameters": infos[0]["parameters"],
                "fit_s": mean(info["seconds"]["fit"] for info in infos),
            }
        )
    return rows


def _read_epochs(contender: Contender, comparison: Comparison) -> dict[str, float]:
    """The mean score in the best and in the last epoch; NaN where no epoch was scored."""
    name = f"val_{comparison.ranking.metric}" if comparison.part == "validation" else ""
    curves = [run.history.get(name) or [nan] for run in contender.runs]
    best = max if comparison.ranking.higher_is_better else min
    return {"best_epoch": mean(map(best, curves)), "last_epoch": mean(c[-1] for c in curves)}


def _read_linear(contender: Contender, comparison: Comparison) -> float:
    """The mean score of linear models on the same rows; NaN where runs have none."""
    models = [run.info.get("linear_model", {}) for run in contender.runs]
    scores = [each.get("scores", {}).get(comparison.part, {}) for each in models]
    return mean(each.get(comparison.ranking.metric, nan) for each in scores)


def make_tables(comparison: Comparison) -> dict[str, Table]:
    """Make the tables of scores, of facts, and of what differs between the recipes."""
    rows = comparison.rows
    names = shorten_names([row["recipe"] for row in rows])
    scores = {
        comparison.metric_name: [
            f"{_write(row['mean'])} ± {_write(row['sd'], 2)}".removesuffix(" ± ") for row in rows
        ],
        "Difference": ["", *(_write_signed(row["difference"]) for row in rows[1:])],
        "95% interval": ["", *map(_write_interval, rows[1:])],
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


def _write_interval(row: dict[str, Any]) -> str:
    if isnan(row["difference_low"]):
        return ""
    ends = (_write_signed(row[key]) for key in ("difference_low", "difference_high"))
    return " to ".join(ends)


def to_json(comparison: Comparison) -> str:
    """Write the rows and every score as JSON; values that cannot be computed are null."""
    facts = {"rows": comparison.rows, "comparison": asdict(comparison.ranking)}
    without_nan = json.loads(json.dumps(facts), parse_constant=lambda name: None)
    return json.dumps(without_nan, indent=2, ensure_ascii=False)


def to_csv(comparison: Comparison) -> str:
    """Write the rows as CSV; a spreadsheet takes no text in it as a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_quote_formula(cell) for cell in row] for row in _list_cells(comparison))
    return text.getvalue()


def _quote_formula(cell: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet may run, as OWASP advises."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def to_markdown(comparison: Comparison) -> str:
    """Write the rows as a Markdown table."""
    headings, *rows = _list_cells(comparison)
    lines = [headings, ["---"] * len(headings)]
    lines += [
        [f"{v:.4g}" if isinstance(v, float) else str(v).replace("|", "\\|") for v in row]
        for row in rows
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _list_cells(comparison: Comparison) -> list[list[Any]]:
    """List the headings, then the cells of each row, with a column for each difference."""
    rows = comparison.rows
    differs = [{f"recipe.{key}": v for key, v in row.pop("differs").items()} for row in rows]
    flat = [row | more for row, more in zip(rows, differs, strict=True)]
    return [[*flat[0]], *([*row.values()] for row in flat)]
