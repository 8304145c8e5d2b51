"""What training warns of, in the words that init writes into a recipe."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from kerasrecipes.rows import open_rows

from .specs import read_spec

SIZES = [20.5 + i for i in range(30)]
PRICES = [10 * size + i % 7 for i, size in enumerate(SIZES)]
TOWNS = ["Ulm", "Köln", "Jeju"] * 10


def list_warnings(table: dict[str, Any], target: str = "price", **keys: Any) -> list[str]:
    spec = read_spec(target=target, **keys)
    frame = pa.table(table)
    return list(open_rows(frame.to_pandas(), spec).load(spec).warnings)


@pytest.mark.parametrize("features", [{}, {"size": "float_normalized"}])
def test_training_warns_of_a_value_far_from_all_others(features: Any) -> None:
    table = {"size": [-999.0, *SIZES[2:], -999.0], "price": PRICES}
    assert list_warnings(table, features=features) == [
        "size: -999 is far from all other values and occurs in 2 rows. If it means "
        "missing, write missing_values: [-999] and missing: median."
    ]
    assert list_warnings(table, missing_values=[-999], missing="median") == []


def test_training_warns_of_a_row_of_totals() -> None:
    table = {"town": [*TOWNS, "Total"], "size": [*SIZES, sum(SIZES)]}
    assert list_warnings(table | {"price": [*PRICES, sum(PRICES)]}) == [
        "The last row, row 30, looks like a total: size, price there is the sum of the other rows. "
        "Remove it from the file."
    ]


def test_a_last_row_whose_word_recurs_is_not_a_row_of_totals() -> None:
    quality = ["good", "bad", "average"] * 10
    assert list_warnings({"quality": quality, "size": SIZES, "price": PRICES}) == []
