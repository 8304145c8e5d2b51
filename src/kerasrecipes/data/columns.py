"""A table's columns: which are used and how each is taken, and their values as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.dataset import Column, Kind
from kerasrecipes.data.dates import (
    check_format,
    choose_parts,
    describe_dates,
    find_formats,
    find_zone,
    is_text,
)
from kerasrecipes.data.values import (
    SHOWN,
    decode_values,
    encode_values,
    is_refused,
    is_usable,
    name_values,
    parse_numbers,
    read_column,
    read_dates,
    show_values,
)
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import FEATURES, Component, DatasetSpec
from kerasrecipes.recipe.suggest import find_meant
from kerasrecipes.recipe.yaml_file import write_value

if TYPE_CHECKING:
    import pyarrow as pa

FEW_VALUES = 100
"""Texts of at most so many distinct values are categories, however few the rows."""

_COLUMNS_SHOWN = 30
_FEWEST_ROWS_NUMBERED = 10
_FEWEST_ROWS_UNLIKE = 20

_KINDS: dict[str, Kind] = {"boolean": "boolean", "date": "date"}
_KINDS |= {word: "number" for word in FEATURES if word.startswith("float")}
_KINDS |= {word: "category" for word in FEATURES if word.startswith(("string", "integer"))}

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
    table: pa.Table,
    columns: Sequence[Column],
    dataset: str,
    first_row: int = 0,
) -> dict[str, NDArray[Any]]:
    """Read columns as training read them; others may stand beside them, in any order.

    Args:
        table: Rows, or a chunk of them; what is missing is null.
        columns: What ``infer_columns`` found.
        dataset: The data set's name, for messages.
        first_row: The number of the first row in its file, for messages.

    Returns:
        By input, of shape (n_rows,): float32, NaN where a value is missing; or categories as text
        (dtype object, equal texts share memory), "" where one is missing.

    Raises:
        DataError: Columns are missing, or hold what they must not; it lists everything.
    """
    names = Counter(table.column_names)
    problems = [*_find_missing_columns(names, columns)]
    inputs: dict[str, NDArray[Any]] = {}
    for column in columns:
        if names[column.name] != 1:
            continue
        arrays, problem = read_column(table.column(column.name), column, first_row)
        inputs |= zip(column.inputs, arrays, strict=False)
        problems += [problem] if problem else []
    if problems:
        raise DataError(dataset, problems)
    return inputs


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


def _write_use(name: str, use: Any) -> str:
    return f"to use it: features: {write_value({name: use}, 200)}"


def _take_as_told(name: str, values: pa.ChunkedArray, component: Component) -> Column:
    arguments = FEATURES[component.name] | component.arguments
    kind = _KINDS[component.name]
    values = decode_values(values)
    column = Column(name, kind, component.name, arguments, reason="as features says")
    if kind == "date" and not is_refused(values.type, column):
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
    dates = read_dates(distinct, arguments)
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
