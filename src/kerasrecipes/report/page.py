"""One self-contained HTML page from a run's results and its pictures."""

from __future__ import annotations

from collections.abc import Sequence

from kerasrecipes.report import words
from kerasrecipes.report.picture import Picture
from kerasrecipes.report.results import Results
from kerasrecipes.report.tables import list_columns, list_scores, score_classes
from kerasrecipes.report.template import get_environment
from kerasrecipes.report.verdict import give_verdict

_BANNERS = {
    "interrupted": "Interrupted. This run was stopped before its end, and what follows covers only "
    "what it left.",
    "failed": "Failed. This run ended with an error, and what follows covers only what it left.",
    "running": "Still running. This page shows the run as it was when the page was written.",
}

_OF_TRAINING = {"Fingerprint", "Device", "Versions"}


def render_page(
    results: Results, pictures: Sequence[Picture] = (), warnings: Sequence[str] = ()
) -> str:
    """Write the report's page.

    Args:
        results: What is known about the run.
        pictures: In the order in which they appear.
        warnings: What came up while drawing, beside the run's own warnings.
    """
    return (
        get_environment()
        .get_template("report.html.j2")
        .render(
            results=results,
            run=results.info,
            verdict=give_verdict(results),
            banner=_BANNERS.get(str(results.info.get("status")), ""),
            tiles=_choose_tiles(results),
            pictures=pictures,
            scores=list_scores(results),
            classes=score_classes(results),
            columns=list_columns(results),
            facts=_list_facts(results),
            warnings=[*results.info.get("warnings", ()), *warnings],
        )
    )


def _choose_tiles(results: Results) -> list[tuple[str, str]]:
    """Choose the few facts that stand in large type: pairs of a value and what it is."""
    info, rows = results.info, results.dataset.get("rows", {})
    parameters = f"{info['parameters']:,}" if "parameters" in info else ""
    if results.evaluated:
        scored, n_classes = rows.get(results.part, 0), len(results.class_names)
        tiles = {
            f"{results.noun}s": f"{scored:,}",
            "classes": f"{n_classes:,}" if n_classes else "",
            "targets": f"{len(results.targets):,}" if len(results.targets) > 1 else "",
            "parameters": parameters,
        }
        return [(value, what) for what, value in tiles.items() if value]
    asked, fit = info.get("epochs", 0), info.get("seconds", {}).get("fit")
    of_asked = f" of {asked:,}" if asked > results.epochs_run else ""
    tiles = {
        f"training {results.noun}s": f"{rows['train']:,}" if "train" in rows else "",
        "parameters": parameters,
        "epochs": f"{results.epochs_run:,}{of_asked}",
        "to fit": words.write_seconds(fit) if fit else "",
    }
    return [(value, what) for what, value in tiles.items() if value]


def _list_facts(results: Results) -> list[tuple[str, str]]:
    """List what a person needs to judge or repeat the run: pairs of a name and a value.

    Of an evaluation, run.json repeats facts of the training, which are not its own.
    """
    info, data = results.info, results.dataset
    rows = ", ".join(f"{n:,} {part}" for part, n in data.get("rows", {}).items())
    facts = {
        "Data": data.get("origin"),
        "Rows": rows,
        "Fingerprint": data.get("fingerprint"),
        "Target": f"{results.target} ({results.unit})" if results.unit else results.target,
        "Loss": info.get("loss"),
        "Optimizer": info.get("optimizer"),
        "Batch size": info.get("batch_size"),
        "Seed": info.get("seed"),
        "Device": info.get("device"),
        "Versions": ", ".join(f"{name} {v}" for name, v in info.get("versions", {}).items()),
        "Git commit": info.get("git_commit"),
        "Started": str(info.get("started_at", "")).replace("T", " "),
    }
    return [
        (name, str(value))
        for name, value in facts.items()
        if value not in (None, "") and not (results.evaluated and name in _OF_TRAINING)
    ]
