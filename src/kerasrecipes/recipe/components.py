"""Checks of everything in a recipe that is a thing of Keras's: its name and its arguments."""

from __future__ import annotations

from typing import Any

from kerasrecipes.errors import KeyPath, Problem
from kerasrecipes.recipe.keras_names import (
    COMPILE_METRICS,
    Definition,
    Required,
    find_canonical_name,
    find_choices,
    find_definition,
    list_aliases,
    list_names,
)
from kerasrecipes.recipe.suggest import find_meant, suggest
from kerasrecipes.recipe.yaml_file import Document

PLACES = {
    "layers": "layers",
    "optimizer": "optimizers",
    "loss": "losses",
    "metrics": "metrics",
    "callbacks": "callbacks",
}
"""Where a recipe holds components, and the category that each belongs to."""

_LISTS = ("layers", "metrics", "callbacks")
_NOUNS = {
    "layers": "layer",
    "optimizers": "optimizer",
    "optimizers.schedules": "learning-rate schedule",
    "losses": "loss",
    "metrics": "metric",
    "callbacks": "callback",
    "initializers": "initializer",
    "regularizers": "regularizer",
    "constraints": "constraint",
    "activations": "activation",
}
_ARGUMENT_CATEGORIES = {
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
    "activation": "activations",
    "learning_rate": "optimizers.schedules",
    "layer": "layers",
    "cell": "layers",
    "cells": "layers",
}
_REFUSED = {
    "Lambda": "it holds Python code, which a recipe never runs.",
    "LambdaCallback": "it holds Python code, which a recipe never runs.",
    "LearningRateScheduler": "it holds Python code. Give the optimizer a schedule instead: "
    "learning_rate: {ExponentialDecay: {...}}.",
    "RemoteMonitor": "it sends training data to another machine.",
    "TFSMLayer": "it loads foreign code.",
    "JaxLayer": "it loads foreign code.",
    "FlaxLayer": "it loads foreign code.",
    "TorchModuleWrapper": "it loads foreign code.",
    "InputLayer": "the input shape comes from the data. Remove this layer.",
    "Input": "the input shape comes from the data. Remove this layer.",
}
_FROM_DATA = ("input_shape", "input_dim", "batch_input_shape")


def find_category(argument: str) -> str | None:
    """The category that an argument's value belongs to, such as "kernel_initializer"'s."""
    for ending, category in _ARGUMENT_CATEGORIES.items():
        if argument == ending or argument.endswith(f"_{ending}"):
            return category
    return None


def split_component(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Name and arguments of a component as YAML gives it, or None where it is malformed."""
    if isinstance(value, str):
        return value, {}
    if isinstance(value, dict) and len(value) == 1:
        ((name, arguments),) = value.items()
        if isinstance(name, str) and isinstance(arguments, dict | None):
            return name, arguments or {}
    return None


def check_components(document: Document) -> list[Problem]:
    """Check every name and argument against the installed Keras.

    Malformed components are left to the schema, which reports them.
    """
    checker = _Checker(document)
    recipe = document.value if isinstance(document.value, dict) else {}
    for place, category in PLACES.items():
        value = recipe.get(place)
        if isinstance(value, list) == (place in _LISTS):
            checker.check_value(category, value, (place,))
    return checker.problems


class _Checker:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def check_value(self, category: str, value: Any, path: KeyPath) -> None:
        """Check a component, or each of a list of them."""
        if isinstance(value, list):
            for i, item in enumerate(value):
                self.check_value(category, item, (*path, i))
            return
        component = split_component(value)
        if component is None:
            return
        name, arguments = component
        is_mapping = isinstance(value, dict)
        name_path = (*path, name) if is_mapping else path
        if name in _REFUSED:
            self._report(name_path, f"{name} is refused: {_REFUSED[name]}", key=is_mapping)
            return
        canonical = find_canonical_name(category, name)
        if canonical is None:
            choices = [*list_names(category), *list_aliases(category)]
            if category == "metrics":
                choices += COMPILE_METRICS
            message = f"Keras has no {_NOUNS[category]} '{name}'. {suggest(name, choices)}"
            self._report(name_path, message.rstrip(), key=is_mapping)
            return
        definition = find_definition(category, canonical)
        if not definition.is_class:
            definition = self._find_class(category, definition, arguments, name_path) or definition
        if definition.is_class:
            self._check_arguments(definition, arguments, name_path, is_mapping)

    def _find_class(
        self, category: str, function: Definition, arguments: dict[str, Any], path: KeyPath
    ) -> Definition | None:
        """The class of the same name, for a function that was given arguments."""
        if not arguments:
            return None
        known = (name for name in list_names(category) if name != function.name)
        name = find_meant(function.name, known)
        meant = find_definition(category, name) if name else None
        hint = f" Write {meant.name} instead." if meant and meant.is_class else ""
        message = f"{function.name} takes no arguments in a recipe.{hint}"
        self._report(path, message, key=True)
        return None

    def _check_arguments(
        self, definition: Definition, arguments: dict[str, Any], path: KeyPath, is_mapping: bool
    ) -> None:
        name, known = definition.name, definition.arguments
        meant = {find_meant(str(argument), known) for argument in arguments.keys() - known}
        for argument, value in arguments.items():
            here = (*path, argument)
            if argument not in known:
                if argument in _FROM_DATA:
                    remedy = "The input shape comes from the data: remove it."
                else:
                    remedy = suggest(str(argument), known)
                received = f"{argument}={value!r}"
                message = f"{name} has no argument '{argument}' (received: {received}). {remedy}"
                self._report(here, message.rstrip(), key=True)
            else:
                self._check_argument(definition, argument, value, here)
        missing = [
            argument
            for argument, default in known.items()
            if default is Required and argument not in arguments and argument not in meant
        ]
        if missing:
            example = ", ".join(f"{argument}: ..." for argument in missing)
            message = f"{name} needs {_quote(missing)}. Write {name}: {{{example}}}"
            self._report(path, message, key=is_mapping)

    def _check_argument(
        self, definition: Definition, argument: str, value: Any, path: KeyPath
    ) -> None:
        category = find_category(argument)
        if category:
            self.check_value(category, value, path)
            return
        default = definition.arguments[argument]
        what = f"{definition.name}'s argument '{argument}'"
        received = f"(received: {value!r})"
        if isinstance(default, bool):
            if not isinstance(value, bool):
                self._report(path, f"{what} must be true or false {received}.")
        elif isinstance(default, int | float) and isinstance(value, str | bool):
            self._report(path, f"{what} must be a number {received}.")
        elif argument in ("units", "filters") and not (type(value) is int and value > 0):
            self._report(path, f"{what} must be a positive whole number {received}.")
        elif isinstance(value, str):
            choices = find_choices(definition, argument)
            meant = find_meant(value, choices) if value not in choices else None
            if meant and meant.lower() != value.lower():
                self._report(path, f"{what} has no choice '{value}'. Did you mean '{meant}'?")

    def _report(self, path: KeyPath, message: str, key: bool = False) -> None:
        location = self.document.keys.get(path) if key else None
        self.problems.append(Problem(path, message, location or self.document.locate(path)))


def _quote(words: list[str]) -> str:
    return ("the arguments " if len(words) > 1 else "the argument ") + ", ".join(
        f"'{word}'" for word in words
    )
