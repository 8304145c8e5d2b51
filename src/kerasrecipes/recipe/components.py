"""Components: layers, losses, features and other named parts of a recipe, read once and checked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

from kerasrecipes.errors import MAX_PROBLEMS, KeyPath, Problem
from kerasrecipes.recipe import keras_names
from kerasrecipes.recipe.keras_names import Definition
from kerasrecipes.recipe.names import find_meant, make_printable, suggest
from kerasrecipes.recipe.yaml_file import DECIMAL_COMMA, KEY, Document, write_value

PLACES = {
    "layers": "layers",
    "optimizer": "optimizers",
    "loss": "losses",
    "metrics": "metrics",
    "callbacks": "callbacks",
}
"""The places of components in a recipe, and the category of each."""

_OF_ARGUMENTS = {*keras_names.CATEGORIES} - {"losses", "metrics", "callbacks"}
_FEATURE = ("feature", "", "{string_hashed: {num_bins: 32}}")
_NUMBER_STYLE = {"unit": None, "decimal": None, "thousands": None}

FEATURES: dict[str, dict[str, Any]] = {
    "float": {**_NUMBER_STYLE},
    "float_normalized": {**_NUMBER_STYLE},
    "float_rescaled": {"scale": 1.0, "offset": 0.0, **_NUMBER_STYLE},
    "float_discretized": {"num_bins": 10, **_NUMBER_STYLE},
    "string_categorical": {"max_tokens": 100},
    "string_hashed": {"num_bins": 32},
    "integer_categorical": {"max_tokens": 100},
    "integer_hashed": {"num_bins": 32},
    "boolean": {},
    "date": {"format": None},
    "text": {
        "max_tokens": 1000,
        "output_mode": "tf_idf",
        "ngrams": None,
        "output_sequence_length": None,
        "split": "whitespace",
        "standardize": "lower_and_strip_punctuation",
    },
}
"""Feature types, with their arguments and defaults: those of ``keras.utils.FeatureSpace``,
``TextVectorization``'s for text, and two of ours, boolean and date."""

DATE_DIRECTIVES = "YyqmdbBaAHIMSfpzZ"
"""Those of ``strptime`` in the format of a date, and q for a quarter."""

_TEXTS = {"format": "%d/%m/%Y", "unit": "kg"}
_OUTPUT_MODES = ("tf_idf", "count", "multi_hot", "int")

_CODE = "it contains Python code, which a recipe never runs"
_ROWS = "it combines rows of a batch, and each has a target of its own"
REFUSED = {
    **dict.fromkeys(("Lambda", "LambdaCallback", "MultiOptimizer"), _CODE),
    "LearningRateScheduler": f"{_CODE}: give the optimizer a schedule as its learning_rate",
    "BackupAndRestore": "every run has a folder of its own; train --resume continues a run",
    "RemoteMonitor": "it sends training data to another machine",
    **dict.fromkeys(
        ("TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"), "it loads foreign code"
    ),
    **dict.fromkeys(("InputLayer", "Input"), "the input shape comes from the data"),
    "StringLookup": "columns of text are encoded before it, by features: {NAME: "
    "string_categorical} under dataset",
    **dict.fromkeys(("MixUp", "CutMix", "Circle", "circle"), _ROWS),
    **dict.fromkeys(("CTC", "ctc"), "it needs sequences of different lengths as the target"),
}
"""Names of Keras that a recipe cannot use, and why."""
_FROM_DATA = ("input_shape", "input_dim", "input_length", "batch_input_shape")
_TUPLE = re.compile(r"\(\s*-?[\d.]+\s*(,|\)?$)")  # of Python, or its first item


@dataclass(frozen=True)
class Component:
    """A name with its arguments as the recipe has them, such as ``Dense: {units: 10}``."""

    category: str  # one of keras_names.CATEGORIES, or "features"
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)  # Components among them, too
    is_valid: bool = True  # whether its name and its arguments passed every check


def find_category(argument: str) -> str | None:
    """The category of an argument's value: "kernel_initializer" takes one of "initializers"."""
    if argument == "learning_rate":
        return "optimizers.schedules"
    if argument in ("cell", "cells", "layers"):
        return "layers"
    category = f"{argument.rpartition('_')[2]}s"
    return category if category in _OF_ARGUMENTS else None


def find_place_category(path: KeyPath) -> str | None:
    """The category of the component at a path, or None for any other value."""
    match path:
        case ("dataset", "features", str()):
            return "features"
        case ("layers" | "metrics" | "callbacks" as place, int()):
            return PLACES[place]
        case ("optimizer" | "loss" as place,):
            return PLACES[place]
        case (place, _, *_, argument) if place in PLACES:
            return find_category(str(argument))
    return None


