"""Facts about a run's data and process, for run.json."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.dataset import count_classes
from kerasrecipes.rows.disk import are_on_disk
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.windows import Series, find_period

GIT_COMMIT = "KERASRECIPES_GIT_COMMIT"
"""The environment variable of the commit, where the command ran on another machine."""
_STEPWISE = re.compile(r"LSTM|GRU|RNN|Bidirectional|TimeDistributed|1D")  # take (steps, features)


def describe_dataset(
    recipe: Recipe, dataset: Dataset, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe the data for run.json; ``known`` says by part which steps no mask covers."""
    inputs = dataset.parts["train"].inputs
    facts: dict[str, Any] = {
        "name": dataset.name,
        "origin": dataset.origin,
        "task": dataset.task,
        "target": ", ".join(dataset.target_names),
        "targets": list(dataset.target_names),
        "target_unit": dataset.target_unit,
        "class_names": list(dataset.class_names),
        "fingerprint": dataset.fingerprint,
        "target_fingerprint": dataset.target_fingerprint,
        "standardized": recipe.dataset.standardize_target,
        "weighted": dataset.parts["train"].weights is not None,
        "rows": {name: len(part) for name, part in dataset.parts.items()},
        "split": dataset.split,
        "on_disk": are_on_disk(inputs),
    }
    if isinstance(inputs, dict):
        columns = dataset.columns or map(make_column, inputs)
        facts["columns"] = [column.to_dict() for column in columns]
        facts["target_columns"] = [column.to_dict() for column in dataset.target_columns]
        if isinstance(inputs, Series):
            facts["n_steps"] = len(inputs.windows.offsets)
            facts["period"] = find_period(inputs, dataset.target_names)
        facts["left_out"] = [list(pair) for pair in dataset.left_out]
    else:
        facts |= {"shape": list(inputs.shape[1:]), "is_image": _is_image(recipe, inputs)}
    if dataset.task != "regression":
        known = known or {}
        facts["class_counts"] = {
            name: count_classes(part.target, dataset.n_classes, known.get(name))
            for name, part in dataset.parts.items()
        }
    return facts


def _is_image(recipe: Recipe, inputs: Any) -> bool:
    """Whether inputs are images: (height, width, 1 or 3), or (height, width) if likely.

    Arrays of shape (steps, features) have as many dimensions. They are neither bytes nor square, or
    a layer of the recipe reads them step by step.
    """
    if inputs.ndim != 3:
        return inputs.ndim == 4 and inputs.shape[-1] in (1, 3)
    reads_steps = any(_STEPWISE.search(layer.name) for layer in recipe.layers)
    is_square = inputs.shape[1] == inputs.shape[2]
    return not reads_steps and (is_square or inputs.dtype == np.uint8)


def find_versions() -> dict[str, str]:
    """The installed versions that results depend on."""
    packages = ("kerasrecipes", "tensorflow", "keras", "numpy")
    versions = {package: importlib.metadata.version(package) for package in packages}
    return versions | {"python": platform.python_version()}


def find_git_commit() -> str | None:
    """The commit of the folder that the command ran in, or None outside a repository."""
    if (known := os.environ.get(GIT_COMMIT)) is not None:
        return known or None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
