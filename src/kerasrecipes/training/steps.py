"""Rows as tensors, and graphs that take many batches of them in one call: training, and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasrecipes.rows.disk import DiskRows, count_rows_of
from kerasrecipes.rows.windows import WindowArray
from kerasrecipes.training.team import ALONE, Team

CHUNK_BYTES = 32 << 20
"""Encoded inputs of a chunk. It decides the order of rows, and so depends on nothing else."""
_N_AHEAD = 2  # chunks that are read meanwhile, each by a thread
_BLOCK_BYTES = 1 << 20  # read in one piece: a disk reads scattered rows slowly

Rows = Sequence[Any]
"""Encoded inputs of shape (n_samples, ...), target of shape (n_samples, n_units) and, where rows
count differently, their weights, of shape (n_samples,). Inputs may be on a disk."""

Logs = dict[str, tf.Tensor]
TakeSteps = Callable[[int, int, int], tuple[Logs, tf.Tensor]]
"""From an epoch, a first step and a number of steps to metrics, and the step after the last one."""


def count_steps(n_rows: int, batch_size: int) -> int:
    """Batches in an epoch; the last one may have fewer rows."""
    return -(-n_rows // batch_size)


class Chunk(NamedTuple):
    """Consecutive batches of an epoch, from ``first_step`` to before ``end_step``."""

    number: int
    tensors: tuple[Any, ...]
    first_step: int
    end_step: int


class Feed:
    """Encoded rows, as chunks that hold whole batches.

    Rows in memory are one chunk. Of rows on a disk, the next chunks are read and encoded while
    the network is trained on the one before. ``seed`` and the epoch's number decide which rows
    form a chunk; None keeps their order.
    """

    def __init__(self, rows: Rows, batch_size: int, seed: int | None = None) -> None:
        self._rows, self.batch_size, self._seed = rows, batch_size, seed
        self.n_rows = self._n_of_chunk = len(rows[0])
        if isinstance(rows[0], DiskRows):
            self._n_of_chunk = batch_size * -(-count_rows_of(CHUNK_BYTES, rows[0]) // batch_size)
        self.n_chunks = max(1, -(-self.n_rows // self._n_of_chunk))
        self._has_epochs = self.n_chunks > 1 and seed is not None  # which differ
        self._now: tuple[int, Chunk] | None = None
        self._ahead: dict[int, Future[Chunk]] = {}
        self._readers = ThreadPoolExecutor(_N_AHEAD)

    def take(self, epoch: int, step: int) -> Chunk:
        """The chunk of an epoch that has a batch; past the last batch, the last chunk."""
        place = min(step * self.batch_size // self._n_of_chunk, self.n_chunks - 1)
        if self._has_epochs:
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
            for each in range(place + 1, end if self._has_epochs else min(end, self.n_chunks))
        }
        return chunk

    def __iter__(self) -> Iterator[Chunk]:
        for number in range(self.n_chunks):
            yield self.take(0, number * self._n_of_chunk // self.batch_size)

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
        first = start // self.batch_size
        n_steps = count_steps(end - start, self.batch_size)
        return Chunk(number, make_tensors(rows), first, first + n_steps)


def order_blocks(
    n_rows: int, n_of_block: int, seed: int, epoch: int, start: int, end: int
) -> NDArray[np.int64]:
    """Row numbers of a chunk, ascending: ``start`` to ``end`` of blocks in random order.

    A block is ``n_of_block`` consecutive rows; the rows after the last whole one stay at the end.
    """
    n_blocks = n_rows // n_of_block
    blocks = np.random.RandomState([seed, epoch]).permutation(n_blocks)
    whole = np.arange(start, min(end, n_blocks * n_of_block))
    moved = blocks[whole // n_of_block] * n_of_block + whole % n_of_block
    rest = np.arange(max(start, n_blocks * n_of_block), end)
    return np.concatenate([np.sort(moved), rest])


def make_tensors(arrays: Rows) -> tuple[Any, ...]:
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


def choose(array: Any, rows: NDArray[np.int64]) -> Any:
    """Some rows, or windows of a series."""
    if isinstance(array, WindowArray):
        return WindowArray(array.rows, array.windows[rows])
    return array[rows]


def specify(array: Any) -> Any:
    """Shape and type of the tensor of any number of such rows."""
    if isinstance(array, WindowArray):
        n_steps = len(array.windows.offsets)
        places = tf.TensorSpec([None], tf.int32), tf.TensorSpec([n_steps], tf.int32)
        return specify(array.rows), *places
    return tf.TensorSpec([None, *array.shape[1:]], array.dtype)


def _gather(tensor: Any, places: tf.Tensor) -> tf.Tensor:
    """Some rows of a tensor, or windows of a series."""
    if isinstance(tensor, tuple):
        rows, starts, offsets = tensor
        return tf.gather(rows, tf.gather(starts, places)[:, None] + offsets)
    return tf.gather(tensor, places)


def make_train_function(
    model: keras.Sequential, rows: Rows, batch_size: int, seed: int, team: Team = ALONE
) -> TakeSteps:
    """A function that trains a compiled model on batches that it gathers itself.

    The order of an epoch's rows depends on (seed, epoch) alone. Rows in memory are shuffled as a
    whole; on a disk, blocks are shuffled, and then the rows of a chunk of many blocks. The first
    step of an epoch resets the model's metrics. The team's processes share each batch, or several
    replicas of one process. On one device, a step whose loss is NaN or infinite is the last one
    taken.
    """
    strategy = model.distribute_strategy
    n_rows = len(rows[0])
    batch_size = min(batch_size, n_rows)
    feed = Feed(rows, batch_size, seed)
    n_full, n_rest = divmod(n_rows, batch_size)
    train_step = model.train_step
    if model.jit_compile:
        train_step = tf.function(train_step, jit_compile=True, reduce_retracing=True)
    with tf.device("CPU"):
        order = tf.Variable(tf.range(1), shape=[None])

    @tf.function
    @tf.autograph.experimental.do_not_convert
    def take_steps(rows: tuple[tf.Tensor, ...], steps: tf.Tensor) -> tuple[Logs, tf.Tensor]:
        def take_step(number: Any, _: Any, n_taken: int = batch_size) -> tuple[Any, tf.Tensor]:
            share_begin, n_of_share, weight = team.find_share(n_taken)

            def take_share() -> Logs:
                replica, n_replicas = _find_replica()
                most = -(-n_of_share // n_replicas)
                begin = min(replica * most, n_of_share)
                n_share = min(most, n_of_share - begin)
                # A static batch size avoids computing shapes at every step. But
                # Keras 3.15 does not reduce a loss whose static shape is (0,).
                size = [n_share] if n_share else tf.compat.v1.placeholder_with_default([0], [1])
                with tf.device("CPU"):  # a GPU would fetch all rows to take some
                    place = (number - base) * batch_size + share_begin + begin
                    places = tf.slice(order, [place], size)
                    batch = tuple(_gather(tensor, places) for tensor in rows)
                return team.take_step(model, train_step, batch, weight)

            logs = strategy.run(take_share)
            is_one_device = strategy.num_replicas_in_sync == team.size == 1
            is_finite = tf.math.is_finite(logs["loss"]) if is_one_device else tf.constant(True)
            return number + 1, is_finite

        order_seed, *others = tf.unstack(steps)
        first, end, base, is_ordered = (tf.cast(each, tf.int32) for each in others)

        def order_rows() -> None:
            seeds = tf.stack([tf.constant(seed, tf.int64), order_seed])
            places = tf.range(tf.shape(rows[1])[0])
            order.assign(tf.random.experimental.stateless_shuffle(places, seed=seeds))

        tf.cond(is_ordered == 0, order_rows, lambda: None)
        tf.cond(first == 0, model.reset_metrics, lambda: None)
        n_even = tf.minimum(end, n_full)
        number, is_finite = tf.while_loop(
            lambda number, is_finite: (number < n_even) & is_finite,
            take_step,
            (first, tf.constant(True)),
        )
        if n_rest:

            def take_rest() -> tf.Tensor:
                with tf.control_dependencies([number]):
                    return take_step(n_full, None, n_rest)[0]

            number = tf.cond((end > n_full) & (first < end) & is_finite, take_rest, lambda: number)
        return _name_numbers(team.read_metrics(model)), number

    # Rows are an argument, since a graph that contains them is freed by the garbage collector only.
    traced: list[Callable[..., tuple[Logs, tf.Tensor]]] = []
    ordered = -1  # the seed of the present order

    def call(epoch: int, first: int, count: int) -> tuple[Logs, tf.Tensor]:
        nonlocal ordered
        chunk = feed.take(epoch, first)
        order_seed, end = epoch + (chunk.number << 32), min(first + count, chunk.end_step)
        with tf.device("CPU"):
            facts = order_seed, first, end, chunk.first_step, int(ordered == order_seed)
            steps = tf.constant(facts, tf.int64)
        if not traced:  # a tf.function would warn of retracing after a few short fits in a process
            like = chunk.tensors if feed.n_chunks == 1 else tuple(map(specify, rows))
            traced.append(take_steps.get_concrete_function(like, steps))
        ordered = order_seed
        return traced[0](chunk.tensors, steps)

    return call


def make_score_function(
    model: keras.Sequential, rows: Rows, team: Team = ALONE
) -> Callable[..., Logs]:
    """A function from tensors of any number of such rows to their loss and metrics, traced once.

    Its last arguments say whether these are the first rows of a part, since others are added to
    them, and the batch size. The processes of a team take turns: each scores whole batches.
    """
    strategy = model.distribute_strategy
    how = tf.TensorSpec([], tf.bool), tf.TensorSpec([], tf.int32)

    @tf.function(input_signature=[*map(specify, rows), *how])
    @tf.autograph.experimental.do_not_convert
    def score(*arguments: tf.Tensor) -> Logs:
        *tensors, begins, batch_size = arguments
        n_rows = tf.shape(tensors[1])[0]

        def take_step(start: tf.Tensor) -> tuple[tf.Tensor]:
            end = tf.minimum(start + batch_size, n_rows)

            def take_share() -> None:
                replica, n_replicas = _find_replica()
                n_share = -((start - end) // n_replicas)
                first = tf.minimum(start + replica * n_share, end)
                with tf.device("CPU"):
                    places = tf.range(first, tf.minimum(first + n_share, end))
                    batch = tuple(_gather(tensor, places) for tensor in tensors)
                model.test_step(batch)

            strategy.run(take_share)
            return (start + team.size * batch_size,)

        tf.cond(begins, model.reset_metrics, lambda: None)
        first = team.number * batch_size
        tf.while_loop(lambda start: start < n_rows, take_step, (first,))
        return _name_numbers(team.read_metrics(model))

    return score.get_concrete_function()


def _name_numbers(results: Logs) -> Logs:
    """Metrics as numbers; one that gives a number for each class has a name for each."""
    logs: Logs = {}
    for name, value in results.items():
        if value.shape.rank:
            values = tf.unstack(tf.reshape(value, [-1]))
            logs |= {f"{name}_{i}": number for i, number in enumerate(values)}
        else:
            logs[name] = value
    return logs


def _find_replica() -> tuple[int, int]:
    """This replica's number, counted from 0, and how many there are."""
    replica = tf.distribute.get_replica_context()
    number = int(tf.get_static_value(replica.replica_id_in_sync_group))
    return number, replica.num_replicas_in_sync
