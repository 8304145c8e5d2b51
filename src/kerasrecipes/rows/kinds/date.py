"""Columns of dates and times, as the numbers that a network can learn from: year, month, weekday.

Dates are wall time: what a clock on the wall showed. Where training data carry a time zone, the
column keeps it, and values in other zones are brought to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kerasrecipes.recipe.schema import FEATURES
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, is_text, is_usable
from kerasrecipes.rows.kinds.base import Column, Finding, Kind, describe_share
from kerasrecipes.rows.kinds.date_formats import (
    Dates,
    find_styles,
    is_time_only,
    parse_texts,
    read_in_formats,
)
from kerasrecipes.rows.words import SHOWN, count, write_use

DATE_PARTS: tuple[str, ...] = ("year", "month", "day", "weekday", "hour", "minute", "second")
_PARTS_OF_TIME: tuple[str, ...] = ("hour", "minute", "second")
_DURATION = re.compile(r"\d+:\d\d(?::\d\d)?")
_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"
_FAR_YEARS = (1901, 2199)
"""Dates of years outside these are seldom real dates: 9999-12-31 means "no end"."""


class DateColumn(Column):
    """Dates or times, each of its parts as float32; NaN where a value is missing."""

    kind: ClassVar[Kind] = "date"
    expected: ClassVar[str] = "dates"
    words: ClassVar[tuple[str, ...]] = ("date",)

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise dates by their type, or texts that are dates in one format."""
        if pa.types.is_temporal(cells.type) and is_usable(cells.type):
            return Finding(cls.take(cells, "date", {}))
        if not cells.is_text or cells.is_category or not cells.names:
            return None
        readings = read_in_formats(cells.names)
        if not readings:
            return _judge_styles(cells)
        best = readings[0]
        wrong = np.isnat(best.dates) & ~cells.are_kept
        if 2 * int(cells.counts[wrong].sum()) >= cells.n_values:
            return _judge_styles(cells)
        if len([r for r in readings if r.n_fitting == best.n_fitting]) > 1:
            example = write_value(cells.names[0])
            use = write_use(cells.name, {"date": {"format": best.date_format}})
            return Finding(None, hint=f"say which of {example} is the day: {use}")
        column = cls.take(cells, "date", {"format": best.date_format})
        return column._judge_words(cells, wrong) if wrong.any() else Finding(column)

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        """Take a column as dates; format, zone and parts are found where nothing says them."""
        found = {**FEATURES["date"], **arguments}
        column = cls(cells.name, "date", found, reason="set in features")
        if not column.accepts(cells.type):
            return column
        if found["format"] is None and cells.is_text:
            readings = read_in_formats(cells.names)
            found["format"] = readings[0].date_format if readings else None
        zone = _find_zone(cells, found["format"])
        found |= {"zone": zone} if zone else {}
        is_time = pa.types.is_time(cells.type) or is_time_only(found["format"])
        dates = cls(cells.name, "date", found)._read_dates(cells)
        reason = _describe_dates(dates, is_time=is_time)
        choices = _PARTS_OF_TIME if is_time else DATE_PARTS
        if found["format"] and not is_time and not re.search("%[djaA]", found["format"]):
            choices = DATE_PARTS[:2]
        return replace(column, arguments=found, parts=_choose_parts(dates, choices), reason=reason)

    @property
    def _is_time(self) -> bool:
        """Whether times of day are enough; whatever is read to find the parts may be a date."""
        return bool(self.parts) and {*self.parts} <= {*_PARTS_OF_TIME}

    def accepts(self, kind: pa.DataType) -> bool:
        if pa.types.is_time(kind):
            return self._is_time or not self.parts
        # 20241231 is a date only to who says how it is written.
        is_dated = is_text(kind) or pa.types.is_temporal(kind)
        return is_usable(kind) and (is_dated or self.arguments["format"] is not None)

    def read_distinct(self, cells: Cells) -> tuple[list[NDArray[Any]], NDArray[np.bool_]]:
        dates = self._read_dates(cells)
        wrong = np.isnat(dates) & ~cells.are_kept
        dates = np.append(dates, np.datetime64("NaT"))
        return [compute_part(dates, part) for part in self.parts], wrong

    def describe_wrong(self, cells: Cells, wrong: NDArray[np.bool_]) -> str:
        written = self.arguments.get("format")
        example = "times, such as 09:30" if self._is_time else "dates, such as 2024-12-31"
        expected = f"dates written as {write_value(written)}" if written else example
        text = super().describe_wrong(cells, wrong)
        return text.replace(f"must hold {self.expected}", f"must hold {expected}", 1)

    def remark(self, cells: Cells) -> str:
        """Dates of far years, such as 9999-12-31, or of years to come written with two digits."""
        if is_time_only(self.arguments.get("format")) or self.parts == ("second",):
            return ""
        dates = self._read_dates(cells)
        years = dates.astype("M8[Y]").astype(np.int64) + 1970
        first, last = _FAR_YEARS
        is_far = ~np.isnat(dates) & ((years < first) | (years > last))
        is_late = ~np.isnat(dates) & (dates > np.datetime64("now") + np.timedelta64(731, "D"))
        if "%y" in (self.arguments.get("format") or "") and is_late.any():
            late = np.flatnonzero(is_late)[0]
            return (
                f"{self.name}: {cells.names[late]} is read as a date of {years[late]}. If years "
                "before 1969 are meant, write all of them with four digits."
            )
        if not is_far.any() or is_far.all():
            return ""
        values = [cells.names[i] for i in np.flatnonzero(is_far)][:SHOWN]
        n = int(cells.counts[is_far].sum())
        return (
            f"{self.name}: {', '.join(values)} is far from all other dates and occurs in "
            f"{count(n, 'row')}. If it means missing, write missing_values: {write_value(values)} "
            "and missing: median."
        )

    def _read_dates(self, cells: Cells) -> Dates:
        """The distinct values as wall time; NaT where one is none."""
        date_format, zone = self.arguments["format"], self.arguments.get("zone")
        values, kind = cells.distinct, cells.type
        if not pa.types.is_temporal(kind):
            texts = [name or None for name in cells.names]
            if date_format is None and self._is_time:
                times = parse_texts(texts, "%H:%M", None)
                return np.where(np.isnat(times), parse_texts(texts, None, zone), times)
            dates = parse_texts(texts, date_format, zone)
            if date_format is not None and not self._is_time and np.isnat(dates).any():
                # 2024-12-31 can be read in one way only, however training's dates are written.
                dates = np.where(np.isnat(dates), parse_texts(texts, None, zone), dates)
            return dates
        if pa.types.is_time(kind):
            values = values.cast(pa.time64("us"), safe=False).cast(pa.int64())
        elif pa.types.is_timestamp(kind) and kind.tz is not None:
            values = pc.local_timestamp(
                values.cast(pa.timestamp("us", zone or kind.tz), safe=False)
            )
        return values.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)

    def _judge_words(self, cells: Cells, wrong: NDArray[np.bool_]) -> Finding:
        """A column of dates with a few cells that are none."""
        words = [cells.names[i] for i in np.flatnonzero(wrong)]
        n_wrong = int(cells.counts[wrong].sum())
        shown = (
            f"{describe_share(n_wrong, cells.n_values)} not {'a date' if n_wrong == 1 else 'dates'}"
        )
        first = cells.show_first(wrong)
        if is_time_only(self.arguments["format"]) and all(map(_DURATION.fullmatch, words)):
            hint = (
                f"durations, such as {first}; to use them, write one number each, such as minutes"
            )
            return Finding(None, hint=hint)
        if len(words) > SHOWN:
            return Finding(None, hint=f"{shown}, such as {first}; to have dates: fix them")
        remedy = f"missing_values: {write_value(words, 200)}"
        problem = (
            f"column {self.name} holds dates, but {shown}: {cells.show(wrong)}. Write {remedy} and "
            f"missing: median to fill {'it' if n_wrong == 1 else 'them'} in, or "
            f"{write_use(self.name, 'string_categorical')} to use categories."
        )
        hint = f"{shown}, such as {first}; to have dates: write {remedy}"
        return Finding(self, hint=hint, wrong=tuple(words), problem=problem)


