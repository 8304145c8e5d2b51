from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from kerasrecipes.errors import DataError

from .reading import find_problems, find_problems_of_pieces, open_source, read, read_pieces, write

CSV = b"a,b\n1,x\n2,y\n" + b"3,z\n" * 200
ROWS = {"a": [1, 2] + [3] * 200, "b": ["x", "y"] + ["z"] * 200}


def compress_zstandard(data: bytes) -> bytes:
    compressed: bytes = pa.compress(data, codec="zstd", asbytes=True)
    return compressed


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": compress_zstandard,
}


def make_zip(*names: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, CSV)
    return written.getvalue()


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_files_are_known_by_their_first_bytes(tmp_path: Path, ending: str) -> None:
    data = COMPRESS[ending](CSV)
    for name in (f"data.csv{ending}", f"DATA.TXT{ending.upper()}", "data.csv", "data.csv.zip"):
        path = write(tmp_path / name, data)
        assert read(path) == ROWS
        assert read_pieces(path, ["a", "b"], ["a"]) == ROWS
    lines = COMPRESS[ending](b'{"a": 1}\n{"a": 2}\n')
    assert read(write(tmp_path / f"data.jsonl{ending}", lines)) == {"a": [1, 2]}


@pytest.mark.parametrize("ending", COMPRESS)
def test_streams_may_be_compressed(ending: str) -> None:
    assert read_pieces(COMPRESS[ending](CSV), ["a", "b"], ["a"]) == ROWS
    assert read_pieces(COMPRESS[ending](b'{"a": 1}\n'), ["a"]) == {"a": [1]}


def test_gzip_files_may_be_put_together(tmp_path: Path) -> None:
    data = gzip.compress(CSV[:12], mtime=0) + gzip.compress(CSV[12:])
    assert read(write(tmp_path / "data.csv.gz", data)) == ROWS


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_that_ends_too_early(tmp_path: Path, ending: str) -> None:
    data = COMPRESS[ending](CSV)[:-9]
    path = write(tmp_path / f"data.csv{ending}", data)
    (problem,) = find_problems(path)
    assert problem.startswith("the file is damaged or ends too early (")
    assert problem.endswith("). Copy or write it again.")
    assert find_problems(data) == [problem]
    json = write(tmp_path / f"data.jsonl{ending}", COMPRESS[ending](b'{"a": 1}\n' * 200)[:-9])
    assert find_problems(json)[0].startswith("the file is damaged or ends too early")
    assert find_problems_of_pieces(json, ["a"]) == find_problems(json)


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_a_compressed_file_that_is_damaged(tmp_path: Path, ending: str) -> None:
    data = bytearray(COMPRESS[ending](CSV))
    data[len(data) // 2] ^= 0xFF
    (problem,) = find_problems(write(tmp_path / f"data.csv{ending}", bytes(data)))
    assert problem.startswith("the file is damaged or ends too early (")


def test_a_compressed_file_of_nothing(tmp_path: Path) -> None:
    assert find_problems(write(tmp_path / "data.csv.gz", gzip.compress(b"", mtime=0))) == [
        "the file is empty. It must open with a line of column names."
    ]


def test_a_zip_archive_holds_one_file(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.zip"
    for data in (
        make_zip("any.csv"),
        make_zip("sub/any.csv", "__MACOSX/sub/._any.csv", "sub/.DS_Store"),
    ):
        assert read(write(path, data)) == ROWS
        assert read_pieces(path, ["a", "b"], ["a"]) == ROWS
    assert find_problems(write(path, make_zip("a.csv", "b.csv"))) == [
        "path: a zip archive must contain one file (received: a.csv, b.csv). Unpack it."
    ]
    (problem,) = find_problems(write(path, make_zip("a.csv")[:-20]))
    assert problem.startswith("the file is damaged or ends too early (")
    assert read(make_zip("a.csv")) == ROWS


def make_table(form: str) -> bytes:
    """A small table's bytes in some format, or what other files begin with."""
    written = io.BytesIO()
    if form == "Parquet":
        parquet.write_table(pa.table({"a": [1, 2]}), written)
    elif form == "Arrow":
        feather.write_feather(pa.table({"a": [1, 2]}), written)
    elif form == "Excel":
        pd.DataFrame({"a": [1, 2]}).to_excel(written, index=False)
    else:
        starts = {"old Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "SQLite": b"SQLite format 3\0"}
        return starts[form] + bytes(600)
    return written.getvalue()


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ("Parquet", "a Parquet file by its first bytes. Save it with the ending .parquet."),
        ("Arrow", "an Arrow file by its first bytes. Save it with the ending .arrow."),
        ("Excel", "an Excel file by its first bytes. Save it with the ending .xlsx."),
        ("old Excel", "an old Excel file by its first bytes. Save it with the ending .xls."),
        ("SQLite", "an SQLite database by its first bytes. Export it as CSV."),
    ],
)
def test_other_formats_under_a_wrong_ending_are_named(tmp_path: Path, form: str, what: str) -> None:
    data = make_table(form)
    for name in ("data.csv", "data.json"):
        assert find_problems(write(tmp_path / name, data)) == [f"path: {name} is {what}"]
    if form != "Parquet":
        assert find_problems(write(tmp_path / "data.parquet", data)) == [
            f"path: {tmp_path}/data.parquet cannot be read as a .parquet file: it is {what}"
        ]
    if form in ("Parquet", "Arrow"):
        assert find_problems(write(tmp_path / "data.xlsx", data)) == [
            f"path: {tmp_path}/data.xlsx is no Excel file that can be read: it is {what}"
        ]


def test_a_stream_of_another_format_is_named() -> None:
    with pytest.raises(DataError) as caught:
        open_source(make_table("Parquet"))
    assert caught.value.problems == (
        "path: the stream is a Parquet file by its first bytes. Save it with the ending .parquet.",
    )


def test_a_broken_file_is_not_told_to_take_its_own_ending(tmp_path: Path) -> None:
    for name, form in (("a.parquet", "Parquet"), ("a.feather", "Arrow"), ("a.xlsx", "Excel")):
        data = make_table(form)
        (problem,) = find_problems(write(tmp_path / name, data[: len(data) // 2]))
        assert "by its first bytes" not in problem
        assert problem.endswith(("Write it again.", "Save it again."))


def test_a_file_that_may_not_be_opened_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "data.csv", CSV)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert find_problems(path) == ["the file cannot be read: Permission denied."]
