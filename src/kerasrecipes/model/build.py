"""Recipe to Keras: layers, optimizer, loss, metrics and callbacks by name, tried on a few rows."""

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
from numpy.typing import NDArray

from kerasrecipes.errors import KeyPath, RecipeError, RunFailed
from kerasrecipes.memory import check_fits, explaining_memory
from kerasrecipes.model.serving import find_trained, keeping_states
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.keras_names import (
    COMPILE_METRICS,
    find_definition,
    find_registered,
    keras_folder,
    list_aliases,
    list_bases,
)
from kerasrecipes.recipe.names import make_keras_name, to_snake_case
from kerasrecipes.recipe.rules import LossKind, find_loss_kind, has_logits, name_in_logs
from kerasrecipes.rows.downloads import downloading, find_homes

_FILE_ARGUMENTS = {"directory", "filepath", "filename", "log_dir", "backup_dir"}
_TAKE_CLASSES = {"Accuracy", "IoU", "MeanIoU"}
"""Metrics of Keras that compare class numbers; they would cut probabilities to 0."""
_STATISTICS = {"mean", "variance", "bin_boundaries", "vocabulary", "idf_weights"}
"""Statistics that replace ``adapt()``, given in the recipe."""
_ADAPT_BATCH_SIZE = 1024
_OWN_FOLDER = Path(__file__).parents[1]
_KERAS_FOLDERS = (keras_folder(), Path(tf.__file__).parent)


def build_model(
    recipe: Recipe, inputs: np.ndarray, vocabulary: Sequence[str] = ()
) -> keras.Sequential:
    """Build the recipe's layers for encoded training inputs of shape (n_samples, ...).

    A layer with ``adapt()``, such as Normalization, is adapted to what reaches it of the inputs,
    unless the recipe gives its statistics; without such a layer, few rows are enough. An Embedding
    may begin with vectors of the words in ``vocabulary``.
    """
    # Layers of the saved model have names without this ending.
    model = keras.Sequential(name=f"{make_keras_name(recipe.name, 'recipe')}-model")
    model.add(keras.Input(inputs.shape[1:]))
    for i, (component, layer_name) in enumerate(
        zip(recipe.layers, _name_layers(recipe.layers), strict=True)
    ):
        if component.name == "TextVectorization":  # the encoder has it
            continue
        with reporting_at(recipe, ("layers", i)):
            arguments = component.arguments
            if recipe.precision != "float32":
                # Losses of float16 outputs overflow, see https://keras.io/api/mixed_precision/.
                is_last = i == len(recipe.layers) - 1
                policy = "float32" if is_last else recipe.precision
                arguments = {"dtype": policy} | arguments
            if "name" in arguments or not find_registered("layers", component.name):
                arguments = arguments | {"name": layer_name}
            shape = model.output_shape[1:] if model.layers else inputs.shape[1:]
            if component.name in list_bases():
                arguments = arguments | {"input_shape": shape}
            if component.name == "Embedding" and isinstance(arguments.get("weights"), str):
                arguments = arguments | {"weights": _read_matrix(component, vocabulary)}
            layer = make_component(replace(component, arguments=arguments))
            _check_rank(layer, shape, model.layers)
            if needs_adapting(component):
                reaching = np.asarray(inputs)
                if model.layers:
                    # Sequential.predict keeps what it traced before later layers were added.
                    so_far = keras.Model(model.inputs, model.outputs)
                    reaching = so_far.predict(reaching, batch_size=_ADAPT_BATCH_SIZE, verbose=0)
                layer.adapt(np.asarray(reaching))
            with _checking_weights():
                model.add(layer)
            check_fits(model.output_shape, "the outputs of one row")
    model.dtype_policy = keras.dtype_policies.get(recipe.precision)  # decides about loss scaling
    return model


def _check_rank(layer: keras.Layer, shape: tuple[int, ...], before: Sequence[keras.Layer]) -> None:
    """Name the remedy if a layer takes more dimensions than reach it."""
    name, spec = type(layer).__name__, layer.input_spec
    if name.startswith("AdaptiveMaxPooling") and 1 in shape[:-1]:
        raise RunFailed(
            f"Keras 3.15 pools one step wrongly, and TensorFlow then ends the process (received: "
            f"{shape}). Remove {name}, since one step needs no pooling."
        )
    wanted = spec.ndim or spec.min_ndim or 0 if isinstance(spec, keras.InputSpec) else 0
    if isinstance(layer, keras.layers.TimeDistributed):  # has no spec until it is built
        wanted = 3
    if wanted < len(shape) + 2:
        return
    remedy = f"Put Reshape: {{target_shape: {[*shape, 1]}}} before it."
    if wanted > len(shape) + 2:
        remedy = "Put Reshape before it, or use Dense."
    elif any(getattr(each, "return_sequences", None) is False for each in before):
        remedy = "Write return_sequences: true in the recurrent layer before it."
    raise RunFailed(f"{name} takes {wanted - 1} dimensions (received: {shape}). {remedy}")


