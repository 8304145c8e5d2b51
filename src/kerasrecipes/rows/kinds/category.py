"""Columns of words: truth values, categories, which may be codes, and free text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Cells, is_text, is_usable, name_value
from kerasrecipes.rows.kinds.base import Column, Finding, Parsed
from kerasrecipes.rows.kinds.number import are_plain_numbers
from kerasrecipes.rows.limits import LONGEST_TEXT
from kerasrecipes.rows.words import count, write_use

_FEW_VALUES = 100
"""Texts of at most so many distinct values are categories, however few the rows."""

_FEWEST_ROWS_UNLIKE = 20
"""From so many rows on, texts of which none recurs are not categories."""

_FEWEST_WORDS = 5
"""Names and addresses have fewer on average."""

_TRUTHS = dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), 1.0)
_TRUTHS |= dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), 0.0)

_LOOKED_UP = "category, up to {max_tokens:,} values"
_HASHED = "category, hashed to {num_bins:,} values"


class BooleanColumn(Column):
    """True or false, as 1 and 0 of dtype float32; NaN where a value is missing."""

    kind = "boolean"
    words: ClassVar[Mapping[str, str]] = {"boolean": "true or false"}
    expected = "true or false (or yes and no, 1 and 0)"

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise a column of Arrow's truth values, or of the words true and false."""
        is_boolean = pa.types.is_boolean(cells.type)
        if cells.is_text and len(cells.names) <= 6:
            is_boolean = {name.lower() for name in cells.names} <= {"true", "false"}
        column = cls(cells.name, "boolean", reason="true or false")
        return Finding(column) if is_boolean else None

    def parse(self, cells: Cells) -> Parsed:
        truths = [_TRUTHS.get(name.lower(), np.nan) for name in cells.names]
        return np.array([*truths, np.nan], np.float32), np.isnan(truths)


class CategoryCode(NamedTuple):
    """How categories become the model's input: those with a column each, and those that share one.

    ``rows`` has the encoded row of an unknown category and of each of the vocabulary, in which a
    missing one is "", of shape (n_vocabulary + 1, n_places).
    """

    vocabulary: list[str]
    rare: list[str]
    rows: NDArray[np.float32]


class CategoryColumn(Column):
    """Categories, as texts of dtype object; "" where a value is missing.

    Where all values of the training rows are numbers, 10, 10.0 and "10" are one category.
    """

    kind = "category"
    words: ClassVar[Mapping[str, str]] = {
        "string_categorical": _LOOKED_UP,
        "string_hashed": _HASHED,
        "integer_categorical": _LOOKED_UP,
        "integer_hashed": _HASHED,
    }
    model_input = "categories"
    expected = "numbers, texts, truth values or dates"

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise texts that recur; others are left out as identifiers or free text."""
        if not (cells.is_text or cells.is_category):
            return None
        n_distinct, n_values = len(cells.names), cells.n_values
        is_unlike = n_distinct == n_values >= _FEWEST_ROWS_UNLIKE
        is_unlike |= n_distinct > max(_FEW_VALUES, n_values / 2)
        if is_unlike and not cells.is_category:
            what = f"{n_distinct:,} distinct texts in {n_values:,} rows: an identifier or free text"
            use = f"to use it: {write_use(cells.name, 'string_hashed')}"
            return Finding(None, what, use)
        column = cls.take(cells, "string_categorical", {})
        n_most, reason = column.arguments["max_tokens"], count(n_distinct, "distinct value")
        if n_distinct > n_most:
            reason += f", the {n_most} most frequent of them distinguished"
        return Finding(replace(column, reason=reason))

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        column = super().take(cells, feature, arguments)
        are_numbers = cells.is_number or (cells.is_text and are_plain_numbers(cells.distinct))
        found = {**column.arguments, "are_numbers": True}
        return replace(column, arguments=found) if are_numbers else column

    def accepts(self, kind: pa.DataType) -> bool:
        return is_usable(kind)

    def parse(self, cells: Cells) -> Parsed:
        names = cells.names
        if self.arguments.get("are_numbers"):
            names = [_name_number(name) for name in names]
        return np.array([*names, ""], dtype=object), np.zeros(len(names), dtype=bool)

    def fit_categories(self, values: NDArray[Any], spec: DatasetSpec) -> CategoryCode:
        """Learn a column for each category of the training rows, as ``read`` gave them.

        A place that no training row fills would keep its random first weights, so a category that
        was never seen gives a row of zeros. Only where rare categories exceed the bound do they and
        the unseen share a place. Where ``spec`` does not fill missing values, they are a category.
        """
        counts = Counter(values.tolist())
        n_missing = counts.pop("", 0)
        ordered = sorted(counts, key=lambda value: (-counts[value], value))
        n_kept = min(len(ordered), self.arguments["max_tokens"])
        kept, rare = ordered[:n_kept], ordered[n_kept:]
        is_filled = spec.missing == "most_frequent" and bool(kept)
        has_missing = bool(n_missing) and (spec.missing_indicator or not is_filled)
        n_rows = 1 + n_kept + (is_filled or has_missing)  # unknown, each category, missing
        rows = np.zeros((n_rows, n_kept + bool(rare) + has_missing), np.float32)
        rows[1 : n_kept + 1, :n_kept] = np.eye(n_kept)
        if rare:
            rows[0, n_kept] = 1
        if is_filled:
            rows[-1] = rows[1]
        if has_missing:
            rows[-1, -1] = 1
        return CategoryCode([*kept, ""][: n_rows - 1], rare, rows)


class TextColumn(Column):
    """Texts, of dtype object; "" where one is missing."""

    kind = "text"
    words: ClassVar[Mapping[str, str]] = {"text": "text, vectorised ({output_mode})"}
    model_input = "texts"
    expected = f"texts of at most {LONGEST_TEXT >> 20} MB"

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise texts of many words that hardly recur; ``features`` must ask for them."""
        if not cells.is_text or cells.n_values < _FEWEST_ROWS_UNLIKE:
            return None
        n_words = float(np.mean([len(text.split()) for text in cells.names]))
        if n_words < _FEWEST_WORDS or 2 * len(cells.names) <= cells.n_values:
            return None
        reason = f"free text, {n_words:.0f} words on average"
        column = replace(cls.take(cells, "text", {}), reason=reason)
        return Finding(column, reason, f"to use it: {write_use(cells.name, 'text')}")

    def accepts(self, kind: pa.DataType) -> bool:
        return is_text(kind)

    def parse(self, cells: Cells) -> Parsed:
        texts = np.array([*cells.names, ""], dtype=object)
        return texts, np.array([len(text) > LONGEST_TEXT for text in cells.names], dtype=bool)


def _name_number(text: str) -> str:
    """Write a number's text as a category: "10.0" as "10"; other texts as they are."""
    try:
        return name_value(int(text) if text.lstrip("+-").isdecimal() else float(text))
    except ValueError:
        return text
