"""YAML recipes that become trained, evaluated and reported ``tf.keras`` Sequential models.

Example:
    >>> import kerasrecipes as kr
    >>> run = kr.train("configs/boston.yaml", "epochs=100")
    >>> run.metrics["test"]["rmse_original_units"]
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from kerasrecipes.recipe import Recipe, load_recipe
    from kerasrecipes.runs import Run, find_run

__all__ = ["Recipe", "Run", "find_run", "load_recipe", "train"]

_HOMES = {
    "Recipe": "kerasrecipes.recipe",
    "load_recipe": "kerasrecipes.recipe",
    "Run": "kerasrecipes.runs",
    "find_run": "kerasrecipes.runs",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that ``kerasrecipes --help`` pays for none of it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kerasrecipes' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def train(
    recipe: str | Path | Recipe,
    *overrides: str,
    output_dir: str | Path = "runs",
    console: Console | None = None,
) -> Run:
    """Train a recipe, and leave a run folder with its report.

    Args:
        recipe: A recipe file, or a Recipe from ``load_recipe``.
        overrides: Changes to a recipe file, such as "epochs=10".
        output_dir: The folder of all runs.
        console: Where progress goes; None keeps quiet.

    Raises:
        InputError: Recipe or data break a rule; no run folder is left behind.
        RunFailed: The loss became NaN, or the saved model answers differently.
    """
    from kerasrecipes import pipeline  # imports NumPy, and TensorFlow once it trains
    from kerasrecipes.errors import InputError
    from kerasrecipes.recipe import Recipe, load_recipe

    if isinstance(recipe, Recipe) and overrides:
        raise InputError("Overrides belong to a file: give them to load_recipe instead.")
    checked = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    return pipeline.train(checked, Path(output_dir), console)
