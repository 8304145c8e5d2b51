"""One column's values: which are missing, which are distinct, and their places."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.words import SHOWN, show_places

# Texts for missing values from pandas, pyarrow and databases, and the "?" of the UCI archive.
TOKENS = frozenset(
    (
        "", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
        "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "NaT", "None", "n/a", "nan", "null", "\\N",
        "#DIV/0!", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "(null)", "<null>", "[null]",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Missing:
    """Which values mean that a value is missing: usual texts, and those of ``missing_values``."""

    texts: frozenset[str] = TOKENS
    numbers: tuple[float, ...] = ()  # -999 is -999.0 too
    kept: frozenset[str] = frozenset()  # are categories; among numbers and dates still missing

    @classmethod
    def read(cls, spec: DatasetSpec) -> Missing:
        """Read a recipe's ``missing_values``."""
        add, kept = spec.missing_values.add, {*spec.missing_values.keep}
        numbers = tuple(n for n in map(_read_number, add) if n is not None)
        added = {str(value).strip() for value in add}
        for value in add:
            if not isinstance(value, str):  # -999, -999.0
                added |= {name_value(value), str(float(value))}
        return cls((TOKENS - kept) | added, numbers, frozenset(kept) - added)

    @property
    def kept_words(self) -> frozenset[str]:
        """Those of ``kept`` that are not numbers."""
        return frozenset(word for word in self.kept if _read_number(word) is None)


@dataclass(frozen=True)
class Notation:
    """How a table writes its values, and how it counts its rows."""

    missing: Missing = Missing()
    decimal: str = "."  # before the fraction of a number
    thousands: str | None = None  # between groups of three digits, where the recipe names it
    first_line: int | None = None  # the file's line of row 0, where each row is one line
    first_row: int = 0  # of row 0 elsewhere: as a spreadsheet counts, 0 for rows in memory
    has_types: bool = True  # whether the file has a type for each column
    step: int = 1  # the distance between two rows of a sample

    @property
    def first_place(self) -> tuple[str, int]:
        """The unit that messages count, and the number of row 0."""
        return ("line", self.first_line) if self.first_line else ("row", self.first_row)


