"""YAML recipes that become trained, evaluated and reported ``tf.keras`` Sequential models.

Example:
    >>> import kerasrecipes as kr
    >>> run = kr.train("configs/boston.yaml", epochs=100)
    >>> run.metrics["test"]["rmse_original_units"]
    >>> run.predict(rows)
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from kerasrecipes.recipe import Recipe, load_recipe
    from kerasrecipes.trained import TrainedRun, load_run

__all__ = ["Recipe", "TrainedRun", "load_recipe", "load_run", "train"]

_HOMES = {
    "Recipe": "kerasrecipes.recipe",
    "load_recipe": "kerasrecipes.recipe",
    "TrainedRun": "kerasrecipes.trained",
    "load_run": "kerasrecipes.trained",
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
    data: pd.DataFrame | None = None,
    output_dir: str | Path = "runs",
    console: Console | None = None,
    **keys: Any,
) -> TrainedRun:
    """Train a recipe, and leave a run folder with its report.

    Args:
        recipe: A recipe file, or a Recipe from ``load_recipe``.
        overrides: Changes to a recipe file, such as "layers.0.Dense.units=10".
        data: Rows to learn from, in place of those that the recipe's ``dataset`` names.
        output_dir: The folder of all runs.
        console: Where progress goes; None keeps quiet.
        keys: The recipe's own top-level keys, such as ``epochs=10``.

    Raises:
        InputError: Recipe or data break a rule; no run folder is left behind.
        RunFailed: The loss became NaN, or the saved model answers differently.
    """
    from kerasrecipes import pipeline  # imports NumPy, and TensorFlow once it trains
    from kerasrecipes.errors import InputError
    from kerasrecipes.recipe import Recipe, load_recipe
    from kerasrecipes.recipe.yaml_file import write_value
    from kerasrecipes.trained import TrainedRun

    changes = [
        *overrides,
        *(f"{key}={write_value(value, sys.maxsize)}" for key, value in keys.items()),
    ]
    if isinstance(recipe, Recipe) and changes:
        raise InputError(
            f"Changes belong to a recipe file (received: a Recipe and {', '.join(changes)}). Give "
            "them to load_recipe instead."
        )
    if data is not None and not hasattr(data, "columns"):
        raise InputError(
            f"data must be a DataFrame (received: {type(data).__name__}). Name a file in the "
            "recipe: dataset: {path: …}."
        )
    checked = (
        recipe
        if isinstance(recipe, Recipe)
        else load_recipe(recipe, changes, needs_source=data is None)
    )
    return TrainedRun(pipeline.train(checked, Path(output_dir), console, data=data).path)
