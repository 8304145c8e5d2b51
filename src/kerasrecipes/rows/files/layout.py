"""How a delimited file is laid out, found from its start: lines to skip, delimiter, names."""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.schema import CsvSpec, DatasetSpec
from kerasrecipes.rows.cells import TOKENS
from kerasrecipes.rows.kinds.number import POINT_THOUSANDS
from kerasrecipes.rows.words import count, find_repeated, list_some

WHITESPACE = "whitespace"
"""The delimiter of files that align values in columns with one or more spaces between them."""

NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?\s*")
"""A number, whatever its marks mean."""

_UNIT = "\x1f"
"""What stands for a delimiter that is no single ASCII character, while lines are split."""

# In this order where two divide the lines equally well: commas also occur within numbers.
_DELIMITERS = ("\t", ";", "|", ",")
_RARER_DELIMITERS = ("^", "~", "\x01", _UNIT, "::", ":", " ", WHITESPACE)
_EVEN, _MOSTLY, _MOST_REPEATED = 0.8, 0.95, 0.1
_SAMPLE_LINES, _MOST_ABOVE, _FEWEST_POINTS = 500, 20, 5
_ALIGNED = re.compile(rb'"[^"]*"|\S+')
"""A value of a line that is aligned with spaces."""

_ALIGNED_NUMBERS = re.compile(r"\d {2,}[+\-.?\d]")
_FRACTION = re.compile(r"\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*")
_DIGIT = re.compile(r"\d")
_YEAR = re.compile(r"(18|19|20)\d\d")
_COMMA_FRACTION = re.compile(r"[+-]?(\d*|[1-9]\d{0,2}(\.\d{3})+),\d+([eE][+-]?\d+)?")
_COMMA_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_OTHER_FORMATS = {
    r"\s*<(!doctype|html|\?xml|table)": "HTML or XML. Download it again, or export it as CSV.",
    r'\s*(\{\s*"[^"]*"\s*:|\[\s*\{)': "JSON. Name it with the ending .json.",
}


class HeaderMissing(DataError):
    """The first line looks like a row instead of column names."""


@dataclass(frozen=True)
class LineForm:
    """How lines are written, and how they are rewritten for parsers of CSV.

    Attributes:
        comment: The beginning of comments; empty if there are none.
        has_escapes: Whether quotation marks within values are written as \\", not as "".
        has_spaces: Whether there are spaces between a delimiter and a quotation mark.
        names: A rewritten line of column names; wherever it stands, it becomes blank.
    """

    delimiter: str = ","
    comment: str = ""
    has_escapes: bool = False
    has_spaces: bool = False
    names: bytes | None = None

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

    def _rewrite(self, line: bytes) -> bytes:
        if self.comment:  # one that does not begin within quotation marks
            sign = re.escape(self.comment.encode())
            found = re.match(rb'((?:[^"%b]|"[^"]*")*)%b' % (sign, sign), line)
            line = found[1].rstrip() if found else line
        mark = self.delimiter.encode()
        if self.has_escapes:
            line = re.sub(rb'\\(["\\])', lambda mark: mark[1].replace(b'"', b'""'), line)
        if self.has_spaces:
            line = re.sub(re.escape(mark) + b' +"', mark + b'"', line)
        if self.delimiter == WHITESPACE:
            line = b"\t".join(_ALIGNED.findall(line))
        else:
            line = line.replace(mark, self.parsed.encode())
        return b"" if line.rstrip(b"\r").removeprefix(BOM_UTF8) == self.names else line


@dataclass(frozen=True)
class Layout:
    """How a delimited file is laid out.

    Attributes:
        names: The column names without white space around them.
        n_lines_above: How many lines are above the first row.
        note: Lines or names that were skipped or added, in words; empty if there are none.
    """

    names: tuple[str, ...]
    n_lines_above: int
    form: LineForm
    decimal: str = "."
    note: str = ""


