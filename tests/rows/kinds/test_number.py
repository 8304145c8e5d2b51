from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kerasrecipes.rows.kinds import make_column

from .columns import find_problem, find_remark, make_cells, read, recognise, take

NUMBER = make_column("c")
NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1, 2, 2], "number"),
        ([0.5, None, 2.0], "number"),
        ([Decimal("1.50")], "number"),
        (["1.5", "-2", "1e3"], "number, written as text"),
        (["1", "2", "NA"], "number, written as text"),
        (["1", "2", "\u22123"], "number, written as text"),
    ],
)
def test_what_is_a_number(values: Any, reason: str) -> None:
    column = recognise(values).column
    assert column == make_column("c", reason=reason)


@pytest.mark.parametrize(
    ("texts", "style", "numbers"),
    [
        # Money
        (["$1,234.50", "$7", ""], {"unit": "$", "thousands": ","}, [1234.5, 7, None]),
        (["-$5", "$5", "$-6"], {"unit": "$"}, [-5, 5, -6]),
        (["($5.50)", "$(6)", "$7"], {"unit": "$"}, [-5.5, -6, 7]),
        (["(705.60)", "678.45"], {}, [-705.6, 678.45]),
        ([" $7,500 ", " $9 "], {"unit": "$", "thousands": ","}, [7500, 9]),
        (["1.234,50 €", "4,49 €"], {"unit": "€", "decimal": ",", "thousands": "."}, [1234.5, 4.49]),
        (["R$ 3.721,00", "R$ 9,50"], {"unit": "R$", "decimal": ",", "thousands": "."}, [3721, 9.5]),
        (["75,259원", "1,000원"], {"unit": "원", "thousands": ","}, [75259, 1000]),
        (["₩3,000", "₩12,500"], {"unit": "₩", "thousands": ","}, [3000, 12500]),
        (["₹54,201", "₹1,23,45,678"], {"unit": "₹", "thousands": ","}, [54201, 12345678]),
        (["Rs. 8,142", "Rs. 76"], {"unit": "Rs.", "thousands": ","}, [8142, 76]),
        (["USD 12", "USD 9.5"], {"unit": "USD"}, [12, 9.5]),
        (["12 USD", "9.5 USD"], {"unit": "USD"}, [12, 9.5]),
        # Units
        (["43.1%", "7%", "-0.5%"], {"unit": "%"}, [43.1, 7, -0.5]),
        ([" 13.56%", "7 %"], {"unit": "%"}, [13.56, 7]),
        (["51 kg", "72.5kg", "80"], {"unit": "kg"}, [51, 72.5, 80]),
        (["20°C", "-4 °C"], {"unit": "°C"}, [20, -4]),
        (["5,707 sqft", "900 sqft"], {"unit": "sqft", "thousands": ","}, [5707, 900]),
        (['13.6"', '15"'], {"unit": '"'}, [13.6, 15]),
        (["84.5㎡", "59㎡"], {"unit": "㎡"}, [84.5, 59]),
        (["12 m2", "7 m2"], {"unit": "m2"}, [12, 7]),
        (["31 µg/m3", "7 µg/m3"], {"unit": "µg/m3"}, [31, 7]),
        (["5 km/h", "56 km/h"], {"unit": "km/h"}, [5, 56]),
        (["1 day", "2 days", "3 days"], {"unit": "days"}, [1, 2, 3]),
        (["30세", "45세"], {"unit": "세"}, [30, 45]),
        # Decimal and thousands marks
        (["35,8", "0,25"], {"decimal": ","}, [35.8, 0.25]),
        (["0,182", "7,182"], {"decimal": ","}, [0.182, 7.182]),
        (["7,182", "12,500"], {"thousands": ","}, [7182, 12500]),
        (["8.420.423", "2.413"], {"decimal": ",", "thousands": "."}, [8420423, 2413]),
        (["425\u00a0937", "6\u00a0582"], {"thousands": " "}, [425937, 6582]),
        (["22\u202f863,5", "9,5"], {"decimal": ",", "thousands": " "}, [22863.5, 9.5]),
        (["1 234 567", "89 000"], {"thousands": " "}, [1234567, 89000]),
        (["266'000", "207’049"], {"thousands": "'"}, [266000, 207049]),
        (["8,370e+04", "4,700e+03"], {"decimal": ","}, [83700, 4700]),
    ],
)  # fmt: skip
def test_how_numbers_are_written(texts: list[str], style: Any, numbers: list[Any]) -> None:
    column = recognise(texts).column
    assert column is not None
    assert (column.kind, column.arguments) == ("number", style)
    assert read(column, texts) == pytest.approx(numbers)
    # The recipe may say no more than that they are numbers.
    assert read(take(texts, "float"), texts) == pytest.approx(numbers)


