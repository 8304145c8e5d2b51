"""A file's bytes: its format by the first ones, decompressed, and decoded where they are text."""

from __future__ import annotations

import codecs
import io
import lzma
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.endings import ARRAYS, ARROW, EXCEL, PARQUET, find_ending
from kerasrecipes.rows.limits import check_unpacked
from kerasrecipes.rows.words import list_some

_FORMATS = (  # the first of the endings is the one to suggest
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
ARCHIVE_ERRORS = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(struct.error, ValueError, OverflowError, RuntimeError),
)
"""Exceptions of a zip archive that is damaged, encrypted, or of an unknown kind."""

_CODECS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
# The most common ones; those that accept the fewest bytes come first.
_CANDIDATES = ("cp949", "cp932", "gb18030", "cp1252")
_CHARACTERS_BEFORE, _CHARACTERS_AFTER, _LONGEST_SHOWN = 12, 10, 300
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def open_decompressed(file: Path, dataset: str) -> Any:
    """Open a file's bytes, decompressed where its first bytes are those of gzip, bz2, zstd or xz.

    A zip archive is read if it contains one file. A format that is no text raises DataError.
    """
    if what := describe_format(file):
        raise DataError(dataset, [f"path: {dataset} is {what}"])
    start = read_start(file)
    codec = next((codec for magic, codec in _CODECS.items() if start.startswith(magic)), None)
    if codec is None:
        return pa.input_stream(str(file), compression=None)
    if codec == "zip":
        unpacked = _open_member(file, dataset)
    else:
        unpacked = io.BufferedReader(ChunkReader(_decompress(file, codec, dataset)))
    if not is_plain(unpacked.peek(16)):
        problem = f"path: {dataset} contains another packed file, or no text. Unpack it first."
        raise DataError(dataset, [problem])
    return unpacked


def describe_format(file: Path) -> str:
    """Describe a file by its first bytes, with the fix; empty if its ending agrees."""
    start, own = read_start(file), find_ending(file)
    formats = [*_FORMATS]
    with suppress(*ARCHIVE_ERRORS), zipfile.ZipFile(file) as archive:
        if "xl/workbook.xml" in archive.namelist():
            formats.append((b"PK", "an Excel file", EXCEL))
    for magic, name, endings in formats:
        if start.startswith(magic) and own not in endings:
            remedy = f"Save it with the ending {endings[0]}" if endings else "Export it as CSV"
            return f"{name} by its first bytes. {remedy}."
    is_text = start.startswith(codecs.BOM_UTF16_LE) or not _CONTROL.search(start)
    if is_text and is_plain(start) and own in (*EXCEL, *PARQUET, *ARROW):
        return "text by its first bytes. Save it with the ending .csv."
    return ""


def is_plain(start: bytes) -> bool:
    """Whether first bytes are neither of a compressed file nor of another format than text."""
    return not start.startswith((*(magic for magic, _, _ in _FORMATS), *_CODECS))


