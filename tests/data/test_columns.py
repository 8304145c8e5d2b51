from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasrecipes.data.columns import infer_columns, read_columns
from kerasrecipes.data.dataset import Column
from kerasrecipes.data.values import name_value
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec

NAN = float("nan")
NUMBER = Column("c")
BOOLEAN = Column("c", "boolean", "boolean")
CATEGORY = Column("c", "category", "string_categorical", {"max_tokens": 100})


def make_spec(**keys: Any) -> DatasetSpec:
    return DatasetSpec.model_validate({"path": "mine.csv", **keys})


def make_date(
    *parts: str, date_format: str | None = None, zone: str | None = None, name: str = "c"
) -> Column:
    arguments = {"format": date_format} | ({"zone": zone} if zone else {})
    return Column(name, "date", "date", arguments, parts)


def infer(table: Any, targets: tuple[str, ...] = (), **keys: Any) -> Any:
    return infer_columns(pa.table(table), make_spec(**keys), targets, "mine")


def infer_one(values: Any, **features: Any) -> Column:
    """The only column of a table, and how it is taken."""
    keys = {"features": {"c": features["told"]}} if features else {}
    ((column,), left_out) = infer({"c": values}, **keys)
    assert left_out == ()
    return column


def explain(values: Any) -> str:
    """Why a column is left out."""
    columns, ((name, reason),) = infer({"c": values, "other": [1.5] * len(values)})
    assert ([column.name for column in columns], name) == (["other"], "c")
    return reason


def read(values: Any, column: Column, **keys: Any) -> Any:
    """The lists that a column gives; NaN as None."""
    inputs = read_columns(pa.table({"c": values}), [column], "mine", **keys)
    assert tuple(inputs) == column.inputs
    arrays = [
        [None if value != value else value for value in array.tolist()] for array in inputs.values()
    ]
    return arrays[0] if len(arrays) == 1 else arrays


def count_problems(call: Any, *arguments: Any, **keys: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        call(*arguments, **keys)
    return list(caught.value.problems)


# How columns are taken.


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ([1, 2, 2], Column("c", reason="number")),
        ([0.5, None, 2.0], Column("c", reason="number")),
        ([Decimal("1.50")], Column("c", reason="number")),
        ([True, None], Column("c", "boolean", "boolean", reason="true or false")),
        (
            ["서울", "부산", "서울", None],
            Column(
                "c",
                "category",
                "string_categorical",
                {"max_tokens": 100},
                reason="2 distinct values",
            ),
        ),
        (
            pa.array([3, 4, 3]).dictionary_encode(),
            Column(
                "c",
                "category",
                "string_categorical",
                {"max_tokens": 100},
                reason="2 distinct values",
            ),
        ),
        (["1.5", "-2", "1e3"], Column("c", reason="number, written as text")),
        ([str(i) for i in range(101)], Column("c", reason="number, written as text")),
        (
            ["01", "02"],
            Column(
                "c",
                "category",
                "string_categorical",
                {"max_tokens": 100},
                reason="2 distinct values",
            ),
        ),
    ],
)
def test_type_and_values_say_how_a_column_is_taken(values: Any, column: Column) -> None:
    assert infer_one(values) == column


