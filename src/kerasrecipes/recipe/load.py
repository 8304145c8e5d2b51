"""Recipe file, its bases and its overrides, to a checked Recipe; or every problem at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from kerasrecipes.errors import KeyPath, Location, Problem, RecipeError, format_path
from kerasrecipes.recipe.components import PLACES, check_components, split_component
from kerasrecipes.recipe.rules import check_rules
from kerasrecipes.recipe.schema import DatasetSpec, Recipe
from kerasrecipes.recipe.suggest import suggest
from kerasrecipes.recipe.yaml_file import Document, parse_yaml, read_yaml


def load_recipe(file: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe and check all of it, without importing TensorFlow.

    Args:
        file: A YAML file.
        overrides: Changes such as "epochs=10" or "layers.2.Dense.units=200", checked like the
            file itself.

    Raises:
        RecipeError: With every problem of the file and of the overrides, in order.
    """
    file = Path(file)
    document = _read_with_bases(file, ())
    problems: list[Problem] = []
    for override in overrides:
        try:
            _apply_override(document, override)
        except RecipeError as error:
            problems += error.problems
    return _check(document, file, problems)


def _check(document: Document, file: Path, problems: list[Problem]) -> Recipe:
    tree = document.value
    if not isinstance(tree, dict):
        message = "A recipe is a mapping with the keys dataset, layers, loss, ... at its top level."
        raise RecipeError([*problems, Problem((), message, Location(str(file), 1, 1))])
    tree.setdefault("name", file.stem)
    wrong, warnings = check_rules(document)
    problems = [*problems, *check_components(document), *wrong]
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        problems += [_describe(details, document) for details in error.errors()]
    if problems:
        raise RecipeError(sorted(dict.fromkeys(problems), key=_in_order_of_file))
    recipe._document, recipe._warnings = document, warnings
    return recipe


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
        message = f"extends must be the file name of another recipe (received: {base_name!r})."
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
    _merge(base, document, ())
    return base


def _merge(base: Document, child: Document, path: KeyPath) -> None:
    """Merge the child's mapping at a path into the base's: mappings merge, all else replaces."""
    into, entries = _get(base.value, path), _get(child.value, path)
    for key, value in entries.items():
        here = (*path, key)
        old = into.get(key)
        if isinstance(value, dict) and isinstance(old, dict) and not _is_other(here, old, value):
            _merge(base, child, here)
        else:
            into[key] = value
            _replace_places(base, child, here)
        if here in child.keys:
            base.keys[here] = child.keys[here]


def _is_other(path: KeyPath, old: dict[Any, Any], new: dict[Any, Any]) -> bool:
    """Whether two mappings are components of different names, which replace each other."""
    return len(path) == 1 and path[0] in PLACES and old.keys() != new.keys()


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
        int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key.strip())
    )
    if not equals or not path:
        message = "An override is written key=value, such as epochs=10."
        raise RecipeError([Problem((), message, place)])
    parsed = parse_yaml(text, place.file)
    parent = document.value
    for i, part in enumerate(path[:-1]):
        parent = _step_into(parent, part, path[: i + 1], path[i + 1], place)
    last = path[-1]
    if isinstance(parent, list):
        _check_index(parent, last, path, place)
    parent[last] = parsed.value
    here = Document(None, {path: place}, {(*path, *inner): place for inner in parsed.values})
    here.keys |= {(*path, *inner): place for inner in parsed.keys}
    _replace_places(document, here, path)


def _step_into(
    parent: Any, part: str | int, path: KeyPath, following: str | int, place: Location
) -> Any:
    """Go one step down towards an overridden value, making room where the recipe has none."""
    if isinstance(parent, list):
        part = _check_index(parent, part, path, place)
        child = parent[part]
    else:
        child = parent.get(part)
    if child is None:
        child = parent[part] = {}
    elif isinstance(child, str) and str(following).lower() == child.lower():
        child = parent[part] = {child if following == child else following: {}}
    if not isinstance(child, dict | list):
        example = f"{format_path(path)}='{{{child}: {{{following}: ...}}}}'"
        message = f"{format_path(path)} is '{child}', which has no keys. Write {example}"
        raise RecipeError([Problem(path, message, place)])
    return child


def _check_index(items: list[Any], index: str | int, path: KeyPath, place: Location) -> int:
    if not isinstance(index, int) or index >= len(items):
        message = (
            f"{format_path(path[:-1])} is a list of {len(items)}: name one by its number, "
            f"0 to {len(items) - 1} (received: {index})."
        )
        raise RecipeError([Problem(path, message, place)])
    return index


def _get(value: Any, path: KeyPath) -> Any:
    for part in path:
        value = value[part]
    return value


def _describe(error: Any, document: Document) -> Problem:
    """Word one of pydantic's errors as ours."""
    path = tuple(part for part in error["loc"] if not str(part).startswith("function-"))
    kind, received, context = error["type"], error["input"], error.get("ctx", {})
    # pydantic names the members of a union after the key that holds it.
    while len(path) > 1 and path not in document.values and kind not in _ABOUT_KEYS:
        path = path[:-1]
    key = str(path[-1]) if path else ""
    got = f"(received: {received!r})"
    location = document.keys.get(path) if kind == "extra_forbidden" else None
    match kind:
        case "missing":
            message = f"A recipe needs the key '{key}'{_EXAMPLES.get(key, '')}."
            path = path[:-1]
        case "extra_forbidden":
            model = DatasetSpec if path[0] == "dataset" else Recipe
            names = [*model.model_fields, *(["extends"] if model is Recipe else [])]
            message = f"There is no key '{key}' here. {suggest(key, names)}"
        case "literal_error" | "bool_type" if key in _WORDS:
            message = f"{key} has no choice {received!r}. {suggest(str(received), _WORDS[key])}"
        case "literal_error":
            choices = [word.strip(" '") for word in re.split(",| or ", context["expected"])]
            what = "report" if path[0] == "report" else key
            message = f"{what} has no choice {received!r}. {suggest(str(received), choices)}"
        case "list_type":
            example = f"[{received}]" if split_component(received) else "[...]"
            message = f"{key} must be a list {got}. Write {key}: {example}"
        case "model_type" | "dict_type":
            message = f"{key} must be a mapping {got}{_EXAMPLES.get(key, '')}."
        case "int_type" | "int_from_float":
            message = f"{key} must be a whole number {got}."
        case "value_error":
            message = f"{error['msg'].removeprefix('Value error, ')} {got}."
        case _:
            message = f"{key}: {error['msg'].replace('Input should', 'it should')} {got}."
    return Problem(path, message, location or document.locate(path))


_ABOUT_KEYS = ("missing", "extra_forbidden")
_WORDS = {"jit_compile": ("auto", "true", "false")}
_EXAMPLES = {
    "dataset": ", such as dataset: {name: fashion_mnist}",
    "layers": ", such as layers: [Flatten, Dense: {units: 10, activation: softmax}]",
    "loss": ", such as loss: sparse_categorical_crossentropy",
    "name": f", one of {', '.join(get_args(DatasetSpec.model_fields['name'].annotation))}",
}
