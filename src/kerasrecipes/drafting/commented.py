"""YAML with comments, in the layout of this project's recipes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from rich.cells import cell_len

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.recipe.yaml_file import write_value

WIDTH = 80
_COLUMN = 31
_FURTHEST_COLUMN = 46
_MOST_BESIDE = 3
_LONGEST_KEY = 1000


@dataclass(frozen=True)
class _Line:
    """One line of YAML: a key or a "-" with its value, or the start of a block.

    Attributes:
        path: The place of its value in the recipe.
        text: The line without its comments.
        beside: The comment at its end; over it where the line would be too long.
        above: The comment on lines of its own over it.
        is_block: Whether further lines are its value.
    """

    path: KeyPath
    text: str
    beside: str = ""
    above: str = ""
    is_block: bool = False


@dataclass
class CommentedRecipe:
    """A recipe that is written from top to bottom, with comments.

    Attributes:
        heading: The lines at the top.
    """

    heading: list[str] = field(default_factory=list)
    _lines: list[_Line] = field(default_factory=list)

    def set(self, path: KeyPath, value: Any, beside: str = "", above: str = "") -> None:
        """Add a key, or an item of a list, with its value in one line."""
        text = write_flow(value)
        if isinstance(path[-1], int) and isinstance(value, dict):
            ((name, arguments),) = value.items()
            text = f"{name}: {write_flow(arguments)}"
        self._lines.append(_Line(path, f"{_write_lead(path)} {text}", beside, above))

    def open(self, path: KeyPath, above: str = "") -> None:
        """Add a key whose value is on the lines that follow."""
        self._lines.append(_Line(path, _write_lead(path), above=above, is_block=True))

    def write(self) -> str:
        """Write it as YAML; comments at the ends of lines of one block begin in one column."""
        lines = [line for text in self.heading for line in _wrap(text, 0)]
        columns: dict[KeyPath, int] = {}
        for line in self._lines:
            block, start = line.path[:-1], cell_len(line.text) + 3
            if line.beside and start <= _FURTHEST_COLUMN:
                columns[block] = max(start, columns.get(block, _COLUMN))
        was_block = False
        for line in self._lines:
            if len(line.path) == 1:
                if line.is_block or was_block or line.above:
                    lines.append("")
                was_block = line.is_block
            lines += _write_line(line, columns.get(line.path[:-1], _COLUMN))
        return "\n".join(lines) + "\n"


def _write_line(line: _Line, column: int) -> Iterator[str]:
    """A line with its comments."""
    indent, width = _find_indent(line.path), cell_len(line.text)
    start = max(column - 1, width + 2)
    beside = _wrap(line.beside, start)
    yield from _wrap(line.above, indent)
    most = 1 if start > _FURTHEST_COLUMN else _MOST_BESIDE
    if len(beside) > most or any(cell_len(text) > WIDTH for text in beside):
        yield from _wrap(line.beside, indent)
        beside = []
    yield line.text + beside[0][width:] if beside else line.text
    yield from beside[1:]


def write_flow(value: Any) -> str:
    """A value in one line, in any script."""
    if not isinstance(value, str):
        return write_value(value, sys.maxsize)
    text = write_value([value], sys.maxsize)[1:-1]
    if "\n" not in text:
        return text
    # Only in double quotes can a line break be written within a line.
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=sys.maxsize)
    return quoted.removesuffix("\n")


def is_writable_key(name: str) -> bool:
    """Whether YAML takes a text for a key with its value on one line."""
    return len(write_flow(name)) <= _LONGEST_KEY


def _find_indent(path: KeyPath) -> int:
    return 2 * (len(path) - 1)


def _write_lead(path: KeyPath) -> str:
    lead = "-" if isinstance(path[-1], int) else f"{write_flow(path[-1])}:"
    return " " * _find_indent(path) + lead


def _wrap(text: str, indent: int) -> list[str]:
    """Comment lines; unlike textwrap's, at most 80 columns wide in every script."""
    prefix = " " * indent + "#"
    lines: list[str] = []
    for word in make_printable(text).split():
        if not lines or cell_len(lines[-1]) + 1 + cell_len(word) > WIDTH:
            lines.append(prefix)
        lines[-1] += f" {word}"
    return lines
