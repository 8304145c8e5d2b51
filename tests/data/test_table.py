from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kerasrecipes.data.table import make_source
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec

HOUSES = {
    "size": [50.0, 80.0, 65.0, 120.0],
    "town": ["서울", "부산", "서울", "대구"],
    "built": [dt.date(1990, 5, 1), dt.date(2001, 5, 1), dt.date(2010, 5, 1), dt.date(1990, 5, 1)],
    "garden": [True, False, False, True],
    "price": [100.5, 200.0, 150.0, 300.0],
}


def load(table: Any, hint: Any = None, default_target: str | None = None, **keys: Any) -> Any:
    spec = DatasetSpec.model_validate({"path": "houses.csv", **keys})
    return make_source(pa.table(table), spec, "houses", "houses.csv", hint, default_target)


def find_problems(table: Any, **keys: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        load(table, **keys)
    assert caught.value.dataset == "houses"
    return list(caught.value.problems)


def test_a_table_becomes_named_arrays() -> None:
    source = load(HOUSES, target="price")
    assert {name: array.tolist() for name, array in source.inputs.items()} == {
        "size": [50, 80, 65, 120],
        "town": ["서울", "부산", "서울", "대구"],
        "built (year)": [1990, 2001, 2010, 1990],
        "built (weekday)": [1, 1, 5, 1],
        "garden": [1, 0, 0, 1],
    }
    assert [array.dtype for array in source.inputs.values()] == [
        np.float32,
        np.object_,
        np.float32,
        np.float32,
        np.float32,
    ]
    assert source.target.tolist() == [100.5, 200.0, 150.0, 300.0]
    assert (source.task, source.target_names, source.class_names) == ("regression", ("price",), ())
    assert (source.origin, source.left_out, source.warnings) == ("houses.csv", (), ())
    assert [column.name for column in source.columns] == ["size", "town", "built", "garden"]


def test_inputs_are_those_of_the_columns_in_order() -> None:
    source = load(HOUSES, target="price")
    assert [*source.inputs] == [name for column in source.columns for name in column.inputs]


@pytest.mark.parametrize(
    ("hint", "keys", "expected"),
    [
        (None, {}, "classification"),
        ("regression", {}, "regression"),
        ("regression", {"task": "classification"}, "classification"),
    ],
)
def test_the_recipe_decides_the_task_then_its_loss_then_the_values(
    hint: Any, keys: Any, expected: str
) -> None:
    table = {"x": [1.0, 2.0, 3.0, 4.0], "y": [0, 0, 1, 1]}
    assert load(table, hint, target="y", **keys).task == expected


def test_several_targets_are_columns_of_numbers() -> None:
    source = load(HOUSES | {"rent": [1, 2, 3, 4]}, target=["price", "rent"])
    assert (source.target.dtype, source.task) == (np.float32, "regression")
    assert source.target.tolist() == [[100.5, 1], [200, 2], [150, 3], [300, 4]]
    assert source.target_names == ("price", "rent")


def test_a_loader_may_know_the_target() -> None:
    assert load(HOUSES, default_target="price").target_names == ("price",)
    assert load(HOUSES, default_target="price", target="town").target_names == ("town",)


def test_columns_left_out_are_told_by_reason() -> None:
    source = load(HOUSES | {"a": pa.nulls(4), "b": pa.nulls(4), "tags": [[1]] * 4}, target="price")
    why = "its type, list<item: int64>, is not one that can be used"
    assert source.left_out == (("a", "no values"), ("b", "no values"), ("tags", why))
    assert source.warnings == (
        "columns a, b are left out: no values.",
        f"column tags is left out: {why}.",
    )


GAPS = {
    "age": [1.0, None, 3.0, None, 5.0, 6.0, 7.0, 8.0],
    "town": ["a", "b", None, "a", "b", "a", "b", "a"],
    "when": [dt.date(2020 + i, 1, 1) if i != 3 else None for i in range(8)],
    "y": ["u", "v", "u", "v", "u", None, "u", "v"],
}


def test_missing_values_are_kept_where_they_will_be_filled() -> None:
    source = load(GAPS, target="y", missing="median")
    assert np.isnan(source.inputs["age"]).tolist() == [False, True, False, True] + [False] * 3
    assert source.inputs["town"].tolist() == ["a", "b", "", "a", "b", "b", "a"]
    assert np.isnan(source.inputs["when (year)"]).sum() == 1
    assert source.class_names == ("u", "v")
    assert source.target.tolist() == [0, 1, 0, 1, 0, 0, 1]
    assert source.warnings == ("1 of 8 rows are left out: target y is missing.",)


def test_incomplete_rows_are_dropped_and_counted() -> None:
    source = load(GAPS, target="y", missing="drop")
    assert source.inputs["age"].tolist() == [1, 5, 7, 8]
    assert source.inputs["when (year)"].tolist() == [2020, 2024, 2026, 2027]
    assert source.target.tolist() == [0, 0, 0, 1]
    assert source.warnings == (
        "1 of 8 rows are left out: target y is missing.",
        "3 of 8 rows are left out: values are missing (age 2, town 1, when 1).",
    )


@pytest.mark.parametrize(
    ("table", "keys", "problems"),
    [
        (
            HOUSES,
            {"drop": ["sise"]},
            [
                "dataset needs target: which column is to be predicted. The columns: size, town, "
                "built, garden, price.",
                "drop: no column 'sise'. Did you mean 'size'? The columns: size, town, built, "
                "garden, price.",
            ],
        ),
        (
            HOUSES,
            {"target": "Prise", "drop": ["town"]},
            [
                "target: no column 'Prise'. Did you mean 'price'? The columns: size, town, built, "
                "garden, price."
            ],
        ),
        ({"x": pa.array([], pa.int64())}, {"target": "x"}, ["there are no rows. Add some."]),
        (
            GAPS,
            {"target": "y"},
            [
                "target y is missing in 1 of 8 rows (row 5). Fill it in, or leave these rows out "
                "with missing: drop.",
                "values are missing: age 2 (rows 1, 3), town 1 (row 2), when 1 (row 3). Fill them "
                "with missing: median, leave these rows out with missing: drop, or leave the "
                "columns out with drop: [age, town, when].",
            ],
        ),
        (
            {"x": [None] * 7 + [1.0], "y": [0, 1] * 4},
            {"target": "y"},
            [
                "values are missing: x 7 (rows 0, 1, 2, 3, 4 and 2 more). Fill them with missing: "
                "median, leave these rows out with missing: drop, or leave the columns out with "
                "drop: [x]."
            ],
        ),
        (
            {"a": [None, 1.0, None], "b": [1.0, None, 2.0], "y": ["u", "v", "u"]},
            {"target": "y", "missing": "drop"},
            [
                "missing: drop leaves no row, as each lacks a value; most are missing in a, 2 of "
                "3. Leave it out with drop: [a], or write missing: median."
            ],
        ),
        (
            {"x": [1.0, 2.0], "y": pa.nulls(2, pa.string())},
            {"target": "y", "missing": "mean"},
            ["target y is missing in every row. Choose another target."],
        ),
        (
            {"x": ["1", "b", "3"], "t": ["1", None, "3"], "y": ["1", "u", "3"]},
            {"target": "y", "features": {"x": "float"}, "task": "regression"},
            [
                "column x must hold numbers; 1 value is none: 'b' (row 1). Mend it, or name in "
                "missing_values what means that a value is missing.",
                "values are missing: t 1 (row 1). Fill them with missing: median, leave these "
                "rows out with missing: drop, or leave the columns out with drop: [t].",
                "target y must hold numbers for regression; 1 value is none: 'u' (row 1). Mend "
                "it, or write task: classification.",
            ],
        ),
        (
            {"x": [1.0, 2.0, 3.0], "y": [None, "u", "3"]},
            {"target": "y", "missing": "drop", "task": "regression"},
            [
                "target y must hold numbers for regression; 1 value is none: 'u' (row 1). Mend "
                "it, or write task: classification."
            ],
        ),
        (
            HOUSES,
            {"target": ["price", "town"]},
            [
                "target town must hold numbers for regression; 4 values are none: '서울' (row 0), "
                "'부산' (row 1), '서울' (row 2), '대구' (row 3). Mend them, or write task: "
                "classification."
            ],
        ),
        (
            HOUSES,
            {"target": ["price", "size"], "task": "classification"},
            [
                "target: several targets are numbers, and classification has one target "
                "(received: price, size). Keep one of them, or ask for regression."
            ],
        ),
        (
            HOUSES,
            {"target": ["built", "price"], "features": {"town": "float"}},
            [
                "target built must hold numbers, texts or truth values; its type is date32[day].",
                "column town must hold numbers; 4 values are none: '서울' (row 0), '부산' (row 1), "
                "'서울' (row 2), '대구' (row 3). Mend them, or name in missing_values what means "
                "that a value is missing.",
            ],
        ),
    ],
)
def test_what_is_refused(table: Any, keys: Any, problems: list[str]) -> None:
    assert find_problems(table, **keys) == problems


TIMES = [1_700_000_000 + 60 * i for i in range(60)]
MERGED = (
    "float32, in which networks compute, cannot tell numbers so large and so close together apart: "
    "{} (60 distinct values become 29). Subtract a fixed number from each, here and in rows to "
    "predict alike{}."
)


def test_columns_that_float32_damages_are_told() -> None:
    table = {"time": TIMES, "text": [*map(str, TIMES)], "y": [0.1 * i for i in range(60)]}
    keys = {"features": {"text": "string_categorical"}, "target": "y"}
    remedy = ", or leave these columns out with drop: [time]"
    assert load(table, **keys).warnings == (MERGED.format("time", remedy),)
    assert load(table, drop=["time"], **keys).warnings == ()
    smaller = table | {"time": [time - TIMES[0] for time in TIMES]}
    assert load(smaller, **keys).warnings == ()  # as the warning advises


def test_targets_that_float32_damages_are_told() -> None:
    table = {"x": [0.1 * i for i in range(60)], "time": TIMES, "other": TIMES}
    keys = {"target": "time", "drop": ["other"], "task": "regression"}
    assert load(table, **keys).warnings == (MERGED.format("target time", ""),)
    codes = table | {"time": TIMES[:30] * 2}
    assert load(codes, **keys | {"task": "classification"}).warnings == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1] * 4, "integer"),
        ([3.0, None, 1.0, 3.0], "integer"),
        ([True, False] * 4, "boolean"),
        (["007", "1"] * 4, "text"),
        ([0.5, 1.5] * 4, "text"),
    ],
)
def test_classes_keep_what_they_were(values: Any, expected: str) -> None:
    table = {"x": [0.1 * i for i in range(len(values))], "y": values}
    source = load(table, target="y", task="classification", missing="drop")
    assert source.class_type == expected


def test_numbers_have_no_type_of_classes() -> None:
    assert load({"x": [0.5, 1.5], "y": [1, 2]}, target="y", task="regression").class_type == "text"
