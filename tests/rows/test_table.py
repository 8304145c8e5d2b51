from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import Schema
from kerasrecipes.rows.files import open_table_file
from kerasrecipes.rows.files.base import TableInMemory
from kerasrecipes.rows.kinds import Column, make_column
from kerasrecipes.rows.table import Table
from kerasrecipes.rows.target import Target

from .specs import read_spec

HOUSES = {
    "size": [50.0, 80.0, 65.0, 120.0],
    "town": ["서울", "부산", "서울", "대구"],
    "built": [dt.date(1990, 5, 1), dt.date(2001, 5, 1), dt.date(2010, 5, 1), dt.date(1990, 5, 1)],
    "garden": [True, False, False, True],
    "price": [100.5, 200.0, 150.0, 300.0],
}


def make_spec(**keys: Any) -> DatasetSpec:
    return read_spec(path="houses.csv", **keys)


def make_table(table: Any, default_target: str | None = None) -> Table:
    table = table if isinstance(table, pa.Table) else pa.table(table)
    return Table(
        lambda spec, wanted: TableInMemory(table, spec, "houses"),
        "houses",
        "houses.csv",
        default_target,
    )


def load(table: Any, hint: Any = None, default_target: str | None = None, **keys: Any) -> Any:
    return make_table(table, default_target).load(make_spec(**keys), hint)


