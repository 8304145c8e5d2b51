"""Rules between the keys of a recipe, known before any data are read.

Every rule reads the raw values, so that it still speaks when another key is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kerasrecipes.errors import KeyPath, Problem
from kerasrecipes.recipe.components import find_class, split_component
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition, list_aliases
from kerasrecipes.recipe.suggest import suggest
from kerasrecipes.recipe.yaml_file import Document


class LossKind(StrEnum):
    """What a loss wants the target to be."""

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
_PROBABILITY_LOSSES = {name for name in _LOSS_KINDS if "crossentropy" in name}


@dataclass(frozen=True)
class OutputLayer:
    """What can be known of the last layer without building it.

    Attributes:
        path: Where it stands in the recipe.
        units: Its number of units, or None where its layer has no such argument.
        activation: The name of the activation at the very end, or None where it is not known.
        activation_path: Where that activation stands, or would.
    """

    path: KeyPath
    units: int | None
    activation: str | None
    activation_path: KeyPath


def find_loss_name(loss: Any) -> str:
    """The snake-case name of a loss, however it was written; empty where it is malformed."""
    component = split_component(loss)
    if component is None:
        return ""
    name = list_aliases("losses").get(component[0], component[0])
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return name.replace("kldivergence", "kl_divergence")


def find_loss_kind(loss: Any) -> LossKind:
    """What a loss, as the recipe writes it, wants the target to be."""
    return _LOSS_KINDS.get(find_loss_name(loss), LossKind.NUMBERS)


def has_logits(loss: Any) -> bool:
    """Whether a loss has from_logits: the last layer has no activation."""
    component = split_component(loss)
    return bool(component and component[1].get("from_logits"))


def find_output_layer(layers: Any) -> OutputLayer | None:
    """Read the output layer off the recipe's list, from its end."""
    activation: str | None = None
    place: KeyPath = ()
    for i, layer in reversed(list(enumerate(layers if isinstance(layers, list) else []))):
        component = split_component(layer)
        if component is None:
            return None
        name, arguments = component
        if name in ("Softmax", "Activation"):
            if activation is None:
                place = ("layers", i, name, "activation")
                activation = _name_activation(arguments.get("activation", "softmax"))
        elif name == "Dense":
            units = arguments.get("units")
            own = _name_activation(arguments.get("activation") or "linear")
            path = ("layers", i, name)
            units = units if isinstance(units, int) else None
            return OutputLayer(path, units, activation or own, place or (*path, "activation"))
        elif name not in ("Dropout", "Flatten", "ActivityRegularization"):
            return OutputLayer(("layers", i), None, activation, place)
    return None


def check_rules(document: Document) -> tuple[list[Problem], list[Problem]]:
    """Check the rules between keys.

    Returns:
        What is wrong, and what a careful person would be warned of.
    """
    recipe = document.value if isinstance(document.value, dict) else {}

    def locate(problems: Iterator[tuple[KeyPath, str]]) -> list[Problem]:
        return [Problem(path, message, document.locate(path)) for path, message in problems]

    wrong = [
        *locate(_check_loss(recipe)),
        *locate(_check_layer_names(recipe)),
        *locate(_check_monitors(recipe)),
    ]
    return wrong, locate(_check_widths(recipe))


