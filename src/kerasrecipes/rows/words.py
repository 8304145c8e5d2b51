"""Phrases that many messages share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from kerasrecipes.recipe.names import find_meant
from kerasrecipes.recipe.yaml_file import write_value

SHOWN = 5
"""How many of many names, rows or values a message shows."""

_COLUMNS_SHOWN = 30


def list_some(names: Sequence[Any], most: int = SHOWN) -> str:
    """The first few names: "a, b and 3 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(map(str, names[:most]))}{more}"


def list_columns(names: Sequence[str]) -> str:
    """The columns of a table, for the end of a message."""
    return f"The columns: {list_some(names, _COLUMNS_SHOWN)}."


def count(n: int, noun: str) -> str:
    """A number with its noun: "1 row", "1,200 rows", "2 classes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def find_repeated(names: Sequence[str]) -> list[str]:
    """Describe column names that occur more than once."""
    repeated = list_some([write_value(name) for name, n in Counter(names).items() if n > 1])
    problem = f"column names must differ (received twice: {repeated}). Rename all but one."
    return [problem] if repeated else []


def ask_meant(name: str, choices: Iterable[str]) -> str:
    """What may be meant, for the end of a message: a similar name, or ""."""
    meant = find_meant(name, [*choices])
    return f" Did you mean '{meant}'?" if meant else ""


def show_places(places: Sequence[Any], noun: str = "row") -> str:
    """The first few row or line numbers: "row 3", "rows 1, 4 and 7 more"."""
    return f"{noun}{'s' if len(places) > 1 else ''} {list_some(places)}"


def write_use(name: str, use: Any) -> str:
    """How a recipe takes a column: "features: {zip: string_categorical}"."""
    return f"features: {write_value({name: use}, 200)}"
