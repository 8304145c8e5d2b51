"""YAML with comments, of the look that all recipes of this project have."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from rich.cells import cell_len

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.yaml_file import write_value

WIDTH = 80
_COLUMN = 31
_FURTHEST_COLUMN = 46
_MOST_BESIDE = 3
_LONGEST_KEY = 1000
_BLOCKS: tuple[KeyPath, ...] = (
    ("dataset",),
    ("dataset", "features"),
    ("dataset", "drop"),
    ("layers",),
    ("callbacks",),
)
"""What is written over several lines; all else stands in one."""


@dataclass
class CommentedRecipe:
    """A recipe as plain values, and what its comments say.

    Attributes:
        tree: The recipe's keys, in the order in which they are written.
        heading: The lines at the top.
        above: Comments on lines of their own, by the path of the value that they stand over.
        beside: Comments at the end of a value's line; over it where the line would be too long.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    heading: list[str] = field(default_factory=list)
    above: dict[KeyPath, str] = field(default_factory=dict)
    beside: dict[KeyPath, str] = field(default_factory=dict)

    def set(self, path: KeyPath, value: Any, beside: str = "", above: str = "") -> None:
        """Add a key with its comments; mappings on the way are made."""
        into: Any = self.tree
        for key in path[:-1]:
            into = into.setdefault(key, {})
        into[path[-1]] = value
        self.comment(path, beside, above)

    def comment(self, path: KeyPath, beside: str = "", above: str = "") -> None:
        """Add comments to a value."""
        if beside:
            self.beside[path] = beside
        if above:
            self.above[path] = above

    def write(self) -> str:
        """Write it as YAML."""
        lines = [line for text in self.heading for line in _wrap(text, 0)]
        was_block = False
        for key in self.tree:
            path: KeyPath = (key,)
            is_block = path in _BLOCKS
            if is_block or was_block or path in self.above:
                lines.append("")
            lines += self._write_lines({key: self.tree[key]}, (), 0)
            was_block = is_block
        return "\n".join(lines) + "\n"

    def _write_lines(self, value: Any, path: KeyPath, indent: int) -> Iterator[str]:
        """The lines of a mapping or a list in block form."""
        entries = [*_walk(value, path)]
        texts = [" " * indent + self._write_entry(lead, item, here) for lead, item, here in entries]
        widths = [
            cell_len(text)
            for text, entry in zip(texts, entries, strict=True)
            if entry[2] in self.beside
        ]
        column = max([_COLUMN, *(width + 3 for width in widths if width + 3 <= _FURTHEST_COLUMN)])
        for text, (_, item, here) in zip(texts, entries, strict=True):
            beside = self.beside.get(here, "")
            if here in self.above:
                yield from _wrap(self.above[here], indent)
            start = max(column - 1, cell_len(text) + 2)
            comment = _wrap(beside, start) if beside else []
            most = 1 if start > _FURTHEST_COLUMN else _MOST_BESIDE
            if len(comment) > most or any(cell_len(line) > WIDTH for line in comment):
                yield from _wrap(beside, indent)
                comment = []
            yield text + comment[0][cell_len(text) :] if comment else text
            yield from comment[1:]
            if here in _BLOCKS:
                yield from self._write_lines(item, here, indent + 2)

    def _write_entry(self, lead: str, value: Any, path: KeyPath) -> str:
        if path in _BLOCKS:
            return lead
        if lead == "-" and isinstance(value, dict):
            ((name, arguments),) = value.items()
            return f"- {name}: {write_flow(arguments)}"
        return f"{lead} {write_flow(value)}"


def write_flow(value: Any) -> str:
    """A value in one line, in whatever characters it is."""
    if not isinstance(value, str):
        return write_value(value, sys.maxsize)
    text = write_value([value], sys.maxsize)[1:-1]
    if "\n" not in text:
        return text
    # Only in double quotes can a line break be written within a line.
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=sys.maxsize)
    return quoted.removesuffix("\n")


def is_writable_key(name: str) -> bool:
    """Whether YAML takes a text for a key that stands in one line with its value."""
    return len(write_flow(name)) <= _LONGEST_KEY


def make_printable(text: str) -> str:
    """A text without what would end a comment: line breaks and such are escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _walk(
    value: Mapping[str, Any] | list[Any], path: KeyPath
) -> Iterator[tuple[str, Any, KeyPath]]:
    """Each entry's lead ("key:" or "-"), value and path."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield "-", item, (*path, i)
    else:
        for key, item in value.items():
            yield f"{write_flow(key)}:", item, (*path, key)


def _wrap(text: str, indent: int) -> list[str]:
    """Comment lines; unlike textwrap's, at most 80 columns wide in every script."""
    prefix = " " * indent + "#"
    lines = [prefix]
    for word in make_printable(text).split():
        if lines[-1] != prefix and cell_len(lines[-1]) + 1 + cell_len(word) > WIDTH:
            lines.append(prefix)
        lines[-1] += f" {word}"
    return lines