def find_layout(
    sample: str, dataset_spec: DatasetSpec, dataset: str, wanted: Collection[str] | None = None
) -> Layout:
    """Find how a file is laid out, by its first lines; what the recipe's ``csv`` says wins.

    It raises DataError if the file is empty, or can be read in two ways.
    """
    for pattern, what in _OTHER_FORMATS.items():
        if re.match(pattern, sample, re.IGNORECASE):
            raise DataError(dataset, [f"the file must be delimited text, and is {what}"])
    spec, texts = dataset_spec.csv, [*io.StringIO(sample, newline="")]
    n_above, delimiter = spec.skip_rows, spec.delimiter
    head = texts[n_above].strip() if len(texts) > n_above else ""
    if match := re.fullmatch(r'"?sep=(.)"?', head):
        n_above, delimiter = n_above + 1, delimiter or match[1]
    if spec.comment is None:
        n_above += _count_comments(texts[n_above : n_above + _MOST_ABOVE])
    body = "".join(texts[n_above:])
    joined = re.sub(r"\A# +", "#", body)
    form = _find_form(joined, delimiter, spec.comment or "")
    if form.delimiter in (" ", WHITESPACE):  # NumPy writes names as "# a b".
        body = joined
    lines = _split_lines(body, form, n_above)
    if not lines or not body.strip():
        below = f" below line {n_above}" if n_above else ""
        problem = f"the file is empty{below}. It must open with a line of column names."
        raise DataError(dataset, [problem])
    known = list_known(dataset_spec, wanted)
    if isinstance(spec.header, list):  # Rows to predict may be without the target.
        header = [name for name in spec.header if name in known or name not in dataset_spec.targets]
        are_without = {*map(len, lines.values())} == {len(header)}
        spec = spec.model_copy(update={"header": header}) if are_without else spec
    layout = _find_names(lines, form, spec, dataset, known)
    problems = find_repeated(layout.names)
    decimal: str = spec.decimal or "."
    if not spec.decimal:
        rows = [values for end, values in lines.items() if end > layout.n_lines_above]
        decimal, problem, note = _find_decimal(rows, form.delimiter, spec.thousands)
        if wanted is None:  # A few rows to predict show less than those of training did.
            problems += [problem] if problem else []
            layout = replace(layout, note="; ".join(filter(None, (layout.note, note))))
    raise_problems(dataset, problems)
    return replace(layout, decimal=decimal)


def _count_comments(texts: Sequence[str]) -> int:
    """How many lines of comments the file begins with; a line of names may begin with # too."""
    n = next((i for i, text in enumerate(texts) if not text.startswith("#")), 0)
    if not n:
        return 0
    below = "".join(texts[n:])
    form = LineForm(_find_delimiter(below))
    names, row = (
        next(iter(_split_lines(text, form).values()), [])
        for text in (re.sub("^# +", "#", texts[n - 1]), below)
    )
    are_even = len(names) == len(row) > 1
    has_number = any(map(NUMBER.fullmatch, row))
    return n - (are_even and (has_number or not texts[n - 1].startswith("# ")))


def _split_lines(sample: str, form: LineForm, n_above: int = 0) -> dict[int, list[str]]:
    """The values of the first lines that are not blank, by the number of the line's end."""
    lines: dict[int, list[str]] = {}
    if not form.is_plain:
        sample = b"".join(form.rewrite_all([sample.encode()])).decode()
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=form.parsed)
    # A quotation mark that is never closed ends the sample.
    with suppress(csv.Error):
        for values in reader:
            if values:
                lines[reader.line_num + n_above] = values
            if len(lines) > _SAMPLE_LINES:
                break
    return lines


def _find_form(sample: str, delimiter: str | None, comment: str) -> LineForm:
    """Find how lines are written, the column names first; None finds the delimiter."""
    form = LineForm(delimiter or _find_delimiter(sample, comment), comment)
    if form.delimiter in (" ", WHITESPACE):
        return form
    # A quotation mark behind a backslash that would end the value, or would not where it must.
    mark = re.escape(form.delimiter)
    escaped = rf'(?:^|{mark}) *"[^"\r\n]*\\"(?: ?[^"\s{mark}]|"(?={mark}|[\r\n]))'
    has_escapes = re.search(escaped, sample, re.MULTILINE) is not None
    form = replace(form, has_escapes=has_escapes)
    lines = _split_lines(sample, form).values()
    spaced = [any(re.match(' +"', value) for value in values) for values in lines]
    return replace(form, has_spaces=2 * sum(spaced) > len(spaced))


def _find_delimiter(sample: str, comment: str = "") -> str:
    """The delimiter that divides the lines most evenly; csv.Sniffer errs too often for that."""
    scores = {}
    for delimiter in _DELIMITERS:
        lengths = [*map(len, _split_lines(sample, LineForm(delimiter, comment)).values())]
        n_values = _find_usual_length(lengths)
        if n_values > 1:
            share = lengths.count(n_values) / len(lengths)
            # Between 1,5 and 2,5 there may be a semicolon, which divides their names as well.
            is_even = share > _EVEN and lengths[0] > 1
            scores[delimiter] = (is_even, n_values if is_even else share)
    best = max(scores, key=lambda delimiter: scores[delimiter], default=",")
    rarer: Sequence[str] = () if scores else _RARER_DELIMITERS
    # A tab may be in front of the last of aligned values only.
    if best == "\t" and all(map(_ALIGNED_NUMBERS.search, sample.split("\n")[1:3])):
        rarer = [WHITESPACE]
    # Others also occur within texts, times and ratios.
    for delimiter in rarer:
        if _is_even_table(
            [*_split_lines(sample, LineForm(delimiter, comment)).values()], delimiter
        ):
            return delimiter
    return best