def _read_matrix(layer: Component, words: Sequence[str]) -> NDArray[np.float32]:
    """Read the matrix that an Embedding begins with: a ``.npy`` file, or vectors of words."""
    file = layer.arguments["weights"]
    try:
        if file.endswith((".txt", ".vec")):
            return _read_vectors(Path(file), words, layer)
        loaded = np.load(file, allow_pickle=False)
        return np.asarray_chkfinite(loaded, np.float32)  # Keras checks its shape
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise RunFailed(f"{file} must contain a matrix of numbers: {error}.") from error


def _read_vectors(file: Path, words: Sequence[str], layer: Component) -> NDArray[np.float32]:
    """Read a line for each word, as of GloVe and fastText; words without one get zeros."""
    n_rows, n_numbers = (int(layer.arguments[key]) for key in ("input_dim", "output_dim"))
    if not words or len(words) > n_rows:
        raise ValueError(
            f"vectors of words need TextVectorization as the first layer, and {n_rows:,} words or "
            f"fewer (received: {len(words):,})"
        )
    places = {word: i for i, word in enumerate(words) if word}
    matrix = np.zeros((n_rows, n_numbers), np.float32)
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            is_heading = number == 1 and len(line.split()) == 2  # how many words, how many numbers
            word, *numbers = line.rstrip().rsplit(" ", n_numbers)
            if word in places and not is_heading:
                vector = np.array(numbers, np.float32)
                if len(vector) != n_numbers or not np.isfinite(vector).all():
                    raise ValueError(f"line {number} needs {n_numbers} finite numbers")
                matrix[places[word]] = vector
    if not matrix.any():
        raise ValueError(f"no word of the vocabulary has a vector of {n_numbers} numbers")
    return matrix


@contextmanager
def _checking_weights() -> Iterator[None]:
    """Check that each weight fits into memory before it is made."""

    def create(next_creator: Callable[..., Any], **arguments: Any) -> Any:
        initial = arguments.get("initial_value")
        if callable(initial):
            try:
                with tf.Graph().as_default():  # has the shape, and computes nothing
                    value = initial()
            except TypeError as error:  # a size past 64 bits
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


