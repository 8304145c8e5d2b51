"""How dates and times are written, as ``strptime`` formats; and texts in a format as dates."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Dates = NDArray[np.datetime64]

_LONG_MONTHS = (
    "january|february|march|april|may|june|july|august|september|october|november|december",
    "januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember",
    "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre",
    "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre",
    "janeiro|fevereiro|março|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro",
    "gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|agosto|settembre|ottobre|novembre|dicembre",
    "января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря",
)
_SHORT_MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec",
    "janv|fév|mär|avr|mai|juin|juil|août|sept|okt|nov|dez",
    "ene|févr|mars|abr|mayo|jun|jul|ago|set|out|nov|déc",
    "gen|fev|mar|apr|mag|giu|lug|ago|sept|ott|nov|dic",
)
"""From January to December, in the languages that ``_DIRECTIVES`` names."""
_MONTHS = {
    word: month
    for words in (*_LONG_MONTHS, *_SHORT_MONTHS)
    for month, word in enumerate(words.split("|"), 1)
}
_DIRECTIVES = {
    "%Y": r"\d{4}", "%y": r"\d{2}", "%q": "[1-4]", "%m": r"\d{1,2}", "%d": r"\d{1,2}",
    "%G": r"\d{4}", "%V": r"\d{2}", "%u": "[1-7]", "%s": r"\d{9,13}",
    "%b": "|".join(_SHORT_MONTHS), "%B": "|".join(_LONG_MONTHS),
    "%a": "mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|[월화수목금토일月火水木金土日]",
    "%A": "monday|tuesday|wednesday|thursday|friday|saturday|sunday|[월화수목금토일]요일|"
    "[月火水木金土日]曜日",
    "%H": r"\d{1,2}", "%I": r"\d{1,2}", "%M": r"\d{2}", "%S": r"\d{2}", "%f": r"\d{1,6}",
    "%p": r"[ap]m|[ap]\.m\.|오전|오후", "%z": r"Z|[+-]\d{2}:?\d{2}", "%Z": "[A-Z]{2,5}",
}  # fmt: skip
"""Directives that texts may contain; "%q" is a quarter, "%s" seconds or milliseconds since 1970.

Names are English, German, Korean or Japanese, whatever the locale; those of months also French,
Spanish, Portuguese, Italian or Russian.
"""
_DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y. %m. %d.", "%Y. %m. %d", "%Y년 %m월 %d일"),
    *("%Y년%m월%d일", "%Y年%m月%d日", "%Y%m%d", "%Y-%b-%d", "%Y.%m.%d.", "%d.%m.%Y."),
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%m.%d.%Y", "%d %m %Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%m.%d.%y"),
    *("%d %b %Y", "%d-%b-%Y", "%d/%b/%Y", "%d. %b %Y", "%d %b %y", "%d-%b-%y", "%d%b%Y"),
    *("%d %B %Y", "%d. %B %Y", "%d-%B-%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"),
    *("%Y-%m-%d(%a)", "%Y-%m-%d (%a)", "%Y.%m.%d(%a)", "%Y.%m.%d (%a)", "%Y년 %m월 %d일(%a)"),
    *("%Y년 %m월 %d일 (%a)", "%Y년 %m월 %d일 %A", "%Y年%m月%d日(%a)", "%Y年%m月%d日 %A"),
    *("%a, %d %b %Y", "%a %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%a, %b %d, %Y"),
    *("%b-%d-%Y", "%b/%d/%Y", "%Y %m %d", "%Y_%m_%d", "'%y.%m.%d", "%A, %d %B, %Y"),
    *("%a, %d.%m.%Y", "%a %d.%m.%Y", "%a, %m/%d/%Y", "%a %m/%d/%Y", "%d de %B de %Y"),
    *("%G-W%V-%u", "%GW%V%u"),
)
_YEAR_FIRST = ("%y.%m.%d", "%y/%m/%d", "%y-%m-%d", "%y년 %m월 %d일", "%y%m%d")
"""Taken where no other format fits as well, or all dates would be in more years."""
_MONTHLY = (
    *("%Y-%m", "%Y/%m", "%Y.%m", "%m/%Y", "%m-%Y", "%m.%Y", "%Y년 %m월", "%Y년%m월", "%b-%y"),
    *("%b %y", "%b-%Y", "%b %Y", "%B %Y", "%B-%Y", "%B %y", "%Y-%b", "%Y %b", "%y-%b", "%b'%y"),
    *("%YQ%q", "%Y-Q%q", "%Y Q%q", "%Y/Q%q", "Q%q %Y", "Q%q-%Y", "Q%q/%Y", "%Y년 %q분기"),
    *("%Y년%q분기", "%Y.%q분기", "%q. Quartal %Y", "%B de %Y", "%Y年%m月"),
    *("%qQ%Y", "%qQ %Y", "%qQ%y", "%qQ %y", "Q%q'%y", "Q%q %y", "%Y년 %q/4분기", "%G-W%V", "%GW%V"),
)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")
_TIMES = (
    *(*_CLOCKS, "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I:%M:%S%p"),
    *("%I:%M:%S.%f %p", "%I.%M.%S.%f %p", "%p %I:%M", "%p %I:%M:%S", "%I %p", "%H시 %M분", "%Hh%M"),
    *("%H시 %M분 %S초", "%p %I시 %M분", "%p %I시 %M분 %S초", "%H時%M分", "%H時%M分%S秒"),
    *("%H:%M Uhr", "%H.%M.%S", "%H%M%S", "%H.%M"),
)
_WHOLE = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y")
"""Formats that have the time within the date: those of C's ctime and of Twitter."""
_BETWEEN = (" ", "T", ", ", " - ", ":")
_ZONE = re.compile(
    r"(?:Z| ?[+-]\d{2}:?\d{2})(?:\[[A-Z]\w+(?:/\w+)*\])?| (?:[A-Z]{2,5}|[A-Z][a-z]+/[A-Z]\w+)"
)
_MONTHS_OF_YEARS = frozenset(("%b-%y", "%b %y", "%B %y", "%y-%b", "%b'%y"))
"""12-Nov may be a month of 2012 or a day."""

