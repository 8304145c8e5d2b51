"""Contenders as rows of one table, for a terminal or for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kerasrecipes.compare.contender import Contender
from kerasrecipes.compare.statistics import Comparison, Standing, Verdict
from kerasrecipes.compare.words import find_prefix
from kerasrecipes.recipe.components import PLACES, split_component
from kerasrecipes.recipe.yaml_file import parse_yaml

_NOT_COMPARED = ("name", "description", "seed", "report")
_NUMBER = {"justify": "right", "no_wrap": True}
_FACTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "best_epoch": ("in best\nepoch", "{:.4f}".format),
    "last_epoch": ("in last\nepoch", "{:.4f}".format),
    "epochs": ("epochs\nrun", lambda mean_epochs: f"{mean_epochs:,.1f}".removesuffix(".0")),
    "parameters": ("parameters", "{:,}".format),
    "fit_s": ("fit, s", "{:.1f}".format),
}
"""By key of a row: the column's header, and how its numbers are written."""
_STYLES = {Verdict.BETTER: "green", Verdict.WORSE: "red", Verdict.TOO_FEW: "yellow"}


@dataclass(frozen=True)
class _Column:
    header: str
    cells: Sequence[str | Text]
    form: Mapping[str, Any] = field(default_factory=dict)


def find_differences(recipes: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What resolved recipes differ in.

    Returns:
        By key, such as "optimizer" or "dataset.drop", each recipe's value in words.
    """
    flat = [_flatten(recipe) for recipe in recipes]
    keys = dict.fromkeys(key for recipe in flat for key in recipe)
    columns = {key: [_word(recipe.get(key)) for recipe in flat] for key in keys}
    return {
        key: words
        for key, words in columns.items()
        if len(set(words)) > 1 and key not in _NOT_COMPARED
    }


def read_recipe(contender: Contender) -> dict[str, Any]:
    """A contender's resolved recipe, as its first run has it."""
    run = contender.runs[0]
    return dict(parse_yaml(run.recipe_text, str(run.recipe_path)).value)


def make_rows(
    contenders: Sequence[Contender], comparison: Comparison, part: str
) -> list[dict[str, Any]]:
    """One mapping per contender, best first, with everything that is known of it."""
    by_name = {contender.name: contender for contender in contenders}
    ranked = [by_name[standing.name] for standing in comparison.standings]
    differences = find_differences([read_recipe(contender) for contender in ranked])
    rows = []
    for i, (contender, standing) in enumerate(zip(ranked, comparison.standings, strict=True)):
        facts = [run.info for run in contender.runs]
        rows.append(
            {
                "rank": standing.rank,
                "recipe": contender.name,
                "differs": {key: words[i] for key, words in differences.items()},
                "part": part,
                "metric": comparison.metric,
                "seeds": len(standing.scores),
                "mean": standing.mean,
                "sd": standing.sd,
                **_read_epochs(contender, comparison, part),
                "difference": standing.difference,
                "difference_low": standing.difference_interval[0],
                "difference_high": standing.difference_interval[1],
                "p_value": standing.p_value,
                "verdict": word_verdict(standing),
                "epochs": mean(fact["epochs_run"] for fact in facts),
                "parameters": facts[0]["parameters"],
                "fit_s": mean(fact["seconds"]["fit"] for fact in facts),
            }
        )
    return rows


def make_table(rows: Sequence[Mapping[str, Any]], is_wide: bool = False) -> RenderableType:
    """Ranks, scores and verdicts, then facts: beside them in 120 columns, below them in 80."""
    who, scores, facts = _list_who(rows), _list_scores(rows), _list_facts(rows)
    if is_wide:
        return _join([*who, *scores, *facts])
    return Group(_join([*who, *scores]), "", _join([*who, *facts]))


def _list_who(rows: Sequence[Mapping[str, Any]]) -> list[_Column]:
    names = [
        Text(name, style="bold" if row["rank"] == 1 else "")
        for row, name in zip(rows, _shorten_names(rows), strict=True)
    ]
    ranks = [str(row["rank"]) for row in rows]
    return [_Column("rank", ranks), _Column("recipe", names, {"overflow": "fold"})]


def _list_scores(rows: Sequence[Mapping[str, Any]]) -> list[_Column]:
    first = rows[0]
    verdicts = []
    for row in rows:
        words = row["verdict"]
        style = next((s for start, s in _STYLES.items() if words.startswith(start)), "")
        # The interval beside it takes two lines as well.
        verdicts.append(Text(words.replace(" (", "\n("), style=style))
    return [
        _Column(
            f"{first['part']}\n{first['metric']}",
            [_with_spread(row["mean"], row["sd"]) for row in rows],
            _NUMBER,
        ),
        _Column(
            "difference,\n95% interval",
            ["" if row is first else _with_interval(row) for row in rows],
            _NUMBER,
        ),
        _Column("verdict", verdicts),
    ]


def _list_facts(rows: Sequence[Mapping[str, Any]]) -> list[_Column]:
    return [
        _Column(header, [form(row[key]) for row in rows], _NUMBER)
        for key, (header, form) in _FACTS.items()
        if key in rows[0]
    ]


def _join(columns: Sequence[_Column]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.header, **column.form)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*cells)
    return table