@pytest.mark.parametrize(
    ("values", "arguments", "parts", "reason"),
    [
        (
            [dt.date(2024, 1, 31), dt.date(2024, 3, 31)],
            {"format": None},
            ("month", "weekday"),
            "dates from 2024-01-31 to 2024-03-31",
        ),
        (
            [dt.datetime(2024, 1, 1, 8), None, dt.datetime(2024, 1, 1, 9, 30)],
            {"format": None},
            ("hour", "minute"),
            "dates from 2024-01-01 08:00 to 2024-01-01 09:30",
        ),
        (
            [dt.date(2024, 1, 1)] * 2,
            {"format": None},
            ("year",),
            "dates from 2024-01-01 to 2024-01-01",
        ),
        (
            [dt.time(8), dt.time(17)],
            {"format": None},
            ("hour",),
            "times from 08:00 to 17:00",
        ),
        (
            ["2024-01-01", None, "9999-01-01"],
            {"format": None},
            ("year", "weekday"),
            "dates from 2024-01-01 to 9999-01-01",
        ),
        (
            ["2024/01/05", "2025/01/05"],
            {"format": "%Y/%m/%d"},
            ("year", "weekday"),
            "dates from 2024-01-05 to 2025-01-05",
        ),
        (
            ["2024.01.05", "2024.02.05"],
            {"format": "%Y.%m.%d"},
            ("month", "weekday"),
            "dates from 2024-01-05 to 2024-02-05",
        ),
        (
            ["05.01.2024 10:00", "05.02.2024 10:00"],
            {"format": "%d.%m.%Y %H:%M"},
            ("month", "weekday"),
            "dates from 2024-01-05 to 2024-02-05",
        ),
        (
            ["2024년 1월 5일", "2024년 2월 5일"],
            {"format": "%Y년 %m월 %d일"},
            ("month", "weekday"),
            "dates from 2024-01-05 to 2024-02-05",
        ),
        (
            ["05/01/2024", "25/01/2024"],
            {"format": "%d/%m/%Y"},
            ("day", "weekday"),
            "dates from 2024-01-05 to 2024-01-25",
        ),
        (
            ["2024-01-01T10:00+09:00", "2024-01-01T11:00+09:00"],
            {"format": None, "zone": "UTC"},
            ("hour",),
            "dates from 2024-01-01 01:00 to 2024-01-01 02:00",
        ),
        (
            pa.array([0, 3600]).cast(pa.timestamp("s", "Asia/Seoul")),
            {"format": None, "zone": "Asia/Seoul"},
            ("hour",),
            "dates from 1970-01-01 09:00 to 1970-01-01 10:00",
        ),
    ],
)
def test_dates_give_the_parts_that_vary(
    values: Any, arguments: Any, parts: tuple[str, ...], reason: str
) -> None:
    assert infer_one(values) == Column("c", "date", "date", arguments, parts, reason)


@pytest.mark.parametrize(
    ("told", "values", "kind", "arguments"),
    [
        ("float", [1, 2], "number", {}),
        ("float", ["a", "b"], "number", {}),
        ({"float_discretized": {}}, [1, 2], "number", {"num_bins": 10}),
        ("integer_categorical", [1, 2], "category", {"max_tokens": 100}),
        ({"string_hashed": {"num_bins": 8}}, ["a"], "category", {"num_bins": 8}),
        ("boolean", ["yes", "no"], "boolean", {}),
        ("date", ["05.01.2024"], "date", {"format": "%d.%m.%Y"}),
        ({"date": {"format": "%d/%m/%Y"}}, ["01/02/2024"], "date", {"format": "%d/%m/%Y"}),
        ({"date": {"format": "%Y%m%d"}}, [20240105], "date", {"format": "%Y%m%d"}),
    ],
)
def test_features_of_the_recipe_win(told: Any, values: Any, kind: str, arguments: Any) -> None:
    column = infer_one(values, told=told)
    assert (column.kind, column.arguments, column.reason) == (kind, arguments, "as features says")
    assert column.feature == (told if isinstance(told, str) else next(iter(told)))


def test_many_distinct_texts_that_come_back_are_a_category() -> None:
    column = infer_one([f"town {i % 150}" for i in range(300)])
    assert column.reason == "150 distinct values, the 100 most frequent of them told apart"


def test_ambiguous_dates_stay_text_and_say_what_to_write() -> None:
    column = infer_one(["03/04/2024", "05/04/2024"])
    assert (column.kind, column.reason) == (
        "category",
        "2 distinct values; say which of '03/04/2024' is the day: features: "
        "{c: {date: {format: '%d/%m/%Y'}}}",
    )


