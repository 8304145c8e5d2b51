"""How dates and times are written, as ``strptime`` formats; and texts in a format as dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Dates = NDArray[np.datetime64]

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december"
)
_DIRECTIVES = {
    "%Y": r"(?:1[5-9]|2[01])\d{2}", "%y": r"\d{2}", "%q": "[1-4]",
    "%m": r"\d{1,2}", "%d": r"\d{1,2}",
    "%b": f"(?i:{_MONTHS})", "%B": f"(?i:{_LONG_MONTHS})",
    "%a": "(?i:mon|tue|wed|thu|fri|sat|sun|[월화수목금토일])",
    "%A": "(?i:monday|tuesday|wednesday|thursday|friday|saturday|sunday|[월화수목금토일]요일)",
    "%H": r"\d{1,2}", "%I": r"\d{1,2}", "%M": r"\d{2}", "%S": r"\d{2}", "%f": r"\d{1,6}",
    "%p": r"(?i:[ap]m|[ap]\.m\.|오전|오후)", "%z": r"(?:Z|[+-]\d{2}:?\d{2})",
}  # fmt: skip
_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y. %m. %d.", "%Y. %m. %d", "%Y년 %m월 %d일"),
    *("%Y년%m월%d일", "%Y年%m月%d日", "%Y%m%d", "%Y-%b-%d"),
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%m.%d.%Y", "%d %m %Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%m.%d.%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%d. %b %Y", "%d %b %y", "%d-%b-%y", "%d%b%Y"),
    *("%d %B %Y", "%d. %B %Y", "%d-%B-%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"),
    *("%Y-%m-%d(%a)", "%Y-%m-%d (%a)", "%Y.%m.%d(%a)", "%Y.%m.%d (%a)", "%Y년 %m월 %d일(%a)"),
    *("%Y년 %m월 %d일 (%a)", "%Y년 %m월 %d일 %A"),
    *("%a, %d %b %Y", "%a %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%a, %b %d, %Y"),
    *("%b. %d, %Y", "%d. %b. %Y"),
)
_YEAR_FIRST = ("%y.%m.%d", "%y/%m/%d", "%y-%m-%d", "%y년 %m월 %d일", "%y%m%d")
"""Taken where no other format fits as well, or all dates would be in more years."""
_MONTHLY = (
    *("%Y-%m", "%Y/%m", "%Y.%m", "%m/%Y", "%m-%Y", "%m.%Y", "%Y년 %m월", "%Y년%m월", "%b-%y"),
    *("%b %y", "%b-%Y", "%b %Y", "%B %Y", "%B-%Y", "%B %y", "%Y-%b", "%Y %b", "%y-%b", "%b'%y"),
    *("%YQ%q", "%Y-Q%q", "%Y Q%q", "%Y/Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y", "%Y년 %q분기"),
)
_TIMES = (
    *("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p"),
    *("%I:%M:%S.%f %p", "%I.%M.%S.%f %p", "%p %I:%M", "%p %I:%M:%S", "%I %p", "%H시 %M분", "%Hh%M"),
    *("%H.%M.%S", "%H%M%S", "%H.%M"),
)
_WHOLE = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y")
"""Formats that have the time within the date: those of C's ctime and of Twitter."""
_BETWEEN = (" ", "T", ", ", "  ", " - ", ":")
_ZONE = re.compile(r"Z|[+-]\d{2}:?\d{2}| [+-]\d{2}:?\d{2}| (?:[A-Z]{2,5}|[A-Z][a-z]+/[A-Z]\w+)")

ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?"
)
_TIME_AND_OFFSET = r"^(.{10}[T ]\d{2}.*?)(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_MORNING, _AFTERNOON = re.compile(r"오전|[aA]\.[mM]\."), re.compile(r"오후|[pP]\.[mM]\.")
_MIDNIGHT = re.compile(r"(?<![\d:])24:00(?=(?::00)?(?:[^\d:]|$))")
_FRACTION = re.compile(r"[+-]?\d*\.\d*")
_MONTH_WITH_POINT = re.compile(r"\d{4}\.\d{2}|\d{2}\.\d{4}")
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
_CLOCK = re.compile(r"(\d{1,2}:\d{2})(:\d{2})?(\.\d{1,6})?")
_MONTHS_OF_YEARS = frozenset(("%b-%y", "%b %y", "%B %y", "%y-%b", "%b'%y"))
"""What 12-Nov, the day, looks like too."""
_FEWEST_YEARS_OF_DAYS = 20
_SAMPLE = 300
_MOST_CANDIDATES = 6
_FEWEST_DATES = 5


class Reading(NamedTuple):
    """Texts read in one format.

    Attributes:
        date_format: For ``strptime``; "%q" is a quarter; None is ISO 8601.
        dates: Of shape (n_texts,); NaT where a text does not fit.
    """

    date_format: str | None
    dates: Dates

    @property
    def n_fitting(self) -> int:
        """How many texts fit."""
        return int((~np.isnat(self.dates)).sum())

    @property
    def n_years(self) -> int:
        """In how many years the dates are."""
        return len(np.unique(self.dates[~np.isnat(self.dates)].astype("M8[Y]")))


