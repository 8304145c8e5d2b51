"""The encoding of a text file: found from its first bytes, checked byte by byte, never guessed."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from kerasrecipes.errors import DataError

# The most common ones; those that accept the fewest bytes come first.
_CANDIDATES = ("cp949", "cp932", "gb18030", "cp1252")
_CHARACTERS_BEFORE, _CHARACTERS_AFTER = 12, 10


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
            problem = f"csv.encoding: Python has no encoding of this name (received: '{named}')."
            raise DataError(dataset, [f"{problem} Usual ones: utf-8, cp949, cp1252."]) from None
        return "utf-8" if _is_utf8_beyond_ascii(head) else found
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
    file: BinaryIO, dataset: str, encoding: str | None = None, *, is_whole: bool = True
) -> Iterator[bytes]:
    """Give a file's bytes as UTF-8, whatever its encoding.

    Args:
        file: The file, at its start.
        dataset: The data set's name.
        encoding: The file's codec; None means UTF-8 where no other can be named.
        is_whole: Whether the file may not end within a character.

    Raises:
        DataError: A byte is not of the encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")()
    n_bytes, n_lines, is_start = 0, 1, True
    data = b"..."
    while data:
        data = bytes(file.read(1 << 16))
        n_bytes += len(data)
        try:
            text = decoder.decode(data, final=not data and is_whole)
        except UnicodeDecodeError as error:
            line = n_lines + error.object[: error.start].count(b"\n")
            offset = n_bytes - len(error.object) + error.start
            byte = f"0x{error.object[error.start]:02x}"
            problem = (
                f"the file must be {encoding or 'utf-8'} (received: {byte} in line {line}, at byte "
                f"{offset} of the file). "
            )
            if encoding:
                readings = _read_in_other_ways(error.object, error.start)
                problem += f"There {readings}. " if readings else ""
                problem += "Name the file's encoding in dataset.csv.encoding, or save it as UTF-8."
            else:
                problem += "Save it as UTF-8."
            raise DataError(dataset, [problem]) from None
        except UnicodeError as error:  # UTF-16 without its mark
            raise DataError(dataset, [f"csv.encoding: {error}. Correct it."]) from None
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