def test_the_file_s_own_decimal_mark_decides_where_both_fit() -> None:
    assert recognise(["1,234", "5,678"]).column.arguments == {"thousands": ","}
    assert recognise(["1,234", "5,678"], decimal=",").column.arguments == {"decimal": ","}
    assert read(NUMBER, ["1,5", "2"], decimal=",") == [1.5, 2]


def test_what_is_written_beside_the_digits_is_reported() -> None:
    assert recognise(["1.234,50 €", "7 €"]).column.reason == (
        "number, written with unit '€', decimal ',', thousands '.'"
    )


@pytest.mark.parametrize(
    "texts",
    [
        ["007", "012"],
        ["0x1F", "0x2A"],
        ["03252", "12345"],
        ["SKU1008", "SKU1036"],
        ["CSE209", "CSE408"],
        ["1st", "2nd", "3rd"],
        ["10K", "2M"],  # thousands and millions
        ["3M", "4M"],
        ["2x4", "3x4"],
        ["18-25", "26-35"],
        ["1/2", "3/4"],
        ["A+", "B-"],
        ["1.0.0", "1.2.0"],
        ["192.168.0.1", "192.168.0.22"],
        ["5'11\"", "6'2\""],
        ["10,000+", "500,000+"],
        ["010-5350-7505", "010-2227-3791"],
    ],
)
def test_what_only_looks_like_a_number(texts: list[str]) -> None:
    finding = recognise(texts * 2)
    assert finding.column is not None
    assert (finding.column.kind, finding.hint) == ("category", "")


def test_a_file_with_types_that_holds_texts_means_codes_where_they_are_few() -> None:
    finding = recognise(["10", "20"], has_types=True)
    assert (finding.column.kind, finding.hint) == (
        "category",
        "whole numbers, written as text; if they are amounts, write float_normalized, or task: "
        "regression for a target",
    )
    assert recognise([str(i) for i in range(30)], has_types=True).column.kind == "number"
    assert recognise([str(i) for i in range(101)] * 2, has_types=True).column.kind == "number"
    finding = recognise(["10", "20", "30", "abc"], has_types=True)
    assert (finding.column.kind, finding.wrong) == ("category", ())
    assert finding.hint == (
        "1 of 4 values is not a number, such as 'abc' (row 3); to have numbers: write "
        "missing_values: [abc]"
    )


# A few cells that are none.

AGES = [str(i) for i in range(20, 50)]


@pytest.mark.parametrize(
    ("words", "hint", "wrong"),
    [
        (
            ["unknown"],
            "1 of 31 values is not a number, such as 'unknown' (line 32); to have numbers: write "
            "missing_values: [unknown]",
            ("unknown",),
        ),
        (
            ["-", "n, a", "-"],
            "3 of 33 values are not numbers, such as '-' (line 32); to have numbers: write "
            "missing_values: ['-', 'n, a']",
            ("-", "n, a"),
        ),
        (
            ["TBD"] * 90,
            "90 of 120 values are not numbers, such as 'TBD' (line 32); to have numbers: write "
            "missing_values: [TBD]",
            ("TBD",),
        ),
        (
            ["<0.5"] * 10,
            "10 of 40 values are not numbers, such as '<0.5' (line 32); to have numbers: write "
            "missing_values: [<0.5]",
            ("<0.5",),
        ),
    ],
)
def test_numbers_but_for_a_few_words(words: list[str], hint: str, wrong: tuple[str, ...]) -> None:
    finding = recognise([*AGES, *words], first_line=2)
    assert finding.column.kind == "number"
    assert (finding.hint, finding.wrong) == (hint, wrong)
    found = recognise([*AGES, *words], missing_values=list(wrong))
    assert (found.column.kind, found.wrong) == ("number", ())


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        (
            ["0", "1", "2", "3 or more"] * 9,
            "9 of 36 values are not numbers, such as '3 or more' (row 3); to have numbers: write "
            "missing_values: [3 or more]",
        ),
        (
            ["20세", "30세", "65세 이상"] * 9,
            "9 of 27 values are not numbers with unit '세', such as '65세 이상' (row 2); to have "
            "numbers: write missing_values: [65세 이상]",
        ),
        (
            [*AGES, *"abcdef"] * 2,
            "12 of 72 values are not numbers, such as 'a' (row 30); to have numbers: fix them",
        ),
        (["1", "b", "c", "d"] * 2, ""),
        ([*"0123", *["negative"] * 9], ""),
        (
            [f"{i}{mark}5" for i in range(30) for mark in ".,"] * 2,
            "numbers with marks, such as '0.5' and '0,5'; write them as plain numbers to use them",
        ),
        (
            ["950", *(f"{i / 10}k" for i in range(10, 40))] * 2,
            "numbers with marks, such as '1.0k' and '1.1k'; write them as plain numbers to use "
            "them",
        ),
        (
            [f"{i} {unit}" for i in range(1, 11) for unit in ("weeks", "months", "years")] * 2,
            "numbers with marks, such as '1 weeks' and '1 months'; write them as plain numbers to "
            "use them",
        ),
        ([f"010-53{i}-7505" for i in range(10, 40)] * 2, ""),
        ([f"192.168.0.{i}" for i in range(40)] * 2, ""),
        ([f"CSE-{i}-{2 * i}" for i in range(40)] * 2, ""),
    ],
)
def test_numbers_and_words_are_categories_with_a_hint(texts: list[str], hint: str) -> None:
    finding = recognise(texts)
    assert finding.column.kind == "category"
    assert (finding.hint, finding.wrong) == (hint, ())


