"""Columns of truth values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.kinds.base import Column, Finding

_TRUTHS = dict.fromkeys(("true", "t", "yes", "y", "1", "1.0"), 1.0)
_TRUTHS |= dict.fromkeys(("false", "f", "no", "n", "0", "0.0"), 0.0)


class BooleanColumn(Column):
    """True or false, as 1 and 0 of dtype float32; NaN where a value is missing."""

    kind: ClassVar[str] = "boolean"
    words: ClassVar[Mapping[str, str]] = {"boolean": "true or false"}

    @property
    def expected(self) -> str:
        return "true or false (or yes and no, 1 and 0)"

    @classmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Recognise a column of Arrow's truth values, or of the words true and false."""
        is_boolean = pa.types.is_boolean(cells.type)
        if cells.is_text and not cells.is_category and len(cells.names) <= 6:
            is_boolean = {name.lower() for name in cells.names} <= {"true", "false"}
        column = cls(cells.name, "boolean", reason="true or false")
        return Finding(column) if is_boolean else None

    def parse(self, cells: Cells) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        truths = [_TRUTHS.get(name.lower(), np.nan) for name in cells.names]
        return np.array([*truths, np.nan], np.float32), np.isnan(truths)
