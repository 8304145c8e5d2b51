"""Trials as rows of a table, for a terminal and for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasrecipes.report.tables import Table
from kerasrecipes.report.words import shorten, write_number

if TYPE_CHECKING:
    from kerasrecipes.sweeping.steps import Sweep

_LONGEST_NOTE = 100


def list_trials(found: Sweep, most: int | None = None) -> Table:
    """List trials, the finished ones first and from best to worst; or the best ones only."""
    ranking = found.ranking
    others = [row for row in found.rows if row not in ranking]
    cells = [
        [
            str(row["trial"]),
            write_number(row["score"], 4) if row in ranking else row["state"],
            " ".join(f"{key}={write_value(value)}" for key, value in row["values"].items()),
            shorten(row["note"], _LONGEST_NOTE),
        ]
        for row in [*ranking, *others][:most]
    ]
    return Table({"Trial": False, found.metric: True, "Values": False, "Note": False}, cells)


def write_value(value: str | float) -> str:
    """Write the value of a range."""
    return value if isinstance(value, str) else f"{value:.4g}"