_ISO = (
    r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?:[T ](?P<H>\d{2})"
    r"(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.\d+)?)?)?(?P<z>Z|[+-]\d{2}(?::?\d{2})?)?)?"
)
_CLOCK = r"(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:\.\d{1,6})?)?"
_TIME_AND_OFFSET = r"^(.{10}[T ]\d{2}.*?)(?:Z|[+-]\d{2}(?::?\d{2})?)$"
_FRACTION = re.compile(r"[+-]?\d*\.\d*")
_MONTH_WITH_POINT = re.compile(r"\d{4}\.\d{2}|\d{2}\.\d{4}")

_FEWEST_YEARS_OF_DAYS = 20
_SAMPLE = 300
_MOST_CANDIDATES = 6
_FEWEST_DATES = 5
_MONTHS_AFTER_POINT = (range(1, 13), (*range(10, 100, 10), 11, 12))
"""In hundredths: 2024.01 to 2024.12, and 2024.1 to 2024.12, of which two are 2024.1 as numbers."""
_LEAST_MILLISECONDS = 10**11  # 1973 in milliseconds, 5138 in seconds
_LONGEST = 45


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
    def years(self) -> NDArray[np.int64]:
        """The years of the dates, ascending."""
        years = np.unique(self.dates[~np.isnat(self.dates)].astype("M8[Y]"))
        return years.astype(np.int64) + 1970

    @property
    def are_days(self) -> bool:
        """Whether what was read as years of two digits is rather days of the month, 1 to 31."""
        if self.date_format not in _MONTHS_OF_YEARS or not self.n_fitting:
            return False
        first, last = self.years[[0, -1]]
        return bool(first > 2000 and last <= 2031 and last - first >= _FEWEST_YEARS_OF_DAYS)


def read_in_formats(texts: Sequence[str]) -> list[Reading]:
    """Read texts in every format that most of them may have, the best fitting first.

    Formats that read all texts alike count once.
    """
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    counts: Counter[str | None] = Counter()
    for text in sample:
        counts.update([*dict.fromkeys(_find_candidates(text))])
    readings: list[Reading] = []
    for date_format, n in counts.most_common(_MOST_CANDIDATES):
        if 2 * n < len(sample):
            break
        new = Reading(date_format, parse_texts(pa.array(texts, pa.string()), date_format))
        if not any(np.array_equal(new.dates, old.dates, equal_nan=True) for old in readings):
            readings.append(new)
    readings = [reading for reading in readings if not reading.are_days]
    readings.sort(key=lambda reading: -reading.n_fitting)
    late = [r for r in readings if str(r.date_format).startswith("%y")]
    others = [r for r in readings if r not in late]
    if not (late and others):
        return readings
    # Years are few: read the wrong way round, the 31 days of a month are 31 years.
    ranks = [(-found[0].n_fitting, len(found[0].years)) for found in (late, others)]
    return late if ranks[0] < ranks[1] else others


