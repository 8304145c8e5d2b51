"""The lines of delimited text: what divides their values, and what parsers must know of them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from kerasrecipes.rows.limits import check_line

SAMPLE_BYTES = 1 << 20

WHITESPACE = "whitespace"
"""The delimiter of files that align values in columns with one or more spaces between them."""

BLANK = " \t\v\f\r\n\x1a\xa0"
"""Characters of lines that contain nothing; DOS ends a file with \\x1a."""

NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s*")
"""A number, whatever its marks mean."""

_UNIT = "\x1f"
"""What stands for a delimiter that is no single ASCII character, while lines are split."""

# In this order where two divide the lines equally well: commas also occur within numbers.
_DELIMITERS = ("\t", ";", "|", ",")
_RARER_DELIMITERS = ("^", "~", "\x01", _UNIT, "::", ":", " ", WHITESPACE)
_EVEN = 0.8
_SAMPLE_LINES = 500
_ALIGNED = re.compile(rb'"[^"]*"|\S+')
"""A value of a line that is aligned with spaces."""

_ALIGNED_NUMBERS = re.compile(r"\d {2,}[+\-.?\d]")


@dataclass(frozen=True)
class LineForm:
    """How lines are written, and how they are rewritten for parsers of CSV.

    Attributes:
        delimiter: The text between two values.
        comment: The beginning of comments; empty if there are none.
        has_escapes: Whether quotation marks within values are written as \\", not as "".
        has_spaces: Whether there are spaces between a delimiter and a quotation mark.
    """

    delimiter: str = ","
    comment: str = ""
    has_escapes: bool = False
    has_spaces: bool = False

    @property
    def parsed(self) -> str:
        """The delimiter of rewritten lines: parsers of CSV need a single ASCII character."""
        if self.delimiter == WHITESPACE:
            return "\t"
        return self.delimiter if len(self.delimiter.encode()) == 1 else _UNIT

    @property
    def is_plain(self) -> bool:
        """Whether lines stay as they are."""
        return self == LineForm(self.parsed)

    def rewrite_all(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Rewrite the lines of a file's bytes."""
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            yield b"".join(self._rewrite(line) + b"\n" for line in lines)
        if rest:
            yield self._rewrite(rest)

    @cached_property
    def _commented(self) -> re.Pattern[bytes]:
        """Matches a line with a comment that does not begin within quotation marks."""
        mark = re.escape(self.comment.encode())
        return re.compile(rb'((?:[^"%b]|"[^"]*")*)%b' % (mark, mark))

    def _rewrite(self, line: bytes) -> bytes:
        if self.comment and (found := self._commented.match(line)):
            line = found[1].rstrip()
        if self.delimiter == WHITESPACE:
            return b"\t".join(_ALIGNED.findall(line))
        if self.has_escapes:
            line = re.sub(rb'\\(["\\])', lambda mark: mark[1].replace(b'"', b'""'), line)
        mark = self.delimiter.encode()
        if self.has_spaces:
            line = re.sub(re.escape(mark) + b' +"', mark + b'"', line)
        return line.replace(mark, self.parsed.encode())


@dataclass(frozen=True)
class Line:
    """A line's values, and the number of the file's line on which it ends."""

    values: list[str]
    end: int


def split_lines(sample: str, form: LineForm, n_above: int = 0) -> list[Line]:
    """The first lines that are not blank, each split into its values."""
    lines: list[Line] = []
    if not form.is_plain:
        sample = b"".join(form.rewrite_all([sample.encode()])).decode()
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=form.parsed)
    # A quotation mark that is never closed ends the sample.
    with suppress(csv.Error):
        for values in reader:
            if values:
                lines.append(Line(values, reader.line_num + n_above))
            if len(lines) > _SAMPLE_LINES:
                break
    return lines