def test_numbers_but_for_a_word_say_which_word() -> None:
    values = [str(i) for i in range(10)] * 2
    values[17] = "abc"
    assert infer_one(values).reason == (
        "11 distinct values; 1 of 20 values is no number, such as 'abc' (row 17); to have "
        "numbers: missing_values: [abc]"
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([None, None], "no values"),
        (["", None], "no values"),
        ([[1], [2]], "its type, list<item: int64>, is not one that can be used"),
        ([b"a"], "its type, binary, is not one that can be used"),
        ([dt.timedelta(1)], "its type, duration[us], is not one that can be used"),
        (
            [f"이름{i}" for i in range(997)] + ["이름0"] * 3,
            "997 distinct texts in 1,000 rows: an identifier or free text; to use it: features: "
            "{c: string_hashed}",
        ),
        (
            [f"p{i}" for i in range(20)],
            "20 distinct texts in 20 rows: an identifier or free text; to use it: features: "
            "{c: string_hashed}",
        ),
        (
            [str(i) if i % 100 else f"w{i % 200}" for i in range(1000)],
            "992 distinct texts in 1,000 rows: an identifier or free text; 10 of 1,000 values are "
            "no numbers, such as 'w0' (row 0); to have numbers: missing_values: [w0, w100]",
        ),
        (
            list(range(1, 11)),
            "a row number, counted from 1; to use it: features: {c: float_normalized}",
        ),
    ],
)
def test_what_is_left_out_and_why(values: Any, reason: str) -> None:
    assert explain(values) == reason


def test_a_name_is_quoted_in_a_remedy_where_yaml_needs_it() -> None:
    _, ((_, reason),) = infer({"a: b": list(range(10)), "other": [0.5] * 10})
    assert reason.endswith("features: {'a: b': float_normalized}")


@pytest.mark.parametrize(
    "values",
    [
        list(range(9)),
        list(range(2, 14)),
        [*range(9), 8, 10],
        [float(i) for i in range(12)],
        list(range(11, -1, -1)),
    ],
)
def test_what_only_looks_like_a_row_number_is_used(values: Any) -> None:
    columns, left_out = infer({"c": values, "other": [0.5] * len(values)})
    assert ([column.name for column in columns], left_out) == (["c", "other"], ())


def test_a_row_number_is_used_where_there_is_nothing_else() -> None:
    assert infer_one(list(range(20))).reason == "number"


def test_targets_and_dropped_columns_are_in_neither_answer() -> None:
    columns, left_out = infer(
        {"id": ["x"], "a": [1], "y": [2], "z": [3]}, ("y", "z"), drop=["id"], target=["y", "z"]
    )
    assert ([column.name for column in columns], left_out) == (["a"], ())


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
            {"a": ["x"], "b": ["x"], "y": [0]},
            {
                "features": {
                    "a": {"date": {"format": "DD.MM.YYYY"}},
                    "b": {"date": {"format": "%Q"}},
                }
            },
            [
                "features: the format of a is none that strptime takes: it has no directive such "
                "as %Y (received: format='DD.MM.YYYY'). Write it as in '%d.%m.%Y'.",
                "features: the format of b is none that strptime takes: 'Q' is a bad directive in "
                "format '%Q' (received: format='%Q'). Write it as in '%d.%m.%Y'.",
            ],
        ),
        (
            {"a": [None], "y": [0]},
            {},
            ["no column is left to learn from. a is left out: no values. Keep at least one."],
        ),
        (
            {"a": [None], "b": [1], "y": [0]},
            {"crosses": [{"feature_names": ["a", "b"], "crossing_dim": 8}]},
            [
                "crosses: 'a' is left out: no values.",
                "crosses: 'b' is a number, and only categories are crossed; to use it: features: "
                "{b: integer_categorical}.",
            ],
        ),
        (
            {"when": [dt.date(2024, 1, 1)], "when (year)": [1], "y": [0]},
            {},
            ["2 columns give an input 'when (year)'. Rename one, or leave it out with drop."],
        ),
    ],
)
def test_a_recipe_that_does_not_fit_the_table(table: Any, keys: Any, problems: list[str]) -> None:
    assert count_problems(infer, table, ("y",), **keys) == problems


def test_columns_of_one_name_are_refused() -> None:
    table = pa.table([[1], [2], [3]], names=["a", "a", "y"])
    assert count_problems(infer_columns, table, make_spec(), ("y",)) == [
        "2 columns are named 'a'. Give each a name of its own."
    ]


def test_of_many_columns_the_first_are_listed() -> None:
    table = {f"c{i}": [1] for i in range(1033)}
    (problem,) = count_problems(infer, table, drop=["zzz"])
    assert problem.endswith(" c28, c29 and 1,003 more.")


