"""One self-contained HTML page from contenders' runs and what the statistics say of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

from kerasrecipes.compare.contender import Contender
from kerasrecipes.compare.description import describe
from kerasrecipes.compare.diff import diff_recipes, write_settings
from kerasrecipes.compare.statistics import Comparison, Standing, Verdict
from kerasrecipes.compare.table import find_differences, make_rows, read_recipe
from kerasrecipes.compare.words import (
    choose_decimals,
    find_prefix,
    name_draw,
    name_scores,
    write_decimal,
)
from kerasrecipes.report.template import get_environment
from kerasrecipes.report.words import name_metric, write_count, write_seconds

_MOST_COLUMNS = 3  # of differences in the table; the diffs tell the rest
_LONGEST_CELL = 60
_TONES = {Verdict.BETTER: "good", Verdict.WORSE: "bad"}


def render_comparison(
    contenders: Sequence[Contender], comparison: Comparison, part: str, command: str
) -> tuple[str, list[str]]:
    """Write the comparison's page, from nothing but the runs' files.

    Args:
        contenders: In any order, those that the comparison's standings name.
        comparison: What the statistics say.
        part: Of the data, that the scores are of: "validation" or "test".
        command: What to type to do it again; empty if unknown.

    Returns:
        The page, and warnings for a person, such as of a script that no installed font can draw.
    """
    from kerasrecipes.compare.pictures import draw_pictures

    by_name = {contender.name: contender for contender in contenders}
    ranked = [by_name[standing.name] for standing in comparison.standings]
    scores, curves, warnings = draw_pictures(ranked, comparison, part)
    infos = [run.info for contender in ranked for run in contender.runs]
    reference = by_name[comparison.reference]
    headline, *notes = describe(comparison).splitlines()
    unit = str(infos[0]["dataset"].get("target_unit") or "")
    page = get_environment("kerasrecipes.compare").get_template("comparison.html.j2")
    html = page.render(
        title=f"{write_count(len(ranked), 'recipe')} compared by "
        f"{name_scores(comparison, part, unit)}",
        dataset=infos[0]["dataset"],
        comparison=comparison,
        headline=headline,
        notes=notes,
        unit=name_draw(comparison),
        prefix=find_prefix([contender.name for contender in ranked]),
        tiles=_choose_tiles(infos, comparison),
        scores=scores,
        curves=curves,
        table=_make_table(ranked, comparison, part, unit),
        reference=reference,
        reference_settings=write_settings(reference),
        diffs={c.name: diff_recipes(reference, c) for c in ranked if c is not reference},
        runs=_list_runs(ranked, comparison),
        command=command,
        facts=_list_facts(infos),
        warnings=[*_collect(info.get("warnings", ()) for info in infos), *warnings],
        version=infos[0].get("versions", {}).get("kerasrecipes", ""),
    )
    return html, warnings


def _choose_tiles(
    infos: Sequence[Mapping[str, Any]], comparison: Comparison
) -> list[tuple[str, str]]:
    """Choose the few facts that stand in large type: pairs of a value and what it is."""
    best = comparison.standings[0]
    decimals = choose_decimals([best.sd])
    fit_s = sum(info.get("seconds", {}).get("fit", 0) for info in infos)
    rows = infos[0]["dataset"].get("rows", {})
    tiles = {
        "best mean": write_decimal(best.mean, decimals),
        f"{name_draw(comparison)}s each": f"{comparison.n}",
        "runs": f"{len(infos)}",
        "training rows": f"{rows['train']:,}" if "train" in rows else "",
        "to fit them all": write_seconds(fit_s) if fit_s else "",
    }
    return [(value, what) for what, value in tiles.items() if value]


def _make_table(
    ranked: Sequence[Contender], comparison: Comparison, part: str, unit: str
) -> dict[str, Any]:
    """Arrange what the table shows: headings, rows from best to worst, and remarks."""
    differences = find_differences([read_recipe(contender) for contender in ranked])
    shown = [key for key, texts in differences.items() if max(map(len, texts)) <= _LONGEST_CELL][
        :_MOST_COLUMNS
    ]
    decimals = choose_decimals(standing.sd for standing in comparison.standings)
    facts = _arrange_facts(ranked, make_rows(ranked, comparison, part), decimals)
    alike = {key: texts[0] for key, texts in facts.items() if len({*texts}) == 1 < len(texts)}
    facts = {key: texts for key, texts in facts.items() if key not in alike}
    remarks = [
        f"The same for all: {', '.join(f'{key.lower()} {text}' for key, text in alike.items())}."
        if alike
        else "",
        f"They also differ in {', '.join(rest)}: see the diffs."
        if (rest := [key for key in differences if key not in shown])
        else "",
    ]
    return {
        "metric": name_metric(comparison.metric, unit),
        "differing": shown,
        "facts": list(facts),
        "rows": [
            {
                "settings": [differences[key][i] for key in shown],
                "facts": [texts[i] for texts in facts.values()],
                **_write_standing(standing, comparison, decimals),
            }
            for i, standing in enumerate(comparison.standings)
        ],
        "remarks": [remark for remark in remarks if remark],
    }


def _write_standing(standing: Standing, comparison: Comparison, decimals: int) -> dict[str, str]:
    """Write what the statistics say of one contender; what they cannot say is empty."""
    is_reference = standing.name == comparison.reference
    low, high = (write_decimal(end, decimals, sign=True) for end in standing.difference_interval)
    sd = write_decimal(standing.sd, decimals)
    return {
        "rank": str(standing.rank),
        "name": standing.name,
        "mean": write_decimal(standing.mean, decimals),
        "sd": sd if sd != "–" else "",
        "difference": ""
        if is_reference
        else write_decimal(standing.difference, decimals, sign=True),
        "interval": "" if is_reference or "–" in (low, high) else f"{low} to {high}",
        "verdict": str(standing.verdict),
        "evidence": _write_evidence(standing),
        "tone": _TONES.get(standing.verdict, ""),
    }


def _write_evidence(standing: Standing) -> str:
    """Write what a verdict rests on, or how many seeds would tell more."""
    p_value = standing.p_value
    known = "" if p_value != p_value else "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    needed = f"run about {standing.seeds_needed}" if standing.seeds_needed else ""
    return "; ".join(filter(None, (known, needed)))


def _arrange_facts(
    ranked: Sequence[Contender], rows: Sequence[Mapping[str, Any]], decimals: int
) -> dict[str, list[str]]:
    """Arrange the columns behind the verdict: a heading, and a text for each row."""
    epochs = [[run.info["epochs_run"] for run in contender.runs] for contender in ranked]
    facts = {
        "In its best epoch": [write_decimal(row.get("best_epoch", nan), decimals) for row in rows],
        "In its last epoch": [write_decimal(row.get("last_epoch", nan), decimals) for row in rows],
        "Epochs run": [_write_range(of_seeds) for of_seeds in epochs],
        "Parameters": [f"{row['parameters']:,}" for row in rows],
        "Time to fit": [write_seconds(row["fit_s"]) for row in rows],
    }
    return {heading: texts for heading, texts in facts.items() if {*texts} != {"–"}}


def _write_range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def _list_runs(ranked: Sequence[Contender], comparison: Comparison) -> list[dict[str, Any]]:
    """List every contender's runs: seed, score, seconds of ``fit``, and where the report is."""
    standings = {standing.name: standing for standing in comparison.standings}
    decimals = max(choose_decimals(standing.sd for standing in standings.values()), 4)
    return [
        {
            "name": contender.name,
            "runs": [
                {
                    "seed": run.info.get("seed", "–"),
                    "score": write_decimal(score, decimals),
                    "fit": write_seconds(run.info.get("seconds", {}).get("fit", 0)),
                    "report": "/".join(run.report_path.parts[-4:]),
                }
                for run, score in zip(contender.runs, standings[contender.name].scores, strict=True)
            ],
        }
        for contender in ranked
    ]


def _list_facts(infos: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """List what a person needs to judge or repeat the runs: pairs of a name and a value."""
    data = infos[0]["dataset"]
    started = sorted(str(info["started_at"]) for info in infos if info.get("started_at"))
    facts = {
        "Data": data.get("origin"),
        "Rows": ", ".join(f"{n:,} {part}" for part, n in data.get("rows", {}).items()),
        "Fingerprint": _join(info["dataset"].get("fingerprint", "") for info in infos),
        "Device": _join(info.get("device", "") for info in infos),
        "Versions": _join(
            ", ".join(f"{name} {v}" for name, v in info.get("versions", {}).items())
            for info in infos
        ),
        "Git commit": _join(info.get("git_commit") or "" for info in infos),
        "Started": " – ".join(
            dict.fromkeys(time.replace("T", " ") for time in (started[:1] + started[-1:]))
        ),
    }
    return [(name, str(value)) for name, value in facts.items() if value]


def _join(values: Iterable[str]) -> str:
    """Write a value that all runs share, or all that occur."""
    return "; ".join(dict.fromkeys(value for value in values if value))


def _collect(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(text for group in groups for text in group))
