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
from kerasrecipes.recipe.yaml_file import Document, Fraction, write_value

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
    "optimizer": "optimizers",
}
REFUSED = {
    "Lambda": "it holds Python code, which a recipe never runs. Remove it.",
    "LambdaCallback": "it holds Python code, which a recipe never runs. Remove it.",
    "LearningRateScheduler": "it holds Python code. Give the optimizer a schedule instead: "
    "learning_rate: {ExponentialDecay: {...}}.",
    "RemoteMonitor": "it sends training data to another machine. Remove it.",
    "TFSMLayer": "it loads foreign code. Remove it.",
    "JaxLayer": "it loads foreign code. Remove it.",
    "FlaxLayer": "it loads foreign code. Remove it.",
    "TorchModuleWrapper": "it loads foreign code. Remove it.",
    "InputLayer": "the input shape comes from the data. Remove this layer.",
    "Input": "the input shape comes from the data. Remove this layer.",
}
_EXAMPLES = {
    "layers": "{Dense: {units: 10}}",
    "optimizers": "{Adam: {learning_rate: 0.01}}",
    "optimizers.schedules": "{ExponentialDecay: {...}}",
    "losses": "{Huber: {delta: 1.0}}",
    "metrics": "{AUC: {curve: PR}}",
    "callbacks": "{EarlyStopping: {patience: 5}}",
    "initializers": "{RandomNormal: {stddev: 0.01}}",
    "regularizers": "{L2: {l2: 0.01}}",
    "constraints": "{MaxNorm: {max_value: 2}}",
    "activations": "relu",
}
_FROM_DATA = ("input_shape", "input_dim", "batch_input_shape")


def find_category(argument: str) -> str | None:
    """The category that an argument's value belongs to, such as "kernel_initializer"'s."""
    last_word = argument.rpartition("_")[2]
    return _ARGUMENT_CATEGORIES.get(argument) or _ARGUMENT_CATEGORIES.get(last_word)


def find_place_category(path: KeyPath) -> str | None:
    """The category of the component that stands at a path, or None for any other value."""
    place = str(path[0])
    if len(path) <= 2:
        is_component = place in PLACES and len(path) == (2 if place in _LISTS else 1)
        return PLACES[place] if is_component else None
    return find_category(str(path[-1]))


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
    """Check every name and argument against the installed Keras."""
    checker = _Checker(document)
    recipe = document.value if isinstance(document.value, dict) else {}
    for place in recipe.keys() & PLACES:
        value = recipe[place]
        if place not in _LISTS:
            checker.check_component(PLACES[place], value, (place,))
        elif isinstance(value, list):
            checker.check_list(PLACES[place], value, (place,))
    return checker.problems


