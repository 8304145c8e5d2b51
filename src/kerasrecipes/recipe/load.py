"""A recipe's sources (file, bases, changes) merged to one document and checked."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasrecipes.errors import InputError, KeyPath, Location, Problem, RecipeError, format_path
from kerasrecipes.recipe.components import find_place_category, split_component
from kerasrecipes.recipe.keras_names import list_bases
from kerasrecipes.recipe.names import find_meant, make_printable, suggest
from kerasrecipes.recipe.recipe import Recipe
from kerasrecipes.recipe.schema import parse_path
from kerasrecipes.recipe.yaml_file import Document, parse_yaml, read_python, read_yaml, write_value

_DEEPEST = 50
"""The most bases of a recipe, and the most parts of a path."""


def load_recipe(
    source: str | os.PathLike[str] | Mapping[str, Any] | Recipe,
    overrides: str | Sequence[str] = (),
    *,
    needs_source: bool = True,
    **keys: Any,
) -> Recipe:
    """Load a recipe and check all of it, without importing TensorFlow.

    Args:
        source: A YAML file, the name of a recipe that the package ships, a mapping with a
            recipe's keys, or a Recipe to change.
        overrides: Changes such as "epochs=10" or "layers.2.Dense.units=200", checked like the
            file itself.
        needs_source: Whether ``dataset`` must say where the rows come from.
        keys: Top-level keys of a recipe, such as ``epochs=10``; they replace those of the source.

    Raises:
        RecipeError: With every problem of the file and of the changes.
        InputError: The source or a change is of another type.
    """
    given: Any = source
    is_source = isinstance(given, str | os.PathLike | Mapping | Recipe)
    wrong = [] if is_source else [given]
    overrides = [overrides] if isinstance(overrides, str) else overrides
    wrong += [change for change in overrides if not isinstance(change, str)]
    if wrong:
        raise InputError(
            "A recipe is a file, a mapping or a Recipe, and a change of it a text such as "
            f"'epochs=10' (received: {type(wrong[0]).__name__}). Rows are given by name: data=..."
        )
    if isinstance(source, Recipe):
        document, name = copy.deepcopy(source._document), source.name
    elif isinstance(source, Mapping):
        document, name = _add_bases(read_python(source), Path(), ()), "recipe"
    else:
        file = _find_file(Path(source))
        document = _add_bases(read_yaml(file), file.parent, (file.resolve(),))
        name = make_printable(os.fsencode(file.stem).decode("utf-8", "replace"))
    if isinstance(document.value, dict):
        changes: list[str | tuple[str, Any]] = [*overrides, *keys.items()]
        for change in changes:
            try:
                _set_value(document, *_read_change(change))
            except RecipeError as error:
                document.problems += error.problems
        document.value.setdefault("name", name)
        _resolve_paths(document)
    return Recipe.model_validate(document, context={"needs_source": needs_source})


class Draft:
    """A copy of a recipe, whose values are replaced one by one before it is checked."""

    def __init__(self, recipe: Recipe) -> None:
        self._document = copy.deepcopy(recipe._document)

    def set(self, path: KeyPath, value: Any, place: KeyPath) -> None:
        """Set the value at a path, as if it were written at another place."""
        change = Document(copy.deepcopy(value), {(): self._document.locate(place)})
        _set_value(self._document, path, change)

    def finish(self, name: str) -> Recipe:
        """Name and check the recipe; RecipeError has every problem."""
        self._document.value["name"] = name
        _resolve_paths(self._document)
        return Recipe.model_validate(self._document)


def list_shipped() -> dict[str, Path]:
    """The recipes that the package ships, by name."""
    package = Path(__file__).parents[1]
    folders = (package / "configs", package.parents[1] / "configs")  # installed; a checkout
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}


def _find_file(file: Path) -> Path:
    """The file itself, or the recipe that the package ships under this name."""
    shipped = {} if os.path.exists(file) else list_shipped()
    meant = file.stem if file.suffix else find_meant(file.stem, shipped)
    if meant not in shipped:
        return file
    if meant != str(file):
        message = f"There is no such file. The package ships a recipe '{meant}'. Write: {meant}"
        raise RecipeError([Problem((), message, Location(str(file)))])
    return shipped[meant]


def _resolve_paths(document: Document) -> None:
    """Make paths absolute: a file's are relative to it, all others to the shell."""
    tree = document.value
    owners: dict[KeyPath, Any] = {("dataset", "path"): tree.get("dataset")}
    layers = tree.get("layers")
    for i, layer in enumerate(layers if isinstance(layers, list) else ()):
        name, arguments = split_component(layer) or ("", {})
        if name in ("Embedding", *list_bases()) and arguments.get("weights") != "imagenet":
            owners["layers", i, name, "weights"] = arguments
        owners["layers", i, name, "vocabulary"] = arguments
    for path, owner in owners.items():
        value = owner.get(path[-1]) if isinstance(owner, dict) else None
        if isinstance(value, str) and value:
            place = document.locate(path)
            folder = Path(place.file).parent if place and place.line else Path()
            owner[path[-1]] = str((folder / os.path.expanduser(value)).absolute())