def split_component(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Name and arguments of a component as YAML gives it, or None where it is malformed."""
    if isinstance(value, str):
        return value, {}
    if isinstance(value, dict) and len(value) == 1:
        ((name, arguments),) = value.items()
        if isinstance(arguments, dict | None):
            return str(name), arguments or {}  # an override may give a number as key
    return None


def read_components(document: Document) -> tuple[dict[str, Any], list[Problem]]:
    """Read and check every component: the recipe's values with them, and all problems."""
    reader = ComponentReader(document)
    return reader.read_values(document.value, ()), reader.problems


class ComponentReader:
    """Reads components, and collects their problems."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.problems: list[Problem] = []

    def read_values(self, value: Any, path: KeyPath) -> Any:
        """Copy plain values, with Components in place of theirs."""
        if category := find_place_category(path):
            return self.read(category, value, path)
        if isinstance(value, dict):
            return {key: self.read_values(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.read_values(inner, (*path, i)) for i, inner in enumerate(value)]
        return value

    def read(self, category: str, value: Any, path: KeyPath) -> Component:
        """Read the component at a path; an invalid one where it is malformed."""
        n_before, component = len(self.problems), split_component(value)
        if n_before > MAX_PROBLEMS:  # each takes time to describe
            return Component(category, "", is_valid=False)
        if component is None:
            self._report(path, _describe_malformed(category, value))
            return Component(category, "", is_valid=False)
        name, arguments = component
        is_mapping = isinstance(value, dict)
        path = (*path, name) if is_mapping else path
        if name in REFUSED:
            message = f"{name} is not supported: {REFUSED[name]}. Remove it."
            self._report(path, message, key=is_mapping)
        elif (definition := _define(category, name)) is None:
            self._report(path, _describe_unknown(category, name), key=is_mapping)
        elif definition.is_class:
            known = definition.arguments
            given = arguments.keys() | {find_meant(key, known) for key in arguments}
            required = [key for key in known if known[key] is keras_names.Required]
            if missing := [key for key in required if key not in given]:
                form = f"{definition.name}: {{{', '.join(f'{key}: ...' for key in missing)}}}"
                message = f"{definition.name} needs {', '.join(missing)}. Write {form}"
                self._report(path, message, key=is_mapping)
            arguments = {
                key: self._read_argument(definition, arguments, key, path) for key in arguments
            }
        elif arguments:
            classes = [each for each in keras_names.list_names(category) if each[0].isupper()]
            meant = find_meant(keras_names.list_aliases(category).get(name, name), classes)
            remedy = f"Write {meant} instead." if meant else "Write its name alone."
            self._report(path, f"{name} takes no arguments in a recipe. {remedy}", key=True)
        return Component(category, name, arguments, len(self.problems) == n_before)

    def _read_argument(
        self, definition: Definition, arguments: dict[str, Any], argument: str, path: KeyPath
    ) -> Any:
        """Read an argument's value, which may be a component, and check it."""
        value, path = arguments[argument], (*path, argument)
        if argument not in definition.arguments:
            if value is None and any(_TUPLE.match(str(each)) for each in arguments.values()):
                return value  # such as 3) of {kernel_size: (3, 3)}
            remedy = suggest(argument, definition.arguments) or "Remove it."
            if argument in _FROM_DATA:
                remedy = "The input shape comes from the data: remove it."
            rule = f"{definition.name} has no argument '{argument}'"
            received = f"(received: {argument}={write_value(value)})"
            self._report(path, f"{rule} {received}. {remedy}", key=True)
            return value
        default, category = definition.arguments[argument], find_category(argument)
        if definition.category == "features" or definition.name == "TextVectorization":
            rule = _find_feature_rule(arguments, argument)
        elif value is None and (default is None or category == "initializers"):
            return None
        elif argument in ("cell", "cells", "layers") and isinstance(value, list):
            return [self.read("layers", item, (*path, i)) for i, item in enumerate(value)]
        elif category and not (argument == "learning_rate" and _is_number(value)):
            name, _ = split_component(value) or ("", {})
            is_activation = category == "activations" and isinstance(value, dict)
            # An activation may be a layer, such as LeakyReLU with arguments.
            if is_activation and not _define(category, name) and _define("layers", name):
                category = "layers"
            return self.read(category, value, path)
        else:
            rule = _find_rule(definition.name, argument, value, default)
        what = f"{definition.name}'s argument '{argument}'"
        if rule:
            message = f"{what} {rule} (received: {write_value(value)})."
            self._report(path, message + suggest_value(value))
        elif isinstance(value, str) and argument != "monitor":  # a metric's name, see rules.py
            choices = keras_names.find_choices(definition, argument)
            meant = find_meant(value, choices) if value not in choices else None
            if meant and meant.lower() != value.lower():
                self._report(path, f"{what} has no choice '{value}'. Did you mean '{meant}'?")
        return value

    def _report(self, path: KeyPath, message: str, key: bool = False) -> None:
        location = self._document.locate((*path, KEY) if key else path)
        self.problems.append(Problem(path, message.rstrip(), location))


def suggest_value(value: Any) -> str:
    """End a message about a text in place of another value."""
    text = value if isinstance(value, str) else ""
    if text.lower() == "none":
        return " For none, write null."
    if _TUPLE.match(text):
        return " A list is in square brackets, such as [3, 3]."
    if DECIMAL_COMMA.match(text):
        return f" A number has a decimal point: write {text.replace(',', '.')}."
    return ""


def _define(category: str, name: str) -> Definition | None:
    """The definition of a name, or None where a category has no such name."""
    if category == "features":
        known = FEATURES.get(name)
        return None if known is None else Definition(category, name, True, known)
    canonical = keras_names.find_canonical_name(category, name)
    return None if canonical is None else keras_names.find_definition(category, canonical)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _find_rule(name: str, argument: str, value: Any, default: Any) -> str:
    """The rule that an argument's plain value breaks, as far as its default shows, or ""."""
    if argument == "name" and isinstance(value, str) and value != make_printable(value):
        return "must not contain line breaks or control characters"
    if isinstance(default, bool) and not isinstance(value, bool):
        return "must be true or false"
    if _is_number(default) and isinstance(value, str | bool):
        return "must be a number"
    if isinstance(value, str) and DECIMAL_COMMA.match(value):
        return "must be a number"
    if isinstance(value, str) and _TUPLE.match(value) and argument != "name":
        return "must be a number or a list"
    if argument in ("units", "filters") and not (type(value) is int and value > 0):
        return "must be a positive whole number"
    if argument == "learning_rate" and value < 0:
        return "must be 0 or more"
    if argument == "stateful" and value:
        return (
            "must be false: every epoch shuffles the rows, so no row continues the state of another"
        )
    if argument == "return_state" and value:
        return "must be false: the next layer takes one output"
    # Faults of Keras 3.15; a test shows each. When it fails, remove the rule.
    if argument == "num_regressors" and value:
        return (
            "must be 0: Keras 3.15 cannot compute the adjusted R² while it trains, and counts "
            "rows wrongly with several targets (keras #23334)"
        )
    is_one = value == 1 or (isinstance(value, list) and 1 in value)
    if name.startswith("AdaptiveMaxPooling") and argument == "output_size" and is_one:
        return f"must exceed 1, since TensorFlow 2.21 ends the process at 1: write Global{name[8:]}"
    return ""


def _describe_malformed(category: str, value: Any) -> str:
    noun, _, example = keras_names.CATEGORIES.get(category, _FEATURE)
    if isinstance(value, dict) and len(value) > 1:
        name, *rest = value
        are_arguments = not any(_define(category, key) for key in rest)
        if value[name] is None and are_arguments and _define(category, name):
            form = f"{{{name}: {write_value({key: value[key] for key in rest})}}}"
            remedy = f"Indent them by two more spaces, or write {form}"
            return f"The arguments of {name} must be indented further than its name. {remedy}"
    received = f"(received: {write_value(value)})."
    return f"Each {noun} is a name, or one name with arguments: {example} {received}"


def _describe_unknown(category: str, name: str) -> str:
    noun, _, example = keras_names.CATEGORIES.get(category, _FEATURE)
    if category == "features":
        return f"There is no feature '{name}'. {suggest(name, FEATURES)}"
    if ">" in name:
        return (
            f"No {noun} is registered as '{name}' in this process. In Python, register it with "
            "keras.saving.register_keras_serializable(package=...) before kr.train."
        )
    if "(" in name:  # as in Python
        return f"Keras has no {noun} '{name}'. Arguments go in braces, as in {example}"
    choices = [*keras_names.list_names(category), *keras_names.list_aliases(category)]
    choices += keras_names.COMPILE_METRICS if category == "metrics" else ()
    word = name.rpartition(".")[2]  # as in Python: keras.optimizers.Adam
    remedy = suggest_value(name).strip() or suggest(word, {*choices} - {*REFUSED})
    remedy = remedy or f"List them with: kerasrecipes ls {category.rpartition('.')[2]}"
    return f"Keras has no {noun} '{name}'. {remedy}"


def _find_feature_rule(arguments: dict[str, Any], argument: str) -> str:
    """The rule that the value of one of a feature's arguments breaks, or ""."""
    value = arguments[argument]
    directives = re.findall("%(.?)", str(value))
    n_known = len({*directives} & {*DATE_DIRECTIVES})  # each once
    match argument:
        case "format" | "unit" if not isinstance(value, str):
            return f"must be text such as '{_TEXTS[argument]}'"
        case "format" if not 0 < len(directives) == n_known:
            return f"must have directives of strptime, each once: %{', %'.join(DATE_DIRECTIVES)}"
        case "output_mode" if value not in _OUTPUT_MODES:
            return f"must be {' or '.join(_OUTPUT_MODES)}"
        case "decimal" if value not in (".", ","):
            return "must be '.' or ','"
        case "thousands" if not (isinstance(value, str) and len(value) == 1):
            return "must be one character, such as ','"
        case "thousands" if value == arguments.get("decimal", "."):
            return "must differ from decimal"
        case "num_bins" | "max_tokens" if not (type(value) is int and value >= 2):
            return "must be a whole number of 2 or more"
        case "scale" | "offset" if not (_is_number(value) and math.isfinite(value)):
            return "must be a finite number"
        case "scale" if not value:
            return "must not be 0, since every value would become the same"
    return ""
