"""One self-contained HTML page from a run's results and its figures, and what all pages share."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import ChainableUndefined, ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup, escape

from kerasrecipes.recipe.names import make_lines_printable
from kerasrecipes.report import tables
from kerasrecipes.report.results import Results
from kerasrecipes.report.serving import list_inputs, write_snippet
from kerasrecipes.report.style import PageFigure
from kerasrecipes.report.tables import Table
from kerasrecipes.report.verdict import describe_thresholds, give_verdict
from kerasrecipes.report.words import write_epochs, write_rows, write_seconds, write_shape
from kerasrecipes.rows.words import count

_NO_TABLE = Table({}, ())
_OF_TRAINING = {"Split", "Fingerprint", "Device", "Versions"}


@dataclass(frozen=True)
class Section:
    """A question about a run, and its answer."""

    title: str  # the question
    answer: str = ""  # in sentences
    table: Table = _NO_TABLE
    caption: str = ""  # of the table
    plots: tuple[str, ...] = ()  # names of the plots that belong to it


def render_page(
    results: Results, figures: Sequence[PageFigure] = (), warnings: Sequence[str] = ()
) -> str:
    """Write the report's page, with warnings from drawing beside the run's own."""
    info, by_name = results.info, {figure.name: figure for figure in figures}
    sections = _list_sections(results, by_name)
    asked = {name for section in sections for name in section.plots}
    template = get_environment().get_template("report.html.j2")
    return template.render(
        results=results,
        run=info,
        verdict=give_verdict(results),
        tiles=_choose_tiles(results),
        figures=[figure for figure in figures if figure.name not in asked],
        sections=sections,
        by_name=by_name,
        scores=tables.list_scores(results),
        classes=tables.score_classes(results),
        columns=tables.list_columns(results.dataset, with_left_out=not results.evaluated),
        layers=tables.list_layers(info),
        inputs=_list_inputs(results),
        snippet=write_snippet(results.dataset, info.get("codec")),
        facts=_list_facts(results),
        warnings=dict.fromkeys([*info.get("warnings", ()), *warnings]),
    )


def _list_sections(results: Results, drawn: Collection[str]) -> list[Section]:
    """List the sections that have a table or a plot that was drawn."""
    codec, calibrated = results.codec, ""
    temperature, thresholds = codec.get("temperature", 1), codec.get("thresholds", ())
    if temperature != 1:
        calibrated = (
            f"Logits are divided by {temperature:.3g}, the temperature with the lowest log loss on "
            "validation rows. The loss in the table of scores is computed before calibration."
        )
    sections = (
        Section("Which columns are important?", plots=("importance",)),
        Section("Which places of an image are important?", plots=("occlusion",)),
        Section(
            "How good are the probabilities?",
            calibrated,
            tables.score_probabilities(results.scored),
            "Brackets contain 95% intervals. Brier score: the mean squared error of probabilities. "
            "Calibration error: the mean difference between probability and observed frequency, in "
            "ten bins of equally many rows.",
            ("roc_pr_curves", "reliability"),
        ),
        Section(
            "Which threshold?",
            describe_thresholds(results),
            tables.score_thresholds(results.scored, thresholds),
            f"Scores of the predicted classes on {results.part} rows",
        ),
        Section(
            "How wide are prediction intervals?",
            "predict --interval 0.9 adds an interval to each prediction.",
            tables.score_intervals(results),
            "Split conformal intervals of 90%, from the absolute residuals of validation rows, and "
            f"the share of {results.part} rows that they cover",
        ),
        Section("Where are predictions wrong?", plots=("residuals_by_column",)),
    )
    return [each for each in sections if each.table.rows or {*drawn} & {*each.plots}]


def _list_inputs(results: Results) -> Table:
    """List the inputs of model.keras; empty for an evaluation, and for a run without a model."""
    rows = []
    if results.info.get("status") == "finished" and not results.evaluated:
        for each in list_inputs(results.dataset):
            shape = write_shape((None, *each.shape))
            values = ", ".join(each.columns) or "raw values"
            rows.append([each.name, f"{each.dtype}, {shape}", values])
    headings = ("Input", "Type and shape", "Values of a row, in order")
    return Table(dict.fromkeys(headings, False), rows)


def _choose_tiles(results: Results) -> list[tuple[str, str]]:
    """Choose the few facts in large type: pairs of a value and its name."""
    rows, info = results.dataset.get("rows", {}), results.info
    counts = {
        "training rows": rows.get("train"),
        "rows": rows.get("evaluated"),
        "classes": len(results.class_names),
        "labels": len(results.targets) if results.is_multilabel else 0,
        "parameters": info.get("parameters"),
    }
    tiles = [(f"{n:,}", what) for what, n in counts.items() if n]
    if not results.evaluated:
        epochs = write_epochs(results.epochs_run, info.get("epochs", 0))
        tiles.append((epochs, "epoch" if epochs == "1" else "epochs"))
    if fit := info.get("seconds", {}).get("fit"):
        tiles.append((write_seconds(fit), "to fit"))
    return tiles


def _list_facts(results: Results) -> list[tuple[str, str]]:
    """List facts to assess or repeat the run; an evaluation has none of the training."""
    info, data = results.info, results.dataset
    origins = (f"{each['run']} after epoch {each['epoch']}" for each in info.get("continued", ()))
    facts = {
        "Data": data.get("origin"),
        "Rows": write_rows(data.get("rows", {})),
        "Split": data.get("split"),
        "Fingerprint": data.get("fingerprint"),
        "Target": f"{results.target} ({results.unit})" if results.unit else results.target,
        "Device": info.get("device"),
        "Versions": ", ".join(f"{name} {v}" for name, v in info.get("versions", {}).items()),
        "Git commit": info.get("git_commit"),
        "Stopped by": info.get("stopped_by"),
        "Continued from": ", ".join(origins),
        "Weights from": info.get("weights_from", {}).get("run"),
        "Started": str(info.get("started_at", "")).replace("T", " "),
    }
    return [
        (name, str(value))
        for name, value in facts.items()
        if value not in (None, "") and not (results.evaluated and name in _OF_TRAINING)
    ]


@cache
def get_environment(package: str = "kerasrecipes.report") -> Environment:
    """Jinja with a package's templates, shared templates and filters; it escapes all values."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("kerasrecipes.report")]),
        autoescape=True,
        undefined=ChainableUndefined,  # an interrupted run lacks facts that a finished one has
        # Markup is a str of another type.
        finalize=lambda value: make_lines_printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": _allow_breaks,
        "count": count,
        "data_uri": lambda svg: f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}",
        "duration": write_seconds,
    }
    return environment


def frame_page(file: Path, title: str) -> str:
    """Write a page as a frame, for notebooks."""
    page, name = map(html.escape, (file.read_text(encoding="utf-8"), title))
    return (
        f'<iframe srcdoc="{page}" title="{name}" sandbox '
        'style="width: 100%; height: 640px; border: 0"></iframe>'
    )


def _allow_breaks(text: str) -> Markup:
    """Let lines break inside names such as ``SGD(learning_rate=0.1)``, after a mark."""
    escaped = str(escape(make_lines_printable(text)))
    return Markup(re.sub(r"(_|(?<=\w)\(|\.(?=[a-z]))", r"\1<wbr>", escaped))
