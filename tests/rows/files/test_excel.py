from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from .reading import find_problems, open_source, read, read_pieces, write

Rows = Sequence[Sequence[Any]]
TABLE: Rows = [["id", "name"], [1, "x"], [2, None], [3, " y "]]
VALUES = {"id": [1, 2, 3], "name": ["x", None, "y"]}


def write_sheets(path: Path, **sheets: Rows) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for i, row in enumerate(rows, 1):
            for j, value in enumerate(row, 1):
                sheet.cell(i, j, value)
    book.save(path)
    return path


@pytest.mark.parametrize("name", ["data.xlsx", "data.xls"])
def test_a_sheet_is_a_table(tmp_path: Path, name: str) -> None:
    """An .xlsx file under the old ending is read as what it is."""
    path = write_sheets(tmp_path / name, Sheet=TABLE)
    assert read(path) == VALUES
    assert read_pieces(path, ["id", "name"]) == VALUES
    assert open_source(path).notes == []


def test_cells_of_mixed_types(tmp_path: Path) -> None:
    rows = [[" a ", None, 2024, "when"], [1, "?", "x", date(2024, 1, 1)], ["NA", 2, 3, None]]
    table = open_source(write_sheets(tmp_path / "data.xlsx", Sheet=rows)).read()
    assert table.to_pydict() == {
        "a": ["1", "NA"],
        "Unnamed: 1": ["?", "2"],
        "2024": ["x", "3"],
        "when": [datetime(2024, 1, 1), None],
    }


def test_texts_that_look_like_numbers_stay_texts(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "data.xlsx", Sheet=[["a", "b"], ["007", 1], ["1", 2]])
    assert read(path) == {"a": ["007", "1"], "b": [1, 2]}


def test_the_first_sheet_that_holds_a_table_is_read(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "data.xlsx", Empty=[], Note=[["about"]], One=TABLE, Two=TABLE)
    file = open_source(path)
    assert file.read().column_names == ["id", "name"]
    assert file.notes == [
        "sheet 'One' is read, of 4 sheets (Empty, Note, Two not); another: excel: {sheet: Empty}"
    ]


def test_a_second_column_of_a_name_gets_a_number(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "data.xlsx", One=[["a", "a", "y"], [1, 2, 3], [4, 5, 6]])
    file = open_source(path)
    for _ in range(2):
        assert file.read().column_names == ["a", "a.1", "y"]
    assert file.notes == ["column names must differ, so repeated ones are called a.1"]


def test_a_row_of_a_class_that_is_given_as_the_target_names_no_columns(tmp_path: Path) -> None:
    rows = [["x", 1], ["y", 2], ["y", 3]]
    path = write_sheets(tmp_path / "data.xlsx", Data=[["kind", "n"], *rows])
    assert read(path, target="y") == {"kind": ["x", "y", "y"], "n": [1, 2, 3]}


@pytest.mark.parametrize("sheet", ["Two", 2])
def test_a_sheet_is_told_by_name_or_place(tmp_path: Path, sheet: str | int) -> None:
    path = write_sheets(tmp_path / "data.xlsx", One=TABLE, Two=[["a"], [5]])
    assert read(path, excel={"sheet": sheet}) == {"a": [5]}


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ([["Sales of 2020", None, None]], 2),
        ([["Sales"], [], ["by region"], []], 5),
        ([[], []], 3),
    ],
)
def test_lines_above_the_names_are_skipped(tmp_path: Path, above: Rows, line: int) -> None:
    names = ["id", "name", "n"]
    rows = [*above, names, [1, "x", 2], [2, "y", 3]]
    path = write_sheets(tmp_path / "data.xlsx", Sheet=rows)
    file = open_source(path)
    assert file.read().to_pydict() == {"id": [1, 2], "name": ["x", "y"], "n": [2, 3]}
    assert file.notes == [f"the column names are in row {line}; what is above is skipped"]
    file = open_source(path, excel={"header_row": line})
    assert (file.read().column_names, file.notes) == (names, [])


def test_blank_lines_above_two_columns(tmp_path: Path) -> None:
    assert read(write_sheets(tmp_path / "data.xlsx", Sheet=[[], [], *TABLE])) == VALUES


