"""Points to check in a table before training on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.kinds import Column, DateColumn, NumberColumn
from kerasrecipes.rows.loaded_table import ColumnsRead, LoadedTable
from kerasrecipes.rows.roles import read_times
from kerasrecipes.rows.target import Target
from kerasrecipes.rows.words import list_some, write_use

_FEWEST_ROWS = 5
_SAMPLE = 1_000
_GROUPS = re.compile(
    r"(?i:(?:.*[\W_])?(?:patient|subject|person|participant|respondent|user|customer|client|player|"
    r"driver|speaker|student|session|animal|device|machine|sensor|(?:household|family)(?=[\W_]))"
    r"(?:[\W_]?(?:id|no|nr|number|key|code))?|[ups]?id)|"
    r"(?:.*[\W_])?(?:환자|고객|사용자|학생|피험자)(?:[\W_]?(?:번호|아이디|코드|(?i:id)))?"
)
_CODES = re.compile(
    r"(?:.*[\W_])?(?i:id|code|zip|postcode|plz)|.*[a-z](?:I[Dd]|Code)|.*(?:우편번호|코드)"
)
_FEWEST_GROUPS, _FEWEST_TIMES = 10, 20
_LATE = 0.5


def remark_on_columns(
    table: LoadedTable, columns: Sequence[Column], spec: DatasetSpec, targets: Sequence[str]
) -> Iterator[str]:
    """Find numbers that are probably codes, such as postcodes, and splits that prove little.

    Several rows of one person or thing, or rows in the order of time, make a score of a random
    split too good; so does a date that is later than a row's own time.
    """
    for column in columns:
        name = column.name
        is_number = isinstance(column, NumberColumn) and name not in spec.features
        if is_number and _CODES.fullmatch(name) and not _GROUPS.fullmatch(name):
            numbers = column.read_exact(table.take_cells(name))[0]
            if (numbers[~np.isnan(numbers)] % 1 == 0).all():
                yield (
                    f"{name} is used as a number, but its name suggests a code. If size has no "
                    f"meaning, write {write_use(name, 'integer_categorical')}."
                )
    dates = [each for each in columns if isinstance(each, DateColumn) and not each.is_time]
    if spec.splits_at_random:
        for name in table.names:
            if name in targets or not _GROUPS.fullmatch(name):
                continue
            n_groups = len(table.take_cells(name).distinct)
            if _FEWEST_GROUPS <= n_groups <= len(table) / 2:
                yield (
                    f"{name} has {n_groups:,} values in {len(table):,} rows. A random split puts "
                    "rows of the same value into several parts, so the test score does not apply "
                    f"to new values. To split by value, write dataset: "
                    f"{write_value({'group': name})}, and leave it out of features."
                )
        yield from _find_order([(column, table.take_cells(column.name)) for column in dates])
    elif spec.time and dates:
        times = read_times(table.take_cells(spec.time), spec)
        for column in dates:
            if column.name != spec.time and times.dtype.kind == "M":
                yield from _find_late(column, table.take_cells(column.name), times, spec.time)


def remark_on_rows(
    read: ColumnsRead, columns: Sequence[Column], target: Target, targets: Sequence[Cells]
) -> Iterator[str]:
    """Find points to check in the target, and a first or last row that sums up all others."""
    numbers = {c.name: read.arrays[c.name] for c in columns if isinstance(c, NumberColumn)}
    for column, cells in zip(target.columns, targets, strict=True):
        if isinstance(column, NumberColumn):
            arrays, _ = column.read(cells)
            numbers[column.name] = arrays[0]
            yield from filter(None, [column.remark(cells, arrays)])
    for which, row in (("first", 0), ("last", -1)) if len(targets[0]) >= _FEWEST_ROWS else ():
        known = {name: each for name, each in numbers.items() if np.isfinite(each[row])}
        summed = [
            name
            for name, each in known.items()
            if each[row] and np.isclose(2 * each[row], np.nansum(each, dtype=np.float64), 1e-6)
        ]
        if summed and len(summed) == len(known):
            where = targets[0].locate(np.arange(len(targets[0]))[[row]])
            yield (
                f"The {which} row, {where}, looks like a total: {list_some(summed)} there is the "
                "sum of the other rows. Remove it from the file."
            )


def _find_order(columns: Sequence[tuple[DateColumn, Cells]]) -> Iterator[str]:
    """Warn of rows in the order of a column of dates, ascending or descending.

    Of several, the earliest counts: later dates may not be known then.
    """
    ordered = [
        (times[0], cells.name)
        for column, cells in columns
        # The first rows exclude most columns.
        if _is_in_order(column.read_exact(cells.head(_SAMPLE))[0])
        and _is_in_order(times := column.read_exact(cells)[0])
    ]
    if ordered:
        _, name = min(ordered)
        yield (
            f"The rows are in the order of {name}. After a random split, the test rows lie "
            "between training rows, so the test score does not apply to later rows. To test on "
            f"later rows, write dataset: {write_value({'time': name})}, and leave it out of "
            "features."
        )


def _is_in_order(times: NDArray[Any]) -> bool:
    steps = np.diff(times).astype(np.int64)
    is_in_order = bool((steps >= 0).all() or (steps <= 0).all())
    is_long = np.count_nonzero(steps) >= _FEWEST_TIMES
    return is_in_order and bool(is_long) and not bool(np.isnat(times).any())


def _find_late(column: DateColumn, cells: Cells, times: NDArray[Any], time: str) -> Iterator[str]:
    """Warn of dates that are later than a row's own time, when they may be unknown."""
    dates, _ = column.read_exact(cells)
    n_late = np.count_nonzero(dates > times)
    if n_late > _LATE * np.count_nonzero(~np.isnat(dates)):
        yield (
            f"{cells.name} is later than {time} in {n_late:,} of {len(times):,} rows, so it may "
            "not be known at that time. If so, leave it out with drop: "
            f"{write_value([cells.name])}."
        )
