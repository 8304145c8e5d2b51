"""Columns of dates and times, as the numbers that a network can learn from: year, month, weekday.

Dates are wall time: what a clock on the wall showed. Where training data carry a time zone, the
column keeps it, and values in other zones are brought to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, is_text, is_usable, name_value
from kerasrecipes.rows.kinds.base import Column, Finding
from kerasrecipes.rows.kinds.date_formats import Dates, is_time_only, parse_texts, read_in_formats
from kerasrecipes.rows.words import SHOWN, write_use

DATE_PARTS: tuple[str, ...] = ("year", "month", "day", "weekday", "hour", "minute", "second")
_PARTS_OF_TIME = DATE_PARTS[4:]
_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"
_DAYS, _FEWEST_DAYS = (1900_01_01, 2100_12_31), 5
_FAR_YEARS = (1901, 2199)
"""Dates of years outside these are seldom real dates: 9999-12-31 means "no end"."""


class DateColumn(Column):
    """Dates or times, each of its parts as float32; NaN where a value is missing."""

    kind: ClassVar[str] = "date"
    words: ClassVar[Mapping[str, str]] = {"date": "date"}

    @property
    def expected(self) -> str:
        written = self.arguments["format"]
        example = "times, such as 09:30" if self.is_time else "dates, such as 2024-12-31"
        return f"dates written as {write_value(written)}" if written else example

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise dates by their type, or texts that are dates in one format."""
        if pa.types.is_temporal(cells.type) and is_usable(cells.type):
            return Finding(cls.take(cells, "date", {}))
        if cells.is_number and not cells.is_category:
            return cls._recognise_numbers(cells)
        if not cells.is_text or cells.is_category or not (readings := read_in_formats(cells.names)):
            return None
        best, *others = readings
        wrong = np.isnat(best.dates) & ~cells.are_kept
        if 2 * int(cells.counts[wrong].sum()) >= cells.n_values:
            if not others or (wrong & np.isnat(others[0].dates)).any():
                return None
            shown = f"{cells.show_first(~np.isnat(best.dates))} and {cells.show_first(wrong)}"
            hint = f"dates in several formats, such as {shown}; write all in one format to use them"
            return Finding(None, hint=hint)
        if others and others[0].rank == best.rank:
            use = write_use(cells.name, {"date": {"format": best.date_format}})
            hint = f"say which of {write_value(cells.names[0])} is the day: {use}"
            return Finding(None, hint=hint)
        return cls.take(cells, "date", {"format": best.date_format}).report_wrong(cells, wrong)

    @classmethod
    def _recognise_numbers(cls, cells: Cells) -> Finding | None:
        """Recognise whole numbers that are all days, such as 20241231."""
        lowest, highest = pc.min_max(cells.values).as_py().values()
        if lowest is None or lowest < _DAYS[0] or highest > _DAYS[1]:
            return None
        column = cls.take(cells, "date", {"format": "%Y%m%d"})
        are_days = len(cells.names) >= _FEWEST_DAYS and not column.parse(cells)[1].any()
        return Finding(column) if are_days else None

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        """Take a column as dates; arguments missing in the recipe are found in the values."""
        column = super().take(cells, feature, arguments)
        if not column.accepts(cells.type):
            return column
        date_format = column.arguments["format"]
        if cells.is_text and date_format is None:
            readings = read_in_formats(cells.names)
            date_format = readings[0].date_format if readings else None
        zone = _find_zone(cells, date_format)
        found = {**column.arguments, "format": date_format} | ({"zone": zone} if zone else {})
        column = replace(column, arguments=found)
        dates, _ = column.parse(cells)
        dates = dates[~np.isnat(dates)]
        is_time = pa.types.is_time(cells.type) or is_time_only(date_format)
        choices = _PARTS_OF_TIME if is_time else DATE_PARTS
        if date_format and not is_time and not re.search("%[daA]", date_format):
            choices = DATE_PARTS[:2]
        numbers = {part: compute_part(dates, part) for part in choices}
        varying = tuple(part for part in choices if (numbers[part] != numbers[part][:1]).any())
        reason = "no dates"
        if len(dates):
            ends = [write_time(end, is_time=is_time) for end in (dates.min(), dates.max())]
            reason = f"{'times' if is_time else 'dates'} from {' to '.join(ends)}"
        return replace(column, parts=varying or choices[:1], reason=reason)

    @property
    def is_time(self) -> bool:
        """Whether only times of day matter; False until the parts are found."""
        return bool(self.parts) and {*self.parts} <= {*_PARTS_OF_TIME}

    def accepts(self, kind: pa.DataType) -> bool:
        if pa.types.is_time(kind):
            return self.is_time or not self.parts
        # 20241231 is a date only where the recipe says how it is written.
        is_dated = is_text(kind) or pa.types.is_temporal(kind)
        return is_usable(kind) and (is_dated or self.arguments["format"] is not None)

    def split(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        return [compute_part(values, part) for part in self.parts]

    def remark(self, cells: Cells, arrays: list[NDArray[Any]]) -> str:
        """Dates of far years, such as 9999-12-31, or of years to come written with two digits."""
        if "year" not in self.parts:
            return ""
        years = arrays[self.parts.index("year")]
        late = np.flatnonzero(years > datetime.now().year + 2)
        if len(late) and "%y" in (self.arguments["format"] or ""):
            text, year = cells.names[cells.codes[late[0]]], years[late[0]]
            return (
                f"{self.name}: {text} is read as a date of {year:.0f}. If years before 1969 are "
                "meant, write all of them with four digits."
            )
        is_far = (years < _FAR_YEARS[0]) | (years > _FAR_YEARS[1])
        values = [cells.names[code] for code in np.unique(cells.codes[is_far])]
        if not 0 < len(values) <= min(SHOWN, len(cells.names) - 1):  # 1850 among years before 1901
            return ""
        return self.remark_far(values, int(is_far.sum()))

    def parse(self, cells: Cells) -> tuple[Dates, NDArray[np.bool_]]:
        """The distinct values as wall time and, last, NaT; and which of them are not dates."""
        date_format, zone = self.arguments["format"], self.arguments.get("zone")
        values, kind = cells.distinct, cells.type
        if pa.types.is_temporal(kind):
            if pa.types.is_time(kind):
                values = values.cast(pa.time64("us"), safe=False).cast(pa.int64())
            elif pa.types.is_timestamp(kind) and kind.tz is not None:
                values = values.cast(pa.timestamp("us", zone or kind.tz), safe=False)
                values = pc.local_timestamp(values)
            dates = values.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
        else:
            texts = values if cells.is_text else pa.array(cells.names, pa.string())
            dates = parse_texts(texts, date_format, zone)
            # 2024-12-31 and 09:30 can be read in one way only, whatever the format of training.
            other = "%H:%M" if self.is_time else None
            if other != date_format and np.isnat(dates).any():
                dates = np.where(np.isnat(dates), parse_texts(texts, other, zone), dates)
        return np.append(dates, np.datetime64("NaT", "s")), np.isnat(dates)


def compute_part(dates: Dates, part: str) -> NDArray[np.float32]:
    """One part of each date, of shape (n_values,); NaN for NaT. Monday is weekday 0."""
    compute = getattr(pc, "day_of_week" if part == "weekday" else part)
    return compute(pa.array(dates)).cast(pa.float32()).to_numpy(zero_copy_only=False)


def write_time(time: Any, *, is_time: bool = False) -> str:
    """Write a date, a time or a number of ``dataset.time``: "2024-12-31", "09:30:00", "2024"."""
    if not isinstance(time, np.datetime64):
        return name_value(float(time))
    day, _, clock = str(time.astype("M8[s]")).partition("T")
    return clock if is_time else f"{day} {clock}".removesuffix(" 00:00:00")


def _find_zone(cells: Cells, date_format: str | None) -> str | None:
    """The time zone of a column: its type's; UTC where texts carry offsets; None for wall time."""
    if pa.types.is_timestamp(cells.type):
        return cells.type.tz
    has_offset = "%z" in (date_format or "")
    if cells.is_text and date_format is None:
        has_offset = pc.any(pc.match_substring_regex(cells.distinct, _OFFSET)).as_py()
    return "UTC" if has_offset else None
