from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.files import delimited
from kerasrecipes.rows.kinds import NumberColumn, make_column

from .reading import (
    Source,
    find_problems,
    find_problems_of_pieces,
    list_values,
    open_source,
    read,
    read_pieces,
    write,
)

LONG = 300_000
"""So many lines are more than the part of a file that types are first inferred from."""


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files in small parts, so that a short one has what else only long ones have."""
    monkeypatch.setattr(delimited, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(delimited, "SAMPLE_BYTES", 200)


def read_text(folder: Path, content: str | bytes, **keys: Any) -> dict[str, list[Any]]:
    return read(write(folder / "data.csv", content), **keys)


@pytest.mark.parametrize(
    ("content", "keys", "expected"),
    [
        ("a,b\n1,x\n", {}, {"a": [1], "b": ["x"]}),
        ("a\n1", {}, {"a": [1]}),
        ("a;b\n1,5;x\n2;y\n", {}, {"a": [1.5, 2.0], "b": ["x", "y"]}),
        ("a;b\n1,234;x\n", {"csv": {"decimal": ","}}, {"a": [1.234], "b": ["x"]}),
        ("a;b\n1,234;x\n", {"csv": {"decimal": "."}}, {"a": ["1,234"], "b": ["x"]}),
        ('a,b\n"x, y\nz",2\n', {}, {"a": ["x, y\nz"], "b": [2]}),
        ('a,b\n"say ""hi""",2\n', {}, {"a": ['say "hi"'], "b": [2]}),
        ('a,b\n5" pipe,2\n', {}, {"a": ['5" pipe'], "b": [2]}),
        (' a , b\n 1 , x y \n2, "z"\n', {}, {"a": [1, 2], "b": ["x y", '"z"']}),
        ("a,b\r\n1,2\r\n3,4\r\n", {}, {"a": [1, 3], "b": [2, 4]}),
        ("a,b\r1,2\r3,4", {}, {"a": [1, 3], "b": [2, 4]}),
        ("a,b\n1,2\r\n3,4\r5,6\n", {}, {"a": [1, 3, 5], "b": [2, 4, 6]}),
        ("\n\na,b\n\n1,2\n\n", {}, {"a": [1], "b": [2]}),
        ("a,b\n1,\n3,\n", {}, {"a": [1, 3], "b": [None, None]}),
        ("a,b\n1,   \n3,\n", {}, {"a": [1, 3], "b": [None, None]}),
        ("a\n1.\n.5\n-2e3\n", {}, {"a": [1.0, 0.5, -2000.0]}),
        ("a\n1_000\n2_000\n", {}, {"a": ["1_000", "2_000"]}),
        ("a,b\n1,x # y\n# z\n3,w\n", {"csv": {"comment": "#"}}, {"a": [1, 3], "b": ["x", "w"]}),
        ('a,b\n1,"x # y" # z\n', {"csv": {"comment": "#"}}, {"a": [1], "b": ["x # y"]}),
    ],
)
def test_values_are_numbers_or_text(
    tmp_path: Path, content: str, keys: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert read_text(tmp_path, content, **keys) == expected


def test_what_a_text_means_is_left_to_the_columns_kind(tmp_path: Path) -> None:
    content = "flag,day,time,code,hex,share,price\ntrue,2024-02-29,10:20,007,0x1F,5%,$5\n"
    assert [*read_text(tmp_path, content).values()] == [
        ["true"], ["2024-02-29"], ["10:20"], ["007"], ["0x1F"], ["5%"], ["$5"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "token", ["", "?", "NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "None", "<NA>", '""', " ?",
              r"\N", "#DIV/0!", "(null)", "  "]
)  # fmt: skip
def test_usual_words_for_missing(tmp_path: Path, token: str) -> None:
    content = f"number,text\n{token},{token}\n1,x\n"
    assert read_text(tmp_path, content) == {"number": [None, 1], "text": [None, "x"]}


def test_more_values_for_missing_are_told(tmp_path: Path) -> None:
    content = "a,b,c\n-999,unknown,1.5\n-999.0,-999,9e9\n3,None,-999.00\n"
    keys = {"missing_values": {"add": [-999, "unknown", 9e9], "keep": ["None"]}}
    assert read_text(tmp_path, content, **keys) == {
        "a": [None, None, 3.0],
        "b": [None, None, "None"],
        "c": [1.5, None, None],
    }


def test_more_white_space_than_usual_makes_text(tmp_path: Path) -> None:
    assert read_text(tmp_path, "a,b\n1,2\n2,\u3000?\n") == {"a": [1, 2], "b": ["2", None]}


@pytest.mark.parametrize("before", ["", "\n\r\n"])
def test_an_empty_line_is_a_row_of_a_single_column(tmp_path: Path, before: str) -> None:
    content = f"{before}x\n1\n\n3\n"
    path = write(tmp_path / "data.csv", content)
    assert read(path) == {"x": [1, None, 3]}
    assert read_pieces(path, ["x"], ["x"]) == {"x": [1, None, 3]}
    assert read_pieces(content.encode(), ["x"]) == {"x": ["1", None, "3"]}


# Types come from all rows, not from the first ones.


@pytest.mark.parametrize(
    ("usual", "last", "expected"),
    [
        ("12345", "2.5", 2.5),
        ("1.5", "1", 1.0),
        ("12345", "x", "x"),
        ("12345", "12345678901234567890", 12345678901234567890.0),
        ("12345", "007", "007"),
        ("12345", '"007"', "007"),
        ("12345", " 007", "007"),
        ("12345", "-007", "-007"),
        ("12345", "0x1F", "0x1F"),
        ("12345", "0", 0),
        ("12345", " ?", None),
        ("12345", "      ", None),
        ("12345", '"one\ntwo"', "one\ntwo"),
        ("", "7", 7),
    ],
)
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_last_line_decides_too(
    tmp_path: Path, usual: str, last: str, expected: Any, end: str
) -> None:
    content = "a,b\n" + f"1,{usual}\n" * 300 + f"2,{last}{end}"
    path = write(tmp_path / "data.csv", content)
    values = read(path)
    assert len(values["a"]) == len(values["b"]) == 301
    assert (values["a"][-1], values["b"][-1]) == (2, expected)
    is_text = isinstance(expected, str)
    assert values["b"][0] == (usual if is_text else float(usual) if usual else None)
    if is_text and usual:
        assert read_pieces(path, ["b"]) == {"b": values["b"]}


def test_a_code_past_the_first_megabyte(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "a,b\n" + "1,12345\n" * LONG + "2,007\n")
    assert read(path)["b"][-2:] == ["12345", "007"]
    assert read_pieces(path, ["a", "b"], ["a"])["b"][-2:] == ["12345", "007"]


def test_a_whole_number_past_64_bits_is_a_fraction(tmp_path: Path) -> None:
    content = "a,b\n9223372036854775807,1\n9223372036854775808,2\n"
    assert read_text(tmp_path, content)["a"] == [2.0**63, 2.0**63]
    assert read_text(tmp_path, content.replace("8,2", "7,2"))["a"] == [2**63 - 1] * 2


def test_types_are_not_inferred_of_columns_that_are_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "a,b,c\n1,1.50,1\n2,2,x\n")
    file = open_source(path)
    assert file.read(as_text=["a"]).to_pydict() == {
        "a": ["1", "2"], "b": [1.5, 2.0], "c": ["1", "x"],
    }  # fmt: skip


@pytest.mark.usefixtures("small_blocks")
def test_large_whole_numbers_may_be_above_fractions(tmp_path: Path) -> None:
    large = 2**60 + 1
    path = write(tmp_path / "data.csv", "a,b\n" + f"{large},1\n" * 50 + "0.5,NA\n" * 50)
    assert read(path)["a"] == [float(large)] * 50 + [0.5] * 50


# Repeated lines of column names.


def test_numbers_may_be_their_columns_names(tmp_path: Path) -> None:
    numbers = write(tmp_path / "numbers.csv", "0,1\n0,1\n1,0\n")
    assert read(numbers, csv={"header": "first"}) == {"0": [0, 1], "1": [1, 0]}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("values", ["1,x", "x,y"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_repeated_names_are_left_out(tmp_path: Path, values: str, is_stream: bool) -> None:
    lines = ["a,b", *[values] * 300, "\ufeffa,b", *[values] * 99, "a,b", values]
    content = "\n".join(lines).encode()
    source: Source = content if is_stream else write(tmp_path / "data.csv", content)
    file = open_source(source)
    number = ["a"] if values == "1,x" else []
    pieces = list(file.iterate(["a", "b"], number, 10))
    assert sum(len(piece) for piece in pieces) == 400
    note = "rows that repeat the column names are left out, the first in line 302"
    assert file.notes == [note]
    assert file.notation.first_place == ("row", 2)
    file = open_source(source)
    table = file.read()
    assert len(table) == 400
    assert pa.types.is_integer(table["a"].type) == (values == "1,x")
    assert file.notes == [note]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("late", ["$7", "seven", "1,5"])
@pytest.mark.parametrize("place", [0, 150, 299])
def test_a_word_among_numbers_changes_no_value_in_other_blocks(
    tmp_path: Path, late: str, place: int
) -> None:
    numbers: list[Any] = [["", " NA", f" {i} ", f"{i}.5", f'"{i}"'][i % 5] for i in range(300)]
    numbers[place] = f'"{late}"'
    rows = [f'{i},{number},"t\n{i}"' for i, number in enumerate(numbers)]
    path = write(tmp_path / "data.csv", "\n".join(["n,x,t", *rows]))
    pieces = list(open_source(path).iterate(["n", "x", "t"], ["n", "x"], 10))
    assert len(pieces) > 10
    assert {each["n"].type for each in pieces} == {pa.float64()}
    whole = pa.concat_tables(each.select(["n", "t"]) for each in pieces)
    assert whole.to_pydict() == {"n": [*range(300)], "t": [f"t\n{i}" for i in range(300)]}
    read = [value for each in pieces for value in each["x"].to_pylist()]
    texts = [each["x"].type for each in pieces].count(pa.string())
    assert texts == 1
    assert read[place] == late
    expected = [[None, None, i, i + 0.5, i][i % 5] for i in range(300)]
    same = [a == b for a, b in zip(read, expected, strict=True)]
    assert same.count(False) < 20  # of the block with the word


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_repeated_names_may_end_the_file(tmp_path: Path, end: str) -> None:
    path = write(tmp_path / "data.csv", "a,b\n1,x\na,b\n\n2,y\na,b" + end)
    file = open_source(path)
    assert file.read().to_pydict() == {"a": [1, 2], "b": ["x", "y"]}
    assert file.notes == ["rows that repeat the column names are left out, the first in line 3"]
    assert read(write(tmp_path / "data.csv", f"a,b\n1,x\na,b{end}"))["a"] == [1]


def test_names_on_several_lines_are_not_looked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", 'a,"b\nc",d\n1,2,x\na,"b\nc",d\n')
    assert read(path) == {"a": ["1", "a"], "b\nc": ["2", "b\nc"], "d": ["x", "d"]}


def test_blank_lines_are_not_among_the_ragged_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "a,b\n1,2\n" + 9 * "  \n3,4\n" + "5\n6,7\n")
    [problem] = find_problems(path)
    assert "(received: line 21 has 1)" in problem


def test_a_text_may_be_its_columns_name(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "kind,n,m\nkind,1,x\nb,2,y\n")
    assert read(path)["kind"] == ["kind", "b"]
    assert read_pieces(path, ["kind"]) == {"kind": ["kind", "b"]}
    assert read_pieces(path.read_bytes(), ["kind"]) == {"kind": ["kind", "b"]}


# Where a value stands.


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("a,b\n1,x\n2,y\n", "line 3"),
        ("a,b\r\n1,x\r\n2,y", "line 3"),
        ("# made\n# by\na,b\n1,x\n2,y\n", "line 5"),
        ('a,b\n"1\n2",x\n2,y\n', "row 3"),
        ("a,b\n1,x\n\n2,y\n", "row 3"),
        ("a,b\r1,x\r\r2,y\r", "row 3"),
        ("a  b\n1  2\n2  3\n", "line 3"),
    ],
)
def test_places_are_lines_where_each_row_is_one(tmp_path: Path, content: str, place: str) -> None:
    file = open_source(write(tmp_path / "data.csv", content))
    table = file.read()
    assert Cells("a", table["a"], file.notation).locate(np.array([1])) == place


