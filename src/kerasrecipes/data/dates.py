"""Dates and times as the numbers that a network can learn from: year, month, weekday.

Dates are wall time: what a clock on the wall showed. Where training data carry a time zone, the
column keeps it, and values in other zones are brought to it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Dates = NDArray[np.datetime64]

DATE_PARTS = ("year", "month", "day", "weekday", "hour", "minute")
_PARTS_OF_TIME = ("hour", "minute")

_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?"
)
_DIGITS = {"%Y": r"\d{4}", "%m": r"\d{1,2}", "%d": r"\d{1,2}", "%H": r"\d{1,2}"}
_DIGITS |= {"%M": r"\d{2}", "%S": r"\d{2}"}
_FORMATS = [
    date + time
    for date in (
        "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y. %m. %d.", "%Y년 %m월 %d일",
        "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    )
    for time in ("", " %H:%M", " %H:%M:%S")
]  # fmt: skip


def find_formats(texts: Sequence[str]) -> list[str | None]:
    """The formats that every text fits; None is ISO 8601, 2024-12-31. Two mean: ambiguous."""
    if not texts:
        return []
    if all(map(_ISO.fullmatch, texts)):
        return [] if np.isnat(_parse_texts(texts, None, None)).any() else [None]
    fitting = [
        date_format
        for date_format in _FORMATS
        if all(map(re.compile(_write_shape(date_format)).fullmatch, texts))
    ]
    return [found for found in fitting if not np.isnat(_parse_texts(texts, found, None)).any()]


def check_format(date_format: str) -> str:
    """What is wrong with a ``strptime`` format; empty if nothing is."""
    import pandas as pd

    if "%" not in date_format:
        return "it has no directive such as %Y"
    try:
        pd.to_datetime(["2024"], format=date_format, errors="coerce")
    except (ValueError, re.error) as error:
        return str(error)
    return ""


def find_zone(values: pa.Array, date_format: str | None) -> str | None:
    """The time zone of a column: its type's; UTC where texts carry offsets; None for wall time."""
    import pyarrow as pa

    if pa.types.is_timestamp(values.type):
        return values.type.tz
    if not is_text(values.type):
        return None
    if date_format is not None:
        return "UTC" if "%z" in date_format else None
    matches = (_ISO.fullmatch(text) for text in values.to_pylist() if text is not None)
    return "UTC" if any(match and match[1] for match in matches) else None


def parse_dates(values: pa.Array, date_format: str | None, zone: str | None) -> Dates:
    """Dates, times or texts as wall time.

    Args:
        values: Of shape (n_values,).
        date_format: How texts are written, for ``strptime``; None is ISO 8601.
        zone: The time zone whose wall time is meant; None keeps what is written.

    Returns:
        Of shape (n_values,), in microseconds; NaT where a value is missing or is no date.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if is_text(kind):
        return _parse_texts(values.to_pylist(), date_format, zone)
    if pa.types.is_time(kind):
        values = values.cast(pa.time64("us"), safe=False).cast(pa.int64())
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        values = values.cast(pa.timestamp("us", zone or kind.tz), safe=False)
        values = pc.local_timestamp(values)
    dates: Dates = values.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
    return dates


def choose_parts(dates: Dates, *, is_time: bool = False) -> tuple[str, ...]:
    """The parts that vary; where none does, one of them all the same."""
    dates = dates[~np.isnat(dates)]
    choices = _PARTS_OF_TIME if is_time else DATE_PARTS
    varying = [part for part in choices if len(np.unique(compute_part(dates, part))) > 1]
    return tuple(varying) or choices[:1]


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
        minutes = (dates - days).astype("m8[m]").astype(np.int64)
        numbers = minutes // 60 if part == "hour" else minutes % 60
    return np.where(np.isnat(dates), np.nan, numbers).astype(np.float32)


def describe_dates(dates: Dates, *, is_time: bool = False) -> str:
    """From when to when, for a person."""
    dates = dates[~np.isnat(dates)]
    if not len(dates):
        return "no dates"
    first, last = dates.min(), dates.max()
    if is_time:
        return f"times from {_write(first, 'm')[11:]} to {_write(last, 'm')[11:]}"
    unit: Literal["D", "m"] = "D"
    if first != last and first.astype("M8[D]") == last.astype("M8[D]"):
        unit = "m"
    return f"dates from {_write(first, unit)} to {_write(last, unit)}"


def _write(date: Any, unit: Literal["D", "m"]) -> str:
    return str(np.datetime_as_string(date, unit=unit, casting="unsafe")).replace("T", " ")


def _write_shape(date_format: str) -> str:
    """A regular expression for what a format may look like, cheaper than parsing."""
    return re.sub(
        r"%[A-Za-z]", lambda directive: _DIGITS[directive[0]], re.sub(r"\.", r"\\.", date_format)
    )


def _parse_texts(texts: Sequence[str | None], date_format: str | None, zone: str | None) -> Dates:
    import pandas as pd

    offsets: list[Any] = ["%z" in (date_format or "")] * len(texts)
    if date_format is None:
        matches = [text and _ISO.fullmatch(text.strip()) for text in texts]
        offsets = [match[1] if match else None for match in matches]
        texts = [match[0] if match else None for match in matches]
        if zone is None:
            texts = [
                text.removesuffix(offset) if text and offset else text
                for text, offset in zip(texts, offsets, strict=True)
            ]
    column = np.array([text.strip() if text else None for text in texts], dtype=object)
    parsed = pd.to_datetime(column, format=date_format or "ISO8601", utc=True, errors="coerce")
    dates: Dates = parsed.tz_convert(None).to_numpy().astype("M8[us]")
    has_offset = np.array(offsets, dtype=bool)
    if zone is None or not has_offset.any():
        return dates
    return np.where(has_offset, _show_on_wall(dates, zone), dates)


def _show_on_wall(instants: Dates, zone: str) -> Dates:
    import pyarrow as pa
    import pyarrow.compute as pc

    utc = pa.array(instants).cast(pa.timestamp("us", "UTC"))
    return pc.local_timestamp(utc.cast(pa.timestamp("us", zone))).to_numpy(zero_copy_only=False)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of the three for text."""
    import pyarrow as pa

    return (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
