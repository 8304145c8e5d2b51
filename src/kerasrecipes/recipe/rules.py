"""Rules between the components of a recipe, checked before any data are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe import keras_names
from kerasrecipes.recipe.components import Component, Components
from kerasrecipes.recipe.names import to_snake_case
from kerasrecipes.recipe.suggest import fold, suggest

Broken = Iterator[tuple[KeyPath, str]]
"""Paths in the recipe, each with the rule that is broken there."""


class LossKind(StrEnum):
    """The target format that a loss requires."""

    INTEGERS = "class indices"
    ONE_HOT = "one-hot rows"
    BINARY = "zeros and ones"
    NUMBERS = "numbers"


_LOSS_KINDS = {
    "sparse_categorical_crossentropy": LossKind.INTEGERS,
    "categorical_crossentropy": LossKind.ONE_HOT,
    "categorical_focal_crossentropy": LossKind.ONE_HOT,
    "categorical_generalized_cross_entropy": LossKind.ONE_HOT,
    "categorical_hinge": LossKind.ONE_HOT,
    "kl_divergence": LossKind.ONE_HOT,
    "binary_crossentropy": LossKind.BINARY,
    "binary_focal_crossentropy": LossKind.BINARY,
}
_HIGHER = re.compile(
    "accuracy|^acc$|auc|precision|recall|f1score|fbetascore|^true|sensitivity|specificity|iou"
    "|r2score|similarity|correlation"
)
_LOWER = re.compile("error|entropy|hinge|huber|logcosh|divergence|poisson|^false")
"""Names of Keras's classes; a test compares each with what the class computes."""
_RESHAPES = ("Flatten", "Reshape")
_LOSSES = {"sigmoid": "binary_crossentropy", "softmax": "sparse_categorical_crossentropy"}
"""The usual loss of an activation."""
_PROBABILITY_LOSSES = {name for name in _LOSS_KINDS if "crossentropy" in name}
LOST_ARGUMENTS: dict[str, dict[str, float]] = {
    "Huber": {"delta": 1.0},
    "CosineSimilarity": {"axis": -1},
    "SparseCategoricalCrossentropy": {"axis": -1},
}
"""Losses whose arguments are not saved with a compiled model (keras #23286), and the values that a
reloaded model has instead."""


@dataclass(frozen=True)
class OutputLayer:
    """Facts about the last layer that need no built model."""

    path: KeyPath
    units: int | None  # None for convolutions, and where outputs are reshaped
    activation: str | None  # its name, or None if it is unknown
    activation_path: KeyPath  # of the activation at the very end, or of the missing one


def find_loss_name(loss: Component) -> str:
    """The snake-case name of a loss, however it was written."""
    names = [to_snake_case(each) for each in keras_names.list_classes("losses", loss.name)]
    return next((name for name in names if name in _LOSS_KINDS), (names or [loss.name])[0])


def find_loss_kind(loss: Component) -> LossKind:
    """The target format that a loss requires."""
    return _LOSS_KINDS.get(find_loss_name(loss), LossKind.NUMBERS)


def has_logits(loss: Component) -> bool:
    """Whether a loss has from_logits: the last layer has no activation."""
    return bool(loss.arguments.get("from_logits"))


def find_output_layer(layers: Sequence[Component]) -> OutputLayer | None:
    """Read the output layer off the recipe's list, from its end; None where one is not valid."""
    ends: list[tuple[str | None, KeyPath]] = []  # activations and their places, the last one first
    is_reshaped = False
    for i, layer in reversed(list(enumerate(layers))):
        path: KeyPath = ("layers", i, layer.name)
        if not layer.is_valid:
            return None
        is_reshaped |= layer.name in _RESHAPES
        if layer.name in ("Softmax", "Activation"):
            ends.append((_name_activation(layer, "softmax"), (*path, "activation")))
        elif layer.name == "Dense" or re.fullmatch(r"Conv\dD(Transpose)?", layer.name):
            ends.append((_name_activation(layer, "linear"), (*path, "activation")))
            units = None if is_reshaped else layer.arguments.get("units")
            return OutputLayer(path, units, *ends[0])
        elif layer.name not in ("Dropout", "ActivityRegularization", *_RESHAPES):
            return OutputLayer(path[:2], None, *(ends or [(None, ())])[0])
    return None


def name_in_logs(metric: Component) -> str:
    """The name under which Keras logs a metric."""
    if isinstance(metric.arguments.get("name"), str):
        return str(metric.arguments["name"])
    if metric.name[0].islower() and ">" not in metric.name and not metric.arguments:
        return metric.name
    default = keras_names.find_definition("metrics", metric.name).arguments.get("name")
    return default if isinstance(default, str) else to_snake_case(metric.name)


