"""Reads YAML 1.2, with the line and column of every value.

PyYAML reads YAML 1.1: ``1e-3`` is text to it, ``on`` is true, and of a key given twice the last
counts. The classes below read and write the core schema of YAML 1.2 (chapter 10.3).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kerasrecipes.errors import KeyPath, Location, Problem, RecipeError
from kerasrecipes.recipe.endings import ARRAYS, IMAGES, TABLES, find_ending
from kerasrecipes.recipe.names import make_printable, suggest

MAX_NODES = 20_000
MAX_DEPTH = 50
MAX_CHARACTERS = 1_000_000
KEY = -1  # see Document.places
_DATA = {*TABLES, *ARRAYS, *IMAGES} - {".txt", ".json"}

_FRACTION, _TEXT = "!fraction", "tag:yaml.org,2002:str"
DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?$")
_PATTERNS = {
    "tag:yaml.org,2002:bool": re.compile(r"(true|True|TRUE|false|False|FALSE)$"),
    "tag:yaml.org,2002:null": re.compile(r"(~|null|Null|NULL|)$"),
    "tag:yaml.org,2002:int": re.compile(
        r"[-+]?[0-9]{1,300}$|0o[0-7]{1,300}$|0x[0-9a-fA-F]{1,250}$"
    ),
    "tag:yaml.org,2002:float": re.compile(
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"
        r"|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
    ),
    _FRACTION: re.compile(r"[-+]?[0-9]+(\.[0-9]*)? ?/ ?(?![0.]+$)[0-9]+(\.[0-9]{0,300})?$"),
}
"""How values other than text are written, by their tags."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute
    n_nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node; a file of more nodes than a recipe has is not read to its end."""
        self.n_nodes += 1
        if self.n_nodes > MAX_NODES:
            raise yaml.MarkedYAMLError(problem="too many values")
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


for _tag, _pattern in _PATTERNS.items():
    _Loader.add_implicit_resolver(_tag, _pattern, None)
    _Dumper.add_implicit_resolver(_tag, _pattern, None)


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # PyYAML writes these line breaks unescaped unless in double quotes, and reads them as spaces.
    style = '"' if re.search("[\x85\u2028\u2029]", value) else None
    return dumper.represent_scalar(_TEXT, value, style=style)


def _represent_number(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    # 1/255 is as exact as all of its digits, and a person can read it.
    below = round(1 / value) if 1e-4 < value < 1 else 0
    if below and 1 / below == value and len(str(value)) > 15:
        return dumper.represent_scalar(_FRACTION, f"1/{below}")
    return dumper.represent_float(value)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_number)
_STYLE: dict[str, Any] = {"Dumper": _Dumper, "sort_keys": False, "allow_unicode": True}


@dataclass
class Document:
    """Plain Python values, and the place of each; None if it comes from Python."""

    value: Any
    places: dict[KeyPath, Location | None] = field(default_factory=dict)
    """By path; that of a mapping's key by the path of its value and KEY."""
    problems: list[Problem] = field(default_factory=list)
    """Keys given twice; the first of each counts, so that all else can be checked."""
    file: str = ""
    place: Location | None = None  # of all values, where these are no lines of a file

    def locate(self, path: KeyPath) -> Location | None:
        """Find the value at a path, or the nearest enclosing value that is from a file."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path)

    def get(self, path: KeyPath) -> Any:
        """The value at a path, which must be there."""
        value = self.value
        for part in path:
            value = value[part]
        return value

    def put(self, path: KeyPath, other: Document, at: KeyPath = ()) -> None:
        """Put the value that another document has at a path into this one, with its places."""
        self.get(path[:-1])[path[-1]] = other.get(at)
        for known in [known for known in self.places if known[: len(path)] == path]:
            del self.places[known]
        for known, place in other.places.items():
            if known[: len(at)] == at:
                self.places[path + known[len(at) :]] = place

    def read(self, node: yaml.Node, path: KeyPath) -> Any:
        """Turn PyYAML's node into plain values, and note their places."""
        self.places[path] = self._find(node)
        # An alias may contain itself, or many others.
        if len(self.places) > MAX_NODES or len(path) >= MAX_DEPTH:
            raise self._refuse(node, path, _TOO_LARGE)
        if isinstance(node, yaml.ScalarNode):
            return self._read_scalar(node, path)
        if node.tag not in _PLAIN_TAGS:
            raise self._refuse(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*path, i)) for i, child in enumerate(node.value)]
        return self._read_mapping(node, path)

    def _read_mapping(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key_node, value_node in _join_decimal_commas(node.value):
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._refuse(key_node, path, "A key must be a word or a number.")
            self._read_scalar(key_node, path)  # refuses tags
            key, place = key_node.value, self._find(key_node)
            if key in mapping:
                first = self.places[*path, key, KEY]
                where = f" (first in line {first.line})" if first and first.line else ""
                message = f"The key '{key}' is given twice{where}. Keep one of them."
                self.problems.append(Problem((*path, key), message, place))
                continue
            self.places[*path, key, KEY] = place
            mapping[key] = self.read(value_node, (*path, key))
        return mapping

    def _read_scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        text = node.value
        if node.tag == _TEXT:
            return text
        if node.tag not in _PATTERNS or not _PATTERNS[node.tag].match(text):
            raise self._refuse(node, path)
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            case "float":
                return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
        above, below = text.split("/")
        return float(above) / float(below)

    def _refuse(self, node: yaml.Node, path: KeyPath, message: str = "") -> RecipeError:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        rule = f"A recipe contains plain values, no YAML tags (received: {tag}). Remove the tag."
        return RecipeError([Problem(path, message or rule, self._find(node))])

    def _find(self, node: yaml.Node) -> Location:
        mark = node.start_mark
        return self.place or Location(self.file, mark.line + 1, mark.column + 1)


def read_yaml(file: Path) -> Document:
    """Read a YAML file; RecipeError where it cannot be read, or is not YAML."""
    try:
        mode = os.stat(file).st_mode
        if stat.S_ISDIR(mode):
            message = "This is a folder. Give a file, or continue a run: --resume (resume=True)."
        elif not stat.S_ISREG(mode):  # reading it may never end
            message = "This is a pipe or a device. Give a file."
        elif find_ending(file) in _DATA:
            message = f"This is a file of data. Write a recipe for it: kerasrecipes init {file}"
        else:
            with open(file, encoding="utf-8-sig") as stream:
                return parse_yaml(stream.read(MAX_CHARACTERS + 1), str(file))
    except FileNotFoundError:
        nearby = [path.name for path in file.parent.glob("*.y*ml") if path.is_file()]
        message = f"There is no such file. {suggest(file.name, nearby)}"
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"Line {line} is not UTF-8 text. Save the file with the encoding UTF-8."
    except (OSError, ValueError) as error:
        message = f"The file cannot be read: {getattr(error, 'strerror', error)}."
    raise RecipeError([Problem((), message.rstrip(), Location(str(file)))])


def parse_yaml(text: str, file: str, place: Location | None = None) -> Document:
    """Read YAML from a text; its values have places in the file, or all of them the one given."""
    document = Document(None, {(): place or Location(file, 1, 1)}, file=file, place=place)
    location, message = Location(file), _TOO_LARGE
    try:
        if len(text) <= MAX_CHARACTERS:
            node = yaml.compose(text, Loader=_Loader)
            document.value = None if node is None else document.read(node, ())
            return document
    except yaml.MarkedYAMLError as error:
        message, mark = _describe_syntax(error)
        location = Location(file, mark.line + 1, mark.column + 1) if mark else location
    except yaml.reader.ReaderError as error:
        location = Location(file, text[: error.position].count("\n") + 1)
        message = f"The character {chr(error.character)!a} is not allowed here. Remove it."
    except RecursionError:
        pass
    raise RecipeError([Problem((), message, place or location)])


def read_python(value: Any, name: KeyPath = (), location: Location | None = None) -> Document:
    """Read values of Python, all at one location: those that YAML has, and paths and arrays."""
    document = Document(None)

    def read(value: Any, path: KeyPath) -> Any:
        document.places[path] = location
        if len(path) > MAX_DEPTH or len(document.places) > MAX_NODES:
            raise RecipeError([Problem(name, _TOO_LARGE, location)])
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if isinstance(value, Mapping):
            return {str(key): read(inner, (*path, str(key))) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [read(inner, (*path, i)) for i, inner in enumerate(value)]
        if not isinstance(value, str | int | float | None):
            kind = value if isinstance(value, type) else type(value)
            message = (
                "A recipe cannot contain Python objects (received: "
                f"{kind.__module__}.{kind.__qualname__}). Write a name with arguments, such as "
                "{Adam: {learning_rate: 0.01}}; register a class or function of your own with "
                "keras.saving.register_keras_serializable, and write 'Package>Name'."
            )
            raise RecipeError([Problem((*name, *path), message, location)])
        return value

    document.value = read(value, ())
    return document


def dump_yaml(value: Any) -> str:
    """Write plain values as YAML that ``parse_yaml`` reads back unchanged."""
    return str(yaml.dump(value, default_flow_style=None, width=100, **_STYLE))


def write_value(value: Any, length: int = 60) -> str:
    """Write a value as in a recipe, in one line, for a message."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        text = f"'{make_printable(value)}'"
    else:
        text = yaml.dump(value, default_flow_style=True, width=float("inf"), **_STYLE)
        text = text.removesuffix("...\n").strip()
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _join_decimal_commas(entries: list[tuple[yaml.Node, yaml.Node]]) -> list[tuple[Any, Any]]:
    """Join what YAML reads as two entries: in braces, ``rate: 0,001`` becomes the text "0,001"."""
    joined: list[tuple[Any, Any]] = []
    for key, value in entries:
        name, before = joined[-1] if joined else (key, value)
        are_words = isinstance(before, yaml.ScalarNode) and isinstance(key, yaml.ScalarNode)
        is_next = before.end_mark.index + 1 == key.start_mark.index and not value.value
        text = f"{before.value},{key.value}" if are_words and is_next else ""
        if DECIMAL_COMMA.match(text):
            joined[-1] = name, yaml.ScalarNode(_TEXT, text, before.start_mark, key.end_mark)
        else:
            joined.append((key, value))
    return joined


def _describe_syntax(error: yaml.MarkedYAMLError) -> tuple[str, yaml.Mark | None]:
    """A clearer message for an error of PyYAML's, and its place."""
    said = ", ".join(filter(None, (error.context, error.problem)))
    opened = error.context_mark.line + 1 if error.context_mark else 1
    message = f"This is not YAML: {said}."
    for words, clearer in _SYNTAX.items():
        if words in said:
            message = clearer.format(opened=opened)
    # Where it expects a colon, PyYAML stops a line later.
    is_late = "could not find expected" in said
    return message, (not is_late and error.problem_mark) or error.context_mark


_TOO_LARGE = (
    f"A recipe has at most {MAX_CHARACTERS:,} characters, {MAX_NODES:,} keys and values, and "
    f"{MAX_DEPTH} lists or mappings within each other."
)
_PLAIN_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_SYNTAX = {
    "expected ',' or": "A comma is missing before this place, or the bracket opened in line "
    "{opened} is not closed before it.",
    "mapping values are not allowed": "There is one ': ' too many in this line. Put text that "
    "contains ': ' in quotes; in a list, start each item with '- ' in the same column.",
    "could not find expected ':'": "A key is followed by a colon and a plain space: 'key: value'. "
    "Write this line like that.",
    "'\\t'": "This line is indented with a tab. Indent with spaces.",
    "expected <block end>": "This line does not fit the lines above. Lines of one list or mapping "
    "start in the same column, and each item of a list with '- '.",
    "too many values": _TOO_LARGE,
    "escape": "A backslash in double quotes begins a code such as \\n. Write the text in single "
    "quotes, or with / in place of \\.",
}
"""PyYAML's messages, and clearer ones."""
