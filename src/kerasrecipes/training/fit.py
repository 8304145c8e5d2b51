"""``fit``: Keras's own loop, given batches and a train function that suit small models too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import RunFailed
from kerasrecipes.model.serving import count_rows_at_once
from kerasrecipes.training.batches import (
    as_written,
    count_steps,
    make_evaluation_batches,
    make_order,
    make_tensor,
    make_training_batches,
)

EVALUATION_BATCH_SIZE = 1024
"""Rows scored at once: scores do not depend on it, and small batches spend their time waiting."""

_CALLBACK_INTERVAL_S = 0.1
_STEP_OVERHEAD_S = 3e-4
_MULTIPLY_ADDS_PER_S = 5e9

Rows = tuple[np.ndarray, np.ndarray]
"""Encoded inputs of shape (n_samples, ...) and target of shape (n_samples, n_units)."""


def fit_model(
    model: keras.Sequential,
    train: Rows,
    validation: Rows | None,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    multiply_adds: int,
    row_weights: np.ndarray | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train a compiled model; it keeps what it learnt when interrupted.

    Args:
        multiply_adds: Of one row through the model: tells short steps from long ones.
        row_weights: How much the loss of each training row counts, of shape (n_samples,).

    Returns:
        Keras's history: a value an epoch, by name.

    Raises:
        RunFailed: The loss became NaN or infinite.
        KeyboardInterrupt: The user stopped it; ``model.history`` holds the finished epochs.
    """
    steps = count_steps(len(train[0]), batch_size)
    weighted = train if row_weights is None else (*train, row_weights)
    rows = min(batch_size, len(train[0]))
    # Forward pass, and two passes of about the same cost back.
    step_s = _STEP_OVERHEAD_S + 3 * multiply_adds * rows / _MULTIPLY_ADDS_PER_S
    model.steps_per_execution = max(1, min(steps, round(_CALLBACK_INTERVAL_S / step_s)))
    _build_metrics(model, train)
    if _count_replicas(model) > 1:
        batches = make_training_batches(weighted, batch_size, seed)
        model.train_function = make_step_function(model, model.train_step, steps)
    else:
        batches = _make_stand_in(weighted)
        order = make_order(len(train[0]), seed)
        source = RowSource(weighted, batch_size, order)
        model.train_function = make_step_function(model, model.train_step, steps, source)
    validation_batches, validation_steps = (
        _prepare_evaluation(model, validation) if validation else (None, None)
    )
    with _resetting_in_graph(model), _letting_go(model):
        history = model.fit(
            batches,
            epochs=epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the rows are shuffled already, and Keras warns otherwise
            callbacks=[_StopAtNaN(), *callbacks],
            verbose=0,
            validation_data=validation_batches,
            validation_steps=validation_steps,
        )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


def evaluate_model(model: keras.Sequential, rows: Rows) -> dict[str, float]:
    """Loss and metrics of a compiled model on one part, by name."""
    batches, steps = _prepare_evaluation(model, rows)
    with _letting_go(model):
        scores = model.evaluate(batches, steps=steps, verbose=0, return_dict=True)
    return {name: float(value) for name, value in scores.items()}


@dataclass(frozen=True)
class RowSource:
    """Rows in memory, of which batches are gathered where they are used.

    Beside ``tf.data`` that saves a second thread, for which small models wait on a busy machine.

    Attributes:
        rows: Inputs, target and, where rows have them, weights, as in ``make_training_batches``.
        batch_size: Rows of a batch; the last one of a pass may have fewer.
        order: Gives the order of the rows in a pass, by its number; None is as they stand.
    """

    rows: Sequence[np.ndarray]
    batch_size: int
    order: Callable[[tf.Tensor], tf.Tensor] | None = None


def make_step_function(
    model: keras.Sequential,
    step: Callable[[Any], Any],
    steps_per_pass: int,
    source: RowSource | None = None,
) -> Callable[[Any], dict[str, tf.Tensor]]:
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
    if model.jit_compile:
        step = tf.function(step, jit_compile=True, reduce_retracing=True)
    fetch = _make_fetch(source) if source else lambda iterator, _: next(iterator)
    n_even = len(source.rows[0]) // source.batch_size if source else steps_per_pass
    begin_metrics = model.reset_metrics

    @tf.function(reduce_retracing=True)
    @tf.autograph.experimental.do_not_convert
    def take_steps(batches: Any, first: tf.Tensor, n_steps: tf.Tensor) -> dict[str, tf.Tensor]:
        def take_step(number: tf.Tensor) -> tuple[tf.Tensor]:
            strategy.run(step, args=(fetch(batches, number),))
            return (number + 1,)

        end = first + n_steps
        if source:
            _call_if(first == 0, begin_metrics)
        if n_even:
            tf.while_loop(lambda number: number < tf.minimum(end, n_even), take_step, (first,))
        if n_even < steps_per_pass:
            _call_if(end > n_even, lambda: take_step(n_even))
        return model.get_metrics_result()

    position, n_passes, order = 0, 0, tf.constant(0)

    def step_function(iterator: Any) -> dict[str, tf.Tensor]:
        nonlocal position, n_passes, order
        if position == 0 and source and source.order:
            order = source.order(tf.constant(n_passes))
        n_steps = min(model.steps_per_execution, steps_per_pass - position)
        first = tf.constant(position)
        position = (position + n_steps) % steps_per_pass
        n_passes += position == 0
        return take_steps(order if source else iterator, first, tf.constant(n_steps))

    return step_function