class _Checker:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []

    def check_list(self, category: str, items: list[Any], path: KeyPath) -> None:
        for i, item in enumerate(items):
            self.check_component(category, item, (*path, i))

    def check_component(self, category: str, value: Any, path: KeyPath) -> None:
        component = split_component(value)
        if component is None:
            self._report(path, _describe_malformed(category, value))
            return
        name, arguments = component
        is_mapping = isinstance(value, dict)
        name_path = (*path, name) if is_mapping else path
        if name in REFUSED:
            self._report(name_path, f"{name} is refused: {REFUSED[name]}", key=is_mapping)
            return
        canonical = find_canonical_name(category, name)
        if canonical is None:
            choices = [*list_names(category).keys() - REFUSED, *list_aliases(category)]
            if category == "metrics":
                choices += COMPILE_METRICS
            remedy = suggest(name, choices)
            if "(" in name:
                remedy = "Arguments go in braces: {Dense: {units: 10}}."
            elif " " in name:
                remedy = "A name has no spaces: is a comma missing?"
            elif not remedy:
                remedy = f"List them with: kerasrecipes ls {category.rpartition('.')[2]}"
            message = f"Keras has no {_NOUNS[category]} '{name}'. {remedy}"
            self._report(name_path, message.rstrip(), key=is_mapping)
            return
        definition = find_definition(category, canonical)
        if definition.is_class:
            self._check_arguments(definition, arguments, name_path, is_mapping)
        elif arguments:
            remedy = _suggest_class(category, name)
            message = f"{name} takes no arguments in a recipe. {remedy}"
            self._report(name_path, message, key=True)

    def _check_arguments(
        self, definition: Definition, arguments: dict[str, Any], path: KeyPath, is_mapping: bool
    ) -> None:
        name, known = definition.name, definition.arguments
        meant = {find_meant(str(argument), known) for argument in arguments.keys() - known}
        for argument, value in arguments.items():
            here = (*path, str(argument))
            if argument not in known:
                if argument in _FROM_DATA:
                    remedy = "The input shape comes from the data: remove it."
                else:
                    remedy = suggest(str(argument), known) or "Remove it."
                if value is None and ":" in str(argument):
                    remedy = "Put a space behind the colon."
                received = f"{argument}={write_value(value)}"
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
        category, default = find_category(argument), definition.arguments[argument]
        what = f"{definition.name}'s argument '{argument}'"
        received = f"(received: {write_value(value)})"
        if value is None and (default is None or category == "initializers"):
            return
        if argument == "learning_rate" and split_component(value) is None:
            if type(value) not in (int, float, Fraction):
                self._report(path, f"{what} must be a number or a schedule {received}.")
        elif argument == "cells" and isinstance(value, list):
            self.check_list("layers", value, path)
        elif category:
            self.check_component(category, value, path)
        elif isinstance(default, bool):
            if not isinstance(value, bool):
                self._report(path, f"{what} must be true or false {received}.")
        elif isinstance(default, int | float) and isinstance(value, str | bool):
            self._report(path, f"{what} must be a number {received}.")
        elif argument in ("units", "filters") and not (type(value) is int and value > 0):
            self._report(path, f"{what} must be a positive whole number {received}.")
        elif isinstance(value, str) and argument != "monitor":  # a metric's name, see rules.py
            choices = find_choices(definition, argument)
            meant = find_meant(value, choices) if value not in choices else None
            if meant and meant.lower() != value.lower():
                self._report(path, f"{what} has no choice '{value}'. Did you mean '{meant}'?")

    def _report(self, path: KeyPath, message: str, key: bool = False) -> None:
        location = self.document.keys.get(path) if key else None
        location = location or self.document.locate(path)
        self.problems.append(Problem(path, message.rstrip(), location))


def _describe_malformed(category: str, value: Any) -> str:
    """What is wrong with a value that is no component, and how to write one."""
    noun = _NOUNS[category]
    example = _EXAMPLES[category]
    start = "Start each with its own '- '. " if category in _LISTS else ""
    names = list(value) if isinstance(value, dict) else []
    first = str(names[0]) if names else ""
    if len(names) > 1 and not isinstance(value[first], dict) and _knows(category, first):
        arguments = write_value({name: value[name] for name in names[1:]})
        return (
            f"{first}'s arguments must stand further right than its name. Indent them by two more "
            f"spaces, or write {first}: {arguments}"
        )
    if len(names) > 1:
        return (
            f"Each {noun} is one name with its arguments (received {len(names)} names: "
            f"{', '.join(map(str, names))}). {start}Write {example}"
        )
    if first and _knows(category, first):
        known = find_definition(category, str(find_canonical_name(category, first))).arguments
        argument = next(iter(known), "name")
        return (
            f"{first}'s arguments must have names (received: {write_value(value[names[0]])}). "
            f"Write {first}: {{{argument}: ...}}"
        )
    received = write_value(value)
    if category == "activations":
        return f"An activation is a name, such as {example} (received: {received})."
    return (
        f"Give this {noun} as a name, or as a name with arguments: {example} "
        f"(received: {received})."
    )


def _knows(category: str, name: str) -> bool:
    return find_canonical_name(category, name) is not None


def _suggest_class(category: str, function: str) -> str:
    """The class of the same name, for a function that was given arguments."""
    if function in COMPILE_METRICS:
        return "Write SparseCategoricalAccuracy, CategoricalAccuracy or BinaryAccuracy instead."
    meant = find_class(category, function)
    return f"Write {meant} instead." if meant else "Write its name alone."


def find_class(category: str, function: str) -> str | None:
    """The class that does what a function such as ``mse`` does, and takes arguments."""
    known = (name for name in list_names(category) if find_definition(category, name).is_class)
    return find_meant(list_aliases(category).get(function, function), known)


def _quote(words: list[str]) -> str:
    return ("the arguments " if len(words) > 1 else "the argument ") + ", ".join(
        f"'{word}'" for word in words
    )