def test_a_column_without_a_name_is_no_title(tmp_path: Path) -> None:
    rows = [[None, "n", "m"], ["a", 1, 2], ["b", 3, 4]]
    path = write_sheets(tmp_path / "data.xlsx", Sheet=rows)
    assert [*read(path)] == ["Unnamed: 0", "n", "m"]


def test_names_that_look_like_values_are_names_where_the_recipe_says_so(tmp_path: Path) -> None:
    path = write_sheets(tmp_path / "data.xlsx", Sheet=[[7.5, "x"], [1, "x"], [2, "x"]])
    expected = {"7.5": [1, 2], "x": ["x", "x"]}
    assert read(path, excel={"header_row": 1}) == read(path, target="7.5") == expected
    assert read_pieces(path, ["7.5"]) == expected


def test_the_line_of_names_is_told(tmp_path: Path) -> None:
    rows = [["Sales", "of 2020"], *TABLE]
    path = write_sheets(tmp_path / "data.xlsx", Sheet=rows)
    assert [*read(path)] == ["Sales", "of 2020"]
    assert read(path, excel={"header_row": 2}) == VALUES


@pytest.mark.parametrize(
    ("sheets", "excel", "problem"),
    [
        (
            {"One": TABLE, "Two": TABLE},
            {"sheet": "two"},
            "excel.sheet: there is no sheet 'two'. Did you mean 'Two'? The sheets: One, Two.",
        ),
        ({"One": TABLE}, {"sheet": 2}, "excel.sheet: there is no sheet 2. The sheets: One."),
        (
            {"One": []},
            {},
            "row 1 of the sheet must name the columns, and there are 0. Add rows, or correct "
            "excel.header_row.",
        ),
        ({"One": [["a"]]}, {}, "there are no rows. Add rows."),
        (
            {"One": TABLE},
            {"header_row": 4},
            "there are no rows. Add rows.",
        ),
        (
            {"One": TABLE},
            {"header_row": 5},
            "row 5 of the sheet must name the columns, and there are 4. Add rows, or correct "
            "excel.header_row.",
        ),
        (
            {"One": [[7.5, "x"], *([i, "x"] for i in range(9))]},
            {},
            "row 1 must name the columns, and it looks like a row (received: 7.5, x). "
            "Insert a row of names above it, or write dataset.excel.header_row: 1 if these are "
            "their names.",
        ),
    ],
)
def test_sheets_that_cannot_be_read(
    tmp_path: Path, sheets: dict[str, Rows], excel: dict[str, Any], problem: str
) -> None:
    path = write_sheets(tmp_path / "data.xlsx", **sheets)
    assert find_problems(path, excel=excel) == [problem]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1,2\n", "it is text by its first bytes. Save it with the ending .csv."),
        ("<table><tr>", "it is text by its first bytes. Save it with the ending .csv."),
        ("a\tb\n1\t2\n".encode("utf-16"), "it is text by its first bytes. Save it with the "
         "ending .csv."),
        (b"\0\1", "File is not a zip file. Save it again."),
    ],
)  # fmt: skip
def test_a_file_of_another_format(tmp_path: Path, content: str | bytes, reason: str) -> None:
    path = write(tmp_path / "data.xls", content)
    problem = f"path: {path} is no Excel file that can be read: {reason}"
    assert find_problems(path) == [problem]


@pytest.mark.parametrize(
    ("package", "content", "problem"),
    [
        (
            "openpyxl",
            b"PK\x03\x04",
            "path: data.xlsx is an Excel file; to read it, pip install 'kerasrecipes[excel]'.",
        ),
        (
            "xlrd",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "path: data.xlsx is an old .xls file; save it as .xlsx, or pip install xlrd.",
        ),
    ],
)
def test_without_the_package_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, content: bytes, problem: str
) -> None:
    """Which package it takes is known by the first bytes, whatever the ending."""
    monkeypatch.setitem(sys.modules, package, None)
    assert find_problems(write(tmp_path / "data.xlsx", content + bytes(600))) == [problem]
