"""Resolved recipes against each other, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from kerasrecipes.compare.contender import Contender
from kerasrecipes.compare.table import read_recipe
from kerasrecipes.recipe.yaml_file import dump_yaml

_LABELS = ("name", "description", "seed", "report")  # they name or show a run and do not make it


@dataclass(frozen=True)
class DiffLine:
    """A line of a unified diff.

    Attributes:
        mark: "+", "-", or " " for a line that both have; "@" stands for lines left out.
        text: The line.
    """

    mark: str
    text: str


def write_settings(contender: Contender) -> str:
    """Write what makes a contender's runs, without what only names them, as YAML."""
    recipe = read_recipe(contender)
    return dump_yaml({key: value for key, value in recipe.items() if key not in _LABELS})


def diff_recipes(reference: Contender, other: Contender) -> list[DiffLine]:
    """Compare two resolved recipes, without what only names them.

    Returns:
        A unified diff's lines from the reference to the other; empty if they are the same.
    """
    before, after = (write_settings(c).splitlines() for c in (reference, other))
    lines = difflib.unified_diff(before, after, n=2, lineterm="")
    return list(_without_header(lines))


def _without_header(lines: Iterator[str]) -> Iterator[DiffLine]:
    for number, line in enumerate(lines):
        if number < 2:  # the names of two files
            continue
        if line.startswith("@@"):
            if number > 2:
                yield DiffLine("@", "⋯")
        else:
            yield DiffLine(line[0], line[1:])
