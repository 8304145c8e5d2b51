"""Columns of free text, such as reviews, which ``TextVectorization`` turns into numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.rows.cells import Cells, is_text
from kerasrecipes.rows.kinds.base import Column, Finding
from kerasrecipes.rows.limits import LONGEST_TEXT
from kerasrecipes.rows.words import write_use

_FEWEST_ROWS = 20
_FEWEST_WORDS = 5
"""Names and addresses have fewer on average."""


class TextColumn(Column):
    """Texts, of dtype object; "" where one is missing."""

    kind: ClassVar[str] = "text"
    words: ClassVar[Mapping[str, str]] = {"text": "text, vectorised ({output_mode})"}
    model_input: ClassVar[str] = "texts"

    @property
    def expected(self) -> str:
        return f"texts of at most {LONGEST_TEXT >> 20} MB"

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise texts of many words that hardly recur; ``features`` must ask for them."""
        if not cells.is_text or cells.is_category or cells.n_values < _FEWEST_ROWS:
            return None
        n_words = float(np.mean([len(text.split()) for text in cells.names]))
        if n_words < _FEWEST_WORDS or 2 * len(cells.names) <= cells.n_values:
            return None
        reason = f"free text, {n_words:.0f} words on average"
        column = replace(cls.take(cells, "text", {}), reason=reason)
        return Finding(column, reason, f"to use it: {write_use(cells.name, 'text')}")

    def accepts(self, kind: pa.DataType) -> bool:
        return is_text(kind)

    def parse(self, cells: Cells) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        texts = np.array([*cells.names, ""], dtype=object)
        return texts, np.array([len(text) > LONGEST_TEXT for text in cells.names], dtype=bool)
