"""What a person should look at in a table before training on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.kinds import NumberColumn, find_row_number
from kerasrecipes.rows.words import list_some

if TYPE_CHECKING:
    from kerasrecipes.rows.cells import Cells
    from kerasrecipes.rows.table import TableInHand

_TOTALS = (
    *("total", "totals", "grand total", "sum", "sums", "overall", "average", "mean", "gesamt"),
    *("summe", "insgesamt", "totale", "somme", "suma", "итого", "всего", "합계", "총계", "총합"),
    *("소계", "평균", "合計", "合计", "总计"),
)
_FEWEST_ROWS = 5
_MOST_DECIDING = 20
_FEWEST_EACH = 5


def find_hints(table: TableInHand, spec: DatasetSpec, target: str) -> Iterator[str]:
    """Find what a person should look at: values far from all others, a row of totals.

    Args:
        table: The rows.
        spec: How they are read.
        target: The column to predict.
    """
    yield from (f"{note[0].upper()}{note[1:]}." for note in table.notes)
    if spec.csv.header == "none":
        yield (
            "The first line looks like a row, so the columns are named column 1, column 2, …; "
            "write csv: {header: [a, b, …]} to name them, or header: first if it names them."
        )
    yield from _find_totals(table)
    for name in table.names:
        if name in spec.drop:
            continue
        cells, finding = table.take_cells(name), table.recognise(name)
        if finding.column is None or (name != target and find_row_number(cells)):
            continue
        if remark := finding.column.remark(cells):
            yield remark
        if name != target and _decides(cells, table.take_cells(target)):
            yield (
                f"{name} alone says what {target} is: each of its {len(cells.distinct)} values has "
                f"one {target} only. Leave it out if it is not known before {target} is: drop: "
                f"{write_value([name])}."
            )


def _decides(cells: Cells, target: Cells) -> bool:
    """Whether each of a few values of a column has one class only."""
    if len(target.distinct) > _MOST_DECIDING:
        return False
    n_values, n_classes = len(cells.distinct), len(target.distinct)
    known = cells.is_known & target.is_known
    if not 2 <= n_classes <= n_values <= min(_MOST_DECIDING, int(known.sum()) / _FEWEST_EACH):
        return False
    pairs = np.stack([cells.codes[known], target.codes[known]])
    return len(np.unique(pairs, axis=1).T) == len(np.unique(pairs[0]))


def _find_totals(table: TableInHand) -> Iterator[str]:
    """A last row that sums up those above it."""
    n_rows = len(table)
    if n_rows < _FEWEST_ROWS:
        return
    label, summed, n_numbers = "", [], 0
    for name in table.names:
        cells, column = table.take_cells(name), table.recognise(name).column
        last = cells.take_text(n_rows - 1)
        label = last if last.strip(" :").casefold() in _TOTALS else label
        if isinstance(column, NumberColumn) and not find_row_number(cells):
            numbers, _ = column.read_exact(cells)
            if np.isnan(numbers[-1]):
                continue
            n_numbers += 1
            above = float(np.nansum(numbers[:-1]))
            is_sum = above != 0 and np.isclose(numbers[-1], above, rtol=1e-6)
            summed += [name] if is_sum and np.ptp(numbers[:-1]) > 0 else []
    where = cells.locate(np.array([n_rows - 1]))
    if label or (summed and len(summed) == n_numbers):
        shown = f" ('{label}')" if label else ""
        why = f": {list_some(summed)} there is the sum of the rows above" if summed else ""
        yield f"The last row, {where}{shown}, looks like a total{why}. Remove it from the file."
