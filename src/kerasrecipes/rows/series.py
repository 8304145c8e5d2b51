"""Windows of a series: made from a table's rows, or found in an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import TimeseriesSpec
from kerasrecipes.rows.dataset import Inputs, Source
from kerasrecipes.rows.rows import Piece
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
    """Make windows of a table's rows the samples, each with the target that comes after it.

    Args:
        source: Every row of the table.

    Raises:
        DataError: There are too few rows.
    """
    columns = cast(dict[str, Any], source.inputs)
    series = _take_windows(name, columns, len(source.target), spec, spec.delay)
    rows = series.windows.lasts + spec.delay
    weights = None if source.weights is None else source.weights[rows]
    return replace(source, inputs=series, target=source.target[rows], rows=rows, weights=weights)


def join_pieces(
    name: str, pieces: Sequence[Piece], spec: TimeseriesSpec, *, with_target: bool
) -> Piece:
    """Join the pieces of a table, and make windows of its rows the samples.

    Returns:
        Of each window the number of its last row and what stands beside that; or, with target, the
        number of the target's row.

    Raises:
        DataError: Rows are left out between others, or there are too few.
    """
    if left_out := [reason for piece in pieces for reason in piece.left_out]:
        raise DataError(name, [f"timeseries: a series needs every row; {left_out[0]}."])
    tables = [piece.inputs for piece in pieces if isinstance(piece.inputs, dict)]
    columns = {key: np.concatenate([table[key] for table in tables]) for key in tables[0]}
    delay = spec.delay if with_target else 0
    series = _take_windows(name, columns, sum(len(piece.rows) for piece in pieces), spec, delay)
    rows = series.windows.lasts + delay

    def take(arrays: Sequence[Any]) -> Any:
        return None if arrays[0] is None else np.concatenate(arrays)[rows]

    return Piece(
        series,
        rows,
        take([piece.values for piece in pieces]),
        {key: take([piece.beside[key] for piece in pieces]) for key in pieces[0].beside},
        tuple(text for piece in pieces for text in piece.warnings),
        weights=take([piece.weights for piece in pieces]),
    )


def _take_windows(
    name: str, columns: dict[str, Any], n_rows: int, spec: TimeseriesSpec, delay: int
) -> Series:
    offsets = np.arange(spec.sequence_length, dtype=np.int64) * spec.sampling_rate
    reach = int(offsets[-1]) + delay
    if n_rows <= reach:
        window = "a window and its target need" if delay else "a window needs"
        problem = (
            f"timeseries: {window} {reach + 1:,} rows (received: {n_rows:,}). Add rows"
            + ", or choose a smaller sequence_length, sampling_rate or delay." * bool(delay)
        )
        raise DataError(name, [problem])
    starts = np.arange(0, n_rows - reach, spec.sequence_stride, dtype=np.int64)
    return Series(columns, Windows(starts, offsets), reach // spec.sequence_stride)
