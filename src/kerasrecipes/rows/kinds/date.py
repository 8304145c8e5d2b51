"""Columns of dates and times, as the numbers that a network can learn from: year, month, weekday.

Dates are wall time: what a clock on the wall showed. Where training data carry a time zone, the
column keeps it, and values in other zones are brought to it. Texts are read by one regular
expression for each ``strptime`` format.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, is_text, is_usable, name_value
from kerasrecipes.rows.kinds.base import Column, Finding, Parsed
from kerasrecipes.rows.words import SHOWN, write_use

Dates = NDArray[np.datetime64]

_PARTS: tuple[str, ...] = ("year", "month", "day", "weekday", "hour", "minute", "second")
_PARTS_OF_TIME = _PARTS[4:]
_DAYS, _FEWEST_DAYS = (1900_01_01, 2100_12_31), 5
_FAR_YEARS = (1901, 2199)
"""Dates of years outside these are seldom real dates: 9999-12-31 means "no end"."""

_LONG_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "januar|februar|märz|mai|juni|juli|oktober|dezember"
)
"""English or German, whatever the locale."""
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "mär": 3, "apr": 4, "may": 5, "mai": 5, "jun": 6, "jul": 7,
    "aug": 8, "sep": 9, "oct": 10, "okt": 10, "nov": 11, "dec": 12, "dez": 12,
}  # fmt: skip
_DIRECTIVES = {
    "%Y": r"\d{4}", "%y": r"\d{2}", "%q": "[1-4]", "%m": r"\d{1,2}", "%d": r"\d{1,2}",
    "%b": f"sept?|{'|'.join(_MONTHS)}", "%B": _LONG_MONTHS,
    "%a": "mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|[월화수목금토일月火水木金土日]",
    "%A": "monday|tuesday|wednesday|thursday|friday|saturday|sunday|[월화수목금토일]요일",
    "%H": r"\d{1,2}", "%I": r"\d{1,2}", "%M": r"\d{2}", "%S": r"\d{2}", "%f": r"\d{1,6}",
    "%p": r"[ap]m|[ap]\.m\.|오전|오후", "%z": r"Z|[+-]\d{2}:?\d{2}", "%Z": "[A-Z]{2,5}",
}  # fmt: skip
"""Directives that texts may contain; "%q" is a quarter."""


def _vary(forms: str, marks: str) -> tuple[str, ...]:
    """Formats with each mark in place of "-"."""
    return tuple(form.replace("-", mark) for mark in marks for form in forms.split())


_DATES = (
    *_vary("%Y-%m-%d %d-%m-%Y %m-%d-%Y %d-%m-%y %m-%d-%y %y-%m-%d %d-%b-%Y %d-%B-%Y", "-/._ "),
    *_vary("%b-%d-%Y %Y-%b-%d %d-%b-%y", "-/._ "),
    *("%Y%m%d", "%y%m%d", "%d%b%Y", "%b %d, %Y", "%B %d, %Y", "%B %d %Y", "%d. %b %Y", "%d. %B %Y"),
    *("%Y. %m. %d.", "%Y. %m. %d", "%Y.%m.%d.", "%Y년 %m월 %d일", "%Y년%m월%d일", "%y년 %m월 %d일"),
    *("%Y年%m月%d日", "%A, %B %d, %Y", "%A, %d %B %Y", "%a, %d %b %Y"),
    *("%Y-%m-%d(%a)", "%Y.%m.%d(%a)", "%Y.%m.%d (%a)", "%Y년 %m월 %d일 (%a)", "%Y년 %m월 %d일 %A"),
)
_MONTHLY = (
    *_vary("%Y-%m %m-%Y", "-/"),
    *_vary("%b-%Y %B-%Y %Y-%b %b-%y %B-%y %y-%b %Y-Q%q Q%q-%Y %qQ-%Y Q%q-%y %qQ-%y", "-/ "),
    *("%YQ%q", "%qQ%Y", "%qQ%y", "%b'%y", "Q%q'%y", "%Y년 %m월", "%Y년%m월", "%Y年%m月"),
    *("%Y년 %q분기", "%Y년%q분기", "%Y.%q분기"),
)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
_TIMES = (
    *(*_CLOCKS, "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p", "%I:%M:%S.%f %p", "%I %p"),
    *("%p %I:%M", "%p %I:%M:%S", "%p %I시 %M분", "%H시 %M분", "%H시 %M분 %S초", "%Hh%M"),
    "%H.%M.%S",
)
_COMPACT_TIMES = ("%H%M%S", "%H%M", "%H.%M")
"""Times only after a date."""
_WHOLE = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y")
"""Formats that have the time within the date: those of C's ctime and of Twitter."""
_BETWEEN = (" ", "T", ", ", " - ", ":")
_ZONE = re.compile(r"Z| ?[+-]\d{2}:?\d{2}| (?![AP]M$)[A-Z]{2,5}")
_MONTH_OF_YEAR = re.compile("%[bB].%y|%y.%b")
"""12-Nov may be a month of 2012 or a day."""