def gives_several(metric: Component) -> bool:
    """Whether a metric gives several numbers, such as one a class: name_0, name_1 and so on."""
    name = keras_names.find_canonical_name("metrics", metric.name) or metric.name
    averages = {"F1Score": "average", "FBetaScore": "average", "R2Score": "class_aggregation"}
    argument = averages.get(name, "")
    default = None if argument == "average" else ""
    thresholds = metric.arguments.get("thresholds")
    is_apart = bool(argument) and metric.arguments.get(argument, default) is None
    return is_apart or (isinstance(thresholds, list) and len(thresholds) > 1)


def find_directions(metrics: Iterable[Component]) -> dict[str, bool | None]:
    """Find whether higher is better, for the loss and a recipe's metrics, by name in the logs.

    None stands for a class without a known direction, such as ``Sum``. A class that the caller
    registered has the direction of the Keras class it descends from. Metrics that give several
    numbers are left out.
    """
    directions: dict[str, bool | None] = {"loss": False}
    for metric in metrics:
        if gives_several(metric):
            continue
        classes = [fold(each) for each in keras_names.list_classes("metrics", metric.name)]
        known = (each for each in classes if _HIGHER.search(each) or _LOWER.search(each))
        first = next(known, None)
        directions[name_in_logs(metric)] = bool(_HIGHER.search(first)) if first else None
    return directions


def check_rules(recipe: Components, has_validation: bool) -> Broken:
    """Check the rules between components."""
    yield from _check_loss(recipe)
    yield from check_monitors(recipe.metrics, recipe.callbacks, has_validation)
    yield from _check_callbacks(recipe)


def find_warnings(recipe: Components) -> Broken:
    """Find settings that are allowed but probably unintended."""
    output = find_output_layer(recipe.layers)
    yield from _doubt_loss(recipe)
    yield from _doubt_layers(recipe, output)
    yield from _doubt_metrics(recipe, output)


def _doubt_loss(recipe: Components) -> Broken:
    """Find losses that Keras 3.15 computes or saves differently from its documentation."""
    loss, arguments = recipe.loss, recipe.loss.arguments
    if loss.name == "Tversky" and arguments.get("alpha", 0.5) != arguments.get("beta", 0.5):
        message = (
            "In Keras 3.15, alpha weighs false negatives and beta false positives, the reverse of "
            "its documentation (keras #23333). Exchange the two if you chose them by it."
        )
        yield ("loss", "Tversky"), message
    lost = LOST_ARGUMENTS.get(loss.name, {}).items()
    changed = [key for key, default in lost if arguments.get(key, default) != default]
    for i, callback in enumerate(recipe.callbacks if changed else ()):
        if callback.name == "ModelCheckpoint" and not callback.arguments.get("save_weights_only"):
            message = (
                f"A model that ModelCheckpoint saves reloads with {loss.name}'s default "
                f"{changed[0]} (keras #23286). Before evaluating or training it further, compile "
                "it with this loss again. The run's own model is not affected."
            )
            yield ("callbacks", i, "ModelCheckpoint"), message


def _doubt_layers(recipe: Components, output: OutputLayer | None) -> Broken:
    """Find layers that are too narrow, and pixels that a pretrained model gets in a wrong scale."""
    is_of_classes = find_loss_kind(recipe.loss) in (LossKind.INTEGERS, LossKind.ONE_HOT)
    least = (output.units or 0) if output and is_of_classes else 0  # an autoencoder may have fewer
    scalers: list[Component] = []
    for i, layer in enumerate(recipe.layers):
        path, arguments = ("layers", i, layer.name), layer.arguments
        if layer.name in ("Rescaling", "Normalization"):
            scalers.append(layer)
        if layer.name == "Dense" and layer.is_valid and arguments["units"] < least:
            message = (
                f"This hidden layer has fewer units than the output layer ({arguments['units']} < "
                f"{least}), which loses information that the output layer needs. Give it at least "
                f"{least}."
            )
            yield (*path, "units"), message
        is_pretrained = arguments.get("weights", "imagenet") is not None
        if not (is_pretrained and layer.name in keras_names.list_bases()):
            continue
        default = keras_names.find_definition("layers", layer.name).arguments
        key = "include_preprocessing"
        is_scaled = arguments.get(key, default.get(key, True))
        is_chosen = key in arguments or any("offset" in each.arguments for each in scalers)
        if is_scaled and scalers:
            remedy = f"Remove {scalers[-1].name}."
            yield path, f"{layer.name} scales pixels from 0 to 255 itself. {remedy}"
        elif not (is_scaled or is_chosen):
            remedy = f"Write {key}: true and no other scaling, or false if its inputs are right."
            rule = f"{layer.name} was trained on pixels that its preprocess_input scaled."
            yield path, f"{rule} {remedy}"


