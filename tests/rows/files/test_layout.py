from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.files.layout import WHITESPACE, HeaderMissing, Layout, LineForm, find_layout

from .reading import find_problems, open_source, read, read_pieces, write


def find(sample: str, wanted: tuple[str, ...] | None = None, **told: Any) -> Layout:
    return find_layout(sample, DatasetSpec.model_validate({"csv": told}), "data.csv", wanted)


def find_names(sample: str, **told: Any) -> list[str]:
    return list(find(sample, **told).names)


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\n1,x\n", ","),
        ("a;b\n1,5;x\n2,5;y\n", ";"),
        ("a\tb c\n1,5\tx y\n", "\t"),
        ("a|b\nx,y|1\nz,w|2\n", "|"),
        ("a:b\n1:2\n3:4\n", ":"),
        ("a^b\n1^2\n3^4\n", "^"),
        ("a~b\n1~2\n3~4\n", "~"),
        ("a\x01b\n1\x012\n3\x014\n", "\x01"),  # Hive's
        ("a\x1fb\n1\x1f2\n3\x1f4\n", "\x1f"),
        ("a::b\n1::2\n3::4\n", "::"),
        ("a b\n1 x\n3 y\n", " "),
        ('"a" "b"\n"r 1" 2 3\n"r 2" 4 5\n', " "),
        ("a  b   c\n1    2 x\n 3 4    y\n", WHITESPACE),
        ("place\tn 1\nNew York\t5\nLos Angeles\t6\n", "\t"),
        ("text;n\nhello, world;1\nbye, world, all;2\nx, y;3\n", ";"),
        ("name,note\nx,a;b\ny,c;d;e\n", ","),
        ("a;b;c\n1,5;2,5;3,5\n4,5;5,5;6,5\n", ";"),
        ('text,n\n"a;b",1\n"c;d",2\n', ","),
        ("a, b\n1, 2\n3, 4\n", ","),
    ],
)
def test_the_delimiter_divides_all_lines_alike(sample: str, delimiter: str) -> None:
    assert find(sample).form.delimiter == delimiter


@pytest.mark.parametrize(
    "sample",
    [
        "a\n1\n2\n",
        "time\n10:20\n11:30\n",
        "date time\n2020-01-01 10:20\n2020-01-02 11:30\n",
        "the quick fox\n1\n2\n",
        "ratio\n3:4\n1:2\n",
        "path\na^b\nc\n",
        "price ($)\n$1\n$2\n",
        "rate%\n5%\n6%\n",
    ],
)
def test_a_single_column_has_no_delimiter(sample: str) -> None:
    assert find_names(sample) == [sample.split("\n")[0]]


def test_a_told_delimiter_wins() -> None:
    assert find_names("a,b:c\n1,2:3\n", delimiter=":") == ["a,b", "c"]
    assert find_names("a  b\tc\n1 2 3\n", delimiter="whitespace") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("above", "n_lines"),
    [
        ("", 1),
        ("\n\n", 3),
        ("sep=;\n", 2),
        ('"sep=;"\r\n', 2),
        ("# made by a tool, on Monday\n# with more; words\n", 3),
        ("Sales of 2020\n", 2),
        ("Sales of 2020\n\n", 3),
        ("Sales of 2020\nSource: a, b, c\n", 3),
        ("Sales of 2020\nby region\n\nall in kg\n", 5),
    ],
)
def test_what_stands_above_the_names_is_skipped(above: str, n_lines: int) -> None:
    layout = find(above + "id;name\n1;x\n2;y\n3;z\n")
    assert (layout.names, layout.n_lines_above) == (("id", "name"), n_lines)


def test_titles_of_a_spreadsheet_are_filled_up_with_delimiters() -> None:
    layout = find("Sales,,\n,,\nid,name,n\n1,x,2\n2,y,3\n")
    assert layout.names == ("id", "name", "n")
    assert layout.note == "the column names are in line 3; what is above is skipped"
    assert find_names("id,,\n1,x,2\n2,y,3\n") == ["id", "Unnamed: 1", "Unnamed: 2"]


def test_a_line_of_names_may_begin_with_a_number_sign() -> None:
    assert find_names("#id,name\n1,x\n2,y\n") == ["#id", "name"]
    assert find_names("# id name\n1 x\n2 y\n") == ["#id", "name"]
    assert find_names("# made by a tool\n#id,name\n1,x\n2,y\n") == ["#id", "name"]