def make_differences(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What the recipes differ in, each value in words."""
    names = _shorten_names(rows)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for key in rows[0]["differs"]:
        table.add_row(Text(key, style="dim"), "")
        for row, name in zip(rows, names, strict=True):
            table.add_row(f"  {name}", Text(row["differs"][key]))
    return table


def _shorten_names(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    prefix = find_prefix([row["recipe"] for row in rows])
    return [row["recipe"].removeprefix(prefix) for row in rows]


def word_verdict(standing: Standing) -> str:
    """A verdict in words, with the number of seeds that would settle it."""
    if standing.verdict is Verdict.TOO_FEW and standing.seeds_needed:
        return f"{standing.verdict} (run about {standing.seeds_needed})"
    return str(standing.verdict)


def to_json(rows: Sequence[Mapping[str, Any]], comparison: Comparison) -> str:
    """The rows and every score, as JSON; what cannot be computed is null."""
    facts = {"rows": list(rows), "comparison": asdict(comparison)}
    return json.dumps(_without_nan(facts), indent=2, ensure_ascii=False)


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV."""
    flat = [_flatten_row(row) for row in rows]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a Markdown table."""
    flat = [_flatten_row(row) for row in rows]
    lines = [list(flat[0]), ["---"] * len(flat[0])]
    lines += [
        [f"{v:.4g}" if isinstance(v, float) else str(v).replace("|", "\\|") for v in row.values()]
        for row in flat
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _read_epochs(contender: Contender, comparison: Comparison, part: str) -> dict[str, float]:
    """The metric's best and last value over the epochs, on average over the runs."""
    name = f"val_{comparison.metric}"
    curves = [run.history[name] for run in contender.runs if name in run.history]
    if part != "validation" or not curves:  # no other part is scored after every epoch
        return {}
    best = max if comparison.higher_is_better else min
    return {"best_epoch": mean(map(best, curves)), "last_epoch": mean(c[-1] for c in curves)}


def _flatten_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with a column for each thing that differs."""
    differs = {f"recipe.{key}": words for key, words in row["differs"].items()}
    return {key: value for key, value in row.items() if key != "differs"} | differs


def _flatten(recipe: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in recipe.items():
        if key == "dataset":
            flat |= {f"dataset.{inner}": setting for inner, setting in value.items()}
        elif key in PLACES and not isinstance(value, list):
            flat[key] = split_component(value)
        else:
            flat[key] = value
    return flat


def _word(value: Any) -> str:
    """A value in few words; a component as Python would call it: SGD(learning_rate=0.1)."""
    if isinstance(value, tuple):
        name, arguments = value
        words = ", ".join(f"{key}={_word(argument)}" for key, argument in arguments.items())
        return f"{name}({words})" if words else str(name)
    if isinstance(value, list):
        return ", ".join(_word(split_component(item) or item) for item in value)
    if isinstance(value, dict):
        return _word(split_component(value)) if split_component(value) else str(value)
    return "–" if value is None else str(value)


def _with_spread(mean_value: float, sd: float) -> str:
    return f"{mean_value:.4f}" if sd != sd else f"{mean_value:.4f} ± {sd:.4f}"


def _with_interval(row: Mapping[str, Any]) -> str:
    low, high = row["difference_low"], row["difference_high"]
    interval = "" if low != low else f"\n{low:+.4f} to {high:+.4f}"
    return f"{row['difference']:+.4f}{interval}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value
