"""Rows to batches: one dataset that repeats for a whole fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

BATCHES_PER_GATHER = 50
"""Batches fetched by one gather: enough to hide its cost, few enough to stay in the cache."""


def make_training_batches(
    rows: Sequence[np.ndarray], batch_size: int, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Batches without end; epoch after epoch, each in an order of its own.

    The order of an epoch's rows depends on (seed, epoch) alone, so that a fit which starts at
    a later epoch sees the rows that one from the beginning would have seen. Every epoch ends
    with a smaller batch where the rows do not divide evenly, as in Keras.

    Args:
        rows: Encoded inputs of shape (n_samples, ...), kept in their own dtype until they are
            inside the model; target of shape (n_samples, n_units); and weights of shape
            (n_samples,), where rows have them.

    Returns:
        Tuples of (batch_size, ...), (batch_size, n_units) and (batch_size,), ``count_steps`` an
        epoch.
    """
    n_rows = len(rows[0])
    batch_size = min(batch_size, n_rows)
    n_full = n_rows // batch_size
    tensors = make_tensors(rows)

    shuffle = make_order(n_rows, seed)

    # Nothing below needs AutoGraph, and its reading of the source takes longer than an epoch may.
    @tf.autograph.experimental.do_not_convert
    def order_rows(epoch: tf.Tensor) -> tf.data.Dataset:
        order = shuffle(epoch)
        full, rest = order[: n_full * batch_size], order[n_full * batch_size :]
        groups = tf.data.Dataset.from_tensor_slices(tf.reshape(full, (n_full, batch_size)))
        groups = groups.batch(BATCHES_PER_GATHER)
        if n_rows % batch_size:
            groups = groups.concatenate(tf.data.Dataset.from_tensors(rest[tf.newaxis]))
        return groups

    @tf.autograph.experimental.do_not_convert
    def gather(places: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tuple(tf.gather(tensor, places) for tensor in tensors)

    epochs = tf.data.Dataset.counter(first_epoch)
    return as_written(epochs.flat_map(order_rows).map(gather).unbatch().prefetch(2))


def make_evaluation_batches(
    inputs: np.ndarray, target: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """Batches of every row once, in order; shapes as in ``make_training_batches``."""
    n_rows = len(inputs)
    if n_rows <= batch_size:
        # Keras makes an iterator per evaluation: of one tensor that takes a tenth of the time.
        return as_written(tf.data.Dataset.from_tensors((inputs, target)))
    all_inputs, all_targets = make_tensors((inputs, target))

    @tf.autograph.experimental.do_not_convert
    def slice_rows(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return all_inputs[start : start + batch_size], all_targets[start : start + batch_size]

    starts = tf.data.Dataset.range(0, n_rows, batch_size, output_type=tf.int32)
    return as_written(starts.map(slice_rows).prefetch(1))


def make_order(n_rows: int, seed: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from an epoch's number to its order of the rows, which depends on nothing else."""

    @tf.function
    @tf.autograph.experimental.do_not_convert
    def order_rows(epoch: tf.Tensor) -> tf.Tensor:
        seeds = tf.stack([tf.constant(seed, epoch.dtype), epoch])
        return tf.random.experimental.stateless_shuffle(tf.range(n_rows), seed=seeds)

    return order_rows


def make_tensors(arrays: Sequence[np.ndarray]) -> tuple[tf.Tensor, ...]:
    """Arrays as tensors on the CPU, without a copy where their memory allows.

    ``tf.constant`` copies, and needs twice the array's memory while it does. TensorFlow stops the
    whole process at memory that does not begin at a multiple of 64 bytes.
    """
    with tf.device("CPU"):
        return tuple(map(_make_tensor, arrays))


def _make_tensor(array: np.ndarray) -> tf.Tensor:
    is_ready = array.flags.c_contiguous and array.flags.writeable and not array.ctypes.data % 64
    if is_ready and array.dtype.kind in "fiu" and array.dtype.isnative and array.size:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    return tf.constant(array)


def as_written(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Keep TensorFlow 2.21 from rewriting what is written here for a reason.

    Nothing is left to tune, and giving up a tuned iterator took up to 10 s. Rewriting the graph
    copies every array that it holds, and the copies outlive the iterator.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return batches.with_options(options)


def count_steps(n_rows: int, batch_size: int) -> int:
    """Batches in an epoch."""
    return -(-n_rows // batch_size)
