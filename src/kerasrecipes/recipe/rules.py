"""Rules between the components of a recipe, checked before any data are read."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.components import Component, Components, find_class
from kerasrecipes.recipe.keras_issues import find_doubtful, find_refused
from kerasrecipes.recipe.keras_names import (
    find_canonical_name,
    find_definition,
    find_registered,
    list_aliases,
    list_bases,
)
from kerasrecipes.recipe.names import to_snake_case
from kerasrecipes.recipe.suggest import suggest

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
_RESHAPES = ("Flatten", "Reshape")
_PROBABILITY_LOSSES = {name for name in _LOSS_KINDS if "crossentropy" in name}


@dataclass(frozen=True)
class OutputLayer:
    """Facts about the last layer that need no built model.

    Attributes:
        path: Its place in the recipe.
        units: Its number of units; None for convolutions, and where outputs are reshaped.
        activation: The name of the activation at the very end, or None if it is unknown.
        activation_path: The place of that activation, or of the missing one.
    """

    path: KeyPath
    units: int | None
    activation: str | None
    activation_path: KeyPath


def find_loss_name(loss: Component) -> str:
    """The snake-case name of a loss, however it was written."""
    made_of = find_registered("losses", loss.name)
    bases = [base.__name__ for base in made_of.__mro__] if inspect.isclass(made_of) else []
    names = [list_aliases("losses").get(loss.name, loss.name), *bases]
    return next(filter(_LOSS_KINDS.get, map(to_snake_case, names)), to_snake_case(names[0]))


def find_loss_kind(loss: Component) -> LossKind:
    """The target format that a loss requires."""
    return _LOSS_KINDS.get(find_loss_name(loss), LossKind.NUMBERS)


def has_logits(loss: Component) -> bool:
    """Whether a loss has from_logits: the last layer has no activation."""
    return bool(loss.arguments.get("from_logits"))


def find_output_layer(layers: Sequence[Component]) -> OutputLayer | None:
    """Read the output layer off the recipe's list, from its end; None where one is not valid."""
    activation: str | None = None
    place: KeyPath = ()
    is_reshaped = False
    for i, layer in reversed(list(enumerate(layers))):
        path = ("layers", i, layer.name)
        if not layer.is_valid:
            return None
        is_reshaped |= layer.name in _RESHAPES
        if layer.name in ("Softmax", "Activation"):
            if activation is None:
                place = (*path, "activation")
                activation = _name_activation(layer, "softmax")
        elif layer.name == "Dense" or re.fullmatch(r"Conv\dD(Transpose)?", layer.name):
            own, units = _name_activation(layer, "linear"), layer.arguments.get("units")
            units = None if is_reshaped else units
            return OutputLayer(path, units, activation or own, place or (*path, "activation"))
        elif layer.name not in ("Dropout", "ActivityRegularization", *_RESHAPES):
            return OutputLayer(("layers", i), None, activation, place)
    return None


def name_in_logs(metric: Component) -> str:
    """The name under which Keras logs a metric."""
    if isinstance(metric.arguments.get("name"), str):
        return str(metric.arguments["name"])
    if metric.name[0].islower() and ">" not in metric.name and not metric.arguments:
        return metric.name
    default = find_definition("metrics", metric.name).arguments.get("name")
    return default if isinstance(default, str) else to_snake_case(metric.name)


def gives_several(metric: Component) -> bool:
    """Whether a metric gives several numbers, such as one a class: name_0, name_1 and so on."""
    name = find_canonical_name("metrics", metric.name) or metric.name
    averages = {"F1Score": "average", "FBetaScore": "average", "R2Score": "class_aggregation"}
    argument = averages.get(name, "")
    default = None if argument == "average" else ""
    thresholds = metric.arguments.get("thresholds")
    is_apart = bool(argument) and metric.arguments.get(argument, default) is None
    return is_apart or (isinstance(thresholds, list) and len(thresholds) > 1)


def check_rules(recipe: Components, has_validation: bool) -> Broken:
    """Check the rules between components.

    Args:
        recipe: The components of a recipe.
        has_validation: Whether rows are held out for validation.
    """
    yield from _check_loss(recipe)
    yield from _check_layers(recipe)
    yield from check_monitors(recipe.metrics, recipe.callbacks, has_validation)
    yield from _check_callbacks(recipe)
    yield from find_refused(recipe)