def compile_model(recipe: Recipe, model: keras.Sequential, *, is_weighted: bool = False) -> None:
    """Give a built model its optimizer, loss and metrics, or Keras's ``weighted_metrics``."""
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
    Where the loss takes class indices, Keras gives these numbers to all metrics, though only those
    named sparse expect them. Keras gives MeanIoU and Accuracy probabilities, not classes, and
    for "accuracy" of several labels compares the largest unit alone.
    """
    kind, name, arguments = find_loss_kind(recipe.loss), component.name, component.arguments
    definition = find_definition("metrics", name)
    canonical = definition.name
    if definition.is_class and not find_registered("metrics", name):
        # Keras would number some on from the ones of their kind that were made before in this
        # process, and would log others by their class as it is written, MeanSquaredError.
        component = replace(component, arguments={"name": name_in_logs(component)} | arguments)
    metric = make_component(component)
    is_binary = n_units == 1 or kind is LossKind.BINARY
    # A threshold of 0 is one of logits.
    has_zero = arguments.get("threshold") == 0 or arguments.get("thresholds") in (0, [0])
    is_ready = arguments.get("from_logits") or has_zero or kind is LossKind.NUMBERS
    needs_chances = has_logits(recipe.loss) and not is_ready
    needs_classes = kind is not LossKind.NUMBERS and canonical in _TAKE_CLASSES
    is_open = ">" in canonical or canonical in ("Mean", "Sum")  # whatever they get
    takes_integers = needs_classes or is_open or canonical.lower().startswith("sparse")
    needs_rows = kind is LossKind.INTEGERS and not takes_integers
    if name in COMPILE_METRICS:
        if kind is not LossKind.BINARY:
            return metric  # the class of the largest output
        metric = keras.metrics.BinaryAccuracy(name=name)
    if not (needs_chances or needs_rows or needs_classes):
        return metric
    adapted = keras.metrics.get(metric)
    if not isinstance(adapted, keras.metrics.Metric):
        adapted = keras.metrics.MeanMetricWrapper(adapted)
    adapted.name = name_in_logs(component)
    update = adapted.update_state

    def update_state(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if needs_chances:
            y_pred = (keras.ops.sigmoid if is_binary else keras.ops.softmax)(y_pred)
        if needs_rows:
            y_true = keras.ops.one_hot(keras.ops.squeeze(y_true, -1), n_units)
        if needs_classes and arguments.get("sparse_y_pred", True):
            y_pred = y_pred > 0.5 if is_binary else keras.ops.argmax(y_pred, -1)[..., None]
        if needs_classes and kind is LossKind.ONE_HOT and arguments.get("sparse_y_true", True):
            y_true = keras.ops.argmax(y_true, -1)[..., None]
        return update(y_true, y_pred, sample_weight)

    adapted.update_state = update_state
    return adapted


def check_batch(
    recipe: Recipe, model: keras.Sequential, inputs: np.ndarray, target: np.ndarray
) -> None:
    """Put a few encoded rows through layers, loss and metrics, which Keras checks only in fit."""
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return  # metrics cannot be updated outside a replica
    outputs = tf.cast(inputs, model.inputs[0].dtype)
    with keeping_states(model):
        # The encoder has a TextVectorization.
        for i, layer in enumerate(model.layers, len(recipe.layers) - len(model.layers)):
            with reporting_at(recipe, ("layers", i)):
                outputs = layer(outputs, training=False)
            given, expected = tuple(outputs.shape[1:]), layer.output.shape[1:]
            if not tf.TensorShape(given).is_compatible_with(expected):
                message = (
                    f"{recipe.layers[i].name} gives {given} when the model predicts, and the "
                    f"layers after it are built for {expected}. Remove it."
                )
                raise RecipeError([recipe.problem(("layers", i), message)])
    with reporting_at(recipe, ("loss",)):
        keras.losses.get(make_component(recipe.loss))(target, outputs)
    for i, metric in enumerate(recipe.metrics):
        if metric.name not in COMPILE_METRICS:
            with reporting_at(recipe, ("metrics", i)):
                made = make_metric(recipe, metric, int(outputs.shape[-1]))
                keras.metrics.get(made)(target, outputs)


def build_callbacks(
    recipe: Recipe, folder: Path, own_files: Collection[str] = (), saved: keras.Model | None = None
) -> list[keras.callbacks.Callback]:
    """Make the recipe's callbacks; files that they write stay inside a run's ``folder``.

    They may not take names of ``own_files``. ModelCheckpoint saves the model ``saved``, which takes
    raw rows.
    """
    callbacks = []
    for i, component in enumerate(recipe.callbacks):
        with reporting_at(recipe, ("callbacks", i)):
            if component.name == "TensorBoard" and find_spec("tensorboard") is None:
                raise RunFailed("Install TensorBoard with: pip install tensorboard")
            arguments = _keep_files_inside(component, folder.resolve(), own_files)
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
    component: Component, folder: Path, own_files: Collection[str]
) -> dict[str, Any]:
    """A callback's arguments, with the files that it writes, by default too, in ``folder``."""
    defaults = find_definition("callbacks", component.name).arguments
    arguments = dict(component.arguments)
    for argument in _FILE_ARGUMENTS & defaults.keys():
        name = str(arguments.get(argument, defaults[argument]))
        file = (folder / name).resolve()
        is_own = file.name in own_files and file.parent == folder
        if is_own or folder not in file.parents:
            raise RunFailed(
                "A callback writes new files inside the run's folder only (received: "
                f"{argument}={name!r}). Give the name of another file or folder, without '..'."
            )
        arguments[argument] = str(file)
    return arguments


def make_component(component: Component) -> Any:
    """Make a Keras object; return only the name of a function, which Keras resolves itself."""
    category, arguments = component.category, component.arguments
    definition = find_definition(category, component.name)
    name, registered = definition.name, find_registered(category, component.name)
    if not definition.is_class:
        return name if registered is None else registered
    if "name" in arguments and category != "metrics":  # a metric's name is what the history shows
        safe_name = make_keras_name(str(arguments["name"]), name.lower())
        arguments = arguments | {"name": safe_name}
    symbol = list_aliases(category).get(name, name)
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
    except Exception as error:
        if type(error) is not Exception:  # which Keras's downloads raise
            raise
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
    # Keras rejects the integer learning_rate=1.
    return float(value) if argument == "learning_rate" and isinstance(value, int) else value


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
    """Report errors of Keras, and too little memory, at a place in the recipe.

    An exception that our own code raised is a bug, and keeps its traceback.
    """
    try:
        with explaining_memory():
            yield
    except Exception as error:
        is_ours = isinstance(error, RunFailed)
        if not is_ours and not _is_raised_by_keras(error):
            raise
        said = str(error).split("\n\nArguments received by")[0]
        said = re.sub(r"\x1b\[\d*m|\{\{function_node .*?\}\} | \[Op:.*", "", said)
        said = re.sub(r"^Exception encountered when calling .*\s+", "", said).strip()
        message = said if is_ours else f"Keras rejects this: {said}"
        raise RecipeError([recipe.problem(path, message)]) from error


def _is_raised_by_keras(error: Exception) -> bool:
    """Whether an exception left Keras or TensorFlow by a call that our own code made."""
    files = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [i for i, file in enumerate(files) if file.is_relative_to(_OWN_FOLDER)]
    below = files[ours[-1] + 1 :]
    return bool(below) and any(below[0].is_relative_to(folder) for folder in _KERAS_FOLDERS)
