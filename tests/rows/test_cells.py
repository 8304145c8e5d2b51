"""Which values are missing, which distinct ones there are, and where they stand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Cells, Missing, Notation, name_value


def make_cells(values: Any, first_row: int = 0, missing_values: Any = None, **keys: Any) -> Cells:
    spec = DatasetSpec.model_validate({"path": "x.csv", "missing_values": missing_values or []})
    chunks = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    return Cells("c", chunks, Notation(Missing.read(spec), **keys), first_row)


@pytest.mark.parametrize(
    ("values", "missing_values", "known"),
    [
        ([1, None, 3], None, [1, 0, 1]),
        ([1.5, float("nan"), None], None, [1, 0, 0]),
        ([True, None], None, [1, 0]),
        (["a", "", "  ", None, "?"], None, [1, 0, 0, 0, 0]),
        (["NA", "None", "null", "\\N", "none", "#DIV/0!"], None, [0, 0, 0, 0, 1, 0]),
        (["NA", "None", " - "], {"add": ["-"], "keep": ["NA"]}, [1, 0, 0]),
        ([1, -999], [-999], [1, 0]),
        (["-999", "-999.0", "999"], [-999], [0, 0, 1]),
        (pa.array(["a", None]).dictionary_encode(), None, [1, 0]),
        ([None, None], None, [0, 0]),
    ],
)
def test_missing_values(values: Any, missing_values: Any, known: list[int]) -> None:
    cells = make_cells(values, missing_values=missing_values)
    assert cells.is_known.tolist() == [bool(there) for there in known]
    assert cells.n_values == sum(known)


def test_distinct_values_are_those_of_all_chunks_without_spaces_around_them() -> None:
    cells = make_cells(pa.chunked_array([["b", " a"], ["a ", "", "b"]]))
    assert cells.names == ["b", "a"]
    assert (cells.codes.tolist(), cells.counts.tolist()) == ([0, 1, 1, 2, 0], [2, 2])


def test_places_are_lines_where_each_row_is_one() -> None:
    sought = np.array([False, True])
    for keys, place, places in (
        ({}, "row 1", "rows 1, 2"),
        ({"first_line": 2}, "line 3", "lines 3, 4"),
        ({"first_row": 10}, "row 11", "rows 11, 12"),
    ):
        cells = make_cells(["x", "a, b", "a, b"], **keys)
        assert cells.show_first(sought) == f"'a, b' ({place})"
        assert cells.locate(cells.find(sought)) == places


def test_only_the_first_places_are_shown() -> None:
    cells = make_cells(["x"] * 8)
    assert cells.show(np.array([True])).endswith("'x' (row 4) and 3 more")
    assert cells.locate(np.arange(8)) == "rows 0, 1, 2, 3, 4 and 3 more"


def test_text_that_is_not_utf_8_is_refused() -> None:
    latin = pa.array(["café".encode("latin-1")]).view(pa.string())
    with pytest.raises(DataError) as caught:
        make_cells(latin).names  # noqa: B018
    assert caught.value.problems == (
        "column c contains text that is not UTF-8. Save the file as UTF-8.",
    )


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_one_category_however_it_is_written(number: int) -> None:
    written: list[Any] = [number, float(number), Decimal(number), str(number)]
    assert {name_value(value) for value in written} == {str(number)}
