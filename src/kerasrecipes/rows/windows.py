"""Windows of a series: rows at equal distances, gathered where they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
    """A table's columns, of consecutive rows, whose windows are the samples.

    Args:
        columns: By name, each of shape (n_rows,).
        windows: The samples.
        gap: How many windows after a window have rows, or a target, of its own time.
    """

    def __init__(self, columns: dict[str, NDArray[Any]], windows: Windows, gap: int = 0) -> None:
        super().__init__(columns)
        self.windows, self.gap = windows, gap

    def take(self, some: Any) -> Series:
        """Some windows, with the rows that they need."""
        windows = self.windows[some]
        first = int(windows.starts.min(initial=len(next(iter(self.values())))))
        end = int(windows.lasts.max(initial=-1)) + 1
        columns = {name: column[first:end] for name, column in self.items()}
        return Series(columns, Windows(windows.starts - first, windows.offsets), self.gap)


class WindowArray:
    """Windows of encoded rows, as an array of shape (n_windows, n_steps, ...).

    Args:
        rows: Shape (n_rows, ...).
        windows: Of these rows.
    """

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


def name_last_value(inputs: object, targets: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The last known value of the target of each window, "last_value", if it is a number."""
    if not isinstance(inputs, Series) or len(targets) > 1:
        return {}
    column = inputs.get(targets[0])
    if column is None or column.dtype.kind != "f":
        return {}
    return {"last_value": column[inputs.windows.lasts]}
