"""``kerasrecipes predict``."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import Encoding, RunFolder


def predict(
    run: RunFolder,
    data: Annotated[
        str,
        typer.Option(
            help="A table, images or arrays to answer; - reads CSV or JSON lines from standard "
            "input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A .csv, .parquet or .jsonl file.",
            show_default="CSV to standard output",
        ),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", help="A column to hand on beside the answers.", show_default=False),
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Answer raw rows with a run's saved model."""
    from rich.console import Console
    from rich.text import Text

    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.prediction.answers import check_output
    from kerasrecipes.prediction.ready import check_ready
    from kerasrecipes.runs import find_run
    from kerasrecipes.terminal import print_warnings

    found = find_run(run)
    check_ready(found)
    check_output(output, data)
    # Standard output is for answers alone, and TensorFlow's notes go to a log.
    with (
        os.fdopen(os.dup(2), "w", encoding="utf-8") as stderr,
        tempfile.TemporaryDirectory() as folder,
        redirect_stderr(Path(folder) / "log.txt"),
    ):
        console = Console(file=stderr, highlight=False, markup=False)
        with console.status("importing TensorFlow") as status:
            from kerasrecipes.prediction.predict import predict_file
            from kerasrecipes.prediction.saved import load_saved

            saved = load_saved(found)
            if output is None and sys.stdout.isatty():
                status.stop()  # or it would stand among the answers

            def show_rows(n_rows: int) -> None:
                status.update(f"{n_rows:,} rows answered")

            started = time.perf_counter()
            n_rows = predict_file(saved, data, output, ids or (), show_rows, encoding)
            seconds = time.perf_counter() - started
        print_warnings(console, saved.list_warnings())
        if output is not None:
            line = Text("answers  ", style="dim").append(str(output), style="not dim bold")
            line.append(f"  {n_rows:,} row{'s' if n_rows != 1 else ''} in {seconds:.1f} s")
            console.print(line, soft_wrap=True)
