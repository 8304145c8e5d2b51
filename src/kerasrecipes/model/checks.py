"""Checks of a built model: its output suits the target, and it accepts a batch."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.model.build import call_keras, make_component, make_metric
from kerasrecipes.model.ranks import describe_output_rank
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.keras_names import COMPILE_METRICS, find_definition
from kerasrecipes.rows import Dataset


def check_output(recipe: Recipe, dataset: Dataset, model: keras.Sequential) -> None:
    """Check that the model gives one number per class, or one for a number.

    Raises:
        RecipeError: It does not; names the last layer.
    """
    shape = model.output_shape[1:]
    wanted = {1, 2} if dataset.n_classes == 2 else {dataset.n_classes or len(dataset.target_names)}
    message = describe_output_rank(shape)
    if not message and shape[0] not in wanted:
        n_targets = len(dataset.target_names)
        what = "target, a number" if n_targets == 1 else f"{n_targets} targets"
        what = f"{dataset.n_classes} classes" if dataset.n_classes else what
        message = (
            f"{dataset.name}'s {what}: the last layer must give {max(wanted)} (received: an "
            f"output of {shape[0]}). End with Dense: {{units: {max(wanted)}}}."
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
        RecipeError: Keras rejects them; names the line.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return  # metrics cannot be updated outside a replica
    outputs = call_keras(recipe, ("layers",), lambda: model(tf.constant(inputs), training=False))
    scorers: list[tuple[KeyPath, Component]] = [(("loss",), recipe.loss)]
    scorers += [(("metrics", i), metric) for i, metric in enumerate(recipe.metrics)]

    for path, component in scorers:
        if component.name in COMPILE_METRICS:
            continue
        make = partial(_make_scorer, recipe, component, int(outputs.shape[-1]))
        scorer = call_keras(recipe, path, make)
        value = call_keras(recipe, path, partial(scorer, target, outputs))
        is_metric = isinstance(scorer, keras.metrics.Metric)  # a function gives a value per row
        if is_metric and (isinstance(value, dict) or np.ndim(value)):
            has_average = "average" in find_definition("metrics", component.name).arguments
            remedy = f"Write {component.name}: {{average: macro}}" if has_average else "Remove it"
            message = f"A metric must give one number (received: {value}). {remedy}."
            raise RecipeError([recipe.problem(path, message)])


def _make_scorer(recipe: Recipe, component: Component, n_units: int) -> Any:
    if component.category == "metrics":
        return keras.metrics.get(make_metric(recipe, component, n_units))
    return keras.losses.get(make_component(component))
