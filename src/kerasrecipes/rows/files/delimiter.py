"""The delimiter of a text, and how its lines are split into values."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

WHITESPACE = "whitespace"
"""The delimiter of files that align values in columns with one or more spaces between them."""

_UNIT = "\x1f"
"""What stands for a delimiter that is no single ASCII character, while lines are split."""

MOSTLY = 0.95
"""The share of lines from which on they are alike."""

NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s*")
"""A number, whatever its marks mean."""

# In this order where two divide the lines equally well: commas also occur within numbers.
DELIMITERS = ("\t", ";", "|", ",")
_RARER_DELIMITERS = ("^", "~", "\x01", _UNIT, ":", " ", WHITESPACE)
_MARKS = re.compile(r"[^\w\s\"'`.,/()\[\]{}<>\\-]+|\xa0")
"""What divides the names of a file with a delimiter of its own: a#b, a::b."""

_ALIGNED = re.compile(rb'"[^"]*"|\S+')
"""A value of a line that is aligned with spaces."""

_ALIGNED_NUMBERS = re.compile(r"\d {2,}[+\-.?\d]")
_SAMPLE_LINES = 500
_ESCAPED = re.compile(r'(?:^|[,;|\t])"[^"\r\n]*\\" ?[^"\s,;|^~\x01\x1f:]', re.MULTILINE)
"""A quoted value with a quotation mark that would end it, were it not for the backslash."""

_RULE = re.compile(rb"[ \t|+,;:=-]*[-=]{3}[ \t|+,;:=-]*\r?")
"""A line that only divides the names from the rows: |---|---|; -- may stand for missing."""

_WRAPPED = re.compile(rb'[ \t]*"((?:[^"]|"")*)"[ \t]*\r?')
_OTHER_MARKS = ("''", "“”", "„“", "‘’")


