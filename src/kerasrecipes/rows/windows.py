"""Windows of a series: made from a table's rows, gathered where they are needed, or in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import TimeseriesSpec
from kerasrecipes.rows.kinds.date import write_time
from kerasrecipes.rows.words import count

if TYPE_CHECKING:
    from kerasrecipes.rows.dataset import Inputs, Piece, Source

_REPEATS, _AS_GOOD = 0.7, 0.1
_LONG, _FEW_GAPS = 1.5, 0.1  # of the usual step; more gaps are weekends and the like
_LONGEST_PERIOD, _MOST_ROWS = 1000, 10_000
_PAIRS, _FEWEST_PAIRS = 64, 8
_ENOUGH = 0.9
"""An array may contain several series, so not every row continues the one before."""


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


def make_series(name: str, source: Source, spec: TimeseriesSpec) -> Source:
    """Make windows of a table's rows the samples, each with the target that comes after it."""
    series = _make_windows(name, source, spec, spec.delay)
    rows = series.windows.lasts + spec.delay
    beside = {"weights": source.weights, "times": source.times}
    taken: Any = {key: None if each is None else each[rows] for key, each in beside.items()}
    taken["warnings"] = (*source.warnings, *_find_gaps(source.times))
    return replace(source, inputs=series, target=source.target[rows], rows=rows, **taken)


def _find_gaps(times: NDArray[Any] | None) -> Iterator[str]:
    """Warn of a few steps of time that are longer than all others."""
    if times is None:
        return
    steps = np.diff(times)
    gaps = np.flatnonzero(steps > _LONG * np.sort(steps)[len(steps) // 2])
    if 0 < len(gaps) <= _FEW_GAPS * len(steps):
        ends = " to ".join(write_time(times[gaps[0] + i]) for i in (0, 1))
        yield (
            f"{len(gaps):,} of {count(len(steps), 'step')} of time are longer than the others, "
            f"such as {ends}. Windows reach over them: add the missing rows."
        )


def join_windows(
    name: str, pieces: Iterable[Piece], spec: TimeseriesSpec, *, with_target: bool
) -> Piece:
    """Make windows of a table's rows the samples, for a trained model.

    Each has the number of its last row and what stands beside that; or, with target, of the
    target's row. It raises DataError if rows are left out between others, or there are too few.
    """
    rows, delay = join_pieces([*pieces]), spec.delay if with_target else 0
    for reason in rows.left_out:
        raise DataError(name, [f"timeseries: a series needs every row; {reason}."])
    series = _make_windows(name, rows, spec, delay)
    return replace(join_pieces([rows], series.windows.lasts + delay), inputs=series)


def join_pieces(pieces: Sequence[Piece], some: Any = slice(None)) -> Piece:
    """Make one piece of several, or of some of their rows."""
    if len(pieces) == 1 and isinstance(some, slice):
        return pieces[0]
    import pyarrow as pa

    def join(values: Sequence[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: join([each[key] for each in values]) for key in values[0]}
        return None if values[0] is None else np.concatenate(values)[some]

    names = ("inputs", "rows", "values", "beside", "weights", "times")
    joined = {name: join([getattr(piece, name) for piece in pieces]) for name in names}
    # Pieces without a value have the type of the others.
    for key, texts in joined["beside"].items():
        joined["beside"][key] = pa.chunked_array([pa.array(texts, pa.string())])
    return replace(
        pieces[0],
        **joined,
        warnings=tuple(dict.fromkeys(text for piece in pieces for text in piece.warnings)),
        left_out={reason: n for piece in pieces for reason, n in piece.left_out.items()},
    )


def _make_windows(name: str, rows: Any, spec: TimeseriesSpec, delay: int) -> Series:
    """All windows of a table's rows whose target, ``delay`` rows later, is among them."""
    times, n_rows = rows.times, len(rows.rows)
    if times is not None and len(late := np.flatnonzero(times[1:] <= times[:-1])):
        pair = f"{times[late[0]]} and then {times[late[0] + 1]}"
        problem = f"time: a row of a series must be later than the one before (received: {pair})."
        raise DataError(name, [f"{problem} Sort the file, and give each series a file of its own."])
    offsets = np.arange(spec.sequence_length, dtype=np.int64) * spec.sampling_rate
    reach = int(offsets[-1]) + delay
    if n_rows <= reach:
        problem = f"timeseries: a window and its target need {reach + 1:,} rows (received: "
        raise DataError(name, [f"{problem}{n_rows:,}). Add rows, or make windows shorter."])
    starts = np.arange(0, n_rows - reach, spec.sequence_stride, dtype=np.int64)
    return Series(rows.inputs, Windows(starts, offsets), reach // spec.sequence_stride, delay)


def count_overlapping(inputs: Inputs) -> int:
    """Count the rows after each row that share steps with it; 0 unless rows are windows.

    Windows have shape (n_samples, n_steps, ...), and each is the one before, shifted by some steps.
    """
    if isinstance(inputs, Series):
        return inputs.gap
    if isinstance(inputs, dict) or inputs.ndim < 2 or len(inputs) <= _FEWEST_PAIRS:
        return 0
    n_steps, n_pairs = inputs.shape[1], min(_PAIRS, len(inputs) - 1)
    places = np.linspace(0, len(inputs) - 2, n_pairs).astype(np.int64)
    pair = [inputs[rows].reshape(n_pairs, n_steps, -1) for rows in (places, places + 1)]
    for rows, following in (pair, [each[:, ::-1] for each in pair]):  # some have new steps first
        for shift in range(1, n_steps):
            # One step rules most shifts out.
            if (rows[:, shift] == following[:, 0]).all(axis=1).mean() < _ENOUGH:
                continue
            shared = rows[:, shift:]
            varies = (shared != shared[:, :1, :1]).any(axis=(1, 2))
            equal = (shared == following[:, :-shift]).all(axis=(1, 2))[varies]
            if len(equal) >= _FEWEST_PAIRS and equal.mean() >= _ENOUGH:
                return -(-n_steps // shift) - 1
    return 0


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
    is_falling = np.diff(differences) < 0
    is_lowest = np.append(is_falling[:-1] & ~is_falling[1:], False)
    found = 1 + np.flatnonzero(is_lowest & (differences < _REPEATS * largest_before)[1:])
    if not len(found):
        return 0
    best = differences[found].min()
    is_good = differences[found] <= best + _AS_GOOD * (differences.max() - best)
    return int(found[is_good][0]) + 1


def name_simple_forecasts(
    inputs: object, targets: Sequence[str], period: int = 0
) -> dict[str, NDArray[Any]]:
    """Forecasts for each window that need no model, if the target is a number.

    They are the target of the window's last row, and that one period before (or the fewest periods
    for which it is known); NaN before the first row.
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
