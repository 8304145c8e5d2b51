"""Chunks of rows on a disk: whole batches, each row once an epoch, in an order of (seed, epoch)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrecipes.rows.disk import DiskRows
from kerasrecipes.training import steps
from kerasrecipes.training.fit import Scorer, fit_model
from kerasrecipes.training.steps import Feed, order_blocks

N_ROWS = 1000


def put_on_disk(array: np.ndarray) -> Any:
    return DiskRows(lambda rows: array[rows], array.shape, array.dtype)


@pytest.fixture
def few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 256 rows of four float32, and blocks of 8."""
    monkeypatch.setattr(steps, "CHUNK_BYTES", 4000)
    monkeypatch.setattr(steps, "_BLOCK_BYTES", 128)


@pytest.mark.parametrize(("n_rows", "n_of_block"), [(1000, 8), (1001, 8), (7, 8), (1000, 1)])
def test_blocks_in_random_order_are_all_rows(n_rows: int, n_of_block: int) -> None:
    edges = [*range(0, n_rows, 96), n_rows]
    epochs = [
        [order_blocks(n_rows, n_of_block, 5, epoch, a, b) for a, b in pairwise(edges)]
        for epoch in (0, 0, 1)
    ]
    for chunks in epochs:
        assert [len(chunk) for chunk in chunks] == np.diff(edges).tolist()
        assert sorted(np.concatenate(chunks)) == [*range(n_rows)]
        assert all((np.diff(chunk) > 0).all() for chunk in chunks)
    first, again, second = (np.concatenate(chunks).tolist() for chunks in epochs)
    assert first == again
    assert (first == second) == (n_rows <= n_of_block)


@pytest.mark.usefixtures("few_bytes")
def test_chunks_hold_whole_batches() -> None:
    rows = np.arange(4 * N_ROWS, dtype=np.float32).reshape(N_ROWS, 4)
    chunks = Feed((put_on_disk(rows), rows[:, 0]), 32, seed=1)
    assert chunks.n_chunks == 4
    found = [chunks.take(0, step) for step in range(32)]
    assert [(each.first_step, each.end_step) for each in found[::8]] == [
        (0, 8), (8, 16), (16, 24), (24, 32)
    ]  # fmt: skip
    assert all(a is b for a, b in pairwise(found[:8]))
    seen = np.concatenate([each.tensors[0][:, 0] for each in found[::8]])
    assert sorted(seen) == rows[:, 0].tolist()
    for each in found:
        np.testing.assert_array_equal(each.tensors[0][:, 0], each.tensors[1])


@pytest.mark.usefixtures("few_bytes")
def test_an_error_of_the_reader_reaches_the_caller() -> None:
    def read(rows: np.ndarray) -> np.ndarray:
        if rows.max() > 300:
            raise OSError("the disk is gone")
        return np.zeros((len(rows), 4), np.float32)

    chunks = Feed((DiskRows(read, (N_ROWS, 4), np.float32), np.zeros(N_ROWS)), 32)
    chunks.take(0, 0)
    with pytest.raises(OSError, match="the disk is gone"):
        chunks.take(0, 8)


def make_model(dropout: float = 0.0) -> keras.Sequential:
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)]
    layers[1:1] = [keras.layers.Dropout(dropout, seed=1)] if dropout else []
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def make_rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N_ROWS, 4)).astype(np.float32)
    y = (x[:, :1] * x[:, 1:2]).astype(np.float32)
    return x, y, rng.random(N_ROWS).astype(np.float32)


def fit(model: keras.Sequential, rows: Any, validation: Any, epochs: int = 2) -> Any:
    scorer = Scorer(model, rows, 32)
    return fit_model(model, rows, validation, epochs=epochs, batch_size=32, seed=1, scorer=scorer)


def test_one_chunk_trains_as_rows_in_memory() -> None:
    x, y, weights = make_rows()
    histories, states = [], []
    for inputs in (x, put_on_disk(x)):
        model = make_model(dropout=0.2)
        rows = inputs, y, weights
        histories.append(fit(model, rows, rows))
        states.append(model.get_weights())
    assert histories[0] == histories[1]
    for a, b in zip(*states, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("few_bytes")
def test_chunks_train_as_keras_does_on_the_same_batches() -> None:
    x, y, weights = make_rows()
    model, ours = make_model(), make_model()
    rows = (put_on_disk(x), y, weights)
    history = fit(ours, rows, rows)
    chunks = Feed((put_on_disk(x), np.arange(N_ROWS)), 32, seed=1)
    for epoch in range(2):
        order = []
        for chunk in [chunks.take(epoch, first) for first in (0, 8, 16, 24)]:
            seeds = tf.constant([1, epoch + (chunk.number << 32)], tf.int64)
            shuffled = tf.random.experimental.stateless_shuffle(
                tf.range(len(chunk.tensors[1])), seeds
            )
            order.append(chunk.tensors[1].numpy()[shuffled.numpy()])
        places = np.concatenate(order)
        assert sorted(places) == [*range(N_ROWS)]
        for start in range(0, N_ROWS, 32):
            some = places[start : start + 32]
            model.train_on_batch(x[some], y[some], weights[some])
    for a, b in zip(model.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    expected = ours.evaluate(x, y, 32, 0, weights)
    assert history["val_loss"][-1] == pytest.approx(expected[0], rel=1e-5)
