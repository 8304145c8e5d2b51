"""The delimiter of a text, and how its lines are split into values."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

WHITESPACE = "whitespace"
"""The delimiter of files that align values in columns with one or more spaces between them."""

UNIT = "\x1f"
"""What stands for a delimiter that is no single ASCII character, while lines are split."""

MOSTLY = 0.95
"""The share of lines from which on they are alike."""

NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s*")
"""A number, whatever its marks mean."""

# In this order where two divide the lines equally well: commas also occur within numbers.
DELIMITERS = ("\t", ";", "|", ",")
_RARER_DELIMITERS = ("^", "~", "\x01", UNIT, ":", " ", WHITESPACE)
_MARKS = re.compile(r"[^\w\s\"'`.,/()\[\]{}<>\\-]+|\xa0")
"""What divides the names of a file with a delimiter of its own: a#b, a::b."""

ALIGNED = re.compile(rb'"[^"]*"|\S+')
"""A value of a line that is aligned with spaces."""

_ALIGNED_NUMBERS = re.compile(r"\d {2,}[+\-.?\d]")
_SAMPLE_LINES = 500
_ESCAPED = re.compile(r'(?:^|[,;|\t])"[^"\r\n]*\\" ?[^"\s,;|^~\x01\x1f:]', re.MULTILINE)
"""A quoted value with a quotation mark that would end it, were it not for the backslash."""

_RULE = re.compile(rb"[ \t|+,;:=-]*[-=]{2}[ \t|+,;:=-]*\r?")
"""A line that only divides the names from the rows: |---|---|."""

_WRAPPED = re.compile(rb'[ \t]*"((?:[^"]|"")*)"[ \t]*\r?')
_OTHER_MARKS = ("''", "“”", "„“", "‘’")


@dataclass(frozen=True)
class Habits:
    """How lines differ from those that parsers of CSV take.

    Attributes:
        has_rules: Whether there are lines of dashes.
        are_wrapped: Whether quotation marks are around whole lines.
        has_escapes: Whether quotation marks within values are written as \\", not as "".
        marks: The mark before a value and the one behind it, if these are others than ".
        delimiter: The text between two values.
    """

    has_rules: bool = False
    are_wrapped: bool = False
    has_escapes: bool = False
    marks: str = ""
    delimiter: str = ","

    @cached_property
    def quoted(self) -> re.Pattern[bytes]:
        """Matches a value between ``marks``."""
        opening, closing = (re.escape(mark.encode()) for mark in self.marks)
        end = rb"(?=%b|\s*$)" % re.escape(self.delimiter.encode())
        return re.compile(
            rb"(?:^|(?<=%b))%b((?:(?!%b%b).)*)%b%b"
            % (re.escape(self.delimiter.encode()), opening, closing, end, closing, end)
        )

    def straighten(self, line: bytes) -> bytes:
        """Write a line as parsers of CSV take it."""
        if self.has_rules and _RULE.fullmatch(line):
            return b""
        if self.are_wrapped and (wrapped := _WRAPPED.fullmatch(line)):
            line = wrapped[1].replace(b'""', b'"')
        line = double_marks(line) if self.has_escapes else line
        if not self.marks:
            return line
        return self.quoted.sub(lambda found: b'"%b"' % found[1].replace(b"''", b"'"), line)

    @property
    def are_plain(self) -> bool:
        """Whether there are no differences."""
        return not (self.has_rules or self.are_wrapped or self.has_escapes or self.marks)

    def straighten_all(self, text: str) -> str:
        """Straighten every line."""
        if self.are_plain:
            return text
        return b"\n".join(map(self.straighten, text.encode().split(b"\n"))).decode()


@dataclass(frozen=True)
class Line:
    """A line's values, and the number of the file's line on which it ends."""

    values: list[str]
    end: int


def find_habits(body: str, delimiter: str | None) -> Habits:
    """Find the delimiter, and how lines differ from those that parsers of CSV take."""
    lines = [line for line in body.encode().split(b"\n")[:_SAMPLE_LINES] if line.strip()]
    rows = lines[1:]
    are_wrapped = 2 * sum(bool(_WRAPPED.fullmatch(line)) for line in rows) > len(rows)
    habits = Habits(any(map(_RULE.fullmatch, lines[:5])), are_wrapped)
    straight = habits.straighten_all(body)
    delimiter = delimiter or find_delimiter(straight)
    if are_wrapped:
        inner = split_lines(straight, delimiter)
        n_values = len(inner[0].values)
        n_alike = sum(len(line.values) == n_values for line in inner)
        if n_values < 2 or n_alike < MOSTLY * len(inner):
            habits = replace(habits, are_wrapped=False)
    may_have_escapes = '\\"' in body and delimiter not in (" ", WHITESPACE)
    has_escapes = may_have_escapes and _ESCAPED.search(body) is not None
    habits = replace(habits, has_escapes=has_escapes, delimiter=delimiter)
    for marks in () if '"' in body else _OTHER_MARKS:
        marked = replace(habits, marks=marks)
        n_marked = sum(bool(marked.quoted.search(row)) for row in rows) if marks[0] in body else 0
        if 2 * n_marked > len(rows):
            return marked
    return habits


