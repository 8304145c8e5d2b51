"""Finds tables that are one series: a row at regular times, and a number to forecast."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasrecipes.recipe.schema import TimeseriesSpec
from kerasrecipes.rows.kinds import DateColumn
from kerasrecipes.rows.loaded_table import LoadedTable
from kerasrecipes.rows.remarks import find_groups
from kerasrecipes.rows.target import find_target

_FEWEST_ROWS = 100
_ALIKE, _MOSTLY = 0.1, 0.75
"""Times are regular if this share of the steps differs from the median by a tenth at most, as
months and working days do."""

_LENGTH = 24
"""Rows of a window: a day of hours, two years of months; at most a tenth of the rows."""


def find_series(table: LoadedTable, target: str) -> tuple[dict[str, Any], str]:
    """Find out whether rows with a number as target are one series.

    Args:
        table: Every row; its columns are not freed.
        target: The column to predict.

    Returns:
        Keys of ``dataset`` that make windows of the rows; none if the rows are not in order. And a
        hint, which is empty unless they are a series.
    """
    cells = {name: table.take_cells(name) for name in table.names}
    number = cells.pop(target)
    is_whole = table.notation.step == 1 and len(table) >= _FEWEST_ROWS
    has_groups = any([*find_groups(each)] for each in cells.values())
    if not is_whole or has_groups or not number.is_known.all():
        return {}, ""
    for name, each in cells.items():
        column = table.recognise(name).column
        if not isinstance(column, DateColumn) or column.is_time:
            continue
        times, _ = column.read_exact(each)
        steps = np.diff(np.sort(times)).astype(np.int64)
        is_alike = np.abs(steps - np.median(steps)) <= _ALIKE * np.median(steps)
        if np.isnat(times).any() or not steps.all() or is_alike.mean() < _MOSTLY:
            continue
        if find_target([number], None, None, number.is_known)[0].task != "regression":
            break
        if (times[1:] < times[:-1]).any():
            continue
        length = min(_LENGTH, len(table) // 10)
        hint = (
            f"The rows are at regular times by {name}, so {length} rows predict {target} of the "
            "next one. To predict it from the other columns of its own row, remove timeseries, and "
            "write Dense: {units: 64, activation: relu} in place of Conv1D and Flatten."
        )
        return {"time": name, "timeseries": TimeseriesSpec(sequence_length=length)}, hint
    return {}, ""
