"""Recipe file, its bases and its overrides, to a checked Recipe; or every problem at once."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from kerasrecipes.errors import KeyPath, Location, Problem, RecipeError, format_path
from kerasrecipes.recipe.components import (
    check_components,
    find_place_category,
    split_component,
)
from kerasrecipes.recipe.dataset_rules import SOURCES, check_dataset_keys
from kerasrecipes.recipe.keras_names import find_canonical_name
from kerasrecipes.recipe.rules import check_rules
from kerasrecipes.recipe.schema import (
    CrossSpec,
    CsvSpec,
    DatasetName,
    DatasetSpec,
    ExcelSpec,
    MissingValues,
    Recipe,
)
from kerasrecipes.recipe.suggest import find_meant, suggest
from kerasrecipes.recipe.yaml_file import Document, parse_yaml, read_yaml, write_value


def load_recipe(
    file: str | Path, overrides: Sequence[str] = (), *, needs_source: bool = True
) -> Recipe:
    """Load a recipe and check all of it, without importing TensorFlow.

    Args:
        file: A YAML file.
        overrides: Changes such as "epochs=10" or "layers.2.Dense.units=200", checked like the
            file itself.
        needs_source: Whether ``dataset`` must say where the rows come from.

    Raises:
        RecipeError: With every problem of the file and of the overrides, in order.
    """
    file = Path(file)
    document = _read_with_bases(file, ())
    problems: list[Problem] = []
    for override in overrides if isinstance(document.value, dict) else ():
        try:
            _apply_override(document, override)
        except RecipeError as error:
            problems += error.problems
    return _check(document, file, problems, needs_source)


def _check(document: Document, file: Path, problems: list[Problem], needs_source: bool) -> Recipe:
    tree = document.value
    if not isinstance(tree, dict):
        message = "A recipe is a mapping with the keys dataset, layers, loss, ... at its top level."
        raise RecipeError([*problems, Problem((), message, Location(str(file), 1, 1))])
    tree.setdefault("name", file.stem)
    wrong, warnings = check_rules(document)
    problems = [*document.problems, *problems, *check_components(document), *wrong]
    problems += check_dataset_keys(document, needs_source)
    _resolve_data_path(document)
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        problems += filter(None, (_describe(details, document) for details in error.errors()))
    if problems:
        raise RecipeError(sorted(dict.fromkeys(problems), key=_in_order_of_file))
    recipe._document, recipe._warnings = document, warnings
    return recipe


def _resolve_data_path(document: Document) -> None:
    """Make ``dataset.path`` absolute: the file's is relative to it, an override's to the shell."""
    dataset = document.value.get("dataset")
    if isinstance(dataset, dict) and isinstance(dataset.get("path"), str) and dataset["path"]:
        place = document.locate(("dataset", "path"))
        is_from_file = place is not None and place.line is not None
        folder = Path(place.file).parent if place and is_from_file else Path()
        dataset["path"] = str((folder / os.path.expanduser(dataset["path"])).absolute())


def _in_order_of_file(problem: Problem) -> tuple[str, int, int]:
    place = problem.location
    return (place.file, place.line or 0, place.column or 0) if place else ("", 0, 0)


def _read_with_bases(file: Path, readers: tuple[Path, ...]) -> Document:
    """Read a recipe and merge it over the base that it extends."""
    document = read_yaml(file)
    tree = document.value
    if not isinstance(tree, dict) or "extends" not in tree:
        return document
    place = document.locate(("extends",))
    base_name = tree.pop("extends")
    if not isinstance(base_name, str):
        message = (
            f"extends must be the file name of another recipe (received: {write_value(base_name)})."
        )
        raise RecipeError([Problem(("extends",), message, place)])
    base_file = file.parent / base_name
    chain = (*readers, file.resolve())
    if base_file.resolve() in chain:
        names = " → ".join(path.name for path in (*chain, base_file))
        message = f"Recipes may not extend each other in a circle: {names}."
        raise RecipeError([Problem(("extends",), message, place)])
    if not base_file.is_file():
        nearby = [path.name for path in file.parent.glob("*.yaml") if path != file]
        message = f"There is no recipe {base_file}. {suggest(base_name, nearby)}"
        raise RecipeError([Problem(("extends",), message.rstrip(), place)])
    base = _read_with_bases(base_file, chain)
    if not isinstance(base.value, dict):
        raise RecipeError([Problem(("extends",), f"{base_file} holds no recipe.", place)])
    # A base's own name and description say nothing of a recipe built on it.
    for key in ("name", "description"):
        base.value.pop(key, None)
    _leave_one_source(base, document.value.get("dataset"))
    _merge(base, document, ())
    base.problems += document.problems
    return base


def _leave_one_source(document: Document, change: Any) -> None:
    """Remove where the rows came from, if a change of ``dataset`` says where else."""
    dataset = document.value.get("dataset")
    if isinstance(dataset, dict) and isinstance(change, dict) and change.keys() & set(SOURCES):
        for key in set(SOURCES) - change.keys():
            dataset.pop(key, None)


def _merge(base: Document, child: Document, path: KeyPath) -> None:
    """Merge the child's mapping at a path into the base's: mappings merge, all else replaces."""
    into, entries = _get(base.value, path), _get(child.value, path)
    for key, value in entries.items():
        here = (*path, key)
        old = into.get(key)
        both_map = isinstance(value, dict) and isinstance(old, dict)
        # Components of different names replace each other.
        if both_map and (old.keys() == value.keys() or not find_place_category(here)):
            _merge(base, child, here)
        else:
            into[key] = value
            _replace_places(base, child, here)
        if here in child.keys:
            base.keys[here] = child.keys[here]


def _replace_places(base: Document, child: Document, path: KeyPath) -> None:
    for places, new in ((base.keys, child.keys), (base.values, child.values)):
        for known in [known for known in places if known[: len(path)] == path]:
            del places[known]
        places.update({p: place for p, place in new.items() if p[: len(path)] == path})


def _apply_override(document: Document, override: str) -> None:
    """Set one value of a recipe from "key=value"."""
    place = Location(f"override {override}")
    key, equals, text = override.partition("=")
    path = tuple(
        int(part) if i and part.isdigit() else part
        for i, part in enumerate(re.findall(r"[^.\[\]]+", key.strip()))
    )
    try:
        if not equals or not path:
            raise _WrongOverride((), "An override is written key=value, such as epochs=10.")
        if path == ("extends",):
            raise _WrongOverride(path, "The recipe's file says what it extends. Write it there.")
        parsed = parse_yaml(text, place.file)
        parent = document.value
        for i in range(len(path) - 1):
            parent = _step_into(parent, path[: i + 1], path[i + 1 :], text)
        _check_step(parent, path, (), text)
    except _WrongOverride as error:
        raise RecipeError([Problem(error.path, error.message, place)]) from None
    except RecipeError as error:
        raise RecipeError([Problem(p.path, p.message, place) for p in error.problems]) from None
    if path[:-1] == ("dataset",):
        _leave_one_source(document, {path[-1]: parsed.value})
    parent[path[-1]] = parsed.value
    here = Document(None, {path: place}, {(*path, *inner): place for inner in parsed.values})
    here.keys |= {(*path, *inner): place for inner in parsed.keys}
    _replace_places(document, here, path)
    for i in range(1, len(path) + 1):
        document.values.setdefault(path[:i], place)


class _WrongOverride(Exception):
    """An override that leads nowhere: the path where it strays, and what to write instead."""

    def __init__(self, path: KeyPath, message: str) -> None:
        self.path, self.message = path, message


def _step_into(parent: Any, path: KeyPath, rest: KeyPath, text: str) -> Any:
    """Go one step down towards an overridden value, making room where the recipe has none."""
    _check_step(parent, path, rest, text)
    part: Any = path[-1]
    following = rest[0]
    child = parent[part] if isinstance(parent, list) else parent.get(part)
    if child is None and isinstance(following, int):
        child = []
    elif child is None:
        child = parent[part] = {}
    elif isinstance(child, str) and str(following).lower() == child.lower():
        child = parent[part] = {child if following == child else following: {}}
    elif isinstance(child, str) and find_place_category(path):
        _check_step({child: {}}, (*path, following), rest[1:], text)
    if not isinstance(child, dict | list):
        message = f"{format_path(path)} is {write_value(child)}, which has no keys."
        raise _WrongOverride(path, f"{message} Write {_dot(path)}=...")
    return child


def _check_step(parent: Any, path: KeyPath, rest: KeyPath, text: str) -> None:
    """Check that a list has the item, and that a component is entered by its own name."""
    above, part = path[:-1], path[-1]
    if isinstance(parent, list) and not (isinstance(part, int) and part < len(parent)):
        if not parent:
            message = f"{format_path(above)} is empty. Write {_dot(above)}='[...]'"
        else:
            message = (
                f"{format_path(above)} is a list of {len(parent)}: name one by its number, "
                f"0 to {len(parent) - 1} (received: {part})."
            )
        raise _WrongOverride(path, message)
    category = find_place_category(above) if above else None
    if category and isinstance(parent, dict) and len(parent) == 1 and part not in parent:
        (name,) = parent
        if find_canonical_name(category, str(part)):
            remedy = f"To change that, write {_dot(above)}='{{{part}: {{...}}}}'"
        else:
            remedy = f"Write {_dot((*above, name, part, *rest))}={text}"
        raise _WrongOverride(path, f"{format_path(above)} is {name}. {remedy}")


def _dot(path: KeyPath) -> str:
    return ".".join(map(str, path))


def _get(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value[part]
    return value


def _describe(error: Any, document: Document) -> Problem | None:
    """Word one of pydantic's errors as ours, or None where another message says it."""
    path = tuple(part for part in error["loc"] if not str(part).startswith("function-"))
    kind, received, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "value_error":
        return None  # a malformed component: check_components has reported it
    is_name = "[key]" in path
    # pydantic names the members of a union between its key and what stands in it.
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
            if any(find_meant(str(given), [key]) for given in _get(document.value, path)):
                return None  # misspelt, and reported as such
            owner = format_path(path) or "A recipe"
            message = f"{owner} needs the key '{key}'{_EXAMPLES.get(key, '')}."
        case "extra_forbidden" | "invalid_key":
            path = (*path[:-1], str(path[-1]))
            model = _find_model(path)
            names = [*model.model_fields, *(["extends"] if model is Recipe else [])]
            message = f"There is no key '{path[-1]}' here. {suggest(path[-1], names)}"
            location = document.keys.get(path)
        case "literal_error" if key == "class_weight" and isinstance(received, dict):
            return None  # the weight that is wrong has an error of its own
        case "literal_error" if key == "header" and isinstance(received, list) and received:
            return None  # the name that is wrong has an error of its own
        case "string_type" if key == "target" and isinstance(received, list) and received:
            return None  # the name that is wrong has an error of its own
        case _ if is_name:
            text = write_value(received)
            message = f"{key} needs names that are text (received: {text}). Write '{text}'."
            location = document.keys.get((*path, str(received)))
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
                example = f". Write {key}: {{name: {received}}}"
            message = f"{key} must be a mapping (received: {write_value(received)}){example}"
        case _:
            rule = _RULES.get(kind, "has a value that does not fit").format(**context)
            message = f"{key} {rule} (received: {write_value(received)})."
    return Problem(path, message, location or document.locate(path))


