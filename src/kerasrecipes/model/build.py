"""Recipe to Keras: layers, optimizer, loss, metrics and callbacks by name."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.components import find_category, split_component
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition
from kerasrecipes.recipe.names import make_keras_name
from kerasrecipes.recipe.rules import LossKind, find_loss_kind, has_logits

_ACCURACIES = ("accuracy", "acc")
_FILE_ARGUMENTS = {"directory", "filepath", "filename", "log_dir", "backup_dir"}
_STATISTICS = {"mean", "variance", "bin_boundaries", "vocabulary", "idf_weights"}
"""What ``adapt()`` would find out, given by hand."""
_SERVING_NAMES = {
    "categories",
    "encode_columns",
    "inputs",
    "numbers",
    "original_units",
    "probabilities",
}
"""Layers that the saved model has beside the recipe's own, which are one layer of it."""
_ADAPT_BATCH_SIZE = 1024
_REFUSALS = (
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    ImportError,
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
)
"""What Keras raises when it cannot do what a recipe asks."""


def build_model(recipe: Recipe, inputs: np.ndarray) -> keras.Sequential:
    """Build the recipe's layers for the shape of the training inputs.

    A layer with ``adapt()``, such as Normalization, is adapted to what reaches it of the training
    inputs, unless the recipe gives its statistics.

    Args:
        recipe: A checked recipe.
        inputs: Encoded training inputs of shape (n_samples, ...): all rows where a layer needs
            adapting, else as many as give the shape.

    Raises:
        RecipeError: Keras refuses a layer, or its input shape; names the layer's line.
    """
    name = make_keras_name(recipe.name, "model")
    model = keras.Sequential(name=f"{name}-model" if name in _SERVING_NAMES else name)
    model.add(keras.Input(inputs.shape[1:]))
    for i, component in enumerate(recipe.layers):
        path: KeyPath = ("layers", i)

        def add_layer(component: Component = component, i: int = i) -> None:
            arguments = _with_policy(recipe, i) | _with_safe_name(component, i)
            layer = make_component("layers", component.name, arguments)
            if needs_adapting(component):
                layer.adapt(_predict_so_far(model, inputs))
            model.add(layer)

        call_keras(recipe, path, add_layer)
    model.dtype_policy = keras.dtype_policies.get(recipe.precision)  # decides about loss scaling
    return model


def needs_adapting(layer: Component) -> bool:
    """Whether a layer finds out about the training rows before it is trained."""
    return hasattr(getattr(keras.layers, layer.name, None), "adapt") and not (
        layer.arguments.keys() & _STATISTICS
    )


def _with_policy(recipe: Recipe, position: int) -> dict[str, Any]:
    """The arguments that give a layer the recipe's precision; the last one answers in float32.

    Losses of float16 answers overflow, see https://keras.io/api/mixed_precision/.
    """
    if recipe.precision == "float32":
        return {}
    is_last = position == len(recipe.layers) - 1
    return {"dtype": "float32" if is_last else recipe.precision}


def _predict_so_far(model: keras.Sequential, inputs: np.ndarray) -> np.ndarray:
    """What comes out of the layers added up to now."""
    if not model.layers:
        return inputs
    # Sequential.predict keeps the function that it traced before later layers were added.
    so_far = keras.Model(model.inputs, model.outputs)
    return np.asarray(so_far.predict(inputs, batch_size=_ADAPT_BATCH_SIZE, verbose=0))


def compile_model(recipe: Recipe, model: keras.Sequential) -> None:
    """Give a built model its optimizer, loss and metrics.

    Raises:
        RecipeError: Keras refuses one of them; names its line.
    """

    def make(place: KeyPath, category: str, component: Component) -> Any:
        make_it = partial(make_component, category, component.name, component.arguments)
        return call_keras(recipe, place, make_it)

    loss = {recipe.loss.name: recipe.loss.arguments}
    gives_logits = find_loss_kind(loss) is LossKind.BINARY and has_logits(loss)
    model.compile(
        optimizer=make(("optimizer",), "optimizers", recipe.optimizer),
        loss=make(("loss",), "losses", recipe.loss),
        metrics=[
            _make_logit_accuracy(metric.name)
            if gives_logits and metric.name in _ACCURACIES and not metric.arguments
            else make(("metrics", i), "metrics", metric)
            for i, metric in enumerate(recipe.metrics)
        ],
        # Keras's "auto" would compile on GPUs, and what XLA computes differs in the last digits.
        jit_compile=recipe.jit_compile is True,
    )


def _make_logit_accuracy(name: str) -> keras.metrics.Metric:
    """Accuracy of a single logit: Keras's own compares it with 0.5, as if it were a chance."""
    return keras.metrics.BinaryAccuracy(threshold=0.0, name=name)


def build_callbacks(
    recipe: Recipe, folder: Path, own_files: Collection[str] = ()
) -> list[keras.callbacks.Callback]:
    """Make the recipe's callbacks; files that they write stay inside ``folder``.

    Args:
        recipe: A checked recipe.
        folder: The run's folder.
        own_files: Names in it that callbacks may not take.

    Raises:
        RecipeError: Keras refuses one, or its file lies outside the run's folder or in the way.
    """
    callbacks = []
    for i, component in enumerate(recipe.callbacks):
        path: KeyPath = ("callbacks", i)
        if component.name == "TensorBoard" and find_spec("tensorboard") is None:
            message = "TensorBoard is not installed. Install it with: pip install tensorboard"
            raise RecipeError([recipe.problem((*path, component.name), message)])
        arguments = _keep_files_inside(
            recipe, (*path, component.name), component, folder, own_files
        )
        make = partial(make_component, "callbacks", component.name, arguments)
        callbacks.append(call_keras(recipe, path, make))
    return callbacks


