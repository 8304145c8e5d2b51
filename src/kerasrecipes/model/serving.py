"""The saved model, from raw rows to answers; random states while models are made and tried."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasrecipes.backend import import_keras
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.model.encoder import Encoder, count_rows_at_once
from kerasrecipes.model.target import TargetCodec
from kerasrecipes.rows.dataset import Inputs, count_rows, take_rows

_LOCK = threading.Lock()

TOLERANCE = 1e-5
"""How far a reloaded model's answers may lie from the trained one's, relative to their size."""


def make_serving_model(
    model: keras.Sequential, encoder: Encoder, codec: TargetCodec, input_shape: tuple[int, ...]
) -> keras.Model:
    """Join encoder, trained layers and the target's inverse; the layers are shared, not copied."""
    if encoder.model is None:
        inputs: Any = keras.Input(input_shape, name="inputs")
        outputs = inputs
    elif len(model.input_shape) > len(encoder.model.output_shape):  # windows of a series
        n_steps = model.input_shape[1]
        inputs = keras.tree.map_structure(
            lambda each: keras.Input((n_steps, *each.shape[1:]), dtype=each.dtype, name=each.name),
            encoder.model.input,
        )
        rows = keras.tree.map_structure(
            lambda each: keras.ops.reshape(each, (-1, *each.shape[2:])), inputs
        )
        shape = (-1, n_steps, *encoder.model.output_shape[1:])
        outputs = keras.ops.reshape(encoder.model(rows), shape)
    else:
        inputs = encoder.model.input
        outputs = encoder.model(inputs)
    for layer in (model, *codec.make_layers()):
        outputs = layer(outputs)
    return keras.Model(inputs, outputs, name=model.name)


def make_predictor(model: keras.Model, encoder: Encoder) -> Callable[[Inputs], NDArray[Any]]:
    """Make a function from any number of raw rows to answers of shape (n_samples, ..., n_units).

    It needs little memory. ``model`` takes what ``Encoder.stack`` gives.
    """
    n_at_once = count_rows_at_once(find_trained(model))
    traced: dict[tuple[tf.TensorSpec, ...], Callable[[Any], tf.Tensor]] = {}

    def answer(rows: Any) -> tf.Tensor:
        # A tf.function would warn of retracing after a few short predictions in one process.
        specs = tf.nest.map_structure(lambda t: tf.TensorSpec([None, *t.shape[1:]], t.dtype), rows)
        key = tuple(tf.nest.flatten(specs))
        if key not in traced:
            function = tf.function(lambda rows: model(rows, training=False))
            traced[key] = function.get_concrete_function(specs)
        return traced[key](rows)

    def predict(inputs: Inputs) -> NDArray[Any]:
        n_rows = count_rows(inputs)
        answers = np.empty((n_rows, *model.output_shape[1:]), np.float32)
        for start in range(0, n_rows, n_at_once):
            rows = slice(start, start + n_at_once)
            raw = encoder.stack(take_rows(inputs, rows))
            answers[rows] = answer(tf.nest.map_structure(tf.constant, raw))
        return answers

    return predict


class _MaskReader(keras.layers.Layer):
    """Gives the mask that reaches it, as 1 and 0."""

    supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        ones = keras.ops.ones(keras.ops.shape(inputs)[:-1])
        return ones if mask is None else keras.ops.cast(mask, ones.dtype)


def make_mask_reader(model: keras.Sequential) -> Callable[[Any], NDArray[np.bool_]] | None:
    """Make a function that finds the steps that no mask covers; None without masks.

    Keras leaves masked steps out of losses and metrics. The function takes encoded rows, and gives
    truths of shape (n_samples, n_steps).
    """
    has_masks = any(
        getattr(layer, "mask_zero", False) or isinstance(layer, keras.layers.Masking)
        for layer in model.layers
    )
    if not has_masks or len(model.output_shape) < 3:
        return None
    reader = keras.Model(model.inputs, _MaskReader()(model.outputs[0]))
    predict = make_predictor(reader, Encoder())
    return lambda rows: predict(rows) > 0


def find_trained(serving: keras.Model) -> keras.Sequential:
    """The recipe's own layers inside a serving model."""
    nested = (layer for layer in serving.layers if isinstance(layer, keras.Sequential))
    return next(nested, serving)


def load_model(file: Path) -> keras.Model:
    """Load a saved model; code in it is not loaded."""
    import_keras()
    with seeding(0):
        return keras.saving.load_model(file, compile=False, safe_mode=True)


def verify_saved(file: Path, encoder: Encoder, inputs: Inputs, expected: NDArray[Any]) -> None:
    """Load a saved model; raise RunFailed if it does not predict what was ``expected``."""
    answers = make_predictor(load_model(file), encoder)(inputs)
    difference = float(np.abs(answers - expected).max(initial=0.0))
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0.0)))
    if not difference <= allowed:
        raise RunFailed(
            "The predictions of the saved model differ from those of the trained model by "
            f"{difference:g} (allowed: {allowed:g}). A layer has a state that Keras does not save."
        )


def copy_weights(model: keras.Sequential, saved: keras.Model, file: Path) -> list[str]:
    """Copy the weights of a saved model to the layers of the same names and shapes.

    A line of the result for each layer with weights says where they come from.
    """
    sources = {layer.name: layer.get_weights() for layer in find_trained(saved).layers}
    outcomes: dict[str, str] = {}
    for layer in (each for each in model.layers if each.weights):
        here = [weight.shape for weight in layer.get_weights()]
        there = [weight.shape for weight in sources.get(layer.name, ())]
        if hasattr(layer, "adapt"):
            outcomes[layer.name] = "new: adapted to these rows"
        elif here == there:
            layer.set_weights(sources[layer.name])
            outcomes[layer.name] = "copied"
        else:
            reason = f"shapes {here} here, {there} there" if there else "not in that model"
            outcomes[layer.name] = f"new: {reason:.160}"
    lines = [f"{name}: {outcome}" for name, outcome in outcomes.items()]
    if "copied" not in outcomes.values():
        described = "\n  ".join(lines)
        raise InputError(f"No layer begins with weights of {file}:\n  {described}")
    return lines


@contextmanager
def seeding(seed: int) -> Iterator[None]:
    """Seed Python's and NumPy's generators for a while, and restore them; one thread at a time.

    A Keras layer draws the seeds of its weights and of Dropout when it is made, loaded layers
    included.
    """
    with _LOCK:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


@contextmanager
def keeping_states(model: keras.Model) -> Iterator[None]:
    """Restore a model's seeds and statistics after a trial, which advances those of LSTM."""
    states = [(v, keras.ops.convert_to_numpy(v)) for v in model.non_trainable_variables]
    yield
    for variable, value in states:
        variable.assign(value)