# How values are read.


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, None], [3.0, None]),
        ([3.5, NAN, None], [3.5, None, None]),
        ([True, False], [1.0, 0.0]),
        ([Decimal("3.50"), None], [3.5, None]),
        (pa.array([2**62], pa.uint64()), [float(2**62)]),
        ([1e300, -1e300], [float("inf"), -float("inf")]),
        (["3", " 4.5 ", "+1e2", ".5", "", "  ", None], [3.0, 4.5, 100.0, 0.5, None, None, None]),
        (["1e300"], [float("inf")]),
        (pa.array(["3"], pa.string_view()), [3.0]),
        (pa.array(["3", None]).dictionary_encode(), [3.0, None]),
        ([None, None], [None, None]),
    ],
)
def test_numbers(values: Any, expected: list[Any]) -> None:
    assert read(values, NUMBER) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False, None], [1.0, 0.0, None]),
        ([1, 0, None], [1.0, 0.0, None]),
        ([1.0, 0.0, NAN], [1.0, 0.0, None]),
        (["True", "no", " Y", "f", "1", "", None], [1.0, 0.0, 1.0, 0.0, 1.0, None, None]),
        ([None], [None]),
    ],
)
def test_truth_values(values: Any, expected: list[Any]) -> None:
    assert read(values, BOOLEAN) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["서울", " b", "", None], ["서울", " b", "", ""]),
        ([3, None], ["3", ""]),
        ([3.0, 0.1, NAN], ["3", "0.1", ""]),
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
    assert read(values, CATEGORY) == expected


def test_equal_categories_share_one_string() -> None:
    values = pa.chunked_array([["town", "city"], ["city", "town"]])
    array = read_columns(pa.table({"c": values}), [CATEGORY], "mine")["c"]
    assert array[0] is array[3]
    assert array[1] is array[2]


SEOUL_MORNING = pa.array([0]).cast(pa.timestamp("ns", "UTC"))


@pytest.mark.parametrize(
    ("values", "column", "expected"),
    [
        (
            [dt.date(2024, 2, 29), dt.date(1969, 12, 31), None],
            make_date("year", "month", "day", "weekday"),
            [[2024, 1969, None], [2, 12, None], [29, 31, None], [3, 2, None]],
        ),
        ([dt.datetime(1969, 12, 31, 23, 59)], make_date("hour", "minute"), [[23], [59]]),
        ([dt.time(23, 59)], make_date("hour", "minute"), [[23], [59]]),
        (["2024-02-29", " 2024-01-01T07:30 ", "", None], make_date("hour"), [0, 7, None, None]),
        (["29.02.2024", None], make_date("month", date_format="%d.%m.%Y"), [2, None]),
        ([20240229], make_date("month", date_format="%Y%m%d"), [2]),
        (SEOUL_MORNING, make_date("hour"), [0]),
        (SEOUL_MORNING, make_date("hour", zone="Asia/Seoul"), [9]),
        (["1970-01-01T01:00+01:00"], make_date("hour"), [1]),
        (["1970-01-01T01:00+01:00", "1970-01-01T05"], make_date("hour", zone="UTC"), [0, 5]),
        (["1970-01-01T00:00Z"], make_date("hour", zone="Asia/Seoul"), [9]),
        ([None], make_date("year", "hour"), [[None], [None]]),
    ],
)
def test_dates_become_parts(values: Any, column: Column, expected: Any) -> None:
    assert read(values, column) == expected


