"""A table's columns: which are used and how each is taken, and their values as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.dataset import Column, Kind
from kerasrecipes.data.dates import (
    check_format,
    choose_parts,
    compute_part,
    describe_dates,
    find_formats,
    find_zone,
    is_text,
    parse_dates,
)
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import FEATURES, Component, DatasetSpec
from kerasrecipes.recipe.suggest import find_meant
from kerasrecipes.recipe.yaml_file import write_value

if TYPE_CHECKING:
    import pyarrow as pa

FEW_VALUES = 100
"""Texts of at most so many distinct values are categories, however few the rows."""

SHOWN = 5
_COLUMNS_SHOWN = 30
_FEWEST_ROWS_NUMBERED = 10
_FEWEST_ROWS_UNLIKE = 20

_KINDS: dict[str, Kind] = {"boolean": "boolean", "date": "date"}
_KINDS |= {word: "number" for word in FEATURES if word.startswith("float")}
_KINDS |= {word: "category" for word in FEATURES if word.startswith(("string", "integer"))}
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

Found = tuple[tuple[Column, ...], tuple[tuple[str, str], ...]]


def infer_columns(
    table: pa.Table, spec: DatasetSpec, targets: Sequence[str], dataset: str = "table"
) -> Found:
    """Decide which columns are used, and how each is taken.

    ``features`` of the recipe wins; other columns are taken by their types and values. Columns of
    ``drop`` and targets are in neither answer.

    Args:
        table: Every row; what is missing is null.
        spec: The recipe's ``dataset``.
        targets: The columns that are to be predicted.
        dataset: The data set's name, for messages.

    Returns:
        The columns to use, and pairs of a column left out and the reason, in the table's order.

    Raises:
        DataError: The recipe names columns that are not there, or none is left; it lists all.
    """
    problems = [*check_names(table.column_names, spec, targets)]
    if problems:
        raise DataError(dataset, problems)
    used: list[Column] = []
    reasons: dict[str, str] = {}
    numbered: dict[str, str] = {}
    for name in table.column_names:
        if name in targets or name in spec.drop:
            continue
        values = table.column(name)
        if name in spec.features:
            used.append(_take_as_told(name, values, spec.features[name]))
            continue
        found = _infer_column(name, values)
        if isinstance(found, str):
            reasons[name] = found
            continue
        used.append(found)
        if start := _find_row_number(values):
            numbered[name] = f"a row number, {start}; {_write_use(name, 'float_normalized')}"
    # Where nothing else is there to learn from, 0, 1, 2, … is likely an x to draw a curve over.
    if len(numbered) < len(used):
        used = [column for column in used if column.name not in numbered]
        reasons |= numbered
    left_out = tuple((name, reasons[name]) for name in table.column_names if name in reasons)
    problems = [*_check_used(used, left_out, spec)]
    if problems:
        raise DataError(dataset, problems)
    return tuple(used), left_out


def read_columns(
    table: pa.Table | pa.RecordBatch,
    columns: Sequence[Column],
    dataset: str,
    first_row: int = 0,
    where: str = "",
) -> dict[str, NDArray[Any]]:
    """Read columns as training read them; others may stand beside them, in any order.

    Args:
        table: Rows, or a chunk of them; what is missing is null.
        columns: What ``infer_columns`` found.
        dataset: The data set's name, for messages.
        first_row: The number of the first row in its file, for messages.
        where: The file that the rows come from, for messages.

    Returns:
        By input, of shape (n_rows,): float32, NaN where a value is missing; or categories as text
        (dtype object, equal texts share memory), "" where one is missing.

    Raises:
        DataError: Columns are missing, or hold what they must not; it lists everything.
    """
    import pyarrow as pa

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    names = Counter(table.column_names)
    problems = [*_find_missing_columns(names, columns)]
    inputs: dict[str, NDArray[Any]] = {}
    for column in columns:
        if names[column.name] != 1:
            continue
        arrays, problem = _read_column(table.column(column.name), column, first_row)
        inputs |= zip(column.inputs, arrays, strict=False)
        problems += [problem] if problem else []
    if problems:
        raise DataError(dataset, [f"{where}: {text}" if where else text for text in problems])
    return inputs


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


def list_columns(names: Sequence[str]) -> str:
    """The columns of a table, for the end of a message."""
    more = f" and {len(names) - _COLUMNS_SHOWN:,} more" if len(names) > _COLUMNS_SHOWN else ""
    return f"The columns: {', '.join(names[:_COLUMNS_SHOWN])}{more}."


def check_names(names: Sequence[str], spec: DatasetSpec, targets: Sequence[str]) -> Iterator[str]:
    """What is wrong with the columns that a recipe names, before their values are looked at."""
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{count} columns are named '{name}'. Give each a name of its own."
    named = [("target", targets), ("drop", spec.drop), ("features", spec.features)]
    named += [("crosses", cross.feature_names) for cross in spec.crosses]
    for key, asked in named:
        for name in asked:
            if name not in names:
                yield f"{key}: no column '{name}'.{_ask(name, names)} {list_columns(names)}"
            elif key != "target" and name in targets:
                yield f"{key}: '{name}' is the target. Remove it from {key}."
            elif key not in ("target", "drop") and name in spec.drop:
                yield f"{key}: '{name}' is in drop too. Remove it from one of them."
    for name, component in spec.features.items():
        date_format = component.arguments.get("format")
        wrong = check_format(date_format) if isinstance(date_format, str) else ""
        if wrong:
            yield (
                f"features: the format of {name} is none that strptime takes: {wrong} (received: "
                f"format={write_value(date_format)}). Write it as in '%d.%m.%Y'."
            )


def _check_used(
    used: Sequence[Column], left_out: Sequence[tuple[str, str]], spec: DatasetSpec
) -> Iterator[str]:
    if not used:
        why = "".join(f" {name} is left out: {reason}." for name, reason in left_out[:SHOWN])
        yield f"no column is left to learn from.{why} Keep at least one."
    reasons = dict(left_out)
    for name in dict.fromkeys(name for cross in spec.crosses for name in cross.feature_names):
        if name in reasons:
            yield f"crosses: '{name}' is left out: {reasons[name]}."
        kind = next((column.kind for column in used if column.name == name), "category")
        if kind != "category":
            use = _write_use(name, "integer_categorical")
            yield f"crosses: '{name}' is a {kind}, and only categories are crossed; {use}."
    inputs = Counter(name for column in used for name in column.inputs)
    for name, count in inputs.items():
        if count > 1:
            yield f"{count} columns give an input '{name}'. Rename one, or leave it out with drop."


def _ask(name: str, choices: Sequence[str]) -> str:
    meant = find_meant(name, choices)
    return f" Did you mean '{meant}'?" if meant else ""


def _find_missing_columns(names: Counter[str], columns: Sequence[Column]) -> Iterator[str]:
    needed = {column.name for column in columns}
    free = [name for name in names if name not in needed]
    missing = []
    for column in columns:
        if names[column.name] > 1:
            yield f"{names[column.name]} columns are named '{column.name}'. Keep one of them."
        elif not names[column.name]:
            meant = find_meant(column.name, free)
            missing.append(f"{column.name} (is it '{meant}'?)" if meant else column.name)
    if missing:
        noun = "columns are" if len(missing) > 1 else "column is"
        yield (
            f"{len(missing)} {noun} missing: {', '.join(missing)}. Add them, or rename those that "
            f"are meant. {list_columns([*names])}"
        )


def _read_column(
    values: pa.ChunkedArray, column: Column, first_row: int
) -> tuple[list[NDArray[Any]], str]:
    """The arrays that a column gives, and what is wrong with it."""
    import pyarrow as pa

    values = decode_values(values)
    if pa.types.is_null(values.type):
        missing: Any = "" if column.kind == "category" else np.float32(np.nan)
        dtype = object if column.kind == "category" else np.float32
        return [np.full(len(values), missing, dtype) for _ in column.inputs], ""
    if _is_refused(values.type, column):
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


def _read_distinct(
    distinct: pa.Array, column: Column
) -> tuple[list[NDArray[Any]], NDArray[np.bool_]]:
    """A column's arrays for its distinct values and, last, a missing one; and which are wrong."""
    if column.kind == "number":
        numbers, wrong = parse_numbers(distinct)
        with np.errstate(over="ignore"):
            return [np.append(numbers, np.nan).astype(np.float32)], wrong
    if column.kind == "date":
        dates = _parse_dates(distinct, column.arguments)
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


