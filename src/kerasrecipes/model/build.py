"""Recipe to Keras: layers, optimizer, loss, metrics and callbacks by name."""

from __future__ import annotations

import inspect
import itertools
import operator
import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import KeyPath, Problem, RecipeError, RunFailed
from kerasrecipes.memory import check_fits, explaining_memory
from kerasrecipes.model.ranks import describe_output_rank, find_misfit
from kerasrecipes.model.serving import find_trained
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.components import find_category
from kerasrecipes.recipe.keras_names import (
    find_canonical_name,
    find_definition,
    find_registered,
    keras_folder,
    list_aliases,
    list_bases,
)
from kerasrecipes.recipe.names import make_keras_name, to_snake_case
from kerasrecipes.recipe.rules import LossKind, find_loss_kind, has_logits, name_in_logs
from kerasrecipes.rows.downloads import downloading, find_homes

_ACCURACIES = ("accuracy", "acc")
_FILE_ARGUMENTS = {"directory", "filepath", "filename", "log_dir", "backup_dir"}
_TAKE_ROWS = {
    *("AUC", "CategoricalAccuracy", "CategoricalCrossentropy", "CategoricalHinge", "F1Score"),
    *("FBetaScore", "Precision", "PrecisionAtRecall", "Recall", "RecallAtPrecision"),
    *("SensitivityAtSpecificity", "SpecificityAtSensitivity", "TopKCategoricalAccuracy"),
}
"""Metrics of Keras whose target has a column for each class."""
_TAKE_CLASSES = {"Accuracy", "IoU", "MeanIoU"}
"""Metrics of Keras that compare class numbers; they would cut probabilities to 0."""
_STATISTICS = {"mean", "variance", "bin_boundaries", "vocabulary", "idf_weights"}
"""Statistics that replace ``adapt()``, given in the recipe."""
_SERVING_NAMES = {
    "categories",
    "encode_columns",
    "inputs",
    "numbers",
    "original_units",
    "probabilities",
    "texts",
}
"""Layers of the saved model other than the recipe's own, which are one layer of it."""
_ADAPT_BATCH_SIZE = 1024
_REFUSALS = (
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    ImportError,
    AssertionError,
    NameError,
    RuntimeError,
    tf.errors.OpError,
)
"""Exceptions that Keras raises if it cannot build a component."""
_NO_ID = re.compile(r"= (\d+) is not in \[0, (\d+)\)")
"""How TensorFlow rejects an id that an Embedding does not have."""
_OWN_FOLDER = Path(__file__).parents[1]
_KERAS_FOLDERS = (keras_folder(), Path(tf.__file__).parent)


def build_model(
    recipe: Recipe, inputs: np.ndarray, *, has_array_target: bool = False
) -> keras.Sequential:
    """Build the recipe's layers for the shape of the training inputs.

    A layer with ``adapt()``, such as Normalization, is adapted to what reaches it of the training
    inputs, unless the recipe gives its statistics.

    Args:
        recipe: A checked recipe.
        inputs: Encoded training inputs of shape (n_samples, ...): all rows where a layer needs
            adapting, else as many as give the shape.
        has_array_target: Whether a row's outputs are an array.

    Raises:
        RecipeError: Keras rejects a layer, or its input shape; names the layer's line.
    """
    name = make_keras_name(recipe.name, "model")
    model = keras.Sequential(name=f"{name}-model" if name in _SERVING_NAMES else name)
    model.add(keras.Input(inputs.shape[1:]))
    misfits: list[Problem] = []
    for i, (component, layer_name) in enumerate(
        zip(recipe.layers, _name_layers(recipe.layers), strict=True)
    ):
        path: KeyPath = ("layers", i)
        if component.name == "TextVectorization":  # the encoder has it
            continue
        with reporting_at(recipe, path):
            arguments = _with_policy(recipe, i) | component.arguments
            if "name" in arguments or not find_registered("layers", component.name):
                arguments = arguments | {"name": layer_name}
            shape = model.output_shape[1:] if model.layers else inputs.shape[1:]
            if component.name in list_bases():
                arguments = arguments | {"input_shape": shape}
            layer = make_component(replace(component, arguments=arguments))
            if misfit := find_misfit(layer, shape, model.layers):
                misfits.append(recipe.problem(path, misfit.message))
                if misfit.shape is None:
                    raise RecipeError(misfits)
                # To find the other misfits.
                model.add(keras.layers.Reshape(misfit.shape, name=f"misfit-{i}"))
            if needs_adapting(component):
                layer.adapt(_predict_so_far(model, inputs))
            try:
                with _checking_weights():
                    model.add(layer)
            except _REFUSALS:
                if misfits:  # of shapes that are only tried
                    raise RecipeError(misfits) from None
                raise
            check_fits(model.output_shape, "the outputs of one row")
    if misfits:
        message = describe_output_rank(model.output_shape[1:])
        if message and not has_array_target:
            misfits.append(recipe.problem(("layers", len(recipe.layers) - 1), message))
        raise RecipeError(misfits)
    model.dtype_policy = keras.dtype_policies.get(recipe.precision)  # decides about loss scaling
    return model


