"""``kerasrecipes compare``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import Address, OutputDir, Workers
from kerasrecipes.cli.stopping import training


def compare(
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE|RUN|KEY=VALUE...",
            help="Recipe files, which are trained first, and folders of finished runs. KEY=VALUE "
            "is a variant of the one recipe: optimizer=sgd 'optimizer=adam epochs=20'.",
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe, on one split.")] = 3,
    splits: Annotated[
        int | None,
        typer.Option(
            min=2, help="Use a different split and seed for each training (replaces --seeds)."
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Folds of a cross-validation (replaces --seeds).")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The metric used for ranking (default: the first metric).")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Add scikit-learn's HistGradientBoosting.")
    ] = False,
    workers: Workers = None,
    address: Address = None,
    output_dir: OutputDir = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Train recipes with several seeds each, and test which differences are significant."""
    from rich.padding import Padding
    from rich.text import Text

    from kerasrecipes import comparison
    from kerasrecipes.comparison import table
    from kerasrecipes.console import SafeConsole, echo
    from kerasrecipes.terminal import print_path, print_table

    # With JSON, nothing else goes to standard output.
    console = SafeConsole(stderr=as_json)
    command = ["kerasrecipes", *sys.argv[1:]]
    with training(console, shlex.join(command)):
        found = comparison.compare(
            *recipes,
            seeds=seeds,
            splits=splits,
            folds=folds,
            metric=metric,
            baselines=baselines,
            workers=workers,
            address=address,
            output_dir=output_dir,
            console=console,
            command=command,
        )
    if as_json:
        echo(table.to_json(found))
    else:
        for each in table.make_tables(found).values():
            print_table(console, each)
        console.print(Padding(Text(str(found)), (1, 0)))
    print_path(console, "page", found.page)