def read_in_formats(texts: Sequence[str]) -> list[Reading]:
    """Read texts in every format that most of them may have, the best fitting first.

    Formats that read all texts alike count once.
    """
    if not texts:
        return []
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    counts: Counter[str | None] = Counter()
    for text in sample:
        counts.update([*dict.fromkeys(_find_candidates(text))])
    readings: list[Reading] = []
    for date_format, n in counts.most_common(_MOST_CANDIDATES):
        if 2 * n < len(sample):
            break
        reading = Reading(date_format, parse_texts(texts, date_format, None))
        if not any(
            np.array_equal(reading.dates, other.dates, equal_nan=True) for other in readings
        ):
            readings.append(reading)
    readings = [reading for reading in readings if not _are_days(reading)]
    readings.sort(key=lambda reading: -reading.n_fitting)
    late = [r for r in readings if str(r.date_format).startswith("%y")]
    others = [r for r in readings if r not in late]
    if not (late and others):
        return readings
    # Years are few: read the wrong way round, the 31 days of a month are 31 years.
    is_late = (-late[0].n_fitting, late[0].n_years) < (-others[0].n_fitting, others[0].n_years)
    return late if is_late else others


def _are_days(reading: Reading) -> bool:
    """Whether what was read as years of two digits is rather days of the month, 1 to 31."""
    if reading.date_format not in _MONTHS_OF_YEARS or not reading.n_fitting:
        return False
    years = reading.dates[~np.isnat(reading.dates)].astype("M8[Y]").astype(np.int64) + 1970
    are_like = years.min() > 2000 and years.max() <= 2031
    return bool(are_like and years.max() - years.min() >= _FEWEST_YEARS_OF_DAYS)


def find_styles(texts: Sequence[str]) -> list[str]:
    """An example of each format in which the first texts are dates; empty if some are none."""
    texts = texts[:_SAMPLE]
    if not all(any(True for _ in _find_candidates(text)) for text in texts):
        return []
    styles: dict[str | None, str] = {}
    for text in texts:
        readings = read_in_formats([text])
        if not readings or not readings[0].n_fitting:
            return []  # 59:06 may be minutes and seconds, and 2019-20 a season.
        styles.setdefault(readings[0].date_format, text)
    return [*styles.values()]


def find_format_of_numbers(numbers: NDArray[np.float64]) -> str | None:
    """The format of whole numbers that are all dates, such as 20241231 or 202412."""
    distinct = np.unique(numbers[~np.isnan(numbers)])
    if len(distinct) < _FEWEST_DATES or not (distinct == np.trunc(distinct)).all():
        return None
    for date_format, unit in (("%Y%m%d", 10_000), ("%Y%m", 100)):
        if distinct[0] // unit >= 1900 and distinct[-1] // unit <= 2100:
            texts = [str(int(number)) for number in distinct[:_SAMPLE]]
            if not np.isnat(parse_texts(texts, date_format, None)).any():
                return date_format
    return None


def parse_texts(texts: Sequence[str | None], date_format: str | None, zone: str | None) -> Dates:
    """Texts as wall time; NaT where one is no date.

    Args:
        texts: Of shape (n_texts,).
        date_format: As in ``Reading``.
        zone: The zone whose wall time is meant where texts carry offsets; None keeps what is
            written.
    """
    import pandas as pd

    if date_format in _CLOCKS:
        texts, date_format = [_write_clock(text) for text in texts], _CLOCKS[-1]
    if date_format is not None and "%q" in date_format:
        texts, date_format = [_write_quarter(text, date_format) for text in texts], "%Y-%m"
    if date_format is None and (dates := _cast_iso(texts, zone)) is not None:
        return dates
    offsets: list[Any] = ["%z" in (date_format or "")] * len(texts)
    if date_format is None:
        matches = [text and ISO.fullmatch(text.strip()) for text in texts]
        offsets = [match[1] if match else None for match in matches]
        texts = [match[0] if match else None for match in matches]
        if zone is None:
            texts = [
                text.removesuffix(offset) if text and offset else text
                for text, offset in zip(texts, offsets, strict=True)
            ]
    else:
        texts = [text and _translate(text, date_format) for text in texts]
    column = np.array([text.strip() if text else None for text in texts], dtype=object)
    is_late = np.zeros(len(column), dtype=bool)
    if "%H" in (date_format or "%H"):  # 24:00 is the end of a day
        is_late = np.array([bool(text and _MIDNIGHT.search(text)) for text in column], dtype=bool)
        column[is_late] = [_MIDNIGHT.sub("00:00", text) for text in column[is_late]]
    parsed = pd.to_datetime(column, format=date_format or "ISO8601", utc=True, errors="coerce")
    dates = parsed.tz_convert(None).to_numpy().astype("M8[us]") + is_late.astype("m8[D]")
    has_offset = np.array(offsets, dtype=bool)
    if zone is None or not has_offset.any():
        return dates
    return np.where(has_offset, _show_on_wall(dates, zone), dates)


