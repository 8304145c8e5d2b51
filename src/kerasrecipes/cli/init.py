"""``kerasrecipes init``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer


def init(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A table, a pattern such as 'data/*.csv', an .npz or .npy file, or a folder of "
            "images.",
        ),
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="How the file is read, such as csv.skip_rows=2 or excel.sheet=2.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="The column to predict.",
            show_default="the one called target, label, class or y; else the last",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="How a CSV file is written, such as cp949.", show_default="UTF-8"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The recipe to write.",
            show_default="named after DATA, in this folder",
        ),
    ] = None,
) -> None:
    """Look at your data, and write a commented recipe that trains on them."""
    from rich.text import Text

    from kerasrecipes.console import SafeConsole
    from kerasrecipes.drafting import draft_recipe

    console = SafeConsole()
    given = [*(changes or ()), *([f"csv.encoding={json.dumps(encoding)}"] if encoding else ())]
    with console.status(f"reading {data}"):
        draft = draft_recipe(data, target, output, given)
    console.print(Text(draft.file.read_text(encoding="utf-8")), soft_wrap=True, end="")
    for check in draft.dataset.checks:
        console.print(Text(f"warning: {check}"), soft_wrap=True)
    command = f"kerasrecipes train {shlex.quote(str(draft.file))}"
    console.print(Text(f"\nTrain it, or change it first:  {command}", "bold"), soft_wrap=True)
