"""Networks of books and tutorials, each from raw rows to answers and scores, on stand-in data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import kerasrecipes as kr

N = 40
RNG = np.random.default_rng(0)
SOFTMAX = {"Dense": {"units": 10, "activation": "softmax"}}
SIGMOID = {"Dense": {"units": 1, "activation": "sigmoid"}}
Rows = dict[str, Any] | pd.DataFrame | Callable[[Path], None]
Trained = tuple[kr.TrainedRun, str]


def draw(*shape: int) -> np.ndarray:
    return RNG.random((N, *shape), dtype=np.float32)


def write_photos(folder: Path) -> None:
    """Photos of two kinds, darker and brighter ones, in folders of three parts."""
    for part, n in (("train", 8), ("validation", 4), ("test", 4)):
        for kind, level in (("cats", 60), ("dogs", 180)):
            (folder / part / kind).mkdir(parents=True)
            for i in range(n):
                pixels = RNG.integers(level, level + 60, (40, 40, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / kind / f"{i}.png")


def make_reviews() -> pd.DataFrame:
    words = np.array(["good", "bad", "film", "story", "actor", "long", "the", "a"])
    texts = [" ".join(RNG.choice(words, 12)) for _ in range(N)]
    return pd.DataFrame({"review": texts, "sentiment": np.arange(N) % 2})


def make_weather() -> pd.DataFrame:
    hours = np.arange(300)
    temperature = 10 + 5 * np.sin(hours / 8)
    return pd.DataFrame({"p (mbar)": 1000 + RNG.random(300), "T (degC)": temperature.round(3)})


def make_digits() -> pd.DataFrame:
    pixels = RNG.integers(0, 256, (N, 64))
    table = pd.DataFrame(pixels, columns=[f"pixel{i}" for i in range(64)])
    return table.assign(label=np.arange(N) % 10)


def make_weighted() -> pd.DataFrame:
    x = RNG.normal(size=(N, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "w": RNG.random(N), "y": x @ [1, 2]})


def make_sentences() -> np.ndarray:
    """Word ids, padded with 0 behind."""
    return np.where(np.arange(20) < RNG.integers(5, 20, (N, 1)), RNG.integers(1, 50, (N, 20)), 0)


ADDITION_LAYERS = [
    {"LSTM": {"units": 8}},
    {"RepeatVector": {"n": 4}},
    {"LSTM": {"units": 8, "return_sequences": True}},
    {"Dense": {"units": 12, "activation": "softmax"}},
]

NETWORKS: dict[str, tuple[Rows, dict[str, Any]]] = {
    "normalised dense layers with their own activation": (
        {"x": RNG.integers(0, 256, (N, 28, 28), np.uint8), "y": np.arange(N) % 10},
        {
            "layers": [
                "Flatten",
                "BatchNormalization",
                {
                    "Dense": {
                        "units": 20,
                        "kernel_initializer": "he_normal",
                        "use_bias": False,
                        "kernel_regularizer": {"L2": {"l2": 0.01}},
                    }
                },
                "BatchNormalization",
                {"Activation": {"activation": "relu"}},
                {"Dense": {"units": 10, "activation": {"LeakyReLU": {"negative_slope": 0.2}}}},
                SOFTMAX,
            ],
            "optimizer": {"SGD": {"learning_rate": 0.02, "clipnorm": 1.0}},
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        },
    ),
    "photos in folders of three parts": (
        write_photos,
        {
            "dataset": {"image_size": [32, 32]},
            "layers": [
                {"Rescaling": {"scale": "1/255"}},
                {"Conv2D": {"filters": 4, "kernel_size": 3, "activation": "relu"}},
                {"MaxPooling2D": {"pool_size": 2}},
                "GlobalAveragePooling2D",
                SIGMOID,
            ],
            "loss": "binary_crossentropy",
            "metrics": ["acc"],
        },
    ),
    "a frozen base": (
        write_photos,
        {
            "dataset": {"image_size": [32, 32]},
            "layers": [
                {"Rescaling": {"scale": "1/127.5", "offset": -1}},
                {
                    "MobileNetV2": {
                        "include_top": False,
                        "weights": None,
                        "pooling": "avg",
                        "trainable": False,
                        "alpha": 0.35,
                    }
                },
                SIGMOID,
            ],
            "optimizer": {"RMSprop": {"learning_rate": 2e-5}},
            "loss": "binary_crossentropy",
        },
    ),
    "an autoencoder": (
        {"x_train": draw(12, 12)},
        {
            "dataset": {"target": "x_train"},
            "layers": [
                "Flatten",
                {"Dense": {"units": 8, "activation": "relu"}},
                {"Dense": {"units": 144, "activation": "sigmoid"}},
                {"Reshape": {"target_shape": [12, 12]}},
            ],
            "loss": "mse",
        },
    ),
    "reviews": (
        make_reviews(),
        {
            "dataset": {"target": "sentiment"},
            "layers": [
                {"TextVectorization": {"max_tokens": 20, "output_sequence_length": 8}},
                {"Embedding": {"input_dim": 20, "output_dim": 4}},
                {"Dropout": {"rate": 0.2}},
                "GlobalAveragePooling1D",
                SIGMOID,
            ],
            "loss": "binary_crossentropy",
            "metrics": [{"BinaryAccuracy": {"threshold": 0.5}}],
        },
    ),
    "sums, digit by digit": (
        {
            "x": RNG.random((N, 7, 12)) > 0.5,
            "y": np.eye(12, dtype=bool)[RNG.integers(0, 12, (N, 4))],
        },
        {
            "layers": ADDITION_LAYERS,
            "loss": "categorical_crossentropy",
            "metrics": ["accuracy"],
        },
    ),
    "labels of papers": (
        {"x": draw(30), "y": (draw(12) > 0.7).astype(int)},
        {
            "layers": [{"Dense": {"units": 12, "activation": "sigmoid"}}],
            "loss": "binary_crossentropy",
            "metrics": ["binary_accuracy"],
        },
    ),
    "given word vectors": (
        lambda folder: (
            np.save(folder / "glove.npy", RNG.normal(size=(50, 6)).astype(np.float32)),
            np.savez(folder / "data.npz", x=make_sentences(), y=np.arange(N) % 2),
        ),
        {
            "layers": [
                {
                    "Embedding": {
                        "input_dim": 50,
                        "output_dim": 6,
                        "trainable": False,
                        "weights": "glove.npy",
                    }
                },
                {"Conv1D": {"filters": 4, "kernel_size": 5, "activation": "relu"}},
                "GlobalMaxPooling1D",
                SIGMOID,
            ],
            "loss": "binary_crossentropy",
        },
    ),
    "a forecast of the weather": (
        make_weather(),
        {
            "dataset": {
                "target": "T (degC)",
                "timeseries": {"sequence_length": 12, "sampling_rate": 2, "delay": 14},
                "shuffle": False,
            },
            "layers": [{"LSTM": {"units": 4}}, {"Dense": {"units": 1}}],
            "optimizer": {"Adam": {"learning_rate": 0.001}},
            "loss": "mse",
        },
    ),
    "numbers for each step": (
        {"x": draw(20, 5), "y": draw(20, 14)},
        {
            "layers": [
                {"SimpleRNN": {"units": 8, "return_sequences": True}},
                {"Dense": {"units": 14}},
            ],
            "optimizer": {"SGD": {"learning_rate": 0.02, "momentum": 0.9}},
            "loss": "Huber",
            "metrics": ["mae"],
        },
    ),
    "all steps of a forecast at once": (
        {"x": draw(24, 5), "y": draw(24, 5)},
        {
            "layers": [
                {"LSTM": {"units": 8}},
                {"Dense": {"units": 120, "kernel_initializer": "zeros"}},
                {"Reshape": {"target_shape": [24, 5]}},
            ],
            "loss": "mse",
            "metrics": ["MeanAbsoluteError"],
        },
    ),
    "the next frames of a film": (
        {"x": draw(3, 8, 8, 1), "y": draw(3, 8, 8, 1)},
        {
            "layers": [
                {
                    "ConvLSTM2D": {
                        "filters": 2,
                        "kernel_size": [5, 5],
                        "padding": "same",
                        "return_sequences": True,
                        "activation": "relu",
                    }
                },
                "BatchNormalization",
                {
                    "Conv3D": {
                        "filters": 1,
                        "kernel_size": [3, 3, 3],
                        "activation": "sigmoid",
                        "padding": "same",
                    }
                },
            ],
            "loss": "binary_crossentropy",
        },
    ),
    "masked sentences": (
        {"x": make_sentences(), "y": np.arange(N) % 2},
        {
            "layers": [
                {"Embedding": {"input_dim": 50, "output_dim": 8, "mask_zero": True}},
                {"Bidirectional": {"layer": {"LSTM": {"units": 4}}}},
                SIGMOID,
            ],
            "loss": "binary_crossentropy",
        },
    ),
    "weighted rows": (
        make_weighted(),
        {
            "dataset": {"target": "y", "sample_weight": "w"},
            "layers": [{"Dense": {"units": 1}}],
            "loss": "mse",
        },
    ),
    "images flipped and rotated at random": (
        {"x": draw(12, 12, 1), "y": np.arange(N) % 2},
        {
            "layers": [
                {
                    "Pipeline": {
                        "layers": [
                            {"RandomFlip": {"mode": "horizontal"}},
                            {"RandomRotation": {"factor": 0.1}},
                        ]
                    }
                },
                "Flatten",
                SIGMOID,
            ],
            "loss": "binary_crossentropy",
        },
    ),
    "pixels as columns": (
        make_digits(),
        {
            "dataset": {"target": "label", "features": {"pixel*": "float"}},
            "layers": [
                {"Rescaling": {"scale": "1/255"}},
                {"Reshape": {"target_shape": [8, 8, 1]}},
                {"Conv2D": {"filters": 4, "kernel_size": 3, "activation": "relu"}},
                "Flatten",
                SOFTMAX,
            ],
            "loss": "sparse_categorical_crossentropy",
        },
    ),
}


def train(folder: Path, name: str) -> Trained:
    """Train a network on its stand-in data; the path of the rows to answer."""
    rows, keys = NETWORKS[name]
    if callable(rows):
        rows(folder)
    elif isinstance(rows, dict):
        np.savez(folder / "data.npz", **rows)
    else:
        rows.to_csv(folder / "data.csv", index=False)
    path = next((f for f in ("data.npz", "data.csv") if (folder / f).exists()), ".")
    recipe = {"name": "network", "epochs": 1, "batch_size": 16, **keys}
    recipe["dataset"] = {"path": path, **keys.get("dataset", {})}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run = kr.train(folder / "recipe.yaml", output_dir=folder / "runs")
    return run, str(folder / "test" if path == "." else folder / path)


@pytest.fixture(scope="module")
def train_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Train a network by name, unless an earlier test did."""
    return cache(lambda name: train(tmp_path_factory.mktemp("network"), name))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_public_network_trains_predicts_and_is_scored(
    train_once: Callable[[str], Trained], name: str
) -> None:
    run, rows = train_once(name)
    answers = run.predict(rows)
    predicted = [np.asarray(answers[key]) for key in answers if key.startswith("predicted")]
    assert predicted
    assert all(len(values) == len(predicted[0]) > 0 for values in predicted)
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4, abs=1e-6)
    assert run.evaluate(rows).keys() == run.metrics["test"].keys()


