"""The saved model takes raw rows, in any process, and answers as the trained one did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasrecipes.errors import RunFailed
from kerasrecipes.model import encoder
from kerasrecipes.model.built import build
from kerasrecipes.model.encoder import Encoder
from kerasrecipes.model.serving import make_predictor, verify_saved
from kerasrecipes.recipe.components import FEATURES
from kerasrecipes.rows import Dataset, Part
from kerasrecipes.rows.dataset import take_rows
from kerasrecipes.rows.kinds import make_column
from rows.specs import load_dataset

CASES = {
    "regression": {
        "dataset": {"name": "boston_housing", "standardize_target": True},
        "layers": [{"Dense": {"units": 5, "activation": "relu"}}, {"Dense": {"units": 1}}],
        "loss": "mse",
    },
    "binary": {
        "dataset": {"name": "breast_cancer"},
        "layers": [{"Dense": {"units": 1}}],
        "loss": {"BinaryCrossentropy": {"from_logits": True}},
    },
    "images": {
        "dataset": {"name": "digits"},
        "layers": [
            {"Rescaling": {"scale": "1/16"}},
            {"Reshape": {"target_shape": [8, 8, 1]}},
            {"Conv2D": {"filters": 2, "kernel_size": 3}},
            "BatchNormalization",
            "Flatten",
            {"Dropout": {"rate": 0.5}},
            {"Dense": {"units": 10, "activation": "softmax", "name": "확률"}},
        ],
        "loss": "sparse_categorical_crossentropy",
    },
    "numbers and categories": {
        "dataset": {
            "path": "cars.csv",
            "standardize_target": True,
            "missing": "median",
            "missing_indicator": True,
            "crosses": [{"feature_names": ["make / model", "zip"], "crossing_dim": 8}],
        },
        "layers": [{"Dense": {"units": 5, "activation": "relu"}}, {"Dense": {"units": 1}}],
        "loss": "mse",
    },
    "categories alone": {
        "dataset": {"path": "cars.csv", "missing": "most_frequent"},
        "layers": [{"Dense": {"units": 3, "activation": "softmax"}}],
        "loss": "sparse_categorical_crossentropy",
    },
    "several targets": {
        "dataset": {"path": "cars.csv", "standardize_target": True, "missing": "mean"},
        "layers": [{"Dense": {"units": 5, "activation": "relu"}}, {"Dense": {"units": 2}}],
        "loss": "mse",
    },
}
LOAD_AND_PREDICT = """
import sys, keras, numpy as np, tensorflow as tf
for folder in sys.argv[1:]:
    model = keras.saving.load_model(f"{folder}/model.keras", compile=False)
    raw = {name: tf.constant(rows) for name, rows in np.load(f"{folder}/raw.npz").items()}
    raw = raw.get("only", raw)
    np.save(f"{folder}/answers.npy", model.predict(raw, verbose=0))