_ISO = (
    r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ](?P<H>\d{2})"
    r"(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.\d+)?)?)?(?P<z>Z|[+-]\d{2}(?::?\d{2})?)?)?"
)
_CLOCK = r"(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.\d{1,6})?)?"
_TIME_AND_OFFSET = r"^(.{10}[T ]\d{2}.*?)(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_NUMBER = re.compile(r"[+-]?\d*\.?\d*")

_FEWEST_YEARS_OF_DAYS = 20
_SAMPLE = 300
_MOST_CANDIDATES = 6
_FEWEST_FITTING = 0.1
_LONGEST = 45


class DateColumn(Column):
    """Dates or times, each of its parts as float32; NaN where a value is missing."""

    kind = "date"
    words: ClassVar[Mapping[str, str]] = {"date": "date"}

    @property
    def expected(self) -> str:
        if written := self.arguments["format"]:
            return f"dates written as {write_value(written)}"
        return "times, such as 09:30" if self.is_time else "dates, such as 2024-12-31"

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise dates by their type, texts in one format, or whole numbers such as 20241231."""
        if pa.types.is_temporal(cells.type):
            return Finding(cls.take(cells, "date", {}))
        if cells.is_number:
            lowest, highest = pc.min_max(cells.values).as_py().values()
            if lowest is None or lowest < _DAYS[0] or highest > _DAYS[1]:
                return None
            column = cls.take(cells, "date", {"format": "%Y%m%d"})
            are_days = len(cells.names) >= _FEWEST_DAYS and not column.parse(cells)[1].any()
            return Finding(column) if are_days else None
        if not cells.is_text or not (readings := _read_in_formats(cells.names)):
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
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        """Take a column as dates; arguments missing in the recipe are found in the values."""
        column = super().take(cells, feature, arguments)
        if not column.accepts(cells.type):
            return column
        written = column.arguments["format"]
        if cells.is_text and written is None and (readings := _read_in_formats(cells.names)):
            written = readings[0].date_format
        zone = cells.type.tz if pa.types.is_timestamp(cells.type) else None
        has_offset = "%z" in (written or "")
        if cells.is_text and written is None:
            has_offset = pc.any(pc.match_substring_regex(cells.distinct, _TIME_AND_OFFSET)).as_py()
        zone = "UTC" if has_offset else zone
        found = {**column.arguments, "format": written} | ({"zone": zone} if zone else {})
        column = replace(column, arguments=found)
        dates, _ = column.parse(cells)
        dates = dates[~np.isnat(dates)]
        is_time = pa.types.is_time(cells.type) or not re.search("%[YymdbBaAq]", written or "%Y")
        choices = _PARTS_OF_TIME if is_time else _PARTS
        if not (is_time or re.search("%[daA]", written or "%d")):  # months and quarters
            choices = _PARTS[:2]
        numbers = {part: _compute_part(dates, part) for part in choices}
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
        return [_compute_part(values, part) for part in self.parts]

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

    def parse(self, cells: Cells) -> Parsed:
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
            dates = _parse_texts(texts, date_format, zone)
            # 2024-12-31 and 09:30 can be read in one way only, whatever the format of training.
            other = "%H:%M" if self.is_time else None
            if other != date_format and np.isnat(dates).any():
                dates = np.where(np.isnat(dates), _parse_texts(texts, other, zone), dates)
        return np.append(dates, np.datetime64("NaT", "s")), np.isnat(dates)


def _compute_part(dates: Dates, part: str) -> NDArray[np.float32]:
    """One part of each date, of shape (n_values,); NaN for NaT. Monday is weekday 0."""
    compute = getattr(pc, "day_of_week" if part == "weekday" else part)
    return compute(pa.array(dates)).cast(pa.float32()).to_numpy(zero_copy_only=False)


def write_time(time: Any, *, is_time: bool = False) -> str:
    """Write a date, a time or a number of ``dataset.time``: "2024-12-31", "09:30:00", "2024"."""
    if not isinstance(time, np.datetime64):
        return name_value(float(time))
    day, _, clock = str(time.astype("M8[s]")).partition("T")
    return clock if is_time else f"{day} {clock}".removesuffix(" 00:00:00")


class _Reading(NamedTuple):
    """Texts read in one format; lower ranks fit better, equal ones do not show which is right."""

    rank: tuple[int, int, bool]
    date_format: str | None  # for strptime; "%q" is a quarter; None is ISO 8601
    dates: Dates  # NaT where a text does not fit


def _read_in_formats(texts: Sequence[str]) -> list[_Reading]:
    """Read texts in every format that many may have, best first; equal readings count once."""
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    counts: Counter[str | None] = Counter()
    for text in sample:
        counts.update([*dict.fromkeys(_find_candidates(text))])
    readings: list[_Reading] = []
    for date_format, n in counts.most_common(_MOST_CANDIDATES):
        if n < _FEWEST_FITTING * len(sample):
            break
        dates = _parse_texts(pa.array(texts, pa.string()), date_format)
        years = np.unique(dates[~np.isnat(dates)].astype("M8[Y]")).astype(np.int64) + 1970
        # Years are few: read the wrong way round, the 31 days of a month are 31 years.
        are_days = len(years) > 0 and years[0] > 2000 and years[-1] <= 2031
        are_days = are_days and np.ptp(years) >= _FEWEST_YEARS_OF_DAYS
        if are_days and _MONTH_OF_YEAR.fullmatch(str(date_format)):
            continue
        if not any(np.array_equal(dates, old.dates, equal_nan=True) for old in readings):
            rank = int(np.isnat(dates).sum()), len(years), str(date_format).startswith("%y")
            readings.append(_Reading(rank, date_format, dates))
    return sorted(readings, key=lambda reading: reading.rank)


def _parse_texts(texts: pa.Array, date_format: str | None, zone: str | None = None) -> Dates:
    """Texts as wall time of a zone, or as they are written, to the second; NaT for other texts."""
    pattern = _CLOCK if date_format in _CLOCKS else _write_pattern(date_format)
    found = pc.extract_regex(pc.utf8_trim_whitespace(texts), f"(?i)^(?:{pattern})$")
    fields = {found.type.field(i).name: found.field(i) for i in range(found.type.num_fields)}
    days, are_days = _read_days(fields)
    seconds, are_times = _read_seconds(fields)
    fits = found.is_valid().to_numpy(zero_copy_only=False) & are_days & are_times
    times = days.astype("M8[s]") + seconds.astype("m8[s]")
    dates = np.where(fits, times, np.datetime64("NaT", "s"))
    if zone is None or "z" not in fields:
        return dates
    digits = pc.utf8_rpad(pc.replace_substring_regex(fields["z"], "[^0-9]", ""), 4, "0")
    offset = digits.cast(pa.int64()).to_numpy()
    offset = 3600 * (offset // 100) + 60 * (offset % 100)
    offset = np.where(pc.starts_with(fields["z"], "-"), -offset, offset)
    instants = pa.array(dates - offset.astype("m8[s]")).cast(pa.timestamp("s", "UTC"))
    wall = pc.local_timestamp(instants.cast(pa.timestamp("s", zone)))
    return np.where(pc.not_equal(fields["z"], ""), wall.to_numpy(zero_copy_only=False), dates)


def _read_days(fields: Mapping[str, pa.Array]) -> tuple[Dates, NDArray[np.bool_]]:
    """Days by the directives of their format, and which of them the calendar has."""
    year, month, day = (_read_field(fields, *field) for field in (("Y", 1970), ("m", 1), ("d", 1)))
    if "y" in fields:
        year = _read_field(fields, "y", 70)
        year = year + np.where(year < 69, 2000, 1900)
    if names := fields.get("b", fields.get("B")):
        starts = pc.utf8_slice_codeunits(pc.utf8_lower(names), 0, 3)
        places = pc.index_in(starts, pa.array(_MONTHS)).fill_null(0).to_numpy()
        month = np.array([*_MONTHS.values()])[places]
    if "q" in fields:
        month = 3 * _read_field(fields, "q", 1) - 2
    first = (12 * (year - 1970) + month - 1).astype("M8[M]")
    days = first.astype("M8[D]") + (day - 1).astype("m8[D]")
    is_month = (year > 0) & (month >= 1) & (month <= 12)
    return days, is_month & (days.astype("M8[M]") == first)


def _read_seconds(fields: Mapping[str, pa.Array]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Seconds since midnight, and which of them a clock shows; 24:00 is the end of a day."""
    hour, minute, second = (_read_field(fields, key) for key in "HMS")
    fits = (minute < 60) & (second < 60)
    if "I" in fields:
        half_days = _read_field(fields, "I", 12)
        fits &= (half_days >= 1) & (half_days <= 12)
        is_late = pc.match_substring_regex(fields["p"], "^(?i:p)|오후") if "p" in fields else False
        hour = half_days % 12 + 12 * np.array(is_late, dtype=np.int64)
    seconds = 3600 * hour + 60 * minute + second
    return seconds, fits & (seconds <= 86_400)