def _cast_iso(texts: Sequence[str | None], zone: str | None) -> Dates | None:
    """ISO 8601 by Arrow, many times as fast as by pandas; None where a text is none, or unclear."""
    array = pa.array(texts, pa.string())
    if zone is None:
        array = pc.replace_substring_regex(array, _TIME_AND_OFFSET, r"\1")
    try:
        dates: Dates = array.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
        return dates
    except pa.ArrowInvalid:  # offsets, or other texts
        pass
    try:
        instants = array.cast(pa.timestamp("us", "UTC")).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return _show_on_wall(instants, zone) if zone else None


def check_format(date_format: str) -> str:
    """What is wrong with a ``strptime`` format; empty if nothing is."""
    import pandas as pd

    if "%" not in date_format:
        return "it has no directive such as %Y"
    try:
        tried = date_format.replace("%q", "%m")
        pd.to_datetime(["2024"], format=tried, errors="coerce")
    except (ValueError, re.error) as error:
        return str(error)
    return ""


def is_time_only(date_format: str | None) -> bool:
    """Whether a format has a time of day and no date."""
    return date_format is not None and not re.search("%[YymdbBjaAq]", date_format)


def _find_candidates(text: str) -> Iterator[str | None]:
    """The formats that a text may have, by its looks."""
    if ISO.fullmatch(text):
        yield None
        return
    if text.isdigit() or not any(char.isdigit() for char in text) or len(text) > 45:
        return
    if _FRACTION.fullmatch(text) and not _MONTH_WITH_POINT.fullmatch(text):
        return
    for date_format in (*_MONTHLY, *_TIMES[:-2], *_WHOLE):
        if _write_shape(date_format).fullmatch(text):
            yield date_format
    for date_format in (*_DATES, *_YEAR_FIRST):
        if match := _write_shape(date_format).match(text):
            yield from _find_times(text[match.end() :], date_format)


def _find_times(rest: str, date_format: str) -> Iterator[str]:
    """What follows a date: nothing, or a time and perhaps a zone."""
    if not rest:
        if date_format not in ("%Y%m%d", "%y%m%d"):  # digits alone may mean anything
            yield date_format
        return
    for between in _BETWEEN:
        if not rest.startswith(between):
            continue
        for time_format in _TIMES:
            match = _write_shape(time_format).match(rest, len(between))
            if match is None:
                continue
            zone = rest[match.end() :]
            if not zone:
                yield f"{date_format}{between}{time_format}"
            elif _ZONE.fullmatch(zone):
                written = re.sub(r"[+-]\d{2}:?\d{2}|^Z$", "%z", zone)
                yield f"{date_format}{between}{time_format}{written}"


@cache
def _write_shape(date_format: str) -> re.Pattern[str]:
    """A regular expression for what a format may look like, cheaper than parsing."""
    pattern = re.escape(date_format).replace(r"\ ", " ").replace(r"\%", "%")
    return re.compile(re.sub(r"%[A-Za-z]", lambda found: _DIRECTIVES[found[0]], pattern))


def _write_clock(text: str | None) -> str | None:
    """A time of day with all its parts, as 9:30 may be written 09:30:00."""
    match = _CLOCK.fullmatch((text or "").strip())
    return f"{match[1]}{match[2] or ':00'}{match[3] or '.0'}" if match else None


def _write_quarter(text: str | None, date_format: str) -> str | None:
    """The first month of a quarter: "2019-04" for "2019Q2" in the format "%YQ%q"."""
    pattern = re.escape(date_format).replace(r"\ ", " ").replace(r"\%", "%")
    pattern = pattern.replace("%Y", r"(?P<year>\d{4})").replace("%q", "(?P<quarter>[1-4])")
    match = re.fullmatch(pattern, (text or "").strip())
    return f"{match['year']}-{3 * int(match['quarter']) - 2:02}" if match else None


def _translate(text: str, date_format: str) -> str:
    """A text with half days and Korean weekdays as ``strptime`` reads them."""
    if "%p" in date_format:
        text = _MORNING.sub("AM", _AFTERNOON.sub("PM", text))
    if "%A" in date_format:  # Any weekday will do: the date says which one it is.
        text = re.sub("[월화수목금토일]요일", "Monday", text)
    return re.sub(r"\([월화수목금토일]\)", "(Mon)", text) if "%a" in date_format else text


def _show_on_wall(instants: Dates, zone: str) -> Dates:
    utc = pa.array(instants).cast(pa.timestamp("us", "UTC"))
    return pc.local_timestamp(utc.cast(pa.timestamp("us", zone))).to_numpy(zero_copy_only=False)
