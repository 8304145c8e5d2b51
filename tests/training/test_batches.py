"""Rows to batches: every row once an epoch, in an order that (seed, epoch) alone decides."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from kerasrecipes.training.batches import (
    BATCHES_PER_GATHER,
    count_steps,
    make_evaluation_batches,
    make_tensors,
    make_training_batches,
)


def take_epochs(n_rows: int, batch_size: int, n_epochs: int, seed: int = 1, first_epoch: int = 0):
    """Row numbers of each batch of each epoch; the target is checked to stay beside its row."""
    inputs = np.arange(n_rows, dtype=np.float32)[:, None]
    steps = count_steps(n_rows, batch_size)
    batches = make_training_batches((inputs, -inputs), batch_size, seed, first_epoch)
    taken = []
    for rows, target in batches.take(n_epochs * steps).as_numpy_iterator():
        np.testing.assert_array_equal(rows, -target)
        taken.append(rows[:, 0].astype(int).tolist())
    return [taken[i * steps : (i + 1) * steps] for i in range(n_epochs)]


def flatten(epoch):
    return list(itertools.chain.from_iterable(epoch))


@pytest.mark.parametrize(
    ("n_rows", "batch_size"),
    [(10, 5), (10, 3), (10, 10), (10, 9), (10, 64), (1, 1), (7, 1), (3 * BATCHES_PER_GATHER, 1)],
)
def test_every_epoch_has_every_row_once(n_rows: int, batch_size: int):
    for epoch in take_epochs(n_rows, batch_size, 3):
        assert sorted(flatten(epoch)) == list(range(n_rows))


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [(10, 5, [5, 5]), (10, 3, [3, 3, 3, 1]), (10, 64, [10])],
)
def test_the_last_batch_has_what_is_left(n_rows: int, batch_size: int, sizes: list[int]):
    for epoch in take_epochs(n_rows, batch_size, 2):
        assert [len(batch) for batch in epoch] == sizes


def test_an_order_depends_on_seed_and_epoch_alone():
    whole = take_epochs(50, 8, 6)
    assert take_epochs(50, 8, 6) == whole
    assert take_epochs(50, 8, 3, first_epoch=3) == whole[3:]
    assert flatten(take_epochs(50, 50, 1)[0]) == flatten(whole[0])


def test_epochs_and_seeds_differ_in_their_orders():
    first, second = map(flatten, take_epochs(50, 8, 2))
    (other,) = map(flatten, take_epochs(50, 8, 1, seed=2))
    assert len({tuple(first), tuple(second), tuple(other), tuple(range(50))}) == 4


def test_images_keep_their_bytes():
    images = np.random.default_rng(0).integers(0, 255, (6, 2, 2)).astype(np.uint8)
    target = np.arange(6, dtype=np.int32)[:, None]
    for make in (
        make_training_batches((images, target), 4, seed=0).take(2),
        make_evaluation_batches(images, target, 4),
    ):
        for rows, labels in make.as_numpy_iterator():
            assert (rows.dtype, labels.dtype) == (np.uint8, np.int32)
            np.testing.assert_array_equal(rows, images[labels[:, 0]])


@pytest.mark.parametrize("batch_size", [3, 5, 10, 64])
def test_evaluation_sees_every_row_once_in_order(batch_size: int):
    inputs = np.arange(10)[:, None]
    seen = list(make_evaluation_batches(inputs, inputs, batch_size).as_numpy_iterator())
    assert np.concatenate([rows for rows, _ in seen]).ravel().tolist() == list(range(10))


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "steps"), [(10, 5, 2), (10, 3, 4), (10, 64, 1), (11, 5, 3)]
)
def test_steps_of_an_epoch(n_rows: int, batch_size: int, steps: int):
    assert count_steps(n_rows, batch_size) == steps


def test_weights_stay_beside_their_rows():
    inputs = np.arange(11, dtype=np.float32)[:, None]
    rows = (inputs, -inputs, inputs[:, 0] * 2)
    for batch, target, weights in make_training_batches(rows, 4, seed=0).take(6):
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


def test_batches_come_from_memory_of_any_kind():
    inputs = freeze(place(np.arange(12, dtype=np.float32).reshape(6, 2), 4))
    target = np.arange(0, 24, 2, dtype=np.int64)[::2][:, None]
    for batches in (
        make_training_batches((inputs, target), 4, seed=0).take(2),
        make_evaluation_batches(inputs, target, 4),
    ):
        for rows, labels in batches.as_numpy_iterator():
            np.testing.assert_array_equal(rows[:, 0] * 2, labels[:, 0])