def test_comments_above_the_names_are_skipped() -> None:
    assert find_names("# made by a tool\n# id   n\n1   5\n20  6\n") == ["#id", "n"]
    assert find_names("# by, me\nid,n\n1,5\n20,6\n") == ["id", "n"]
    assert find_names("# only a comment\n1,5,x\n2,6,y\n", header="none")[0] == "column 1"


def test_points_that_may_stand_between_thousands_are_noted() -> None:
    rows = "".join(f"{i}.{100 + i};x\n" for i in range(1, 9))
    assert "write csv: {thousands: .}" in find(f"a;b\n{rows}").note
    assert find(f"a;b\n{rows}", thousands=".").decimal == ","
    assert find(f"a;b\n{rows}0.5;x\n").note == ""


def test_a_title_as_long_as_the_names_is_no_line_of_names() -> None:
    rows = "".join(f"{i},x,{i}\n" for i in range(60))
    layout = find(f"Sales\nSource: a, b, c\nid,name,n\n{rows}")
    assert (layout.names, layout.n_lines_above) == (("id", "name", "n"), 3)


def test_lines_of_nothing_between_quotation_marks() -> None:
    assert find_names('""\n""\n""\n') == ["Unnamed: 0"]


def test_lines_to_skip_are_told() -> None:
    sample = "one\ntwo, three\na,b\n1,2\n"
    assert find(sample, skip_rows=2) == Layout(("a", "b"), 3, LineForm())
    with pytest.raises(DataError) as caught:
        find(sample, skip_rows=9)
    assert caught.value.problems == (
        "the file is empty below line 9. It must open with a line of column names.",
    )


@pytest.mark.parametrize(
    ("sample", "header", "expected"),
    [
        ("5,x\n6,y\n", "none", (("column 1", "column 2"), 0)),
        ("5 x\n6 y\n", "none", (("column 1", "column 2"), 0)),
        ("5,x\n6,y\n", ["id", "name"], (("id", "name"), 0)),
        ("id,name\n6,y\n", ["id", "name"], (("id", "name"), 1)),
        ("name,id\n6,y\n", ["id", "name"], (("name", "id"), 1)),
        ("name\ny\nz\n", ["id", "name"], (("name",), 1)),
        ("1,0\n2,2\n", ["0", "1"], (("0", "1"), 0)),
        ("5.5,1\n6,2\n7,3\n", "first", (("5.5", "1"), 1)),
        ("Title\n5,x\n6,y\n", "none", (("column 1", "column 2"), 1)),
    ],
)
def test_names_are_told(sample: str, header: Any, expected: tuple[tuple[str, ...], int]) -> None:
    layout = find(sample, header=header, skip_rows=int(sample.startswith("Title")))
    assert (layout.names, layout.n_lines_above) == expected


def test_rows_to_predict_may_be_without_the_target_and_without_names() -> None:
    csv = {"header": ["kind", "size", "id"]}
    spec = DatasetSpec.model_validate({"csv": csv, "target": "kind"})
    assert find_layout("5,1\n6,2\n", spec, "new.csv", ["size"]).names == ("size", "id")
    for wanted in (["size"], ["size", "kind"], None):
        names = find_layout("a,5,1\nb,6,2\n", spec, "new.csv", wanted).names
        assert names == ("kind", "size", "id")
    assert find_layout("5,1\n6,2\n", spec, "data.csv").names == ("kind", "size", "id")


ROWS: list[str] = [
    "5.1,3.5,setosa\n4.9,3.0,setosa\n",
    "1,5,40\n" + "".join(f"{i},{i * 7},{i}\n" for i in range(9)),
    "64,64\n1,2\n3,4\n5,6\n",
    "2024-01-01,id1,5\n2024-01-02,id2,6\n2024-01-03,id3,8\n2024-01-04,id4,9\n",
    "yes,no\n" + "yes,no\nno,yes\nyes,yes\nno,no\n" * 3,
    "vhigh,small,2\n" + "vhigh,big,2\nlow,small,4\nlow,big,2\nvhigh,small,4\n" * 3,
    "1,5;2\n3,5;4\n1,5;4\n",
    "1 5.5\n2 6\n3 7\n",
]


