"""The encoding of a text file: found from its first bytes, checked byte by byte, never guessed."""

from __future__ import annotations

import codecs
import encodings.aliases
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from kerasrecipes.errors import DataError
from kerasrecipes.rows.words import ask_meant

# The most common ones; those that accept the fewest bytes come first.
CANDIDATES = ("cp949", "cp932", "gb18030", "cp1252")

_CHARACTERS_BEFORE, _CHARACTERS_AFTER = 12, 10
_CELL = rb'[^,;\t"\r\n]*'


def find_encoding(head: bytes, named: str | None, dataset: str) -> str:
    """Name a file's codec: the recipe's, or UTF-8, UTF-16 or UTF-32 by their marks.

    Bytes beyond ASCII that are UTF-8 mean nothing sensible in another encoding: such a file is
    UTF-8, whatever the recipe says.

    Raises:
        DataError: Python has no codec of that name, or the file is not text.
    """
    if named is not None:
        try:
            found = codecs.lookup(named).name
            "".encode(found)  # which fails for base64 and other codecs that are not of text
        except LookupError:
            names = {name for pair in encodings.aliases.aliases.items()
                     if not pair[1].endswith(("_codec", "mbcs")) for name in pair}  # fmt: skip
            hint = ask_meant(named, names) or " Choose from: utf-8, cp949, cp1252, …"
            problem = f"csv.encoding: Python has no encoding of this name (received: '{named}')."
            raise DataError(dataset, [problem + hint]) from None
        is_utf8 = found in ("ascii", "utf-8-sig") or head.startswith(codecs.BOM_UTF8)
        return "utf-8" if is_utf8 or _is_utf8_beyond_ascii(head) else found
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


def _is_utf8_beyond_ascii(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the end may be cut
    except UnicodeDecodeError:
        return False
    return not text.isascii()


class ChunkReader(io.RawIOBase):
    """A binary file of the bytes that an iterator gives."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._ready = chunks, memoryview(b"")

    def readable(self) -> bool:
        """Say that this file can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 at the end."""
        while not self._ready:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._ready = memoryview(chunk)
        n = min(len(buffer), len(self._ready))
        buffer[:n], self._ready = self._ready[:n], self._ready[n:]
        return n


def decode(
    file: BinaryIO,
    dataset: str,
    encoding: str = "utf-8",
    *,
    is_named: bool | None = None,
    is_whole: bool = True,
) -> Iterator[bytes]:
    """Give a file's bytes as UTF-8, whatever its encoding.

    Args:
        file: The file, at its start.
        dataset: The data set's name.
        encoding: The file's codec.
        is_named: Whether the recipe names the encoding; None where it cannot.
        is_whole: Whether the file may not end within a character.

    Raises:
        DataError: A byte is not of the encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    n_bytes, n_lines, is_start = 0, 1, True
    data = b"..."
    while data:
        data = bytes(file.read(1 << 16))
        n_bytes += len(data)
        try:
            text = decoder.decode(data, final=not data and is_whole)
        except UnicodeError as error:
            if isinstance(error, UnicodeDecodeError) and "BOM" not in error.reason:
                line = n_lines + error.object[: error.start].count(b"\n")
                offset = n_bytes - len(error.object) + error.start
                byte = f"0x{error.object[error.start]:02x}"
                received = f"{byte} in line {line}, at byte {offset} of the file"
                problem = f"the file must be UTF-8 (received: {received}). Save it as UTF-8."
                if is_named or encoding != "utf-8":
                    problem = (
                        f"csv.encoding: the file is not {encoding} throughout (received: "
                        f"{received}). Name the encoding that it was written in."
                    )
                elif is_named is not None:
                    problem = _describe_byte(error, received)
            else:  # UTF-16 without its mark, which Python 3.13 reports as a UnicodeDecodeError
                reason = "UTF-16 stream does not start with BOM" if "BOM" in str(error) else error
                problem = f"csv.encoding: {reason}. Name the encoding that the file was written in."
            raise DataError(dataset, [problem]) from None
        if is_start and text:
            text, is_start = text.lstrip("\ufeff"), False
        n_lines += text.count("\n")
        yield text.encode()


def _describe_byte(error: UnicodeDecodeError, received: str) -> str:
    """The problem of a byte that is not UTF-8, and the text there in likely encodings."""
    readings = _read_in_other_ways(error.object, error.start)
    remedy = "Name the file's encoding in dataset.csv.encoding"
    if readings:
        ways = ", ".join(f"{codec} reads '{text}'" for codec, text in readings.items())
        which = "the one that is right" if len(readings) > 1 else "it if that is right"
        remedy = f"There {ways}: set dataset.csv.encoding to {which}"
    rule = f"the file must be UTF-8 where no encoding is named (received: {received})."
    return f"{rule} {remedy}, or save the file as UTF-8."


def _read_in_other_ways(data: bytes, start: int) -> dict[str, str]:
    """The text around a place, by each codec that decodes the lines from there on."""
    first = data.rfind(b"\n", 0, start) + 1
    last = data.rfind(b"\n")
    lines = data[first : last if last > start else len(data)]
    before = re.search(_CELL + rb"\Z", data[first:start])
    after = re.match(_CELL, data[start:])
    readings = {}
    for codec in CANDIDATES:
        try:
            lines.decode(codec)
        except UnicodeDecodeError:
            continue
        left = (before[0] if before else b"").decode(codec, errors="replace").lstrip()
        right = (after[0] if after else b"").decode(codec, errors="replace").rstrip()
        cut_left = f"…{left[-_CHARACTERS_BEFORE:]}" if len(left) > _CHARACTERS_BEFORE else left
        cut_right = f"{right[:_CHARACTERS_AFTER]}…" if len(right) > _CHARACTERS_AFTER else right
        if (reading := cut_left + cut_right).isprintable():
            readings[codec] = reading
    return readings
