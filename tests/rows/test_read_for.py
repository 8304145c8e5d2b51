"""Rows of every kind can be sent to another machine, which splits them as this one does."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import load_for, read_for
from kerasrecipes.rows.disk import are_on_disk

CLASSES: dict[str, Any] = {
    "layers": [{"Dense": {"units": 2, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
}
NUMBERS: dict[str, Any] = {"layers": [{"Dense": {"units": 1}}], "loss": "mse"}
N = 40


def make_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": np.arange(N) % 7 / 3,
            "city": ["Seoul", "Busan", ""][0:1] * (N - 10) + ["Busan"] * 10,
            "day": pd.date_range("2026-01-01", periods=N).astype(str),
            "person": np.arange(N) // 4,
            "price": np.arange(N) * 1.5,
            "kind": ["a", "b"] * (N // 2),
        }
    )


def write_table(folder: Path) -> dict[str, Any]:
    make_frame().to_csv(folder / "rows.csv", index=False)
    spec = {"path": str(folder / "rows.csv"), "target": "kind", "group": "person"}
    return {"dataset": {**spec, "validation_split": 0.3}, **CLASSES}


def write_series(folder: Path) -> dict[str, Any]:
    make_frame()[["size", "price"]].to_csv(folder / "rows.csv", index=False)
    windows = {"sequence_length": 4, "delay": 1}
    spec = {"path": str(folder / "rows.csv"), "target": "price", "timeseries": windows}
    layers = [{"Flatten": {}}, *NUMBERS["layers"]]
    return {"dataset": spec, "layers": layers, "loss": "mse"}


def write_arrays(folder: Path) -> dict[str, Any]:
    random = np.random.default_rng(0)
    arrays = {"x_train": random.random((N, 3, 2)), "y_train": random.random((N, 3))}
    tests = {"x_test": random.random((9, 3, 2)), "y_test": random.random((9, 3))}
    np.savez(folder / "rows.npz", **arrays, **tests)
    return {
        "dataset": {"path": str(folder / "rows.npz")},
        "layers": [{"Flatten": {}}, {"Dense": {"units": 3}}],
        "loss": "mse",
    }


def write_images(folder: Path) -> dict[str, Any]:
    for i in range(20):
        file = folder / "images" / "ab"[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6), i, dtype=np.uint8)).save(file)
    layers = [{"Flatten": {}}, *CLASSES["layers"]]
    return {"dataset": {"path": str(folder / "images")}, **CLASSES, "layers": layers}


def write_texts(folder: Path) -> dict[str, Any]:
    texts = [f"word{i % 5} and word{i % 3}" for i in range(N)]
    frame = pd.DataFrame({"text": texts, "kind": ["a", "b"] * (N // 2)})
    frame.to_csv(folder / "rows.csv", index=False)
    layers = [
        {"TextVectorization": {"output_sequence_length": 4}},
        {"Embedding": {"input_dim": 20, "output_dim": 2}},
        {"Flatten": {}},
        *CLASSES["layers"],
    ]
    spec = {"path": str(folder / "rows.csv"), "target": "kind"}
    return {"dataset": spec, **CLASSES, "layers": layers}


def send(rows: Any) -> Any:
    return pickle.loads(pickle.dumps(rows))  # noqa: S301


@pytest.mark.parametrize(
    "write", [write_table, write_series, write_arrays, write_images, write_texts]
)
def test_rows_that_were_sent_are_split_alike(write: Any, tmp_path: Path) -> None:
    keys = write(tmp_path)
    recipe = Recipe(**keys)
    other = Recipe(**{**keys, "dataset": {**keys["dataset"], "split_seed": 7}})
    here = load_for(other)
    there = load_for(other, data=send(read_for(recipe)))
    assert (there.fingerprint, there.target_fingerprint) == (
        here.fingerprint,
        here.target_fingerprint,
    )
    assert (there.name, there.origin, there.checks) == (here.name, here.origin, here.checks)
    assert there.columns == here.columns or repr(there.columns) == repr(here.columns)


def test_a_frame_can_be_sent(tmp_path: Path) -> None:
    keys = {"dataset": {"target": "kind"}, **CLASSES}
    recipe = Recipe(**keys)
    frame = make_frame()
    sent = send(read_for(recipe, frame))
    assert load_for(recipe, data=sent).fingerprint == load_for(recipe, data=frame).fingerprint


def test_rows_of_a_run_that_continues_stay_where_they_were(tmp_path: Path) -> None:
    recipe = Recipe(**write_table(tmp_path))
    places = [are_on_disk(read_for(recipe, stream=each).inputs) for each in (None, True)]
    assert places == [False, True]
