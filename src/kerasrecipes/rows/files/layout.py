"""How a delimited file is laid out, found from its start: lines to skip, delimiter, names."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.schema import CsvSpec
from kerasrecipes.rows.cells import TOKENS
from kerasrecipes.rows.files.delimiter import (
    MOSTLY,
    NUMBER,
    WHITESPACE,
    Line,
    LineForm,
    find_delimiter,
    find_form,
    find_usual_length,
    split_lines,
    split_values,
)
from kerasrecipes.rows.kinds.date_formats import read_in_formats
from kerasrecipes.rows.words import count, find_repeated, list_some

SAMPLE_BYTES = 1 << 20
_MOST_ABOVE = 20
_FEWEST_POINTS = 5
_MOST_REPEATED = 0.1
_FRACTION = re.compile(r"\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*")
_YEAR = re.compile(r"(18|19|20)\d\d")
_POINT_NUMBER = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_COMMA_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_POINT_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_POINT_THOUSANDS_AND_FRACTION = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+")


class HeaderMissing(DataError):
    """The first line looks like a row instead of column names."""


@dataclass(frozen=True)
class Layout:
    """How a delimited file is laid out.

    Attributes:
        names: The column names without white space around them; one that is blank is "Unnamed: 0",
            as pandas calls it, by its place.
        n_lines_above: How many lines are above the first row.
        form: How the lines are written.
        decimal: The mark before the fraction of a number.
        note: Lines or names that were skipped or added, in words; empty if there are none.
    """

    names: tuple[str, ...]
    n_lines_above: int
    form: LineForm
    decimal: str = "."
    note: str = ""


def find_layout(
    sample: str,
    spec: CsvSpec,
    dataset: str,
    wanted: Collection[str] | None = None,
    known: Collection[str] = (),
) -> Layout:
    """Find how a file is laid out.

    Args:
        sample: The file's first lines, whole.
        spec: The recipe's ``csv``, which wins.
        dataset: The data set's name, for messages.
        wanted: The columns that will be read; None means all.
        known: Columns that the recipe names.

    Raises:
        DataError: The file is empty, or its first lines can be read in two ways.
    """
    if what := _find_other_format(sample):
        raise DataError(dataset, [f"the file must be delimited text, and is {what}"])
    texts = [*io.StringIO(sample, newline="")]
    n_above, delimiter = spec.skip_rows, spec.delimiter
    if wanted and n_above and _has_names(texts, n_above, delimiter, wanted):
        n_above = 0  # Rows to predict may come without the lines that training's file had on top.
    head = texts[n_above].strip().strip('"') if len(texts) > n_above else ""
    if match := re.fullmatch(r"sep=(.)", head):
        n_above, delimiter = n_above + 1, delimiter or match[1]
    if spec.comment is None:
        n_above += _count_comments(texts[n_above : n_above + _MOST_ABOVE])
    body = _join_number_sign("".join(texts[n_above:]))
    form = find_form(body, delimiter, spec.comment or "")
    lines = split_lines(body, form, n_above)
    if not lines or not body.strip():
        problem = "the file is empty. It must open with a line of column names."
        if sample.strip() and spec.skip_rows:
            below = f"there is nothing below the first {spec.skip_rows} lines"
            problem = f"csv.skip_rows: {below}. Correct it."
        raise DataError(dataset, [problem])
    n_titles = 0 if spec.header else _count_titles(lines, wanted or known)
    layout = _find_names(lines[n_titles:], form, spec, dataset, wanted or known)
    if n_titles:
        layout = replace(layout, note=_describe_titles(lines[n_titles].end - 1))
    hint = "If the first line is no line of names, set dataset.csv.skip_rows: 1, or header: none."
    problems = [f"{text} {hint}" for text in find_repeated(layout.names, wanted)]
    decimal: str = spec.decimal or "."
    if not spec.decimal:
        rows = [line.values for line in lines if line.end > layout.n_lines_above]
        decimal, problem, note = _find_decimal(rows, form.delimiter, spec.thousands)
        if wanted is None:  # A few rows to predict show less than those of training did.
            problems += [problem] if problem else []
            layout = replace(layout, note="; ".join(filter(None, (layout.note, note))))
    raise_problems(dataset, problems)
    return replace(layout, decimal=decimal)


def _has_names(
    texts: Sequence[str], n_above: int, delimiter: str | None, wanted: Collection[str]
) -> bool:
    """Whether the first line names most of the columns that will be read."""
    delimiter = delimiter or find_delimiter("".join(texts[n_above:]) or texts[0])
    names = {value.strip() for values in split_values(texts[0], delimiter) for value in values}
    return 2 * len(names & {*wanted}) > len({*wanted})


def _find_other_format(sample: str) -> str:
    """Which other kind of text a file is; empty for delimited text."""
    if re.match(r"\s*<(!doctype|html|\?xml|table)", sample, re.IGNORECASE):
        return "HTML or XML. Download it again, or export it as CSV."
    if sample.startswith("version https://git-lfs"):
        return "a pointer of Git LFS, not the data. Download them with: git lfs pull."
    if re.match(r'\s*\{\s*"[^"]*"\s*:', sample):
        return "JSON lines. Name it with the ending .jsonl."
    if re.match(r"\s*\[\s*\{", sample):
        return "a JSON array. Name it with the ending .json."
    return ""


def _count_comments(texts: Sequence[str]) -> int:
    """How many lines of comments the file begins with; a line of names may begin with # too."""
    n = next((i for i, text in enumerate(texts) if not text.startswith("#")), 0)
    if not n:
        return 0
    delimiter = find_delimiter("".join(texts[n:]))
    body = _join_number_sign("".join(texts[n - 1 :]))
    lines = split_values(body, delimiter)[:2]
    is_last_names = len(lines) == 2 and len(lines[0]) == len(lines[1]) > 1
    has_number = any(NUMBER.fullmatch(value) for value in lines[-1])
    is_last_names &= has_number or not texts[n - 1].startswith("# ")
    return n - is_last_names


