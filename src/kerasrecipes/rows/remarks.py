"""Points to check in a table before training on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.words import list_some

_TOTALS = (
    *("total", "totals", "grand total", "sum", "sums", "overall", "average", "mean", "gesamt"),
    *("summe", "insgesamt", "totale", "somme", "suma", "итого", "всего", "합계", "총계", "총합"),
    *("소계", "평균", "合計", "合计", "总计"),
)
_FEWEST_ROWS = 5
_SAMPLE = 1_000
_MOST_DECIDING = 20
_FEWEST_EACH = 5


def find_label(columns: Iterable[Cells]) -> str:
    """The word for totals that occurs only in the last row; empty if there is none."""
    for cells in columns:
        # Finding distinct values also checks that texts are UTF-8.
        label = cells.take_text(len(cells) - 1) if cells.is_text and len(cells.distinct) else ""
        is_word = label.strip(" :").casefold() in _TOTALS
        if is_word and not any(cells.counts[[name == label for name in cells.names]] > 1):
            return label
    return ""


def find_totals(label: str, numbers: Mapping[str, NDArray[Any]], where: str) -> Iterator[str]:
    """Find out whether the last row sums up those above it.

    Args:
        label: As ``find_label`` found it.
        numbers: By column, all rows' numbers, of shape (n_rows,).
        where: The last row's place, for the message.
    """
    numbers = {name: values for name, values in numbers.items() if np.isfinite(values[-1])}
    summed = [name for name, values in numbers.items() if _is_sum(values[-1], values[:-1])]
    if label or (summed and len(summed) == len(numbers)):
        shown = f" ('{label}')" if label else ""
        why = f": {list_some(summed)} there is the sum of the rows above" if summed else ""
        yield f"The last row, {where}{shown}, looks like a total{why}. Remove it from the file."


def _is_sum(last: float, above: NDArray[Any]) -> bool:
    if len(above) + 1 < _FEWEST_ROWS:
        return False
    total = float(np.nansum(above, dtype=np.float64))
    is_sum = total != 0 and np.isclose(last, total, rtol=1e-6)
    return bool(is_sum and np.nanmin(above) < np.nanmax(above))


def find_giveaway(cells: Cells, target: Cells) -> Iterator[str]:
    """Find out whether a column of a few values has one class only for each."""
    # The first rows rule most columns out.
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
