from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv
from pyarrow import feather, parquet

from kerasrecipes.data import delimited_file, json_lines
from kerasrecipes.data.columns import read_columns
from kerasrecipes.data.dataset import Column, Kind
from kerasrecipes.data.files import mark_missing, read_batches, read_table
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec

ROWS = {"n": [1, 2, None], "x": [1.5, -2.0, 1000.0], "t": ["red", None, "파랑"]}


def read(path: Path, content: str | bytes | None = None, **keys: Any) -> pa.Table:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(str(path), DatasetSpec.model_validate({"path": str(path)} | keys))


def read_text(folder: Path, content: str | bytes, **keys: Any) -> dict[str, list[Any]]:
    return read(folder / "data.csv", content, **keys).to_pydict()


def write_rows(path: Path) -> None:
    frame = pd.DataFrame(ROWS)
    frame["n"] = frame["n"].astype("Int64")
    table = pa.table(ROWS)
    if ".jsonl" in path.name:
        content = "".join(
            table.to_pandas().to_json(orient="records", lines=True, force_ascii=False)
        )
        path.write_bytes(
            gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode()
        )
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
        frame.to_csv(path, sep="\t" if ".tsv" in path.name else ",", index=False)


@pytest.mark.parametrize(
    "name",
    [
        "rows.csv",
        "rows.csv.gz",
        "rows.txt",
        "rows.tsv",
        "rows.tsv.gz",
        "rows.jsonl",
        "rows.jsonl.gz",
        "rows.ndjson.jsonl",
        "rows.json",
        "rows.parquet",
        "rows.pq",
        "rows.feather",
        "rows.arrow",
        "rows.xlsx",
        "ROWS.CSV",
    ],
)
def test_every_format_gives_the_same_rows_whole_and_in_batches(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_rows(path)
    spec = DatasetSpec(path=str(path))
    assert read_table(str(path), spec).to_pydict() == ROWS
    kinds: dict[str, Kind] = {"t": "category", "n": "number", "x": "number"}
    batches = list(read_batches(str(path), spec, kinds, chunk_rows=2))
    assert [len(batch) for batch in batches] == [2, 1]
    for column, values in ROWS.items():
        assert [x for batch in batches for x in batch.column(column).to_pylist()] == values


@pytest.mark.parametrize(
    ("content", "keys", "expected"),
    [
        ("a,b\n1,x\n", {}, {"a": [1], "b": ["x"]}),
        ("a;b\n1,5;x\n2;y\n", {}, {"a": [1.5, 2.0], "b": ["x", "y"]}),
        ("a;b, c\n1;x, y\n2;y, z\n", {}, {"a": [1, 2], "b, c": ["x, y", "y, z"]}),
        ("a\tb\n1,5\tx\n", {}, {"a": [1.5], "b": ["x"]}),
        ("a|b\n1.5|x\n", {}, {"a": [1.5], "b": ["x"]}),
        ("a\n1\n2\n", {}, {"a": [1, 2]}),
        ("a:b\n1:2\n", {"csv": {"delimiter": ":"}}, {"a": [1], "b": [2]}),
        ('a,b\n"x, y\nz",2\n', {}, {"a": ["x, y\nz"], "b": [2]}),
        ('a,"b ""c"""\n"say ""hi""",2\n', {}, {"a": ['say "hi"'], 'b "c"': [2]}),
        (' a , b\n 1 , x y \n2, "z"\n', {}, {"a": [1, 2], "b": ["x y", '"z"']}),
        ("\ufeffa,b\n1,2\n", {}, {"a": [1], "b": [2]}),
        ("a,b\r\n1,2\r\n3,4\r\n", {}, {"a": [1, 3], "b": [2, 4]}),
        ("a,b\r1,2\r3,4", {}, {"a": [1, 3], "b": [2, 4]}),
        ("\n\na,b\n\n1,2\n\n", {}, {"a": [1], "b": [2]}),
        (",a\n0,5\n1,6\n", {}, {"Unnamed: 0": [0, 1], "a": [5, 6]}),
        ("a;b\n1,234;x\n", {"csv": {"decimal": ","}}, {"a": [1.234], "b": ["x"]}),
        ("a;b\n1,234;x\n", {"csv": {"decimal": "."}}, {"a": ["1,234"], "b": ["x"]}),
        ("a;b\n0,125;x\n1,250;x\n", {}, {"a": [0.125, 1.25], "b": ["x", "x"]}),
        ("ja,nein\ntrue,False\nFALSE,True\n", {}, {"ja": [True, False], "nein": [False, True]}),
        ("d\n2024-02-29\n1999-12-31\n", {}, {"d": [date(2024, 2, 29), date(1999, 12, 31)]}),
        (
            "d\n2024-02-29\n1999-12-31 10:30\n",
            {},
            {"d": [datetime(2024, 2, 29), datetime(1999, 12, 31, 10, 30)]},
        ),
        ("a,b\nMüller,1\n".encode("cp1252"), {"csv": {"encoding": "cp1252"}}, None),
        ("a,b\nMüller,1\n".encode("utf-8-sig"), {"csv": {"encoding": "cp1252"}}, None),
        ("a,b\nMüller,1\n".encode("utf-16"), {}, None),
        ("a,b\nMüller,1\n".encode("utf-16-le"), {"csv": {"encoding": "utf-16-le"}}, None),
        ("a,b\n007,1\n", {"features": {"a": "string_categorical"}}, {"a": ["007"], "b": [1]}),
        ("a,b\n007,1\n", {}, {"a": [7], "b": [1]}),
        ("a\n20240229\n", {"features": {"a": {"date": {"format": "%Y%m%d"}}}}, {"a": ["20240229"]}),
    ],
)  # fmt: skip
def test_how_a_csv_file_is_written_is_found_or_told(
    tmp_path: Path, content: str | bytes, keys: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    expected = expected or {"a": ["Müller"], "b": [1]}
    assert read_text(tmp_path, content, **keys) == expected


@pytest.mark.parametrize(
    "token", ["", "?", "NA", "N/A", "n/a", "nan", "NaN", "null", "NULL", "None", "<NA>", '""', " ?"]
)
def test_usual_words_for_missing(tmp_path: Path, token: str) -> None:
    content = f"number,text,date\n{token},{token},{token}\n1,x,2024-01-01\n"
    assert read_text(tmp_path, content) == {
        "number": [None, 1],
        "text": [None, "x"],
        "date": [None, date(2024, 1, 1)],
    }


def test_more_values_for_missing_can_be_told(tmp_path: Path) -> None:
    content = "a,b,c\n-999,unknown,1.5\n-999.0,-999,9e9\n3,x,-999.00\n"
    assert read_text(tmp_path, content, missing_values=[-999, "unknown", 9e9]) == {
        "a": [None, None, 3.0],
        "b": [None, None, "x"],
        "c": [1.5, None, None],
    }


@pytest.mark.parametrize(
    ("values", "missing_values", "expected"),
    [
        (pa.array([1.0, float("nan"), None]), [], [1.0, None, None]),
        (pa.array([1, -999]), [-999.0], [1, None]),
        (pa.array([1, -999]), ["-999"], [1, None]),
        (pa.array([0.5, 0.1], pa.float32()), [0.1], [0.5, None]),
        (pa.array([1, 255], pa.uint8()), [255, -1], [1, None]),
        (pa.array([" a ", "NA", "?", "  "]), [], ["a", None, None, None]),
        (pa.array(["a", "NA"], pa.large_string()), [], ["a", None]),
        (pa.array(["a", "NA"]).cast(pa.string_view()), [], ["a", None]),
        (pa.array(["a", "?", "b"]).dictionary_encode(), ["b"], ["a", None, None]),
        (pa.array([1.5, 2.5]).cast(pa.decimal128(5, 1)), [2.5], [1.5, None]),
        (pa.array([True, None]), [1], [True, None]),
        (pa.array([date(2024, 1, 1)]), [0], [date(2024, 1, 1)]),
        (pa.array([None, None]), [0], [None, None]),
    ],
)
def test_missing_values_of_every_type(
    values: pa.Array, missing_values: list[Any], expected: list[Any]
) -> None:
    table = pa.table({"a": values})
    marked = mark_missing(table, DatasetSpec(missing_values=missing_values))
    column = marked.column("a")
    assert [
        x if x is None or isinstance(x, str | date) else float(x) for x in column.to_pylist()
    ] == [x if x is None or isinstance(x, str | date) else float(x) for x in expected]
    assert pa.types.is_dictionary(column.type) == pa.types.is_dictionary(values.type)


def test_nothing_is_copied_where_nothing_is_missing() -> None:
    table = pa.table({"a": [1.5, 2.5], "t": ["x", "y"]})
    marked = mark_missing(table, DatasetSpec(missing_values=[-1]))
    for name in table.column_names:
        before, after = (part.column(name).chunk(0).buffers()[-1] for part in (table, marked))
        assert before.address == after.address


def test_types_come_from_all_rows_not_from_the_first_ones(tmp_path: Path) -> None:
    n = 300_000  # beyond the part of the file that types are first inferred from
    content = "int,float,flag,word,day\n" + "1,1.5,true,2,2024-01-01\n" * n
    content += "2.5,1,no,x,2024-01-01 10:00\n"
    table = read(tmp_path / "long.csv", content)
    assert [str(kind) for kind in table.schema.types] == [
        "double", "double", "string", "string", "timestamp[s]",
    ]  # fmt: skip
    assert table.num_rows == n + 1
    assert table.slice(n - 1).to_pydict() == {
        "int": [1.0, 2.5],
        "float": [1.5, 1.0],
        "flag": ["true", "no"],
        "word": ["2", "x"],
        "day": [datetime(2024, 1, 1), datetime(2024, 1, 1, 10)],
    }


def test_white_space_deep_in_a_file_is_no_text(tmp_path: Path) -> None:
    n = 300_000
    table = read(tmp_path / "long.csv", "a,b\n" + "true,1\n" * n + " false,   ?\n")
    assert [str(kind) for kind in table.schema.types] == ["bool", "int64"]
    assert table.slice(n).to_pydict() == {"a": [False], "b": [None]}


def test_quoted_newlines_deep_in_a_file(tmp_path: Path) -> None:
    n = 100_000
    lines = "".join(f'{i},"one\ntwo {i}"\n' for i in range(n))
    table = read(tmp_path / "long.csv", "a,b\n" + "0,short\n" * n + lines)
    assert table.num_rows == 2 * n
    assert table.column("b")[-1].as_py() == f"one\ntwo {n - 1}"


def test_files_of_a_pattern_are_put_together_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("y;x\nb;2,5\n")
    (tmp_path / "a.csv").write_text("x,y\n1,7\n")
    table = read(tmp_path / "*.csv")
    assert table.to_pydict() == {"x": [1.0, 2.5], "y": ["7", "b"]}


BAD_FILES: list[tuple[str, str | bytes | None, dict[str, Any], str]] = [
    ("data.csv", None, {}, "path: there is no file {folder}/data.csv. Did you mean 'dat.csv'?"),
    ("no/data.csv", None, {}, "path: there is no folder {folder}/no. Check the path."),
    ("*.tsv", None, {}, "path: no file is like {folder}/*.tsv. Check the pattern."),
    (
        "sub",
        None,
        {},
        "path: {folder}/sub is a folder. For the files in it, write {folder}/sub/*.csv.",
    ),
    (
        "data.dat",
        "a,b\n1,2\n",
        {},
        "path: the ending of a file says how it is read (received: '.dat'). Choose from: .arrow, "
        ".csv, .feather, .json, .jsonl, .ndjson, .parquet, .pq, .tsv, .txt, .xls, .xlsx; .csv, "
        ".tsv, .txt, .jsonl, .ndjson, .json may end in .gz too.",
    ),
    ("data.csv", "", {}, "path: {folder}/data.csv is empty (0 bytes). Write the file anew."),
    ("data.csv", "\n\n", {}, "the file is empty. It must open with a line of column names."),
    ("data.csv", "a,b\n", {}, "the file has column names (a, b) and no rows. Add rows."),
    (
        "data.csv",
        "a,b, a\n1,2,3\n",
        {},
        "column names must differ (received: 'a' for columns 1, 3). Rename all but one; if the "
        "first line is a row, write a line of names above it.",
    ),
    (
        "data.csv",
        "5.1,3.5,setosa\n4.9,3.0,setosa\n",
        {},
        "the first line must name the columns (received: 5.1, 3.5, setosa). Write a line of names "
        "above it.",
    ),
    (
        "data.csv",
        'a,b\n"x\ny",2\n1,2,3\n4\n5,6\n',
        {},
        "every line must have 2 values, one for each column name (received: line 4 has 3, line 5 "
        "has 1). Mend these lines; a value that holds ',' stands in quotation marks.",
    ),
    (
        "data.tsv",
        "a\tb\n" + "1\t2\t3\n" * 7,
        {},
        "every line must have 2 values, one for each column name (received: line 2 has 3, line 3 "
        "has 3, line 4 has 3, line 5 has 3, line 6 has 3 and more). Mend these lines; a value that "
        "holds a tab stands in quotation marks.",
    ),
    (
        "data.csv",
        'a,b\n1,2\n1,"2\n3,4\n',
        {},
        "a quotation mark that is opened in line 3 is never closed. Close it, or remove it.",
    ),
    (
        "data.csv",
        "a;b\n1,234;x\n2,500;y\n",
        {},
        "csv.decimal: numbers such as 1,234 can be read in two ways. Set dataset.csv.decimal to "
        "',' if 1.234 is meant; else remove the commas, or set it to '.', which takes the column "
        "as text.",
    ),
    (
        "data.csv",
        "이름,b\n홍길동,2\n".encode("cp949"),
        {},
        "the file must be UTF-8 where no encoding is named (received: 0xc0 in line 1, at byte 0 of "
        "the file). There cp949 reads '이름', cp932 reads 'ﾀﾌｸｧ', gb18030 reads '捞抚', cp1252 "
        "reads 'ÀÌ¸§': set dataset.csv.encoding to the one that is right, or save the file as "
        "UTF-8.",
    ),
    (
        "data.csv",
        b"a,b\n" + b"1,2\n" * 400_000 + "1,é\n".encode("cp1252"),
        {},
        "the file must be UTF-8 where no encoding is named (received: 0xe9 in line 400002, at byte "
        "1600006 of the file). There cp1252 reads 'é': set dataset.csv.encoding to it if that is "
        "right, or save the file as UTF-8.",
    ),
    (
        "data.csv",
        "a,b\nMüller,2\n".encode("cp1252"),
        {"csv": {"encoding": "cp949"}},
        "csv.encoding: the file is not cp949 throughout (received: 0xfc in line 2, at byte 5 of "
        "the file). Name the encoding that it was written in.",
    ),
    (
        "data.csv",
        "a,b\n1,2\n",
        {"csv": {"encoding": "cp94"}},
        "csv.encoding: Python knows no encoding of that name (received: 'cp94'). Did you mean "
        "'cp949'?",
    ),
    (
        "data.csv",
        b"PK\x03\x04\x00\x00",
        {},
        "the file must be text (received: a zero byte at byte 4). Was it renamed? If it is UTF-16, "
        "set dataset.csv.encoding: utf-16-le.",
    ),
    (
        "data.jsonl",
        '{"a": 1}\n{"a": "x"}\n',
        {},
        "the values of 'a' must be of one type (received: a number in line 1, a text in line 2). "
        "Mend these lines.",
    ),
    (
        "data.jsonl",
        '{"a": 1}\n\n{"a": \n',
        {},
        "line 3 is no JSON: Expecting value, at column 7. Each line must hold one object.",
    ),
    (
        "data.jsonl",
        '{"a": 1}\n5\n',
        {},
        "line 2 must hold an object (received: a number). Write a row as {{\"name\": value, …}}.",
    ),
    (
        "data.jsonl",
        '{"a": "é"}\n'.encode("cp1252"),
        {},
        "the file must be UTF-8 (received: 0xe9 in line 1, at byte 7 of the file). Save it as "
        "UTF-8.",
    ),
    (
        "data.json",
        '{"a": [1, 2], "b": [3, 4]}',
        {},
        "a JSON file must hold an object on each line, or one array of objects (received: one "
        "object of lists). Write a row as an object: "
        "pandas.DataFrame(…).to_json(orient='records').",
    ),
    (
        "data.json",
        "[[1, 2], [3, 4]]",
        {},
        "a JSON array must hold objects, one for each row (received: an array at place 0). Write "
        'rows as {{"name": value, …}}.',
    ),
    ("data.json", "[]", {}, "the file holds an array without rows. Add rows."),
    (
        "data.json",
        '[{"a": 1},\n {"a": }]',
        {},
        "line 2 is no JSON: Expecting value, at column 8. Mend it.",
    ),
    (
        "data.parquet",
        "a,b\n1,2\n",
        {},
        "path: {folder}/data.parquet is no .parquet file that can be read: Parquet magic bytes not "
        "found in footer. Either the file is corrupted or this is not a parquet file. Write it "
        "anew.",
    ),
    (
        "data.xlsx",
        "a,b\n1,2\n",
        {},
        "path: {folder}/data.xlsx is no Excel file that can be read: Excel file format cannot be "
        "determined, you must specify an engine manually. Save it anew.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "keys", "message"), BAD_FILES)
def test_bad_files(
    tmp_path: Path, name: str, content: str | bytes | None, keys: dict[str, Any], message: str
) -> None:
    (tmp_path / "sub").mkdir()
    if content is None:
        (tmp_path / "dat.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, content, **keys)
    assert list(caught.value.problems) == [message.format(folder=tmp_path)]
    assert caught.value.dataset == Path(name).name


def test_every_file_of_a_pattern_is_held_against_the_first(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("x,z\n1,2\n")
    (tmp_path / "c.csv").write_text("x\n1\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "*.csv")
    assert caught.value.problems == (
        "path: all files must have the columns of a.csv (received: b.csv lacks y and has z "
        "besides). Mend the file, or leave it out of the pattern.",
        "path: all files must have the columns of a.csv (received: c.csv lacks y). Mend the file, "
        "or leave it out of the pattern.",
    )


def test_columns_of_a_pattern_have_one_type(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    parquet.write_table(pa.table({"x": ["u"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "*.parquet")
    assert caught.value.problems == (
        "column x must have one type in all files (received: int64 in a.parquet, string in "
        "b.parquet).",
    )


def test_excel_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rows(tmp_path / "data.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "data.xlsx")
    assert caught.value.problems == (
        "path: Excel files are read with openpyxl, which is not installed. Install it with: pip "
        "install 'kerasrecipes[excel]'.",
    )


def test_excel_cells_of_mixed_types(tmp_path: Path) -> None:
    cells = [[" a ", None, 2024, "when"], [1, "?", "x", date(2024, 1, 1)], ["NA", 2, 3, None]]
    pd.DataFrame(cells).to_excel(tmp_path / "data.xlsx", index=False, header=False)
    assert read(tmp_path / "data.xlsx").to_pydict() == {
        "a": [1.0, None],
        "Unnamed: 1": [None, 2.0],
        "2024": ["x", "3"],
        "when": [datetime(2024, 1, 1), None],
    }


def test_the_index_that_pandas_writes_is_no_column(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1, 2]}, index=[5, 7]).to_parquet(tmp_path / "data.parquet")
    assert read(tmp_path / "data.parquet").column_names == ["a"]


# Prediction, piece by piece.

KINDS: dict[str, Kind] = {"x": "number", "t": "category", "f": "boolean", "d": "date"}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited_file, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 200)


def gather(batches: Iterator[pa.Table]) -> dict[str, list[Any]]:
    tables = [batch.to_pydict() for batch in batches]
    return {name: [x for table in tables for x in table[name]] for name in tables[0]}


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".feather"])
def test_batches_keep_order_and_size(tmp_path: Path, suffix: str, is_stream: bool) -> None:
    frame = pd.DataFrame({"x": np.arange(1000) / 4, "t": [f"t{i % 7}" for i in range(1000)]})
    frame["other"], frame["id"] = "x", [f"{i:04}" for i in range(1000)]
    path = tmp_path / f"rows{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        (frame.to_parquet if suffix == ".parquet" else frame.to_feather)(path)
        if is_stream:
            pytest.skip("binary formats are not read from streams")
    source: Any = io.BytesIO(path.read_bytes()) if is_stream else str(path)
    kinds: dict[str, Kind] = {"t": "category", "x": "number"}
    batches = list(read_batches(source, DatasetSpec(), kinds, chunk_rows=300, also=["id"]))
    assert [len(batch) for batch in batches] == [300, 300, 300, 100]
    assert {*batches[0].column_names} == {"x", "t", "id"}
    assert gather(iter(batches)) == {name: frame[name].tolist() for name in batches[0].column_names}
    # Where one is absent, the caller wants to see which others there are.
    source = io.BytesIO(path.read_bytes()) if is_stream else str(path)
    batch = next(read_batches(source, DatasetSpec(), {"absent": "number"}, 10, also=["id"]))
    assert ([*batch.column_names], len(batch)) == ([*frame.columns], 10)


def test_standard_input_is_csv_or_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b" x;t\n1,5;a\n", b'\n{"x": 1.5, "t": "a"}\n', b'[{"t": "a", "x": 1.5}]'):
        stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]
        monkeypatch.setattr(sys, "stdin", stdin)
        assert gather(read_batches("-", DatasetSpec(), KINDS, 10)) == {"x": [1.5], "t": ["a"]}


def test_values_of_a_csv_file_come_as_their_kind(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("id,d,f,t,x,zip\n007,2024-01-01,yes,007,?,01\nNA,,no, 8 ,2.50,NA\n")
    spec = DatasetSpec.model_validate({"features": {"zip": "integer_categorical"}})
    kinds: dict[str, Kind] = KINDS | {"zip": "category"}
    assert gather(read_batches(str(path), spec, kinds, 10, also=["id"])) == {
        "id": ["007", "NA"],
        "d": ["2024-01-01", None],
        "f": ["yes", "no"],
        "t": ["007", "8"],
        "x": [None, 2.5],
        "zip": [1.0, None],
    }


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("is_stream", [False, True])
def test_a_value_that_is_no_number_is_told_with_its_row(tmp_path: Path, is_stream: bool) -> None:
    values = [f"{i},5" for i in range(500)]
    values[321] = values[322] = "abc"
    content = "t;x\n" + "".join(f"t;{value}\n" for value in values)
    (tmp_path / "data.csv").write_text(content)
    source: Any = io.BytesIO(content.encode()) if is_stream else str(tmp_path / "data.csv")
    read_rows: list[float] = []

    def read_all() -> None:
        for batch in read_batches(source, DatasetSpec(), {"x": "number"}, 100):
            inputs = read_columns(batch, [Column("x")], "data.csv", len(read_rows))
            read_rows.extend(inputs["x"].tolist())

    with pytest.raises(DataError) as caught:
        read_all()
    assert "'abc' (row 321), 'abc' (row 322)" in str(caught.value)
    assert read_rows == [i + 0.5 for i in range(len(read_rows))]
    assert len(read_rows) > 200


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("is_stream", "places"),
    [(False, "line 302 has 3, line 304 has 1"), (True, "row 300 has 3, row 302 has 1")],
)
def test_ragged_lines_of_a_long_file(tmp_path: Path, is_stream: bool, places: str) -> None:
    lines = ["a,x", *(f"a,{i}" for i in range(300)), "a,1,2", "a,1", "a", *["a,1"] * 100]
    content = "\n".join(lines)
    (tmp_path / "data.csv").write_text(content)
    source: Any = io.BytesIO(content.encode()) if is_stream else str(tmp_path / "data.csv")
    with pytest.raises(DataError) as caught:
        list(read_batches(source, DatasetSpec(), {"x": "number"}, 100))
    assert caught.value.problems == (
        f"every line must have 2 values, one for each column name (received: {places}). Mend these "
        "lines; a value that holds ',' stands in quotation marks.",
    )


@pytest.mark.usefixtures("small_blocks")
def test_json_lines_count_over_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"x": 1}\n' * 300 + '{"x": \n')
    with pytest.raises(DataError, match="line 301 is no JSON"):
        list(read_batches(str(path), DatasetSpec(), {"x": "number"}, 100))


def test_types_are_not_inferred_of_columns_that_are_texts(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("a,b,c\n007,1.50,true\n")
    (tmp_path / "2.csv").write_text("a,b,c\n008,x,false\n")
    table = read_table(str(tmp_path / "*.csv"), DatasetSpec(), as_text=["a", "c"])
    assert table.to_pydict() == {"a": ["007", "008"], "b": ["1.50", "x"], "c": ["true", "false"]}


@pytest.mark.parametrize("before", ["", "\n\r\n"])
def test_an_empty_line_is_a_row_of_a_single_column(tmp_path: Path, before: str) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(f"{before}x\n1\n\n3\n".encode())
    for source in (str(path), io.BytesIO(path.read_bytes())):
        batches = read_batches(source, DatasetSpec(), {"x": "number"}, 10)
        assert gather(batches) == {"x": [1, None, 3]}
    assert read(path).to_pydict() == {"x": [1, None, 3]}


@pytest.mark.parametrize("last", ["3", "2.5"])
@pytest.mark.parametrize("word", ["integer_categorical", "integer_hashed"])
def test_large_whole_numbers_keep_their_digits(tmp_path: Path, word: str, last: str) -> None:
    large = 2**53 + 1
    path = tmp_path / "data.csv"
    path.write_text(f"a,b\n{large},1\n,2\n{last},3\n")
    spec = DatasetSpec.model_validate({"features": {"a": word}})
    values = gather(read_batches(str(path), spec, {"a": "category"}, 10))["a"]
    assert values == ([large, None, 3] if last == "3" else [float(large), None, 2.5])
    assert values == read_table(str(path), spec)["a"].to_pylist()


@pytest.mark.parametrize("name", ["rows.parquet", "rows.feather", "rows.arrow"])
def test_a_binary_file_without_rows(tmp_path: Path, name: str) -> None:
    path, table = tmp_path / name, pa.table({"x": pa.array([], pa.float64())})
    if name == "rows.parquet":
        parquet.write_table(table, path)
    else:
        with pa.ipc.new_file(str(path), table.schema) as sink:
            sink.write_table(table)
    with pytest.raises(DataError) as caught:
        list(read_batches(str(path), DatasetSpec(), {"x": "number"}, 10))
    assert caught.value.problems == ("the file has no rows. Add rows.",)


def test_a_file_without_any_of_the_columns_still_gives_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("other\n1\n2\n")
    (batch,) = read_batches(str(path), DatasetSpec(), {"x": "number"}, 10)
    assert (batch.num_rows, "x" in batch.column_names) == (2, False)


def test_a_column_may_be_called_as_a_number_is(tmp_path: Path) -> None:
    """The first line is one of names where it names the target, or what a saved run takes."""
    file = tmp_path / "data.csv"
    content = "0.5,+0.0,y\n1,2,3\n"
    assert read(file, content, target="y").to_pydict() == {"0.5": [1], "+0.0": [2], "y": [3]}
    (table,) = read_batches(str(file), DatasetSpec(path=str(file)), {"0.5": "number"}, 10)
    assert table.to_pydict() == {"0.5": [1.0]}


def test_columns_of_one_name_matter_only_where_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,a,x\n1,2,3\n")
    assert gather(read_batches(str(path), DatasetSpec(), {"x": "number"}, 10)) == {"x": [3.0]}
    with pytest.raises(DataError, match="column names must differ"):
        list(read_batches(str(path), DatasetSpec(), {"a": "number"}, 10))


@pytest.mark.parametrize("content", ["x,t\n", ""])
def test_no_rows_to_predict(tmp_path: Path, content: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=r"no rows|is empty"):
        list(read_batches(str(path), DatasetSpec(), {"x": "number"}, 10))


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda text: not text.strip().strip("\ufeff").isascii()
)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=False, width=32), st.none() | texts, st.booleans()
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_what_is_written_is_read(
    tmp_path: Path, rows: list[tuple[Any, ...]], delimiter: str
) -> None:
    table = pa.table({"x": pa.array([row[0] for row in rows], pa.float64()),
                      "t": pa.array([row[1] for row in rows], pa.string()),
                      "f": pa.array([row[2] for row in rows], pa.bool_())})  # fmt: skip
    path = tmp_path / "data.csv"
    arrow_csv.write_csv(table, path, arrow_csv.WriteOptions(delimiter=delimiter))
    keys: dict[str, Any] = {"csv": {"decimal": "."}}
    spec = DatasetSpec.model_validate(keys)
    expected = {name: table.column(name).to_pylist() for name in table.column_names}
    expected["t"] = [text and text.strip() for text in expected["t"]]
    whole = read(path, **keys).to_pydict()
    assert whole["x"] == expected["x"]
    assert whole["t"] == expected["t"]
    assert whole["f"] == expected["f"]
    kinds: dict[str, Kind] = {"x": "number", "t": "category"}
    pieces = gather(read_batches(str(path), spec, kinds, 4))
    assert pieces == {"x": expected["x"], "t": expected["t"]}
