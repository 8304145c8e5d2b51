"""A column's values: Arrow's types to arrays, one rule for training and for prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.dataset import Column, Kind
from kerasrecipes.data.dates import compute_part, is_text, parse_dates
from kerasrecipes.recipe.yaml_file import write_value

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 5
"""How many of many rows or values a message shows."""

_EXPECTED: dict[Kind, str] = {
    "number": "numbers",
    "boolean": "true or false (or yes and no, 1 and 0)",
    "category": "numbers, texts, truth values or dates",
    "date": "dates",
}
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$|^[+-]?(inf|Infinity)$|^(nan|NaN)$"
_TRUTHS = dict.fromkeys(("true", "t", "yes", "y", "1"), 1.0)
_TRUTHS |= dict.fromkeys(("false", "f", "no", "n", "0"), 0.0)
_TRUTHS[""] = np.nan


def read_column(
    values: pa.ChunkedArray, column: Column, first_row: int
) -> tuple[list[NDArray[Any]], str]:
    """The arrays that a column gives, and what is wrong with it."""
    import pyarrow as pa

    values = decode_values(values)
    if pa.types.is_null(values.type):
        missing: Any = "" if column.kind == "category" else np.float32(np.nan)
        dtype = object if column.kind == "category" else np.float32
        return [np.full(len(values), missing, dtype) for _ in column.inputs], ""
    if is_refused(values.type, column):
        expected = _EXPECTED[column.kind]
        return [], f"column {column.name} must hold {expected}; its type is {values.type}."
    if column.kind == "number" and not is_text(values.type):
        if pa.types.is_decimal(values.type):
            values = values.cast(pa.float64())
        numbers = values.cast(pa.float32(), safe=False).to_numpy()
        return [numbers], ""
    codes, distinct = encode_values(values)
    arrays, wrong = _read_distinct(distinct, column)
    rows = np.flatnonzero(np.append(wrong, False)[codes]) if wrong.any() else codes[:0]
    if not len(rows):
        return [array[codes] for array in arrays], ""
    shown = show_values(name_values(distinct.take(codes[rows[:SHOWN]])), rows + first_row)
    written = column.arguments.get("format")
    written = f" written as {write_value(written)}" if written else ", such as 2024-12-31"
    expected = f"dates{written}" if column.kind == "date" else _EXPECTED[column.kind]
    noun, it = ("value is none", "it") if len(rows) == 1 else ("values are none", "them")
    return [], (
        f"column {column.name} must hold {expected}; {len(rows):,} {noun}: {shown}. Mend {it}, "
        "or name in missing_values what means that a value is missing."
    )


def decode_values(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values of a dictionary type as those that the dictionary holds, and views as text."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    # Arrow 26 cannot take from views, nor write them as numbers.
    return values.cast(pa.large_string()) if pa.types.is_string_view(values.type) else values


def encode_values(values: pa.ChunkedArray) -> tuple[NDArray[np.integer[Any]], pa.Array]:
    """Each value's number among the distinct ones, and these; a missing value's is past the end."""
    import pyarrow as pa

    if len(values):
        encoded = values.dictionary_encode().combine_chunks()
    else:  # Arrow 26 cannot combine no chunks into a dictionary of dates.
        encoded = pa.array([], values.type).dictionary_encode()
    codes = encoded.indices.fill_null(len(encoded.dictionary))
    return codes.to_numpy(zero_copy_only=False), encoded.dictionary


def name_values(values: pa.Array) -> list[str]:
    """Values as the categories that they are: 3, 3.0 and "3" are one; "" where one is missing."""
    import pyarrow as pa

    if pa.types.is_floating(values.type):
        # NumPy writes a float32's own digits, 0.1; Python would write 0.10000000149011612.
        return [name_value(float(str(x))) for x in values.to_numpy(zero_copy_only=False)]
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    return [name_value(value) for value in values.to_pylist()]


def name_value(value: object) -> str:
    """A value as the category that it is; see ``name_values``."""
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


def find_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of a column's values, as ``read_column`` gives them, are missing."""
    is_missing = values == "" if values.dtype == object else np.isnan(values)
    return is_missing.astype(bool, copy=False)


