"""The saved model takes raw rows, in any process, and answers as the trained one did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasrecipes import pipeline
from kerasrecipes.data import load_dataset
from kerasrecipes.errors import RunFailed
from kerasrecipes.model.serving import predict, verify_saved

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
}
LOAD_AND_PREDICT = """
import sys, keras, numpy as np
for folder in sys.argv[1:]:
    model = keras.saving.load_model(f"{folder}/model.keras", compile=False)
    np.save(f"{folder}/answers.npy", model.predict(np.load(f"{folder}/raw.npy"), verbose=0))
"""


def test_a_fresh_process_answers_raw_rows_alike(make_recipe, tmp_path: Path):
    expected = {}
    for name, keys in CASES.items():
        recipe = make_recipe(**keys)
        dataset = load_dataset(recipe.dataset)
        built = pipeline.build(recipe, dataset)
        built.model.fit(*built.encode(dataset, "train"), epochs=2, verbose=0)
        test = dataset.parts["test"]
        raw = built.encoder.stack(test.inputs)
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "raw.npy", raw)
        built.serving.save(tmp_path / name / "model.keras")
        expected[name] = predict(built.serving, raw)
        trained = np.asarray(built.model(built.encode(dataset, "test")[0]))
        if name == "regression":
            target = dataset.parts["train"].target.astype(np.float64)
            trained = trained * target.std() + target.mean()
        if name == "binary":
            trained = 1 / (1 + np.exp(-trained))
        np.testing.assert_allclose(expected[name], trained, rtol=1e-5, atol=1e-6)
    folders = [str(tmp_path / name) for name in CASES]
    subprocess.run([sys.executable, "-c", LOAD_AND_PREDICT, *folders], check=True, timeout=120)
    for name, answers in expected.items():
        loaded = np.load(tmp_path / name / "answers.npy")
        np.testing.assert_allclose(loaded, answers, rtol=1e-5, atol=1e-5)


def save_model(file: Path) -> np.ndarray:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(file)
    return predict(model, np.ones((3, 2), np.float32))


def test_a_saved_model_that_answers_alike_passes(tmp_path: Path):
    answers = save_model(tmp_path / "model.keras")
    verify_saved(tmp_path / "model.keras", np.ones((3, 2), np.float32), answers)
    assert (tmp_path / "model.keras").exists()  # looked at, not moved


@pytest.mark.parametrize("answer", [0.01, np.nan])
def test_a_saved_model_that_answers_differently_fails_the_run(tmp_path: Path, answer: float):
    answers = save_model(tmp_path / "model.keras")
    with pytest.raises(RunFailed, match="answers differently from the trained one"):
        verify_saved(tmp_path / "model.keras", np.ones((3, 2), np.float32), answers + answer)
