"""Rows to batches: one dataset that repeats for a whole fit."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

BATCHES_PER_GATHER = 50
"""Batches fetched by one gather: enough to hide its cost, few enough to stay in the cache."""


def make_training_batches(
    inputs: np.ndarray, target: np.ndarray, batch_size: int, seed: int, first_epoch: int = 0
) -> tf.data.Dataset:
    """Batches without end; epoch after epoch, each in an order of its own.

    The order of an epoch's rows depends on (seed, epoch) alone, so that a fit which starts at
    a later epoch sees the rows that one from the beginning would have seen. Every epoch ends
    with a smaller batch where the rows do not divide evenly, as in Keras.

    Args:
        inputs: Shape (n_samples, ...); kept in its own dtype until it is inside the model.
        target: Encoded, of shape (n_samples, n_units).

    Returns:
        Pairs of shapes (batch_size, ...) and (batch_size, n_units), ``count_steps`` an epoch.
    """
    n_rows = len(inputs)
    batch_size = min(batch_size, n_rows)
    n_full = n_rows // batch_size
    with tf.device("CPU"):
        all_inputs, all_targets = tf.constant(inputs), tf.constant(target)

    def order_rows(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(n_rows), seed=[seed, epoch])
        full, rest = order[: n_full * batch_size], order[n_full * batch_size :]
        groups = tf.data.Dataset.from_tensor_slices(tf.reshape(full, (n_full, batch_size)))
        groups = groups.batch(BATCHES_PER_GATHER)
        if n_rows % batch_size:
            groups = groups.concatenate(tf.data.Dataset.from_tensors(rest[tf.newaxis]))
        return groups

    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(all_inputs, rows), tf.gather(all_targets, rows)

    epochs = tf.data.Dataset.counter(first_epoch)
    return _without_autotune(epochs.flat_map(order_rows).map(gather).unbatch().prefetch(2))


def make_evaluation_batches(
    inputs: np.ndarray, target: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """Batches of every row once, in order; shapes as in ``make_training_batches``."""
    n_rows = len(inputs)
    if n_rows <= batch_size:
        # Keras makes an iterator per evaluation: of one tensor that takes a tenth of the time.
        return _without_autotune(tf.data.Dataset.from_tensors((inputs, target)))
    with tf.device("CPU"):
        all_inputs, all_targets = tf.constant(inputs), tf.constant(target)

    def slice_rows(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return all_inputs[start : start + batch_size], all_targets[start : start + batch_size]

    starts = tf.data.Dataset.range(0, n_rows, batch_size, output_type=tf.int32)
    return _without_autotune(starts.map(slice_rows).prefetch(1))


def _without_autotune(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Nothing here is left to tune, and giving up a tuned iterator took up to 10 s (2.21)."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def count_steps(n_rows: int, batch_size: int) -> int:
    """Batches in an epoch."""
    return -(-n_rows // batch_size)
