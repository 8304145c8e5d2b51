"""Columns of numbers that name their rows, from which nothing can be learnt."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.words import write_use

_FEWEST_ROWS = 10
_NAMES = re.compile(
    r"(?:.*[\W_])?(?i:id|ids|uid|uuid|guid|key|index|idx|rownum|phone|mobile|tel|isbn|ean|ssn)|"
    r"(?:.*[\W_])?(?i:no\.?|nr\.?|serial|s/n)|(?i:account)|"
    r"(?i:.*(?:user|client|customer|order|person|patient|member|product|item|transaction)id)|"
    r".*[a-z](?:I[Dd]|N[or])|(?i:.*nummer)|.*(?:번호|아이디|식별자)|"
    r"Unnamed: \d+|level_\d+|rownames|"
)
"""Names of identifiers, and those of an index without one."""


def find_row_number(cells: Cells) -> str:
    """Why a column only numbers or names its rows, and how to use it; empty if it does not."""
    n_rows = len(cells)
    if not pa.types.is_integer(cells.type) or cells.is_category or n_rows < _FEWEST_ROWS:
        return ""
    start, end = pc.min_max(cells.values).as_py().values()
    is_counted = start in (0, 1) and end == start + n_rows - 1
    if not (is_counted or _NAMES.fullmatch(cells.name)) or len(cells.distinct) < n_rows:
        return ""
    what = f"{n_rows:,} distinct numbers in {n_rows:,} rows: an identifier by its name"
    what = f"a row number, counted from {start}" if is_counted else what
    return f"{what}; to use it: {write_use(cells.name, 'float_normalized')}"
