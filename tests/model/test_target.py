"""The target as the loss wants it; the answers as people want them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kerasrecipes.data import load_dataset
from kerasrecipes.model.target import TargetCodec, fit_target
from kerasrecipes.recipe.rules import LossKind

LABELS = np.array([2, 0, 1])
CLASSES = ("a", "b", "c")


def test_sparse_losses_get_class_indices():
    encoded = TargetCodec(LossKind.INTEGERS, CLASSES, 3).encode(LABELS)
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [[2], [0], [1]]


@pytest.mark.parametrize("kind", [LossKind.ONE_HOT, LossKind.NUMBERS])
def test_other_losses_over_classes_get_one_hot_rows(kind: LossKind):
    encoded = TargetCodec(kind, CLASSES, 3).encode(LABELS)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("kind", [LossKind.BINARY, LossKind.NUMBERS])
def test_one_unit_gets_zeros_and_ones(kind: LossKind):
    encoded = TargetCodec(kind, ("no", "yes"), 1).encode(np.array([1, 0]))
    assert encoded.tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ("sparse_categorical_crossentropy", LossKind.INTEGERS),
        ("categorical_crossentropy", LossKind.ONE_HOT),
        ("CategoricalCrossentropy", LossKind.ONE_HOT),
        ("mse", LossKind.NUMBERS),
    ],
)
def test_the_loss_decides(make_recipe, loss: str, kind: LossKind):
    recipe = make_recipe(loss=loss)
    assert fit_target(recipe, load_dataset(recipe.dataset), 3).kind is kind


def make_regression(make_recipe, **dataset):
    return make_recipe(
        dataset={"name": "diabetes", **dataset}, layers=[{"Dense": {"units": 1}}], loss="mse"
    )


def test_a_target_is_standardised_by_its_training_rows(make_recipe):
    recipe = make_regression(make_recipe, standardize_target=True)
    dataset = load_dataset(recipe.dataset)
    codec = fit_target(recipe, dataset, 1)
    target = dataset.parts["train"].target
    encoded = codec.encode(target)
    assert encoded.shape == (len(target), 1)
    assert float(encoded.mean()) == pytest.approx(0, abs=1e-6)
    assert float(encoded.std()) == pytest.approx(1, rel=1e-6)
    (inverse,) = codec.make_layers()
    np.testing.assert_allclose(np.asarray(inverse(encoded))[:, 0], target, rtol=1e-6)


def test_a_target_is_left_alone_unless_asked(make_recipe):
    recipe = make_regression(make_recipe)
    dataset = load_dataset(recipe.dataset)
    codec = fit_target(recipe, dataset, 1)
    target = dataset.parts["test"].target
    np.testing.assert_array_equal(codec.encode(target)[:, 0], target)
    assert codec.make_layers() == []


def test_a_constant_target_gives_no_nan(make_recipe):
    recipe = make_regression(make_recipe, standardize_target=True)
    dataset = load_dataset(recipe.dataset)
    part = dataset.parts["train"]
    part = dataclasses.replace(part, target=np.full_like(part.target, 5.0))
    codec = fit_target(recipe, dataclasses.replace(dataset, parts={"train": part}), 1)
    assert codec.encode(part.target).tolist() == [[0.0]] * len(part)


@pytest.mark.parametrize(
    ("n_units", "logits", "probabilities"),
    [(1, [[0.0]], [[0.5]]), (2, [[0.0, np.log(3.0)]], [[0.25, 0.75]])],
)
def test_logits_become_probabilities(n_units, logits, probabilities):
    codec = TargetCodec(LossKind.INTEGERS, ("no", "yes"), n_units, from_logits=True)
    (layer,) = codec.make_layers()
    np.testing.assert_allclose(layer(np.array(logits, np.float32)), probabilities, rtol=1e-6)


def test_answers_are_class_names_with_probabilities():
    outputs = np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]])
    columns = TargetCodec(LossKind.INTEGERS, CLASSES, 3).decode(outputs)
    assert list(columns) == ["predicted", "probability_a", "probability_b", "probability_c"]
    assert columns["predicted"].tolist() == ["b", "a"]
    assert columns["probability_b"].tolist() == [0.7, 0.2]


def test_one_unit_answers_for_both_classes():
    columns = TargetCodec(LossKind.BINARY, ("no", "yes"), 1).decode(np.array([[0.25], [0.75]]))
    assert columns["predicted"].tolist() == ["no", "yes"]
    assert columns["probability_no"].tolist() == [0.75, 0.25]


def test_numbers_are_answered_as_numbers():
    columns = TargetCodec(LossKind.NUMBERS, (), 1).decode(np.array([[3.5], [4.5]]))
    assert {name: values.tolist() for name, values in columns.items()} == {"predicted": [3.5, 4.5]}
