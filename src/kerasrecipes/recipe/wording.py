"""Words pydantic's errors in the terms of a recipe."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ValidationError

from kerasrecipes.errors import MAX_PROBLEMS, KeyPath, Problem, format_path
from kerasrecipes.recipe.components import split_component, suggest_value
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition
from kerasrecipes.recipe.ranges import SweepSpec
from kerasrecipes.recipe.schema import (
    CrossSpec,
    CsvSpec,
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
    """Word pydantic's errors as problems of a recipe, of which ``root`` is the model."""
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
    # pydantic names the members of a union between its key and its value.
    if kind not in _ABOUT_KEYS:
        known: KeyPath = ()
        for part in path:
            known = (*known, part) if (*known, part) in document.values else known
        path = known or path[:1]
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    location = None
    text = "" if kind == "missing" else write_value(received)
    example = f", such as {key}: {_EXAMPLES[key]}" if key in _EXAMPLES else ""
    match kind:
        case "missing":
            path = path[:-1]
            if any(find_meant(str(given), [key]) for given in document.get(path)):
                return None  # misspelt, and reported as such
            message = f"{format_path(path) or 'A recipe'} needs the key '{key}'{example}."
        case "extra_forbidden":
            message = f"There is no key '{path[-1]}' here. {_find_remedy(path, document, root)}"
            location = document.keys.get(path)
        case _ if key in _UNIONS:
            message = f"{key} must be {_UNIONS[key]} (received: {text})."
        case "literal_error":
            choices = [word.strip(" '") for word in re.split(",| or ", context["expected"])]
            message = f"{key} has no choice {text}. {suggest(str(received), choices)}"
        case "model_type" | "dict_type" | "list_type":
            what, form = ("list", "[...]") if kind == "list_type" else ("mapping", "{...}")
            example = f"{key}: {_EXAMPLES.get(key, form)}"
            message = f"{key} must be a {what}, such as {example} (received: {text})."
        case _:
            rule = re.sub(r"^\w+ should ", "must ", error["msg"]).replace(" after validation", "")
            message = f"{key} {rule} (received: {text}).{suggest_value(received, rule)}"
    return Problem(path, message, location or document.locate(path))


def _find_remedy(path: KeyPath, document: Document, root: type[BaseModel]) -> str:
    """What to do about a key that does not exist."""
    key = str(path[-1])
    model = next((_MODELS[part] for part in reversed(path[:-1]) if part in _MODELS), root)
    names = [*model.model_fields, *(["extends"] if model is root else [])]
    owners = {"the top level": root, **_MODELS}
    owner = next((owner for owner, model in owners.items() if key in model.model_fields), None)
    if owner and not find_meant(key, names):
        return f"It belongs to {owner}."
    if not find_meant(key, names) and (example := _find_optimizer(path, document)):
        return f"It is an argument of the optimizer, such as optimizer: {example}"
    return suggest(key, names) or "Remove it."


def _find_optimizer(path: KeyPath, document: Document) -> str:
    """Write an optimizer, the recipe's if possible, that takes a key as its argument, or ""."""
    given, _ = split_component(document.value.get("optimizer")) or ("", {})
    names = (find_canonical_name("optimizers", given), "Adam", "SGD", "RMSprop")
    known = {name: find_definition("optimizers", name).arguments for name in names if name}
    meant = find_meant(str(path[-1]), [argument for each in known.values() for argument in each])
    name = next((name for name in known if meant in known[name]), None)
    return write_value({name: {meant: document.get(path)}}) if name else ""


_ABOUT_KEYS = ("missing", "extra_forbidden")
_MODELS: dict[str | int, type[BaseModel]] = {
    "dataset": DatasetSpec,
    "csv": CsvSpec,
    "excel": ExcelSpec,
    "missing_values": MissingValues,
    "crosses": CrossSpec,
    "timeseries": TimeseriesSpec,
    "sweep": SweepSpec,
}
_UNIONS = {
    "jit_compile": "auto, true or false",
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
_EXAMPLES = {
    "dataset": "{name: fashion_mnist} or {path: houses.csv, target: price}",
    "layers": "[Flatten, Dense: {units: 10, activation: softmax}]",
    "loss": "sparse_categorical_crossentropy",
    "metrics": "[accuracy]",
    "callbacks": "[EarlyStopping]",
    "features": "{zip: string_categorical}",
    "crosses": "[{feature_names: [make, colour], crossing_dim: 32}]",
    "crossing_dim": "32",
    "csv": "{delimiter: ';'}",
}
