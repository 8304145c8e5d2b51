from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kerasrecipes.rows.kinds import find_row_number

from .columns import make_cells, recognise

DISTINCT = [7 * i % 101 for i in range(20)]


@pytest.mark.parametrize(
    ("values", "reason", "hint"),
    [
        ([None, None], "no values", ""),
        (["", "NA"], "no values", ""),
        ([[1], [2]], "columns of type list<item: int64> cannot be used", ""),
        ([b"\xff"], "columns of type binary cannot be used", ""),
        ([dt.timedelta(1)], "columns of type duration[us] cannot be used", ""),
        (
            [f"이름{i}" for i in range(997)] + ["이름0"] * 3,
            "997 distinct texts in 1,000 rows: an identifier or free text",
            "to use it: features: {c: string_hashed}",
        ),
        (
            [f"p{i}" for i in range(20)],
            "20 distinct texts in 20 rows: an identifier or free text",
            "to use it: features: {c: string_hashed}",
        ),
        (
            [str(i) if i % 2 else f"w{i}" for i in range(1001)],
            "1,001 distinct texts in 1,001 rows: an identifier or free text",
            "to use it: features: {c: string_hashed}",
        ),
        (
            [str(i) if i % 100 else f"w{i}" for i in range(1, 1000)],
            "999 distinct texts in 999 rows: an identifier or free text",
            "9 of 999 values are not numbers, such as 'w100' (row 99); to have numbers: fix them",
        ),
    ],
)
def test_what_is_left_out_and_why(values: Any, reason: str, hint: str) -> None:
    finding = recognise(values)
    assert (finding.column, finding.reason, finding.hint) == (None, reason, hint)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("c", list(range(1, 11)), "a row number, counted from 1"),
        ("c", list(range(10)), "a row number, counted from 0"),
        (
            "c",
            list(range(1000, 1020)),
            "20 distinct numbers in 20 rows: an identifier counted from 1000",
        ),
        *(
            (name, DISTINCT, "20 distinct numbers in 20 rows: an identifier by its name")
            for name in (
                "id",
                "ID",
                "client_id",
                "customer id",
                "PassengerId",
                "userID",
                "회원번호",
                "phone",
                "ISBN",
                "account",
                "Unnamed: 0",
                "index",
                "rownames",
                "",
            )
        ),
    ],
)
def test_numbers_that_name_their_rows(name: str, values: list[int], reason: str) -> None:
    found = find_row_number(make_cells(values, name))
    assert found.startswith(f"{reason}; to use it: features: {{")
    assert found.endswith(": float_normalized}")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("c", list(range(9))),
        ("c", list(range(2, 14))),
        ("c", list(range(1990, 2020))),  # years
        ("c", [*range(9), 8, 10]),
        ("c", [float(i) for i in range(12)]),
        ("c", [*range(12), None]),
        ("c", DISTINCT),
        ("index", [*range(12)] * 5),  # months
        ("hour", [*range(24)] * 3),
        ("paid", DISTINCT),
        ("hybrid", DISTINCT),
        ("savings_account", DISTINCT),  # an amount
        ("client_id", DISTINCT[:9]),
        ("client_id", [*DISTINCT, DISTINCT[0]]),  # several rows of one client
        ("client_id", [0.5 + i for i in DISTINCT]),
    ],
)
def test_what_only_looks_like_a_row_number(name: str, values: Any) -> None:
    assert find_row_number(make_cells(values, name)) == ""
