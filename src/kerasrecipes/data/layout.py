"""How a delimited file is laid out, found from its start: delimiter, decimal mark, column names."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import CsvSpec

SAMPLE_BYTES = 1 << 20

# In this order where two divide the lines equally well: commas also stand within numbers.
DELIMITERS = ("\t", ";", "|", ",")

_SAMPLE_LINES = 500
_NAMES_SHOWN = 5
_FRACTION = re.compile(r"\s*[+-]?\d*\.\d+([eE][+-]?\d+)?\s*")
_POINT_NUMBER = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Layout:
    """How a delimited file is laid out.

    Attributes:
        raw_names: The column names as they stand in the file.
        names: The same without white space around them; one that is blank is "Unnamed: 0", as
            pandas calls it, by its place.
        delimiter: What stands between two values.
        decimal: What stands before the fraction of a number.
    """

    raw_names: tuple[str, ...]
    names: tuple[str, ...]
    delimiter: str
    decimal: str


def find_layout(
    sample: str,
    told: CsvSpec,
    dataset: str,
    wanted: Collection[str] | None = None,
    target: Collection[str] = (),
) -> Layout:
    """Find how a file is laid out.

    Args:
        sample: The file's first lines, whole.
        told: What the recipe says about it, which wins.
        dataset: The data set's name, for messages.
        wanted: The columns that will be read; None means all.
        target: The columns to be predicted, which the file may have.

    Raises:
        DataError: The file is empty, or does not open with a line of different column names, or
            its numbers can be read in two ways.
    """
    delimiter = told.delimiter or _find_delimiter(sample)
    lines = _split(sample, delimiter)
    if not lines:
        raise DataError(dataset, ["the file is empty. It must open with a line of column names."])
    raw = tuple(lines[0])
    names = tuple(name.strip() or f"Unnamed: {i}" for i, name in enumerate(raw))
    problems = _check_names(names, wanted, {*(wanted or ()), *target})
    if told.decimal:
        return _finish(dataset, problems, Layout(raw, names, delimiter, told.decimal))
    decimal, problem = _find_decimal(lines[1:], delimiter)
    problems += [problem] if problem else []
    return _finish(dataset, problems, Layout(raw, names, delimiter, decimal))


def _finish(dataset: str, problems: Sequence[str], layout: Layout) -> Layout:
    if problems:
        raise DataError(dataset, problems)
    return layout


def _find_delimiter(sample: str) -> str:
    """The delimiter that divides the lines most evenly; csv.Sniffer errs too often for that."""
    scores = {}
    for delimiter in DELIMITERS:
        lines = _split(sample, delimiter)
        n_names = len(lines[0]) if lines else 0
        if n_names > 1:
            even = sum(len(line) == n_names for line in lines) / len(lines)
            scores[delimiter] = (even > 0.8, n_names if even > 0.8 else even, even)
    return max(scores, key=lambda delimiter: scores[delimiter], default=",")


def _split(sample: str, delimiter: str) -> list[list[str]]:
    lines: list[list[str]] = []
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        for line in reader:
            if line:
                lines.append(line)
            if len(lines) > _SAMPLE_LINES:
                break
    except csv.Error:  # a quotation mark that is never closed: what came before it must do
        pass
    return lines


def _check_names(
    names: Sequence[str], wanted: Collection[str] | None, known: Collection[str]
) -> list[str]:
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    # A column may be called 0.5: among names that are known, it is a name.
    if not {*known} & {*names} and any(_FRACTION.fullmatch(name) for name in names):
        return [
            f"the first line must name the columns (received: {shown}). Write a line of names "
            "above it."
        ]
    problems = []
    for name, count in Counter(names).items():
        if count > 1 and (wanted is None or name in wanted):
            places = [str(i) for i, other in enumerate(names, 1) if other == name]
            problems.append(
                f"column names must differ (received: '{name}' for columns {', '.join(places)}). "
                "Rename all but one; if the first line is a row, write a line of names above it."
            )
    return problems


def _find_decimal(lines: Sequence[Sequence[str]], delimiter: str) -> tuple[str, str]:
    """The decimal mark, and a problem where it cannot be told."""
    if delimiter == ",":
        return ".", ""
    values = [value.strip() for line in lines for value in line]
    commas = [value for value in values if _COMMA_NUMBER.fullmatch(value)]
    points = sum(bool(_POINT_NUMBER.fullmatch(value)) for value in values)
    if len(commas) <= points:
        return ".", ""
    if all(_THOUSANDS.fullmatch(value) for value in commas):
        fraction = commas[0].replace(",", ".")
        return ",", (
            f"csv.decimal: numbers such as {commas[0]} can be read in two ways. Set "
            f"dataset.csv.decimal to ',' if {fraction} is meant; else remove the commas, or set it "
            "to '.', which takes the column as text."
        )
    return ",", ""
