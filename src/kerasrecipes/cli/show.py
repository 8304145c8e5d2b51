"""``kerasrecipes show``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrecipes.cli.arguments import Overrides, RecipeFile

if TYPE_CHECKING:
    from kerasrecipes.pipeline import Built
    from kerasrecipes.recipe import Recipe


def show(recipe: RecipeFile, overrides: Overrides = None) -> None:
    """Show a recipe's layers: shapes, parameters as arithmetic, multiply-adds."""
    from rich.console import Console
    from rich.text import Text

    from kerasrecipes.recipe import load_recipe
    from kerasrecipes.terminal import make_layer_table, print_warnings

    checked = load_recipe(recipe, overrides or ())
    console = Console(highlight=False, markup=False)
    with console.status("importing TensorFlow"):
        info = build_quietly(checked)
    console.print(Text(checked.name, style="bold"))
    console.print(make_layer_table(info))
    print_warnings(console, map(str, checked.warnings))


def build_quietly(recipe: Recipe) -> dict[str, Any]:
    """Load the data and build the model, TensorFlow's start-up notes left out.

    Returns:
        What run.json would say of the model.
    """
    from kerasrecipes import pipeline
    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.rows import load_for

    dataset = load_for(recipe)
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(Path(folder) / "log.txt"):
        built: Built = pipeline.build(recipe, dataset)
        return pipeline.describe_model(recipe, built)
