"""Raw rows for a saved model, from wherever they come, some at once."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data import images
from kerasrecipes.data.arrays import load_columns, load_inputs
from kerasrecipes.data.dataset import Inputs
from kerasrecipes.data.files import STANDARD_INPUT, mark_missing, read_batches
from kerasrecipes.data.frames import read_frame
from kerasrecipes.data.values import show_rows
from kerasrecipes.errors import DataError, InputError
from kerasrecipes.prediction.saved import Saved
from kerasrecipes.recipe.endings import has_arrays
from kerasrecipes.recipe.suggest import suggest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CHUNK_ROWS = 65_536

_VALUES_AT_ONCE = 1 << 26

Rows = tuple[dict[str, Any], Inputs]
"""Columns to hand on beside the answers, and rows that the model takes."""


def iterate_rows(saved: Saved, data: str, ids: Sequence[str] = ()) -> Iterator[Rows]:
    """Read a file, some rows at once, in its order.

    Args:
        saved: The model.
        data: A table's file, images, or arrays; "-" is standard input, CSV or JSON lines.
        ids: Columns of a table to hand on; images have their files' names.

    Raises:
        DataError: The file lacks columns, or holds what the model cannot take.
        InputError: Ids are asked of a run that takes arrays.
    """
    if saved.is_table:
        yield from _iterate_table(saved, data, tuple(dict.fromkeys(ids)))
        return
    if ids:
        raise InputError(
            f"--id names columns of a table, and this run takes {saved.takes}. Remove it."
        )
    yield from _iterate_arrays(saved, data)


def read_frame_table(saved: Saved, frame: pd.DataFrame) -> pa.Table:
    """A DataFrame as a table; what is missing is null.

    Raises:
        DataError: The run takes arrays.
    """
    if not saved.is_table:
        raise DataError("DataFrame", [f"this run takes {saved.takes}, not the columns of a table."])
    return mark_missing(read_frame(frame), saved.recipe.dataset)


def fit_shape(saved: Saved, rows: NDArray[Any], origin: str) -> NDArray[Any]:
    """Rows in the shape that the model takes; a channel of one is no difference.

    Raises:
        DataError: They have another shape, or hold something else than finite numbers.
    """
    problems = []
    if rows.dtype.kind not in "biuf":
        problems.append(f"the model takes numbers (received: {rows.dtype}).")
    elif _leave_out_channel(rows.shape[1:]) != _leave_out_channel(saved.shape) or not rows.ndim:
        hint = " This is one row: write array[None]." if rows.shape == saved.shape else ""
        problems.append(
            f"the model takes rows of shape {saved.shape} (received: {rows.shape[1:]}).{hint}"
        )
    elif rows.dtype.kind == "f" and not (finite := np.isfinite(rows)).all():
        bad = np.flatnonzero(~finite.reshape(len(rows), -1).all(axis=1))
        problems.append(f"values are not finite in {show_rows(bad)}. Mend or remove these rows.")
    if problems:
        raise DataError(origin, problems)
    return rows.reshape(len(rows), *saved.shape)


def name_columns(saved: Saved, array: NDArray[Any]) -> pa.Table:
    """An array without names, its columns taken in the order of training's.

    Raises:
        DataError: It has more or fewer of them.
    """
    import pyarrow as pa

    names = [column.name for column in saved.encoder.columns]
    if array.ndim != 2 or array.shape[1] != len(names):
        problem = (
            f"the model takes rows of {len(names)} columns: {', '.join(names)} (received: shape "
            f"{array.shape}). Give a DataFrame with columns of these names."
        )
        raise DataError("array", [problem])
    try:
        if array.dtype == object:  # Each column may have a type of its own.
            columns = [pa.array(column.tolist()) for column in array.T]
        else:
            native = array.dtype.newbyteorder("=")
            columns = [pa.array(np.ascontiguousarray(column, native)) for column in array.T]
    except pa.ArrowException as error:
        raise DataError("array", [f"a column's values must be of one type: {error}."]) from error
    return mark_missing(pa.table(columns, names=names), saved.recipe.dataset)


def read_array_table(saved: Saved, path: str) -> pa.Table:
    """A table of which the arrays of a .npy or .npz file are the columns, whole."""
    table = load_columns(path)
    names = [column.name for column in saved.encoder.columns]
    is_nameless = table.column_names == [str(i) for i in range(table.num_columns)]
    if is_nameless and not {*names} <= {*table.column_names} and len(names) == table.num_columns:
        table = table.rename_columns(names)
    return mark_missing(table, saved.recipe.dataset)


def _leave_out_channel(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:-1] if len(shape) == 3 and shape[-1] == 1 else shape


def _iterate_table(saved: Saved, data: str, ids: Sequence[str]) -> Iterator[Rows]:
    origin = "standard input" if data == STANDARD_INPUT else Path(data).name
    first_row = 0
    for table in _read_tables(saved, data, ids):
        problems = [*_check_ids(table, ids)]
        try:
            inputs = saved.read_table(table, origin, first_row)
        except DataError as error:
            problems += error.problems
        if problems:
            raise DataError(origin, problems)
        yield {name: table.column(name) for name in ids}, inputs
        first_row += table.num_rows


def _check_ids(table: pa.Table, ids: Sequence[str]) -> Iterator[str]:
    import pyarrow as pa

    for name in ids:
        if name not in table.column_names:
            yield f"--id: there is no column '{name}'. {suggest(name, table.column_names)}".rstrip()
        elif pa.types.is_nested(table.column(name).type):
            yield f"--id: column {name} holds lists or objects, which are not handed on. Remove it."


def _read_tables(saved: Saved, data: str, ids: Sequence[str]) -> Iterator[pa.Table]:
    is_piped = data == STANDARD_INPUT
    path = data if is_piped else str(Path(data).expanduser().absolute())
    if has_arrays(Path(path)):
        yield read_array_table(saved, path)
        return
    kinds = {column.name: column.kind for column in saved.encoder.columns}
    yield from read_batches(path, saved.recipe.dataset, kinds, CHUNK_ROWS, also=ids)


def _iterate_arrays(saved: Saved, data: str) -> Iterator[Rows]:
    path = Path(data).expanduser()
    if has_arrays(path):
        rows = fit_shape(saved, load_inputs(str(path)), path.name)
        if not len(rows):
            raise DataError(path.name, ["the file has no rows. Add rows."])
        for start in range(0, len(rows), CHUNK_ROWS):
            yield {}, rows[start : start + CHUNK_ROWS]
        return
    files = _find_images(saved, data, path)
    height, width, color_mode = saved.image_form
    n_at_once = max(1, _VALUES_AT_ONCE // int(np.prod(saved.shape)))
    for pixels, names in images.stream_images(files, (height, width), color_mode, n_at_once):
        yield {"file": np.array(names)}, fit_shape(saved, pixels, path.name)


def _find_images(saved: Saved, data: str, path: Path) -> Path | list[Path]:
    """An image, a folder of them, or those that are like a pattern."""
    is_pattern = glob.has_magic(data) and not path.exists()
    if saved.image_form[0] and data != STANDARD_INPUT:
        if path.is_dir() or (path.is_file() and path.name.lower().endswith(images.SUFFIXES)):
            return path
        if is_pattern and (found := sorted(glob.glob(str(path), recursive=True))):
            return [Path(name) for name in found]
    if data != STANDARD_INPUT and not path.exists():
        others = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        what = "file like" if is_pattern else "file"
        hint = suggest(path.name, others).partition("Choose")[0].rstrip() or "Check the path."
        raise DataError(path.name, [f"there is no {what} {path}. {hint}"])
    remedy = "a .npy or .npz file"
    if saved.image_form[0]:
        remedy = f"an image, a folder of images, or {remedy}"
    name = "standard input" if data == STANDARD_INPUT else path.name
    raise DataError(name, [f"this run takes {saved.takes} (received: {name}). Give {remedy}."])
