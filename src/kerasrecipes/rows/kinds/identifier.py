"""Columns of numbers that name their rows, from which nothing can be learnt."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.words import write_use

_FEWEST_ROWS_NUMBERED = 10
_FEWEST_ROWS_UNLIKE = 20
_MOSTLY = 0.95
_ID_NAMES = re.compile(
    r"(?:.*[\W_])?(?i:id|ids|uid|uuid|guid|key|index|idx|rownum|phone|mobile|tel|isbn|ean|ssn)|"
    r"(?:.*[\W_])?(?i:no\.?|nr\.?|serial|s/n)|(?i:account)|"
    r"(?i:.*(?:user|client|customer|order|person|patient|member|product|item|transaction)id)|"
    r".*[a-z](?:I[Dd]|N[or])|(?i:.*nummer)|.*(?:번호|아이디|식별자)"
)
_UNNAMED = re.compile(r"Unnamed: \d+|index|level_\d+|rownames|")


def find_row_number(cells: Cells) -> str:
    """Why a column only numbers or names its rows, and how to use it; empty if it does not."""
    n_rows = len(cells)
    if not pa.types.is_integer(cells.type) or cells.is_category or n_rows < _FEWEST_ROWS_NUMBERED:
        return ""
    values = cells.values
    if values.null_count:
        return ""
    use = f"to use it: {write_use(cells.name, 'float_normalized')}"
    start, end = pc.min_max(values).as_py().values()
    is_counted = start in (0, 1) and end == start + n_rows - 1
    if is_counted and np.array_equal(values.to_numpy(), np.arange(start, start + n_rows)):
        return f"a row number, counted from {start}; {use}"
    is_unnamed = _UNNAMED.fullmatch(cells.name) is not None
    is_named = is_unnamed or _ID_NAMES.fullmatch(cells.name) is not None
    if n_rows < _FEWEST_ROWS_UNLIKE or not (is_counted or is_named):
        return ""
    if len(cells.distinct) < n_rows:
        is_long = is_unnamed and end >= _FEWEST_ROWS_UNLIKE
        if is_long and np.mean(np.diff(values.to_numpy()) == 1) >= _MOSTLY:
            return f"row numbers of several tables, put together; {use}"
        return ""
    if is_counted:
        return f"{start:,} to {end:,} in another order: a row number, shuffled; {use}"
    what = "an index without a name" if is_unnamed else "an identifier by its name"
    return f"{n_rows:,} distinct numbers in {n_rows:,} rows: {what}; {use}"