def find_problems(table: Any, **keys: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        load(table, **keys)
    assert caught.value.dataset == "houses"
    return list(caught.value.problems)


def test_a_word_that_is_kept_for_categories_is_no_number_to_predict() -> None:
    table = {"pool": ["NA", "big"] * 4, "price": ["$1,000", "NA", "$3,000", "$4,500"] * 2}
    keys = {"target": "price", "task": "regression", "missing_values": {"keep": ["NA"]}}
    source = load(table, missing="median", **keys)
    assert source.target.tolist() == [1000, 3000, 4500] * 2
    assert source.inputs["pool"].tolist() == ["NA", "NA", "big"] * 2
    assert source.warnings == ("2 of 8 rows are left out: target price is missing.",)
    (problem,) = find_problems(table, **keys)
    assert problem.startswith("target price is missing in 2 of 8 rows (rows 1, 5).")


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
        (LossKind.NUMBERS, {}, "regression"),
        (LossKind.NUMBERS, {"task": "classification"}, "classification"),
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
    why = "columns of type list<item: int64> cannot be used"
    assert source.left_out == (("a", "no values"), ("b", "no values"), ("tags", why))
    assert source.warnings == (
        "columns a, b are left out: no values.",
        f"column tags is left out: {why}.",
    )


# Which columns are used.


def find(table: Any, **keys: Any) -> Any:
    """How columns are taken by name, and those that are left out."""
    n_rows = len(pa.table(table))
    source = load(table | {"y": [0.5 + i for i in range(n_rows)]}, target="y", **keys)
    return {column.name: column for column in source.columns}, dict(source.left_out)


def test_features_of_the_recipe_win_and_what_is_dropped_is_in_neither_answer() -> None:
    table = {"id": [*"abcd"], "a": [1, 2, 3, 3], "b": [*"xxyz"], "z": [1, 2, 3, 4]}
    features = {"a": "integer_categorical", "b": {"string_hashed": {"num_bins": 8}}}
    columns, left_out = find(table, drop=["id"], features=features)
    assert [column.feature for column in columns.values()] == [
        "integer_categorical",
        "string_hashed",
        "float_normalized",
    ]
    assert ([*columns], left_out) == (["a", "b", "z"], {})
    assert [column.reason for column in columns.values()] == [
        "set in features",
        "set in features",
        "number",
    ]


@pytest.mark.parametrize(
    ("values", "use", "reason"),
    [
        ([1.5, 2.5, 3.5], "float_normalized", "number"),
        ([1.5, 2.5, 3.5], "float", "set in features"),
        (["$1", "$2", "$3"], "float_normalized", "number, written with unit '$'"),
        (["x", "y", "y"], "string_categorical", "2 distinct values"),
        (["x", "y", "y"], {"string_categorical": {"max_tokens": 2}}, "set in features"),
        ([1, 2, 2], "string_categorical", "set in features"),
        (["true", "false", "true"], "boolean", "true or false"),
        (["2024-01-31", "2024-02-29", ""], "date", "dates from 2024-01-31 to 2024-02-29"),
    ],
)
def test_a_feature_that_the_values_ask_for_too_keeps_its_reason(
    values: Any, use: Any, reason: str
) -> None:
    columns, _ = find({"a": values, "b": [1, 2, 3]}, features={"a": use}, missing="median")
    assert columns["a"].reason == reason


def test_a_row_number_is_left_out_where_there_is_something_else() -> None:
    numbers = [*range(12)]
    columns, left_out = find({"a: b": numbers, "other": [0.5] * 12})
    assert [*columns] == ["other"]
    assert left_out == {
        "a: b": "a row number, counted from 0; to use it: features: {'a: b': float_normalized}"
    }
    assert [*find({"x": numbers})[0]] == ["x"]
    assert [*find({"x": numbers, "b": [1] * 12}, features={"x": "float"})[0]] == ["x", "b"]


def test_hints_stand_in_the_reasons() -> None:
    words = ["0", "1", "2", "3+"] * 5
    dates = [f"0{i % 9 + 1}/0{i % 3 + 1}/2024" for i in range(20)]
    columns, _ = find({"n": words, "d": dates})
    assert columns["n"].reason == (
        "4 distinct values; 5 of 20 values are not numbers, such as '3+' (row 3); to have numbers: "
        "write missing_values: [3+]"
    )
    assert columns["d"].reason == (
        "9 distinct values; say which of '01/01/2024' is the day: features: {d: {date: {format: "
        "'%d/%m/%Y'}}}"
    )


def test_numbers_or_dates_with_a_few_words_stop_training() -> None:
    ages = [*(f"{age}.5" for age in range(20, 49)), "abc"]
    days = [f"2024-01-{day:02}" for day in range(1, 30)] + ["soon"]
    assert find_problems({"a": ages, "d": days, "y": [0, 1] * 15}, target="y") == [
        "column a: 1 of 30 values is not a number, such as 'abc' (row 29); to have numbers: write "
        "missing_values: [abc] and missing: median; to use categories: features: {a: "
        "string_categorical}.",
        "column d: 1 of 30 values is not a date, such as 'soon' (row 29); to have dates: write "
        "missing_values: [soon] and missing: median; to use categories: features: {d: "
        "string_categorical}.",
    ]
    keys = {"missing_values": ["abc", "soon"], "missing": "median"}
    columns, _ = find({"a": ages, "d": days}, **keys)
    assert [column.kind for column in columns.values()] == ["number", "date"]


@pytest.mark.parametrize(
    ("table", "keys", "problems"),
    [
        (
            {"width": [1], "높이": [2], "y": [0]},
            {
                "drop": ["Widht", "colour"],
                "features": {"높 이": "float"},
                "crosses": [{"feature_names": ["width", "hight"], "crossing_dim": 8}],
            },
            [
                "drop: no column 'Widht'. Did you mean 'width'? The columns: width, 높이, y.",
                "drop: no column 'colour'. The columns: width, 높이, y.",
                "features: no column '높 이'. Did you mean '높이'? The columns: width, 높이, y.",
                "crosses: no column 'hight'. The columns: width, 높이, y.",
            ],
        ),
        (
            {"a": [1], "y": [0]},
            {"drop": ["y", "a"], "features": {"y": "float", "a": "float"}},
            [
                "drop: 'y' is the target. Remove it from drop.",
                "features: 'y' is the target. Remove it from features.",
                "features: 'a' is in drop too. Remove it from one of them.",
            ],
        ),
        (
            {"a": [None], "y": [0]},
            {},
            ["no column is left to learn from. a is left out: no values. Keep at least one."],
        ),
        (
            {"y": [0, 1]},
            {},
            ["no column is left to learn from. To predict a series, write timeseries."],
        ),
        (
            {"a": [None], "b": [1], "y": [0]},
            {"crosses": [{"feature_names": ["a", "b"], "crossing_dim": 8}]},
            [
                "crosses: 'a' is not used as a category; to use it so: features: {a: "
                "integer_categorical}.",
                "crosses: 'b' is not used as a category; to use it so: features: {b: "
                "integer_categorical}.",
            ],
        ),
        (
            {"when": [dt.date(2024, 1, 1)], "when (year)": [1], "y": [0]},
            {},
            ["2 columns give an input 'when (year)'. Rename one, or leave it out with drop."],
        ),
        (
            pa.table([[1], [2], [3]], names=["a", "a", "y"]),
            {},
            ["column names must differ (received twice: 'a'). Rename all but one."],
        ),
    ],
)
def test_a_recipe_that_does_not_fit_the_table(table: Any, keys: Any, problems: list[str]) -> None:
    assert find_problems(table, target="y", **keys) == problems


def test_of_many_columns_the_first_are_listed() -> None:
    table = {f"c{i}": [1] for i in range(1033)}
    (problem,) = find_problems(table, target="c0", drop=["zzz"])
    assert problem.endswith(" c28, c29 and 1,003 more.")


# Rows that lack values.


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
    assert source.warnings == ("1 of 8 rows is left out: target y is missing.",)


def test_incomplete_rows_are_dropped_and_counted() -> None:
    source = load(GAPS, target="y", missing="drop")
    assert source.inputs["age"].tolist() == [1, 5, 7, 8]
    assert source.inputs["when (year)"].tolist() == [2020, 2024, 2026, 2027]
    assert source.target.tolist() == [0, 0, 0, 1]
    assert source.warnings == (
        "1 of 8 rows is left out: target y is missing.",
        "3 of 8 rows are left out: values are missing (age, town, when).",
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
        ({"x": pa.array([], pa.int64())}, {"target": "x"}, ["there are no rows. Add rows."]),
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
                "no row is left: values are missing (a, b). Choose another target, leave out "
                "columns with drop, or write missing: median."
            ],
        ),
        (
            {"x": [1.0, 2.0], "y": pa.nulls(2, pa.string())},
            {"target": "y", "missing": "mean"},
            [
                "no row is left: target y is missing. Choose another target, leave out columns "
                "with drop, or write missing: median."
            ],
        ),
        (
            {"x": ["1", "b", "3"], "t": ["1", None, "3"], "y": ["1", "u", "3"]},
            {"target": "y", "features": {"x": "float"}, "task": "regression"},
            [
                "column x must contain numbers; 1 value is not: 'b' (row 1). Fix it, or add it to "
                "missing_values.",
                "target y must contain numbers; 1 value is not: 'u' (row 1). Fix it, or add it to "
                "missing_values. If these are classes, write task: classification.",
                "values are missing: t 1 (row 1). Fill them with missing: median, leave these "
                "rows out with missing: drop, or leave the columns out with drop: [t].",
            ],
        ),
        (
            {"x": [1.0, 2.0, 3.0, 4.0], "y": [None, "u", "v", "3"]},
            {"target": "y", "missing": "drop", "task": "regression"},
            [
                "target y must contain numbers; 2 values are not: 'u' (row 1), 'v' (row 2). Fix "
                "them, or add them to missing_values. If these are classes, write task: "
                "classification."
            ],
        ),
        (
            HOUSES,
            {"target": ["price", "town"]},
            [
                "target town must contain numbers; 4 values are not: '서울' (row 0), '부산' (row "
                "1), '서울' (row 2), '대구' (row 3). Fix them, or add them to missing_values. If "
                "these are classes, write task: classification."
            ],
        ),
        (
            HOUSES,
            {"target": ["price", "size"], "task": "classification"},
            [
                "target: classification has one target (received: price, size). Keep one of them, "
                "or write task: regression or task: multilabel."
            ],
        ),
        (
            HOUSES,
            {"target": ["built", "price"], "features": {"town": "float"}},
            [
                "target built must contain numbers, texts or truth values; its type is "
                "date32[day].",
            ],
        ),
    ],
)
def test_what_is_refused(table: Any, keys: Any, problems: list[str]) -> None:
    assert find_problems(table, **keys) == problems


