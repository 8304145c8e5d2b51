"""A file's bytes, decompressed; and what a file is by its first ones."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import ARRAYS, ARROW, EXCEL, PARQUET, find_ending
from kerasrecipes.rows.words import list_some

_FORMATS = (
    (b"PAR1", "a Parquet file", PARQUET),
    (b"ARROW1", "an Arrow file", ARROW[::-1]),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", EXCEL[::-1]),
    (b"SQLite format 3", "an SQLite database", ()),
    (b"%PDF", "a PDF document", ()),
    (b"\x93NUMPY", "a NumPy array", ARRAYS[::-1]),
    (b"\x89PNG", "a PNG image", (".png",)),
    (b"\xff\xd8\xff", "a JPEG image", (".jpg",)),
    (b"\x89HDF", "an HDF5 file", ()),
    (b"7z\xbc\xaf", "a 7-Zip archive", ()),
    (b"Rar!", "a RAR archive", ()),
)
_GZIP, _BZIP2, _ZSTANDARD = b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd"
_XZ, _ZIP = b"\xfd7zXZ\x00", b"PK\x03\x04"
_ARROWS = {_GZIP: "gzip", _BZIP2: "bz2", _ZSTANDARD: "zstd"}
_SHEET = "xl/workbook.xml"
"""What an .xlsx file, which is a zip archive, has in it."""


def open_decompressed(file: Path) -> Any:
    """Open a file's bytes, decompressed where its first bytes are those of gzip, bz2, zstd or xz.

    A zip archive is read where it holds one file.

    Raises:
        DataError: The file is of a format that is no text; the message names it.
    """
    start = read_start(file)
    for magic, codec in _ARROWS.items():
        if start.startswith(magic):
            return pa.input_stream(str(file), compression=codec)
    if start.startswith(_XZ):
        return lzma.open(file)
    if start.startswith(_ZIP):
        return _open_member(file)
    if what := describe_format(file):
        raise DataError(file.name, [f"path: {file.name} is {what}"])
    return pa.input_stream(str(file), compression=None)


def open_stream_decompressed(stream: Any, dataset: str) -> Any:
    """A stream's bytes, decompressed where its first bytes are those of gzip, bz2, zstd or xz.

    Args:
        stream: With a method ``peek``.
        dataset: Its name.

    Raises:
        DataError: The stream is of a format that is no text; the message names it.
    """
    start = stream.peek(16)
    for magic, codec in _ARROWS.items():
        if start.startswith(magic):
            return io.BufferedReader(pa.input_stream(stream, compression=codec))
    if start.startswith(_XZ):
        return lzma.open(stream)
    formats = ((_ZIP, "a zip archive", ()), *_FORMATS)
    for magic, what, _ in formats:
        if start.startswith(magic):
            problem = f"{dataset} is {what} by its first bytes. Name the file's path instead."
            raise DataError(dataset, [problem])
    return stream


def describe_format(file: Path) -> str:
    """What a file is by its first bytes, and what to do; empty where its ending says the same."""
    start, own = read_start(file), find_ending(file)
    if start.startswith(_ZIP) and zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if _SHEET in archive.namelist() and own not in EXCEL:
                return _advise("an Excel file", EXCEL)
    found = (_advise(name, endings) for magic, name, endings in _FORMATS
             if start.startswith(magic) and own not in endings)  # fmt: skip
    return next(found, "")


def read_start(file: Path) -> bytes:
    """A file's first bytes."""
    with file.open("rb") as opened:
        return opened.read(16)


@contextmanager
def explain_damage(dataset: str) -> Iterator[None]:
    """Turn what a decompressor says of a damaged file into a DataError."""
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        if isinstance(error, OSError) and error.errno:
            raise DataError(dataset, [f"the file cannot be read: {reason}."]) from error
        is_cut = "runcat" in reason or "nexpected end" in reason or isinstance(error, EOFError)
        what = "it ends too early" if is_cut else "its compressed data are damaged"
        problem = f"the file cannot be decompressed: {what} ({reason}). Copy or write it anew."
        raise DataError(dataset, [problem]) from error


def _advise(what: str, endings: Sequence[str]) -> str:
    remedy = f"Name it with the ending {endings[0]}" if endings else "Export it as CSV or Parquet"
    return f"{what} by its first bytes. {remedy}."


def _open_member(file: Path) -> Any:
    """The one file of a zip archive."""
    if what := describe_format(file):
        raise DataError(file.name, [f"path: {file.name} is {what}"])
    with explain_damage(file.name):
        archive = zipfile.ZipFile(file)
    names = [
        info.filename
        for info in archive.infolist()
        if not info.is_dir() and not info.filename.startswith(("__MACOSX/", "."))
    ]
    if len(names) != 1:
        problem = (
            f"path: a zip archive must hold one file (received: {len(names)}: {list_some(names)}). "
            "Unpack it, and name the file that is meant."
        )
        raise DataError(file.name, [problem])
    return io.BufferedReader(archive.open(names[0]))
