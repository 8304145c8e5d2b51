"""Windows of a series: made from a table's rows, or found in an array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import TimeseriesSpec
from kerasrecipes.rows.dataset import Inputs, Piece, Source
from kerasrecipes.rows.windows import Series, Windows

_PAIRS, _FEWEST_PAIRS = 64, 8
_ENOUGH = 0.9
"""An array may contain several series, so not every row continues the one before."""


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


def make_series(name: str, source: Source, spec: TimeseriesSpec) -> Source:
    """Make windows of a table's rows the samples, each with the target that comes after it."""
    _check_order(name, source.times)
    windows = _find_windows(name, spec, len(source.target), spec.delay)
    gap = (windows.offsets[-1] + spec.delay) // spec.sequence_stride
    series = Series(cast(dict[str, Any], source.inputs), windows, int(gap), spec.delay)
    rows = windows.lasts + spec.delay
    weights = None if source.weights is None else source.weights[rows]
    times = None if source.times is None else source.times[rows]
    return replace(
        source, inputs=series, target=source.target[rows], rows=rows, weights=weights, times=times
    )


def join_windows(
    name: str, pieces: Iterable[Piece], spec: TimeseriesSpec, *, with_target: bool
) -> Piece:
    """Make windows of a table's rows the samples, for a trained model.

    Returns:
        Of each window the number of its last row and what stands beside that; or, with target, the
        number of the target's row.

    Raises:
        DataError: Rows are left out between others, or there are too few.
    """
    rows, delay = join_pieces([*pieces]), spec.delay if with_target else 0
    for reason in rows.left_out:
        raise DataError(name, [f"timeseries: a series needs every row; {reason}."])
    _check_order(name, rows.times)
    windows = _find_windows(name, spec, len(rows.rows), delay)
    series = Series(cast(dict[str, Any], rows.inputs), windows, delay=delay)
    return replace(join_pieces([rows], windows.lasts + delay), inputs=series)


def join_pieces(pieces: Sequence[Piece], some: Any = slice(None)) -> Piece:
    """Make one piece of several, or of some of their rows."""
    if len(pieces) == 1 and isinstance(some, slice):
        return pieces[0]

    def join(arrays: Sequence[Any]) -> Any:
        return None if arrays[0] is None else np.concatenate(arrays)[some]

    several: list[Any] = [piece.inputs for piece in pieces]
    if isinstance(several[0], dict):
        inputs = {key: join([table[key] for table in several]) for key in several[0]}
    else:
        inputs = join(several)
    beside = {key: join([piece.beside[key] for piece in pieces]) for key in pieces[0].beside}
    return Piece(
        inputs,
        join([piece.rows for piece in pieces]),
        join([piece.values for piece in pieces]),
        # Pieces without a value have the type of the others.
        {key: pa.chunked_array([pa.array(texts, pa.string())]) for key, texts in beside.items()},
        tuple(dict.fromkeys(text for piece in pieces for text in piece.warnings)),
        {reason: n for piece in pieces for reason, n in piece.left_out.items()},
        join([piece.weights for piece in pieces]),
        join([piece.times for piece in pieces]),
    )


def _check_order(name: str, times: NDArray[Any] | None) -> None:
    if times is not None and len(late := np.flatnonzero(times[1:] <= times[:-1])):
        pair = f"{times[late[0]]} and then {times[late[0] + 1]}"
        problem = f"time: a row of a series must be later than the one before (received: {pair})."
        raise DataError(name, [f"{problem} Sort the file, and give each series a file of its own."])


def _find_windows(name: str, spec: TimeseriesSpec, n_rows: int, delay: int) -> Windows:
    """All windows of some rows whose target, ``delay`` rows later, is among them."""
    offsets = np.arange(spec.sequence_length, dtype=np.int64) * spec.sampling_rate
    reach = int(offsets[-1]) + delay
    if n_rows <= reach:
        problem = f"timeseries: a window and its target need {reach + 1:,} rows (received: "
        raise DataError(name, [f"{problem}{n_rows:,}). Add rows, or make windows shorter."])
    return Windows(np.arange(0, n_rows - reach, spec.sequence_stride, dtype=np.int64), offsets)