# Bad lines.


def test_lines_with_too_many_or_too_few_values(tmp_path: Path) -> None:
    content = 'a,b\n"x\ny",2\n1,2,3\n4\n5,6\n'
    assert find_problems(write(tmp_path / "data.csv", content)) == [
        "every line must have 2 values, one for each column name (received: line 4 has 3, line 5 "
        "has 1). Fix these lines; put a value that contains ',' in quotation marks."
    ]
    content = "a\tb\n1\t2\n3\t4\n" + "1\t2\t3\n" * 7 + "1\t2\n" * 200
    assert find_problems(write(tmp_path / "data.tsv", content)) == [
        "every line must have 2 values, one for each column name (received: line 4 has 3, line 5 "
        "has 3, line 6 has 3, line 7 has 3, line 8 has 3 and more). Fix these lines; put a "
        "value that contains '\\t' in quotation marks."
    ]
    assert find_problems(write(tmp_path / "data.csv", "a,b\n1,2\n# checked\n3,4\n")) == [
        "every line must have 2 values, one for each column name (received: line 3 has 1). Remove "
        "these lines, or write csv: {comment: '#'}; put a value that contains ',' in quotation "
        "marks."
    ]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("is_stream", [False, True])
def test_ragged_lines_of_a_long_file(tmp_path: Path, is_stream: bool) -> None:
    lines = ["a,x", *(f"a,{i}" for i in range(300)), "a,1,2", "a,1", "a", *["a,1"] * 100]
    content = "\n".join(lines).encode()
    source: Source = content if is_stream else write(tmp_path / "data.csv", content)
    problem = (
        "every line must have 2 values, one for each column name (received: line 302 has 3, line "
        "304 has 1). Fix these lines; put a value that contains ',' in quotation marks."
    )
    assert find_problems_of_pieces(source, ["x"]) == [problem]


