"""Rows to batches: every row once an epoch, in an order that (seed, epoch) alone decides."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kerasrecipes.training.batches import (
    BATCHES_PER_GATHER,
    count_steps,
    make_evaluation_batches,
    make_training_batches,
)


def take_epochs(n_rows: int, batch_size: int, n_epochs: int, seed: int = 1, first_epoch: int = 0):
    """Row numbers of each batch of each epoch; the target is checked to stay beside its row."""
    inputs = np.arange(n_rows, dtype=np.float32)[:, None]
    steps = count_steps(n_rows, batch_size)
    batches = make_training_batches(inputs, -inputs, batch_size, seed, first_epoch)
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
        make_training_batches(images, target, 4, seed=0).take(2),
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