def _parse_dates(distinct: pa.Array, arguments: Mapping[str, Any]) -> NDArray[np.datetime64]:
    import pyarrow as pa

    if not (is_text(distinct.type) or pa.types.is_temporal(distinct.type)):
        distinct = pa.array([name or None for name in name_values(distinct)], pa.string())
    return parse_dates(distinct, arguments["format"], arguments.get("zone"))


def is_usable(kind: pa.DataType) -> bool:
    """Whether values of an Arrow type can be a column's: no lists, bytes or durations."""
    import pyarrow as pa

    is_plain = pa.types.is_primitive(kind) and not pa.types.is_duration(kind)
    is_plain &= not pa.types.is_interval(kind)
    return is_plain or pa.types.is_decimal(kind) or is_text(kind)


def _is_refused(kind: pa.DataType, column: Column) -> bool:
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


def _write_use(name: str, use: Any) -> str:
    return f"to use it: features: {write_value({name: use}, 200)}"


def _take_as_told(name: str, values: pa.ChunkedArray, component: Component) -> Column:
    arguments = FEATURES[component.name] | component.arguments
    kind = _KINDS[component.name]
    values = decode_values(values)
    column = Column(name, kind, component.name, arguments, reason="as features says")
    if kind == "date" and not _is_refused(values.type, column):
        return _take_date(name, encode_values(values)[1], arguments, column.reason)
    return column