def _find_usual_length(lengths: Iterable[int]) -> int:
    """How many values most lines have; the first one's number where two are as frequent."""
    counts = Counter(lengths)
    return counts.most_common(1)[0][0] if counts else 0


def _is_even_table(lines: Sequence[Sequence[str]], delimiter: str) -> bool:
    """Whether lines have equally many values, and a column of numbers below its name.

    The names may be one fewer between spaces, as R writes them above names of rows.
    """
    names, *rows = lines or [[]]
    lengths = {len(row) for row in rows}
    if len(lengths) != 1 or (n_values := lengths.pop()) < 2:
        return False
    is_from_r = delimiter in (" ", WHITESPACE) and len(names) == n_values - 1 > 1
    if len(names) != n_values and not is_from_r:
        return False
    if any(not value.strip() for row in (names, *rows) for value in row):
        return False
    return any(all(NUMBER.fullmatch(row[i]) for row in rows) for i in range(n_values))


def _find_names(
    lines: Mapping[int, Sequence[str]], form: LineForm, spec: CsvSpec, dataset: str, known: set[str]
) -> Layout:
    """Find the column names, and where rows begin."""
    cells = [[value.strip() for value in values] for values in lines.values()]
    at = 0 if spec.header else find_header(cells)
    first, rows, end = cells[at], cells[at + 1 :], [*lines][at]
    n_values = _find_usual_length(map(len, rows or [first]))
    full = [row for row in rows if len(row) == n_values]
    agree = len(full) >= _MOSTLY * max(1, len(rows))
    is_known = bool(known & {*first})
    if isinstance(spec.header, list) or (spec.header == "none" and not is_known):
        by_place = [f"column {i}" for i in range(1, (n_values if agree else len(first)) + 1)]
        names = spec.header if isinstance(spec.header, list) else by_place
        # Rows to predict may have names, without the target or in another order.
        are_words = len({*first}) == len(first) and not any(map(NUMBER.fullmatch, first))
        if first == names or (are_words and {*first} <= {*names}):
            return Layout(tuple(first), end, form)
        return Layout(tuple(names), end - 1, form)
    note = f"the column names are in line {end}; what is above is skipped" if at else ""
    n_more = n_values - len(first)
    distinct = {row[0] for row in full}  # names of rows, as R writes them
    are_names = len(distinct) == len(full) > 1
    is_decimal = len(first) == 1 and all(map(NUMBER.fullmatch, distinct))  # 1,5 for 1.5
    if agree and n_more < 0 and not any(first[n_values:]):
        first = first[:n_values]
    elif agree and n_more > 0 and not any(value for row in full for value in row[len(first) :]):
        first += [""] * n_more
    elif agree and n_more == 1 and are_names and not is_decimal:
        first.insert(0, "")
        note = "the first value of each row has no column name; it is read as a name of the row"
    elif agree and n_more:
        problem = (
            f"line {end} must name the columns: it has {count(len(first), 'value')} "
            f"({list_some(first)}), and the rows below have {n_values}. Correct it, or write "
            "dataset.csv.header: [a, b, …] or skip_rows: 1. Values that contain "
            f"'{form.delimiter}' must be in quotation marks."
        )
        raise DataError(dataset, [problem])
    elif not is_known and spec.header is None and is_row(first, rows):
        problem = (
            f"line {end} must name the columns, and it looks like a row (received: "
            f"{list_some(first)}). Write dataset.csv.header: [a, b, …] to name them, header: none "
            "to call them column 1, column 2, …, or header: first if these are their names."
        )
        raise HeaderMissing(dataset, [problem])
    filled, more = fill_names(first)
    return Layout(filled, end, form, note="; ".join(filter(None, (note, more))))


def list_known(spec: DatasetSpec, wanted: Collection[str] | None) -> set[str]:
    """The columns that will be read, or that a recipe names."""
    return {*(wanted or [*spec.targets, *spec.features, *spec.drop])}


def find_header(rows: Sequence[Sequence[str]]) -> int:
    """Which of the first rows names the columns; those above it are titles.

    Where the first row is shorter than most, it is a row of words that are above numbers.
    """
    lengths = [max((i for i, value in enumerate(row, 1) if value), default=0) for row in rows]
    usual = _find_usual_length(filter(None, lengths))
    first = next((i for i, length in enumerate(lengths) if length), 0)
    if not lengths or lengths[first] >= usual:
        return first
    places = range(first + 1, min(_MOST_ABOVE, len(rows)))
    return next((i for i in places if lengths[i] >= usual and _are_names(rows[i:])), first)