def _join_number_sign(text: str) -> str:
    """Write names "# a b" as "#a b" where spaces divide the rows, as NumPy writes them."""
    joined = re.sub(r"\A# +", "#", text)
    is_changed = joined != text and find_delimiter(joined) in (" ", WHITESPACE)
    return joined if is_changed else text


def _find_names(
    lines: Sequence[Line], form: LineForm, spec: CsvSpec, dataset: str, known: Collection[str]
) -> Layout:
    """Find the column names, and where rows begin."""
    first, rows = [value.strip() for value in lines[0].values], lines[1:]
    n_values = find_usual_length(line.values for line in rows or lines)
    start = next(i for i, line in enumerate(lines) if len(line.values) == n_values)
    table = rows if start > _MOST_ABOVE else lines[max(1, start) :]
    agree = sum(len(line.values) == n_values for line in table) >= MOSTLY * max(1, len(table))
    usual = Layout(_fill_names(first), lines[0].end, form)
    is_known = bool({*first} & {*known})
    if isinstance(spec.header, list) or (spec.header == "none" and not is_known):
        n_names = n_values if agree else len(first)
        by_place = [f"column {i}" for i in range(1, n_names + 1)]
        names = tuple(spec.header if isinstance(spec.header, list) else by_place)
        # Rows to predict may have names, without the target or in another order.
        are_words = len({*first}) == len(first) and not any(map(NUMBER.fullmatch, first))
        if tuple(first) == names or (are_words and {*first} <= {*names}):
            return usual
        if agree and len(names) != n_values:
            problem = (
                f"csv.header: there must be a name for each column (received: "
                f"{count(len(names), 'name')}, and rows of {n_values} values). Correct it."
            )
            raise DataError(dataset, [problem])
        return replace(usual, names=names, n_lines_above=lines[0].end - 1)
    full = [line.values for line in rows if len(line.values) == n_values]
    n_more = n_values - len(first)
    are_blank = not any(value.strip() for row in full for value in row[len(first) :])
    is_short = n_more == 1 and start == 1 and len({row[0] for row in full}) == len(full)
    is_named = spec.header is not None or is_known
    if agree and n_more < 0 and not any(first[n_values:]):
        return replace(usual, names=usual.names[:n_values])
    if agree and n_more > 0 and start == 1 and are_blank:
        return replace(usual, names=_fill_names([*first, *[""] * n_more]))
    if not agree or len(first) == n_values or len(rows) < 2:
        if not is_named and is_row(first, [line.values for line in rows]):
            raise HeaderMissing(dataset, [_describe_row(first)])
        # A spreadsheet's titles, filled up with delimiters.
        is_title = not is_named and agree and n_values > 2 and 2 * sum(map(bool, first)) <= n_values
        places = range(min(_MOST_ABOVE, len(lines))) if is_title else ()
        place = next((i for i in places if _are_names(lines[i:])), 0)
        return _skip_titles(lines[place], form) if place else usual
    if is_short and not _is_title(lines):
        note = "the first value of each row has no column name; it is read as a name of the row"
        return replace(usual, names=_fill_names(["", *first]), note=note)
    if 0 < start <= _MOST_ABOVE and _may_be_names(lines[start].values) and lines[start + 1 :]:
        return _skip_titles(lines[start], form)
    problem = (
        f"line {lines[0].end} must name the columns: it has {count(len(first), 'value')} "
        f"({list_some(first)}), and the rows below have {n_values}. Correct this line, name the "
        "columns in dataset.csv.header: [a, b, …], or skip lines with dataset.csv.skip_rows."
        + f" Values that contain '{form.delimiter}' must be in quotation marks."
        * (n_more > 0)
    )
    raise DataError(dataset, [problem])


