"""``kerasrecipes validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def validate(
    recipes: Annotated[
        list[Path],
        typer.Argument(metavar="RECIPE...", help="Recipe files, or names of shipped recipes."),
    ],
    build: Annotated[
        bool, typer.Option("--build", help="Also load the data and build the model (slower).")
    ] = False,
) -> None:
    """Check recipes, and that data files exist and have the columns; report every problem."""
    from rich.text import Text

    from kerasrecipes.console import make_console
    from kerasrecipes.errors import InputError
    from kerasrecipes.recipe import load_recipe

    console = make_console()
    problems: list[str] = []
    for file in recipes:
        try:
            recipe = load_recipe(file)
            warnings = [*map(str, recipe.warnings)]
            if recipe.dataset.path is not None:
                from kerasrecipes.rows import check_file

                check_file(recipe)
            if recipe.sweep:
                from kerasrecipes.sweeping.space import Space

                _ = Space(recipe, recipe.sweep).endpoints  # raises
            if build:
                from kerasrecipes.cli.show import build_quietly

                _, found = build_quietly(recipe)
                warnings += found
        except InputError as error:
            problems.append(str(error))
            console.print(Text(f"✗ {file}", style="red"), soft_wrap=True)
        else:
            console.print(Text(f"✓ {file}"), soft_wrap=True)
            for warning in warnings:
                console.print(Text(f"  warning  {warning}", style="yellow"), soft_wrap=True)
    if problems:
        raise InputError("\n".join(problems))