# How values are read.


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, None], [3.0, None]),
        ([3.5, NAN, None], [3.5, None, None]),
        ([True, False], [1.0, 0.0]),
        ([Decimal("3.50"), None], [3.5, None]),
        (pa.array([2**62], pa.uint64()), [float(2**62)]),
        (pa.array([1.5, None], pa.float16()), [1.5, None]),
        ([1e300, -1e300], [float("inf"), -float("inf")]),
        (["3", " 4.5 ", "+1e2", ".5", "", "  ", None], [3.0, 4.5, 100.0, 0.5, None, None, None]),
        (["1e300", "inf", "-Infinity"], [float("inf"), float("inf"), -float("inf")]),
        (pa.array(["3"], pa.string_view()), [3.0]),
        (pa.array(["3", None]).dictionary_encode(), [3.0, None]),
        ([None, None], [None, None]),
    ],
)
def test_numbers_become_float32(values: Any, expected: list[Any]) -> None:
    assert read(NUMBER, values) == expected
    (array,), _ = NUMBER.read(make_cells(values))
    assert array.dtype == np.float32


def test_numbers_that_mean_missing() -> None:
    assert read(NUMBER, [3.0, -999.0, 0.5], missing_values=[-999]) == [3, None, 0.5]
    assert read(NUMBER, ["3", "-999", "-999.0"], missing_values=[-999]) == [3, None, None]
    one_tenth = pa.array([0.1, 0.2], pa.float32())
    assert read(NUMBER, one_tenth, missing_values=[0.1]) == [None, pytest.approx(0.2)]
    assert read(NUMBER, [2**53 + 1, 7], missing_values=[7]) == [float(2**53), None]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            ["1", "abc", None, "1,5"],
            "column c must contain numbers; 2 values are not: 'abc' (row 11), '1,5' (row 13). Fix "
            "them, or add them to missing_values.",
        ),
        (
            [*"abcdefg"],
            "column c must contain numbers; 7 values are not: 'a' (row 10), 'b' (row 11), 'c' "
            "(row 12), 'd' (row 13), 'e' (row 14) and 2 more. Fix them, or add them to "
            "missing_values.",
        ),
        (
            pa.array([0], pa.date32()),
            "column c must contain numbers; its type is date32[day].",
        ),
    ],
)
def test_values_that_are_no_numbers(values: Any, problem: str) -> None:
    assert find_problem(NUMBER, values, first_row=10) == problem


@pytest.mark.parametrize(
    ("trained", "values", "problem"),
    [
        (["51 kg", "72 kg"], ["60 kg", "154 lb"], "unit 'kg'; 1 value is not: '154 lb' (row 1)."),
        (["51%", "7.5%"], ["0.5%", "0.24", "13"], "unit '%'; 1 value is not: '0.24' (row 1)."),
        (["51%", "7.5%"], [0.24, 0.0, 13], "unit '%'; 1 value is not: '0.24' (row 0)."),
    ],
)
def test_numbers_in_another_unit_are_refused(trained: Any, values: Any, problem: str) -> None:
    column = recognise(trained).column
    assert find_problem(column, values) == (
        f"column c must contain numbers with {problem} Fix it, or add it to missing_values."
    )


