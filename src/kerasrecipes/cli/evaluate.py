"""``kerasrecipes evaluate``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import Encoding, RunFolder


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
) -> None:
    """Score a run's saved model on rows with known answers, and write a small report."""
    from rich.console import Console

    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.prediction.ready import check_ready
    from kerasrecipes.runs import find_run
    from kerasrecipes.terminal import print_evaluation

    found = find_run(run)
    check_ready(found)
    console = Console(highlight=False, markup=False)
    with (
        console.status("importing TensorFlow"),
        tempfile.TemporaryDirectory() as folder,
        redirect_stderr(Path(folder) / "log.txt"),
    ):
        from kerasrecipes.prediction.evaluate import evaluate as evaluate_run
        from kerasrecipes.prediction.saved import load_saved

        evaluated = evaluate_run(load_saved(found), data, ["kerasrecipes", *sys.argv[1:]], encoding)
    print_evaluation(console, evaluated)