@pytest.mark.parametrize("below", ["   \n", "\x1a", "\n\n  \n"])
def test_blank_lines_below_the_last_row_are_no_rows(tmp_path: Path, below: str) -> None:
    path = write(tmp_path / "data.csv", "a,b,c,d\n" + 4 * "1,x,y,2\n" + below)
    assert read(path)["d"] == read_pieces(path, ["d"], ["d"])["d"] == [2] * 4
    assert open_source(path).notes == []


@pytest.mark.parametrize("last", ["3,z", "3", "a note, in, short"])
def test_a_last_row_that_was_cut_is_refused(tmp_path: Path, last: str) -> None:
    path = write(tmp_path / "data.csv", f"a,b,c,d\n1,x,y,2\n{last}")
    [problem] = find_problems(path)
    assert "line 3 has" in problem


def test_text_on_several_lines_in_the_last_row_is_no_line_below_it(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", 'a,b,c\n1,2,"x\nand more"\n')
    file = open_source(path)
    assert file.read().to_pydict()["c"] == ["x\nand more"]
    assert file.notes == []


@pytest.mark.parametrize("note", [r"\"{i}\", \"old\" \\ new", r"x{i}\""])
def test_quotation_marks_may_be_written_with_a_backslash(tmp_path: Path, note: str) -> None:
    lines = ["a,note,y", *(f'{i},"{note.format(i=i)}",{i}' for i in range(5))]
    path = write(tmp_path / "data.csv", "\n".join(lines))
    notes = [re.sub(r"\\(.)", r"\1", note.format(i=i)) for i in range(5)]
    assert read(path) == {"a": [*range(5)], "note": notes, "y": [*range(5)]}
    assert read_pieces(path, ["note"]) == {"note": notes}


def test_quotation_marks_around_rows_are_reported(tmp_path: Path) -> None:
    rows = ["a,b,c", "1,x,2", '3,"y,4', "5,z,6", '7,"w,8', "9,v,10"]
    file = open_source(write(tmp_path / "data.csv", "\n".join(rows)))
    assert len(file.read()) == 3
    (note,) = file.notes
    assert note.startswith("a value of b looks like 3 rows ('y,4'…): if the quotation mark")


@pytest.mark.usefixtures("small_blocks")
def test_one_note_on_quotation_marks_is_enough(tmp_path: Path) -> None:
    rows = ["1,x,2", '3,"y,4', "5,z,6", '7,"w,8', "9,v,10"] * 100
    file = open_source(write(tmp_path / "data.csv", "\n".join(["a,b,c", *rows, "late,x,1"])))
    assert len(file.read()) == 301
    assert len(file.notes) == 1
    file = open_source(write(tmp_path / "texts.csv", 'a,b,c\n1,"x, y, z\nno more",2\n'))
    assert (len(file.read()), file.notes) == (1, [])


def test_spaces_may_be_before_quotation_marks(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", 'a, "b"\n1, "x, y"\n2, "z"\n')
    assert read(path) == {"a": [1, 2], "b": ["x, y", "z"]}


def test_a_tab_may_be_before_the_last_of_aligned_values(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", 'a     b   name\n1.5   2\t"x y"\n2.5   4\t"z"\n')
    assert read(path) == {"a": [1.5, 2.5], "b": [2, 4], "name": ["x y", "z"]}


@pytest.mark.parametrize(
    "lines",
    [
        ["id   name", '1    "x, y"', "2    it's", "3    z"],
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quotation_marks_between_spaces(tmp_path: Path, lines: list[str], end: str) -> None:
    path = write(tmp_path / "data.csv", end.join([*lines, ""]))
    names = ["x, y", "it's", "z"]
    assert read(path) == {"id": [1, 2, 3], "name": names}
    assert read_pieces(path, ["name"]) == {"name": names}


@pytest.mark.parametrize(
    "lines", [["note", '"a, b"', '"c"'], ["note", "'s", "'t"], ["n,note", "1,'a' b", "2,'c"]]
)
def test_marks_that_belong_to_values(tmp_path: Path, lines: list[str]) -> None:
    path = write(tmp_path / "data.csv", "\n".join([*lines, ""]))
    expected = [line.removeprefix("1,").removeprefix("2,").strip('"') for line in lines[1:]]
    assert read(path)["note"] == expected


def test_a_row_of_marks_for_missing_is_a_row(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "a,b\n1,x\n--,--\n2,y\n")
    assert read(path)["b"] == ["x", "--", "y"]


def test_a_quotation_mark_opened_in_the_names(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", 'a,"b,c\n1,x,2\n3,y,4\n')
    assert find_problems(path) == [
        "a quotation mark that is opened in line 1 is never closed, or after more than 2 MB. Close "
        "it, or remove it."
    ]


@pytest.mark.parametrize(
    "line", ['1,"2', '"1,2', '1,"2\n' + "3,4\n" * LONG], ids=["last", "first", "long"]
)
def test_a_quotation_mark_that_is_never_closed(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "data.csv", f"a,b\n1,2\n{line}\n3,4\n")
    problem = (
        "a quotation mark that is opened in line 3 is never closed, or after more than 2 MB. Close "
        "it, or remove it."
    )
    assert find_problems(path) == [problem]
    for wanted in (["a"], ["a", "b"]):
        assert find_problems_of_pieces(path, wanted) == [problem]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n", "the file has column names (a, b) and no rows. Add rows."),
        ("a,b", "the file has column names (a, b) and no rows. Add rows."),
        ("\n\n", "the file is empty. It must open with a line of column names."),
    ],
)
def test_a_file_without_rows(tmp_path: Path, content: str, problem: str) -> None:
    path = write(tmp_path / "data.csv", content)
    for source in (path, content.encode()):
        assert find_problems(source) == [problem]
        assert find_problems_of_pieces(source, ["a"]) == [problem]


# In pieces.


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_value_that_is_no_number_makes_text_of_its_block(tmp_path: Path, is_stream: bool) -> None:
    values = [f"{i},5" for i in range(500)]
    values[321] = "abc"
    content = ("t;x\n" + "".join(f"t;{value}\n" for value in values)).encode()
    source: Source = content if is_stream else write(tmp_path / "data.csv", content)
    pieces = list(open_source(source).iterate(["x"], ["x"], 10))
    read_values = [value for piece in pieces for value in piece["x"].to_pylist()]
    expected: dict[str, float | str] = {value: i + 0.5 for i, value in enumerate(values)}
    n_texts = sum(isinstance(value, str) for value in read_values)
    assert 1 < n_texts < 50
    for value, text in zip(read_values, values, strict=True):
        assert value in (text, expected[text])
    assert "abc" in read_values


def test_columns_that_are_not_numbers_keep_their_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "id,t,x\n007,1.50,1\nNA,2,?\n")
    assert read_pieces(path, ["id", "t", "x"], ["x"]) == {
        "id": ["007", None], "t": ["1.50", "2"], "x": [1.0, None],
    }  # fmt: skip


def test_large_whole_numbers_keep_their_digits_as_text(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", f"a,b\n{2**53 + 1},1\n,2\n")
    assert read_pieces(path, ["a"]) == {"a": [str(2**53 + 1), None]}
    assert read(path)["a"] == [2**53 + 1, None]


def test_all_columns_are_read_where_a_wanted_one_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "a,b\n1,x\n2,y\n")
    assert read_pieces(path, ["absent"]) == {"a": ["1", "2"], "b": ["x", "y"]}


def test_columns_of_one_name_are_read_as_pandas_calls_them(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "a,a,x\n1,2,3\n")
    assert read(path) == pd.read_csv(path).to_dict("list")
    assert read_pieces(path, ["x", "a.1"], ["x"]) == {"x": [3.0], "a.1": ["2"]}


def test_a_column_may_be_called_as_a_number_is(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "0.5,+0.0,y\n1,2,3\n2,3,4\n")
    assert read_pieces(path, ["0.5"], ["0.5"]) == {"0.5": [1.0, 2.0]}


@pytest.mark.usefixtures("small_blocks")
def test_runs_of_spaces_are_one_delimiter(tmp_path: Path) -> None:
    word = "whitespace"
    lines = ["  a    b  c", *(f"  {i}{' ' * (1 + i % 3)}{i / 4}    {word}" for i in range(300))]
    path = write(tmp_path / "data.dat", "\n".join(lines))
    expected = {"a": [*range(300)], "b": [i / 4 for i in range(300)], "c": [word] * 300}
    assert read(path) == expected
    assert read_pieces(path, ["a", "b", "c"], ["a", "b"]) == expected
    assert read_pieces(path.read_bytes(), ["c"]) == {"c": expected["c"]}


# Whole, in pieces and from a stream, a file has the same values.

NUMBERS = (
    "1",
    "-2.25",
    "3",
    "1e3",
    ".5",
    "1,5",
    "1.234,5",
    "1,234.5",
    "0.0",
    "12345678901234567890",
)
WORDS = ("red", "grün", "a b", "007", "0x1F", "2024-01-01", "true", "1%", "$1,000", 'say "hi"',
         "one\ntwo", "a,b;c\td", "'", "1_000")  # fmt: skip
MISSING = ("", "NA", "?", "  ", r"\N", " NA ")

cells = st.sampled_from(NUMBERS) | st.sampled_from(WORDS) | st.sampled_from(MISSING)
columns = st.one_of(
    st.lists(st.sampled_from(NUMBERS + MISSING), min_size=1, max_size=25),
    st.lists(st.sampled_from(WORDS + MISSING), min_size=1, max_size=25),
    st.lists(cells, min_size=1, max_size=25),
)


@pytest.mark.usefixtures("small_blocks")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    columns=st.lists(columns, min_size=1, max_size=4),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    repeat=st.integers(0, 12),
)
@example([["1", "   "], ["", ""]], ",", "\n", csv.QUOTE_MINIMAL, 0)
def test_however_a_file_is_read_its_values_are_the_same(
    tmp_path: Path,
    columns: list[list[str]],
    delimiter: str,
    end: str,
    quoting: Any,
    repeat: int,
) -> None:
    names = [f"column{chr(97 + i)}" for i in range(len(columns))]
    n_rows = min(map(len, columns))
    rows = [[column[i] for column in columns] for i in range(n_rows)]
    if len(columns) > 1:
        rows.insert(repeat, names)  # in most files, the names are repeated
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([names, *rows])
    path = write(tmp_path / "data.csv", written.getvalue())
    keys: dict[str, Any] = {"csv": {"header": "first", "delimiter": delimiter, "decimal": "."}}
    file = open_source(path, **keys)
    whole = file.read()
    assert len(whole) == n_rows
    numbers = [name for name in names if not Cells(name, whole[name], file.notation).is_text]

    def read_values(tables: list[pa.Table], name: str) -> list[Any]:
        cells = [Cells(name, table[name], file.notation) for table in tables]
        return [x for one in cells for x in _read_cells(one, name in numbers)]

    expected = {name: read_values([whole], name) for name in names}
    for source in (path, path.read_bytes()):
        file = open_source(source, names, **keys)
        pieces = list(file.iterate(names, numbers, 10))
        assert {name: read_values(pieces, name) for name in names} == expected


def _read_cells(cells: Cells, are_numbers: bool) -> list[Any]:
    if not are_numbers:
        return list_values(cells)
    column = make_column(cells.name, "float_normalized")
    assert isinstance(column, NumberColumn)
    numbers, wrong = column.read_exact(cells)
    assert not wrong.any()
    return [None if x != x else x for x in numbers.tolist()]