def _read_field(fields: Mapping[str, pa.Array], key: str, default: int = 0) -> NDArray[np.int64]:
    """The numbers of one directive; the default where a text or the format has none."""
    if key not in fields:
        return np.array(default)
    is_there = pc.not_equal(fields[key], "")
    return pc.if_else(is_there, fields[key], str(default)).cast(pa.int64()).to_numpy()


def _find_candidates(text: str) -> Iterator[str | None]:
    """The formats that a text may have, by its looks."""
    if re.fullmatch(_ISO, text):
        yield None
        return
    if _NUMBER.fullmatch(text) or not any(map(str.isdigit, text)) or len(text) > _LONGEST:
        return
    for date_format in (*_MONTHLY, *_TIMES, *_WHOLE, *_DATES):
        end = _match(date_format, text)
        if end == len(text):
            yield date_format
        elif end and date_format in _DATES:
            yield from (f"{date_format}{rest}" for rest in _find_times(text[end:]))


def _find_times(text: str) -> Iterator[str]:
    """The formats of the text after a date: a time, and perhaps a zone."""
    for between in _BETWEEN:
        for time_format in (*_TIMES, *_COMPACT_TIMES):
            end = _match(f"{between}{time_format}", text)
            zone = text[end:]
            if end and (not zone or _ZONE.fullmatch(zone)):
                written = re.sub(r"[+-]\d{2}:?\d{2}|^Z$", "%z", zone)
                # A summer has other names: CET and CEST.
                written = re.sub(r"^ (?!UTC|GMT)[A-Z]{2,5}$", " %Z", written)
                yield f"{between}{time_format}{written}"


def _match(date_format: str, text: str) -> int:
    """Where the part of a text ends that looks like a format; 0 where no part does."""
    match = re.match(_write_pattern(date_format), text, re.IGNORECASE | re.ASCII)
    if match is None or not 1500 <= int(match.groupdict().get("Y", 1970)) < 2200:
        return 0
    return match.end()


@cache
def _write_pattern(date_format: str | None) -> str:
    """A regular expression, for Python and RE2, with a group for each directive."""
    if date_format is None:
        return _ISO
    pattern = re.sub(r"(?:\\ )+", " +", re.escape(date_format))
    pattern = re.sub("%([MS])(?=[분초])", r"(?P<\1>\\d{1,2})", pattern)  # 9시 5분
    if re.search("%[bB]", date_format):
        pattern = pattern.replace("%d", "%d(?:st|nd|rd|th)?")
    pattern = pattern.replace("%b", "%b\\.?")  # "Sept." next to "May"
    return re.sub("%([A-Za-z])", lambda found: f"(?P<{found[1]}>{_DIRECTIVES[found[0]]})", pattern)