def walk(folder: Path, reached: dict[str, Path]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk a folder as ``os.walk``, without what is hidden; no link may reach a folder twice."""

    def fail(error: OSError) -> None:
        raise error

    for root, inner, names in os.walk(folder, onerror=fail, followlinks=True):
        real = os.path.realpath(root)
        if real in reached:
            problem = (
                f"no folder may have two paths (received: {root} and {reached[real]} are the same "
                "folder). Remove the link."
            )
            raise DataError(next(iter(reached.values())).name, [problem])
        reached[real] = Path(root)
        inner[:] = [name for name in inner if not is_hidden(name)]
        yield root, inner, [name for name in names if not is_hidden(name)]


def is_hidden(name: str) -> bool:
    """Whether a file or folder is no data, by its name."""
    return name.startswith((".", "~$")) or name == "__MACOSX"


def read_start(file: Path) -> bytes:
    """A file's first bytes."""
    with file.open("rb") as opened:
        return opened.read(16)


@contextmanager
def explain_damage(dataset: str) -> Iterator[None]:
    """Raise the errors of a decompressor as a DataError."""
    try:
        yield
    except (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        if isinstance(error, OSError) and error.errno:
            is_short = error.filename and len(error.filename) < _LONGEST_SHOWN
            what = f"path: {error.filename}" if is_short else "the file"
            raise DataError(dataset, [f"{what} cannot be read: {error.strerror}."]) from error
        reason = str(error).strip().split("\n")[0].rstrip(".")
        problem = f"the file is damaged or ends too early ({reason}). Copy or write it again."
        raise DataError(dataset, [problem]) from error


def _open_member(file: Path, dataset: str) -> Any:
    """Open the one file of a zip archive."""
    try:
        archive = zipfile.ZipFile(file)
        files = [name for name in archive.namelist() if not name.endswith("/")]
        names = [name for name in files if not any(map(is_hidden, name.split("/")))]
        if len(names) != 1:
            received = f"received: {list_some(names) or 'none'}"
            problem = f"path: a zip archive must contain one file ({received}). Unpack it."
            raise DataError(dataset, [problem])
        check_archive(archive, file.stat().st_size, dataset)
        return io.BufferedReader(archive.open(names[0]))
    except (RuntimeError, struct.error, ValueError) as error:  # a password, an unknown method
        raise DataError(dataset, [f"path: {dataset} cannot be unpacked: {error}."]) from error


def _decompress(file: Path, codec: str, dataset: str) -> Iterator[bytes]:
    n_bytes = 0
    with (
        file.open("rb") as packed,
        lzma.open(packed) if codec == "xz" else pa.CompressedInputStream(packed, codec) as stream,
    ):
        while chunk := stream.read(1 << 18):
            n_bytes += len(chunk)
            check_unpacked(n_bytes, packed.tell(), dataset)
            yield chunk


def check_archive(archive: zipfile.ZipFile, n_packed: int, dataset: str) -> None:
    """Raise DataError if a zip archive says that it is too large; it gives no more than it says."""
    check_unpacked(sum(info.file_size for info in archive.infolist()), n_packed, dataset)


def find_encoding(head: bytes, named: str | None, dataset: str) -> str:
    """Name a file's codec: the recipe's, or UTF-8, UTF-16 or UTF-32 by their marks.

    Bytes beyond ASCII that are UTF-8 mean nothing sensible in another encoding: such a file is
    UTF-8, whatever the recipe says. It raises DataError if the file is not text.
    """
    if named is not None:
        try:
            found = codecs.lookup(named).name
            "".encode(found)  # which fails for base64 and other codecs that are not of text
        except LookupError:
            problem = f"csv.encoding: Python has no encoding of this name (received: '{named}')."
            raise DataError(dataset, [f"{problem} Usual ones: utf-8, cp949, cp1252."]) from None
        with suppress(UnicodeDecodeError):
            text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the end may be cut
            return found if text.isascii() else "utf-8"
        return found
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        order = "le" if head.index(0) % 2 else "be"
        problem = (
            f"the file must be text (received: a zero byte at byte {head.index(0)}). Was it "
            f"renamed? If it is UTF-16, set dataset.csv.encoding: utf-16-{order}."
        )
        raise DataError(dataset, [problem])
    return "utf-8"


class ChunkReader(io.RawIOBase):
    """A binary file of the bytes that an iterator gives."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._ready = chunks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and (chunk := next(self._chunks, None)) is not None:
            self._ready = memoryview(chunk)
        n = min(len(buffer), len(self._ready))
        buffer[:n], self._ready = self._ready[:n], self._ready[n:]
        return n


def decode(
    file: BinaryIO, dataset: str, encoding: str | None = None, *, is_whole: bool = True
) -> Iterator[bytes]:
    """Give a file's bytes as UTF-8; DataError names the place of a byte that cannot be decoded.

    ``encoding`` is None for files that are UTF-8 in any case. A file that is not whole, but the
    start of one, may end within a character.
    """
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")()
    n_bytes, n_lines, is_start = 0, 1, True
    data = b"..."
    while data:
        data = bytes(file.read(1 << 16))
        n_bytes += len(data)
        try:
            text = decoder.decode(data, final=not data and is_whole)
        except UnicodeError as error:
            # The error of UTF-16 without its mark names no place before Python 3.13.
            seen, start = getattr(error, "object", data), getattr(error, "start", 0)
            line, offset = n_lines + seen[:start].count(b"\n"), n_bytes - len(seen) + start
            problem = (
                f"the file must be {encoding or 'utf-8'} (received: 0x{seen[start]:02x} in line "
                f"{line}, at byte {offset} of the file). "
            )
            if encoding:
                readings = _read_in_other_ways(seen, start)
                problem += f"There {readings}. " if readings else ""
                problem += "Name the file's encoding in dataset.csv.encoding (predict, evaluate: "
                problem += "--encoding), or save it as UTF-8."
            else:
                problem += "Save it as UTF-8."
            raise DataError(dataset, [problem]) from None
        if is_start and text:
            text, is_start = text.lstrip("\ufeff"), False
        n_lines += text.count("\n")
        yield text.encode()


def _read_in_other_ways(data: bytes, start: int) -> str:
    """The text around a place, by each codec that decodes the lines from there on."""
    first, last = data.rfind(b"\n", 0, start) + 1, data.rfind(b"\n")
    lines = data[first : last if last > start else len(data)]
    readings = []
    for codec in _CANDIDATES:
        try:
            text = lines.decode(codec)
        except UnicodeDecodeError:
            continue
        place = len(data[first:start].decode(codec, errors="ignore"))
        after = "".join(text[place:].splitlines()[:1])
        reading = text[:place][-_CHARACTERS_BEFORE:] + after[:_CHARACTERS_AFTER]
        if reading and reading.isprintable():
            readings.append(f"{codec} reads '{reading}'")
    return ", ".join(readings)