TIMES = [1_700_000_000 + 60 * i for i in range(60)]
MERGED = (
    "time: float32, in which networks compute, cannot distinguish numbers so large and so close "
    "together. Subtract a fixed number from each, here and in rows to predict alike."
)


def test_columns_that_float32_damages_are_told() -> None:
    table = {"time": TIMES, "text": [*map(str, TIMES)], "y": [0.1 * i for i in range(60)]}
    keys = {"features": {"text": "string_categorical"}, "target": "y"}
    assert load(table, **keys).warnings == (MERGED,)
    assert load(table, drop=["time"], **keys).warnings == ()
    smaller = table | {"time": [time - TIMES[0] for time in TIMES]}
    assert load(smaller, **keys).warnings == ()  # as the warning advises


def test_targets_that_float32_damages_are_told() -> None:
    table = {"x": [0.1 * i for i in range(60)], "time": TIMES, "other": TIMES}
    keys = {"target": "time", "drop": ["other"], "task": "regression"}
    assert load(table, **keys).warnings == (MERGED,)
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


# Rows for a trained model.


def iterate(table: Any, columns: Any, **keys: Any) -> Any:
    target = Target((make_column("y", "float"),), "regression")
    schema = Schema(tuple(columns), target, (), make_spec())
    return [*make_table(table).iterate(schema, **keys)]