def _add_bases(document: Document, folder: Path, chain: tuple[Path, ...]) -> Document:
    """Merge a recipe of a folder over the base that it extends; ``chain`` are the files so far."""
    tree = document.value
    if not isinstance(tree, dict) or "extends" not in tree:
        return document
    place, base_name = document.locate(("extends",)), tree.pop("extends")
    file, message, base = folder / str(base_name), "", Document({})
    if not os.path.isfile(file):
        nearby = {path.name for path in folder.glob("*.yaml") if path.is_file()}
        remedy = suggest(str(base_name), nearby - {path.name for path in chain})
        message = f"There is no recipe {write_value(base_name)}. {remedy}"
    elif file.resolve() in chain:
        names = " → ".join(path.name for path in (*chain, file.resolve()))
        message = f"Recipes may not extend each other in a circle: {names}."
    elif len(chain) > _DEEPEST:
        message = f"A recipe may extend at most {_DEEPEST} others, directly or through each other."
    else:
        base = _add_bases(read_yaml(file), file.parent, (*chain, file.resolve()))
    if not isinstance(base.value, dict):
        message = f"{file} contains no recipe."
    if message:
        raise RecipeError([Problem(("extends",), message.rstrip(), place)])
    # A recipe does not inherit the name and description of its base.
    for key in ("name", "description"):
        base.value.pop(key, None)
    _merge(base, document, ())
    base.problems += document.problems
    return base


def _merge(base: Document, child: Document, path: KeyPath) -> None:
    """Merge the child's mapping at a path into the base's: mappings merge, all else replaces."""
    into = base.get(path)
    for key, value in child.get(path).items():
        here, old = (*path, key), into.get(key)
        both_map = isinstance(value, dict) and isinstance(old, dict)
        # Components of different names replace each other.
        if both_map and (old.keys() == value.keys() or not find_place_category(here)):
            _merge(base, child, here)
        else:
            base.put(here, child, here)


def _read_change(change: str | tuple[str, Any]) -> tuple[KeyPath, Document]:
    """The path and the value of "key=value", or of a keyword argument."""
    if isinstance(change, tuple):
        key, value = change
        return (key,), read_python(value, (key,), Location(f"argument {key}"))
    place = Location(f"override {change}")
    key, equals, text = change.partition("=")
    path = parse_path(key)
    if not equals or not 0 < len(path) < _DEEPEST:
        message = "An override is written key=value, such as epochs=10."
        raise RecipeError([Problem((), message, place)])
    # A delimiter or the sign of comments, which would be syntax to YAML.
    if text[:1] == "#" or (len(text) == 1 and text in ":|,*&!%@>?-\t"):
        return path, Document(text, {(): place}, place=place)
    return path, parse_yaml(text, place.file, place)


def _set_value(document: Document, path: KeyPath, change: Document) -> None:
    """Set the value at a path, and create missing mappings on the way."""
    place = change.places[()]

    def refuse(at: KeyPath, message: str) -> RecipeError:
        return RecipeError([Problem(at, message, place)])

    if path == ("extends",):
        raise refuse(path, "A base is named in the recipe itself. Write extends there.")
    parent: Any = document.value
    part: Any
    for i, part in enumerate(path):
        above, here, rest = path[:i], path[: i + 1], path[i + 1 :]
        if isinstance(parent, list) and not (isinstance(part, int) and part < len(parent)):
            what = f"{format_path(above)} is a list of {len(parent)}"
            raise refuse(here, f"{what}. Name an item by its number, from 0 (received: {part}).")
        is_component = above and find_place_category(above) and len(parent) == 1
        if is_component and part not in parent:
            (name,) = parent
            what = f"{format_path(above)} is {name}. Its arguments follow {_dot((*above, name))}."
            raise refuse(here, f"{what} To replace it, write {_dot(above)}=...")
        if not rest:
            break
        child: Any = parent[part] if isinstance(parent, list) else parent.get(part)
        if child is None:
            child = {}
        elif isinstance(child, str) and find_place_category(here):
            is_same = str(rest[0]).lower() == child.lower()
            child = {rest[0] if is_same else child: {}}
        elif not isinstance(child, dict | list):
            message = f"{format_path(here)} is {write_value(child)}, which has no keys."
            raise refuse(here, f"{message} Write {_dot(here)}=...")
        parent[part] = child
        document.places.setdefault(here, place)
        parent = child
    document.put(path, change)
    for each in change.problems:
        document.problems.append(Problem((*path, *each.path), each.message, place))


def _dot(path: KeyPath) -> str:
    return ".".join(map(str, path))