@pytest.mark.parametrize(
    ("values", "column", "problem"),
    [
        (
            ["1", "abc", None, "1,5"],
            NUMBER,
            "column c must hold numbers; 2 values are none: 'abc' (row 11), '1,5' (row 13). Mend "
            "them, or name in missing_values what means that a value is missing.",
        ),
        (
            [*"abcdefg"],
            NUMBER,
            "column c must hold numbers; 7 values are none: 'a' (row 10), 'b' (row 11), 'c' "
            "(row 12), 'd' (row 13), 'e' (row 14) and 2 more. Mend them, or name in "
            "missing_values what means that a value is missing.",
        ),
        (
            [dt.date(2024, 1, 1)],
            NUMBER,
            "column c must hold numbers; its type is date32[day].",
        ),
        (
            [1, 2],
            BOOLEAN,
            "column c must hold true or false (or yes and no, 1 and 0); 1 value is none: '2' "
            "(row 11). Mend it, or name in missing_values what means that a value is missing.",
        ),
        (
            [[1]],
            CATEGORY,
            "column c must hold numbers, texts, truth values or dates; its type is "
            "list<item: int64>.",
        ),
        ([5], make_date("year"), "column c must hold dates; its type is int64."),
        ([dt.time(5)], make_date("year"), "column c must hold dates; its type is time64[us]."),
        (
            ["2024-02-31", "2024-02-01", "soon"],
            make_date("year"),
            "column c must hold dates, such as 2024-12-31; 2 values are none: '2024-02-31' "
            "(row 10), 'soon' (row 12). Mend them, or name in missing_values what means that a "
            "value is missing.",
        ),
        (
            ["31.02.2024"],
            make_date("year", date_format="%d.%m.%Y"),
            "column c must hold dates written as '%d.%m.%Y'; 1 value is none: '31.02.2024' "
            "(row 10). Mend it, or name in missing_values what means that a value is missing.",
        ),
    ],
)
def test_values_that_a_column_cannot_hold(values: Any, column: Column, problem: str) -> None:
    assert count_problems(read, values, column, first_row=10) == [problem]


def test_all_problems_of_all_columns_are_told_together() -> None:
    table = pa.table({"Size": [1], "town": ["a"], "age": ["old"], "ok": ["?"]})
    columns = [
        Column("size"),
        Column("street"),
        Column("age"),
        Column("ok", "boolean", "boolean"),
    ]
    assert count_problems(read_columns, table, columns, "mine") == [
        "2 columns are missing: size (is it 'Size'?), street. Add them, or rename those "
        "that are meant. The columns: Size, town, age, ok.",
        "column age must hold numbers; 1 value is none: 'old' (row 0). Mend it, or name in "
        "missing_values what means that a value is missing.",
        "column ok must hold true or false (or yes and no, 1 and 0); 1 value is none: "
        "'?' (row 0). Mend it, or name in missing_values what means that a value is missing.",
    ]


def test_a_needed_column_that_comes_twice_is_refused() -> None:
    table = pa.table([[1], [2], [3], [4]], names=["a", "a", "b", "b"])
    assert count_problems(read_columns, table, [Column("a")], "mine") == [
        "2 columns are named 'a'. Keep one of them."
    ]


# The same rows give the same arrays, however they come.


TEXTS = st.one_of(st.none(), st.sampled_from(["", "3", "3.0", "서울", "café", "cafe\u0301", "Ａ"]))
DATES = st.one_of(
    st.none(),
    st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)),
)
ROWS = st.fixed_dictionaries(
    {
        "x": st.one_of(st.none(), st.floats(width=64, allow_nan=True)),
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
    Column("x"),
    Column("n", "category", "integer_hashed"),
    Column("b", "boolean", "boolean"),
    Column("t", "category", "string_categorical"),
    make_date("year", "weekday", "minute", name="d"),
    make_date("day", "hour", zone="UTC", name="s"),
)


def assert_equal_inputs(found: Any, expected: Any) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@settings(deadline=None, max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=12), st.data())
def test_order_extra_columns_and_chunks_change_nothing(rows: Any, data: Any) -> None:
    table = pa.Table.from_pylist(rows, SCHEMA)
    expected = read_columns(table, COLUMNS, "mine")

    order = data.draw(st.permutations(SCHEMA.names))
    extra = pa.array(["extra"] * len(rows))
    other = table.select(order).add_column(0, "id", extra).append_column("zz", extra)
    assert_equal_inputs(read_columns(other, COLUMNS, "mine"), expected)

    cut = data.draw(st.integers(0, len(rows)))
    pieces = [table.slice(0, cut), table.slice(cut)]
    parts = [read_columns(piece, COLUMNS, "mine", first_row=7) for piece in pieces]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in expected}
    assert_equal_inputs(joined, expected)
    assert_equal_inputs(read_columns(pa.concat_tables(pieces), COLUMNS, "mine"), expected)


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_is_one_category_however_it_is_written(number: int) -> None:
    written: list[Any] = [number, float(number), Decimal(number), str(number)]
    assert {name_value(value) for value in written} == {str(number)}
