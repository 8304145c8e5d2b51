"""YAML recipes that become trained, evaluated and reported ``tf.keras`` Sequential models.

Example:
    >>> import kerasrecipes as kr
    >>> run = kr.train("configs/boston.yaml", epochs=100)
    >>> run.metrics["test"]["rmse_original_units"]
    >>> run.predict(rows)
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import pandas as pd
    import polars as pl
    from rich.console import Console

    from kerasrecipes.comparison import Comparison, compare
    from kerasrecipes.recipe import Recipe, load_recipe
    from kerasrecipes.sweeping import Sweep, sweep
    from kerasrecipes.trained import TrainedRun, load_run

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
    "Comparison": "kerasrecipes.comparison",
    "compare": "kerasrecipes.comparison",
    "Recipe": "kerasrecipes.recipe",
    "load_recipe": "kerasrecipes.recipe",
    "Sweep": "kerasrecipes.sweeping",
    "sweep": "kerasrecipes.sweeping",
    "TrainedRun": "kerasrecipes.trained",
    "load_run": "kerasrecipes.trained",
}


def __getattr__(name: str) -> Any:
    """Import a name at its first use, so that ``kerasrecipes --help`` stays fast."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("kerasrecipes")
    if name not in _HOMES:
        raise AttributeError(f"module 'kerasrecipes' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def train(
    recipe: str | PathLike[str] | Mapping[str, Any] | Recipe,
    *overrides: str,
    data: pd.DataFrame | pl.DataFrame | None = None,
    output_dir: str | Path = "runs",
    console: Console | None = None,
    callbacks: keras.callbacks.Callback | Iterable[keras.callbacks.Callback] | None = (),
    resume: bool = False,
    allow_changes: bool = False,
    weights_from: str | PathLike[str] | None = None,
    **keys: Any,
) -> TrainedRun:
    """Train a recipe, and write a run folder with its report.

    Args:
        recipe: A recipe file, the name of a recipe that the package ships, a mapping with a
            recipe's keys, or a Recipe; with ``resume``, a file or the folder of a run.
        overrides: Changes to it, such as "layers.0.Dense.units=10".
        data: A pandas or Polars DataFrame to learn from, in place of the rows that the recipe's
            ``dataset`` names.
        output_dir: The folder of all runs.
        console: Where progress and warnings are printed; None prints them in notebooks only, and
            elsewhere gives the warnings to Python's ``warnings``.
        callbacks: Keras's callbacks or your own, which run after those that the recipe names.
        resume: Whether to continue the newest unfinished run of the recipe, or the named run, from
            its last checkpoint.
        allow_changes: Whether to resume although recipe, data or versions have changed.
        weights_from: A run whose weights layers of the same name and shapes begin with.
        keys: The recipe's own top-level keys, such as ``epochs=10``.

    Raises:
        InputError: Recipe or data break a rule; no run folder is created.
        RunFailed: The loss became NaN, the saved model answers differently, or the disk is full.
        KeyboardInterrupt: Ctrl-C was pressed; ``resume=True`` continues the run.
    """
    from kerasrecipes import pipeline  # imports NumPy, and TensorFlow once it trains
    from kerasrecipes.console import dropping, make_notebook_console
    from kerasrecipes.errors import InputError
    from kerasrecipes.prediction.ready import find_ready
    from kerasrecipes.recipe import load_recipe
    from kerasrecipes.resuming import plan_resumption
    from kerasrecipes.terminal import TerminalListener
    from kerasrecipes.trained import TrainedRun

    if data is not None and not hasattr(data, "columns"):
        raise InputError(
            f"data must be a pandas or Polars DataFrame (received: {type(data).__name__}). Name "
            "a file in the recipe instead: dataset: {path: data.npz}. Save arrays to one with "
            "numpy.savez('data.npz', x=x, y=y)."
        )
    own_callbacks = _check_callbacks(callbacks)
    resumption = None
    if resume:
        resumption = plan_resumption(
            recipe, overrides, Path(output_dir), allow_changes=allow_changes, **keys
        )
        checked = resumption.recipe
    else:
        checked = load_recipe(recipe, overrides, needs_source=data is None, **keys)
    source, notes = find_ready(Path(weights_from)) if weights_from else (None, [])
    console = console or make_notebook_console()
    with dropping(console) if console else nullcontext():
        run = pipeline.train(
            checked,
            Path(output_dir),
            TerminalListener(console) if console else None,
            data=data,
            callbacks=own_callbacks,
            resumption=resumption,
            weights_from=source,
        )
    for line in [*notes, *run.info["warnings"]] if console is None else notes:
        warnings.warn(line, stacklevel=2)
    return TrainedRun(run.path)


def _check_callbacks(
    callbacks: keras.callbacks.Callback | Iterable[keras.callbacks.Callback] | None,
) -> list[keras.callbacks.Callback]:
    """Return callbacks as a list, as Keras's ``fit`` takes one or several."""
    from kerasrecipes.errors import InputError

    if callbacks is None:  # as in Keras's fit
        return []
    several = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for i, callback in enumerate(several):
        name = getattr(callback, "__name__", type(callback).__name__)
        if isinstance(callback, type):
            raise InputError(f"callbacks[{i}] is the class {name}. Write {name}().")
        if not (hasattr(callback, "on_epoch_end") and hasattr(callback, "set_model")):
            raise InputError(
                f"callbacks takes objects of keras.callbacks.Callback (received: {callback!r}). "
                "Name callbacks of Keras in the recipe, or in an override: "
                "'callbacks=[EarlyStopping]'."
            )
        if name == "BackupAndRestore":
            raise InputError(f"callbacks[{i}]: BackupAndRestore cannot resume a run. Remove it.")
    return several