def _doubt_metrics(recipe: Components, output: OutputLayer | None) -> Broken:
    """Find metrics that take the largest of several units where each unit is an answer."""
    if find_loss_kind(recipe.loss) is not LossKind.BINARY:
        return
    for i, metric in enumerate(recipe.metrics):
        name, path = metric.name, ("metrics", i, metric.name)
        name = keras_names.find_canonical_name("metrics", name) or name
        if name in ("F1Score", "FBetaScore") and metric.arguments.get("threshold") is None:
            message = f"{name} without threshold predicts the largest unit, whatever its value."
            yield path, f"{message} Write threshold: 0.5."
        elif output and output.units == 1 and "categorical_" in to_snake_case(name):
            yield path, f"{name} compares several units, and there is one. Write BinaryAccuracy."


def _check_loss(recipe: Components) -> Broken:
    loss, output = recipe.loss, find_output_layer(recipe.layers)
    if output is None or output.activation is None:
        return
    place, activation = output.activation_path, output.activation
    if activation == "softmax" and output.units == 1:
        message = "softmax over one unit is always 1. Write a unit for each class, or activation: "
        yield place, f"{message}sigmoid with loss: binary_crossentropy."
        return
    name = find_loss_name(loss)
    if not loss.is_valid or name not in _PROBABILITY_LOSSES:
        return
    needed = "sigmoid" if find_loss_kind(loss) is LossKind.BINARY else "softmax"
    if has_logits(loss):
        name, needed = f"{name} with from_logits: true", "linear"
    if activation != needed:
        other = _LOSSES.get(activation)
        rule = f"{name} needs a last layer with activation '{needed}' (received: '{activation}')."
        remedy = f"Write activation: {needed}{f', or loss: {other}' if other else ''}."
        yield place, f"{rule} {remedy}"


def check_monitors(
    metrics: Sequence[Component], callbacks: Sequence[Component], has_validation: bool
) -> Broken:
    """Check that what callbacks read is logged; else Keras only warns, or fails after an epoch."""
    if not all(metric.is_valid for metric in metrics):
        return
    suffixes = {False: "", True: "_0"}  # name_0, name_1, ...
    logged = [name_in_logs(metric) + suffixes[gives_several(metric)] for metric in metrics]
    logged.insert(0, "loss")
    logged += [f"val_{name}" for name in logged] if has_validation else []
    for i, callback in enumerate(callbacks):
        name, arguments = callback.name, callback.arguments
        if not callback.is_valid:
            continue
        default = keras_names.find_definition("callbacks", name).arguments.get("monitor")
        read = [arguments.get("monitor", default)]
        if name == "ModelCheckpoint":
            # It saves every epoch, whatever its monitor, unless it saves the best only.
            read = read if arguments.get("save_best_only") else []
            in_file = re.findall(r"\{(\w+)", str(arguments["filepath"]))
            read += [each for each in in_file if each not in ("epoch", "batch", "learning_rate")]
        for each in map(str, filter(None, read)):
            if each in logged or re.sub(r"_\d+$", "_0", each) in logged:
                continue
            remedy = suggest(each, logged)
            if each.startswith("val_") and not has_validation:
                remedy = "There is no validation part: set dataset.validation_split."
            yield ("callbacks", i, name), f"{name} reads '{each}', which is not logged. {remedy}"


def _check_callbacks(recipe: Components) -> Broken:
    """Check what callbacks require of the optimizer, which Keras checks in fit."""
    optimizer = recipe.optimizer
    inner = optimizer.arguments.get("inner_optimizer", optimizer)
    averages = isinstance(inner, Component) and inner.arguments.get("use_ema")
    has_schedule = isinstance(optimizer.arguments.get("learning_rate"), Component)
    for i, callback in enumerate(recipe.callbacks):
        path: KeyPath = ("callbacks", i, callback.name)
        if callback.name == "SwapEMAWeights" and optimizer.is_valid and not averages:
            remedy = f"Write optimizer: {{{optimizer.name}: {{use_ema: true}}}}, or remove it."
            yield path, f"SwapEMAWeights needs an optimizer that averages weights. {remedy}"
        if callback.name == "ReduceLROnPlateau" and has_schedule:
            remedy = "Write learning_rate as a number, or remove ReduceLROnPlateau."
            yield path, f"ReduceLROnPlateau cannot change a schedule. {remedy}"


def _name_activation(layer: Component, default: str) -> str:
    """The name of a layer's activation."""
    activation = layer.arguments.get("activation")
    return activation.name if isinstance(activation, Component) else default