def _skip_titles(line: Line, form: LineForm) -> Layout:
    note = _describe_titles(line.end - 1)
    return Layout(_fill_names(line.values), line.end, form, note=note)


def _describe_titles(n: int) -> str:
    return f"{count(n, 'line')} above the column names {'is' if n == 1 else 'are'} skipped"


def _count_titles(lines: Sequence[Line], known: Collection[str]) -> int:
    """How many lines without numbers are above one that names most of the known columns."""
    rows = [[value.strip() for value in line.values] for line in lines]
    for i, row in enumerate(rows[:_MOST_ABOVE]):
        named = {*row} & {*known}
        if 2 * len(named) > len({*known}):
            # A class that is given in place of its column recurs below.
            return 0 if any(named & {*below} for below in rows[i + 1 :]) else i
        if sum(bool(NUMBER.fullmatch(value)) for value in row) > 1:
            break
    return 0


def _is_title(lines: Sequence[Line]) -> bool:
    """Whether the first line, which is one value short, is no line of names above R's row names."""
    if _are_names(lines[1:]):
        return True
    # Numbers of rows, or the whole part of numbers with a decimal comma.
    is_single = len(lines[0].values) == 1
    return is_single and all(NUMBER.fullmatch(line.values[0]) for line in lines[1:])


def _are_names(lines: Sequence[Line]) -> bool:
    """Whether the first line has no number, and a column below it has nothing else."""
    first, *rows = [line.values for line in lines]
    columns = zip(*(row for row in rows if len(row) == len(first) and row != first), strict=True)
    return _may_be_names(first) and any(all(map(NUMBER.fullmatch, one)) for one in columns)


def _may_be_names(values: Sequence[str]) -> bool:
    return all(value.strip() for value in values) and not any(map(NUMBER.fullmatch, values))


def _fill_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names without white space around them, and some for those that are blank."""
    filled = [name.strip() for name in names]
    for i, name in enumerate(filled):
        # A table that pandas wrote with its index, read and wrote again has "Unnamed: 0" already.
        new = f"Unnamed: {i}"
        filled[i] = name or (new if new not in filled else f"{new}.1")
    return tuple(filled)


def is_unnamed(name: str) -> bool:
    """Whether a column's name was made for a blank one."""
    return name.startswith("Unnamed: ")


