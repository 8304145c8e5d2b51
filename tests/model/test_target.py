"""The target as the loss wants it; the answers as people want them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from kerasrecipes.model.target import TargetCodec, fit_target
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.rows import Dataset, Part
from rows.specs import load_dataset

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


class TestSeveralTargets:
    NAMES = ("price", "집세 (원)")
    PRICES = np.float32([[1, 1000], [3, 1000], [5, 4000], [7, 6000]])

    def make(self, make_recipe, *, standardize: bool, prices: np.ndarray = PRICES) -> TargetCodec:
        part = Part({"size": np.zeros(4, np.float32)}, prices, np.arange(4))
        dataset = Dataset(
            name="flats",
            parts={"train": part},
            task="regression",
            target_names=self.NAMES,
            fingerprint="0",
        )
        recipe = make_recipe(
            dataset={"path": "flats.csv", "standardize_target": standardize},
            layers=[{"Dense": {"units": 2}}],
            loss="mse",
        )
        return fit_target(recipe, dataset, 2)

    def test_each_is_standardised_on_its_own(self, make_recipe):
        encoded = self.make(make_recipe, standardize=True).encode(self.PRICES)
        assert (encoded.shape, encoded.dtype) == ((4, 2), np.float32)
        np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=1e-6)

    def test_layers_bring_each_back_into_its_unit(self, make_recipe):
        codec = self.make(make_recipe, standardize=True)
        (inverse,) = codec.make_layers()
        np.testing.assert_allclose(inverse(codec.encode(self.PRICES)), self.PRICES, rtol=1e-5)

    def test_left_alone_they_pass_unchanged(self, make_recipe):
        codec = self.make(make_recipe, standardize=False)
        np.testing.assert_array_equal(codec.encode(self.PRICES), self.PRICES)
        assert codec.make_layers() == []

    def test_a_constant_one_beside_another_gives_no_nan(self, make_recipe):
        prices = self.PRICES * [1, 0] + np.float32([0, 5])
        codec = self.make(make_recipe, standardize=True, prices=prices)
        encoded = codec.encode(prices)
        assert encoded[:, 1].tolist() == [0] * 4
        (inverse,) = codec.make_layers()
        np.testing.assert_allclose(inverse(encoded), prices, rtol=1e-6)

    def test_answers_and_targets_are_named_alike(self, make_recipe):
        codec = self.make(make_recipe, standardize=True)
        predicted = {k: v.tolist() for k, v in codec.decode(self.PRICES).items()}
        actual = {k: v.tolist() for k, v in codec.name_actual(self.PRICES).items()}
        columns = [[1, 3, 5, 7], [1000, 1000, 4000, 6000]]
        assert list(predicted) == ["predicted_price", "predicted_집세 (원)"]
        assert list(actual) == ["actual_price", "actual_집세 (원)"]
        assert list(predicted.values()) == list(actual.values()) == columns


def test_a_single_target_is_named_without_its_name():
    codec = TargetCodec(LossKind.NUMBERS, (), 1, ("price",))
    assert list(codec.decode(np.array([[3.5]]))) == ["predicted"]
    assert codec.name_actual(np.array([3.5])) == {"actual": np.array([3.5])}


def test_classes_are_named_by_their_names():
    codec = TargetCodec(LossKind.INTEGERS, CLASSES, 3, ("kind",))
    assert codec.name_actual(LABELS)["actual"].tolist() == ["c", "a", "b"]


@pytest.mark.parametrize(
    "codec",
    [
        TargetCodec(LossKind.NUMBERS, (), 2, ("a", "b"), (1.5, -2.0), (0.1, 3e9)),
        TargetCodec(LossKind.NUMBERS, (), 1, ("a",)),
        TargetCodec(LossKind.BINARY, ("no", "예"), 1, ("답",), from_logits=True),
        TargetCodec(LossKind.ONE_HOT, CLASSES, 3, ("kind",)),
        TargetCodec(LossKind.INTEGERS, ("3", "7"), 2, ("code",), class_type="integer"),
    ],
)
def test_a_codec_comes_back_from_json_as_it_was(codec: TargetCodec):
    text = json.dumps(codec.to_dict(), ensure_ascii=False, allow_nan=False)
    again = TargetCodec.from_dict(json.loads(text))
    assert again == codec
    assert again.kind is codec.kind
    assert TargetCodec.from_dict(codec.to_dict()) == codec


@pytest.mark.parametrize(
    ("class_names", "class_type", "predicted"),
    [
        (("-3", "7"), "integer", [7, -3]),
        (("False", "True"), "boolean", [True, False]),
        (("007", "7"), "text", ["7", "007"]),
        (("False", "True"), "text", ["True", "False"]),
    ],
)
def test_answers_are_what_the_classes_were(class_names, class_type, predicted: list):
    codec = TargetCodec(LossKind.INTEGERS, class_names, 2, ("y",), class_type=class_type)
    answers = codec.decode(np.array([[0.1, 0.9], [0.8, 0.2]]))
    assert answers["predicted"].tolist() == predicted
    assert [type(value) for value in answers["predicted"].tolist()] == [*map(type, predicted)]
    assert [*answers] == ["predicted", *(f"probability_{name}" for name in class_names)]
    assert codec.name_actual(np.array([1, 0]))["actual"].tolist() == predicted


def test_a_run_of_old_answers_with_text():
    facts = TargetCodec(LossKind.INTEGERS, ("3", "7"), 2, ("y",), class_type="integer").to_dict()
    del facts["class_type"]
    codec = TargetCodec.from_dict(facts)
    assert codec.decode(np.array([[0.1, 0.9]]))["predicted"].tolist() == ["7"]