def find_refused(table: Any, columns: Any, **keys: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        iterate(table, columns, **keys)
    return list(caught.value.problems)


def test_all_problems_of_all_columns_are_told_together() -> None:
    table = {"Size": [1], "town": ["a"], "age": ["old"], "ok": ["perhaps"]}
    names = {"size": "float", "street": "float", "age": "float", "ok": "boolean"}
    assert find_refused(table, [make_column(*column) for column in names.items()]) == [
        "columns are missing: size (is it 'Size'?), street. Add them, or rename your columns. "
        "The columns: Size, town, age, ok.",
        "column age must contain numbers; 1 value is not: 'old' (row 0). Fix it, or add it to "
        "missing_values.",
        "column ok must contain true or false (or yes and no, 1 and 0); 1 value is not: 'perhaps' "
        "(row 0). Fix it, or add it to missing_values.",
    ]


def test_a_needed_column_that_comes_twice_is_refused() -> None:
    table = pa.table([[1], [2], [3], [4]], names=["a", "a", "b", "b"])
    assert find_refused(table, [make_column("a")]) == [
        "column names must differ (received twice: 'a', 'b'). Rename all but one."
    ]


def test_a_file_to_predict_has_rows_and_a_frame_may_have_none(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64())})
    parquet.write_table(table, tmp_path / "a.parquet")
    target = Target((make_column("y", "float"),), "regression")
    schema = Schema((make_column("a"),), target, (), make_spec())
    (piece,) = make_table(table).iterate(schema)
    assert len(piece.rows) == 0
    path = str(tmp_path / "a.parquet")
    rows = Table(lambda spec, wanted: open_table_file(path, spec, wanted), "a", path)
    with pytest.raises(DataError, match="there are no rows"):
        list(rows.iterate(schema))