def test_fractions_among_percentages_are_reported_as_such() -> None:
    finding = recognise([*(f"{i}%" for i in range(30)), "0.24"])
    assert finding.hint.startswith("1 of 31 values is not a number with unit '%', such as '0.24'")


def test_a_point_beside_decimal_commas_may_be_a_thousands_mark() -> None:
    assert read(NUMBER, ["1,5", "2.25"], decimal=",") == [1.5, 2.25]
    problem = "must contain numbers; 1 value is not: '1.034' (row 1)."
    assert problem in find_problem(NUMBER, ["1,5", "1.034"], decimal=",")
    # In a file with decimal commas, a column without any has points.
    assert read(NUMBER, ["1.5", "2.125", "12.25"], decimal=",") == [1.5, 2.125, 12.25]


# What stands out.


@pytest.mark.parametrize(
    ("values", "remark"),
    [
        (
            [*range(18, 60), -999, -999],
            "c: -999 is far from all other values and occurs in 2 rows. If it means "
            "missing, write missing_values: [-999] and missing: median.",
        ),
        (
            [*(0.5 + i / 10 for i in range(20)), 99.9, 99.9],
            "c: 99.9 is far from all other values and occurs in 2 rows. If it means "
            "missing, write missing_values: [99.9] and missing: median.",
        ),
        (
            [*range(18, 60), 2147483647, 2147483647],
            "c: 2147483647 is far from all other values and occurs in 2 rows. If it "
            "means missing, write missing_values: [2147483647] and missing: median.",
        ),
        ([*(f"${i}" for i in range(20, 60)), "30.5", "20.25", "40.5", "0"], ""),
        ([2013.25, 2013.5, 2012.917, 2013.0, 2013.083], ""),
        ([2013.5, 2014.5, 2015.0, 2016.5, 2017.0], ""),
        ([1913.1, 1914.2, 1915.3, 1916.4, 1917.5, 1918.6], ""),
        ([*range(18, 60), -999], ""),  # one mistake is no code
        ([0, 0, 1, 1, 1, 9], ""),
        ([0, 0, *range(5, 60)], ""),
        ([*(18.2 + i for i in range(40)), *[0] * 9], ""),  # no pool, no area
        ([2019, 2020, 2021, 2022, 2023], ""),
        ([20240101, 20240215, 20240320, 20240402, 20241399], ""),
    ],
)
def test_values_that_stand_out(values: list[Any], remark: str) -> None:
    assert find_remark(values) == remark


def test_a_unit_leaves_no_doubt_about_thousands() -> None:
    column = recognise(["$64.10", "$70.50", "$12.00"]).column
    assert read(column, ["$1,000.50", "$5"]) == [1000.5, 5.0]


NOISE = np.random.default_rng(0).normal(size=1000)
TIMES = 1_700_000_000 + 60 * np.arange(60)


@pytest.mark.parametrize(
    "values",
    [
        TIMES,
        TIMES.astype(np.float64),
        [*TIMES.tolist(), None, 1_700_000_000],
        [*TIMES.astype(str), None],
        [2**24, 2**24 + 1],
        2**53 + np.arange(900),
        [1e9 + 0.25, 1e9 + 0.5],
        [Decimal("1700000000.01"), Decimal("1700000000.02")],
    ],
)
def test_values_that_float32_merges(values: Any) -> None:
    assert find_remark(values) == (
        "c: float32, in which networks compute, cannot distinguish numbers so large and so close "
        "together. Subtract a fixed number from each, here and in rows to predict alike."
    )


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.2, 0.1 + 0.2, 0.3],
        [0.1 + 0.2, 0.3],  # one number and its rounding error
        NOISE,
        1013.25 + NOISE,
        127.03 + 0.01 * NOISE,  # degrees of longitude in one town
        1e300 * NOISE,
        np.arange(1_500_000_000, 1_700_000_000, 1_000),  # merged, and too near to matter
        [2**24 - 1, 2**24],
        [1_700_000_000] * 3,
        TIMES.astype(np.float32),  # nothing more is lost
        [1.5, float("inf")],
    ],
)
def test_other_numbers_are_no_loss(values: Any) -> None:
    assert find_remark(values) == ""