def _check_loss(recipe: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    loss, output = recipe.get("loss"), find_output_layer(recipe.get("layers"))
    name = find_loss_name(loss)
    if output is None or not find_canonical_name("activations", output.activation or ""):
        return
    place, activation = output.activation_path, str(output.activation)
    if activation == "softmax" and output.units == 1:
        yield (
            place,
            (
                "softmax over one unit is always 1 (received: units=1, activation='softmax'). "
                "Use activation: sigmoid with loss: binary_crossentropy, or one unit per class."
            ),
        )
        return
    if name not in _PROBABILITY_LOSSES:
        return
    wanted = "sigmoid" if find_loss_kind(loss) is LossKind.BINARY else "softmax"
    if has_logits(loss):
        if activation != "linear":
            yield (
                place,
                (
                    f"{name} with from_logits: true wants a last layer without activation "
                    f"(received: activation='{activation}'). Remove one of the two."
                ),
            )
    elif activation != wanted:
        received, other = f"'{activation}'", ""
        if activation == "linear":
            received = "no activation"
            other = f" Or write loss: {{{find_class('losses', name)}: {{from_logits: true}}}}."
        elif (activation, wanted) == ("sigmoid", "softmax"):
            other = " For one output unit use loss: binary_crossentropy."
        elif (activation, wanted) == ("softmax", "sigmoid"):
            other = " For several classes use loss: sparse_categorical_crossentropy."
        yield (
            place,
            (
                f"{name} wants a last layer with activation '{wanted}' (received: {received}). "
                f"Write activation: {wanted}.{other}"
            ),
        )


def _check_layer_names(recipe: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    seen: dict[str, int] = {}
    layers = recipe.get("layers")
    for i, layer in enumerate(layers if isinstance(layers, list) else []):
        component = split_component(layer)
        name = component[1].get("name") if component else None
        if not component or not isinstance(name, str):
            continue
        if name in seen:
            yield (
                ("layers", i, component[0], "name"),
                (
                    f"Two layers are called '{name}' (the other is layers[{seen[name]}]). "
                    "Give each its own name."
                ),
            )
        seen.setdefault(name, i)


def _check_monitors(recipe: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """A callback that watches a name nobody logs does nothing, and Keras only warns of it."""
    logged = ["loss"]
    metrics = recipe.get("metrics")
    for metric in metrics if isinstance(metrics, list) else []:
        component = split_component(metric)
        if component is None or find_canonical_name("metrics", component[0]) is None:
            return
        logged.append(name_in_logs(*component))
    dataset = recipe.get("dataset")
    if isinstance(dataset, dict) and dataset.get("validation_split"):
        logged += [f"val_{name}" for name in logged]
    callbacks = recipe.get("callbacks")
    for i, callback in enumerate(callbacks if isinstance(callbacks, list) else []):
        component = split_component(callback)
        if component is None or find_canonical_name("callbacks", component[0]) is None:
            continue
        name, arguments = component
        default = find_definition("callbacks", name).arguments.get("monitor")
        monitor = arguments.get("monitor", default)
        if name == "ModelCheckpoint" and not arguments.get("save_best_only"):
            continue  # it saves every epoch, whatever its monitor
        if isinstance(monitor, str) and monitor not in logged:
            remedy = suggest(monitor, logged)
            if monitor.startswith("val_") and not any(name.startswith("val_") for name in logged):
                remedy = "There is no validation part: set dataset.validation_split."
            place = (name, "monitor") if "monitor" in arguments else (name,)
            yield (
                ("callbacks", i, *place),
                f"{name} watches '{monitor}', which is not logged. {remedy}",
            )


def name_in_logs(name: str, arguments: dict[str, Any]) -> str:
    """The name under which Keras logs a metric."""
    if isinstance(arguments.get("name"), str):
        return str(arguments["name"])
    if name[0].islower() and not arguments:
        return name
    definition = find_definition("metrics", name)
    default = definition.arguments.get("name")
    return default if isinstance(default, str) else name


def _check_widths(recipe: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    layers = recipe.get("layers")
    output = find_output_layer(layers)
    if output is None or output.units is None or not isinstance(layers, list):
        return
    for i, layer in enumerate(layers[: int(output.path[1])]):
        component = split_component(layer)
        units = component[1].get("units") if component and component[0] == "Dense" else None
        if isinstance(units, int) and units < output.units:
            message = (
                f"This hidden layer has fewer units than the output layer ({units} < "
                f"{output.units}): what it throws away, the output layer cannot bring back. "
                f"Give it at least {output.units}."
            )
            yield ("layers", i, "Dense", "units"), message


def _name_activation(value: Any) -> str | None:
    component = split_component(value)
    return component[0] if component else None