def _find_model(path: KeyPath) -> type[BaseModel]:
    """The model whose key stands at the end of a path."""
    match path:
        case ("dataset", "csv", _):
            return CsvSpec
        case ("dataset", "excel", _):
            return ExcelSpec
        case ("dataset", "missing_values", _):
            return MissingValues
        case ("dataset", "crosses", int(), _):
            return CrossSpec
        case ("dataset", _):
            return DatasetSpec
    return Recipe


def _describe_choice(key: str, received: Any, choices: Sequence[str]) -> str:
    word = str(received).lower() if isinstance(received, bool) else str(received)
    return f"{key} has no choice {write_value(received)}. {suggest(word, choices)}"


def _describe_no_list(key: str, received: Any) -> str:
    if received is None:
        remedy = f"Write {key}: [], or remove the key."
        if key in _EXAMPLES:
            remedy = f"Write {_EXAMPLES[key].removeprefix(', such as ')}"
    elif split_component(received):
        remedy = f"Write {key}: {write_value([received])}"
    else:
        remedy = "Start each item with '- '."
    return f"{key} must be a list (received: {write_value(received)}). {remedy}"


_ABOUT_KEYS = ("missing", "extra_forbidden", "invalid_key")
_WORDS = {"jit_compile": ("auto", "true", "false")}
_UNIONS = {
    "class_weight": "balanced, or a weight by class such as {cat: 1, dog: 2.5}",
    "target": "a column's name, or a list of names",
    "decimal": "'.' or ','",
    "openml": "a data set's name or number",
    "missing_values": "a list of texts and numbers, or {add: [...], keep: [...]}",
    "add": "a list of texts and numbers",
    "delimiter": "one character, or whitespace",
    "header": "none, first, or a list of column names",
    "sheet": "a sheet's name, or its place counted from 1",
}
"""Keys whose value has several forms, of each of which pydantic complains separately."""
_RULES = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must be {max_length} character long",
    "too_short": "must hold {min_length} or more",
    "too_long": "must hold {max_length} at most",
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
    "name": f", one of {', '.join(get_args(DatasetName))}",
}
