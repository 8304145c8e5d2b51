"""YAML as YAML 1.2 means it, with the line and column of every value.

PyYAML reads YAML 1.1: ``1e-3`` is text to it, ``on`` is true, and of two equal keys the last one
wins in silence. The classes below read and write the core schema of YAML 1.2 (chapter 10.3 of
its specification) and leave PyYAML's own loaders as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kerasrecipes.errors import KeyPath, Location, Problem, RecipeError

MAX_NODES = 10_000
"""More values than any recipe has; aliases that multiply each other stop here."""

_FRACTION = "!fraction"
_INT = re.compile(r"[-+]?[0-9]+$|0o[0-7]+$|0x[0-9a-fA-F]+$")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"
    r"|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
)
_RESOLVERS = (
    ("tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", _INT, "-+0123456789"),
    ("tag:yaml.org,2002:float", _FLOAT, "-+.0123456789"),
    (_FRACTION, re.compile(r"[-+]?[0-9]+(\.[0-9]*)?/[0-9]+(\.[0-9]*)?$"), "-+0123456789"),
)


class Fraction(float):
    """A number written as a fraction; it prints and saves the way it was written."""

    def __new__(cls, text: str) -> Fraction:
        """Read ``1/255``.

        Raises:
            ZeroDivisionError: The part below the line is zero.
        """
        above, below = text.split("/")
        number = super().__new__(cls, float(above) / float(below))
        number.text = text
        return number

    text: str

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[type[Fraction], tuple[str]]:
        return Fraction, (self.text,)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_first))
_Dumper.add_representer(
    Fraction, lambda dumper, value: dumper.represent_scalar(_FRACTION, value.text)
)


@dataclass
class Document:
    """A YAML text as plain Python values, and where each of them stands.

    Attributes:
        value: Mappings, lists, strings, numbers, booleans and None.
        keys: Where the key of each mapping entry stands.
        values: Where each value stands.
    """

    value: Any
    keys: dict[KeyPath, Location] = field(default_factory=dict)
    values: dict[KeyPath, Location] = field(default_factory=dict)

    def locate(self, path: KeyPath) -> Location | None:
        """Find the value at a path, or the nearest thing around it that stands in a file."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path)


def read_yaml(file: Path) -> Document:
    """Read a YAML file.

    Raises:
        RecipeError: The file cannot be read, or is not YAML; carries every problem found.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError([Problem((), "There is no such file.", Location(str(file)))]) from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"The file cannot be read as UTF-8 text: {error}"
        raise RecipeError([Problem((), message, Location(str(file)))]) from None
    return parse_yaml(text, str(file))


def parse_yaml(text: str, file: str) -> Document:
    """Read YAML from a text; ``file`` is the name that locations give.

    Raises:
        RecipeError: The text is not YAML, repeats a key, or asks for Python objects.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise RecipeError([_syntax_problem(error, file)]) from None
    except yaml.YAMLError as error:
        raise RecipeError([Problem((), f"This is not YAML: {error}", Location(file))]) from None
    builder = _Builder(file)
    document = Document(None)
    if node is not None:
        document.value = builder.build(node, (), document)
    if builder.problems:
        raise RecipeError(builder.problems)
    return document


def dump_yaml(value: Any) -> str:
    """Write plain values as YAML that ``parse_yaml`` reads back unchanged."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )
    return text


class _Builder:
    """Turns PyYAML's nodes into plain values, and collects what is wrong on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._n_nodes = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: KeyPath, document: Document) -> Any:
        document.values[path] = self._location(node)
        self._n_nodes += 1
        if self._n_nodes > MAX_NODES:
            if self._n_nodes == MAX_NODES + 1:
                self._report(node, path, f"A recipe may hold {MAX_NODES:,} values at the most.")
            return None
        if id(node) in self._open:
            self._report(node, path, "An alias may not contain itself.")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return dict(self._entries(node, path, document))
            if isinstance(node, yaml.SequenceNode):
                return [
                    self.build(child, (*path, i), document) for i, child in enumerate(node.value)
                ]
            return self._scalar(node, path)
        finally:
            self._open.remove(id(node))

    def _entries(
        self, node: yaml.MappingNode, path: KeyPath, document: Document
    ) -> Iterator[tuple[Any, Any]]:
        first_seen: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(key_node, path, "A key must be a word or a number.")
                continue
            key = self._scalar(key_node, path)
            step = (*path, key if isinstance(key, str) else key_node.value)
            if key in first_seen:
                self._report(
                    key_node,
                    step,
                    f"The key '{key_node.value}' is given twice (first in line "
                    f"{first_seen[key]}). Keep one of them.",
                )
                continue
            first_seen[key] = key_node.start_mark.line + 1
            document.keys[step] = self._location(key_node)
            yield key, self.build(value_node, step, document)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        text = node.value
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if _INT.match(text):
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            case "float" if _FLOAT.match(text):
                return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
            case "!fraction":
                try:
                    return Fraction(text)
                except (ValueError, ZeroDivisionError):
                    self._report(node, path, f"'{text}' is not a number.")
                    return None
        self._report(
            node,
            path,
            f"A recipe holds plain values, no YAML tags (received: {node.tag}). Remove the tag.",
        )
        return None

    def _location(self, node: yaml.Node) -> Location:
        return Location(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _report(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(path, message, self._location(node)))


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    location = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
    said = error.problem or str(error)
    remedy = ""
    if "expected ',' or" in said:
        remedy = " A comma is missing before this place, or a bracket after it."
    elif "\\t" in said:
        remedy = " Indent with spaces instead of tabs."
    elif "mapping values are not allowed" in said:
        remedy = " Put the value on a line of its own, or in quotes, or mend the indentation."
    elif "expected a single document" in said:
        remedy = " A recipe is one document: remove the line '---'."
    elif "block" in said or "block" in (error.context or ""):
        remedy = " Lines of one list or mapping must start in the same column."
    return Problem((), f"This is not YAML: {said}.{remedy}", location)