class Cells:
    """The values of one column, of any Arrow type; ``first_row`` is the first one's, from 0.

    Attributes:
        type: The Arrow type of a value; text is one of Arrow's types for it.
        is_text: Whether the values are texts.
        is_number: Whether the values are numbers by their type.
        is_category: Whether the table itself calls the values categories.
    """

    def __init__(
        self,
        name: str,
        values: pa.ChunkedArray,
        notation: Notation,
        first_row: int = 0,
        dataset: str = "table",
    ) -> None:
        self.name, self.notation, self.dataset = name, notation, dataset
        if values.type in (pa.binary(), pa.large_binary()):
            with suppress(pa.ArrowInvalid):  # they may be no text
                values = values.cast(pa.large_string())
        self._first_row = first_row
        is_dictionary = pa.types.is_dictionary(values.type)
        self.type = values.type.value_type if is_dictionary else values.type
        self.is_category = is_dictionary and notation.has_types
        self.is_text, self.is_number = is_text(self.type), is_number(self.type)
        if is_dictionary and not self.is_text:
            values = values.cast(self.type)
        if pa.types.is_string_view(self.type):  # Arrow 26 cannot take from views.
            values = values.cast(pa.large_string())
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    @cached_property
    def values(self) -> pa.ChunkedArray:
        """Values other than texts, with their type; null where one is missing."""
        values, sought = self._values, self.notation.missing.numbers
        if not self.is_number:
            return values
        if pa.types.is_float16(values.type):  # Arrow 26 computes nothing with these.
            values = values.cast(pa.float32())
        is_float = pa.types.is_floating(values.type)
        missing = [pc.is_nan(values)] if is_float else []
        if sought:
            # A float32 column contains float32(0.1), which is not 0.1.
            comparable = values if is_float else values.cast(pa.float64(), safe=False)
            given = pa.array(sought, pa.float64()).cast(comparable.type, safe=False)
            missing.append(pc.is_in(comparable, given))
        for is_missing in missing:
            if pc.any(is_missing).as_py():
                # is_in and is_nan are false or null for what is null already.
                values = pc.if_else(is_missing, pa.scalar(None, values.type), values)
        return values

    @property
    def codes(self) -> NDArray[np.integer[Any]]:
        """Each value's place in ``distinct``, of shape (n_rows,); past its end where missing."""
        return self._encoded[0]

    @property
    def distinct(self) -> pa.Array:
        """The distinct values, in the order of their first rows."""
        return self._encoded[1]

    @cached_property
    def names(self) -> list[str]:
        """The distinct values, written as categories; see ``name_values``."""
        return name_values(self.distinct)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each distinct value occurs."""
        n = len(self.distinct)
        return np.bincount(self.codes, minlength=n + 1)[:n].astype(np.int64)

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which rows have a value, of shape (n_rows,)."""
        if self.is_number:
            return np.asarray(self.values.is_valid(), dtype=bool)
        return np.asarray(self.codes < len(self.distinct))

    @property
    def n_values(self) -> int:
        """How many values are there."""
        return int(self.is_known.sum())

    @cached_property
    def words_for_missing(self) -> dict[str, int]:
        """The words of a text column that mean missing, and how often each occurs."""
        if not self.is_text:
            return {}
        codes, raw = _encode(self._values)
        found: Counter[str] = Counter()
        for text, n in zip(raw.to_pylist(), np.bincount(codes, minlength=len(raw)), strict=False):
            if (word := text.strip()) in self.notation.missing.texts:
                found[word] += int(n)
        return found

    def head(self, n_rows: int) -> Cells:
        """The cells of the first rows."""
        return Cells(self.name, self._values[:n_rows], self.notation, dataset=self.dataset)

    @property
    def are_kept(self) -> NDArray[np.bool_]:
        """Which distinct values mean missing in columns of other kinds than categories."""
        kept = self.notation.missing.kept
        if not kept:
            return np.zeros(len(self.distinct), dtype=bool)
        return np.array([name in kept for name in self.names], dtype=bool)

    def find(self, is_sought: NDArray[np.bool_]) -> NDArray[np.intp]:
        """The rows, counted from 0, whose distinct value is sought."""
        return np.flatnonzero(np.append(is_sought, False)[self.codes])

    def locate(self, rows: NDArray[np.integer[Any]]) -> str:
        """The place of rows: "line 7" where the file has a line for each row, else "row 5"."""
        noun, first = self.notation.first_place
        numbers = rows * self.notation.step + self._first_row + first
        return show_places(numbers.tolist(), noun)

    def show(self, is_sought: NDArray[np.bool_]) -> str:
        """The first few values that are sought, with their places: "'a' (row 3) and 2 more"."""
        rows = self.find(is_sought)
        more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
        return ", ".join(map(self._show_row, rows[:SHOWN])) + more

    def show_first(self, is_sought: NDArray[np.bool_]) -> str:
        """The first value that is sought, with its place: "'a' (row 3)"."""
        return self._show_row(self.find(is_sought)[0])

    def _show_row(self, row: np.intp) -> str:
        (name,) = name_values(self.distinct.take(self.codes[[row]]))
        return f"{write_value(name)} ({self.locate(np.array([row]))})"

    @cached_property
    def _encoded(self) -> tuple[NDArray[np.integer[Any]], pa.Array]:
        if not self.is_text:
            return _encode(self.values)
        codes, raw = _encode(self._values)
        try:
            tidy = pc.utf8_trim_whitespace(raw).dictionary_encode()
        except pa.ArrowInvalid as error:
            problem = f"column {self.name} contains text that is not UTF-8. Save the file as UTF-8."
            raise DataError(self.dataset, [problem]) from error
        missing = pa.array(sorted(self.notation.missing.texts), tidy.dictionary.type)
        is_there = pc.invert(pc.is_in(tidy.dictionary, missing)).to_numpy(zero_copy_only=False)
        n_there = int(is_there.sum())
        places = np.where(is_there, np.cumsum(is_there) - 1, n_there)
        by_raw = np.append(places[tidy.indices.to_numpy()], n_there).astype(np.int32)
        return by_raw[codes], tidy.dictionary.filter(pa.array(is_there))


def _encode(values: pa.ChunkedArray) -> tuple[NDArray[np.integer[Any]], pa.Array]:
    """Each value's number among the distinct ones, and these; a missing value's is past the end."""
    if pa.types.is_dictionary(values.type):
        encoded = values.unify_dictionaries()
        encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    elif len(values):
        encoded = values.dictionary_encode().combine_chunks()
    else:  # Arrow 26 cannot combine no chunks into a dictionary of dates.
        encoded = pa.array([], values.type).dictionary_encode()
    n = len(encoded.dictionary)
    codes = encoded.indices.fill_null(n).to_numpy(zero_copy_only=False)
    is_used = np.bincount(codes, minlength=n + 1)[:n] > 0
    if is_used.all():
        return codes, encoded.dictionary
    places = np.append(np.cumsum(is_used) - 1, is_used.sum())
    return places[codes].astype(np.int32), encoded.dictionary.filter(pa.array(is_used))


def name_values(values: pa.Array) -> list[str]:
    """Write values as categories: 3, 3.0 and "3" are one; "" where one is missing."""
    if is_text(values.type):
        return list(values.to_pylist())
    if pa.types.is_floating(values.type):
        # NumPy writes a float32's own digits, 0.1; Python would write 0.10000000149011612.
        return [name_value(float(str(x))) for x in values.to_numpy(zero_copy_only=False)]
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    return [name_value(value) for value in values.to_pylist()]


def name_value(value: object) -> str:
    """Write a value as a category; see ``name_values``."""
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime) and value.timetz() == time():
        value = value.date()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of the three for text."""
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def is_number(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one for numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def is_usable(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type can be a column's: no lists, bytes or durations."""
    is_plain = pa.types.is_primitive(kind) and not pa.types.is_duration(kind)
    is_plain &= not pa.types.is_interval(kind)
    return is_plain or pa.types.is_decimal(kind) or is_text(kind)


def _read_number(value: str | float) -> float | None:
    try:
        return float(value)
    except ValueError:  # a word
        return None