@dataclass(frozen=True)
class LineForm:
    """How lines are written, and how they are rewritten for parsers of CSV.

    Attributes:
        delimiter: The text between two values.
        comment: The beginning of comments; empty if there are none.
        has_rules: Whether there are lines of dashes.
        are_wrapped: Whether quotation marks are around whole lines.
        has_escapes: Whether quotation marks within values are written as \\", not as "".
        has_spaces: Whether there are spaces between a delimiter and a quotation mark.
        marks: The mark before a value and the one behind it, if these are others than ".
    """

    delimiter: str = ","
    comment: str = ""
    has_rules: bool = False
    are_wrapped: bool = False
    has_escapes: bool = False
    has_spaces: bool = False
    marks: str = ""

    @cached_property
    def parsed(self) -> str:
        """The delimiter of rewritten lines: parsers of CSV need a single ASCII character."""
        if self.delimiter == WHITESPACE:
            return "\t"
        return self.delimiter if len(self.delimiter.encode()) == 1 else _UNIT

    @cached_property
    def is_plain(self) -> bool:
        """Whether lines stay as they are."""
        return self == LineForm(self.parsed)

    @cached_property
    def quoted(self) -> re.Pattern[bytes]:
        """Matches a value between ``marks``."""
        opening, closing = (re.escape(mark.encode()) for mark in self.marks)
        between = re.escape(self.delimiter.encode())
        end = rb"(?=%b|\s*$)" % between
        return re.compile(
            rb"(?:^|(?<=%b))%b((?:(?!%b%b).)*)%b%b" % (between, opening, closing, end, closing, end)
        )

    def rewrite_all(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Rewrite the lines of a file's bytes."""
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            yield b"".join(self.rewrite(line) + b"\n" for line in lines)
        if rest:
            yield self.rewrite(rest)

    def rewrite(self, line: bytes) -> bytes:
        """Rewrite a line; a comment or a line of dashes becomes an empty line."""
        if self.has_rules and _RULE.fullmatch(line):
            return b""
        if self.are_wrapped and (wrapped := _WRAPPED.fullmatch(line)):
            line = wrapped[1].replace(b'""', b'"')
        line = _double_marks(line) if self.has_escapes else line
        if self.marks:
            line = self.quoted.sub(lambda found: b'"%b"' % found[1].replace(b"''", b"'"), line)
        line = self._cut_comment(line) if self.comment else line
        if self.delimiter == WHITESPACE:
            return b"\t".join(_ALIGNED.findall(line))
        mark = self.delimiter.encode()
        if self.has_spaces:
            line = re.sub(re.escape(mark) + b' +"', mark + b'"', line)
        return line if self.parsed == self.delimiter else line.replace(mark, self.parsed.encode())

    def _cut_comment(self, line: bytes) -> bytes:
        comment = self.comment.encode()
        place = line.find(comment)
        while line.count(b'"', 0, max(place, 0)) % 2:  # it is within quotation marks
            place = line.find(comment, place + 1)
        return line if place < 0 else line[:place].rstrip()


@dataclass(frozen=True)
class Line:
    """A line's values, and the number of the file's line on which it ends."""

    values: list[str]
    end: int


def find_form(body: str, delimiter: str | None, comment: str = "") -> LineForm:
    """Find how lines are written.

    Args:
        body: Whole lines, the column names first.
        delimiter: The one that the recipe names; None finds it.
        comment: The beginning of comments; empty if there are none.
    """
    lines = [line for line in body.encode().split(b"\n")[:_SAMPLE_LINES] if line.strip()]
    rows = lines[1:]
    are_wrapped = 2 * sum(bool(_WRAPPED.fullmatch(line)) for line in rows) > len(rows)
    form = LineForm(",", comment, any(map(_RULE.fullmatch, lines[:5])), are_wrapped)
    straight = body if form.is_plain else b"".join(form.rewrite_all([body.encode()])).decode()
    form = replace(form, delimiter=delimiter or find_delimiter(straight))
    if are_wrapped:
        lengths = [len(line.values) for line in split_lines(body, form)]
        n_values = lengths[0] if lengths else 0
        are_wrapped = n_values > 1 and lengths.count(n_values) >= MOSTLY * len(lengths)
        form = replace(form, are_wrapped=are_wrapped)
    may_have_escapes = '\\"' in body and form.delimiter not in (" ", WHITESPACE)
    form = replace(form, has_escapes=may_have_escapes and _ESCAPED.search(body) is not None)
    for marks in () if '"' in body else _OTHER_MARKS:
        marked = replace(form, marks=marks)
        n_marked = sum(bool(marked.quoted.search(row)) for row in rows) if marks[0] in body else 0
        if 2 * n_marked > len(rows):
            return marked
    values = [line.values for line in split_lines(body, form)]
    spaced = [any(v[:1] == " " and v.strip()[:1] == '"' for v in each) for each in values]
    return replace(form, has_spaces=2 * sum(spaced) > len(spaced))


def _double_marks(line: bytes) -> bytes:
    """Write \\" as "" and \\\\ as \\, as readers of CSV expect quotation marks within values."""
    return re.sub(rb'\\(["\\])', lambda mark: b'""' if mark[1] == b'"' else mark[1], line)


def split_lines(sample: str, form: LineForm, n_above: int = 0) -> list[Line]:
    """The first lines that are not blank, each split into its values."""
    lines: list[Line] = []
    texts: Iterable[str] = io.StringIO(sample, newline="")
    if not form.is_plain:
        lines_as_bytes = (text.rstrip("\r\n").encode() for text in texts)
        texts = (f"{form.rewrite(line).decode()}\n" for line in lines_as_bytes)
    reader = csv.reader(texts, delimiter=form.parsed)
    # A quotation mark that is never closed ends the sample.
    with suppress(csv.Error):
        for values in reader:
            if values:
                lines.append(Line(values, reader.line_num + n_above))
            if len(lines) > _SAMPLE_LINES:
                break
    return lines


def split_values(sample: str, delimiter: str) -> list[list[str]]:
    """The values of the first lines that are not blank."""
    return [line.values for line in split_lines(sample, LineForm(delimiter))]


def find_delimiter(sample: str) -> str:
    """The delimiter that divides the lines most evenly; csv.Sniffer errs too often for that."""
    scores = {}
    for delimiter in DELIMITERS:
        lines = split_values(sample, delimiter)
        n_values = find_usual_length(lines)
        if n_values > 1:
            even = sum(len(values) == n_values for values in lines) / len(lines)
            # Between 1,5 and 2,5 there may be a semicolon, which divides their names as well.
            divides_names = even > 0.8 and len(lines[0]) > 1
            scores[delimiter] = (even > 0.8, divides_names, n_values if even > 0.8 else even, even)
    if scores:
        best = max(scores, key=lambda delimiter: scores[delimiter])
        # A tab may be in front of the last of aligned values only.
        are_aligned = best == "\t" and all(map(_ALIGNED_NUMBERS.search, sample.split("\n")[1:3]))
        is_padded = are_aligned and _is_even_table(split_values(sample, WHITESPACE), WHITESPACE)
        return WHITESPACE if is_padded else best
    names = sample.lstrip("\r\n").split("\n", 1)[0]
    choices = dict.fromkeys([*_RARER_DELIMITERS, *_MARKS.findall(names)])
    fitting = (each for each in choices if _is_even_table(split_values(sample, each), each))
    return next(fitting, ",")


def find_usual_length(lines: Iterable[Sequence[str]]) -> int:
    """How many values most lines have; the first one's number where two are as frequent."""
    lengths = Counter(map(len, lines))
    return lengths.most_common(1)[0][0] if lengths else 0


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
