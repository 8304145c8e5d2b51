"""Rows as tensors, in an epoch's order: all at once, or chunk by chunk where they are on a disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasrecipes.rows.disk import DiskRows, count_rows_of
from kerasrecipes.rows.windows import WindowArray

CHUNK_BYTES = 32 << 20
"""Encoded inputs of a chunk. It decides the order of rows, and so depends on nothing else."""

_N_AHEAD = 2
"""Chunks that are read meanwhile, each by a thread."""

_BLOCK_BYTES = 1 << 20
"""Inputs that are read in one piece: a disk reads scattered rows slowly."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive batches of an epoch, the chunk's ``number``: from ``first_step`` to ``end_step``.

    Attributes:
        tensors: Inputs, target and, where rows count differently, their weights.
    """

    number: int
    tensors: tuple[Any, ...]
    n_rows: int
    first_step: int
    end_step: int


class Feed:
    """Encoded rows, as chunks that hold whole batches.

    Rows in memory are one chunk. Of rows on a disk, the next chunks are read and encoded while
    the network is trained on the one before.

    Args:
        rows: Inputs of shape (n_samples, ...), target, and weights if there are any.
        batch_size: Rows of a batch.
        seed: With the epoch's number, decides which rows form a chunk; None keeps their order.
    """

    def __init__(self, rows: Sequence[Any], batch_size: int, seed: int | None = None) -> None:
        self._rows, self._batch_size, self._seed = rows, batch_size, seed
        self.n_rows = len(rows[0])
        self._n_of_chunk = self.n_rows
        if isinstance(rows[0], DiskRows):
            self._n_of_chunk = batch_size * -(-count_rows_of(CHUNK_BYTES, rows[0]) // batch_size)
        self.n_chunks = max(1, -(-self.n_rows // self._n_of_chunk))
        self._now: tuple[int, Chunk] | None = None
        self._ahead: dict[int, Future[Chunk]] = {}
        self._readers = ThreadPoolExecutor(_N_AHEAD)

    def take(self, epoch: int, step: int) -> Chunk:
        """The chunk of an epoch that has a batch; past the last batch, the last chunk."""
        place = min(step * self._batch_size // self._n_of_chunk, self.n_chunks - 1)
        has_epochs = self.n_chunks > 1 and self._seed is not None  # which differ
        if has_epochs:
            place += epoch * self.n_chunks
        if self._now and self._now[0] == place:
            return self._now[1]
        self._now = None  # frees it
        ready = self._ahead.pop(place, None)
        chunk = ready.result() if ready else self._read(place)
        self._now = place, chunk
        end = place + 1 + _N_AHEAD
        self._ahead = {
            each: self._ahead.get(each) or self._readers.submit(self._read, each)
            for each in range(place + 1, end if has_epochs else min(end, self.n_chunks))
        }
        return chunk

    def iterate(self) -> Iterator[Chunk]:
        """All chunks in the order of the rows."""
        for number in range(self.n_chunks):
            yield self.take(0, number * self._n_of_chunk // self._batch_size)

    def _read(self, place: int) -> Chunk:
        epoch, number = divmod(place, self.n_chunks)
        start = number * self._n_of_chunk
        end = min(start + self._n_of_chunk, self.n_rows)
        rows = self._rows
        places: Any = slice(start, end)
        if isinstance(rows[0], DiskRows):
            if self._seed is not None and self.n_chunks > 1:
                n_of_block = count_rows_of(_BLOCK_BYTES, rows[0])
                places = order_blocks(self.n_rows, n_of_block, self._seed, epoch, start, end)
            rows = [array[places] for array in rows]
        first = start // self._batch_size
        n_steps = -(-(end - start) // self._batch_size)
        return Chunk(number, make_tensors(rows), end - start, first, first + n_steps)


def order_blocks(
    n_rows: int, n_of_block: int, seed: int, epoch: int, start: int, end: int
) -> NDArray[np.int64]:
    """Row numbers of a chunk, ascending: ``start`` to ``end`` of blocks in random order.

    Args:
        n_of_block: Consecutive rows that stay together; the rows after the last whole block stay
            at the end.
    """
    n_blocks = n_rows // n_of_block
    blocks = np.random.RandomState([seed, epoch]).permutation(n_blocks)
    whole = np.arange(start, min(end, n_blocks * n_of_block))
    moved = blocks[whole // n_of_block] * n_of_block + whole % n_of_block
    rest = np.arange(max(start, n_blocks * n_of_block), end)
    return np.concatenate([np.sort(moved), rest])


def make_tensors(arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Arrays as tensors on the CPU, without a copy where their memory allows.

    ``tf.constant`` copies, and needs twice the array's memory while it does. TensorFlow ends the
    whole process at memory that does not begin at a multiple of 64 bytes.
    """
    with tf.device("CPU"):
        return tuple(map(_make_tensor, arrays))


def _make_tensor(array: Any) -> Any:
    if isinstance(array, WindowArray):
        windows = array.windows
        places = (each.astype(np.int32) for each in (windows.starts, windows.offsets))
        return _make_tensor(array.rows), *map(tf.constant, places)
    is_ready = array.flags.c_contiguous and array.flags.writeable and not array.ctypes.data % 64
    if is_ready and array.dtype.kind in "fiu" and array.dtype.isnative and array.size:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)


def specify(array: Any) -> Any:
    """Shape and type of the tensor of any number of such rows."""
    if isinstance(array, WindowArray):
        n_steps = len(array.windows.offsets)
        places = tf.TensorSpec([None], tf.int32), tf.TensorSpec([n_steps], tf.int32)
        return specify(array.rows), *places
    return tf.TensorSpec([None, *array.shape[1:]], array.dtype)
