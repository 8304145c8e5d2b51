"""The first layer and the rows that reach it: ids stay ids, and nothing is scaled twice."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from kerasrecipes import pipeline
from kerasrecipes.errors import DataError, RecipeError
from kerasrecipes.model.built import build
from kerasrecipes.prediction.predict import predict_frame
from kerasrecipes.prediction.saved import load_saved
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.rows import load_for
from kerasrecipes.rows.compatibility import find_doubts

RNG = np.random.default_rng(0)
HEAD = ["Flatten", {"Dense": {"units": 1, "activation": "sigmoid"}}]
EMBEDDING = {"Embedding": {"input_dim": 50, "output_dim": 4}}


def make(folder: Path, data: dict[str, Any], first: Any, **dataset: Any) -> Recipe:
    keys = {
        "dataset": {"target": "y", **data, **dataset},
        "layers": [first, *HEAD],
        "loss": "binary_crossentropy",
    }
    return load_recipe(keys)


@pytest.fixture
def ids(tmp_path: Path) -> dict[str, str]:
    table = pd.DataFrame(RNG.integers(0, 50, (80, 3)), columns=["w0", "w1", "w2"])
    table["y"] = (table.w0 > 25).map({True: "late", False: "early"})
    table.to_csv(tmp_path / "ids.csv", index=False)
    return {"path": str(tmp_path / "ids.csv")}


def save_arrays(folder: Path, x: np.ndarray) -> dict[str, str]:
    np.savez(folder / "ids.npz", x=x, y=np.arange(len(x)) % 2)
    return {"path": str(folder / "ids.npz")}


def refuse(recipe: Recipe) -> str:
    with pytest.raises(RecipeError) as error:
        load_for(recipe)
    return str(error.value)


@pytest.mark.parametrize(
    "layer", [EMBEDDING, {"Hashing": {"num_bins": 9}}, {"CategoryEncoding": {"num_tokens": 50}}]
)
def test_ids_in_columns_are_not_standardised(tmp_path: Path, ids, layer):
    said = refuse(make(tmp_path, ids, layer))
    (name,) = layer
    assert f"layers[0].{name}\n  {name} takes ids, which are whole numbers, and w0, w1" in said
    assert said.endswith("Write features: {'*': float} under dataset.")


def test_a_pattern_names_all_columns(tmp_path: Path, ids):
    dataset = load_for(make(tmp_path, ids, EMBEDDING, features={"*": "float"}))
    assert [column.feature for column in dataset.columns] == ["float"] * 3
    features = {"w?": "float", "w1": "float_rescaled"}
    dataset = load_for(make(tmp_path, ids, "BatchNormalization", features=features))
    assert [column.feature for column in dataset.columns] == ["float", "float_rescaled", "float"]
    with pytest.raises(DataError, match=r"features: no column 'v\*'"):
        load_for(make(tmp_path, ids, "BatchNormalization", features={"v*": "float"}))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (50, "(received: 50 in row 7). Write input_dim: 51."),
        (-1, "(received: -1 in row 7)."),
        (0.5, "(received: 0.5 in row 7)."),
        (50.5, "(received: 50.5 in row 7)."),
    ],
)  # fmt: skip
def test_ids_that_an_embedding_does_not_have_are_refused(tmp_path: Path, wrong, message):
    x = RNG.integers(0, 50, (80, 3)).astype(np.float32)
    x[7, 1] = wrong
    said = refuse(make(tmp_path, save_arrays(tmp_path, x), EMBEDDING))
    rule = "Embedding takes ids, which are whole numbers from 0 to 49"
    assert said.endswith(f"layers[0].Embedding\n  {rule} {message}")


@pytest.mark.parametrize(
    ("first", "layer", "message"),
    [
        ("Masking", EMBEDDING, "Write input_dim: 80."),
        ("Normalization", EMBEDDING, "from 0 to 49 (received: "),
        ({"Discretization": {"num_bins": 9}}, {"Embedding": {"input_dim": 8, "output_dim": 4}},
         "(received: 8 in row"),
        ({"Discretization": {"bin_boundaries": [20, 75]}}, {"CategoryEncoding": {"num_tokens": 2}},
         "Write num_tokens: 3."),
    ],
)  # fmt: skip
def test_ids_from_layers_before_are_checked_too(tmp_path: Path, first, layer, message):
    (name,) = layer
    head = HEAD if name == "Embedding" else HEAD[1:]
    keys = make(tmp_path, save_arrays(tmp_path, np.arange(80)[:, None]), first).to_dict()
    recipe = load_recipe(keys | {"layers": [first, layer, *head]})
    with pytest.raises(RecipeError) as error:
        build(recipe, load_for(recipe))
    assert f"layers[1].{name}\n  {name} takes ids, which are" in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize("dataset", [{}, {"shuffle": False, "timeseries": {"sequence_length": 2}}])
def test_ids_from_standardised_columns_are_checked(ids, tmp_path: Path, dataset):
    first = {"Discretization": {"bin_boundaries": [0, 20]}}  # ids 0 and 1
    keys = make(tmp_path, ids, first, target="w0", **dataset).to_dict() | {"loss": "mse"}
    for n_ids, problem in (
        (2, nullcontext()),
        (1, pytest.raises(RecipeError, match="from 0 to 0")),
    ):
        embedding = {"Embedding": {"input_dim": n_ids, "output_dim": 2}}
        layers = [first, embedding, "Flatten", {"Dense": {"units": 1}}]
        recipe = load_recipe(keys | {"layers": layers})
        with problem:
            build(recipe, load_for(recipe))


def test_ids_that_an_encoding_does_not_have_are_refused(tmp_path: Path):
    x = np.arange(80).reshape(20, 4)
    layer = {"CategoryEncoding": {"num_tokens": 50}}  # Keras would leave them out
    said = refuse(make(tmp_path, save_arrays(tmp_path, x), layer))
    assert "from 0 to 49 (received: 72 in row 18). Write num_tokens: 80." in said


def test_predict_refuses_them_too(tmp_path: Path, ids):
    recipe = make(tmp_path, ids, EMBEDDING, features={"*": "float"})
    run = pipeline.train(recipe, tmp_path / "runs")
    saved = load_saved(run)
    rows = pd.DataFrame({"w0": [1, 2], "w1": [3, 99], "w2": [5, 6]})
    with pytest.raises(DataError, match=r"w1: Embedding takes ids, .* 99 in row 1"):
        predict_frame(saved, rows)
    assert len(predict_frame(saved, rows.head(1))) == 1


def test_a_model_with_a_given_vocabulary_is_loaded(tmp_path: Path, ids):
    layer = {"IntegerLookup": {"vocabulary": [1, 2, 3, 4], "output_mode": "multi_hot"}}
    recipe = make(tmp_path, ids, layer, features={"*": "float"})
    run = pipeline.train(recipe, tmp_path / "runs")
    rows = pd.DataFrame({"w0": [1, 2], "w1": [3, 4], "w2": [5, 6]})
    assert len(predict_frame(load_saved(run), rows)) == 2


@pytest.mark.parametrize("layer", [{"Rescaling": {"scale": 0.01}}, "Normalization"])
def test_scaling_twice_is_pointed_out(tmp_path: Path, ids, layer):
    recipe = make(tmp_path, ids, layer)
    (doubt,) = find_doubts(recipe, load_for(recipe))
    assert doubt.startswith("layers[0]: ")
    assert "scales columns that are standardised already (w0, w1, w2)" in doubt
    recipe = make(tmp_path, ids, layer, features={"*": "float"})
    assert [*find_doubts(recipe, load_for(recipe))] == []


def test_a_checkpoint_of_the_best_epoch_takes_raw_rows(tmp_path: Path):
    table = pd.DataFrame(RNG.normal(100, 30, (90, 2)), columns=["a", "b"])
    table["y"] = 1000 + 7 * table.a + RNG.normal(0, 40, 90)
    table.to_csv(tmp_path / "t.csv", index=False)
    recipe = load_recipe(
        {
            "dataset": {
                "path": str(tmp_path / "t.csv"),
                "target": "y",
                "standardize_target": True,
                "validation_split": 0.2,
            },
            "layers": [{"Dense": {"units": 1}}],
            "loss": "mse",
            "epochs": 3,
            "callbacks": [{"ModelCheckpoint": {"filepath": "best.keras", "save_best_only": True}}],
        }
    )
    run = pipeline.train(recipe, tmp_path / "runs")
    raw = table[["a", "b"]].head(5).to_numpy(np.float32)
    best, last = (
        keras.saving.load_model(run.path / name).predict(raw, verbose=0)
        for name in ("best.keras", "model.keras")
    )
    np.testing.assert_allclose(best, last, rtol=1e-5)  # every epoch was the best so far
    assert run.info["warnings"] == []


@pytest.mark.parametrize(
    "layer",
    [
        {"GRU": {"units": 4}},
        {"Bidirectional": {"layer": {"LSTM": {"units": 4}}}},
        {"TimeDistributed": {"layer": {"Dense": {"units": 2}}}},
    ],
)
def test_masks_before_recurrent_layers_train(tmp_path: Path, layer):
    masked = {"Embedding": {"input_dim": 50, "output_dim": 4, "mask_zero": True}}
    recipe = make(tmp_path, save_arrays(tmp_path, RNG.integers(0, 50, (40, 6))), masked)
    recipe = load_recipe(recipe.to_dict() | {"layers": [masked, layer, *HEAD]})
    run = pipeline.train(recipe, tmp_path / "runs")
    assert run.status == "finished"
    assert run.info["layers"][1]["multiply_adds"] > 0


@pytest.mark.parametrize(
    "layer",
    [
        {"Pipeline": {"layers": [{"RandomFlip": {"mode": "horizontal"}}, "GaussianNoise"]}},
        {"Pipeline": {"layers": [{"RandomFlip": {"mode": "horizontal"}}]}},
        {"Conv2D": {"filters": 2, "kernel_size": 3, "activation": {"LeakyReLU": {}}}},
        {"RNN": {"cell": [{"LSTMCell": {"units": 3}}, {"GRUCell": {"units": 2}}]}},
    ],
)
def test_layers_within_layers_are_checked_and_built(tmp_path: Path, layer):
    (name,) = layer
    shape = (6, 4) if name == "RNN" else (6, 6, 1)
    recipe_of = {
        "dataset": save_arrays(tmp_path, RNG.normal(size=(40, *shape)).astype(np.float32)),
        "layers": [layer, *HEAD],
        "loss": "binary_crossentropy",
    }
    if "GaussianNoise" in str(layer):
        with pytest.raises(RecipeError, match="GaussianNoise needs stddev"):
            load_recipe(recipe_of)
        return
    assert pipeline.train(load_recipe(recipe_of), tmp_path / "runs").status == "finished"


def test_a_callback_that_counts_batches_counts_every_batch(tmp_path: Path):
    recipe = load_recipe(
        {
            "dataset": save_arrays(tmp_path, RNG.normal(size=(100, 4))) | {"test_split": 0.2},
            "layers": [{"Dense": {"units": 1, "activation": "sigmoid"}}],
            "loss": "binary_crossentropy",
            "epochs": 2,
            "batch_size": 4,
            "callbacks": [
                {"ModelCheckpoint": {"filepath": "{epoch}-{batch}.keras", "save_freq": 6}}
            ],
        }
    )
    run = pipeline.train(recipe, tmp_path / "runs")
    assert len([*run.path.glob("[12]-*.keras")]) == 6  # of 40 batches


def test_what_keras_refuses_only_in_fit_is_a_problem_of_the_layer(tmp_path: Path):
    recipe = load_recipe(
        {
            "dataset": save_arrays(tmp_path, RNG.integers(0, 9, (60, 8, 8)).astype(np.uint8)),
            "layers": [
                {"Reshape": {"target_shape": [8, 8, 1]}},
                {"RandomCrop": {"height": 6, "width": 6}},
                *HEAD,
            ],
            "loss": "binary_crossentropy",
        }
    )
    said = r"layers\[1\]\n  RandomCrop gives \(8, 8, 1\) when the model predicts.* \(6, 6, 1\)\."
    with pytest.raises(RecipeError, match=said):
        pipeline.train(recipe, tmp_path / "runs")
    assert not (tmp_path / "runs").exists() or not [*(tmp_path / "runs").iterdir()]