"""
NUMBERS = {
    "age (years)": "float_normalized",
    "서울까지 km": "float",
    "power": "float_discretized",
    "weight": "float_rescaled",
}
CATEGORIES = {
    "make / model": "string_categorical",
    "zip": "integer_categorical",
    "colour": "string_hashed",
}


def make_cars(name: str) -> Dataset:
    """A table of cars; the test part misses values and contains what training never saw."""
    rng = np.random.default_rng(0)
    words = {**(NUMBERS if name != "categories alone" else {}), **CATEGORIES}
    words = NUMBERS if name == "several targets" else words
    columns = tuple(make_column(name, word, FEATURES[word]) for name, word in words.items())
    is_classes = name == "categories alone"
    shape = (80, 2) if name == "several targets" else (80,)
    prices = np.float32(rng.normal(20_000, 5_000, shape) * ([1, 100] if len(shape) == 2 else 1))
    target = rng.integers(0, 3, 80) if is_classes else prices
    texts = np.array(["기아 K5", "BMW / 3", "[UNK]", "", "12", "a,b"], object)
    inputs = {
        c.name: np.float32(rng.normal(50, 9, 80)) if c.kind == "number" else rng.choice(texts, 80)
        for c in columns
    }
    for c in columns:
        inputs[c.name][[3, 70]] = np.nan if c.kind == "number" else ""
        inputs[c.name][71] = 1e4 if c.kind == "number" else "never seen"
    parts = {
        part: Part({k: v[rows] for k, v in inputs.items()}, target[rows], np.arange(80)[rows])
        for part, rows in (("train", slice(60)), ("test", slice(60, 80)))
    }
    names = ("price", "가격 (원)") if len(shape) == 2 else ("price",)
    task = "classification" if is_classes else "regression"
    class_names = ("a", "b", "c") if is_classes else ()
    return Dataset(
        name="cars",
        parts=parts,
        task=task,
        target_names=names,
        class_names=class_names,
        fingerprint="0",
        columns=columns,
    )


def test_a_fresh_process_answers_raw_rows_alike(make_recipe, tmp_path: Path):
    expected = {}
    for name, keys in CASES.items():
        recipe = make_recipe(**keys)
        own = recipe.dataset.path is not None
        dataset = make_cars(name) if own else load_dataset(recipe.dataset)
        built = build(recipe, dataset)
        built.model.fit(*built.encode(dataset, "train"), epochs=2, verbose=0)
        test = dataset.parts["test"]
        raw = built.encoder.stack(test.inputs)
        (tmp_path / name).mkdir()
        arrays = raw if isinstance(raw, dict) else {"only": raw}
        arrays = {k: v.astype(str) if v.dtype == object else v for k, v in arrays.items()}
        np.savez(tmp_path / name / "raw.npz", **arrays)
        built.serving.save(tmp_path / name / "model.keras")
        expected[name] = make_predictor(built.serving, built.encoder)(test.inputs)
        trained = np.asarray(built.model(built.encode(dataset, "test")[0]))
        if recipe.dataset.standardize_target:
            target = dataset.parts["train"].target.astype(np.float64)
            trained = trained * target.std(axis=0) + target.mean(axis=0)
        if name == "binary":
            trained = 1 / (1 + np.exp(-trained))
        np.testing.assert_allclose(expected[name], trained, rtol=1e-5, atol=1e-6)
    folders = [str(tmp_path / name) for name in CASES]
    subprocess.run([sys.executable, "-c", LOAD_AND_PREDICT, *folders], check=True, timeout=120)
    for name, answers in expected.items():
        loaded = np.load(tmp_path / name / "answers.npy")
        np.testing.assert_allclose(loaded, answers, rtol=1e-5, atol=1e-5)


ROWS = np.ones((3, 2), np.float32)


def save_model(file: Path) -> np.ndarray:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(file)
    return make_predictor(model, Encoder())(ROWS)


def test_a_saved_model_that_answers_alike_passes(tmp_path: Path):
    answers = save_model(tmp_path / "model.keras")
    verify_saved(tmp_path / "model.keras", Encoder(), ROWS, answers)
    assert (tmp_path / "model.keras").exists()  # looked at, not moved


@pytest.mark.parametrize("answer", [0.01, np.nan])
def test_a_saved_model_that_answers_differently_fails_the_run(tmp_path: Path, answer: float):
    answers = save_model(tmp_path / "model.keras")
    with pytest.raises(RunFailed, match="predictions of the saved model differ"):
        verify_saved(tmp_path / "model.keras", Encoder(), ROWS, answers + answer)


def test_a_saved_model_takes_numbers_and_categories_by_name(make_recipe):
    built = build(
        make_recipe(**CASES["numbers and categories"]), make_cars("numbers and categories")
    )
    inputs = {tensor.name: (tensor.shape, tensor.dtype) for tensor in built.serving.inputs}
    assert inputs == {"numbers": ((None, 4), "float32"), "categories": ((None, 3), "string")}


@pytest.mark.parametrize("name", ["images", "numbers and categories", "categories alone"])
def test_many_rows_are_answered_as_they_are_in_pieces(make_recipe, monkeypatch, name: str):
    recipe = make_recipe(**CASES[name])
    dataset = make_cars(name) if recipe.dataset.path else load_dataset(recipe.dataset)
    built = build(recipe, dataset)
    inputs = dataset.parts["train"].inputs
    answer = make_predictor(built.serving, built.encoder)
    whole = answer(inputs)
    for rows in (slice(0, 1), slice(1, 2), slice(40, 60)):
        np.testing.assert_allclose(
            answer(take_rows(inputs, rows)), whole[rows], rtol=1e-5, atol=1e-6
        )
    assert answer(take_rows(inputs, slice(0, 0))).shape == (0, whole.shape[1])
    monkeypatch.setattr(encoder, "_VALUES_AT_ONCE", 1)  # 32 rows at once, the fewest
    in_pieces = make_predictor(built.serving, built.encoder)(inputs)
    np.testing.assert_allclose(in_pieces, whole, rtol=1e-5, atol=1e-6)
