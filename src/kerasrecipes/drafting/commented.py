"""YAML with comments, in the layout of this project's recipes."""

from __future__ import annotations

import sys
from typing import Any

import yaml
from rich.cells import cell_len

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.recipe.yaml_file import write_value

_WIDTH = 80
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

    def add(self, path: KeyPath, value: Any = None, beside: str = "", above: str = "") -> None:
        """Add a key, or an item of a list, with its value in one line.

        Args:
            path: Its place in the recipe.
            value: Plain values; None if they are on the lines that follow.
            beside: The comment at the end of the line; over it where the line would be too long.
            above: The comment over the line.
        """
        indent, is_block = 2 * (len(path) - 1), value is None
        text = "" if is_block else f" {write_flow(value)}"
        if isinstance(path[-1], int) and isinstance(value, dict):
            text = f" {text[2:-1]}"  # "- Dense: {units: 1}"
        lead = "-" if isinstance(path[-1], int) else f"{write_flow(path[-1])}:"
        line = " " * indent + lead + text
        start = max(_COLUMN, cell_len(line) + 2)
        comment = f"# {make_printable(beside)}"
        if beside and start + cell_len(comment) <= _WIDTH:
            line += " " * (start - cell_len(line)) + comment
        else:
            above = f"{above} {beside}"
        if len(path) == 1:
            if is_block or self._was_block or above.strip():
                self._lines.append("")
            self._was_block = is_block
        self._lines += [*_wrap(above, indent), line]

    def write(self) -> str:
        """The recipe as YAML."""
        return "\n".join(self._lines) + "\n"


def write_flow(value: Any) -> str:
    """A value in one line, in any script."""
    if not (isinstance(value, str) and "\n" in value):
        return write_value([value], sys.maxsize)[1:-1]
    # Only in double quotes can a line break be written within a line.
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=sys.maxsize)
    return quoted.removesuffix("\n")


def _wrap(text: str, indent: int) -> list[str]:
    """Comment lines; unlike textwrap's, at most 80 columns wide in every script."""
    prefix = " " * indent + "#"
    lines: list[str] = []
    for word in make_printable(text).split():
        if not lines or cell_len(lines[-1]) + 1 + cell_len(word) > _WIDTH:
            lines.append(prefix)
        lines[-1] += f" {word}"
    return lines