def _infer_column(name: str, values: pa.ChunkedArray) -> Column | str:
    """How a column is taken by its type and values, or why it is left out."""
    import pyarrow as pa

    if values.null_count == len(values):
        return "no values"
    is_dictionary = pa.types.is_dictionary(values.type)
    values = decode_values(values)
    kind = values.type
    if not is_usable(kind):
        return f"its type, {kind}, is not one that can be used"
    if is_dictionary and not is_text(kind):
        distinct = len(set(name_values(encode_values(values)[1])) - {""})
        return _take_category(name, distinct)
    if pa.types.is_boolean(kind):
        return Column(name, "boolean", "boolean", reason="true or false")
    if is_text(kind):
        return _infer_text(name, values, is_dictionary=is_dictionary)
    if pa.types.is_temporal(kind):
        return _take_date(name, encode_values(values)[1], FEATURES["date"])
    return Column(name, reason="number")


def _infer_text(name: str, values: pa.ChunkedArray, *, is_dictionary: bool) -> Column | str:
    codes, distinct = encode_values(values)
    names = np.array([*name_values(distinct), ""], dtype=object)
    texts = [text for text in names if text]
    if not texts:
        return "no values"
    if is_dictionary:
        return _take_category(name, len(texts))
    n_values = int((names != "")[codes].sum())
    formats = find_formats(texts)
    if len(formats) == 1:
        return _take_date(name, distinct, FEATURES["date"] | {"format": formats[0]})
    wrong = np.append(parse_numbers(distinct)[1], False)
    if not wrong.any() and _are_quantities(texts):
        return Column(name, reason="number, written as text")
    note = _describe_words(names[codes], wrong[codes], n_values)
    if formats:
        use = write_value({name: {"date": {"format": formats[0]}}}, 200)
        note = f"; say which of {write_value(texts[0])} is the day: features: {use}"
    unlike = len(texts) == n_values >= _FEWEST_ROWS_UNLIKE
    if unlike or len(texts) > max(FEW_VALUES, n_values / 2):
        what = f"{len(texts):,} distinct texts in {n_values:,} rows: an identifier or free text"
        return what + (note or f"; {_write_use(name, 'string_hashed')}")
    return _take_category(name, len(texts), note)


def _are_quantities(texts: Sequence[str]) -> bool:
    """Whether texts that are numbers count or measure; "007" and a few small numbers are codes."""
    digits = [text.strip().lstrip("+-") for text in texts]
    if any(text[:1] == "0" and text[1:2].isdigit() for text in digits):
        return False
    return len(texts) > FEW_VALUES or any(not text.isdigit() for text in digits)


def _describe_words(texts: NDArray[Any], wrong: NDArray[np.bool_], n_values: int) -> str:
    """What keeps a text column from being one of numbers; empty where it is far from that."""
    rows = np.flatnonzero(wrong)
    if not 0 < 2 * len(rows) < n_values:
        return ""
    words = sorted(set(texts[rows]))
    verb = "is no number" if len(rows) == 1 else "are no numbers"
    remedy = f"missing_values: {write_value(words, 200)}" if len(words) <= SHOWN else "mend them"
    return (
        f"; {len(rows):,} of {n_values:,} values {verb}, such as "
        f"{show_values([*texts[rows[:1]]], rows[:1])}; to have numbers: {remedy}"
    )


def _take_category(name: str, n_distinct: int, note: str = "") -> Column:
    arguments = dict(FEATURES["string_categorical"])
    reason = f"{n_distinct:,} distinct value{'s' if n_distinct != 1 else ''}"
    if n_distinct > arguments["max_tokens"]:
        reason += f", the {arguments['max_tokens']} most frequent of them told apart"
    return Column(name, "category", "string_categorical", arguments, reason=reason + note)


def _take_date(
    name: str, distinct: pa.Array, arguments: dict[str, Any], reason: str = ""
) -> Column:
    import pyarrow as pa

    date_format = arguments["format"]
    if date_format is None and is_text(distinct.type):
        formats = find_formats([text for text in distinct.to_pylist() if text])
        date_format = formats[0] if len(formats) == 1 else None
    zone = find_zone(distinct, date_format)
    arguments = arguments | {"format": date_format} | ({"zone": zone} if zone else {})
    is_time = pa.types.is_time(distinct.type)
    dates = _parse_dates(distinct, arguments)
    reason = reason or describe_dates(dates, is_time=is_time)
    return Column(name, "date", "date", arguments, choose_parts(dates, is_time=is_time), reason)


def _find_row_number(values: pa.ChunkedArray) -> str:
    """Whether a column counts its rows, and from where, for a person; empty if it does not."""
    import pyarrow as pa

    n_rows = len(values)
    if not pa.types.is_integer(values.type) or values.null_count or n_rows < _FEWEST_ROWS_NUMBERED:
        return ""
    start = values[0].as_py()
    if start not in (0, 1) or values[-1].as_py() != start + n_rows - 1:
        return ""
    counted = np.array_equal(values.to_numpy(), np.arange(start, start + n_rows))
    return f"counted from {start}" if counted else ""
