from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.kinds import make_column

from .columns import find_problem, make_cells, read, recognise, take

CATEGORY = make_column("c", "string_categorical", {"max_tokens": 100})


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["서울", "부산", "서울", None], "2 distinct values"),
        (["Y", "N", "Y"], "2 distinct values"),
        (["one"] * 3, "1 distinct value"),
        ([*"ABCDF"] * 9, "5 distinct values"),
        (
            [f"town {i % 150}" for i in range(300)],
            "150 distinct values, the 100 most frequent of them distinguished",
        ),
    ],
)
def test_texts_that_recur_are_categories(values: Any, reason: str) -> None:
    column = recognise(values).column
    assert column == make_column("c", "string_categorical", {"max_tokens": 100}, reason=reason)


def test_a_table_may_say_itself_that_values_are_categories() -> None:
    numbers = pa.array([3, 4, 3]).dictionary_encode()
    column = recognise(numbers, has_types=True).column
    assert column.feature == "string_categorical"
    names = pa.array([f"p{i}" for i in range(300)]).dictionary_encode()
    assert recognise(names, has_types=True).column.kind == "category"


@pytest.mark.parametrize(
    ("feature", "arguments", "all_arguments"),
    [
        ("string_categorical", {}, {"max_tokens": 100}),
        ("string_categorical", {"max_tokens": 7}, {"max_tokens": 7}),
        ("string_hashed", {"num_bins": 8}, {"num_bins": 8}),
        ("integer_categorical", {}, {"max_tokens": 100}),
    ],
)
def test_a_recipe_may_say_so(feature: str, arguments: Any, all_arguments: Any) -> None:
    column = take(["a", "b"], feature, **arguments)
    assert (column.feature, column.arguments) == (feature, all_arguments)
    assert column.reason == "set in features"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["서울", " b", "", None], ["서울", "b", "", ""]),
        (["NA", "null", "none"], ["", "", "none"]),
        ([3, None], ["3", ""]),
        ([3.0, 0.1, float("nan")], ["3", "0.1", ""]),
        (pa.array([3, 0.1], pa.float32()), ["3", "0.1"]),
        ([Decimal("3.00"), Decimal("3.50")], ["3", "3.5"]),
        (["3"], ["3"]),
        ([True, False], ["True", "False"]),
        ([dt.date(2024, 1, 2)], ["2024-01-02"]),
        (
            [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, 3)],
            ["2024-01-02", "2024-01-02T03:00:00"],
        ),
        (pa.array(["b", None, "a"]).dictionary_encode(), ["b", "", "a"]),
        (pa.array([7, 8]).dictionary_encode(), ["7", "8"]),
        ([None], [""]),
        (pa.array([], pa.string()), []),
    ],
)
def test_categories_are_text_by_one_rule(values: Any, expected: list[str]) -> None:
    assert read(CATEGORY, values) == expected


def test_equal_categories_share_one_string() -> None:
    values = pa.chunked_array([["town", "city"], ["city", "town"]])
    ((array,), _) = CATEGORY.read(make_cells(values))
    assert array.dtype == object
    assert array[0] is array[3]
    assert array[1] is array[2]


@pytest.mark.parametrize(
    ("trained_on", "read_later"),
    [
        ([10, 20, 10], ["10", "10.0", "20"]),
        ([10.0, 20.0, None], [10, 20, 10]),
        (["10", "20"], [10.0, 20.0]),
        (["10.0", "20.0"], ["10", "20"]),
    ],
)
def test_where_all_are_numbers_10_and_10_0_are_one_category(
    trained_on: Any, read_later: Any
) -> None:
    column = take(trained_on, "string_categorical")
    known = {name for name in read(column, trained_on) if name}
    assert known == {"10", "20"}
    assert {*read(column, read_later)} == known


@pytest.mark.parametrize(
    "texts", [["007", "7"], ["10.0", "10", "a"], ["1.10", "1.1", "1.1.0"], ["0x10", "16"]]
)
def test_codes_stay_as_they_are_written(texts: list[str]) -> None:
    assert read(take(texts, "string_categorical"), texts) == texts


def test_none_and_na_may_be_categories() -> None:
    keys = {"missing_values": {"keep": ["None", "NA"]}}
    assert read(CATEGORY, ["None", "NA", "NULL", "Pool"], **keys) == ["None", "NA", "", "Pool"]
    assert read(CATEGORY, ["None", "x", "-"], missing_values=["-"]) == ["", "x", ""]


def test_words_taken_for_missing_are_counted() -> None:
    cells = make_cells(["NA", "Pool", " NA", "", "None", None])
    assert cells.words_for_missing == {"NA": 2, "": 1, "None": 1}
    assert cells.n_values == 1


def test_the_most_frequent_categories_come_first_and_missing_ones_last() -> None:
    values = np.array(["b", "a", "", "c", "b", "", ""], dtype=object)
    assert CATEGORY.fit_categories(values, DatasetSpec()).vocabulary == ["b", "a", "c", ""]


def test_lists_are_no_categories() -> None:
    assert find_problem(CATEGORY, [[1]]) == (
        "column c must contain numbers, texts, truth values or dates; its type is list<item: "
        "int64>."
    )


def test_a_category_that_no_row_has_does_not_count() -> None:
    values = pa.DictionaryArray.from_arrays([0, 2, 0], ["a", "unused", "c"])
    assert recognise(values, has_types=True).column.reason == "2 distinct values"
    assert make_cells(values).names == ["a", "c"]