def test_values_that_training_would_refuse_are_refused() -> None:
    table = {"a": [1.0, None, 1e300], "t": ["x", "", "y"]}
    columns = [make_column("a"), make_column("t", "string_categorical", {"max_tokens": 9})]
    assert find_refused(table, columns) == [
        "column a: no finite number in row 2. Correct or remove these rows.",
        "values are missing: a 1 (row 1), t 1 (row 1). The recipe's missing is error, so the model "
        "has not learnt what to do with them. Fill or remove these rows, or train with missing: "
        "median.",
    ]


def test_values_that_are_not_finite_are_refused_in_training() -> None:
    table = {"a": [1.0, float("inf"), 3.0], "y": [1.5, 2.5, -1e300]}
    assert find_problems(table, target="y") == [
        "column a: no finite number in row 1. Correct or remove these rows.",
        "target y: no finite number in row 2. Correct or remove these rows.",
    ]


def test_rows_without_a_target_are_left_out_where_it_is_asked_for() -> None:
    table = {"a": [1.0, 2.0, 3.0], "y": [0.5, None, 1.5], "name": ["p", "q", "r"]}
    (piece,) = iterate(table, [make_column("a")], with_target=True)
    assert (piece.inputs["a"].tolist(), piece.values.tolist()) == ([1, 3], [0.5, 1.5])
    assert piece.rows.tolist() == [0, 2]
    assert piece.left_out == {"target y is missing": 1}
    (piece,) = iterate(table, [make_column("a")], ids=["name"])
    assert (len(piece.rows), piece.values) == (3, None)
    assert piece.beside["name"].to_pylist() == ["p", "q", "r"]


# The same rows give the same arrays, however they come.


TEXTS = st.one_of(st.none(), st.sampled_from(["", "3", "3.0", "서울", "café", "cafe\u0301", "Ａ"]))
DATES = st.one_of(st.none(), st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)))
ROWS = st.fixed_dictionaries(
    {
        "x": st.one_of(st.none(), st.floats(width=32, allow_nan=True, allow_infinity=False)),
        "n": st.one_of(st.none(), st.integers(-(2**40), 2**40)),
        "b": st.one_of(st.none(), st.booleans()),
        "t": TEXTS,
        "d": DATES,
        "s": st.one_of(
            st.none(),
            st.sampled_from(["2024-01-01", "2024-01-01T10:00+09:00", "2024-01-01 10:00", ""]),
        ),
    }
)
SCHEMA = pa.schema(
    {
        "x": pa.float64(),
        "n": pa.int64(),
        "b": pa.bool_(),
        "t": pa.string(),
        "d": pa.timestamp("us"),
        "s": pa.string(),
    }
)
COLUMNS = (
    make_column("x"),
    make_column("n", "integer_hashed"),
    make_column("b", "boolean"),
    make_column("t", "string_categorical"),
    make_column("d", "date", {"format": None}, ("year", "weekday", "minute")),
    make_column("s", "date", {"format": None, "zone": "UTC"}, ("day", "hour")),
)


def read_inputs(table: pa.Table, columns: tuple[Column, ...] = COLUMNS) -> Any:
    target = Target((make_column("y", "float"),), "regression")
    schema = Schema(columns, target, (), make_spec(missing="median"))
    pieces = [piece.inputs for piece in make_table(table).iterate(schema)]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def assert_equal_inputs(found: Any, expected: Any) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@settings(deadline=None, max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=12), st.data())
def test_order_extra_columns_and_chunks_change_nothing(rows: Any, data: Any) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    expected = read_inputs(table)

    order = data.draw(st.permutations(SCHEMA.names))
    extra = pa.array(["extra"] * len(rows))
    other = table.select(order).add_column(0, "id", extra).append_column("zz", extra)
    assert_equal_inputs(read_inputs(other), expected)

    cut = data.draw(st.integers(0, len(rows)))
    pieces = [table.slice(0, cut), table.slice(cut)]
    parts = [read_inputs(piece) for piece in pieces if len(piece)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in expected}
    assert_equal_inputs(joined, expected)
    assert_equal_inputs(read_inputs(pa.concat_tables(pieces)), expected)
