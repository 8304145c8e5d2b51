"""Arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RecipeFile = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE", help="A recipe file, or the name of a shipped recipe: boston."
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[KEY=VALUE]...", help="Changes, such as epochs=10 or layers.2.Dense.units=200."
    ),
]
RunFolder = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="A run's folder; runs/NAME alone means its newest run."),
]
OutputDir = Annotated[Path, typer.Option(help="The folder of all runs.")]
Encoding = Annotated[
    str | None,
    typer.Option(
        help="The encoding of a CSV file, such as cp949.", show_default="UTF-8, or the recipe's"
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object: run, scores, warnings.")
]


def _check_address(address: str | None) -> str | None:
    if address is not None and not address.strip():  # such as an unset variable
        raise typer.BadParameter("it is empty. Give auto, HOST:PORT or ray://HOST:PORT.")
    return address


Address = Annotated[
    str | None,
    typer.Option(
        help="Train on a Ray cluster: auto, HOST:PORT or ray://HOST:PORT.", callback=_check_address
    ),
]

Workers = Annotated[
    int | None, typer.Option(min=1, help="Trainings at once.", show_default="one per core")
]
