"""Words pydantic's errors in the terms of a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kerasrecipes.errors import MAX_PROBLEMS, KeyPath, Problem, format_path
from kerasrecipes.recipe.components import split_component, suggest_value
from kerasrecipes.recipe.keras_names import find_definition
from kerasrecipes.recipe.ranges import SweepSpec
from kerasrecipes.recipe.schema import (
    CrossSpec,
    CsvSpec,
    DatasetName,
    DatasetSpec,
    ExcelSpec,
    MissingValues,
    TimeseriesSpec,
)
from kerasrecipes.recipe.suggest import find_meant, suggest
from kerasrecipes.recipe.yaml_file import Document, write_value


def describe_errors(
    error: ValidationError, document: Document, root: type[BaseModel]
) -> list[Problem]:
    """Word pydantic's errors as problems of a recipe.

    Args:
        error: The exception of ``root``.
        document: The recipe.
        root: The model of a whole recipe.
    """
    found = [
        (problem, details["type"] in _ABOUT_KEYS)
        for details in error.errors()[: 2 * MAX_PROBLEMS]  # each takes time to describe
        if (problem := _describe(details, document, root))
    ]
    # A problem inside a value explains it, as where one item of a list is wrong.
    explained = {problem.path[:i] for problem, _ in found for i in range(len(problem.path))}
    return [problem for problem, is_key in found if is_key or problem.path not in explained]


def _describe(error: Any, document: Document, root: type[BaseModel]) -> Problem | None:
    path = tuple(error["loc"])
    kind, received, context = error["type"], error["input"], error.get("ctx", {})
    if path[:1] == ("threshold",):  # one message for all of its forms
        path = path[:1]
        received = document.get(path)
    is_name = "[key]" in path
    # pydantic names the members of a union between its key and its value.
    if kind not in _ABOUT_KEYS:
        known: KeyPath = ()
        for part in path[: path.index("[key]") - 1] if is_name else path:
            known = (*known, part) if (*known, part) in document.values else known
        path = known or path[:1]
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    location = None
    match kind:
        case "missing":
            path = path[:-1]
            if any(find_meant(str(given), [key]) for given in document.get(path)):
                return None  # misspelt, and reported as such
            owner = format_path(path) or "A recipe"
            message = f"{owner} needs the key '{key}'{_EXAMPLES.get(key, '')}."
        case "extra_forbidden" | "invalid_key":
            path = (*path[:-1], str(path[-1]))
            model = next((_MODELS[part] for part in reversed(path[:-1]) if part in _MODELS), root)
            names = [*model.model_fields, *(["extends"] if model is root else [])]
            remedy = suggest(path[-1], names)
            if not find_meant(path[-1], names):
                is_item = received is None  # of features: a, b
                other = "Several values are a list: [a, b]." if is_item else "Remove it."
                remedy = _find_owner(path[-1], root) or remedy or other
            message = f"There is no key '{path[-1]}' here. {remedy}"
            location = document.keys.get(path)
        case _ if is_name:
            text = write_value(received)
            path = (*path, text)
            message = f"{key} needs names that are text (received: {text}). Write '{text}'."
            location = document.keys.get(path)
        case _ if key in _UNIONS:
            message = f"{key} must be {_UNIONS[key]} (received: {write_value(received)})."
        case "literal_error" | "bool_type" if key in _WORDS:
            message = _describe_choice(key, received, _WORDS[key])
        case "literal_error":
            choices = [word.strip(" '") for word in re.split(",| or ", context["expected"])]
            message = _describe_choice(key, received, choices)
        case "list_type":
            message = _describe_no_list(key, received)
        case "model_type" | "dict_type":
            example = f"{_EXAMPLES.get(key, '')}."
            if key == "dataset" and isinstance(received, str):
                source = "name" if received in get_args(DatasetName) else "path"
                example = f". Write {key}: {{{source}: {received}}}"
            message = f"{key} must be a mapping (received: {write_value(received)}){example}"
        case _:
            rule = _RULES.get(kind, "has a value that does not fit").format(**context)
            text = write_value(received)
            message = f"{key} {rule} (received: {text}).{suggest_value(received, rule)}"
            if kind == "string_type" and isinstance(received, int | float):
                message += f" Write '{text}'."
    return Problem(path, message, location or document.locate(path))


def _find_owner(key: str, root: type[BaseModel]) -> str:
    """Where a key belongs that is written in another place; "" if it is a key nowhere."""
    if key in root.model_fields:
        return "Write it at the top level, without indentation."
    if key in find_definition("optimizers", "SGD").arguments:
        return f"It is an argument of the optimizer, such as {{SGD: {{{key}: ...}}}}."
    owners = [owner for owner, model in _MODELS.items() if key in model.model_fields]
    return f"It is a key of {owners[0]}. Write {owners[0]}: {{{key}: ...}}" if owners else ""


def _describe_choice(key: str, received: Any, choices: Sequence[str]) -> str:
    word = str(received).lower() if isinstance(received, bool) else str(received)
    return f"{key} has no choice {write_value(received)}. {suggest(word, choices)}"


def _describe_no_list(key: str, received: Any) -> str:
    if received is None:
        remedy = f"Write {key}: [], or remove the key."
        if key in _EXAMPLES:
            remedy = f"Write {_EXAMPLES[key].removeprefix(', such as ')}"
    elif isinstance(received, str):
        remedy = f"Write {key}: {write_value(re.split(', *', received))}"
    elif split_component(received):
        remedy = f"Write {key}: {write_value([received])}"
    else:
        remedy = "Start each item with '- '."
    return f"{key} must be a list (received: {write_value(received)}). {remedy}"


_ABOUT_KEYS = ("missing", "extra_forbidden", "invalid_key")
_MODELS: dict[str | int, type[BaseModel]] = {
    "dataset": DatasetSpec,
    "csv": CsvSpec,
    "excel": ExcelSpec,
    "missing_values": MissingValues,
    "crosses": CrossSpec,
    "timeseries": TimeseriesSpec,
    "sweep": SweepSpec,
}
_WORDS = {"jit_compile": ("auto", "true", "false")}
_UNIONS = {
    "class_weight": "balanced, or a weight by class such as {cat: 1, dog: 2.5}",
    "threshold": "a number between 0 and 1, or one of {maximize: f1}, {maximize: "
    "balanced_accuracy}, {recall: 0.9} and {precision: 0.9}",
    "target": "a column's name, or a list of names",
    "decimal": "'.' or ','",
    "openml": "a data set's name or number",
    "missing_values": "a list of texts and numbers, or {add: [...], keep: [...]}",
    "add": "a list of texts and numbers",
    "delimiter": 'the text between two values, such as "\\t" for a tab, or whitespace',
    "header": "none, first, or a list of column names",
    "sheet": "a sheet's name, or its place counted from 1",
}
"""Keys whose value has several forms, for each of which pydantic reports errors separately."""
_RULES = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_unicode": "must not contain control characters",
    "string_too_short": "must not be empty",
    "string_too_long": "must be {max_length} character long",
    "too_short": "must contain {min_length} or more",
    "too_long": "must contain {max_length} at most",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "finite_number": "must be a finite number",
}
_EXAMPLES = {
    "dataset": ", such as dataset: {name: fashion_mnist}",
    "layers": ", such as layers: [Flatten, Dense: {units: 10, activation: softmax}]",
    "loss": ", such as loss: sparse_categorical_crossentropy",
    "features": ", such as features: {zip: string_categorical}",
    "crosses": ", such as crosses: [{feature_names: [make, colour], crossing_dim: 32}]",
    "crossing_dim": ", such as crossing_dim: 32",
    "csv": ", such as csv: {delimiter: ';'}",
    "excel": ", such as excel: {sheet: 2}",
    "ranges": ", such as ranges: {optimizer: [adam, SGD], batch_size: {int: [16, 128, 16]}}",
    "name": f", one of {', '.join(get_args(DatasetName))}",
}
