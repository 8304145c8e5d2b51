"""YAML recipes that become trained, evaluated and reported ``tf.keras`` Sequential models.

Example:
    >>> import kerasrecipes as kr
    >>> run = kr.train("configs/boston.yaml", "epochs=100")
    >>> run.metrics["test"]["rmse_original_units"]
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.runs import Run, find_run

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Recipe", "Run", "find_run", "load_recipe", "train"]


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

    checked = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    return pipeline.train(checked, Path(output_dir), console)
