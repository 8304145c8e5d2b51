"""Which values of a table are missing, and the tidying of texts that lets them be seen."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kerasrecipes.recipe.schema import DatasetSpec

if TYPE_CHECKING:
    import pyarrow as pa

# What pandas and pyarrow take for missing, and the "?" of the UCI archive.
TOKENS = frozenset(
    (
        "", "?", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
        "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "NaT", "None", "n/a", "nan", "null",
    )
)  # fmt: skip


def list_tokens(spec: DatasetSpec) -> list[str]:
    """The texts that mean "missing": the usual ones and those of ``missing_values``."""
    told = {text for value in spec.missing_values for text in _write_forms(value)}
    return sorted(TOKENS | told)


def mark_missing(table: pa.Table, spec: DatasetSpec, keep: Collection[str] = ()) -> pa.Table:
    """Null what is missing: NaN, the usual texts such as "?" and "NA", and ``missing_values``.

    A number of ``missing_values`` stands for its every form: -999 is -999.0 too. White space around
    texts is taken off. Columns in which nothing is missing are handed on without a copy.

    Args:
        table: Rows, from wherever they come.
        spec: The recipe's ``dataset``.
        keep: Columns to hand on as they are.
    """
    tokens, numbers = list_tokens(spec), _list_numbers(spec)
    for i, name in enumerate(table.column_names):
        if name not in keep:
            values = table.column(i)
            marked = _mark_column(values, tokens, numbers)
            if marked is not values:
                table = table.set_column(i, name, marked)
    return table


def mark_texts(values: pa.ChunkedArray, tokens: list[str]) -> pa.ChunkedArray:
    """Take white space off texts, and null those that mean "missing"."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(values)
    if pc.any(pc.not_equal(trimmed, values)).as_py():
        values = trimmed
    return _null_where(pc.is_in(values, pa.array(tokens, values.type)), values)


def _write_forms(value: str | float) -> set[str]:
    if isinstance(value, str):
        return {value.strip()}
    whole = int(value) if value == value // 1 else value
    return {str(value), str(whole), str(float(value))}


def _list_numbers(spec: DatasetSpec) -> list[float]:
    numbers = []
    for value in spec.missing_values:
        try:
            numbers.append(float(value))
        except ValueError:  # a word, which no number is
            continue
    return numbers


def _mark_column(
    values: pa.ChunkedArray, tokens: list[str], numbers: list[float]
) -> pa.ChunkedArray:
    import pyarrow as pa

    kind = values.type
    if pa.types.is_dictionary(kind):
        plain = values.cast(kind.value_type)
        marked = _mark_column(plain, tokens, numbers)
        return values if marked is plain else marked.dictionary_encode()
    if pa.types.is_string_view(kind):
        return mark_texts(values.cast(pa.string()), tokens)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return mark_texts(values, tokens)
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return _mark_numbers(values, numbers)
    return values


def _mark_numbers(values: pa.ChunkedArray, numbers: list[float]) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_float16(values.type):  # Arrow 26 computes nothing with these.
        values = values.cast(pa.float32())
    kind = values.type
    if pa.types.is_floating(kind):
        values = _null_where(pc.is_nan(values), values)
    if not numbers:
        return values
    # A float32 column holds float32(0.1), which is not 0.1.
    comparable = values if pa.types.is_floating(kind) else values.cast(pa.float64(), safe=False)
    sought = pa.array(numbers, pa.float64()).cast(comparable.type, safe=False)
    return _null_where(pc.is_in(comparable, sought), values)


def _null_where(missing: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(missing).as_py():
        return values
    # is_in and is_nan are false or null for what is null already.
    return pc.if_else(missing, pa.scalar(None, values.type), values)
