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
    (begin,) = build(recipe, load_for(recipe)).network.layers[0].get_weights()
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
        (np.full((9, 2), np.nan), "must contain a matrix of numbers: array must not "),
        (
            np.array([["the", "of"]] * 9),
            "must contain a matrix of numbers: could not convert string",
        ),
        (np.array([{}]), "must contain a matrix of numbers: Object arrays cannot be loaded"),
    ],
)
def test_matrices_that_do_not_fit(file: Path, matrix: np.ndarray, message: str) -> None:
    np.save(file.parent / "words.npy", matrix)
    assert message in refuse(load_recipe(file))


def test_files_that_are_no_matrix(file: Path) -> None:
    recipe = load_recipe(file, ["layers.0.Embedding.weights=none.npy"])
    assert "none.npy must contain a matrix of numbers: [Errno 2] No such file" in refuse(recipe)
    recipe = load_recipe(file, [f"layers.0.Embedding.weights={file.parent / 'ids.npz'}"])
    assert "ids.npz must contain a matrix of numbers" in refuse(recipe)


WORDS = """\
name: words
dataset: {path: texts.csv, target: y, test_split: 0.25}
layers:
  - TextVectorization: {max_tokens: 20, output_mode: int, output_sequence_length: 3}
  - Embedding: {input_dim: 20, output_dim: 2, trainable: false, weights: vectors.txt}
  - GlobalAveragePooling1D
  - Dense: {units: 1, activation: sigmoid}
loss: binary_crossentropy
epochs: 1
report: []
"""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    rows = "good film,1\nbad film,0\n" * 8
    (tmp_path / "texts.csv").write_text(f"text,y\n{rows}")
    (tmp_path / "vectors.txt").write_text("the 9 9\ngood 1 2\n. . 7 7\nbad -1.5 0\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(WORDS)
    return recipe


def test_each_word_begins_with_its_vector(texts: Path, tmp_path: Path) -> None:
    run = kr.train(texts, output_dir=tmp_path)
    saved = load_run_model(Run(run.path))
    (encoder,) = (layer for layer in saved.layers if layer.name == "encode_columns")
    words = encoder.layers[-1].get_vocabulary()
    (matrix,) = find_trained(saved).layers[0].get_weights()
    assert matrix.shape == (20, 2)
    assert dict(zip(words, matrix.tolist(), strict=False)) == {
        "": [0, 0],
        "[UNK]": [0, 0],
        "film": [0, 0],
        "good": [1, 2],
        "bad": [-1.5, 0],
    }


def test_a_heading_with_the_numbers_of_words_and_dimensions_is_no_vector(texts: Path) -> None:
    vectors = texts.parent / "vectors.vec"
    vectors.write_text("2 2\ngood 1 2\nbad 3 4\n")
    recipe = load_recipe(texts, [f"layers.1.Embedding.weights={vectors}"])
    layer = build(recipe, load_for(recipe)).network.layers[0]
    assert sorted(row for row in layer.get_weights()[0].tolist() if any(row)) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("content", "change", "message"),
    [
        ("good 1 2 3\n", "", "no word of the vocabulary has a vector of 2 numbers"),
        ("well 1 2\n", "", "no word of the vocabulary has a vector of 2 numbers"),
        ("good 1 x\n", "", "could not convert string to float: 'x'"),
        ("good 1 nan\n", "", "line 1 needs 2 finite numbers"),
        ("good 1 2\n", "layers.1.Embedding.weights=none.txt", "No such file"),
    ],
)
def test_vectors_that_do_not_fit(texts: Path, content: str, change: str, message: str) -> None:
    (texts.parent / "vectors.txt").write_text(content)
    recipe = load_recipe(texts, [change] if change else [])
    with pytest.raises(RecipeError) as error:
        build(recipe, load_for(recipe))
    assert message in str(error.value)


def test_vectors_of_words_need_words(file: Path) -> None:
    (file.parent / "vectors.txt").write_text("good 1 2\n")
    recipe = load_recipe(file, [f"layers.0.Embedding.weights={file.parent / 'vectors.txt'}"])
    assert "vectors of words need TextVectorization as the first layer" in refuse(recipe)
