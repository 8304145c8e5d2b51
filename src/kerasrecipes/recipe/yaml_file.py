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
from kerasrecipes.recipe.suggest import suggest

MAX_NODES = 10_000
"""More values than any recipe has; aliases that multiply each other stop here."""

_FRACTION = "!fraction"
_INT = re.compile(r"[-+]?[0-9]{1,4000}$|0o[0-7]+$|0x[0-9a-fA-F]+$")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"
    r"|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
)
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"(~|null|Null|NULL|)$")
_RESOLVERS = (
    ("tag:yaml.org,2002:bool", _BOOL, "tTfF"),
    ("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""]),
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

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, list(_first))
    _Dumper.add_implicit_resolver(_tag, _pattern, list(_first))
_Dumper.add_representer(
    Fraction, lambda dumper, value: dumper.represent_scalar(_FRACTION, value.text)
)
# PyYAML writes these line breaks unescaped unless in double quotes, and reads them as spaces.
_Dumper.add_representer(
    str,
    lambda dumper, value: dumper.represent_scalar(
        "tag:yaml.org,2002:str",
        value,
        style='"' if re.search("[\x85\u2028\u2029]", value) else None,
    ),
)


@dataclass
class Document:
    """A YAML text as plain Python values, and where each of them stands.

    Attributes:
        value: Mappings, lists, strings, numbers, booleans and None.
        keys: Where the key of each mapping entry stands.
        values: Where each value stands.
        problems: Keys given twice; the first of each counts, so that all else can be checked.
    """

    value: Any
    keys: dict[KeyPath, Location] = field(default_factory=dict)
    values: dict[KeyPath, Location] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

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
        return parse_yaml(file.read_text(encoding="utf-8-sig"), str(file))
    except FileNotFoundError:
        nearby = [str(path) for path in file.parent.glob("*.y*ml")]
        message = f"There is no such file. {suggest(str(file), nearby)}"
    except IsADirectoryError:
        message = "This is a folder. Give the recipe file in it."
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"Line {line} is not UTF-8 text. Save the file with the encoding UTF-8."
    except OSError as error:
        message = f"The file cannot be read: {error.strerror}."
    raise RecipeError([Problem((), message.rstrip(), Location(str(file)))])


def parse_yaml(text: str, file: str) -> Document:
    """Read YAML from a text; ``file`` is the name that locations give.

    Raises:
        RecipeError: The text is not YAML, or asks for Python objects.
    """
    document, builder = Document(None), _Builder(file)
    try:
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            document.value = builder.build(node, (), document)
    except yaml.MarkedYAMLError as error:
        raise RecipeError([_syntax_problem(error, file)]) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = f"The character {chr(error.character)!a} is not allowed here. Remove it."
        raise RecipeError([Problem((), message, Location(file, line))]) from None
    except RecursionError:
        message = "Lists and mappings are nested too deeply."
        raise RecipeError([Problem((), message, Location(file))]) from None
    if builder.problems:
        raise RecipeError([*document.problems, *builder.problems])
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


def write_value(value: Any, length: int = 60) -> str:
    """A value as a recipe would hold it, in one line, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = f"'{value}'"
    else:
        text = yaml.dump(
            value,
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=True,
            width=float("inf"),
        )
        text = text.removesuffix("...\n").strip()
    return text if len(text) <= length else f"{text[: length - 1]}…"


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
            if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN_TAGS:
                return self._refuse_tag(node, path)
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
                message = (
                    f"The key '{key_node.value}' is given twice (first in line "
                    f"{first_seen[key]}). Keep one of them."
                )
                document.problems.append(Problem(step, message, self._location(key_node)))
                continue
            first_seen[key] = key_node.start_mark.line + 1
            document.keys[step] = self._location(key_node)
            yield key, self.build(value_node, step, document)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        text = node.value
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str":
                return text
            case "null" if _NULL.match(text):
                return None
            case "bool" if _BOOL.match(text):
                return text.lower() == "true"
            case "int" if _INT.match(text):
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            case "float" if _FLOAT.match(text):
                return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
            case "!fraction":
                try:
                    return Fraction(text)
                except (ValueError, ZeroDivisionError):
                    self._report(node, path, f"'{text}' is not a number: write another fraction.")
                    return None
        return self._refuse_tag(node, path)

    def _refuse_tag(self, node: yaml.Node, path: KeyPath) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        message = f"A recipe holds plain values, no YAML tags (received: {tag}). Remove the tag."
        self._report(node, path, message)

    def _location(self, node: yaml.Node) -> Location:
        return Location(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _report(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(path, message, self._location(node)))


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    said, where = error.problem or str(error), error.problem_mark or error.context_mark
    opened = error.context_mark.line + 1 if error.context_mark else 1
    message = f"This is not YAML: {said}."
    for words, meaning, at_start in _SYNTAX:
        if words in said:
            message = meaning.format(opened=opened)
            where = error.context_mark if at_start and error.context_mark else where
            break
    location = Location(file, where.line + 1, where.column + 1) if where else Location(file)
    return Problem((), message, location)


_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_SYNTAX = (
    (
        "<stream end>",
        "A bracket is opened and never closed. Close it.",
        True,
    ),
    (
        "expected ',' or",
        "A comma is missing before this place, or the bracket opened in line {opened} is not "
        "closed before it.",
        False,
    ),
    (
        "mapping values are not allowed",
        "There is one ': ' too many in this line. Put text that holds ': ' in quotes; in a list, "
        "start each item with '- ' in the same column.",
        False,
    ),
    (
        "could not find expected ':'",
        "A key is followed by a colon and a space: 'key: value'. Write this line so.",
        True,
    ),
    (
        "'\\t'",
        "This line is indented with a tab. Indent with spaces.",
        False,
    ),
    (
        "expected <block end>",
        "This line does not fit the lines above. Lines of one list or mapping start in the same "
        "column, and each item of a list with '- '.",
        False,
    ),
    (
        "another document",
        "A recipe is one document. Remove the line '---'.",
        False,
    ),
    (
        "found unexpected end of stream",
        "A quote is opened and never closed. Close it.",
        True,
    ),
    (
        "undefined alias",
        "Text that starts with '*' goes in quotes. (To YAML '*' repeats a value marked with '&', "
        "and there is none of this name.)",
        False,
    ),
    (
        "cannot start any token",
        "Text that starts with this character goes in quotes.",
        False,
    ),
)
"""PyYAML's words for a slip, what it means for a person, and whether it lies where PyYAML began."""
