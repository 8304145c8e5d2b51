"""Arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