def find_warnings(recipe: Components) -> Broken:
    """Find settings that are allowed but probably unintended."""
    output = find_output_layer(recipe.layers)
    yield from find_doubtful(recipe)
    yield from _find_unscaled(recipe.layers)
    yield from _find_unsuited_metrics(recipe, output)
    is_of_classes = find_loss_kind(recipe.loss) in (LossKind.INTEGERS, LossKind.ONE_HOT)
    if output is None or output.units is None or not is_of_classes:  # as of an autoencoder
        return
    for i, layer in enumerate(recipe.layers[: int(output.path[1])]):
        units = layer.arguments["units"] if layer.name == "Dense" and layer.is_valid else None
        if units and units < output.units:
            message = (
                f"This hidden layer has fewer units than the output layer ({units} < "
                f"{output.units}), which loses information that the output layer needs. Give it "
                f"at least {output.units}."
            )
            yield ("layers", i, "Dense", "units"), message


def _find_unscaled(layers: Sequence[Component]) -> Broken:
    """Find pretrained models whose pixels are not scaled as in their training, or scaled twice."""
    for i, layer in enumerate(layers):
        weights, key = layer.arguments.get("weights", "imagenet"), "include_preprocessing"
        if layer.name not in list_bases() or weights is None:
            continue
        default = find_definition("layers", layer.name).arguments.get(key, True)
        is_scaled, path = layer.arguments.get(key, default), ("layers", i, layer.name)
        scalers = [each for each in layers[:i] if each.name in ("Rescaling", "Normalization")]
        is_chosen = key in layer.arguments or any("offset" in each.arguments for each in scalers)
        remedy = f"Remove {scalers[-1].name}" if scalers else ""
        if is_scaled and scalers:
            yield path, f"{layer.name} scales pixels from 0 to 255 itself. {remedy}."
        elif not (is_scaled or is_chosen):
            yield (
                path,
                f"{layer.name} was trained on pixels that its preprocess_input scaled. "
                f"{f'{remedy} and write' if remedy else 'Write'} {key}: true, or false if its "
                "inputs are right.",
            )


def _find_unsuited_metrics(recipe: Components, output: OutputLayer | None) -> Broken:
    """Find metrics that take the largest of several units where each unit is an answer."""
    if find_loss_kind(recipe.loss) is not LossKind.BINARY:
        return
    for i, metric in enumerate(recipe.metrics):
        name, path = metric.name, ("metrics", i, metric.name)
        name = find_canonical_name("metrics", name) or name
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
        message = (
            "softmax over one unit is always 1 (received: units=1, activation='softmax'). Use "
            "activation: sigmoid with loss: binary_crossentropy, or one unit per class."
        )
        yield place, message
        return
    name = find_loss_name(loss)
    if name == "poisson" and activation in ("linear", "tanh"):
        message = f"poisson takes the logarithm of outputs (received: activation='{activation}')."
        yield place, f"{message} Write activation: exponential."
    if not loss.is_valid or name not in _PROBABILITY_LOSSES:
        return
    needed = "sigmoid" if find_loss_kind(loss) is LossKind.BINARY else "softmax"
    if has_logits(loss):
        if activation != "linear":
            message = (
                f"{name} with from_logits: true needs a last layer without activation (received: "
                f"activation='{activation}'). Remove one of the two."
            )
            yield place, message
    elif activation != needed:
        received, other = f"'{activation}'", ""
        if activation == "linear":
            received = "no activation"
            other = f" Or write loss: {{{find_class('losses', name)}: {{from_logits: true}}}}."
        elif (activation, needed) == ("sigmoid", "softmax"):
            other = " For one output unit use loss: binary_crossentropy."
        elif (activation, needed) == ("softmax", "sigmoid"):
            other = " For several classes use loss: sparse_categorical_crossentropy."
        message = f"{name} needs a last layer with activation '{needed}' (received: {received})."
        yield place, f"{message} Write activation: {needed}.{other}"


def _check_layers(recipe: Components) -> Broken:
    seen: dict[str, int] = {}
    for i, layer in enumerate(recipe.layers):
        inner = layer.arguments.get("layer", layer)
        if isinstance(inner, Component) and inner.arguments.get("stateful"):
            message = (
                "Each epoch shuffles the rows, so a row cannot go on from the state of another."
            )
            yield ("layers", i, layer.name), f"{message} Remove stateful."
        name = layer.arguments.get("name")
        if isinstance(name, str) and name in seen:
            message = f"Two layers are called '{name}' (the other is layers[{seen[name]}])."
            yield ("layers", i, layer.name, "name"), f"{message} Give each its own name."
        elif isinstance(name, str):
            seen[name] = i


