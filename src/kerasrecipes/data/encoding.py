"""The encoding of a text file: found from its first bytes, checked byte by byte, never guessed."""

from __future__ import annotations

import codecs
import encodings.aliases
import io
import re
from typing import Any, BinaryIO

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.suggest import find_meant

# Of those that are met most, the ones that refuse most come first.
CANDIDATES = ("cp949", "cp932", "gb18030", "cp1252")

_SNIPPET_CHARACTERS = 20


def find_encoding(head: bytes, told: str | None, dataset: str) -> str:
    """Name a file's codec: the one told, or UTF-8 or UTF-16 where its mark stands in front.

    Raises:
        DataError: Python knows no codec of the name told, or the file is no text.
    """
    if told is not None:
        try:
            found = codecs.lookup(told).name
        except LookupError:
            names = encodings.aliases.aliases
            meant = find_meant(told, {*names.values(), *names})
            hint = f" Did you mean '{meant}'?" if meant else " Choose from: utf-8, cp949, cp1252, …"
            problem = f"csv.encoding: Python knows no encoding of that name (received: '{told}')."
            raise DataError(dataset, [problem + hint]) from None
        is_utf8 = found in ("ascii", "utf-8-sig") or head.startswith(codecs.BOM_UTF8)
        return "utf-8" if is_utf8 else found
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        raise DataError(
            dataset,
            [
                f"the file must be text (received: a zero byte at byte {head.index(0)}). Was it "
                "renamed? If it is UTF-16, set dataset.csv.encoding: utf-16-le."
            ],
        )
    return "utf-8"


class Utf8Reader(io.RawIOBase):
    """A binary file as UTF-8, whatever its encoding; reading it raises DataError at a wrong byte.

    Args:
        file: The file, at its start.
        encoding: Its codec.
        told: Whether the recipe named the codec.
        dataset: The data set's name.
        is_whole: Whether the file may not end within a character.
        is_choice: Whether the recipe may name another encoding.
    """

    def __init__(
        self,
        file: BinaryIO,
        encoding: str,
        *,
        told: bool,
        dataset: str,
        is_whole: bool = True,
        is_choice: bool = True,
    ) -> None:
        self._file, self._encoding, self._told, self._dataset = file, encoding, told, dataset
        self._is_whole, self._is_choice = is_whole, is_choice
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._n_bytes = 0
        self._n_lines = 1
        self._pending = b""
        self._is_start = True

    def readable(self) -> bool:
        """Say that this file can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; 0 at the end."""
        while not self._pending:
            data = self._file.read(max(len(buffer), 1 << 16))
            self._pending = self._transcode(bytes(data))
            if not data and not self._pending:
                return 0
        n = min(len(buffer), len(self._pending))
        buffer[:n], self._pending = self._pending[:n], self._pending[n:]
        return n

    def _transcode(self, data: bytes) -> bytes:
        self._n_bytes += len(data)
        try:
            text = self._decoder.decode(data, final=not data and self._is_whole)
        except UnicodeDecodeError as error:
            raise DataError(self._dataset, [self._describe(error)]) from None
        if self._is_start and text:
            text, self._is_start = text.removeprefix("\ufeff"), False
        self._n_lines += text.count("\n")
        return text.encode()

    def _describe(self, error: UnicodeDecodeError) -> str:
        offset = self._n_bytes - len(error.object) + error.start
        line = self._n_lines + error.object[: error.start].count(b"\n")
        byte = error.object[error.start]
        received = f"0x{byte:02x} in line {line}, at byte {offset} of the file"
        if self._told:
            return (
                f"csv.encoding: the file is not {self._encoding} throughout (received: {received})."
                " Name the encoding that it was written in."
            )
        if not self._is_choice:
            return f"the file must be UTF-8 (received: {received}). Save it as UTF-8."
        readings = _read_in_other_ways(error.object, error.start)
        remedy = "name the file's encoding in dataset.csv.encoding"
        if readings:
            ways = ", ".join(f"{codec} reads '{text}'" for codec, text in readings.items())
            which = "the one that is right" if len(readings) > 1 else "it if that is right"
            remedy = f"there {ways}: set dataset.csv.encoding to {which}"
        rule = f"the file must be UTF-8 where no encoding is named (received: {received})."
        return f"{rule} {remedy[0].upper()}{remedy[1:]}, or save the file as UTF-8."


def _read_in_other_ways(data: bytes, start: int) -> dict[str, str]:
    """What stands at a place, by each codec that decodes the lines from there on."""
    first = data.rfind(b"\n", 0, start) + 1
    last = data.rfind(b"\n")
    lines = data[first : last if last > start else len(data)]
    cell = rb'[^,;\t"\r\n]*'
    before = re.search(cell + rb"\Z", data[first:start])
    after = re.match(cell, data[start:])
    snippet = (before[0] if before else b"") + (after[0] if after else b"")
    readings = {}
    for codec in CANDIDATES:
        try:
            lines.decode(codec)
        except UnicodeDecodeError:
            continue
        text = snippet.decode(codec, errors="replace").strip()
        readings[codec] = text[:_SNIPPET_CHARACTERS]
    return readings
