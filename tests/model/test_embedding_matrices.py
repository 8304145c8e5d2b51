"""Embedding with a given matrix, such as word vectors: ``weights: file.npy``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kerasrecipes as kr
from kerasrecipes.errors import RecipeError
from kerasrecipes.model.built import build
from kerasrecipes.model.serving import find_trained
from kerasrecipes.prediction.model_file import load_run_model
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.rows import load_for
from kerasrecipes.runs import Run

MATRIX = np.random.default_rng(0).normal(size=(9, 2))

RECIPE = """\
dataset: {{path: ids.npz}}
layers:
  - Embedding: {{input_dim: 9, output_dim: 2, trainable: {trainable}, weights: words.npy}}
  - GlobalAveragePooling1D
  - Dense: {{units: 1, activation: sigmoid}}
loss: binary_crossentropy
epochs: 3
report: []
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "ids.npz", x=rng.integers(0, 9, (30, 4)), y=np.arange(30) % 2)
    np.save(tmp_path / "words.npy", MATRIX)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(trainable="false"))
    return recipe


def read_weights(run: Any) -> np.ndarray:
    return find_trained(load_run_model(Run(run.path))).layers[0].get_weights()[0]


def test_a_frozen_matrix_is_read_beside_the_recipe_and_kept(file: Path, tmp_path: Path) -> None:
    run = kr.train(file, output_dir=tmp_path)
    np.testing.assert_array_equal(read_weights(run), MATRIX.astype(np.float32))
    assert run.info["layers"][0]["trainable"] == 0
    (tmp_path / "words.npy").unlink()  # the saved model has it
    assert len(run.predict(np.zeros((2, 4)))) == 2


def test_a_matrix_that_is_trained_begins_with_its_values(file: Path, tmp_path: Path) -> None:
    file.write_text(RECIPE.format(trainable="true"))
    recipe = load_recipe(file)
    (begin,) = build(recipe, load_for(recipe)).model.layers[0].get_weights()
    np.testing.assert_array_equal(begin, MATRIX.astype(np.float32))
    assert not np.allclose(read_weights(kr.train(file, output_dir=tmp_path)), MATRIX, atol=1e-4)


def refuse(recipe: Recipe) -> str:
    with pytest.raises(RecipeError) as error:
        build(recipe, load_for(recipe))
    return str(error.value).partition("  layers[0]\n  ")[2]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (MATRIX[:5], "Keras rejects this: Layer embedding weight shape (9, 2) is not compatible "),
        (np.full((9, 2), np.nan), "is no .npy file of numbers: array must not "),
        (np.array([["the", "of"]] * 9), "is no .npy file of numbers: could not convert string"),
        (np.array([{}]), "is no .npy file of numbers: Object arrays cannot be loaded"),
    ],
)
def test_matrices_that_do_not_fit(file: Path, matrix: np.ndarray, message: str) -> None:
    np.save(file.parent / "words.npy", matrix)
    assert message in refuse(load_recipe(file))


def test_files_that_are_no_matrix(file: Path) -> None:
    recipe = load_recipe(file, ["layers.0.Embedding.weights=none.npy"])
    assert "none.npy is no .npy file of numbers: [Errno 2] No such file" in refuse(recipe)
    recipe = load_recipe(file, [f"layers.0.Embedding.weights={file.parent / 'ids.npz'}"])
    assert "ids.npz is no .npy file of numbers" in refuse(recipe)
