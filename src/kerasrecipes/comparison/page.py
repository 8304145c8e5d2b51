"""One self-contained HTML page from the runs and their statistics."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrecipes.comparison.differences import diff_recipes, find_differences, write_settings
from kerasrecipes.comparison.words import choose_decimals, find_prefix, lower_first, write_decimal
from kerasrecipes.report.template import get_environment
from kerasrecipes.report.words import write_rows, write_seconds
from kerasrecipes.rows.words import count
from kerasrecipes.runs import Run

if TYPE_CHECKING:
    from kerasrecipes.comparison.comparison import Comparison

_MOST_COLUMNS = 3  # of differences in the table; the diffs show the rest
_LONGEST_CELL = 60


def render_comparison(comparison: Comparison) -> tuple[str, list[str]]:
    """Write the comparison's page, from the runs' files alone.

    Returns:
        The page, and warnings, such as of a script that no installed font can draw.
    """
    from kerasrecipes.comparison.pictures import draw_pictures

    scores, curves, warnings = draw_pictures(comparison)
    ranking, contenders = comparison.ranking, comparison.contenders
    infos = [run.info for contender in contenders for run in contender.runs]
    decimals = choose_decimals(standing.sd for standing in ranking.standings)
    differences = find_differences([contender.settings for contender in contenders])
    is_short = [key for key, words in differences.items() if max(map(len, words)) <= _LONGEST_CELL]
    shown = {key: differences.pop(key) for key in is_short[:_MOST_COLUMNS]}
    facts, alike = _split_alike(_arrange_facts(comparison, decimals))

    def link(run: Run) -> str:
        return Path(os.path.relpath(run.report_path, comparison.page.parent)).as_posix()

    page = get_environment("kerasrecipes.comparison").get_template("comparison.html.j2")
    html = page.render(
        title=f"{count(len(contenders), 'recipe')} compared by "
        f"{comparison.part} {lower_first(comparison.metric_name)}",
        lines=str(comparison).splitlines(),
        metric=comparison.metric_name,
        ranking=ranking,
        contenders=contenders,
        infos=infos,
        fit_s=sum(info.get("seconds", {}).get("fit", 0) for info in infos),
        prefix=find_prefix([contender.name for contender in contenders]),
        decimal=partial(write_decimal, decimals=decimals),
        exactly=partial(write_decimal, decimals=max(decimals, 4)),
        link=link,
        scores=scores,
        curves=curves,
        differences=shown,
        other_differences=list(differences),
        facts=facts,
        alike=alike,
        reference_settings=write_settings(contenders[0].settings),
        diffs={c.name: diff_recipes(contenders[0].settings, c.settings) for c in contenders[1:]},
        command=comparison.command,
        run_facts=_list_facts(infos),
        warnings=dict.fromkeys([*(w for i in infos for w in i.get("warnings", ())), *warnings]),
    )
    return html, warnings


def _arrange_facts(comparison: Comparison, decimals: int) -> dict[str, list[str]]:
    """Arrange the columns behind the verdict: a heading, and a text for each recipe."""
    rows = comparison.rows
    epochs = [[run.info["epochs_run"] for run in c.runs] for c in comparison.contenders]
    facts = {
        "In best epoch": [write_decimal(row.get("best_epoch", nan), decimals) for row in rows],
        "In last epoch": [write_decimal(row.get("last_epoch", nan), decimals) for row in rows],
        "Linear model": [write_decimal(row["linear_model"], decimals) for row in rows],
        "Epochs run": ["–".join(f"{n:,}" for n in sorted({min(e), max(e)}) if n) for e in epochs],
        "Parameters": [f"{row['parameters']:,}" if row["parameters"] else "–" for row in rows],
        "Time to fit": [write_seconds(row["fit_s"]) for row in rows],
    }
    return {heading: texts for heading, texts in facts.items() if {*texts} != {"–"}}


def _split_alike(facts: Mapping[str, list[str]]) -> tuple[dict[str, list[str]], list[str]]:
    """Separate facts that differ between recipes from those that are the same for all."""
    alike = [key for key, texts in facts.items() if len({*texts}) == 1 < len(texts)]
    differ = {key: texts for key, texts in facts.items() if key not in alike}
    return differ, [f"{key.lower()} {facts[key][0]}" for key in alike]


def _list_facts(infos: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """List the facts needed to assess or repeat the runs: pairs of a name and a value."""
    data = infos[0]["dataset"]
    started = sorted(info["started_at"].replace("T", " ") for info in infos)
    versions = (
        ", ".join(f"{name} {version}" for name, version in info.get("versions", {}).items())
        for info in infos
    )
    facts = {
        "Data": data.get("origin"),
        "Rows": write_rows(data.get("rows", {})),
        "Fingerprint": _join(info["dataset"].get("fingerprint") for info in infos),
        "Device": _join(info.get("device") for info in infos),
        "Versions": _join(versions),
        "Git commit": _join(info.get("git_commit") for info in infos),
        "Started": " – ".join(dict.fromkeys((started[0], started[-1]))),
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _join(values: Iterable[str | None]) -> str:
    """Write a value that all runs share, or all that occur."""
    return "; ".join(dict.fromkeys(value for value in values if value))