def test_a_network_of_built_in_texts(few_rows: None, tmp_path: Path) -> None:
    recipe = {
        "name": "imdb",
        "dataset": {"name": "imdb", "num_words": 500, "maxlen": 30, "validation_split": 0.2},
        "layers": [
            {"Embedding": {"input_dim": 500, "output_dim": 4}},
            {"LSTM": {"units": 4}},
            SIGMOID,
        ],
        "loss": "binary_crossentropy",
        "metrics": ["accuracy"],
    }
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    assert set(run.predict(RNG.integers(0, 500, (5, 30)))["predicted"]) <= {"negative", "positive"}
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4)


ALONE = """
import sys
from pathlib import Path
import keras, numpy as np, tensorflow as tf
for folder in map(Path, sys.argv[1:]):
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    rows = dict(np.load(folder / "raw.npz"))
    rows = {k: tf.constant(v) if v.dtype.kind == "U" else v for k, v in rows.items()}
    inputs = rows if len(rows) > 1 else next(iter(rows.values()))
    np.save(folder / "alone.npy", model.predict(inputs, verbose=0))
assert not any(name.startswith("kerasrecipes") for name in sys.modules)
"""


def test_plain_keras_answers_raw_rows_of_ten_networks(
    train_once: Callable[[str], Trained], tmp_path: Path
) -> None:
    from kerasrecipes.prediction.saved import load_saved

    expected, names = {}, [*NETWORKS][:7] + [*NETWORKS][8:11]
    for name in names:
        run, rows = train_once(name)
        saved = load_saved(run)
        (piece,) = saved.read(rows)
        raw = saved.encoder.stack(piece.inputs)
        raw = raw if isinstance(raw, dict) else {"inputs": raw}
        np.savez(run.path / "raw.npz", **{k: v.astype(str) if v.dtype == object else v
                                          for k, v in raw.items()})  # fmt: skip
        expected[run.path] = saved.answer(piece.inputs)
    command = [sys.executable, "-c", ALONE, *map(str, expected)]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    for path, answers in expected.items():
        np.testing.assert_allclose(np.load(path / "alone.npy"), answers, rtol=1e-5, atol=1e-6)