def parse_numbers(texts: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Texts as numbers, and which of them are none; missing and empty ones are NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim_whitespace(texts.cast(pa.large_string()))
    fits = pc.match_substring_regex(texts, _NUMBER)
    numbers = pc.if_else(fits, texts, pa.scalar(None, pa.large_string())).cast(pa.float64())
    wrong = pc.and_(pc.invert(fits), pc.not_equal(texts, "")).fill_null(False)
    return (
        numbers.to_numpy(zero_copy_only=False).astype(np.float64),
        wrong.to_numpy(zero_copy_only=False),
    )


def show_rows(rows: Sequence[Any] | NDArray[np.integer[Any]]) -> str:
    """The first few row numbers: "row 3", "rows 1, 4 and 7 more"."""
    shown = ", ".join(str(row) for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


def show_values(values: Sequence[str], rows: NDArray[np.integer[Any]]) -> str:
    """The first few of some values with their rows: "'a' (row 3), 'b' (row 4) and 2 more"."""
    shown = [f"{write_value(value)} (row {row})" for value, row in zip(values, rows, strict=False)]
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    return f"{', '.join(shown[:SHOWN])}{more}"


def is_usable(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type can be a column's: no lists, bytes or durations."""
    import pyarrow as pa

    is_plain = pa.types.is_primitive(kind) and not pa.types.is_duration(kind)
    is_plain &= not pa.types.is_interval(kind)
    return is_plain or pa.types.is_decimal(kind) or is_text(kind)


def _read_distinct(
    distinct: pa.Array, column: Column
) -> tuple[list[NDArray[Any]], NDArray[np.bool_]]:
    """A column's arrays for its distinct values and, last, a missing one; and which are wrong."""
    if column.kind == "number":
        numbers, wrong = parse_numbers(distinct)
        with np.errstate(over="ignore"):
            return [np.append(numbers, np.nan).astype(np.float32)], wrong
    if column.kind == "date":
        dates = read_dates(distinct, column.arguments)
        wrong = np.isnat(dates)
        unread = name_values(distinct.take(np.flatnonzero(wrong)))
        wrong[wrong] = np.array([bool(text.strip()) for text in unread], dtype=bool)
        dates = np.append(dates, np.datetime64("NaT"))
        return [compute_part(dates, part) for part in column.parts], wrong
    names = np.array([*name_values(distinct), ""], dtype=object)
    if column.kind == "category":
        return [names], np.zeros(len(distinct), dtype=bool)
    folded = [name.strip().lower() for name in names]
    truths = np.array([_TRUTHS.get(name, np.nan) for name in folded], dtype=np.float32)
    return [truths], np.array([name not in _TRUTHS for name in folded[:-1]], dtype=bool)


def read_dates(distinct: pa.Array, arguments: Mapping[str, Any]) -> NDArray[np.datetime64]:
    """Values as dates by a date column's arguments; NaT where one is none."""
    import pyarrow as pa

    if not (is_text(distinct.type) or pa.types.is_temporal(distinct.type)):
        distinct = pa.array([name or None for name in name_values(distinct)], pa.string())
    return parse_dates(distinct, arguments["format"], arguments.get("zone"))


def is_refused(kind: pa.DataType, column: Column) -> bool:
    """Whether no value of an Arrow type can be one of the column's."""
    import pyarrow as pa

    if not is_usable(kind):
        return True
    if column.kind == "date":
        # 20241231 is a date only to who says how it is written.
        if pa.types.is_time(kind):
            return not {*column.parts} <= {"hour", "minute"}
        is_dated = is_text(kind) or pa.types.is_temporal(kind)
        return not is_dated and column.arguments["format"] is None
    return column.kind != "category" and pa.types.is_temporal(kind)