@contextmanager
def _checking_weights() -> Iterator[None]:
    """Check that each weight fits into memory before it is made."""

    def create(next_creator: Callable[..., Any], **arguments: Any) -> Any:
        initial = arguments.get("initial_value")
        if callable(initial):
            try:
                with tf.Graph().as_default():  # has the shape, and computes nothing
                    value = initial()
            except (TypeError, ValueError) as error:
                raise RunFailed(f"Keras rejects this: {error}") from error
            check_fits(value.shape, "weights", value.dtype.size)
        return next_creator(**arguments)

    with tf.variable_creator_scope(create):
        yield


def needs_adapting(layer: Component) -> bool:
    """Whether a layer must be adapted to the training rows before training."""
    if layer.name == "TextVectorization":
        return False  # the encoder adapts it
    made_of = find_registered("layers", layer.name) or getattr(keras.layers, layer.name, None)
    return hasattr(made_of, "adapt") and not layer.arguments.keys() & _STATISTICS


def _with_policy(recipe: Recipe, position: int) -> dict[str, Any]:
    """The arguments that give a layer the recipe's precision; the last layer's outputs are float32.

    Losses of float16 outputs overflow, see https://keras.io/api/mixed_precision/.
    """
    if recipe.precision == "float32":
        return {}
    is_last = position == len(recipe.layers) - 1
    return {"dtype": "float32" if is_last else recipe.precision}


def _predict_so_far(model: keras.Sequential, inputs: np.ndarray) -> np.ndarray:
    """The outputs of the layers added up to now."""
    if not model.layers:
        return np.asarray(inputs)
    # Sequential.predict keeps the function that it traced before later layers were added.
    so_far = keras.Model(model.inputs, model.outputs)
    return np.asarray(so_far.predict(np.asarray(inputs), batch_size=_ADAPT_BATCH_SIZE, verbose=0))


def compile_model(recipe: Recipe, model: keras.Sequential, *, is_weighted: bool = False) -> None:
    """Give a built model its optimizer, loss and metrics, or Keras's ``weighted_metrics``.

    Raises:
        RecipeError: Keras rejects one of them; names its line.
    """
    n_units, metrics = int(model.output_shape[-1]), []
    for i, metric in enumerate(recipe.metrics):
        with reporting_at(recipe, ("metrics", i)):
            metrics.append(make_metric(recipe, metric, n_units))
    with reporting_at(recipe, ("optimizer",)):
        optimizer = make_component(recipe.optimizer)
    with reporting_at(recipe, ("loss",)):
        loss = make_component(recipe.loss)
    model.compile(
        optimizer=optimizer,
        loss=loss,
        **{"weighted_metrics" if is_weighted else "metrics": metrics},
        # Keras's "auto" would compile on GPUs, and what XLA computes differs in the last digits.
        jit_compile=recipe.jit_compile is True,
    )


