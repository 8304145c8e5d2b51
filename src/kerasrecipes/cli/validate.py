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
    from kerasrecipes.console import make_console
    from kerasrecipes.errors import InputError
    from kerasrecipes.terminal import print_warnings

    console = make_console()
    problems: list[str] = []
    for file in recipes:
        try:
            warnings = _check(file, build)
        except InputError as error:
            problems.append(str(error))
            console.print(f"✗ {file}", style="red", soft_wrap=True)
        else:
            console.print(f"✓ {file}", soft_wrap=True)
            print_warnings(console, warnings)
    if problems:
        raise InputError("\n".join(problems))


def _check(file: Path, build: bool) -> list[str]:
    """Check a recipe, and return its warnings."""
    from kerasrecipes.recipe import load_recipe

    recipe = load_recipe(file)
    if recipe.dataset.path is not None:
        from kerasrecipes.rows import check_file

        check_file(recipe)
    if recipe.sweep:
        from kerasrecipes.sweeping.space import Space

        _ = Space(recipe, recipe.sweep).endpoints  # raises
    if not build:
        return [*map(str, recipe.warnings)]
    from kerasrecipes.cli.show import build_quietly

    return build_quietly(recipe)[1]