def is_row(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line contains values of its columns instead of their names."""
    rows = [row for row in rows if len(row) == len(names)]
    others = [row for row in rows if [value.strip() for value in row] != [*names]]
    if _MOST_REPEATED * len(rows) >= len(rows) - len(others):  # names, in files put together
        rows = others
    if any(map(_FRACTION.fullmatch, names)):
        return True
    if len(rows) < 2 or _are_consecutive(names) or _are_years(names, rows):
        return False
    fits = [_is_value(name, [row[i].strip() for row in rows]) for i, name in enumerate(names)]
    return False not in fits and 2 * fits.count(True) > len(names)


def _are_consecutive(names: Sequence[str]) -> bool:
    """Whether names count 0, 1, 2, …: what a table of numbers alone is called."""
    if not all(name.isdecimal() for name in names):
        return False
    numbers = [int(name) for name in names]
    return numbers == [*range(numbers[0], numbers[0] + len(numbers))]


def _are_years(names: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether names are words and then years, 1990, 1995, …, with other numbers below them."""
    places = [i for i, name in enumerate(names) if name.isdecimal()]
    years = [int(names[i]) for i in places]
    if len(years) < 2 or years != sorted({*years}):
        return False
    is_named, *below = (
        all(_YEAR.fullmatch(line[i].strip()) for i in places) for line in (names, *rows)
    )
    return is_named and 2 * sum(below) < len(below)


def _is_value(name: str, values: Sequence[str]) -> bool | None:
    """Whether a name is one of its column's values; None where it cannot be spec."""
    values = [value for value in values if value not in TOKENS]
    if not values or name in TOKENS:
        return None
    n_numbers = sum(bool(NUMBER.fullmatch(value)) for value in values)
    if n_numbers >= MOSTLY * len(values):
        return bool(NUMBER.fullmatch(name))
    if any(char.isdigit() for char in name) and _is_like_dates(name, values):
        return True
    n_distinct = len({*values})
    if name in values:
        return 2 * n_distinct <= len(values) or None
    return False if n_distinct <= 2 else None


def _is_like_dates(name: str, values: Sequence[str]) -> bool:
    usual = [reading.date_format for reading in read_in_formats(values[:50])]
    return any(reading.date_format in usual for reading in read_in_formats([name]))


def _describe_row(names: Sequence[str]) -> str:
    return (
        f"the first line must name the columns, and it looks like a row (received: "
        f"{list_some(names)}). Write dataset.csv.header: none to name the columns column 1, "
        "column 2, …, header: [a, b, …] to name them yourself, or header: first if these are their "
        "names."
    )


def _find_decimal(
    rows: Sequence[Sequence[str]], delimiter: str, thousands: str | None
) -> tuple[str, str, str]:
    """The decimal mark, a problem where two are possible, and a note where one is unlikely."""
    if delimiter == "," or thousands in (",", "."):
        return "," if thousands == "." and delimiter != "," else ".", "", ""
    values = [value.strip() for row in rows for value in row]
    commas = [value for value in values if _COMMA_NUMBER.fullmatch(value)]
    points = [value for value in values if _POINT_NUMBER.fullmatch(value)]
    n_grouped = sum(bool(_POINT_THOUSANDS.fullmatch(value)) for value in values)
    commas += [value for value in values if _POINT_THOUSANDS_AND_FRACTION.fullmatch(value)]
    n_fractions = sum(not _COMMA_THOUSANDS.fullmatch(value) for value in commas)
    if n_fractions and (len(commas) > len(points) or len(points) == n_grouped):
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
    if (
        thousands is None
        and len(points) >= _FEWEST_POINTS
        and all(map(_POINT_THOUSANDS.fullmatch, points))
    ):
        note = (
            f"numbers such as {points[0]} are read as fractions; if {points[0].replace('.', '')} "
            "is meant, write csv: {thousands: .}"
        )
    return ".", "", note
