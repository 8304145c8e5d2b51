"""Train and test functions that take many batches in one call, for Keras's own loop to call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.training.batches import make_tensors

Logs = dict[str, tf.Tensor]


@dataclass(frozen=True)
class RowSource:
    """Rows in memory, of which batches are gathered where they are used.

    Beside ``tf.data`` that saves a second thread, for which small models wait on a busy machine.

    Attributes:
        rows: Inputs, target and, where rows have them, weights, as in ``make_training_batches``.
        batch_size: Rows of a batch; the last one of an epoch may have fewer.
        order: Gives the order of the rows in an epoch, by its number.
    """

    rows: Sequence[np.ndarray]
    batch_size: int
    order: Callable[[tf.Tensor], tf.Tensor]


def make_step_function(
    model: keras.Sequential,
    step: Callable[[Any], Any],
    steps_per_pass: int,
    source: RowSource | None = None,
) -> Callable[[Any], Logs]:
    """A train or test function that takes ``model.steps_per_execution`` batches in one call.

    Keras's own ones run past the end of an epoch when the two numbers do not divide, and fail
    under ``MirroredStrategy`` when they take more than one (Keras 3.15: "must feed a value for
    placeholder tensor"). Keras's ``fit`` and ``evaluate`` call this one in their place, with the
    same batches in the same order, and get the same logs.

    Args:
        step: ``model.train_step`` or ``model.test_step``.
        steps_per_pass: Batches of an epoch, or of the part that is evaluated.
        source: Where batches come from; None takes them from the iterator that Keras gives.
    """
    strategy = model.distribute_strategy
    step = _compile_if_asked(model, step)
    # Where a call begins is kept in the graph: to hand it over takes longer than small steps do.
    with tf.device("CPU"):
        position, n_passes = tf.Variable(0), tf.Variable(0)
    begin_pass, fetch = _make_fetch(model, source, n_passes) if source else (None, None)
    n_even = len(source.rows[0]) // source.batch_size if source else steps_per_pass

    @tf.function(reduce_retracing=True)
    @tf.autograph.experimental.do_not_convert
    def take_steps(batches: Any) -> Logs:
        def take_step(number: Any) -> tuple[tf.Tensor]:
            batch = fetch(batches, number) if fetch else next(batches)
            strategy.run(step, args=(batch,))
            return (number + 1,)

        first = tf.identity(position)
        end = tf.minimum(first + model.steps_per_execution, steps_per_pass)
        if begin_pass:
            _call_if(first == 0, begin_pass)
        if n_even:
            tf.while_loop(lambda number: number < tf.minimum(end, n_even), take_step, (first,))
        if n_even < steps_per_pass:
            _call_if(end > n_even, lambda: take_step(n_even))
        position.assign(end % steps_per_pass)
        n_passes.assign_add(end // steps_per_pass)
        return model.get_metrics_result()

    if source is None:
        return take_steps
    # Rows are handed over, since a graph that holds them is let go by the garbage collector only.
    tensors = make_tensors(source.rows)
    return lambda _: take_steps(tensors)


def _make_fetch(
    model: keras.Sequential, source: RowSource, n_passes: tf.Variable
) -> tuple[Callable[[], None], Callable[[tuple[tf.Tensor, ...], Any], tuple[tf.Tensor, ...]]]:
    """What begins a pass, and a function from all rows and a batch's number to the batch."""
    size, n_rows, order_rows = source.batch_size, len(source.rows[0]), source.order
    reset_metrics = model.reset_metrics
    with tf.device("CPU"):
        order = tf.Variable(tf.zeros(n_rows, tf.int32))

    def begin_pass() -> None:
        reset_metrics()
        order.assign(order_rows(n_passes.read_value()))

    def fetch(rows: tuple[tf.Tensor, ...], number: tf.Tensor | int) -> tuple[tf.Tensor, ...]:
        # A size that is known when the graph is built saves computing shapes at every step.
        n_taken = size if isinstance(number, tf.Tensor) else n_rows - number * size
        with tf.device("CPU"):  # a GPU would fetch all rows to take some
            places = tf.slice(order, [number * size], [n_taken])
            return tuple(tf.gather(tensor, places) for tensor in rows)

    return begin_pass, fetch


def make_score_function(
    model: keras.Sequential, inputs: np.ndarray, target: np.ndarray, batch_size: int
) -> Callable[[tf.Tensor, tf.Tensor], Logs]:
    """A function from any number of rows to their loss and metrics, traced once for all parts.

    Args:
        inputs: Some rows as the model takes them, for their shape and type.
        target: Their target.
        batch_size: Rows scored at once.
    """
    step = _compile_if_asked(model, model.test_step)
    reset_metrics = model.reset_metrics

    @tf.function(input_signature=[_describe_rows(array) for array in (inputs, target)])
    @tf.autograph.experimental.do_not_convert
    def score(inputs: tf.Tensor, target: tf.Tensor) -> Logs:
        def take_step(start: tf.Tensor) -> tuple[tf.Tensor]:
            rows = slice(start, start + batch_size)
            with tf.device("CPU"):  # a GPU would fetch all rows to take some
                batch = inputs[rows], target[rows]
            step(batch)
            return (start + batch_size,)

        reset_metrics()
        n_rows = tf.shape(target)[0]
        tf.while_loop(lambda start: start < n_rows, take_step, (tf.constant(0),))
        return model.get_metrics_result()

    return score


@contextmanager
def keeping_metrics_in_graph(model: keras.Sequential) -> Iterator[None]:
    """Leave metrics to the step functions, which reset them and give their results as logs.

    For Keras to do so again, outside the graph, takes more than 1 ms an epoch.
    """
    model.reset_metrics = lambda: None
    model._get_metrics_result_or_logs = lambda logs: logs
    try:
        yield
    finally:
        del model.reset_metrics, model._get_metrics_result_or_logs


def _compile_if_asked(model: keras.Sequential, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if not model.jit_compile:
        return step
    return tf.function(step, jit_compile=True, reduce_retracing=True)


def _call_if(condition: tf.Tensor, call: Callable[[], Any]) -> None:
    """Call inside a graph, where the condition holds when it runs."""

    def call_it() -> tf.Tensor:
        call()
        return tf.constant(0)

    tf.cond(condition, call_it, lambda: tf.constant(0))


def _describe_rows(array: np.ndarray) -> tf.TensorSpec:
    return tf.TensorSpec([None, *array.shape[1:]], array.dtype)