def find_form(sample: str, delimiter: str | None, comment: str = "") -> LineForm:
    """Find how lines are written.

    Args:
        sample: Whole lines, the column names first.
        delimiter: The one that the recipe names; None finds it.
        comment: The beginning of comments; empty if there are none.
    """
    form = LineForm(delimiter or find_delimiter(sample, comment), comment)
    if form.delimiter in (" ", WHITESPACE):
        return form
    # A quotation mark behind a backslash that would end the value, or would not where it must.
    mark = re.escape(form.delimiter)
    escaped = rf'(?:^|{mark}) *"[^"\r\n]*\\"(?: ?[^"\s{mark}]|"(?={mark}|[\r\n]))'
    has_escapes = re.search(escaped, sample, re.MULTILINE) is not None
    form = replace(form, has_escapes=has_escapes)
    lines = split_lines(sample, form)
    spaced = [any(re.match(' +"', value) for value in line.values) for line in lines]
    return replace(form, has_spaces=2 * sum(spaced) > len(spaced))


def find_delimiter(sample: str, comment: str = "") -> str:
    """The delimiter that divides the lines most evenly; csv.Sniffer errs too often for that."""
    scores = {}
    for delimiter in _DELIMITERS:
        lines = split_lines(sample, LineForm(delimiter, comment))
        lengths = [len(line.values) for line in lines]
        n_values = find_usual_length(lengths)
        if n_values > 1:
            share = lengths.count(n_values) / len(lengths)
            # Between 1,5 and 2,5 there may be a semicolon, which divides their names as well.
            is_even = share > _EVEN and lengths[0] > 1
            scores[delimiter] = (is_even, n_values if is_even else share)
    if scores:
        best = max(scores, key=lambda delimiter: scores[delimiter])
        # A tab may be in front of the last of aligned values only.
        if best == "\t" and all(map(_ALIGNED_NUMBERS.search, sample.split("\n")[1:3])):
            lines = split_lines(sample, LineForm(WHITESPACE, comment))
            if _is_even_table([line.values for line in lines], WHITESPACE):
                return WHITESPACE
        return best
    # Others also occur within texts, times and ratios.
    for delimiter in _RARER_DELIMITERS:
        lines = split_lines(sample, LineForm(delimiter, comment))
        if _is_even_table([line.values for line in lines], delimiter):
            return delimiter
    return ","


def find_usual_length(lengths: Iterable[int]) -> int:
    """How many values most lines have; the first one's number where two are as frequent."""
    counts = Counter(lengths)
    return counts.most_common(1)[0][0] if counts else 0


def _is_even_table(lines: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Whether lines have equally many values, and a column of numbers below its name.

    The names may be one fewer between spaces, as R writes them above names of rows.
    """
    if len(lines) < 2:
        return False
    n_values = len(lines[1])
    is_from_r = delimiter in (" ", WHITESPACE) and len(lines[0]) == n_values - 1 > 1
    if n_values < 2 or any(len(line) != n_values for line in lines[is_from_r:]):
        return False
    if any(not value.strip() for line in lines for value in line):
        return False
    return any(all(NUMBER.fullmatch(line[i]) for line in lines[1:]) for i in range(n_values))


@dataclass
class LineFacts:
    """Facts about a file's lines.

    Attributes:
        n_lines: How many lines there are; 0 before they are scanned.
        has_quoted_newlines: Whether a line ends within quotation marks, or may do so.
        has_blank_lines: Whether two line ends follow each other.
        may_end_quoted: Whether the number of quotation marks is odd.
        has_codes: Whether a value begins with 0 and goes on with digits, as 007 does.
    """

    n_lines: int = 0
    has_quoted_newlines: bool = False
    has_blank_lines: bool = False
    may_end_quoted: bool = False
    has_codes: bool = False


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
    length, facts.n_lines = 0, 1
    while block := file.read(SAMPLE_BYTES):
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        length = len(block) - 1 - end if end >= 0 else length + len(block)
        facts.n_lines += block.count(b"\n")
        check_line(length, facts.n_lines, dataset)
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
    facts.may_end_quoted = is_quoted
    return facts