def _keep_files_inside(
    recipe: Recipe,
    path: KeyPath,
    component: Component,
    folder: Path,
    own_files: Collection[str],
) -> dict[str, Any]:
    """A callback's arguments, with the files that it writes, by default too, in ``folder``."""
    defaults = find_definition("callbacks", component.name).arguments
    arguments = dict(component.arguments)
    for argument in _FILE_ARGUMENTS & defaults.keys():
        name = str(arguments.get(argument, defaults[argument]))
        file = (folder / name).resolve()
        if file.name in own_files and file.parent == folder.resolve():
            message = f"{name} is a file that every run writes itself. Give another name."
            raise RecipeError([recipe.problem((*path, argument), message)])
        if not file.is_relative_to(folder.resolve()):
            message = (
                f"A callback writes inside the run's folder only (received: {name!r}). Give a "
                "relative name without '..'."
            )
            raise RecipeError([recipe.problem((*path, argument), message)])
        arguments[argument] = str(file)
    return arguments


def make_component(category: str, name: str, arguments: dict[str, Any]) -> Any:
    """Make a thing of Keras's, or leave its name to Keras where it has no arguments."""
    canonical = find_canonical_name(category, name) or name
    is_class = find_definition(category, canonical).is_class
    if "name" in arguments and category != "metrics":  # a metric's name is what the history shows
        safe_name = make_keras_name(str(arguments["name"]), canonical.lower())
        arguments = arguments | {"name": safe_name}
    if not is_class or (not arguments and category in ("losses", "metrics", "activations")):
        return canonical
    namespace = operator.attrgetter(category)(keras)
    return getattr(namespace, canonical)(
        **{argument: _make_argument(argument, value) for argument, value in arguments.items()}
    )


def _make_argument(argument: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_make_argument(argument, item) for item in value]
    category = find_category(argument)
    component = split_component(value) if category else None
    if category and component:
        return make_component(category, *component)
    is_rate = category == "optimizers.schedules" and isinstance(value, int)
    # Keras refuses learning_rate=1, which is a number to everyone else, and cannot save a Fraction.
    return float(value) if is_rate or isinstance(value, float) else value


def _with_safe_name(component: Component, position: int) -> dict[str, Any]:
    """The layer's arguments, with a name that TensorFlow accepts as a scope and no other has.

    A name that has to change ends in the layer's position, which Keras's own names never do.
    """
    words = component.arguments.get("name")
    if words is None:
        return component.arguments
    name = make_keras_name(str(words), "layer")
    if name != words:
        name = f"{name}-{position}"
    return component.arguments | {"name": name}


def call_keras(recipe: Recipe, path: KeyPath, call: Callable[[], Any]) -> Any:
    """Call Keras on behalf of a place in the recipe, where its complaints belong."""
    try:
        return call()
    except _REFUSALS as error:
        said = re.sub(r"\x1b\[\d*m", "", str(error)).split("\n\nArguments received by")[0]
        said = re.sub(r"^Exception encountered when calling .*\s+", "", said).strip()
        raise RecipeError([recipe.problem(path, f"Keras refuses this: {said}")]) from error


def describe_layers(recipe: Recipe, model: keras.Sequential) -> list[dict[str, Any]]:
    """One row per layer: type, name, output shape, parameters as arithmetic, multiply-adds.

    Returns:
        Mappings with the keys "type", "name" (the recipe's words, where it names the layer),
        "output_shape" (without the batch), "parameters", "arithmetic" such as "12×200+200",
        "trainable" (parameters that training changes) and "multiply_adds" (for one row; None
        where it is not known).
    """
    rows = []
    for component, layer in zip(recipe.layers, model.layers, strict=True):
        shapes = [tuple(weight.shape) for weight in layer.weights]
        rows.append(
            {
                "type": component.name,
                "name": str(component.arguments.get("name", layer.name)),
                "output_shape": list(layer.output.shape[1:]),
                "parameters": layer.count_params(),
                "arithmetic": "+".join("×".join(map(str, shape)) or "1" for shape in shapes),
                "trainable": sum(int(np.prod(w.shape)) for w in layer.trainable_weights),
                "multiply_adds": count_multiply_adds(layer),
            }
        )
    return rows


def count_multiply_adds(layer: keras.Layer) -> int | None:
    """Multiplications with a weight for one row, or None for layers whose number is not known.

    A matrix or kernel is applied once per output position: a convolution's places, a sequence's
    steps. Additions of a bias, activations and normalisation are not counted.
    """
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    if not kernels:
        return 0
    size = sum(int(np.prod(kernel.shape)) for kernel in kernels)
    kind = type(layer).__name__
    if isinstance(layer, keras.layers.Dense):
        return size * int(np.prod(layer.output.shape[1:-1]))
    if "Conv" in kind and "LSTM" not in kind:
        shape = layer.input.shape if "Transpose" in kind else layer.output.shape
        places = shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
        return size * int(np.prod(places))
    inner = getattr(layer, "forward_layer", layer)  # Bidirectional's
    if isinstance(layer, keras.layers.TimeDistributed):
        inner = layer.layer
    is_matrix = isinstance(inner, (keras.layers.RNN, keras.layers.Dense))
    if is_matrix and "Conv" not in type(inner).__name__ and layer.input.shape[1]:
        return size * int(layer.input.shape[1])
    return None
