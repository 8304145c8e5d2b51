"""Files by their paths: every format alike, several files as one table, and streams."""

from __future__ import annotations

import gc
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.files import find_files, find_kind, open_stream

from .reading import (
    find_problems,
    find_problems_of_pieces,
    gather,
    open_source,
    read,
    read_pieces,
    write,
)

ROWS = {"n": [1, 2, None], "x": [1.5, -2.0, 1000.0], "t": ["red", None, "파랑"]}


def write_rows(path: Path) -> None:
    frame = pd.DataFrame(ROWS)
    frame["n"] = frame["n"].astype("Int64")
    table = pa.table(ROWS)
    if path.suffix in (".jsonl", ".ndjson"):
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    elif path.suffix == ".json":
        frame.to_json(path, orient="records")
    elif path.suffix in (".parquet", ".pq"):
        parquet.write_table(table, path)
    elif path.suffix == ".feather":
        feather.write_feather(table, str(path))
    elif path.suffix == ".arrow":
        with pa.ipc.new_stream(str(path), table.schema) as sink:
            sink.write_table(table)
    elif path.suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, sep="\t" if path.suffix in (".tsv", ".tab") else ",", index=False)


@pytest.mark.parametrize(
    "name",
    [
        "rows.csv", "ROWS.CSV", "rows.txt", "rows.tsv", "rows.tab", "rows.dat", "rows.data",
        "rows.jsonl", "rows.ndjson", "rows.json", "rows.parquet", "rows.pq", "rows.feather",
        "rows.arrow", "rows.xlsx",
    ],
)  # fmt: skip
def test_every_format_gives_the_same_rows_whole_and_in_pieces(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_rows(path)
    assert read(path) == ROWS
    assert read_pieces(path, ["t", "n", "x"], ["n", "x"], 2) == ROWS


@pytest.mark.parametrize(
    ("name", "place"),
    [("rows.csv", "line 4"), ("rows.xlsx", "row 4"), ("rows.jsonl", "line 3"),
     ("rows.json", "row 3"), ("rows.parquet", "row 3"), ("rows.feather", "row 3")],
)  # fmt: skip
def test_places_are_those_that_an_editor_or_a_spreadsheet_shows(
    tmp_path: Path, name: str, place: str
) -> None:
    write_rows(tmp_path / name)
    file = open_source(tmp_path / name)
    table = file.read()
    assert Cells("n", table["n"], file.notation).locate(np.array([2])) == place


@pytest.mark.parametrize("content", [b" x;t\n1,5;a\n", b'\n{"x": 1.5, "t": "a"}\n',
                                     b'[{"t": "a", "x": 1.5}]'])  # fmt: skip
def test_standard_input_is_csv_or_json_lines(
    monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", stdin)
    file = open_stream(sys.stdin.buffer, "standard input", DatasetSpec(), ["x", "t"])
    assert file.name == "standard input"
    values = gather(file.iterate(["x", "t"], ["x"], 10), file.notation)
    assert values in ({"x": ["1,5"], "t": ["a"]}, {"x": [1.5], "t": ["a"]})


def test_a_stream_may_be_read_whole() -> None:
    assert read(b"x,t\n1,a\n2,b\n") == {"x": [1, 2], "t": ["a", "b"]}
    assert read(b'{"x": 1}\n{"x": 2}\n') == {"x": [1, 2]}


class Pipe(io.RawIOBase):
    """A stream that gives a few bytes at once, as a pipe does."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part, self._data = self._data[:7], self._data[7:]
        buffer[: len(part)] = part
        return len(part)


def test_a_stream_may_come_in_small_parts() -> None:
    stream: Any = Pipe(b"x,t\n" + b"1,a\n" * 500)
    file = open_stream(stream, "the stream", DatasetSpec(), ["x", "t"])
    values = gather(file.iterate(["x", "t"], ["x"], 10), file.notation)
    assert values == {"x": [1.0] * 500, "t": ["a"] * 500}


class BrokenPipe(Pipe):
    def readinto(self, buffer: Any) -> int:
        raise OSError(5, "Input/output error")


def test_a_stream_that_cannot_be_read() -> None:
    stream: Any = BrokenPipe(b"")
    with pytest.raises(DataError) as caught:
        open_stream(stream, "the stream", DatasetSpec())
    assert caught.value.problems == ("the file cannot be read: Input/output error.",)


def test_a_stream_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    file = open_stream(io.BytesIO(b"x,t\n1,a\n2,b\n"), "the stream", DatasetSpec())
    assert len(file.read()) == 2
    assert len([*tmp_path.iterdir()]) == 1
    del file
    gc.collect()
    assert [*tmp_path.iterdir()] == []


# Several files.


def test_files_of_a_pattern_are_put_together_by_name(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", "y;x\nb;2,5\n")
    write(tmp_path / "a.csv", "x,y\n1,7\n")
    pattern = tmp_path / "*.csv"
    assert [file.name for file in find_files(str(pattern))] == ["a.csv", "b.csv"]
    assert read(pattern) == {"x": [1.0, 2.5], "y": ["7", "b"]}
    assert read_pieces(pattern, ["x", "y"], ["x"]) == {"x": [1.0, 2.5], "y": ["7", "b"]}


def test_a_column_is_text_in_all_files_where_it_is_no_number_in_one(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "a,b,c\n007,1.50,1\n")
    write(tmp_path / "2.csv", "a,b,c\n8,x,2\n")
    pattern = tmp_path / "*.csv"
    assert read(pattern) == {"a": ["007", "8"], "b": ["1.50", "x"], "c": [1, 2]}
    assert open_source(pattern).read(as_text=["c"])["c"].to_pylist() == ["1", "2"]


def test_a_column_is_text_where_one_file_calls_it_categories(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "a,b\n1,x\n")
    write(tmp_path / "2.jsonl", '{"a": 2, "b": "y"}\n')
    frame = pd.DataFrame({"a": [3], "b": pd.Categorical(["z"])})
    frame.to_parquet(tmp_path / "3.parquet")
    assert read(tmp_path / "[12].*") == {"a": [1, 2], "b": ["x", "y"]}
    assert read(tmp_path / "[23].*") == {"a": [2, 3], "b": ["y", "z"]}


def test_numbers_and_texts_of_excel_files_are_texts(tmp_path: Path) -> None:
    for name, values in {"1.xlsx": [1.5, 2], "2.xlsx": ["n/a", 3], "~$1.xlsx": []}.items():
        pd.DataFrame({"a": values, "b": values}).to_excel(tmp_path / name, index=False)
    write(tmp_path / "~$2.xlsx", "the file is open in Excel")
    assert read(tmp_path / "*.xlsx")["a"] == ["1.5", "2", None, "3"]


def test_a_column_without_values_in_one_file(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "a,b\n1,NA\n2,NA\n")
    write(tmp_path / "2.csv", "a,b\nNA,x\nNA,y\n")
    assert read(tmp_path / "*.csv") == {"a": [1, 2, None, None], "b": [None, None, "x", "y"]}


def test_the_kind_of_a_pattern_is_that_of_its_files(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "x\n1\n")
    write_rows(tmp_path / "b.xlsx")
    write_rows(tmp_path / "c.parquet")
    kinds = {name: find_kind(str(tmp_path / name)) for name in ("*", "*.xlsx", "*.parquet")}
    assert kinds == {"*": "delimited", "*.xlsx": "excel", "*.parquet": "table"}


def test_notes_name_their_file(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "a,b\n1,x\n")
    write(tmp_path / "2.csv", "Title\na,b\n1,x\n2,y\na,b\n")
    for read_all in (lambda file: file.read(), lambda file: [*file.iterate(["b"], [], 10)]):
        file = open_source(tmp_path / "*.csv")
        read_all(file)
        assert file.notes == [
            "2.csv: the column names are in line 2; what is above is skipped",
            "2.csv: rows that repeat the column names are left out, the first in line 5",
        ]
        assert file.notation.first_place == ("row", 1)


def test_every_file_of_a_pattern_is_held_against_the_first(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "x,y\n1,2\n")
    write(tmp_path / "b.csv", "x,z\n1,2\n")
    write(tmp_path / "c.csv", "x\n1\n")
    assert find_problems(tmp_path / "*.csv") == [
        "path: all files must have the columns of a.csv (received: b.csv differs in "
        "y, z). Correct the file, or leave it out of the pattern.",
        "path: all files must have the columns of a.csv (received: c.csv differs in y). "
        "Correct the file, or leave it out of the pattern.",
    ]


def test_columns_of_a_pattern_have_one_type(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    parquet.write_table(pa.table({"x": ["u"]}), tmp_path / "b.parquet")
    assert find_problems(tmp_path / "*.parquet") == [
        "column x must have one type in all files (received: int64, string). Write one type."
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("data.csv", "there is no file {folder}/data.csv. Did you mean 'dat.csv'?"),
        (
            "https://here.org/a.csv",
            "a.csv is at a URL. Download it, and give the path of the file.",
        ),
        ("no/data.csv", "there is no file {folder}/no/data.csv. Check the path."),
        ("*.tsv", "there is no file {folder}/*.tsv. Choose from: dat.csv, empty.csv."),
        ("sub", "{folder}/sub is a folder. For the files in it, write {folder}/sub/*.csv."),
        ("empty.csv", "{folder}/empty.csv is empty (0 bytes). Write the file again."),
        (
            "notes.md",
            "the ending of a file says how it is read (received: '.md'). Choose from: .arrow, "
            ".csv, .dat, .data, .feather, .json, .jsonl, .ndjson, .parquet, .pq, .tab, .tsv, .txt, "
            ".xls, .xlsx.",
        ),
    ],
)
def test_paths_that_are_no_table(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "dat.csv", "a,b\n1,2\n")
    write(tmp_path / "empty.csv", "")
    write(tmp_path / "notes.md", "# a\n")
    path = tmp_path / name
    expected = [f"path: {problem.format(folder=tmp_path)}"]
    assert find_problems(path) == find_problems_of_pieces(path, ["a"]) == expected
    with pytest.raises(DataError) as caught:
        open_source(path)
    assert caught.value.dataset == Path(name).name
