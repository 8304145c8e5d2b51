"""Checks of a built model: its output suits the target, and it accepts a batch."""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import RecipeError
from kerasrecipes.model.build import make_component, make_metric, reporting_at
from kerasrecipes.model.ranks import describe_output_rank, show_shape
from kerasrecipes.model.serving import make_mask_reader
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.keras_names import COMPILE_METRICS
from kerasrecipes.recipe.rules import LossKind, find_loss_kind
from kerasrecipes.rows import Dataset


def check_output(recipe: Recipe, dataset: Dataset, model: keras.Sequential) -> None:
    """Check that the model gives one number per class, or one for a number, or the target's shape.

    Raises:
        RecipeError: It does not; names the last layer.
    """
    shape = model.output_shape[1:]
    if dataset.target_shape:
        _check_shape(recipe, dataset, shape)
        return
    wanted = {1, 2} if dataset.n_classes == 2 else {dataset.n_classes or len(dataset.target_names)}
    message = describe_output_rank(shape)
    n_targets = len(dataset.target_names)
    is_stepwise = n_targets > 1 and shape == (n_targets, 1)  # a target for each step
    if is_stepwise and not make_mask_reader(model):
        return
    if is_stepwise:
        message = (
            f"Masked steps need a target that is an array, and {dataset.name} has {n_targets} "
            f"targets. Give an array of shape (rows, {n_targets}, 1), or leave out the mask."
        )
    if not message and shape[0] not in wanted:
        noun = "labels" if dataset.task == "multilabel" else "targets"
        what = "target, a number" if n_targets == 1 else f"{n_targets} {noun}"
        what = f"{dataset.n_classes} classes" if dataset.n_classes else what
        message = (
            f"{dataset.name}'s {what}: the last layer must give {max(wanted)} (received: an "
            f"output of {shape[0]}). End with Dense: {{units: {max(wanted)}}}."
        )
    if message:
        raise RecipeError([recipe.problem(("layers", len(recipe.layers) - 1), message)])


def _check_shape(recipe: Recipe, dataset: Dataset, shape: tuple[int, ...]) -> None:
    """Check that the outputs have the shape of a target that is an array."""
    is_binary = find_loss_kind(recipe.loss) is LossKind.BINARY
    n_classes = 0 if is_binary else dataset.n_classes
    wanted = (*dataset.target_shape, n_classes) if n_classes else dataset.target_shape
    allowed = [wanted, (*wanted, 1)]
    allowed += [wanted[:-1]] if not n_classes and wanted[-1] == 1 else []
    allowed += [(*wanted[:-1], 1)] if n_classes == 2 else []
    more_classes = dataset.has_class_numbers and shape[:-1] == wanted[:-1] and shape[-1] > n_classes
    if shape in allowed or more_classes:
        return
    classes = f", of {n_classes} classes" if n_classes else ""
    message = (
        f"{dataset.name}'s target {dataset.target_name} has the shape {dataset.target_shape} in "
        f"each row{classes}: the last layer must give {show_shape(wanted)} (received: an output "
        f"of {show_shape(shape)})."
    )
    if math.prod(shape) == math.prod(wanted):
        message += f" End with Reshape: {{target_shape: {list(wanted)}}}."
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
    # The call advances the seeds of layers such as LSTM with dropout.
    states = [(v, keras.ops.convert_to_numpy(v)) for v in model.non_trainable_variables]
    try:
        with reporting_at(recipe, ("layers",)):
            outputs = model(tf.constant(inputs), training=False)
    except RecipeError:
        _check_layers(recipe, model, inputs)
        raise
    for variable, value in states:
        variable.assign(value)
    with reporting_at(recipe, ("loss",)):
        keras.losses.get(make_component(recipe.loss))(target, outputs)
    for i, metric in enumerate(recipe.metrics):
        if metric.name not in COMPILE_METRICS:
            with reporting_at(recipe, ("metrics", i)):
                made = make_metric(recipe, metric, int(outputs.shape[-1]))
                keras.metrics.get(made)(target, outputs)


def _check_layers(recipe: Recipe, model: keras.Sequential, inputs: np.ndarray) -> None:
    """Find the layer that rejects a few rows, or gives another shape than the model is built for.

    Raises:
        RecipeError: There is one; names its line.
    """
    outputs = tf.constant(inputs)
    # The encoder has a TextVectorization.
    for i, layer in enumerate(model.layers, len(recipe.layers) - len(model.layers)):
        with reporting_at(recipe, ("layers", i)):
            outputs = layer(outputs, training=False)
        given, expected = outputs.shape[1:], layer.output.shape[1:]
        if given != expected:
            message = (
                f"{recipe.layers[i].name} gives {show_shape(given)} when the model predicts, and "
                f"the layers after it are built for {show_shape(expected)}. Remove it."
            )
            raise RecipeError([recipe.problem(("layers", i), message)])
