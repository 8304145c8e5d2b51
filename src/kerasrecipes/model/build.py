"""Recipe to Keras: layers, optimizer, loss, metrics and callbacks by name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.components import find_category, split_component
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition
from kerasrecipes.recipe.names import make_keras_name

_FILE_ARGUMENTS = {"filepath", "filename", "log_dir", "backup_dir"}
_STATISTICS = {"mean", "variance", "bin_boundaries", "vocabulary", "idf_weights"}
"""What ``adapt()`` would find out, given by hand."""


def build_model(recipe: Recipe, inputs: np.ndarray) -> keras.Sequential:
    """Build the recipe's layers for the shape of the training inputs.

    A layer with ``adapt()``, such as Normalization, is adapted to what reaches it of the training
    inputs, unless the recipe gives its statistics.

    Args:
        recipe: A checked recipe.
        inputs: Encoded training inputs of shape (n_samples, ...).

    Raises:
        RecipeError: Keras refuses a layer, or its input shape; names the layer's line.
    """
    names: set[str] = set()
    model = keras.Sequential(name=make_keras_name(recipe.name, "model"))
    model.add(keras.Input(inputs.shape[1:]))
    for i, component in enumerate(recipe.layers):
        path: KeyPath = ("layers", i)

        def add_layer(component: Component = component) -> None:
            layer = make_component("layers", component.name, _with_safe_name(component, names))
            if hasattr(layer, "adapt") and not component.arguments.keys() & _STATISTICS:
                layer.adapt(model.predict(inputs, verbose=0) if model.layers else inputs)
            model.add(layer)

        _call_keras(recipe, path, add_layer)
    return model


def compile_model(recipe: Recipe, model: keras.Sequential) -> None:
    """Give a built model its optimizer, loss and metrics.

    Raises:
        RecipeError: Keras refuses one of them; names its line.
    """

    def make(place: KeyPath, category: str, component: Component) -> Any:
        make_it = partial(make_component, category, component.name, component.arguments)
        return _call_keras(recipe, place, make_it)

    model.compile(
        optimizer=make(("optimizer",), "optimizers", recipe.optimizer),
        loss=make(("loss",), "losses", recipe.loss),
        metrics=[
            make(("metrics", i), "metrics", metric) for i, metric in enumerate(recipe.metrics)
        ],
        jit_compile=recipe.jit_compile,
    )


def build_callbacks(recipe: Recipe, folder: Path) -> list[keras.callbacks.Callback]:
    """Make the recipe's callbacks; files that they write stay inside ``folder``.

    Raises:
        RecipeError: Keras refuses one, or its file lies outside the run's folder.
    """
    callbacks = []
    for i, component in enumerate(recipe.callbacks):
        path: KeyPath = ("callbacks", i)
        arguments = dict(component.arguments)
        for argument in arguments.keys() & _FILE_ARGUMENTS:
            file = (folder / str(arguments[argument])).resolve()
            if not file.is_relative_to(folder.resolve()):
                place = (*path, component.name, argument)
                message = (
                    f"A callback writes inside the run's folder only (received: "
                    f"{arguments[argument]!r}). Give a relative name without '..'."
                )
                raise RecipeError([recipe.problem(place, message)])
            arguments[argument] = str(file)
        make = partial(make_component, "callbacks", component.name, arguments)
        callbacks.append(_call_keras(recipe, path, make))
    return callbacks


def make_component(category: str, name: str, arguments: dict[str, Any]) -> Any:
    """Make a thing of Keras's, or leave its name to Keras where it has no arguments."""
    canonical = find_canonical_name(category, name) or name
    is_class = find_definition(category, canonical).is_class
    if not is_class or (not arguments and category in ("losses", "metrics", "activations")):
        return canonical
    namespace = operator.attrgetter(category)(keras)
    return getattr(namespace, canonical)(
        **{argument: _make_argument(argument, value) for argument, value in arguments.items()}
    )


def _make_argument(argument: str, value: Any) -> Any:
    category = find_category(argument)
    if category is None:
        return float(value) if isinstance(value, float) else value
    if isinstance(value, list):
        return [_make_argument(argument, item) for item in value]
    component = split_component(value)
    return make_component(category, *component) if component else value


def _with_safe_name(component: Component, taken: set[str]) -> dict[str, Any]:
    """The layer's arguments, with a name that TensorFlow accepts as a scope."""
    arguments = component.arguments
    if "name" not in arguments:
        return arguments
    base = name = make_keras_name(str(arguments["name"]), component.name.lower())
    n = 1
    while name in taken:
        n += 1
        name = f"{base}_{n}"
    taken.add(name)
    return arguments | {"name": name}


def _call_keras(recipe: Recipe, path: KeyPath, call: Callable[[], Any]) -> Any:
    """Call Keras on behalf of a place in the recipe, where its complaints belong."""
    try:
        return call()
    except (TypeError, ValueError, ArithmeticError) as error:
        said = str(error).split("\n\nArguments received by")[0].strip()
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
    kernels: Sequence[Any] = [weight for weight in layer.weights if len(weight.shape) > 1]
    if not kernels or isinstance(layer, keras.layers.Embedding):
        return 0
    size = sum(int(np.prod(kernel.shape)) for kernel in kernels)
    if isinstance(layer, keras.layers.Dense):
        return size * int(np.prod(layer.output.shape[1:-1]))
    if "Transpose" in type(layer).__name__:
        return size * int(np.prod(layer.input.shape[1:-1]))
    if "Conv" in type(layer).__name__ and "LSTM" not in type(layer).__name__:
        places = layer.output.shape[1:-1]
        if layer.data_format == "channels_first":
            places = layer.output.shape[2:]
        return size * int(np.prod(places))
    recurrent = (keras.layers.RNN, keras.layers.Bidirectional, keras.layers.TimeDistributed)
    if isinstance(layer, recurrent) and layer.input.shape[1] and "Conv" not in type(layer).__name__:
        return size * int(layer.input.shape[1])
    return None
