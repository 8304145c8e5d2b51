"""``kerasrecipes show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrecipes.cli.arguments import Overrides, RecipeFile

if TYPE_CHECKING:
    from kerasrecipes.recipe import Recipe


def show(recipe: RecipeFile, overrides: Overrides = None) -> None:
    """Show a recipe's layers: shapes, parameters with their arithmetic, multiply-adds."""
    from kerasrecipes.console import make_console
    from kerasrecipes.recipe import load_recipe
    from kerasrecipes.report.tables import list_layers
    from kerasrecipes.terminal import print_table, print_warnings

    checked = load_recipe(recipe, overrides or ())
    console = make_console()
    with console.status("importing TensorFlow"):
        info, warnings = build_quietly(checked)
    console.print(checked.name, style="bold")
    print_table(console, list_layers(info))
    print_warnings(console, warnings)


def build_quietly(recipe: Recipe) -> tuple[dict[str, Any], list[str]]:
    """Load the data and build the model; TensorFlow's start-up messages are dropped.

    Returns:
        The description of the model for run.json, and warnings.
    """
    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.rows import load_for
    from kerasrecipes.runs import OWN_FILES

    dataset = load_for(recipe)
    with redirect_stderr():
        from kerasrecipes.model.build import build_callbacks
        from kerasrecipes.model.built import build

        built = build(recipe, dataset)
        build_callbacks(recipe, Path("run"), OWN_FILES)  # only to find problems
    warnings = [*map(str, recipe.warnings), *dataset.warnings, *dataset.checks]
    return built.describe(recipe), warnings
