from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from .reading import find_problems, find_problems_of_pieces, open_source, read, read_pieces, write

NAMES = ["rows.parquet", "rows.pq", "rows.feather", "rows.arrow", "stream.arrow"]


def write_table(folder: Path, name: str, table: pa.Table) -> Path:
    path = folder / name
    if path.suffix in (".parquet", ".pq"):
        parquet.write_table(table, path)
    elif path.suffix == ".feather":
        feather.write_feather(table, str(path))
    else:
        open_sink = pa.ipc.new_stream if name.startswith("stream") else pa.ipc.new_file
        with open_sink(str(path), table.schema) as sink:
            sink.write_table(table)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_values_keep_the_types_that_the_file_gives_them(tmp_path: Path, name: str) -> None:
    table = pa.table({
        "n": pa.array([1, None, 3], pa.int8()),
        "x": pa.array([1.5, None, -2.0], pa.float32()),
        "flag": [True, None, False],
        "day": pa.array([0, 1, None], pa.date32()),
        "t": ["red", None, "파랑"],
        "word": pa.array(["a", "b", "a"]).dictionary_encode(),
    })  # fmt: skip
    file = open_source(write_table(tmp_path, name, table))
    assert file.read().equals(table)
    assert file.notation.has_types
    pieces = list(file.iterate(["x", "t"], ["x"], 2))
    assert [x for piece in pieces for x in piece["t"].to_pylist()] == ["red", None, "파랑"]
    assert {str(piece.schema.field("x").type) for piece in pieces} == {"float"}


def test_a_parquet_file_is_read_in_pieces_of_the_columns_that_are_wanted(tmp_path: Path) -> None:
    table = pa.table({"x": list(range(1000)), "t": ["a"] * 1000, "id": list(range(1000))})
    path = write_table(tmp_path, "rows.parquet", table)
    pieces = list(open_source(path).iterate(["id", "x"], ["x"], 300))
    assert [len(piece) for piece in pieces] == [300, 300, 300, 100]
    assert {*pieces[0].column_names} == {"id", "x"}
    assert [x for piece in pieces for x in piece["id"].to_pylist()] == list(range(1000))
    assert {*read_pieces(path, ["absent"])} == {"x", "t", "id"}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_rows(tmp_path: Path, name: str) -> None:
    path = write_table(tmp_path, name, pa.table({"x": pa.array([], pa.float64())}))
    assert find_problems(path) == ["there are no rows. Add rows."]
    assert read_pieces(path, ["x"]).get("x", []) == []


def test_the_index_that_pandas_writes_is_no_column(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    pd.DataFrame({"a": [1, 2]}, index=[5, 7]).to_parquet(path)
    assert read(path) == {"a": [1, 2]}


def test_names_must_differ(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    path = write_table(tmp_path, "rows.arrow", table)
    assert find_problems(path) == [
        "column names must differ (received twice: 'a'). Rename all but one."
    ]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather"])
def test_text_that_is_not_utf_8(tmp_path: Path, name: str) -> None:
    data = pa.array([b"caf\xe9", b"tea"])
    texts = pa.Array.from_buffers(pa.string(), 2, data.buffers())
    path = write_table(tmp_path, name, pa.table({"drink": texts}))
    problem = "column drink is damaged, or contains text that is not UTF-8. Write the file again."
    assert find_problems(path) == [problem]
    assert find_problems_of_pieces(path, ["drink"]) == [problem]


@pytest.mark.parametrize("name", ["data.parquet", "data.feather", "data.arrow"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("도시,b\n1,2\n", "it is text by its first bytes. Save it with the ending .csv."),
        ("\0\1\2 not Arrow", ". Write it again."),
    ],
)
def test_a_file_of_another_format(tmp_path: Path, name: str, content: str, reason: str) -> None:
    path: Any = write(tmp_path / name, content)
    (problem,) = find_problems(path)
    assert problem.startswith(f"path: {path} cannot be read as a {path.suffix} file: ")
    assert problem.endswith(reason)
    assert find_problems_of_pieces(path, ["a"]) == [problem]
