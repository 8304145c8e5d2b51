"""The kinds of columns: what is in a column, and how it becomes the model's input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from kerasrecipes.recipe.components import Component
from kerasrecipes.rows.cells import Cells, is_usable
from kerasrecipes.rows.kinds.base import Column, Finding
from kerasrecipes.rows.kinds.category import BooleanColumn, CategoryColumn, TextColumn
from kerasrecipes.rows.kinds.date import DateColumn
from kerasrecipes.rows.kinds.number import NumberColumn, find_fill, find_row_number

__all__ = [
    "MODEL_INPUTS",
    "BooleanColumn",
    "CategoryColumn",
    "Column",
    "DateColumn",
    "Finding",
    "NumberColumn",
    "find_fill",
    "find_row_number",
    "group_inputs",
    "make_column",
    "recognise_column",
    "take_column",
]

KINDS = (BooleanColumn, DateColumn, NumberColumn, TextColumn, CategoryColumn)
"""In the order in which a column is compared with them."""

MODEL_INPUTS = {"numbers": "float32", "categories": "string", "texts": "string"}
"""The inputs that the saved model of a table may have, in order, and their types."""

_BY_WORD = {word: kind for kind in KINDS for word in kind.words}


def recognise_column(cells: Cells) -> Finding:
    """Find how a column is taken by its type and values, or why it is left out."""
    if not (pa.types.is_null(cells.type) or is_usable(cells.type)):
        return Finding(None, f"columns of type {cells.type} cannot be used")
    if not cells.n_values:
        return Finding(None, "no values")
    hint = ""
    for kind in (CategoryColumn,) if cells.is_category else KINDS:
        if finding := kind.recognise(cells):
            hint = hint or finding.hint
            if finding.column is not None or finding.reason:
                return replace(finding, hint=hint)
    return Finding(None, "its kind is not known", hint)


def take_column(cells: Cells, component: Component) -> Column:
    """Take a column as set in the recipe's ``features``."""
    return _BY_WORD[component.name].take(cells, component.name, component.arguments)


def make_column(
    name: str,
    feature: str = "float_normalized",
    arguments: Mapping[str, Any] | None = None,
    parts: Sequence[str] = (),
    reason: str = "",
    **_: Any,
) -> Column:
    """A column of the kind that its feature belongs to; also what ``Column.to_dict`` gave."""
    return _BY_WORD[feature](name, feature, arguments or {}, tuple(parts), reason)


def group_inputs(columns: Iterable[Column]) -> dict[str, list[str]]:
    """By input of a saved model, what it takes, in order; a date gives a number for each part."""
    groups: dict[str, list[str]] = {name: [] for name in MODEL_INPUTS}
    for column in columns:
        groups[column.model_input] += column.inputs
    return {name: taken for name, taken in groups.items() if taken}