def make_metric(recipe: Recipe, component: Component, n_units: int) -> Any:
    """Make a metric; one of classes gets probabilities, one-hot rows or classes, as it needs them.

    Where the loss takes logits, Keras gives metrics the logits, too, which most compare with 0.5.
    Where the loss takes class indices, Keras gives F1Score and similar metrics these numbers, and
    not the rows that they expect. Keras gives MeanIoU and Accuracy probabilities, not classes, and
    for "accuracy" of several labels compares the largest unit alone.

    Args:
        n_units: Units of the output layer.
    """
    kind, name, arguments = find_loss_kind(recipe.loss), component.name, component.arguments
    canonical = find_canonical_name("metrics", name) or name
    if find_definition("metrics", canonical).is_class and not find_registered("metrics", canonical):
        # Keras would number some on from the ones of their kind that were made before in this
        # process, and would log others by their class as it is written, MeanSquaredError.
        component = replace(component, arguments={"name": name_in_logs(component)} | arguments)
    metric = make_component(component)
    is_binary = n_units == 1 or kind is LossKind.BINARY
    is_ready = arguments.get("from_logits") or kind is LossKind.NUMBERS
    takes_logits = has_logits(recipe.loss) and not is_ready
    takes_rows = kind is LossKind.INTEGERS and canonical in _TAKE_ROWS
    takes_classes = kind is not LossKind.NUMBERS and canonical in _TAKE_CLASSES
    if name in _ACCURACIES:
        if kind is not LossKind.BINARY:
            return metric  # the class of the largest output
        metric = keras.metrics.BinaryAccuracy(name=name)
    if not (takes_logits or takes_rows or takes_classes):
        return metric
    adapted = keras.metrics.get(metric)
    if not isinstance(adapted, keras.metrics.Metric):
        adapted = keras.metrics.MeanMetricWrapper(adapted)
    adapted.name = name_in_logs(component)
    update = adapted.update_state

    def update_state(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if takes_logits:
            y_pred = (keras.ops.sigmoid if is_binary else keras.ops.softmax)(y_pred)
        if takes_rows:
            y_true = keras.ops.one_hot(keras.ops.squeeze(y_true, -1), n_units)
        if takes_classes and arguments.get("sparse_y_pred", True):
            y_pred = y_pred > 0.5 if is_binary else keras.ops.argmax(y_pred, -1)[..., None]
        if takes_classes and kind is LossKind.ONE_HOT and arguments.get("sparse_y_true", True):
            y_true = keras.ops.argmax(y_true, -1)[..., None]
        return update(y_true, y_pred, sample_weight)

    adapted.update_state = update_state
    return adapted


def build_callbacks(
    recipe: Recipe, folder: Path, own_files: Collection[str] = (), saved: keras.Model | None = None
) -> list[keras.callbacks.Callback]:
    """Make the recipe's callbacks; files that they write stay inside ``folder``.

    Args:
        recipe: A checked recipe.
        folder: The run's folder.
        own_files: Names in it that callbacks may not take.
        saved: The model that ModelCheckpoint saves: that which takes raw rows.

    Raises:
        RecipeError: Keras rejects one, or its file lies outside the run's folder or in the way.
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
        with reporting_at(recipe, path):
            callback = make_component(replace(component, arguments=arguments))
        if isinstance(callback, keras.callbacks.CSVLogger):
            callback.append = False  # in a run that continues, the checkpoint has the rows
        if saved and isinstance(callback, keras.callbacks.ModelCheckpoint):
            set_model = callback.set_model
            callback.set_model = lambda model, set_model=set_model: set_model(
                _SavedWhole(model, saved)
            )
        callbacks.append(callback)
    return callbacks


class _SavedWhole:
    """The model in training, except that the whole model and its weights are saved."""

    def __init__(self, model: keras.Model, saved: keras.Model) -> None:
        self._trained, self.save = model, saved.save
        self.save_weights = find_trained(saved).save_weights

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trained, name)


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
        if folder.resolve() not in file.parents:
            message = (
                f"A callback writes inside the run's folder only (received: {name!r}). Give the "
                "name of a file or folder, without '..'."
            )
            raise RecipeError([recipe.problem((*path, argument), message)])
        arguments[argument] = str(file)
    return arguments


def make_component(component: Component) -> Any:
    """Make a Keras object; return only its name where Keras resolves the name itself."""
    category, arguments = component.category, component.arguments
    canonical = find_canonical_name(category, component.name) or component.name
    is_class = find_definition(category, canonical).is_class
    registered = find_registered(category, canonical)
    if "name" in arguments and category != "metrics":  # a metric's name is what the history shows
        safe_name = make_keras_name(str(arguments["name"]), canonical.lower())
        arguments = arguments | {"name": safe_name}
    if not is_class and registered is not None:
        return registered
    is_known = registered is None and category in ("losses", "metrics", "activations")
    if not is_class or (is_known and not arguments):
        return canonical
    symbol = list_aliases(category).get(canonical, canonical)
    package, base = operator.attrgetter(category)(keras), partial(_make_base, symbol)
    make = registered or (base if symbol in list_bases() else getattr(package, symbol))
    return make(
        **{argument: _make_argument(argument, value) for argument, value in arguments.items()}
    )


def _make_base(model: str, /, **arguments: Any) -> keras.Model:
    """Make a model of ``keras.applications``; ``preprocess_input`` may become a part of it."""
    make, before = getattr(keras.applications, model), keras.config.dtype_policy()
    arguments = {"input_shape": (None, None, 3)} | arguments  # inside TimeDistributed
    if len(arguments["input_shape"]) != 3:
        raise RunFailed(f"{model} takes images (received: rows of {arguments['input_shape']}).")
    set_later = {key: arguments.pop(key) for key in ("name", "trainable") if key in arguments}
    takes_scaled = "include_preprocessing" not in inspect.signature(make).parameters
    if takes_scaled and arguments.pop("include_preprocessing", False):
        scale = sys.modules[make.__module__].preprocess_input
        arguments["input_tensor"] = scale(keras.Input(arguments["input_shape"]))
    try:
        keras.config.set_dtype_policy(arguments.pop("dtype", "float32"))
        with downloading(model, "", ()):
            base = make(**arguments)
    except _REFUSALS:
        raise
    except Exception as error:  # Keras's downloads raise bare Exception
        cache = f"{find_homes()[-1] / 'models'} (KERAS_HOME moves it)"
        remedy = f"Put the file into {cache}, or give its path as weights."
        raise RunFailed(f"Its weights could not be read: {error}. {remedy}") from error
    finally:
        keras.config.set_dtype_policy(before)
    for key, value in set_later.items():  # EfficientNetV2 looks up its blocks by its name
        setattr(base, key, value)
    return base


def _make_argument(argument: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_make_argument(argument, item) for item in value]
    if isinstance(value, Component):
        return make_component(value)
    is_rate = find_category(argument) == "optimizers.schedules" and isinstance(value, int)
    # Keras rejects the integer learning_rate=1 and cannot save a Fraction; convert both to float.
    return float(value) if is_rate or isinstance(value, float) else value


def _name_layers(layers: Sequence[Component]) -> list[str]:
    """Names that TensorFlow accepts as scopes, each only once, whatever was built before.

    A layer without a name gets that which Keras gives in a new process. A name that has to change
    ends in the layer's position, which Keras's own names never do.
    """
    names = []
    for i, layer in enumerate(layers):
        if (words := layer.arguments.get("name")) is not None:
            name = make_keras_name(str(words), "layer")
            names.append(name if name == words else f"{name}-{i}")
        else:
            kind = to_snake_case(layer.name)
            numbered = (kind if n == 0 else f"{kind}_{n}" for n in itertools.count())
            names.append(next(name for name in numbered if name not in names))
    return names


@contextmanager
def reporting_at(recipe: Recipe, path: KeyPath) -> Iterator[None]:
    """Report errors of Keras in a block at a place in the recipe.

    Raises:
        RecipeError: Memory is too small, or Keras or TensorFlow raised one of ``_REFUSALS``. An
            exception that our own code raised is a bug, and keeps its traceback.
    """
    try:
        with explaining_memory():
            yield
    except RunFailed as error:
        raise RecipeError([recipe.problem(path, _clean(error))]) from error
    except _REFUSALS as error:
        if not _is_raised_by_keras(error):
            raise
        message = f"Keras rejects this: {_clean(error)}"
        if no_id := _NO_ID.search(message):
            path, message = _describe_no_id(recipe, path, *map(int, no_id.groups()))
        raise RecipeError([recipe.problem(path, message)]) from error


def _describe_no_id(recipe: Recipe, path: KeyPath, wrong: int, n_ids: int) -> tuple[KeyPath, str]:
    """The Embedding that gets an id which it does not have, and the rule."""
    takers: list[KeyPath] = [
        ("layers", i, layer.name, "input_dim")
        for i, layer in enumerate(recipe.layers)
        if layer.arguments.get("input_dim") == n_ids
    ]
    return (
        takers[0] if takers else path,
        f"Embedding has input_dim {n_ids}, for ids from 0 to {n_ids - 1} (received: {wrong}). "
        "Write as many as the layer before gives; for a vocabulary, its words and two more.",
    )


def _clean(error: Exception) -> str:
    """An exception's message without what Keras adds to it."""
    said = re.sub(r"\x1b\[\d*m", "", str(error)).split("\n\nArguments received by")[0]
    return re.sub(r"^Exception encountered when calling .*\s+", "", said).strip()


def _is_raised_by_keras(error: Exception) -> bool:
    """Whether an exception left Keras or TensorFlow by a call that our own code made."""
    files = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [i for i, file in enumerate(files) if file.is_relative_to(_OWN_FOLDER)]
    below = files[ours[-1] + 1 :]
    return bool(below) and any(below[0].is_relative_to(folder) for folder in _KERAS_FOLDERS)


def describe_layers(
    recipe: Recipe, model: keras.Sequential, encoder: keras.Model | None = None
) -> list[dict[str, Any]]:
    """One row per layer: type, name, output shape, parameters as arithmetic, multiply-adds.

    Args:
        encoder: Its last layer is the recipe's first one where that is ``TextVectorization``.

    Returns:
        Mappings with the keys "type", "name" (the recipe's words, where it names the layer),
        "output_shape" (without the batch), "parameters", "arithmetic" such as "12×200+200",
        "trainable" (parameters that training changes) and "multiply_adds" (for one row; None
        where it is not known).
    """
    rows = []
    layers = [*(encoder.layers[-1:] if encoder else ()), *model.layers][-len(recipe.layers) :]
    for component, layer in zip(recipe.layers, layers, strict=True):
        has_base = hasattr(getattr(layer, "layer", layer), "inputs")  # also in TimeDistributed
        weights = () if has_base else layer.weights  # hundreds
        shapes = [tuple(weight.shape) for weight in weights]
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
    """Multiplications with a weight for one row, or None if they cannot be counted.

    A matrix or kernel is applied once per output position: a convolution's places, a sequence's
    steps. Additions of a bias, activations and normalisation are not counted.
    """
    if hasattr(layer, "inputs"):  # a pretrained model
        inner = [count_multiply_adds(each) for each in layer.layers]
        return None if None in inner else sum(filter(None, inner))
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
    n_steps = keras.tree.flatten(layer.input)[0].shape[1]  # a mask is another input
    if is_matrix and "Conv" not in type(inner).__name__ and n_steps:
        return size * int(n_steps)
    return None
