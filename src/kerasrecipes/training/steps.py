"""Graphs that take many batches in one call: training steps, and scores of a part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.training.feed import Feed, specify
from kerasrecipes.training.team import ALONE, Team

Logs = dict[str, tf.Tensor]

TakeSteps = Callable[[int, int, int], tuple[Logs, tf.Tensor]]
"""From an epoch, a first step and a number of steps to metrics, and the step after the last one."""


def count_steps(n_rows: int, batch_size: int) -> int:
    """Batches in an epoch; the last one may have fewer rows."""
    return -(-n_rows // batch_size)


def _gather(tensor: Any, places: tf.Tensor) -> tf.Tensor:
    """Some rows of a tensor, or windows of a series."""
    if isinstance(tensor, tuple):
        rows, starts, offsets = tensor
        return tf.gather(rows, tf.gather(starts, places)[:, None] + offsets)
    return tf.gather(tensor, places)


def make_train_function(
    model: keras.Sequential,
    rows: Sequence[np.ndarray],
    batch_size: int,
    seed: int,
    team: Team = ALONE,
) -> TakeSteps:
    """A function that trains a compiled model on batches that it gathers itself.

    The order of an epoch's rows depends on (seed, epoch) alone. Rows in memory are shuffled as a
    whole; on a disk, blocks are shuffled, and then the rows of a chunk of many blocks. The first
    step of an epoch resets the model's metrics. The team's processes share each batch, or several
    replicas of one process. On one device, a step whose loss is NaN or infinite is the last one
    taken.

    Args:
        rows: Encoded inputs of shape (n_samples, ...), target of shape (n_samples, n_units) and,
            if rows have weights, these, of shape (n_samples,).
    """
    strategy = model.distribute_strategy
    n_rows = len(rows[0])
    batch_size = min(batch_size, n_rows)
    feed = Feed(rows, batch_size, seed)
    n_full, n_rest = divmod(n_rows, batch_size)
    train_step = _compile_if_asked(model, model.train_step)
    with tf.device("CPU"):
        order = tf.Variable(tf.range(n_rows if feed.n_chunks == 1 else 1), shape=[None])

    @tf.function
    @tf.autograph.experimental.do_not_convert
    def order_rows(chunk: tf.Tensor, n_of_chunk: Any) -> None:
        seeds = tf.stack([tf.constant(seed, tf.int64), chunk])
        order.assign(tf.random.experimental.stateless_shuffle(tf.range(n_of_chunk), seed=seeds))

    @tf.function
    @tf.autograph.experimental.do_not_convert
    def take_steps(rows: tuple[tf.Tensor, ...], steps: tf.Tensor) -> tuple[Logs, tf.Tensor]:
        def take_step(number: Any, _: Any, n_taken: int = batch_size) -> tuple[Any, tf.Tensor]:
            share_begin, n_of_share, weight = team.find_share(n_taken)

            def take_share() -> Logs:
                begin, n_share = _find_share(n_of_share)
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

        order_seed, first, end, base = tf.unstack(steps)
        first, end, base = (tf.cast(each, tf.int32) for each in (first, end, base))

        def begin_chunk() -> None:
            order_rows(order_seed, n_rows if feed.n_chunks == 1 else tf.shape(rows[1])[0])
            _call_if(first == 0, model.reset_metrics)

        _call_if(first == base, begin_chunk)
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
    ordered = -1

    def call(epoch: int, first: int, count: int) -> tuple[Logs, tf.Tensor]:
        nonlocal ordered
        chunk = feed.take(epoch, first)
        order_seed, end = epoch + (chunk.number << 32), min(first + count, chunk.end_step)
        with tf.device("CPU"):
            steps = tf.constant([order_seed, first, end, chunk.first_step], tf.int64)
        if not traced:  # a tf.function would warn of retracing after a few short fits in a process
            like = chunk.tensors if feed.n_chunks == 1 else tuple(map(specify, rows))
            traced.append(take_steps.get_concrete_function(like, steps))
        if first > chunk.first_step and ordered != order_seed:  # training continues within it
            order_rows(steps[0], tf.constant(chunk.n_rows))
        ordered = order_seed
        return traced[0](chunk.tensors, steps)

    return call


def make_score_function(
    model: keras.Sequential, like: Sequence[Any], batch_size: int, team: Team = ALONE
) -> Callable[..., Logs]:
    """A function from any number of rows to their loss and metrics, traced once for all parts.

    Its last argument says whether these are the first rows of a part; others are added to them.
    The processes of a team take turns: each scores whole batches.

    Args:
        like: What ``specify`` gives for each array of rows.
        batch_size: Rows scored at once.
    """
    strategy = model.distribute_strategy
    test_step = _compile_if_asked(model, model.test_step)

    @tf.function(input_signature=[*like, tf.TensorSpec([], tf.bool)])
    @tf.autograph.experimental.do_not_convert
    def score(*arguments: tf.Tensor) -> Logs:
        *tensors, begins = arguments
        n_rows = tf.shape(tensors[1])[0]

        def take_step(start: tf.Tensor) -> tuple[tf.Tensor]:
            end = tf.minimum(start + batch_size, n_rows)

            def take_share() -> None:
                number, n_replicas = _find_replica()
                n_share = -((start - end) // n_replicas)
                first = tf.minimum(start + number * n_share, end)
                with tf.device("CPU"):  # a GPU would fetch all rows to take some
                    places = tf.range(first, tf.minimum(first + n_share, end))
                    batch = tuple(_gather(tensor, places) for tensor in tensors)
                test_step(batch)

            strategy.run(take_share)
            return (start + team.size * batch_size,)

        _call_if(begins, model.reset_metrics)
        first = tf.constant(team.number * batch_size)
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


def _find_share(n_taken: int) -> tuple[int, int]:
    """Where this replica's share of a batch begins, and how many rows it has."""
    number, n_replicas = _find_replica()
    share = -(-n_taken // n_replicas)
    begin = min(share * number, n_taken)
    return begin, min(share, n_taken - begin)


def _find_replica() -> tuple[int, int]:
    """This replica's number, counted from 0, and how many there are."""
    replica = tf.distribute.get_replica_context()
    number = int(tf.get_static_value(replica.replica_id_in_sync_group))
    return number, replica.num_replicas_in_sync


def _compile_if_asked(model: keras.Sequential, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if not model.jit_compile:
        return step
    return tf.function(step, jit_compile=True, reduce_retracing=True)


def _call_if(condition: tf.Tensor, call: Callable[[], Any]) -> None:
    """Call inside a graph, if the condition is true when the graph runs."""

    def call_it() -> tf.Tensor:
        call()
        return tf.constant(0)

    tf.cond(condition, call_it, lambda: tf.constant(0))
