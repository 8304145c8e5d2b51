"""What several commands share: arguments, and the end by a signal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

RecipeFile = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="A recipe file, or a shipped recipe: boston.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Changes, such as layers.2.Dense.units=200."),
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run's folder, or runs/NAME for its newest run.")
]
OutputDir = Annotated[Path, typer.Option(help="The folder of all runs.")]
Encoding = Annotated[
    str | None, typer.Option(help="The encoding of a CSV file, if it is not the recipe's.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object: run, scores, warnings.")
]
Address = Annotated[
    str | None, typer.Option(help="Train on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT.")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Trainings at once.", show_default="one per core")
]


@contextmanager
def training(console: Console, command: str = "") -> Iterator[None]:
    """Train in a block, which a signal ends with its exit code and the command that continues."""
    from kerasrecipes.console import dropping
    from kerasrecipes.interrupts import Interrupted

    try:
        with dropping(console):
            yield
    except Interrupted as error:
        if command:
            console.print(f"Interrupted. To continue: {command}", soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
