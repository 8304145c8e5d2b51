"""How much a row's loss counts, by its class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from kerasrecipes.model.built import weigh_rows
from kerasrecipes.rows import Dataset, Part

LABELS = np.array([0, 2, 2, 0, 2, 2, 1, 2])


def make_dataset(
    labels: np.ndarray = LABELS, names: tuple[str, ...] = ("cat", "개", "3")
) -> Dataset:
    train = Part(np.zeros((len(labels), 2), np.float32), labels, np.arange(len(labels)))
    test = Part(train.inputs[:4], np.array([1, 1, 1, 1]), np.arange(4))
    parts = {"train": train, "test": test}
    return Dataset(
        name="pets",
        parts=parts,
        task="classification",
        target_names=("kind",),
        class_names=names,
        fingerprint="0",
    )


def test_without_class_weight_rows_have_none(make_recipe):
    assert weigh_rows(make_recipe(), make_dataset()) is None


@pytest.mark.parametrize("labels", [LABELS, np.array([0, 2, 2]), np.array([1]), np.arange(3)])
def test_balanced_is_sklearns(make_recipe, labels: np.ndarray):
    """Also where the training rows lack a class."""
    weights = weigh_rows(make_recipe(class_weight="balanced"), make_dataset(labels))
    assert weights is not None
    assert (weights.shape, weights.dtype) == (labels.shape, np.float32)
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", labels), rtol=1e-6)
    assert weights.mean() == pytest.approx(1)


def test_balanced_classes_count_alike(make_recipe):
    weights = weigh_rows(make_recipe(class_weight="balanced"), make_dataset())
    sums = np.bincount(LABELS, weights)
    np.testing.assert_allclose(sums, len(LABELS) / 3, rtol=1e-6)


def test_weights_by_name_and_one_for_the_others(make_recipe):
    recipe = make_recipe(class_weight={"개": 2.5, 3: 0.5})
    expected = compute_sample_weight({0: 1, 1: 2.5, 2: 0.5}, LABELS)
    np.testing.assert_array_equal(weigh_rows(recipe, make_dataset()), np.float32(expected))


def test_weights_of_rows_are_multiplied_by_those_of_their_classes(make_recipe):
    dataset = make_dataset()
    own = np.arange(8, dtype=np.float32)
    train = replace(dataset.parts["train"], weights=own)
    dataset = replace(dataset, parts={"train": train})
    assert weigh_rows(make_recipe(), dataset) is None  # they are with the rows already
    weights = weigh_rows(make_recipe(class_weight={"개": 2.5, 3: 0.5}), dataset)
    expected = own * compute_sample_weight({0: 1, 1: 2.5, 2: 0.5}, LABELS)
    np.testing.assert_array_equal(weights, np.float32(expected))
