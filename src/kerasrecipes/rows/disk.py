"""Rows that stay on a disk, and are read when some of them are taken."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import RunFailed
from kerasrecipes.rows.kinds import Column

_PIECE_BYTES = 32 << 20
_NUMBER = np.dtype(np.float32)
_CODE = np.dtype(np.int32)  # of the same size


@dataclass(frozen=True, eq=False)
class DiskRows:
    """An array of shape (n_rows, ...) on a disk; indexing it reads rows into memory.

    Attributes:
        read: Reads rows by their numbers, which are in ascending order if the reader is fast so.
        rows: The numbers of the rows that belong to the array; None means all.
        is_decoded: Whether reading takes long, because each row is decoded.
    """

    read: Callable[[NDArray[np.int64]], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: Any
    rows: NDArray[np.int64] | None = None
    is_decoded: bool = False

    @property
    def ndim(self) -> int:
        """As of an array."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def find(self, some: Any) -> Any:
        """The numbers of some rows."""
        if self.rows is not None:
            return self.rows[some]
        is_numbers = isinstance(some, np.ndarray) and some.dtype == np.int64
        return some if is_numbers else np.arange(len(self))[some]

    def __getitem__(self, some: Any) -> NDArray[Any]:
        chosen = self.find(some)
        return self.read(chosen) if chosen.ndim else self.read(chosen[None])[0]

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    def choose(self, rows: NDArray[np.int64]) -> DiskRows:
        """Choose rows, by the numbers that ``find`` gives, without reading them."""
        return replace(self, rows=rows, shape=(len(rows), *self.shape[1:]))

    def map(self, change: Callable[[NDArray[Any]], NDArray[Any]], row: tuple[int, ...]) -> DiskRows:
        """The same rows, each changed to shape ``row`` after it is read."""
        return replace(self, read=lambda rows: change(self.read(rows)), shape=(len(self), *row))

    def iterate(self) -> Iterator[NDArray[Any]]:
        """Read all rows in their order, some at once."""
        n_at_once = count_rows_of(_PIECE_BYTES, self)
        for start in range(0, len(self), n_at_once):
            yield self[start : start + n_at_once]


def are_on_disk(inputs: Any) -> bool:
    """Whether rows are read when they are taken; a table's columns are alike."""
    first = next(iter(inputs.values())) if isinstance(inputs, dict) else inputs
    return isinstance(first, DiskRows)


def choose_columns(columns: Mapping[str, Any], some: Any) -> dict[str, Any]:
    """Choose rows of a table's columns, which share the rows' numbers, without reading them."""
    rows = next(iter(columns.values())).find(some)
    return {name: column.choose(rows) for name, column in columns.items()}


def describe_stream(what: str, needed: int, free: int) -> str:
    """Say why rows stay on disk without being asked for."""
    return (
        f"{what} stay on disk: in memory they would take about {needed / 1e9:,.1f} GB, and "
        f"{free / 1e9:,.1f} GB are free. To choose, write stream: true or stream: false."
    )


def count_rows_of(n_bytes: int, array: Any) -> int:
    """How many rows of an array take about so many bytes; 1 at least."""
    row_bytes = np.dtype(array.dtype).itemsize * int(np.prod(array.shape[1:]))
    return max(1, n_bytes // max(row_bytes, 1))


class ColumnFile:
    """A temporary file of a table's inputs, column by column; the system removes it at the end.

    Numbers are float32, and categories are int32 places in the list of their texts.
    """

    def __init__(self, columns: Sequence[Column], n_rows: int) -> None:
        self._names = [name for column in columns for name in column.inputs]
        self._codes: dict[str, dict[str, int]] = {}
        self._n_rows = n_rows
        folder = os.environ.get("TMPDIR", "/var/tmp")  # /tmp may be memory
        folder = folder if os.path.isdir(folder) else tempfile.gettempdir()
        n_bytes = len(self._names) * n_rows * _NUMBER.itemsize
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  the map needs it
            os.truncate(self._file.fileno(), max(n_bytes, 1))
            if hasattr(os, "posix_fallocate"):  # not on macOS
                os.posix_fallocate(self._file.fileno(), 0, max(n_bytes, 1))
        except OSError as error:
            raise RunFailed(
                f"stream keeps a copy of the inputs in {folder}, of {n_bytes / 1e9:,.1f} GB: "
                f"{error.strerror}. Set TMPDIR to a folder with room for it."
            ) from error

    def write(self, first_row: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write some rows of every column."""
        import pandas as pd

        for i, name in enumerate(self._names):
            values = arrays[name]
            if values.dtype == object:
                known = self._codes.setdefault(name, {})
                places, distinct = pd.factorize(values)
                codes = [known.setdefault(text, len(known)) for text in distinct]
                values = np.array(codes, _CODE)[places]
            self._file.seek((i * self._n_rows + first_row) * _NUMBER.itemsize)
            self._file.write(np.ascontiguousarray(values).data)

    def open_columns(self) -> dict[str, Any]:
        """The columns, by input, as DiskRows, once all rows are written."""
        self._file.flush()
        mapped = mmap.mmap(self._file.fileno(), 0, prot=mmap.PROT_READ)

        def read(i: int, dtype: np.dtype[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
            start = i * self._n_rows * _NUMBER.itemsize
            values = np.frombuffer(mapped, dtype, self._n_rows, start)[rows]
            mapped.madvise(mmap.MADV_DONTNEED)  # pages that were read are no memory of ours
            return values

        found = {}
        for i, name in enumerate(self._names):
            codes = self._codes.get(name)
            dtype, shown = (_NUMBER, _NUMBER) if codes is None else (_CODE, np.dtype(object))
            found[name] = DiskRows(partial(read, i, dtype), (self._n_rows,), shown)
            if codes is not None:
                texts = np.array([*codes, ""], object)[:-1]
                found[name] = found[name].map(texts.__getitem__, ())
        return found
