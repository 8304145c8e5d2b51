"""Batches: every row once an epoch, in an order that (seed, epoch) alone decides."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pytest
import tensorflow as tf

from kerasrecipes.training.steps import (
    count_steps,
    make_score_function,
    make_tensors,
    make_train_function,
)


class Reader:
    """Takes the place of a model: writes down the batches that it is given."""

    jit_compile = False
    distribute_strategy = tf.distribute.get_strategy()

    def __init__(self) -> None:
        self.batches: list[tuple[np.ndarray, ...]] = []
        self.n_resets = 0
        self.loss: Callable[[], np.float32] = lambda: np.float32(0)

    def train_step(self, batch):
        def note(*arrays):
            self.batches.append(tuple(np.array(array) for array in arrays))
            return np.int32(0)

        tf.py_function(note, batch, tf.int32)
        return self.get_metrics_result()

    test_step = train_step

    def reset_metrics(self):
        def note():
            self.n_resets += 1
            return np.int32(0)

        tf.py_function(note, [], tf.int32)

    def get_metrics_result(self):
        return {"loss": tf.reshape(tf.py_function(self.loss, [], tf.float32), [])}


def take_epochs(n_rows: int, batch_size: int, epochs: Iterable[int], seed: int = 1, at_once=99):
    """Row numbers of each batch of each epoch; the target is checked to stay beside its row."""
    inputs = np.arange(n_rows, dtype=np.float32)[:, None]
    steps = count_steps(n_rows, batch_size)
    model = Reader()
    take_steps = make_train_function(model, (inputs, -inputs), batch_size, seed)
    for epoch in epochs:
        for first in range(0, steps, at_once):
            take_steps(epoch, first, min(at_once, steps - first))
    taken = []
    for rows, target in model.batches:
        np.testing.assert_array_equal(rows, -target)
        taken.append(rows[:, 0].astype(int).tolist())
    assert model.n_resets == len(epochs)
    return [taken[i * steps : (i + 1) * steps] for i in range(len(epochs))]


def flatten(epoch):
    return list(itertools.chain.from_iterable(epoch))


@pytest.mark.parametrize(
    ("n_rows", "batch_size"),
    [(10, 5), (10, 3), (10, 10), (10, 9), (10, 64), (1, 1), (7, 1)],
)
def test_every_epoch_has_every_row_once(n_rows: int, batch_size: int):
    for epoch in take_epochs(n_rows, batch_size, range(3)):
        assert sorted(flatten(epoch)) == list(range(n_rows))


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [(10, 5, [5, 5]), (10, 3, [3, 3, 3, 1]), (10, 64, [10])],
)
def test_the_last_batch_has_what_is_left(n_rows: int, batch_size: int, sizes: list[int]):
    for epoch in take_epochs(n_rows, batch_size, range(2)):
        assert [len(batch) for batch in epoch] == sizes


def test_an_order_depends_on_seed_and_epoch_alone():
    whole = take_epochs(50, 8, range(6))
    assert take_epochs(50, 8, range(6)) == whole
    assert take_epochs(50, 8, range(6), at_once=3) == whole
    assert take_epochs(50, 8, range(3, 6)) == whole[3:]
    assert flatten(take_epochs(50, 50, range(1))[0]) == flatten(whole[0])


def test_training_can_begin_within_an_epoch():
    inputs = np.arange(50, dtype=np.float32)[:, None]
    model = Reader()
    make_train_function(model, (inputs, inputs), 8, 1)(4, 5, 2)
    (whole,) = take_epochs(50, 8, [4])
    assert [batch[:, 0].tolist() for batch, _ in model.batches] == whole[5:]
    assert model.n_resets == 0


@pytest.mark.parametrize("bad", [2, 5, 6])
def test_the_first_step_with_a_bad_loss_is_the_last_one_taken(bad: int):
    """The 7 steps of an epoch end with a smaller batch."""
    model = Reader()
    model.loss = lambda: np.float32(np.inf if len(model.batches) > bad else 0)
    inputs = np.arange(50, dtype=np.float32)[:, None]
    _, reached = make_train_function(model, (inputs, inputs), 8, 1)(0, 0, 7)
    assert (len(model.batches), int(reached)) == (bad + 1, bad + 1)


def test_epochs_and_seeds_differ_in_their_orders():
    first, second = map(flatten, take_epochs(50, 8, range(2)))
    (other,) = map(flatten, take_epochs(50, 8, range(1), seed=2))
    assert len({tuple(first), tuple(second), tuple(other), tuple(range(50))}) == 4


def test_images_keep_their_bytes():
    images = np.random.default_rng(0).integers(0, 255, (6, 2, 2)).astype(np.uint8)
    target = np.arange(6, dtype=np.int32)[:, None]
    model = Reader()
    make_train_function(model, (images, target), 4, seed=0)(0, 0, 2)
    make_score_function(model, (images, target))(
        *make_tensors((images, target)), tf.constant(True), tf.constant(4)
    )
    assert len(model.batches) == 4
    for rows, labels in model.batches:
        assert (rows.dtype, labels.dtype) == (np.uint8, np.int32)
        np.testing.assert_array_equal(rows, images[labels[:, 0]])


@pytest.mark.parametrize("batch_size", [3, 5, 10, 64])
def test_a_score_sees_every_row_once_in_order(batch_size: int):
    inputs = np.arange(10)[:, None]
    model = Reader()
    make_score_function(model, (inputs, inputs))(
        *make_tensors((inputs, inputs)), tf.constant(True), tf.constant(batch_size)
    )
    assert np.concatenate([rows for rows, _ in model.batches]).ravel().tolist() == list(range(10))
    assert (len(model.batches), model.n_resets) == (count_steps(10, batch_size), 1)


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "steps"), [(10, 5, 2), (10, 3, 4), (10, 64, 1), (11, 5, 3)]
)
def test_steps_of_an_epoch(n_rows: int, batch_size: int, steps: int):
    assert count_steps(n_rows, batch_size) == steps


def test_weights_stay_beside_their_rows():
    inputs = np.arange(11, dtype=np.float32)[:, None]
    model = Reader()
    make_train_function(model, (inputs, -inputs, inputs[:, 0] * 2), 4, seed=0)(0, 0, 3)
    for batch, target, weights in model.batches:
        np.testing.assert_array_equal(target, -batch)
        np.testing.assert_array_equal(weights, batch[:, 0] * 2)


def place(array: np.ndarray, offset: int) -> np.ndarray:
    """The same values in memory that begins so many bytes behind a multiple of 64."""
    block = np.zeros(array.nbytes + 128, np.uint8)
    start = -block.ctypes.data % 64 + offset
    placed = block[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    placed[...] = array
    return placed


def freeze(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


NUMBERS = np.random.default_rng(0).integers(0, 200, (6, 4))
FORMS = {
    "aligned": lambda a: place(a, 0),
    "not aligned": lambda a: place(a, 8),
    "read-only": lambda a: freeze(place(a, 0)),
    "every other row": lambda a: place(np.repeat(a, 2, axis=0), 0)[::2],
    "backwards": lambda a: place(a[::-1], 0)[::-1],
    "transposed": lambda a: place(a.T, 0).T,
    "one row": lambda a: place(a, 0)[:1],
    "no rows": lambda a: place(a, 0)[:0],
    "no columns": lambda a: place(a, 0)[:, :0],
    "big-endian": lambda a: place(a.astype(a.dtype.newbyteorder(">")), 0),
    "without dimensions": lambda a: place(a[0, 0], 0),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.float16, np.int32, np.int64, np.uint8, np.bool_]
)
def test_a_tensor_equals_its_array_wherever_that_lies(form: str, dtype: type):
    array = FORMS[form](NUMBERS.astype(dtype))
    (tensor,) = make_tensors([array])
    assert (tensor.shape, tensor.dtype) == (array.shape, tf.as_dtype(dtype))
    np.testing.assert_array_equal(tensor.numpy(), array)
    assert "CPU" in tensor.device


def test_a_large_aligned_array_is_not_copied():
    array = place(np.zeros((1000, 10), np.float32), 0)
    (tensor,) = make_tensors([array])
    array[7, 7] = 5
    assert tensor.numpy()[7, 7] == 5


def test_a_tensor_outlives_its_array():
    array = place(np.full((1000, 100), 7, np.float32), 0)
    (tensor,) = make_tensors([array])
    del array
    junk = [np.ones((1000, 100), np.float32) for _ in range(20)]
    assert tensor.numpy().min() == tensor.numpy().max() == 7
    assert len(junk) == 20
