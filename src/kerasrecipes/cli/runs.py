"""``predict``, ``evaluate``, ``report`` and ``ls``: commands of runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from kerasrecipes.cli.arguments import AsJson, Encoding, OutputDir, RunFolder

if TYPE_CHECKING:
    from rich.console import Console

    from kerasrecipes.runs import Run

_OF_KERAS = (
    *("layers", "optimizers", "losses", "metrics", "callbacks", "schedules"),
    *("initializers", "regularizers", "constraints", "activations"),
)
_LISTS = ("recipes", "datasets", "runs", *_OF_KERAS)


def predict(
    run: RunFolder,
    data: Annotated[
        str, typer.Option(help="A table, images or arrays; - reads CSV or JSON lines from stdin.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv, .parquet, .jsonl or .npz file.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A column to copy to the predictions.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Add intervals (low, high) of this level, such as 0.9.")
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Predict raw rows with a run's saved model."""
    from kerasrecipes.console import make_console, open_stream
    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.prediction.predict import check_output, predict_file
    from kerasrecipes.rows.words import count
    from kerasrecipes.terminal import print_path, print_warnings

    # Standard output is for predictions alone. TensorFlow's messages are dropped, ours are not.
    with open_stream(os.dup(2)) as stderr, redirect_stderr():
        console = make_console(stderr)
        found = _find(run, console)
        check_output(output, data)
        with console.status("importing TensorFlow") as status:
            from kerasrecipes.prediction.saved import load_saved

            saved = load_saved(found, encoding)
            if output is None and sys.stdout.isatty():
                status.stop()  # it would appear among the predictions

            def show(n: int) -> None:
                status.update(f"{count(n, 'row')} predicted")

            predict_file(saved, data, output, ids or (), show, interval)
        print_warnings(console, saved.list_warnings())
        if output is not None:
            print_path(console, "answers", output)


def evaluate(
    run: RunFolder,
    data: Annotated[
        str | None,
        typer.Option(help="Rows with the target's column.", show_default="the run's test part"),
    ] = None,
    encoding: Encoding = None,
    as_json: AsJson = False,
) -> None:
    """Score a run's saved model on rows that have the target, and write a small report."""
    from kerasrecipes.console import make_console
    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.terminal import print_evaluation, print_json

    console = make_console(quiet=as_json)
    found = _find(run, console)
    with console.status("importing TensorFlow"), redirect_stderr():
        from kerasrecipes.prediction.saved import evaluate as evaluate_run
        from kerasrecipes.prediction.saved import load_saved

        saved = load_saved(found, encoding)
        evaluated = evaluate_run(saved, data, ["kerasrecipes", *sys.argv[1:]])
    if as_json:
        print_json(evaluated)
    print_evaluation(console, evaluated)


def report(run: RunFolder) -> None:
    """Write a run's report again, from its files alone."""
    from kerasrecipes.console import echo, make_console
    from kerasrecipes.report import make_report
    from kerasrecipes.runs import check_network, find_run
    from kerasrecipes.terminal import print_warnings

    found = find_run(run)
    check_network(found)
    print_warnings(make_console(), make_report(found, found.info.get("plots", [])))
    echo(found.report_path)


def _find(path: Path, console: Console) -> Run:
    """Find the run with a saved model that a path means."""
    from kerasrecipes.prediction.ready import check_ready, find_ready
    from kerasrecipes.terminal import print_warnings

    found, notes = find_ready(path)
    check_ready(found)
    print_warnings(console, notes)
    return found


def ls(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(_LISTS)}.")] = "recipes",
    output_dir: OutputDir = Path("runs"),
) -> None:
    """List recipes, data sets, runs, or what the installed Keras offers."""
    from kerasrecipes.console import make_console
    from kerasrecipes.errors import InputError
    from kerasrecipes.recipe.suggest import suggest

    if what not in _LISTS:
        raise InputError(f"ls has no list '{what}'. {suggest(what, _LISTS)}")
    if what == "runs":
        _print_runs(output_dir)
        return
    console = make_console()
    for name in _list_names(what):
        console.print(name, soft_wrap=True)


def _list_names(what: str) -> Iterable[str]:
    if what == "recipes":  # those in ./configs, or else those that the package ships
        from kerasrecipes.recipe.load import list_shipped

        return sorted(map(str, Path("configs").glob("*.yaml"))) or [*list_shipped()]
    if what == "datasets":
        from kerasrecipes.recipe.schema import DatasetName

        return get_args(DatasetName)
    from kerasrecipes.recipe.components import REFUSED
    from kerasrecipes.recipe.keras_names import list_names

    category = "optimizers.schedules" if what == "schedules" else what
    return sorted(list_names(category).keys() - REFUSED.keys())


def _print_runs(output_dir: Path) -> None:
    from kerasrecipes.console import UNLIMITED, SafeConsole
    from kerasrecipes.errors import RunDamaged
    from kerasrecipes.report.tables import Table
    from kerasrecipes.report.words import name_score, write_epochs, write_number
    from kerasrecipes.runs import list_runs
    from kerasrecipes.terminal import print_table

    rows = []
    for run in list_runs(output_dir):
        try:
            info, scores = run.info, run.metrics.get("test", {})
        except RunDamaged as damaged:
            rows.append([str(run.path), "damaged", "", "", damaged.file.name])
            continue
        names = sorted(scores, key=lambda name: (name == "loss", not name.endswith("_units")))
        epochs = write_epochs(run.epochs_run, info.get("epochs", 0))
        data = info.get("dataset", {})
        score = (
            f"{name_score(names[0], data)} {write_number(scores[names[0]], 4)}" if scores else ""
        )
        rows.append([str(run.path), run.status, data.get("name", ""), epochs, score])
    console = SafeConsole(width=UNLIMITED)  # a path broken in two cannot be copied
    if not rows:
        console.print(f"There are no runs in {output_dir}.")
        return
    headings = {"Run": False, "Status": False, "Data": False, "Epochs": True, "Test score": False}
    print_table(console, Table(headings, rows))
