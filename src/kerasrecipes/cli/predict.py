"""``kerasrecipes predict``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import Encoding, RunFolder


def predict(
    run: RunFolder,
    data: Annotated[
        str, typer.Option(help="A table, images or arrays; - reads CSV or JSON lines from stdin.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .csv, .parquet, .jsonl or .npz file."),
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
    from kerasrecipes.prediction.answers import check_output
    from kerasrecipes.prediction.ready import check_ready, find_ready
    from kerasrecipes.rows.words import count
    from kerasrecipes.terminal import print_path, print_warnings

    found, notes = find_ready(run)
    check_ready(found)
    check_output(output, data)
    # Standard output is for predictions alone. TensorFlow's messages are dropped, ours are not.
    with open_stream(os.dup(2)) as stderr, redirect_stderr():
        console = make_console(stderr)
        print_warnings(console, notes)
        with console.status("importing TensorFlow") as status:
            from kerasrecipes.prediction.predict import predict_file
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