def is_long(delimiter: str) -> bool:
    """Whether a delimiter is no single ASCII character, which parsers of CSV need."""
    return len(delimiter.encode()) > 1 and delimiter != WHITESPACE


def double_marks(line: bytes) -> bytes:
    """Write \\" as "" and \\\\ as \\, as readers of CSV expect quotation marks within values."""
    return re.sub(rb'\\(["\\])', lambda mark: b'""' if mark[1] == b'"' else mark[1], line)


def have_spaces(lines: Sequence[Line]) -> bool:
    """Whether most lines have a quoted value behind a space: 1, "red"."""
    spaced = [any(v[:1] == " " and v.strip()[:1] == '"' for v in line.values) for line in lines]
    return 2 * sum(spaced) > len(spaced)


def split_lines(
    sample: str, delimiter: str, n_above: int = 0, *, skips_spaces: bool = False
) -> list[Line]:
    """The first lines that are not blank, each split into its values."""
    lines: list[Line] = []
    text = io.StringIO(sample, newline="")
    if delimiter == WHITESPACE:
        numbered = enumerate(islice(text, _SAMPLE_LINES), n_above + 1)
        split = ((end, ALIGNED.findall(line.encode())) for end, line in numbered)
        return [Line([value.decode().strip('"') for value in values], end)
                for end, values in split if values]  # fmt: skip
    if is_long(delimiter):
        text, delimiter = io.StringIO(sample.replace(delimiter, UNIT), newline=""), UNIT
    reader = csv.reader(text, delimiter=delimiter, skipinitialspace=skips_spaces)
    # A quotation mark that is never closed ends the sample.
    with suppress(csv.Error):
        for values in reader:
            if values:
                lines.append(Line(values, reader.line_num + n_above))
            if len(lines) > _SAMPLE_LINES:
                break
    return lines


def find_delimiter(sample: str) -> str:
    """The delimiter that divides the lines most evenly; csv.Sniffer errs too often for that."""
    scores = {}
    for delimiter in DELIMITERS:
        lines = split_lines(sample, delimiter)
        n_values = find_usual_length(lines)
        if n_values > 1:
            even = sum(len(line.values) == n_values for line in lines) / len(lines)
            scores[delimiter] = (even > 0.8, n_values if even > 0.8 else even, even)
    if scores:
        best = max(scores, key=lambda delimiter: scores[delimiter])
        # A tab may be in front of the last of aligned values only.
        are_aligned = best == "\t" and all(map(_ALIGNED_NUMBERS.search, sample.split("\n")[1:3]))
        values = [line.values for line in split_lines(sample, WHITESPACE)] if are_aligned else []
        return WHITESPACE if len(values) > 1 and _is_even_table(values, WHITESPACE) else best
    names = sample.lstrip("\r\n").split("\n", 1)[0]
    for delimiter in dict.fromkeys([*_RARER_DELIMITERS, *_MARKS.findall(names)]):
        values = [line.values for line in split_lines(sample, delimiter)]
        if len(values) > 1 and _is_even_table(values, delimiter):
            return delimiter
    return ","


def find_usual_length(lines: Sequence[Line]) -> int:
    """How many values most lines have; the first one's number where two are as frequent."""
    lengths = Counter(len(line.values) for line in lines)
    return lengths.most_common(1)[0][0] if lengths else 0


def _is_even_table(lines: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Whether lines have equally many values, and a column of numbers below its name.

    The names may be one fewer between spaces, as R writes them above names of rows.
    """
    n_values = len(lines[1])
    is_from_r = delimiter in (" ", WHITESPACE) and len(lines[0]) == n_values - 1 > 1
    if n_values < 2 or any(len(line) != n_values for line in lines[is_from_r:]):
        return False
    if any(not value.strip() for line in lines for value in line):
        return False
    return any(all(NUMBER.fullmatch(line[i]) for line in lines[1:]) for i in range(n_values))