def find_styles(texts: Sequence[str]) -> list[str]:
    """An example of each format in which the first texts are dates; empty if some are not dates."""
    styles: dict[str | None, str] = {}
    for text in texts[:_SAMPLE]:
        readings = read_in_formats([text])
        if not readings or not readings[0].n_fitting:
            return []  # 59:06 may be minutes and seconds, and 2019-20 a season.
        styles.setdefault(readings[0].date_format, text)
    return [*styles.values()]


def find_format_of_numbers(numbers: NDArray[np.float64]) -> str | None:
    """The format of numbers that are all dates, such as 20241231, 2024.12 or 20241231235959.

    Args:
        numbers: Of shape (n_rows,), all finite.
    """
    months = np.unique(np.rint(numbers % 1 * 10_000) / 100)
    has_two_digits = len(months) >= _FEWEST_DATES and (months % 10).any()
    are_months = has_two_digits and any(np.isin(months, each).all() for each in _MONTHS_AFTER_POINT)
    if are_months and numbers.min() >= 1900 and numbers.max() < 2101:
        return "%Y.%m"
    for date_format in ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d%H", "%Y%m%d", "%Y%m"):
        unit = 100 ** (date_format.count("%") - 1)
        if not len(numbers) or numbers.min() < 1900 * unit or numbers.max() >= 2101 * unit:
            continue
        distinct = np.unique(numbers)
        if len(distinct) < _FEWEST_DATES or (distinct % 1).any():
            continue
        texts = pa.array(distinct[:_SAMPLE].astype(np.int64)).cast(pa.string())
        if not np.isnat(parse_texts(texts, date_format)).any():
            return date_format
    for unit in (1, 1000):  # 2001 to 2033, as seconds and as milliseconds
        stamps = numbers[(numbers >= 1e9 * unit) & (numbers < 2e9 * unit) & (numbers % 1 == 0)]
        if len(stamps) == len(numbers) and len(np.unique(stamps)) >= _FEWEST_DATES:
            return "%s"
    return None


def parse_texts(texts: pa.Array, date_format: str | None, zone: str | None = None) -> Dates:
    """Texts as wall time, to the second; NaT where one is not a date.

    Args:
        texts: Of shape (n_texts,).
        date_format: As in ``Reading``.
        zone: The zone of the wall time if texts have offsets; None keeps what is
            written.
    """
    if date_format is None and (dates := _cast_iso(texts, zone)) is not None:
        return dates
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
    return np.where(
        pc.not_equal(fields["z"], ""), _show_on_wall(dates - offset.astype("m8[s]"), zone), dates
    )


def _read_days(fields: Mapping[str, pa.Array]) -> tuple[Dates, NDArray[np.bool_]]:
    """Days by the directives of their format, and which of them the calendar has."""
    year, month, day = (_read_field(fields, *field) for field in (("Y", 1970), ("m", 1), ("d", 1)))
    if "y" in fields:
        year = _read_field(fields, "y", 70)
        year = year + np.where(year < 69, 2000, 1900)
    if names := fields.get("b", fields.get("B")):
        places = pc.index_in(pc.utf8_lower(names), pa.array(_MONTHS)).fill_null(0).to_numpy()
        month = np.array([*_MONTHS.values()])[places]
    if "q" in fields:
        month = 3 * _read_field(fields, "q", 1) - 2
    if "V" in fields:
        return _read_weeks(fields)
    first = (12 * (year - 1970) + month - 1).astype("M8[M]")
    days = first.astype("M8[D]") + (day - 1).astype("m8[D]")
    is_month = (year > 0) & (month >= 1) & (month <= 12)
    return days, is_month & (days.astype("M8[M]") == first)


def _read_weeks(fields: Mapping[str, pa.Array]) -> tuple[Dates, NDArray[np.bool_]]:
    """Days of ISO 8601's weeks, of which the first has January 4; Mondays where none is named."""
    first = (_read_field(fields, "G", 1970) - 1970).astype("M8[Y]").astype("M8[D]")
    fourth = first.astype(np.int64) + 3
    week, weekday = _read_field(fields, "V", 1), _read_field(fields, "u", 1)
    monday = fourth - (fourth + 3) % 7  # 1970-01-01 was a Thursday.
    days = (monday + 7 * (week - 1) + weekday - 1).astype("M8[D]")
    return days, (week >= 1) & (week <= 53)


