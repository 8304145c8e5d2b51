"""``fit``: Keras's own loop, given batches and a train function that suit small models too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
    make_tensors,
    make_training_batches,
)
from kerasrecipes.training.steps import (
    RowSource,
    keeping_metrics_in_graph,
    make_score_function,
    make_step_function,
)
from kerasrecipes.training.updates import updating_in_place

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
    prepare = _prepare_on_one_device if _count_replicas(model) == 1 else _prepare_on_several
    with prepare(model, weighted, validation, batch_size, seed) as batches:
        history = model.fit(
            **batches,
            epochs=epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the rows are shuffled already, and Keras warns otherwise
            callbacks=[_StopAtNaN(), *callbacks],
            verbose=0,
        )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


def make_scorer(model: keras.Sequential, like: Rows) -> Callable[[Rows], dict[str, float]]:
    """A function from a part's rows to a compiled model's loss and metrics, by name.

    Args:
        like: Some rows, for their shape and type. What is built for them serves every part.
    """
    _build_metrics(model, like)
    is_on_one_device = _count_replicas(model) == 1
    score = make_score_function(model, *like, _count_scored(model)) if is_on_one_device else None

    def score_rows(rows: Rows) -> dict[str, float]:
        scores = score(*make_tensors(rows)) if score else _evaluate_on_several(model, rows)
        return {name: float(value) for name, value in scores.items()}

    return score_rows


@contextmanager
def _prepare_on_one_device(
    model: keras.Sequential,
    train: Sequence[np.ndarray],
    validation: Rows | None,
    batch_size: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Step functions that fetch rows themselves, and what Keras's ``fit`` wants beside them."""
    source = RowSource(train, batch_size, make_order(len(train[0]), seed))
    steps = count_steps(len(train[0]), batch_size)
    batches = {"x": _make_stand_in(train)}
    with updating_in_place(model.optimizer), _letting_go(model):
        model.train_function = make_step_function(model, model.train_step, steps, source)
        if validation:
            score = make_score_function(model, *validation, _count_scored(model))
            tensors = make_tensors(validation)
            model.test_function = lambda _: score(*tensors)
            batches |= {"validation_data": _make_stand_in(validation), "validation_steps": 1}
        with keeping_metrics_in_graph(model):
            yield batches


@contextmanager
def _prepare_on_several(
    model: keras.Sequential,
    train: Sequence[np.ndarray],
    validation: Rows | None,
    batch_size: int,
    seed: int,
) -> Iterator[dict[str, Any]]:
    """Step functions that take what ``tf.data`` hands to each device."""
    model.train_function = make_step_function(
        model, model.train_step, count_steps(len(train[0]), batch_size)
    )
    batches = {"x": make_training_batches(train, batch_size, seed)}
    if validation:
        rows, steps = _prepare_evaluation(model, validation)
        batches |= {"validation_data": rows, "validation_steps": steps}
    with _letting_go(model):
        yield batches


def _prepare_evaluation(model: keras.Sequential, rows: Rows) -> tuple[tf.data.Dataset, int]:
    """Batches for several devices that repeat, and how many of them make up all rows.

    Of batches that end, Keras makes a second iterator at the end of every evaluation, which costs
    small models more than their arithmetic.
    """
    size = _count_scored(model)
    steps = count_steps(len(rows[0]), size)
    model.test_function = make_step_function(model, model.test_step, steps)
    return make_evaluation_batches(*rows, size).repeat(), steps


def _evaluate_on_several(model: keras.Sequential, rows: Rows) -> dict[str, Any]:
    batches, steps = _prepare_evaluation(model, rows)
    with _letting_go(model):
        return model.evaluate(batches, steps=steps, verbose=0, return_dict=True)


def _count_scored(model: keras.Sequential) -> int:
    """How many rows are scored at once."""
    return min(EVALUATION_BATCH_SIZE, count_rows_at_once(model))


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
