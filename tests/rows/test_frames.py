from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.files.base import TableInMemory, read_frame


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, "3", 3.0, Decimal("3.0"), None], ["3", "3", "3", "3", None]),
        (["a", 0.5, float("nan"), pd.NA, True], ["a", "0.5", None, None, "True"]),
        ([date(2024, 1, 2), "x", pd.Timestamp("2024-01-02")], ["2024-01-02", "x", "2024-01-02"]),
        ([[1, 2], "x"], ["[1, 2]", "x"]),
        ([1 + 2j, 3j], ["(1+2j)", "3j"]),
    ],
)
def test_values_that_have_no_type_in_common_are_texts(
    values: list[Any], expected: list[str | None]
) -> None:
    table = read_frame(pd.DataFrame({"a": pd.Series(values)}))
    assert table["a"].to_pylist() == expected


def test_numbers_of_two_bytes_can_be_missing() -> None:
    frame = pd.DataFrame({"a": np.array([1.5, np.nan, -9], np.float16)})
    spec = DatasetSpec.model_validate({"missing_values": [-9]})
    file = TableInMemory(read_frame(frame), spec, "DataFrame")
    cells = Cells("a", file.read()["a"], file.notation)
    assert cells.values.to_pylist() == [1.5, None, None]


def test_bytes_are_text() -> None:
    frame = pd.DataFrame({"a": [b"u", "가".encode(), None]})
    file = TableInMemory(read_frame(frame), DatasetSpec(), "DataFrame")
    assert Cells("a", file.read()["a"], file.notation).names == ["u", "가"]


def test_a_type_that_arrow_lacks_is_named() -> None:
    frame = pl.DataFrame({"a": [1], "b": [2]}, schema={"a": pl.Int64, "b": pl.Int128})
    with pytest.raises(DataError, match=r"\(a Int64, b Int128\).*Cast or drop it"):
        read_frame(frame)
