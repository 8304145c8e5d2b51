"""``kerasrecipes init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="A table, 'data/*.csv', an .npz file, or images."),
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="How the file is read, such as csv.encoding=cp949 or excel.sheet=2.",
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
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The recipe to write.", show_default="named after DATA"
        ),
    ] = None,
) -> None:
    """Look at your data, and write a commented recipe that trains on them."""
    from kerasrecipes.console import SafeConsole
    from kerasrecipes.drafting import draft_recipe
    from kerasrecipes.drafting.summary import print_draft

    console = SafeConsole()
    with console.status(f"reading {data}"):
        draft = draft_recipe(data, target, output, changes or ())
    print_draft(console, draft)