def _are_names(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row has words and years only, and a column below it only numbers."""
    first, *below = rows
    words = [name for name in first if name and not _YEAR.fullmatch(name)]
    if any(name in TOKENS or NUMBER.fullmatch(name) for name in words):
        return False
    for i in range(len(first)):
        values = [row[i] for row in below if i < len(row) and row != first]  # repeated names
        known = [value for value in values if value not in TOKENS]
        if known and all(map(NUMBER.fullmatch, known)):
            return True
    return False


def fill_names(names: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Names that differ, as pandas makes them, and a note of those that occur twice.

    A blank one is called "Unnamed: 0" by its place, and a second "a" is called "a.1".
    """
    given, filled, numbers = {*names}, dict[str, str](), Counter[str]()
    for i, name in enumerate(names):
        new = first = name or f"Unnamed: {i}"
        # A table that pandas wrote with its index, read and wrote again has "Unnamed: 0" already.
        while new in filled or (new != name and new in given):
            numbers[first] += 1
            new = f"{first}.{numbers[first]}"
        filled[new] = name
    added = [new for new, name in filled.items() if name and new != name]
    note = f"column names must differ, so repeated ones are called {list_some(added)}"
    return tuple(filled), note if added else ""


def is_row(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row contains values of its columns instead of their names."""
    if any(map(_FRACTION.fullmatch, names)):
        return True
    rows = [row for row in rows if len(row) == len(names)]
    others = [row for row in rows if [*row] != [*names]]
    if len(rows) - len(others) <= _MOST_REPEATED * len(rows):  # names, in files put together
        rows = others
    if len(rows) < 2 or _are_counted(names, rows):
        return False
    fits = [_is_value(name, [row[i] for row in rows]) for i, name in enumerate(names)]
    return False not in fits and 2 * fits.count(True) > len(names)


def _are_counted(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether names are 0, 1, 2, …, or have years, 1990, 1995, …, with other numbers below."""
    places = [i for i, name in enumerate(names) if name.isdecimal()]
    numbers = [int(names[i]) for i in places]
    if len(numbers) < 2 or numbers != sorted({*numbers}):
        return False
    n_rows_of_years = sum(all(_YEAR.fullmatch(row[i]) for i in places) for row in rows)
    are_years = all(_YEAR.fullmatch(names[i]) for i in places) and 2 * n_rows_of_years < len(rows)
    return are_years or numbers == [*range(numbers[0], numbers[0] + len(names))]


def _is_value(name: str, values: Sequence[str]) -> bool | None:
    """Whether a name is one of its column's values; None where it cannot be known."""
    values = [value for value in values if value not in TOKENS]
    if not values or name in TOKENS:
        return None
    if sum(map(bool, map(NUMBER.fullmatch, values))) >= _MOSTLY * len(values):
        return bool(NUMBER.fullmatch(name))
    forms = {_DIGIT.sub("0", value) for value in (name, *values)}
    if len(forms) == 1 and forms != {name}:  # dates or codes
        return True
    return True if name in values and 2 * len({*values}) <= len(values) else None


def _find_decimal(
    rows: Sequence[Sequence[str]], delimiter: str, thousands: str | None
) -> tuple[str, str, str]:
    """The decimal mark, a problem where two are possible, and a note where one is unlikely."""
    if delimiter == "," or thousands in (",", "."):
        return "," if thousands == "." and delimiter != "," else ".", "", ""
    values = [value.strip() for row in rows for value in row]
    points = list(filter(_FRACTION.fullmatch, values))
    n_grouped = len([*filter(POINT_THOUSANDS.fullmatch, values)])
    commas = list(filter(_COMMA_FRACTION.fullmatch, values))
    are_thousands = all(map(_COMMA_THOUSANDS.fullmatch, commas))
    if commas and not are_thousands and (len(commas) > len(points) or len(points) == n_grouped):
        return ",", "", ""
    if len(commas) > len(points):
        example = commas[0]
        problem = (
            f"csv.decimal: numbers such as {example} can be read in two ways. Set "
            f"dataset.csv.decimal: ',' if {example.replace(',', '.')} is meant, or "
            f"dataset.csv.thousands: ',' if {example.replace(',', '')} is meant."
        )
        return ",", problem, ""
    note = ""
    if thousands is None and n_grouped == len(points) >= _FEWEST_POINTS:
        note = (
            f"numbers such as {points[0]} are read as fractions; if {points[0].replace('.', '')} "
            "is meant, write csv: {thousands: .}"
        )
    return ".", "", note
