"""What is in the lines of delimited text."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Any

from kerasrecipes.rows.files.delimiter import NUMBER
from kerasrecipes.rows.files.layout import SAMPLE_BYTES
from kerasrecipes.rows.limits import check_line

BLANK = " \t\v\f\r\n\x1a\xa0"
"""Characters of lines that contain nothing; DOS ends a file with \\x1a."""

_LAST_BYTES, _MOST_NOTES = 1 << 12, 20


@dataclass
class LineFacts:
    """Facts about a file's lines.

    Attributes:
        has_quoted_newlines: Whether a line ends within quotation marks, or may do so.
        has_blank_lines: Whether two line ends follow each other.
        may_end_quoted: Whether the number of quotation marks is odd.
        has_codes: Whether a value begins with 0 and goes on with digits, as 007 does.
        last: The last lines.
    """

    has_quoted_newlines: bool = False
    has_blank_lines: bool = False
    may_end_quoted: bool = False
    has_codes: bool = False
    last: bytes = b""


def scan_lines(file: Any, delimiter: str | None, dataset: str) -> LineFacts:
    """Look at all lines; codes are looked for where there is a delimiter.

    Raises:
        DataError: A line is too long.
    """
    facts = LineFacts()
    is_quoted = False
    marks = re.escape(delimiter.encode()) if delimiter else b""
    opening = rb"[\n\"%b]" % marks
    # The character before it is checked second: a search for one character is the fastest.
    code = re.compile(
        rb"0(?:(?<=%b0)|(?<=%b[ +-]0))[0-9xX][0-9a-fA-F]*(?=[\r\n\" %b]|\Z)"
        % (opening, opening, marks)
    )
    rest = b""
    n_ends = length = 0
    while block := file.read(SAMPLE_BYTES):
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        length = len(block) - 1 - end if end >= 0 else length + len(block)
        n_ends += block.count(b"\n")
        check_line(length, n_ends + 1, dataset)
        parts = block.split(b'"')
        if len(parts) > 1 or is_quoted:
            quoted = b"".join(parts[not is_quoted :: 2])
            facts.has_quoted_newlines |= b"\n" in quoted or b"\r" in quoted
            is_quoted ^= len(parts) % 2 == 0
        joined = rest + block
        if not facts.has_blank_lines:
            ends = (b"\n\n", b"\n\r\n", b"\r\r") if b"\r" in block else (b"\n\n",)
            facts.has_blank_lines = any(end in joined for end in ends)
        if delimiter and not facts.has_codes:
            facts.has_codes = code.search(joined) is not None
        rest = block[-64:]
        facts.last = (facts.last + block[-_LAST_BYTES:])[-_LAST_BYTES:]
    facts.may_end_quoted = is_quoted
    return facts


def find_notes(last: bytes, n_names: int, delimiter: str) -> list[str]:
    """The lines below the last row that are no rows, such as "Source: statistics office".

    Args:
        last: The last lines; the first of them may be cut.
        n_names: How many values a row has.
        delimiter: Between values.
    """
    notes: list[str] = []
    for line in reversed(last.decode(errors="ignore").splitlines()[1:]):
        values = next(csv.reader([line], delimiter=delimiter), [])
        # A row that was cut begins with a number more often than not.
        if 2 * len(values) > n_names or any(map(NUMBER.fullmatch, values[:1])):
            break
        notes += [line.strip()] if line.strip(BLANK) else []
    return notes[::-1] if len(notes) <= _MOST_NOTES else []
