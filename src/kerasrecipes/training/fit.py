"""``fit``: an explicit loop over epochs on Keras's public methods, quick for small models too."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasrecipes.errors import RunFailed
from kerasrecipes.model.encoder import count_rows_at_once
from kerasrecipes.model.serving import keeping_states
from kerasrecipes.training.checkpoints import Checkpointer
from kerasrecipes.training.steps import (
    Feed,
    Logs,
    Rows,
    choose,
    count_steps,
    make_score_function,
    make_train_function,
)
from kerasrecipes.training.team import ALONE, Team
from kerasrecipes.training.updates import updating_in_place

EVALUATION_BATCH_SIZE = 1024  # where that cannot change scores: a call of few rows is slow
_ROWS_TRIED, _BATCH_TRIED = 32, 11  # to check whether scores depend on the batch size
_CALL_S = 0.1
"""How long one call of the train function should take: progress and Ctrl-C wait for its end."""
_FROZEN_BY_PYTHON = 1000
"""More objects than Python itself freezes when it starts; Python 3.12.1 freezes 375."""


class Scorer:
    """Computes the loss and metrics of a compiled model, with one graph for every part.

    Rows are scored in larger batches than the recipe's, unless the loss or a metric is no mean over
    rows, such as Dice, or several devices share them. ``like`` are some rows of such a part.
    """

    def __init__(
        self, model: keras.Sequential, like: Rows, batch_size: int, team: Team = ALONE
    ) -> None:
        self.team = team
        n_replicas = model.distribute_strategy.num_replicas_in_sync
        first = [array[:n_replicas] for array in like]
        with keeping_states(model):
            if n_replicas > 1:
                X, y, *weights = first
                model.evaluate(X, y, n_replicas, 0, *weights)  # builds the metrics
            else:
                model.test_step(tuple(map(tf.constant, first)))
            self._score = make_score_function(model, like, team)
            self.depends_on_batches = n_replicas > 1 or self._find_dependence(like)
        if not self.depends_on_batches:
            batch_size = min(EVALUATION_BATCH_SIZE, count_rows_at_once(model))
        self.batch_size = batch_size

    def __call__(self, rows: Rows) -> dict[str, float]:
        """Score encoded rows; returns values by name."""
        logs = self.score(Feed(rows, self.batch_size))
        return {name: float(value) for name, value in logs.items()}

    def score(self, feed: Feed) -> Logs:
        """Score rows that may be scored several times."""
        for chunk in feed:
            with tf.device("CPU"):
                begins, size = tf.constant(chunk.number == 0), tf.constant(feed.batch_size)
            logs = self._score(*chunk.tensors, begins, size)
        return logs

    def _find_dependence(self, rows: Rows) -> bool:
        """Whether scores of the same rows differ between one batch and many."""
        n_rows = len(rows[0])
        places = np.linspace(0, n_rows - 1, min(_ROWS_TRIED, n_rows)).astype(np.int64)
        some = [choose(array, places) for array in rows]
        at_once, in_parts = (
            [float(value) for value in self.score(Feed(some, size)).values()]
            for size in (len(places), _BATCH_TRIED)
        )
        return not np.allclose(at_once, in_parts, rtol=1e-3, atol=1e-6)


def fit_model(
    model: keras.Sequential,
    train: Rows,
    validation: Rows | None,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    scorer: Scorer,
    row_weights: np.ndarray | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpointer: Checkpointer | None = None,
) -> dict[str, list[float]]:
    """Train a compiled model as ``keras.Model.fit`` does, with the same batches, logs and events.

    The differences: one call takes as many steps as fit into a tenth of a second, so callbacks
    between steps come in groups, as with ``steps_per_execution``; and validation rows are scored in
    large batches. An interrupted fit keeps the weights so far. The scorer's team shares each batch.
    Seed and epoch decide the order of the rows. ``row_weights``, of shape (n_samples,), replace
    those in ``train``. Returns Keras's history. RunFailed is raised if the loss or a weight became
    NaN or infinite.
    """
    weighted = train if row_weights is None else (*train[:2], row_weights)
    n_steps = count_steps(len(train[0]), batch_size)
    with model.distribute_strategy.scope():
        model.optimizer.build(model.trainable_variables)
    team = scorer.team
    take_steps = make_train_function(model, weighted, batch_size, seed, team)
    validation_rows = Feed(validation, scorer.batch_size) if validation else None
    checkpointer = checkpointer or Checkpointer()
    start = checkpointer.start
    events = keras.callbacks.CallbackList(
        [*callbacks],
        add_history=True,
        model=model,
        verbose=0,
        epochs=epochs,
        steps=n_steps,
        **({"initial_epoch": start.epoch} if start else {}),
    )
    # A callback may act every so many batches, as ModelCheckpoint(save_freq=6) does.
    frequencies = [getattr(c, f"{what}_freq", "") for c in callbacks for what in ("save", "update")]
    counts_batches = any(isinstance(each, int) for each in frequencies)
    pace = _Pace(most=1 if counts_batches else n_steps)
    logs: dict[str, Any] = {}
    model.stop_training = False
    with closing(checkpointer), updating_in_place(model), _freezing_objects():
        events.on_train_begin()
        epoch, step = checkpointer.begin(model)
        team.begin(model)
        if start:  # a new run needs its own copy
            checkpointer.write(epoch, step)
        while epoch < epochs and not model.stop_training:
            if step == 0:
                events.on_epoch_begin(epoch)
            elif step == n_steps:  # the checkpoint was written before the epoch's validation
                logs, _ = take_steps(epoch, step, 0)
            while step < n_steps and not model.stop_training:
                count = min(team.agree(pace.n_steps), n_steps - step)
                events.on_train_batch_begin(step)
                started_s = time.perf_counter()
                logs, reached = take_steps(epoch, step, count)
                count, step = int(reached) - step, int(reached)
                pace.note(count, time.perf_counter() - started_s)
                if not math.isfinite(loss := float(logs["loss"])):
                    where = f"in epoch {epoch + 1}, batch {step:,} of {n_steps:,}"
                    raise _describe_divergence(model, f"The loss became {loss} {where}")
                events.on_train_batch_end(step - 1, logs)
                checkpointer.note(epoch, step)
            if validation_rows:
                events.on_test_begin()
                events.on_test_batch_begin(0)
                scores = scorer.score(validation_rows)
                events.on_test_batch_end(0, scores)
                events.on_test_end(scores)
                logs = logs | {f"val_{name}": value for name, value in scores.items()}
            events.on_epoch_end(epoch, logs)
            epoch, step = epoch + 1, 0
            checkpointer.note(epoch, step)
        checkpointer.write(epoch, step)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    events.on_train_end(logs)
    # The loss was computed before the last update.
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise _describe_divergence(model, "Weights became NaN or infinite in the last epoch")
    return {name: list(map(float, values)) for name, values in model.history.history.items()}


@contextmanager
def _freezing_objects() -> Iterator[None]:
    """Keep the garbage collector from examining what TensorFlow's import has made, 0.1 s each."""
    if gc.get_freeze_count() > _FROZEN_BY_PYTHON:  # the caller has frozen some
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Pace:
    """Chooses how many steps one call takes, by how long the calls before it took."""

    def __init__(self, most: int) -> None:
        self.n_steps, self._most = 1, most
        self._is_traced = False

    def note(self, n_steps: int, seconds: float) -> None:
        if self._is_traced:
            fitting = min(4 * n_steps, round(_CALL_S * n_steps / seconds), self._most)
            self.n_steps = max(1, fitting)
        self._is_traced = True  # the first call builds its graph, and shows nothing


def _describe_divergence(model: keras.Sequential, what: str) -> RunFailed:
    learning_rate = float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
    return RunFailed(
        f"{what}: the steps are too large for this network. Lower the optimizer's learning_rate "
        f"(now {learning_rate:g}), or give it clipnorm: 1.0."
    )
