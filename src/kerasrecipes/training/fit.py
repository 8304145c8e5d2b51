"""``fit``: Keras's own loop, given batches and a train function that suit small models too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import RunFailed
from kerasrecipes.training.batches import (
    count_steps,
    make_evaluation_batches,
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
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, list[float]]:
    """Train a compiled model; it keeps what it learnt when interrupted.

    Args:
        multiply_adds: Of one row through the model: tells short steps from long ones.

    Returns:
        Keras's history: a value an epoch, by name.

    Raises:
        RunFailed: The loss became NaN or infinite.
        KeyboardInterrupt: The user stopped it; ``model.history`` holds the finished epochs.
    """
    steps = count_steps(len(train[0]), batch_size)
    batches = make_training_batches(*train, batch_size, seed)
    rows = min(batch_size, len(train[0]))
    # Forward pass, and two passes of about the same cost back.
    step_s = _STEP_OVERHEAD_S + 3 * multiply_adds * rows / _MULTIPLY_ADDS_PER_S
    model.steps_per_execution = max(1, min(steps, round(_CALLBACK_INTERVAL_S / step_s)))
    model.train_function = make_train_function(model, steps)
    history = model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=steps,
        validation_data=make_evaluation_batches(*validation, EVALUATION_BATCH_SIZE)
        if validation
        else None,
        shuffle=False,  # the batches are shuffled already, and Keras warns otherwise
        callbacks=[_StopAtNaN(), *callbacks],
        verbose=0,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


def make_train_function(
    model: keras.Sequential, steps_per_epoch: int
) -> Callable[[Any], dict[str, tf.Tensor]]:
    """A train function that takes ``model.steps_per_execution`` batches in one call.

    Keras's own one runs past the end of an epoch when the two numbers do not divide, and fails
    under ``MirroredStrategy`` when it takes more than one (Keras 3.15: "must feed a value for
    placeholder tensor"). This one is called by Keras's ``fit`` in its place, with the same
    batches in the same order, and gives the same logs.
    """
    strategy = model.distribute_strategy
    train_step = model.train_step
    if model.jit_compile:
        train_step = tf.function(train_step, jit_compile=True, reduce_retracing=True)

    @tf.function(reduce_retracing=True)
    @tf.autograph.experimental.do_not_convert
    def take_steps(iterator: Any, n_steps: tf.Tensor) -> dict[str, tf.Tensor]:
        def take_step(step: tf.Tensor) -> tuple[tf.Tensor]:
            strategy.run(train_step, args=(next(iterator),))
            return (step + 1,)

        tf.while_loop(lambda step: step < n_steps, take_step, (tf.constant(0),))
        return model.get_metrics_result()

    position = 0

    def train_function(iterator: Any) -> dict[str, tf.Tensor]:
        nonlocal position
        n_steps = min(model.steps_per_execution, steps_per_epoch - position)
        position = (position + n_steps) % steps_per_epoch
        return take_steps(iterator, tf.constant(n_steps))

    return train_function


def evaluate_model(model: keras.Sequential, rows: Rows) -> dict[str, float]:
    """Loss and metrics of a compiled model on one part, by name."""
    batches = make_evaluation_batches(*rows, EVALUATION_BATCH_SIZE)
    scores = model.evaluate(batches, verbose=0, return_dict=True)
    return {name: float(value) for name, value in scores.items()}


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
