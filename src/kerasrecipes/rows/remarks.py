"""Points to check in a table before training on it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.kinds import Column, DateColumn, NumberColumn
from kerasrecipes.rows.roles import read_times
from kerasrecipes.rows.target import Target
from kerasrecipes.rows.words import list_some, write_use

if TYPE_CHECKING:
    from kerasrecipes.rows.loaded_table import ColumnsRead, LoadedTable

_TOTALS = (
    *("total", "totals", "grandtotal", "sum", "sums", "overall", "average", "mean", "gesamt"),
    *("summe", "insgesamt", "totale", "somme", "suma", "итого", "всего", "합계", "총계", "총합"),
    *("소계", "평균", "계", "전국", "合計", "合计", "总计"),
)
_FEWEST_ROWS = 5
_SAMPLE = 1_000
_MOST_DECIDING = 20
_FEWEST_EACH = 5
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


def remark_on_split(
    table: LoadedTable, columns: Sequence[Column], spec: DatasetSpec, targets: Sequence[str]
) -> Iterator[str]:
    """Find points to check in how rows come into parts: groups, and times."""
    dates = [each for each in columns if isinstance(each, DateColumn) and not each.is_time]
    if spec.splits_at_random:
        for name in [name for name in table.names if name not in targets]:
            yield from find_groups(table.take_cells(name))
        yield from _find_order([(column, table.take_cells(column.name)) for column in dates])
    elif spec.time and dates:
        times = read_times(table.take_cells(spec.time), spec)
        for column in dates:
            yield from _find_late(column, table.take_cells(column.name), times, spec.time)


def remark_on_rows(
    read: ColumnsRead,
    columns: Sequence[Column],
    target: Target,
    targets: Sequence[Cells],
    labels: Mapping[int, str],
) -> Iterator[str]:
    """Find points to check in the target, and in the first and the last row."""
    numbers = {c.name: read.arrays[c.name] for c in columns if isinstance(c, NumberColumn)}
    for column, cells in zip(target.columns, targets, strict=True):
        arrays = column.read(cells)[0] if isinstance(column, NumberColumn) else []
        numbers |= dict(zip(column.inputs, arrays, strict=False))
        if remark := column.remark(cells, arrays):
            yield remark
    for row, label in labels.items():
        where = targets[0].locate(np.arange(len(read.complete))[[row]])
        yield from _find_totals(row, label, numbers, where)


def find_labels(columns: Sequence[Cells]) -> dict[int, str]:
    """The words for totals that occur only in the first or in the last row, -1; or empty."""
    return {row: next(filter(None, (_find_label(c, row) for c in columns)), "") for row in (0, -1)}


def _find_label(cells: Cells, row: int) -> str:
    # Finding distinct values also checks that texts are UTF-8.
    label = cells.take_text(row % len(cells)) if cells.is_text and len(cells.distinct) else ""
    is_word = "".join(label.split()).strip(":").casefold() in _TOTALS
    is_alone = is_word and not any(cells.counts[[name == label for name in cells.names]] > 1)
    return label if is_alone else ""


def _find_totals(
    row: int, label: str, numbers: Mapping[str, NDArray[Any]], where: str
) -> Iterator[str]:
    """Find out whether the first or the last row sums up the others.

    Args:
        row: 0 or -1.
        label: As ``find_labels`` found it.
        numbers: By column, all rows' numbers, of shape (n_rows,).
        where: The row's place, for the message.
    """
    numbers = {name: values for name, values in numbers.items() if np.isfinite(values[row])}
    others = slice(row + 1, row or None)
    summed = [name for name, each in numbers.items() if _is_sum(each[row], each[others])]
    if label or (summed and len(summed) == len(numbers)):
        which, where_others = ("last", "above") if row else ("first", "below")
        shown = f" ('{label}')" if label else ""
        why = f": {list_some(summed)} there is the sum of the rows {where_others}" if summed else ""
        yield f"The {which} row, {where}{shown}, looks like a total{why}. Remove it from the file."


def _is_sum(number: float, others: NDArray[Any]) -> bool:
    if len(others) + 1 < _FEWEST_ROWS:
        return False
    total = float(np.nansum(others, dtype=np.float64))
    is_sum = total != 0 and np.isclose(number, total, rtol=1e-6)
    return bool(is_sum and np.nanmin(others) < np.nanmax(others))


def find_giveaway(cells: Cells, target: Cells) -> Iterator[str]:
    """Find out whether a column of a few values has one class only for each."""
    # The first rows exclude most columns.
    if not (_decides(cells.head(_SAMPLE), target.head(_SAMPLE)) and _decides(cells, target)):
        return
    name, n_values = cells.name, len(cells.distinct)
    if len(target.distinct) > 1 and n_values * _FEWEST_EACH <= len(cells):
        yield (
            f"{name} alone determines {target.name}: each of its {n_values} values has one "
            f"{target.name} only. Leave it out with drop: {write_value([name])} if it is not "
            f"known before {target.name} is."
        )


def _decides(cells: Cells, target: Cells) -> bool:
    if len(cells.distinct) > _MOST_DECIDING or len(target.distinct) > _MOST_DECIDING:
        return False
    known = cells.is_known & target.is_known
    codes, classes = cells.codes[known].astype(np.int64), target.codes[known]
    pairs = codes * _MOST_DECIDING + classes
    return np.count_nonzero(np.bincount(pairs)) == np.count_nonzero(np.bincount(codes))


def find_groups(cells: Cells) -> Iterator[str]:
    """Warn of a column of persons or things that have several rows each."""
    name = cells.name
    if not _GROUPS.fullmatch(name):
        return
    if _FEWEST_GROUPS <= (n_groups := len(cells.distinct)) <= len(cells) / 2:
        yield (
            f"{name} has {n_groups:,} values in {len(cells):,} rows. A random split puts rows of "
            "the same value into several parts, so the test score does not apply to new values. To "
            f"split by value, write dataset: {write_value({'group': name})}, and leave it out of "
            "features."
        )


def _find_order(columns: Sequence[tuple[DateColumn, Cells]]) -> Iterator[str]:
    """Warn of rows in the order of a column of dates, ascending or descending.

    Of several, the earliest counts: later dates may not be known then.
    """
    # The first rows exclude most columns.
    heads = [
        (column.read_exact(cells.head(_SAMPLE))[0], column, cells) for column, cells in columns
    ]
    firsts = {
        cells.name: head[0]
        for head, column, cells in heads
        if _is_in_order(head) and _is_in_order(column.read_exact(cells)[0])
    }
    if firsts:
        name = min(firsts, key=lambda each: firsts[each])
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
    """Warn of dates that are later than a row's own time, when they may be unknown.

    Args:
        times: Of each row, of shape (n_rows,).
        time: The name of their column.
    """
    dates, _ = column.read_exact(cells)
    is_late = dates > times if times.dtype.kind == "M" and cells.name != time else np.zeros(1)
    if is_late.sum() > _LATE * np.count_nonzero(~np.isnat(dates)):
        yield (
            f"{cells.name} is later than {time} in {is_late.sum():,} of {len(times):,} rows, so it "
            f"may not be known at that time. If so, leave it out with drop: "
            f"{write_value([cells.name])}."
        )


def find_code(column: Column, array: NDArray[Any]) -> Iterator[str]:
    """Warn of whole numbers that are probably codes, such as postcodes."""
    name = column.name
    is_code = isinstance(column, NumberColumn) and _CODES.fullmatch(name)
    if is_code and not _GROUPS.fullmatch(name) and (array[~np.isnan(array)] % 1 == 0).all():
        yield (
            f"{name} is used as a number, but its name suggests a code. If size has no meaning, "
            f"write {write_use(name, 'integer_categorical')}."
        )