def compute_part(dates: Dates, part: str) -> NDArray[np.float32]:
    """One part of each date, of shape (n_values,); NaN for NaT. Monday is weekday 0."""
    days = dates.astype("M8[D]")
    if part == "year":
        numbers = dates.astype("M8[Y]").astype(np.int64) + 1970
    elif part == "month":
        numbers = dates.astype("M8[M]").astype(np.int64) % 12 + 1
    elif part == "day":
        numbers = (days - dates.astype("M8[M]").astype("M8[D]")).astype(np.int64) + 1
    elif part == "weekday":
        numbers = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday.
    else:
        seconds = (dates - days).astype("m8[s]").astype(np.int64)
        places = {"hour": seconds // 3600, "minute": seconds // 60 % 60, "second": seconds % 60}
        numbers = places[part]
    return np.where(np.isnat(dates), np.nan, numbers).astype(np.float32)


def _judge_styles(cells: Cells) -> Finding | None:
    """A hint where texts are dates, but not in one format."""
    styles = find_styles(cells.names)
    if len(styles) < 2:
        return None
    shown = ", ".join(map(write_value, styles[:2]))
    return Finding(
        None, hint=f"dates in several formats, such as {shown}; write all in one format to use them"
    )


def _find_zone(cells: Cells, date_format: str | None) -> str | None:
    """The time zone of a column: its type's; UTC where texts carry offsets; None for wall time."""
    if pa.types.is_timestamp(cells.type):
        zone: str | None = cells.type.tz
        return zone
    if not cells.is_text:
        return None
    if date_format is not None:
        return "UTC" if "%z" in date_format else None
    has_offset = pc.match_substring_regex(cells.distinct, _OFFSET)
    return "UTC" if pc.any(has_offset).as_py() else None


def _choose_parts(dates: Dates, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The parts that vary; where none does, one of them all the same."""
    dates = dates[~np.isnat(dates)]
    varying = [part for part in choices if len(np.unique(compute_part(dates, part))) > 1]
    return tuple(varying) or choices[:1]


def _describe_dates(dates: Dates, *, is_time: bool) -> str:
    """From when to when, for a person."""
    dates = dates[~np.isnat(dates)]
    if not len(dates):
        return "no dates"
    first, last = dates.min(), dates.max()
    if is_time:
        unit: Literal["D", "m", "s"] = "m" if _is_whole(dates, "m") else "s"
        return f"times from {_write(first, unit)[11:]} to {_write(last, unit)[11:]}"
    unit = "D"
    if first != last and first.astype("M8[D]") == last.astype("M8[D]"):
        unit = "m" if _is_whole(dates, "m") else "s"
    return f"dates from {_write(first, unit)} to {_write(last, unit)}"


def _is_whole(dates: Dates, unit: Literal["m"]) -> bool:
    return bool((dates == dates.astype(f"M8[{unit}]")).all())


def _write(date: Any, unit: Literal["D", "m", "s"]) -> str:
    return str(np.datetime_as_string(date, unit=unit, casting="unsafe")).replace("T", " ")
