"""YAML recipes that become trained, evaluated and reported ``tf.keras`` Sequential models.

Example:
    >>> import kerasrecipes as kr
    >>> run = kr.train("configs/boston.yaml", epochs=100)
    >>> run.metrics["test"]["rmse_original_units"]
    >>> run.predict(rows)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasrecipes.comparison import Comparison, compare
    from kerasrecipes.recipe import Recipe, load_recipe
    from kerasrecipes.sweeping import Sweep, sweep
    from kerasrecipes.trained import TrainedRun, load_run, train

__all__ = [
    "Comparison",
    "Recipe",
    "Sweep",
    "TrainedRun",
    "compare",
    "load_recipe",
    "load_run",
    "sweep",
    "train",
]

_HOMES = {
    "comparison": ("Comparison", "compare"),
    "recipe": ("Recipe", "load_recipe"),
    "sweeping": ("Sweep", "sweep"),
    "trained": ("TrainedRun", "load_run", "train"),
}


def __getattr__(name: str) -> Any:
    """Import a name at its first use, so that ``kerasrecipes --help`` stays fast."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("kerasrecipes")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"kerasrecipes.{home}"), name)
    raise AttributeError(f"module 'kerasrecipes' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
