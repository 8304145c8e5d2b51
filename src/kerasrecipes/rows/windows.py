"""Windows of a series: rows at equal distances, gathered where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_REPEATS, _AS_GOOD = 0.7, 0.1
_LONGEST_PERIOD, _MOST_ROWS = 1000, 10_000


@dataclass(frozen=True)
class Windows:
    """Windows of consecutive rows.

    Attributes:
        starts: The first row of each, of shape (n_windows,).
        offsets: The rows of a window, counted from its first, of shape (n_steps,).
    """

    starts: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lasts(self) -> NDArray[np.int64]:
        """The last row of each."""
        return self.starts + self.offsets[-1]

    def gather(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The rows of every window, of shape (n_windows, n_steps, ...)."""
        return rows[self.starts[:, None] + self.offsets]

    def __getitem__(self, some: Any) -> Windows:
        return Windows(self.starts[some], self.offsets)


class Series(dict[str, NDArray[Any]]):
    """A table's columns, each of shape (n_rows,) of consecutive rows; windows are the samples.

    Args:
        gap: How many windows after a window have rows, or a target, of its own time.
        delay: The number of rows from a window's last row to its target.
    """

    def __init__(
        self, columns: dict[str, NDArray[Any]], windows: Windows, gap: int = 0, delay: int = 0
    ) -> None:
        super().__init__(columns)
        self.windows, self.gap, self.delay = windows, gap, delay

    def take(self, some: Any) -> Series:
        """Some windows, with the rows that they need."""
        windows = self.windows[some]
        first = int(windows.starts.min(initial=len(next(iter(self.values())))))
        end = int(windows.lasts.max(initial=-1)) + 1
        columns = {name: column[first:end] for name, column in self.items()}
        windows = Windows(windows.starts - first, windows.offsets)
        return Series(columns, windows, self.gap, self.delay)


class WindowArray:
    """Windows of encoded rows of shape (n_rows, ...), as an array (n_windows, n_steps, ...)."""

    def __init__(self, rows: NDArray[Any], windows: Windows) -> None:
        self.rows, self.windows, self.dtype = rows, windows, rows.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (len(self.windows), len(self.windows.offsets), *self.rows.shape[1:])

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, some: Any) -> NDArray[Any]:
        return self.windows[some].gather(self.rows)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return self.windows.gather(self.rows).astype(dtype or self.dtype, copy=False)


def find_period(inputs: object, targets: Sequence[str]) -> int:
    """Find the number of rows after which the values of a series repeat; 0 if they do not.

    At a period, the mean difference between values has a local minimum of less than _REPEATS of
    the largest one at fewer rows. The result is the shortest period about as good as the best one.
    """
    values = _take_numbers(inputs, targets)
    values = values[-_MOST_ROWS:] if values is not None else np.empty(0)
    distances = range(1, min(len(values) // 3, _LONGEST_PERIOD) + 1)
    differences = np.array([np.abs(values[n:] - values[:-n]).mean() for n in distances])
    largest_before = np.maximum.accumulate(differences)
    inner = np.arange(1, len(differences) - 1)
    is_lowest = (differences[inner] < differences[inner - 1]) & (
        differences[inner] <= differences[inner + 1]
    )
    found = inner[is_lowest & (differences[inner] < _REPEATS * largest_before[inner])]
    if not len(found):
        return 0
    best = differences[found].min()
    is_good = differences[found] <= best + _AS_GOOD * (differences.max() - best)
    return int(found[is_good][0]) + 1


def name_simple_forecasts(
    inputs: object, targets: Sequence[str], period: int = 0
) -> dict[str, NDArray[Any]]:
    """Forecasts for each window that need no model, if the target is a number.

    Returns:
        "last_value": the target of the window's last row; "one_period_ago": the target one period
        before, or the fewest periods for which it is known; NaN before the first row.
    """
    values = _take_numbers(inputs, targets)
    if values is None or not isinstance(inputs, Series):
        return {}
    lasts = inputs.windows.lasts
    forecasts = {"last_value": values[lasts]}
    if period:
        rows = lasts + inputs.delay - period * -(-inputs.delay // period)
        forecasts["one_period_ago"] = np.where(rows < 0, np.nan, values[rows])
    return forecasts


def _take_numbers(inputs: object, targets: Sequence[str]) -> NDArray[Any] | None:
    """The target's column in a series, if there is one target and it is a number."""
    if not isinstance(inputs, Series) or len(targets) > 1:
        return None
    column = inputs.get(targets[0])
    return column if column is not None and column.dtype.kind == "f" else None


def mix_rows(inputs: Any, taken: dict[str, NDArray[np.int64]]) -> Any:
    """Make rows, or windows, and take each column from the rows that are given for it."""
    if not isinstance(inputs, Series):
        return {name: inputs[name][rows] for name, rows in taken.items()}
    n_steps, n_rows = len(inputs.windows.offsets), len(next(iter(taken.values())))
    mixed = {k: inputs.windows[some].gather(inputs[k]).reshape(-1) for k, some in taken.items()}
    return Series(mixed, Windows(np.arange(n_rows) * n_steps, np.arange(n_steps)))