@pytest.mark.parametrize("sample", ROWS)
def test_a_first_line_that_is_a_row_is_refused(sample: str) -> None:
    with pytest.raises(HeaderMissing) as caught:
        find(sample)
    first = sample.split("\n")[0]
    values = first.split(";") if ";" in first else first.replace(" ", ",").split(",")
    assert caught.value.problems == (
        "line 1 must name the columns, and it looks like a row (received: "
        f"{', '.join(values)}). Write dataset.csv.header: [a, b, …] to name them, header: none to "
        "call them column 1, column 2, …, or header: first if these are their names.",
    )


@pytest.mark.parametrize(
    "sample",
    [
        "2015,2016,2017,2018,2019,2020\n1,2,3,4,5,6\n7,8,9,1,2,3\n3,3,3,3,3,3\n",
        "country,2015,2016,2017\nA,1,2,3\nB,4,5,6\nC,7,8,9\n",
        "country,1990,1995,2000\nA,1.5,2,3\nB,4,5,6\nC,7,8,9\n",
        "0,1,2,3\n1.5,2,3,4\n3,3,3,3\n1,1,1,1\n",
        "id,name\n1,Red\n2,Red\n3,name\n4,name\n",
        "color,kind\ncolor,a\nred,b\ncolor,c\nred,d\n",
        "name,F\nbob,M\ncarol,F\ndave,M\n",
        "day,n\n2024-01-01,1\n2024-01-02,2\n",
        "day\n" + "2024-01-01\n2024-01-02\n" * 9 + "day\n2024-01-01\n",
        "id,kind\n" + "x,y\nz,y\n" * 9 + "id,kind\n" + "x,y\n" * 9,
    ],
)
def test_names_that_look_odd_are_names(sample: str) -> None:
    assert find_names(sample) == sample.split("\n")[0].split(",")


def test_a_name_that_is_a_fraction_is_one_where_it_is_known() -> None:
    sample = "0.5,y\n1,2\n3,4\n5,6\n"
    with pytest.raises(HeaderMissing):
        find(sample)
    assert find(sample, ("0.5",)).names == ("0.5", "y")
    assert find_names(sample, header="first") == ["0.5", "y"]


@pytest.mark.parametrize(
    ("sample", "names"),
    [
        ("a,b,\n1,2,\n3,4,\n5,6,\n", ["a", "b", "Unnamed: 2"]),
        ("a,b\n1,2,\n3,4,\n5,6,\n", ["a", "b", "Unnamed: 2"]),
        ("a,b,\n1,2\n3,4\n5,6\n", ["a", "b"]),
        ("a\n1,\n2,\n3,\n", ["a", "Unnamed: 1"]),
        ("a,b,\n1,2\n", ["a", "b"]),
        ("a,b\n1,2,\n", ["a", "b", "Unnamed: 2"]),
        ("a,b\n1,2,,\n3,4,,\n", ["a", "b", "Unnamed: 2", "Unnamed: 3"]),
        ("a,b,,\n1,2\n3,4\n", ["a", "b"]),
        (",a\n0,5\n1,6\n", ["Unnamed: 0", "a"]),
        (",a,\n0,5,1\n1,6,1\n", ["Unnamed: 0", "a", "Unnamed: 2"]),
        (' a , "b" \n1,2\n', ["a", '"b"']),
        ('a,"b ""c"""\n1,2\n', ["a", 'b "c"']),
        ('a,"b\nc"\n1,2\n', ["a", "b\nc"]),
    ],
)
def test_names_of_columns(sample: str, names: list[str]) -> None:
    assert find_names(sample) == names


@pytest.mark.parametrize("sample", ["a,b\nr1,2,3\nr2,4,3\nr3,6,5\n", "a b\nr1 2 3\nr2 4 3\n"])
def test_rs_names_of_rows_have_no_name(sample: str) -> None:
    layout = find(sample)
    assert layout.names == ("Unnamed: 0", "a", "b")
    assert layout.note == (
        "the first value of each row has no column name; it is read as a name of the row"
    )


