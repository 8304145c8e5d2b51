"""Columns that decide which part a row belongs to: groups, times, and the names of parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.cells import Cells, is_usable
from kerasrecipes.rows.dataset import PART_NAMES, PARTS, Source
from kerasrecipes.rows.kinds import DateColumn, NumberColumn, recognise_column, take_column
from kerasrecipes.rows.words import count, write_use


def add_roles(
    source: Source, cells_by_key: Mapping[str, Cells], spec: DatasetSpec, keep: NDArray[np.bool_]
) -> Source:
    """Add groups and times to rows, and make parts of those that ``dataset.split`` names.

    Args:
        source: The rows that are kept.
        cells_by_key: Of every row, by the key of ``dataset`` that names the column.
        spec: The recipe's ``dataset``.
        keep: Which rows are kept, of shape (n_rows,).

    Raises:
        DataError: A value is missing or cannot be read, so the row's part is unknown.
    """
    for key, cells in cells_by_key.items():
        if not is_usable(cells.type):
            problem = f"{key}: {cells.name} must contain values, not {cells.type}. Choose another."
            raise DataError(cells.dataset, [problem])
        is_known = cells.is_known
        if key == "group":
            source = replace(source, groups=cells.codes[keep].astype(np.int64))
        elif key == "time":
            times = read_times(cells, spec)
            is_known = ~np.isnat(times) if times.dtype.kind == "M" else np.isfinite(times)
            source = replace(source, times=times[keep])
        else:
            names = _read_parts(cells)[keep]
        if len(rows := np.flatnonzero(keep & ~is_known)):
            problem = f"{key}: {cells.name} is missing in {count(len(rows), 'row')} "
            problem += f"({cells.locate(rows)}). Fill it in, or remove these rows."
            raise DataError(cells.dataset, [problem])
        if key == "split" and source.own_parts:
            raise DataError(cells.dataset, ["split: the data have their own parts. Remove split."])
        if key == "split":
            parts = {part: source.take(np.flatnonzero(names == part)) for part in PARTS}
            train = vars(parts.pop("train"))
            own = {name: part for name, part in parts.items() if part}
            source = replace(source, **train, own_parts=own)
    return source


def _read_parts(cells: Cells) -> NDArray[np.object_]:
    """The part of each row, of shape (n_rows,); "" where its name is missing."""
    found = np.array([*(PART_NAMES.get(name.lower(), "") for name in cells.names), ""], object)
    if (unknown := found[:-1] == "").any():
        problem = f"split: {cells.name} must contain train, validation or test; wrong: "
        raise DataError(cells.dataset, [f"{problem}{cells.show(unknown)}. Correct these rows."])
    return found[cells.codes]


def read_known_times(cells: Cells, spec: DatasetSpec) -> NDArray[Any] | None:
    """The time of each row, or None where so few rows do not show how times are written."""
    is_date = isinstance(recognise_column(cells).column, DateColumn)
    if not (is_date or cells.is_number or cells.name in spec.features):
        return None
    times = read_times(cells, spec)
    return None if np.isnan(times).any() else times


def read_times(cells: Cells, spec: DatasetSpec) -> NDArray[Any]:
    """The time of each row, of shape (n_rows,), NaT or NaN where it is missing."""
    feature = spec.features.get(cells.name)
    column = take_column(cells, feature) if feature else recognise_column(cells).column
    if cells.is_number and not isinstance(column, DateColumn):
        column = NumberColumn.take(cells, "float", {})
    if not isinstance(column, DateColumn | NumberColumn) or getattr(column, "is_time", False):
        received = cells.show_first(np.arange(len(cells.distinct)) < 1)
        use = write_use(cells.name, {"date": {"format": "%d.%m.%Y"}})
        problem = (
            f"time: {cells.name} must contain dates or numbers (received: {received}). Write how "
            f"dates are written: {use}; add drop if it is no input."
        )
        raise DataError(cells.dataset, [problem])
    if problem := column.read(cells)[1]:
        raise DataError(cells.dataset, [f"time: {problem}"])
    return column.read_exact(cells)[0]
