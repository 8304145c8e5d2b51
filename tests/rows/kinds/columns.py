"""Columns as tests write them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Cells, Missing, Notation
from kerasrecipes.rows.kinds import Column, Finding, recognise_column, take_column


def make_cells(
    values: Any,
    name: str = "c",
    missing_values: Any = None,
    first_row: int = 0,
    **notation: Any,
) -> Cells:
    """Cells of a column; of a text file, unless ``has_types`` says otherwise."""
    spec = DatasetSpec.model_validate({"path": "mine.csv", "missing_values": missing_values or []})
    keys = {"has_types": False} | notation
    if not isinstance(values, pa.ChunkedArray):
        values = pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])
    return Cells(name, values, Notation(Missing.read(spec), **keys), first_row, "mine")


def recognise(values: Any, **keys: Any) -> Finding:
    """How a column is taken where the recipe says nothing."""
    return recognise_column(make_cells(values, **keys))


def take(values: Any, feature: str, **arguments: Any) -> Column:
    """How a column is taken where the recipe says so."""
    return take_column(make_cells(values), Component("features", feature, arguments))


def read(column: Column, values: Any, **keys: Any) -> Any:
    """The lists that a column gives, the list where it is one; NaN as None."""
    arrays, problem = column.read(make_cells(values, **keys))
    assert not problem, problem
    assert len(arrays) == len(column.inputs)
    lists = [[None if x != x else x for x in array.tolist()] for array in arrays]
    return lists[0] if len(lists) == 1 else lists


def find_problem(column: Column, values: Any, **keys: Any) -> str:
    """What is wrong with values that a column cannot hold."""
    arrays, problem = column.read(make_cells(values, **keys))
    assert not arrays
    return problem


def find_remark(values: Any) -> str:
    """What a person should check in values."""
    cells = make_cells(values)
    column = recognise_column(cells).column
    assert column is not None
    return column.remark(cells, column.read(cells)[0])
