"""The place of this process among workers that TF_CONFIG names."""

from __future__ import annotations

import json
import os

from kerasrecipes.errors import InputError
from kerasrecipes.recipe import Recipe
from kerasrecipes.training.team import ALONE, Team


def join_team(n_workers: int | None) -> Team:
    """Read this worker's place from TF_CONFIG, which may name this process alone.

    Args:
        n_workers: How many there must be.

    Raises:
        InputError: TF_CONFIG is not what TensorFlow expects, or names another number.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return ALONE
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], (config["task"]["type"], int(config["task"]["index"]))
        if not cluster.keys() <= {"chief", "worker"}:
            raise ValueError(f"its tasks must be chief and worker, not {', '.join(cluster)}")
        places = [
            (kind, i) for kind in ("chief", "worker") for i, _ in enumerate(cluster.get(kind, ()))
        ]
        if n_workers not in (None, len(places)):
            raise ValueError(f"it names {len(places)} workers, and --workers {n_workers}")
        return Team(len(places), places.index(task))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"TF_CONFIG cannot be used ({type(error).__name__}: {error}). Unset it to train in one "
            'process, or set it as in {"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from error


def check_recipe(recipe: Recipe) -> None:
    """Check that several workers would train a recipe as one process does.

    Raises:
        InputError: They would not.
    """
    reduction = recipe.loss.arguments.get("reduction", "sum_over_batch_size")
    if recipe.jit_compile is True:
        raise InputError("XLA cannot compile what workers exchange. Set jit_compile: false.")
    if reduction not in ("sum_over_batch_size", "mean"):
        raise InputError(
            f"Several workers need a loss that is a mean over rows (received: reduction="
            f"{reduction}). Set reduction: sum_over_batch_size."
        )
    if any(layer.arguments.get("synchronized") for layer in recipe.layers):
        raise InputError("BatchNormalization with synchronized: true needs MirroredStrategy.")
