"""YAML with comments, in the layout of this project's recipes."""

from __future__ import annotations

import sys
from typing import Any

import yaml
from rich.cells import cell_len

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.recipe.yaml_file import write_value

WIDTH = 80
_COLUMN = 30
"""Where comments beside a line begin, if it is not longer."""


class CommentedRecipe:
    """A recipe that is written from top to bottom, with comments."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._was_block = True

    def comment(self, text: str) -> None:
        """Add a comment on lines of its own."""
        self._lines += _wrap(text, 0)

    def set(self, path: KeyPath, value: Any, beside: str = "", above: str = "") -> None:
        """Add a key, or an item of a list, with its value in one line.

        Args:
            path: Its place in the recipe.
            value: Plain values.
            beside: The comment at the end of the line; over it where the line would be too long.
            above: The comment over the line.
        """
        text = write_flow(value)
        if isinstance(path[-1], int) and isinstance(value, dict):
            ((name, arguments),) = value.items()
            text = f"{name}: {write_flow(arguments)}"
        self._add(path, f" {text}", beside, above)

    def open(self, path: KeyPath, above: str = "") -> None:
        """Add a key whose value is on the lines that follow."""
        self._add(path, "", "", above)

    def write(self) -> str:
        """The recipe as YAML."""
        return "\n".join(self._lines) + "\n"

    def _add(self, path: KeyPath, text: str, beside: str, above: str) -> None:
        indent, is_block = 2 * (len(path) - 1), not text
        lead = "-" if isinstance(path[-1], int) else f"{write_flow(path[-1])}:"
        line = " " * indent + lead + text
        start = max(_COLUMN, cell_len(line) + 2)
        comment = f"# {make_printable(beside)}"
        if beside and start + cell_len(comment) <= WIDTH:
            line += " " * (start - cell_len(line)) + comment
        else:
            above = f"{above} {beside}"
        if len(path) == 1:
            if is_block or self._was_block or above.strip():
                self._lines.append("")
            self._was_block = is_block
        self._lines += [*_wrap(above, indent), line]


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


def _wrap(text: str, indent: int) -> list[str]:
    """Comment lines; unlike textwrap's, at most 80 columns wide in every script."""
    prefix = " " * indent + "#"
    lines: list[str] = []
    for word in make_printable(text).split():
        if not lines or cell_len(lines[-1]) + 1 + cell_len(word) > WIDTH:
            lines.append(prefix)
        lines[-1] += f" {word}"
    return lines
