"""What only a built model shows: whether it suits its target, and whether a batch goes through."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.model.build import call_keras, make_component
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.keras_names import COMPILE_METRICS
from kerasrecipes.rows import Dataset


def check_output(recipe: Recipe, dataset: Dataset, model: keras.Sequential) -> None:
    """Check that the model gives one number per class, or one for a number.

    Raises:
        RecipeError: It does not; names the last layer.
    """
    shape = model.output_shape[1:]
    received = f"(received: an output of {'×'.join(map(str, shape))})"
    wanted = {1, 2} if dataset.n_classes == 2 else {dataset.n_classes or len(dataset.target_names)}
    message = ""
    if len(shape) != 1:
        message = (
            f"The last layer must give a row of numbers for each example {received}. Put Flatten "
            "in front of it."
        )
    elif shape[0] not in wanted:
        n_targets = len(dataset.target_names)
        what = "target, a number" if n_targets == 1 else f"{n_targets} targets"
        what = f"{dataset.n_classes} classes" if dataset.n_classes else what
        message = (
            f"{dataset.name}'s {what}: the last layer must give {max(wanted)} {received}. End "
            f"with Dense: {{units: {max(wanted)}}}."
        )
    if message:
        raise RecipeError([recipe.problem(("layers", len(recipe.layers) - 1), message)])


def check_batch(
    recipe: Recipe, model: keras.Sequential, inputs: np.ndarray, target: np.ndarray
) -> None:
    """Put a few encoded rows through layers, loss and metrics, which Keras checks only in fit.

    Args:
        inputs: Shape (n_samples, ...).
        target: Shape (n_samples, n_units).

    Raises:
        RecipeError: Keras refuses them; names the line.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return  # metrics cannot be updated outside a replica
    outputs = call_keras(recipe, ("layers",), lambda: model(inputs))
    scorers: list[tuple[KeyPath, str, Component]] = [(("loss",), "losses", recipe.loss)]
    scorers += [(("metrics", i), "metrics", metric) for i, metric in enumerate(recipe.metrics)]

    def score(category: str, component: Component) -> Any:
        scorer = make_component(category, component.name, component.arguments)
        return getattr(keras, category).get(scorer)(target, outputs)

    for path, category, component in scorers:
        if component.name not in COMPILE_METRICS:
            call_keras(recipe, path, partial(score, category, component))