def test_numbers_with_a_decimal_comma_are_not_taken_for_names_of_rows() -> None:
    with pytest.raises(DataError) as caught:
        find("a\n1,5\n2,5\n3,5\n")
    assert caught.value.problems == (
        "line 1 must name the columns: it has 1 value (a), and the rows below have 2. Correct it, "
        "or write dataset.csv.header: [a, b, …] or skip_rows: 1. Values that contain ',' "
        "must be in quotation marks.",
    )


def test_values_with_a_comma_do_not_make_the_first_ones_names_of_rows() -> None:
    """Names of rows are distinct."""
    with pytest.raises(DataError, match="Values that contain ',' must be in quotation marks"):
        find("size,place,rent\n5,Bonn, DE,7\n6,Jena, DE,8\n5,Bonn, DE,9\n")


def test_a_second_column_of_a_name_gets_a_number_as_in_pandas() -> None:
    sample = "a,b, a,,a.1,a,Unnamed: 3\n1,2,3,4,5,6,7\n"
    names = ("a", "b", "a.2", "Unnamed: 3.1", "a.1", "a.3", "Unnamed: 3")
    for wanted in (None, ("a",)):
        layout = find(sample, wanted)
        assert layout.names == names
        assert layout.note == "column names must differ, so repeated ones are called a.2, a.3"
    for above in ("", "a,a,b\n"):
        with pytest.raises(DataError, match="column names must differ"):
            find(f"{above}1,2,3\n4,5,6\n", header=["a", "a", "b"])


def test_blank_names_differ_by_their_place() -> None:
    assert find_names(",b,\n1,2,3\n4,5,6\n") == ["Unnamed: 0", "b", "Unnamed: 2"]


@pytest.mark.parametrize(
    ("sample", "decimal"),
    [
        ("a;b\n1,5;x\n2;y\n", ","),
        ("a;b\n1.5;x\n2;y\n", "."),
        ("a;b\n0,125;x\n1,250;x\n", ","),
        ("a;b\n1.234,5;1.000\n2.000,25;2.500\n", ","),
        ("a;b\n1.234;12,5\n12.345;7,25\n", ","),
        ("a;b\n1.234;x\n12.345;y\n", "."),
        ('a,b\n"1,5",x\n', "."),
        ('a;b\n"1,2";3\n"1,4";5\n', ","),
    ],
)
def test_the_decimal_mark_is_found(sample: str, decimal: str) -> None:
    assert find(sample).decimal == decimal


def test_a_comma_that_may_be_either_mark_is_asked_about() -> None:
    sample = "a;b\n1,234;x\n2,500;y\n"
    with pytest.raises(DataError) as caught:
        find(sample)
    assert caught.value.problems == (
        "csv.decimal: numbers such as 1,234 can be read in two ways. Set dataset.csv.decimal: ',' "
        "if 1.234 is meant, or dataset.csv.thousands: ',' if 1234 is meant.",
    )
    assert find(sample, decimal=",").decimal == ","
    assert find(sample, thousands=",").decimal == "."
    assert find("a;b\n1 234,5;x\n12,5;y\n", thousands=" ").decimal == ","


def test_rows_to_predict_are_few_and_their_comma_is_not_asked_about() -> None:
    assert find("a;b\n1,234;x\n", ("a", "b")).decimal == ","


def test_a_skipped_title_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "data.csv", "Sales of 2020\n\na,b\n1,x\n2,y\n3,z\n")
    file = open_source(path)
    file.read()
    assert file.notes == ["the column names are in line 3; what is above is skipped"]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".tab", ".txt", ".data", ".dat"])
def test_the_ending_does_not_decide_the_delimiter(tmp_path: Path, ending: str) -> None:
    for content in ("a;b\n1;2\n3;4\n", "a b\n1 2\n3 4\n", "a\tb\n1\t2\n3\t4\n"):
        path = write(tmp_path / f"data{ending}", content)
        assert read(path) == {"a": [1, 3], "b": [2, 4]}
        assert read_pieces(path, ["a", "b"], ["a", "b"]) == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_nothing_to_lay_out(tmp_path: Path, content: str) -> None:
    problems = find_problems(write(tmp_path / "data.csv", content or "\n"))
    assert problems == ["the file is empty. It must open with a line of column names."]
    with pytest.raises(DataError, match="the file is empty"):
        open_source(content.encode(), ["a"])
