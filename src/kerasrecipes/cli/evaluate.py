"""``kerasrecipes evaluate``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import AsJson, Encoding, RunFolder


def evaluate(
    run: RunFolder,
    data: Annotated[
        str | None,
        typer.Option(
            help="A file with the target's column, or a folder of images by class.",
            show_default="the run's own test part",
        ),
    ] = None,
    encoding: Encoding = None,
    as_json: AsJson = False,
) -> None:
    """Score a run's saved model on rows that have the target, and write a small report."""
    from kerasrecipes.console import make_console
    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.prediction.ready import check_ready, find_ready
    from kerasrecipes.terminal import print_evaluation, print_json, print_warnings

    found, notes = find_ready(run)
    check_ready(found)
    console = make_console(quiet=as_json)
    print_warnings(console, notes)
    with console.status("importing TensorFlow"), redirect_stderr():
        from kerasrecipes.prediction.evaluate import evaluate as evaluate_run
        from kerasrecipes.prediction.saved import load_saved

        saved = load_saved(found, encoding)
        evaluated = evaluate_run(saved, data, ["kerasrecipes", *sys.argv[1:]])
    if as_json:
        print_json(evaluated)
    print_evaluation(console, evaluated)