def _make_fetch(source: RowSource) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]:
    """A function from a pass's order and a batch's number to the batch."""
    size = source.batch_size
    with tf.device("CPU"):
        tensors = tuple(make_tensor(array) for array in source.rows)

    n_rows = len(source.rows[0])

    def fetch(order: tf.Tensor, number: tf.Tensor | int) -> tuple[tf.Tensor, ...]:
        # A size that is known when the graph is built saves computing shapes at every step.
        n_taken = size if isinstance(number, tf.Tensor) else n_rows - number * size
        with tf.device("CPU"):  # a GPU would fetch all rows to take some
            if source.order is None:
                return tuple(_take_in_a_row(tensor, number * size, n_taken) for tensor in tensors)
            rows = tf.slice(order, [number * size], [n_taken])
            return tuple(tf.gather(tensor, rows) for tensor in tensors)

    return fetch


def _take_in_a_row(tensor: tf.Tensor, start: tf.Tensor | int, n_rows: int) -> tf.Tensor:
    rest = tensor.shape.rank - 1
    return tf.slice(tensor, [start, *[0] * rest], [n_rows, *tensor.shape[1:]])


def _call_if(condition: tf.Tensor, call: Callable[[], Any]) -> None:
    """Call inside a graph, where the condition holds when it runs."""

    def call_it() -> tf.Tensor:
        call()
        return tf.constant(0)

    tf.cond(condition, call_it, lambda: tf.constant(0))


@contextmanager
def _resetting_in_graph(model: keras.Sequential) -> Iterator[None]:
    """Leave the metrics' reset to the step functions: by itself it takes 1 ms an epoch."""
    if _count_replicas(model) == 1:
        model.reset_metrics = lambda: None
    try:
        yield
    finally:
        if "reset_metrics" in vars(model):
            del model.reset_metrics


@contextmanager
def _letting_go(model: keras.Sequential) -> Iterator[None]:
    """Free the rows that the step functions hold, once they are done."""
    try:
        yield
    finally:
        model.train_function = model.test_function = None


def _make_stand_in(rows: Sequence[np.ndarray]) -> tf.data.Dataset:
    """A dataset without end, which Keras asks for; none of its rows is used."""
    first = tuple(array[:1] for array in rows)
    return as_written(tf.data.Dataset.from_tensors(first).repeat())


def _count_replicas(model: keras.Sequential) -> int:
    return int(model.distribute_strategy.num_replicas_in_sync)


def _prepare_evaluation(model: keras.Sequential, rows: Rows) -> tuple[tf.data.Dataset, int]:
    """Batches that repeat, and how many of them make up all rows; sets the test function.

    Of batches that end, Keras makes a second iterator at the end of every evaluation, which costs
    small models more than their arithmetic.
    """
    size = min(EVALUATION_BATCH_SIZE, count_rows_at_once(model))
    steps = count_steps(len(rows[0]), size)
    if _count_replicas(model) > 1:
        model.test_function = make_step_function(model, model.test_step, steps)
        return make_evaluation_batches(*rows, size).repeat(), steps
    model.test_function = make_step_function(model, model.test_step, steps, RowSource(rows, size))
    return _make_stand_in(rows), steps


def _build_metrics(model: keras.Sequential, rows: Rows) -> None:
    """Build metrics and optimizer before the graph is, in which metrics are reset.

    On several devices Keras 3.15 cannot do so itself: it takes the mean of the devices' batches,
    which fails where a batch does not divide evenly.
    """
    with model.distribute_strategy.scope():
        model._symbolic_build(data_batch=(rows[0][:1], rows[1][:1]))
    model._maybe_symbolic_build = lambda **_: None


class _StopAtNaN(keras.callbacks.Callback):
    """Stops before more time is lost on weights that are no numbers any more."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            learning_rate = float(self.model.optimizer.learning_rate)
            raise RunFailed(
                f"The loss became {loss} in epoch {epoch + 1}: the steps are too large for this "
                f"network. Lower the optimizer's learning_rate (now {learning_rate:g}), or give "
                "it clipnorm: 1.0."
            )
