"""Raw rows to what the layers see."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kerasrecipes import pipeline
from kerasrecipes.data import Part, load_dataset
from kerasrecipes.model.encoder import fit_encoder

RNG = np.random.default_rng(0)


def make_part(**columns: list[float]) -> Part:
    table = {name: np.asarray(values, np.float32) for name, values in columns.items()}
    n_rows = len(next(iter(table.values())))
    return Part(table, np.zeros(n_rows, np.float32), np.arange(n_rows))


def test_columns_are_standardised_in_their_order():
    part = make_part(b=[1, 2, 3, 6], a=[10, 10, 30, 30])
    encoded = fit_encoder(part).encode(part.inputs)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(encoded.std(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(encoded[:, 1], [-1, -1, 1, 1])


def test_a_column_keeps_its_place_when_rows_come_as_another_dict():
    encoder = fit_encoder(make_part(b=[1, 2], a=[10, 30]))
    other = {"a": np.array([30.0]), "b": np.array([1.0])}
    np.testing.assert_allclose(encoder.encode(other), [[-1, 1]])


@pytest.mark.parametrize("value", [0.0, 5.0, 0.1, -1e-30, 1e20])
def test_a_constant_column_becomes_zero(value: float):
    part = make_part(a=[value] * 7, b=[1, 2, 3, 4, 5, 6, 7])
    encoded = fit_encoder(part).encode(part.inputs)
    np.testing.assert_allclose(encoded[:, 0], 0, atol=1e-6)


@pytest.mark.parametrize("values", [[2000, 2001], [1.7e9, 1.7e9 + 86400]])
def test_a_column_that_varies_little_beside_its_size_is_standardised(values: list[float]):
    part = make_part(a=values)
    encoded = fit_encoder(part).encode(part.inputs)
    np.testing.assert_allclose(np.ravel(encoded), [-1, 1], rtol=1e-2)


def test_arrays_pass_unchanged():
    images = RNG.integers(0, 255, (5, 4, 4)).astype(np.uint8)
    encoder = fit_encoder(Part(images, np.zeros(5), np.arange(5)))
    assert encoder.encode(images) is images
    assert encoder.stack(images) is images
    assert encoder.layers == ()


@pytest.mark.parametrize("dataset", ["iris", "digits"])
def test_only_training_rows_are_learnt_from(make_recipe, dataset: str):
    """Every held-out value is 1e9: had one been seen, every statistic would show it."""
    n_classes = {"iris": 3, "digits": 10}[dataset]
    softmax = {"Dense": {"units": n_classes, "activation": "softmax"}}
    recipe = make_recipe(
        dataset={"name": dataset, "validation_split": 0.2},
        layers=["Flatten", "Normalization", softmax],
    )
    clean = load_dataset(recipe.dataset)
    poisoned = dataclasses.replace(
        clean,
        parts={
            name: part if name == "train" else poison(part) for name, part in clean.parts.items()
        },
    )
    expected = [np.asarray(w) for w in pipeline.build(recipe, clean).serving.weights]
    weights = [np.asarray(w) for w in pipeline.build(recipe, poisoned).serving.weights]
    for weight, wanted in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(weight, wanted)
        assert np.abs(weight).max() < 1e4


def poison(part: Part) -> Part:
    if isinstance(part.inputs, dict):
        columns = {name: np.full_like(values, 1e9) for name, values in part.inputs.items()}
        return dataclasses.replace(part, inputs=columns)
    return dataclasses.replace(part, inputs=np.full(part.inputs.shape, 1e9, np.float32))
