"""The types of columns of text, found piece by piece: pyarrow's inference within bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def list_ladders() -> tuple[tuple[pa.DataType, ...], ...]:
    """Types in the order in which they are tried; each holds every value of those before it."""
    import pyarrow as pa

    return (
        (pa.int64(), pa.float64()),
        (pa.bool_(),),
        (pa.date32(), pa.timestamp("s"), pa.timestamp("us")),
        (pa.timestamp("s", "UTC"), pa.timestamp("us", "UTC")),
    )


def widen_type(texts: pa.Array, kind: pa.DataType, decimal: str) -> pa.DataType:
    """The narrowest type that holds a column's values so far (of type ``kind``) and these.

    Args:
        texts: Further values; what is missing is null.
        kind: The type so far; null() where there was no value yet.
        decimal: What stands before the fraction of a number.
    """
    import pyarrow as pa

    if texts.null_count == len(texts) or pa.types.is_string(kind):
        return kind
    for wider in _list_wider(kind):
        try:
            parse_texts(texts, wider, decimal)
        except pa.ArrowInvalid:
            continue
        return wider
    return pa.string()


def parse_texts(texts: pa.Array, kind: pa.DataType, decimal: str) -> pa.Array:
    """Texts as values of a type; ArrowInvalid where one is none."""
    import pyarrow as pa

    if pa.types.is_floating(kind):
        texts = point_numbers(texts, decimal)
    return texts.cast(kind)


def point_numbers(texts: pa.Array, decimal: str) -> pa.Array:
    """Write "1,5" as "1.5" where the comma is the decimal mark; other texts stay as they are."""
    import pyarrow.compute as pc

    if decimal == ".":
        return texts
    return pc.replace_substring_regex(
        texts, r"^([+-]?[0-9]*),([0-9]+(?:[eE][+-]?[0-9]+)?)$", r"\1.\2"
    )


def _list_wider(kind: pa.DataType) -> Sequence[pa.DataType]:
    import pyarrow as pa

    if pa.types.is_null(kind):
        return [wider for ladder in list_ladders() for wider in ladder]
    for ladder in list_ladders():
        if kind in ladder:
            return ladder[ladder.index(kind) :]
    return []