def _read_seconds(fields: Mapping[str, pa.Array]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Seconds since midnight, and which of them a clock shows; 24:00 is the end of a day."""
    if "s" in fields:
        stamps = _read_field(fields, "s")
        return np.where(stamps < _LEAST_MILLISECONDS, stamps, stamps // 1000), stamps >= 0
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


def _cast_iso(texts: pa.Array, zone: str | None) -> Dates | None:
    """ISO 8601 by Arrow, many times as fast; None where a text is in another format, or unclear."""
    if zone is None:
        texts = pc.replace_substring_regex(texts, _TIME_AND_OFFSET, r"\1")
    for offset_zone in (None, "UTC") if zone else (None,):  # without offsets, or all with one
        try:
            dates = texts.cast(pa.timestamp("us", offset_zone)).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            continue
        dates = dates.astype("M8[s]")
        return _show_on_wall(dates, str(zone)) if offset_zone else dates
    return None


def check_format(date_format: str) -> str:
    """Describe an invalid ``strptime`` format; empty if it is valid."""
    directives = re.findall("%.?", date_format)
    if not directives:
        return "it has no directive such as %Y"
    for directive, n in Counter(directives).items():
        if directive not in _DIRECTIVES:
            return f"'{directive}' is not one of {', '.join(_DIRECTIVES)}"
        if n > 1:
            return f"it has '{directive}' more than once"
    return ""


def is_time_only(date_format: str | None) -> bool:
    """Whether a format has a time of day and no date."""
    return date_format is not None and not re.search("%[YymdbBaAqGVs]", date_format)


def _find_candidates(text: str) -> Iterator[str | None]:
    """The formats that a text may have, by its looks."""
    if re.fullmatch(_ISO, text):
        yield None
        return
    if text.isdigit() or not any(map(str.isdigit, text)) or len(text) > _LONGEST:
        return
    if _FRACTION.fullmatch(text) and not _MONTH_WITH_POINT.fullmatch(text):
        return
    for date_format in (*_MONTHLY, *_TIMES[:-2], *_WHOLE):
        if _match(date_format, text) == len(text):
            yield date_format
    for date_format in (*_DATES, *_YEAR_FIRST):
        if end := _match(date_format, text):
            yield from _find_times(text[end:], date_format)


def _find_times(rest: str, date_format: str) -> Iterator[str]:
    """The text after a date: nothing, or a time and perhaps a zone."""
    if not rest:
        if date_format not in ("%Y%m%d", "%y%m%d"):  # digits alone may mean anything
            yield date_format
        return
    for between in _BETWEEN:
        for time_format in _TIMES:
            whole = f"{between}{time_format}"
            if not (rest.startswith(between) and (end := _match(whole, rest))):
                continue
            zone = rest[end:]
            if not zone:
                yield f"{date_format}{whole}"
            elif _ZONE.fullmatch(zone):
                written = re.sub(r"[+-]\d{2}:?\d{2}|^Z$", "%z", zone)
                # A summer has other names: CET and CEST.
                written = re.sub(r"^ (?!UTC|GMT|[AP]M$)[A-Z]{2,5}$", " %Z", written)
                yield f"{date_format}{whole}{written}"


def _match(date_format: str, text: str) -> int:
    """Where the part of a text ends that looks like a format; 0 where no part does."""
    match = _compile(date_format).match(text)
    if match is None:
        return 0
    found = match.groupdict()
    if not 1500 <= int(found.get("Y", found.get("G", 1970))) < 2200:
        return 0
    return match.end()


@cache
def _compile(date_format: str) -> re.Pattern[str]:
    return re.compile(_write_pattern(date_format), re.IGNORECASE | re.ASCII)


def _write_pattern(date_format: str | None) -> str:
    """A regular expression, for Python and RE2, with a group for each directive."""
    if date_format is None:
        return _ISO
    pattern = re.sub(r"(?:\\ )+", " +", re.escape(date_format))
    pattern = re.sub("%([MS])(?=[분초分秒])", r"(?P<\1>\\d{1,2})", pattern)  # 9시 5분
    if re.search("%[bB]", date_format):
        pattern = pattern.replace("%d", "%d(?:st|nd|rd|th)?")
    pattern = pattern.replace("%b", "%b\\.?")  # "Sept." next to "May"
    return re.sub("%([A-Za-z])", lambda found: f"(?P<{found[1]}>{_DIRECTIVES[found[0]]})", pattern)


def _show_on_wall(instants: Dates, zone: str) -> Dates:
    utc = pa.array(instants).cast(pa.timestamp("s", "UTC"))
    return pc.local_timestamp(utc.cast(pa.timestamp("s", zone))).to_numpy(zero_copy_only=False)