def check_monitors(
    metrics: Sequence[Component], callbacks: Sequence[Component], has_validation: bool
) -> Broken:
    """Check that monitors are logged; otherwise Keras only warns and the callback does nothing."""
    if not all(metric.is_valid for metric in metrics):
        return
    several = [f"{name_in_logs(metric)}_0" for metric in metrics if gives_several(metric)]
    logged = ["loss", *(name_in_logs(metric) for metric in metrics if not gives_several(metric))]
    logged += several
    of_validation = [f"val_{name}" for name in logged]
    logged += of_validation if has_validation else []

    def advise(name: str) -> str:
        if has_validation or not name.startswith("val_"):
            return suggest(name, logged)
        if name in of_validation:
            return "There is no validation part: set dataset.validation_split."
        meant = suggest(name, of_validation)
        return f"{meant} It also needs dataset.validation_split.".lstrip()

    for i, callback in enumerate(callbacks):
        name, arguments = callback.name, callback.arguments
        if not callback.is_valid:
            continue
        if name == "ModelCheckpoint" and (message := _check_file_name(arguments, logged, advise)):
            yield ("callbacks", i, name, "filepath"), message
        if name in ("LearningRateScheduler", "ReduceLROnPlateau"):
            logged.append("learning_rate")  # for the callbacks behind it
        default = find_definition("callbacks", name).arguments.get("monitor")
        monitor = arguments.get("monitor", default)
        if name == "ModelCheckpoint" and not arguments.get("save_best_only"):
            continue  # it saves every epoch, whatever its monitor
        if isinstance(monitor, str):
            first = re.sub(r"_\d+$", "_0", monitor)
            monitor = first if first.removeprefix("val_") in several else monitor
        if isinstance(monitor, str) and monitor not in logged:
            place = (name, "monitor") if "monitor" in arguments else (name,)
            message = f"{name} monitors '{monitor}', which is not logged. {advise(monitor)}"
            yield ("callbacks", i, *place), message.rstrip()


def _check_file_name(
    arguments: Mapping[str, object], logged: Sequence[str], advise: Callable[[str], str]
) -> str:
    """What is wrong with the names in ModelCheckpoint's filepath, which Keras replaces in fit."""
    file, of_batches = str(arguments["filepath"]), isinstance(arguments.get("save_freq"), int)
    known = [name for name in logged if not (of_batches and name.startswith("val_"))]
    known += ["epoch", "batch"] if of_batches else ["epoch"]
    names = re.findall(r"\{(\w+)", file)
    unknown = [name for name in names if re.sub(r"_\d+$", "_0", name) not in known]
    if unknown:
        rule = f"Its file's name has {{{unknown[0]}}}, which is not logged"
        if unknown[0] in logged:
            return f"{rule} by batch. Remove it."
        return f"{rule}. {advise(unknown[0])}"
    try:
        file.format(**{name: 1 if name in ("epoch", "batch") else 1.0 for name in names})
    except (ValueError, LookupError) as error:
        return f"Its file's name cannot be formatted: {error}. Write it as in {{epoch:03d}}."
    return ""


def _check_callbacks(recipe: Components) -> Broken:
    """Check what callbacks require of the optimizer and of file names; Keras checks it in fit."""
    optimizer = recipe.optimizer
    name, inner = optimizer.name, optimizer.arguments.get("inner_optimizer", optimizer)
    averages = isinstance(inner, Component) and inner.arguments.get("use_ema")
    for i, callback in enumerate(recipe.callbacks):
        path: KeyPath = ("callbacks", i, callback.name)
        if not callback.is_valid:
            continue
        if callback.name == "SwapEMAWeights" and optimizer.is_valid and not averages:
            message = (
                "SwapEMAWeights needs an optimizer that averages weights (received: use_ema="
                f"false). Write optimizer: {{{name}: {{use_ema: true}}}}, or remove it."
            )
            yield path, message
        if callback.name == "ReduceLROnPlateau" and isinstance(
            optimizer.arguments.get("learning_rate"), Component
        ):
            message = (
                "ReduceLROnPlateau cannot change a schedule. Write learning_rate as a number, or "
                "remove ReduceLROnPlateau."
            )
            yield path, message
        if callback.name == "BackupAndRestore":
            message = "It cannot resume a run, because every run has its own folder. Remove it."
            yield path, message
        if callback.name == "ModelCheckpoint":
            file = callback.arguments["filepath"]
            endings: tuple[str, ...] = (".keras", ".h5")
            if callback.arguments.get("save_weights_only"):
                endings = (".weights.h5",)
            if not str(file).endswith(endings):
                message = f"Its file must end in {endings[0]} (received: filepath={file})."
                yield (*path, "filepath"), message


def _name_activation(layer: Component, default: str) -> str:
    """The name of a layer's activation."""
    activation = layer.arguments.get("activation")
    return activation.name if isinstance(activation, Component) else default
