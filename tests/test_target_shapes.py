"""Targets of any shape: labels, numbers or classes for each step or pixel, and the inputs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

import kerasrecipes as kr
from kerasrecipes.cli.app import main
from kerasrecipes.errors import InputError, RecipeError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.report.results import Results
from kerasrecipes.report.verdict import describe_score, give_verdict
from kerasrecipes.rows import load_for

RNG = np.random.default_rng(0)
N = 60
STEPS = RNG.normal(size=(N, 6, 3)).astype(np.float32)
IMAGES = RNG.random((N, 8, 8)).astype(np.float32)
FEATURES = RNG.normal(size=(N, 5)).astype(np.float32)
CLASSES = (STEPS.sum(axis=-1) > 0).astype(np.int64) + (STEPS[..., 0] > 1)  # 0, 1, 2
LABELS = (FEATURES[:, :3] + 0.1 > 0).astype(np.int64)
IDS = np.where(np.arange(6) < RNG.integers(2, 7, (N, 1)), RNG.integers(1, 9, (N, 6)), 0)

DENSE_STEPS = [{"SimpleRNN": {"units": 8, "return_sequences": True}}]
TAGGER = [
    {"Embedding": {"input_dim": 9, "output_dim": 4, "mask_zero": True}},
    {"Bidirectional": {"layer": {"LSTM": {"units": 4, "return_sequences": True}}}},
    {"TimeDistributed": {"layer": {"Dense": {"units": 3, "activation": "softmax"}}}},
]
CODE = [
    "Flatten",
    {"Dense": {"units": 8, "activation": "relu"}},
    {"Dense": {"units": 64, "activation": "sigmoid"}},
    {"Reshape": {"target_shape": [8, 8]}},
]


def end_with(**last: Any) -> list[Any]:
    return [*DENSE_STEPS, {"Dense": last}]


NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, ...]]] = {
    "numbers for each step": (
        {"layers": end_with(units=2), "loss": "mse", "metrics": ["mae"]},
        {"x": STEPS, "y": STEPS[..., :2] * 3},
        (6, 2),
    ),
    "one of two tags for each step, by a unit for each": (
        {
            "layers": [{"Dense": {"units": 3, "activation": "sigmoid"}}],
            "loss": "binary_crossentropy",
            "metrics": ["accuracy"],
        },
        {"x": FEATURES, "y": np.array(["I", "B"])[LABELS]},
        (3,),
    ),
    "numbers for each step, standardised": (
        {
            "layers": end_with(units=2),
            "loss": "mse",
            "dataset": {"standardize_target": True},
        },
        {"x": STEPS, "y": STEPS[..., :2] * 100 + 1000},
        (6, 2),
    ),
    "many numbers of a row": (
        {"layers": ["Flatten", {"Dense": {"units": 18}}], "loss": "mse"},
        {"x": STEPS, "y": STEPS.reshape(N, -1)},
        (18,),
    ),
    "two numbers of an image": (
        {"layers": ["Flatten", {"Dense": {"units": 2}}], "loss": "mse"},
        {"x": IMAGES, "y": IMAGES[:, 0, :2]},
        (2,),
    ),
    "several labels of each step": (
        {"layers": end_with(units=4, activation="sigmoid"), "loss": "binary_crossentropy"},
        {"x": STEPS, "y": STEPS[..., [0, 1, 2, 0]] > 0},
        (6, 4),
    ),
    "one-hot classes of each step": (
        {
            "layers": end_with(units=3, activation="softmax"),
            "loss": "categorical_crossentropy",
            "metrics": ["accuracy"],
        },
        {"x": STEPS, "y": np.eye(3)[CLASSES]},
        (6,),
    ),
    "class numbers of each step, more units": (
        {
            "layers": end_with(units=5, activation="softmax"),
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"],
        },
        {"x": STEPS, "y": CLASSES[..., None]},
        (6,),
    ),
    "classes of each step, as logits": (
        {
            "layers": end_with(units=3),
            "loss": {"SparseCategoricalCrossentropy": {"from_logits": True}},
            "metrics": ["accuracy", "sparse_top_k_categorical_accuracy"],
        },
        {"x": STEPS, "y": CLASSES},
        (6,),
    ),
    "named classes of each step": (
        {
            "layers": end_with(units=3, activation="softmax"),
            "loss": "sparse_categorical_crossentropy",
        },
        {"x": STEPS, "y": np.array(["동", "서", "남"])[CLASSES]},
        (6,),
    ),
    "classes of masked steps": (
        {"layers": TAGGER, "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
        {"x": IDS, "y": IDS % 3},
        (6,),
    ),
    "a class of each pixel": (
        {
            "layers": [
                {"Reshape": {"target_shape": [8, 8, 1]}},
                {"Conv2D": {"filters": 1, "kernel_size": 1, "activation": "sigmoid"}},
            ],
            "loss": "binary_crossentropy",
            "metrics": ["binary_accuracy"],
        },
        {"x": IMAGES, "y": (IMAGES > 0.5).astype(np.uint8)},
        (8, 8),
    ),
    "shares between 0 and 1": (
        {
            "layers": ["Flatten", {"Dense": {"units": 3, "activation": "sigmoid"}}],
            "loss": "binary_crossentropy",
        },
        {"x": FEATURES, "y": np.abs(FEATURES[:, :3]) / 10},
        (3,),
    ),
    "an autoencoder": (
        {"dataset": {"target": "x_train"}, "layers": CODE, "loss": "mse"},
        {"x_train": IMAGES},
        (8, 8),
    ),
    "an autoencoder of pixels": (
        {
            "dataset": {"target": "x_train"},
            "layers": [{"Rescaling": {"scale": "1/255"}}, *CODE],
            "loss": "binary_crossentropy",
        },
        {"x_train": (IMAGES * 255).astype(np.uint8)},
        (8, 8),
    ),
    "a clean image for a noisy one": (
        {"dataset": {"target": "clean"}, "layers": CODE, "loss": "mse"},
        {"x_train": IMAGES + 0.1, "clean": IMAGES},
        (8, 8),
    ),
    "a frame for each frame": (
        {
            "layers": [
                {
                    "ConvLSTM2D": {
                        "filters": 2,
                        "kernel_size": 3,
                        "padding": "same",
                        "return_sequences": True,
                    }
                },
                {
                    "Conv3D": {
                        "filters": 1,
                        "kernel_size": 3,
                        "padding": "same",
                        "activation": "sigmoid",
                    }
                },
            ],
            "loss": "binary_crossentropy",
        },
        {"x": RNG.random((24, 3, 5, 5, 1)), "y": RNG.random((24, 3, 5, 5, 1))},
        (3, 5, 5, 1),
    ),
    "labels": (
        {
            "layers": [{"Dense": {"units": 3, "activation": "sigmoid"}}],
            "loss": "binary_crossentropy",
            "metrics": ["binary_accuracy", "AUC"],
        },
        {"x": FEATURES, "y": LABELS},
        (3,),
    ),
    "labels as logits": (
        {
            "layers": [{"Dense": {"units": 3}}],
            "loss": {"BinaryCrossentropy": {"from_logits": True}},
            "metrics": ["binary_accuracy", "Recall"],
        },
        {"x": FEATURES, "y": LABELS.astype(bool)},
        (3,),
    ),
}


def write(folder: Path, keys: dict[str, Any], arrays: dict[str, Any]) -> Path:
    np.savez(folder / "data.npz", **arrays)
    recipe = {"name": "shapes", "epochs": 2, "batch_size": 16, "report": [], **keys}
    recipe["dataset"] = {"path": "data.npz", **keys.get("dataset", {})}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.mark.parametrize("name", NETWORKS)
def test_what_trains_predicts_and_is_scored(tmp_path: Path, name: str):
    keys, arrays, shape = NETWORKS[name]
    recipe = write(tmp_path, keys | {"report": None}, arrays)
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    assert run.status == "finished"
    inputs = next(iter(arrays.values()))
    answers = run.predict(inputs[:5])
    predicted = answers["predicted"] if isinstance(answers, dict) else answers.iloc[:, : shape[0]]
    assert np.shape(predicted) == (5, *shape)
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4, abs=1e-5)
    of_all = run.evaluate(tmp_path / "data.npz")
    assert of_all.keys() == run.metrics["test"].keys()
    assert np.isfinite([*of_all.values()]).all()
    page = run.report.read_text(encoding="utf-8")
    assert "left out: this run has no data" not in page
    assert "cannot be used" not in page
    if name == "several labels of each step":
        assert run.info["dataset"]["class_names"] == ["0", "1"]


def fit_with_keras(name: str, layers: list[keras.Layer], loss: Any, target: Any, tmp_path: Path):
    """Losses of our run and of plain Keras's ``fit``, of the same weights and one batch."""
    keys, arrays, _ = NETWORKS[name]
    keys = keys | {"batch_size": N, "optimizer": {"SGD": {"learning_rate": 0.1}}, "epochs": 4}
    keys["dataset"] = {**keys.get("dataset", {}), "test_split": 0.1}
    recipe = write(tmp_path, keys, arrays)
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    first = kr.train(recipe, output_dir=tmp_path / "runs", epochs=1, name="first")
    order = np.random.RandomState(42).permutation(N)[N // 10 :]
    inputs = next(iter(arrays.values()))[order]
    model = keras.Sequential([keras.Input(inputs.shape[1:]), *layers])
    model.compile(keras.optimizers.SGD(0.1), loss)
    inner = next(each for each in first.model.layers if isinstance(each, keras.Sequential))
    model.set_weights(inner.get_weights())
    history = model.fit(inputs, target[order], batch_size=N, epochs=3, verbose=0, shuffle=False)
    return run.history["loss"][1:], history.history["loss"]


def test_losses_of_each_step_are_those_of_keras(tmp_path: Path):
    layers = [keras.layers.SimpleRNN(8, return_sequences=True), keras.layers.Dense(2)]
    target = NETWORKS["numbers for each step"][1]["y"]
    ours, theirs = fit_with_keras("numbers for each step", layers, "mse", target, tmp_path)
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_losses_of_masked_steps_are_those_of_keras(tmp_path: Path):
    layers = [
        keras.layers.Embedding(9, 4, mask_zero=True),
        keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
        keras.layers.TimeDistributed(keras.layers.Dense(3, activation="softmax")),
    ]
    loss = "sparse_categorical_crossentropy"
    ours, theirs = fit_with_keras("classes of masked steps", layers, loss, IDS % 3, tmp_path)
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_losses_of_labels_are_those_of_keras(tmp_path: Path):
    layers = [keras.layers.Dense(3, activation="sigmoid")]
    ours, theirs = fit_with_keras("labels", layers, "binary_crossentropy", LABELS, tmp_path)
    assert ours == pytest.approx(theirs, rel=1e-5)


ALONE = """
import sys
import keras
import numpy as np
for run in sys.argv[1:]:
    model = keras.saving.load_model(f"{run}/model.keras", compile=False)
    np.save(f"{run}/out.npy", model.predict(np.load(f"{run}/rows.npy"), verbose=0))
assert not any(name.startswith("kerasrecipes") for name in sys.modules)
"""


def test_plain_keras_answers_raw_rows_alike(tmp_path: Path):
    names = ["numbers for each step, standardised", "labels as logits", "an autoencoder of pixels"]
    runs = {}
    for name in names:
        keys, arrays, _ = NETWORKS[name]
        run = kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs")
        runs[run] = next(iter(arrays.values()))[:7]
        np.save(run.path / "rows.npy", runs[run])
    folders = [str(run.path) for run in runs]
    subprocess.run([sys.executable, "-c", ALONE, *folders], check=True, cwd=tmp_path)
    for run, inputs in runs.items():
        alone, answers = np.load(run.path / "out.npy"), run.predict(inputs)
        ours = answers["predicted"] if isinstance(answers, dict) else answers.iloc[:, 3:].to_numpy()
        np.testing.assert_allclose(ours, alone, rtol=1e-5)


def test_masked_steps_are_not_counted(tmp_path: Path):
    keys, arrays, _ = NETWORKS["classes of masked steps"]
    run = kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs")
    test = run.predictions
    np.testing.assert_array_equal(test["known"], IDS[test["row"]] > 0)
    is_right = (test["actual"] == test["predicted"])[test["known"]]
    assert is_right.mean() == pytest.approx(run.metrics["test"]["accuracy"], abs=1e-6)
    assert f"{is_right.mean():.1%} of the {is_right.size} values of 12 test rows" in (
        run.report.read_text(encoding="utf-8")
    )
    assert sum(run.info["dataset"]["class_counts"]["test"]) == is_right.size


def test_numbers_of_masked_steps_are_not_scored(tmp_path: Path):
    x = np.where(np.arange(6)[:, None] < 4, STEPS, 0)
    layers = ["Masking", {"LSTM": {"units": 3, "return_sequences": True}}, {"Dense": {"units": 2}}]
    keys = {"layers": layers, "loss": "mse", "metrics": ["mae"], "report": None}
    recipe = write(tmp_path, keys, {"x": x, "y": STEPS[..., :2]})
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    test = run.predictions
    error = np.abs(test["actual"] - test["predicted"])[:, :4].mean()
    assert run.metrics["test"]["mae"] == pytest.approx(error, rel=1e-5)


def test_masked_steps_of_several_columns_are_refused(tmp_path: Path):
    layers = ["Masking", {"LSTM": {"units": 3, "return_sequences": True}}, {"Dense": {"units": 1}}]
    keys: dict[str, Any] = {"layers": layers, "loss": "mse"}
    recipe = write(tmp_path, keys, {"x": STEPS, "y": STEPS[..., :1]})
    assert "known" in kr.train(recipe, output_dir=tmp_path / "runs").predictions
    table = pd.DataFrame(STEPS[..., 0], columns=[*"abcdef"])
    table.assign(u=FEATURES[:, 0], v=FEATURES[:, 1]).to_csv(tmp_path / "table.csv", index=False)
    last = {"LSTM": {"units": 1, "return_sequences": True}}
    keys["layers"] = [{"Reshape": {"target_shape": [2, 3]}}, "Masking", last]
    keys["dataset"] = {"path": "table.csv", "target": ["u", "v"]}
    recipe = write(tmp_path, keys, {})
    with pytest.raises(RecipeError, match=r"must give \(2,\) for each row"):
        kr.train(recipe, output_dir=tmp_path / "runs")


def test_pixels_are_answered_as_pixels(tmp_path: Path):
    keys, arrays, _ = NETWORKS["an autoencoder of pixels"]
    recipe = write(tmp_path, keys, arrays)
    run = kr.train(recipe, output_dir=tmp_path / "runs", epochs=80, optimizer="adam")
    answers = run.predict(arrays["x_train"])["predicted"]
    assert 20 < answers.mean() < 235
    assert run.metrics["train"]["mae_original_units"] == pytest.approx(
        np.abs(answers - arrays["x_train"])[
            [row for row in range(N) if row not in run.predictions["row"]]
        ].mean(),
        rel=1e-4,
    )


def test_labels_of_a_table_keep_their_names(tmp_path: Path):
    names = ["스릴러", "comedy", "true story"]
    films = pd.DataFrame(FEATURES, columns=[*"abcde"])
    films[names] = np.where(LABELS, "yes", "no")
    films.to_csv(tmp_path / "films.csv", index=False)
    recipe = {
        "name": "films",
        "dataset": {"path": "films.csv", "target": names},
        "layers": [{"Dense": {"units": 3, "activation": "sigmoid"}}],
        "loss": "binary_crossentropy",
        "epochs": 200,
        "optimizer": {"Adam": {"learning_rate": 0.1}},
    }
    (tmp_path / "films.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run = kr.train(tmp_path / "films.yaml", output_dir=tmp_path / "runs")
    answers = run.predict(tmp_path / "films.csv")
    assert list(answers) == [f"{what}_{n}" for what in ("predicted", "probability") for n in names]
    assert (answers[[f"predicted_{n}" for n in names]].to_numpy() == LABELS).mean() > 0.9
    page = run.report.read_text(encoding="utf-8")
    assert re.search(r"The model is right for [\d.]+% of the \d+ labels of \d+ test rows", page)
    assert run.evaluate(tmp_path / "films.csv")["loss"] < 0.3


@pytest.mark.parametrize(
    ("keys", "arrays", "message"),
    [
        (
            {"layers": [*DENSE_STEPS, {"Dense": {"units": 4}}], "loss": "mse"},
            {"x": STEPS, "y": STEPS},
            "has a target of shape (6, 3): the last layer must give (6, 3) for each "
            "row (received: an output of (6, 4)). Give it 3 units.",
        ),
        (
            {"layers": ["Flatten", {"Dense": {"units": 18}}], "loss": "mse"},
            {"x": STEPS, "y": STEPS},
            "(received: an output of (18,)). End with Reshape: {target_shape: [6, 3]}.",
        ),
        (
            {"layers": end_with(units=3, activation="softmax"), "loss": "categorical_crossentropy"},
            {"x": STEPS, "y": np.maximum(np.eye(3)[CLASSES[:, 0]], np.eye(3)[CLASSES[:, 1]])},
            "for labels of 0 and 1, loss: binary_crossentropy with activation: sigmoid.",
        ),
        (
            {
                "layers": [
                    {"LSTM": {"units": 2}},
                    {"TimeDistributed": {"layer": {"Dense": {"units": 3}}}},
                ],
                "loss": "mse",
            },
            {"x": STEPS, "y": STEPS},
            "Write return_sequences: true in the recurrent layer before it.",
        ),
        (
            {
                "layers": end_with(units=2, activation="softmax"),
                "loss": "sparse_categorical_crossentropy",
            },
            {"x": STEPS, "y": CLASSES},
            "the output layer needs 3 units",
        ),
        (
            {
                "layers": end_with(units=3, activation="softmax"),
                "loss": "sparse_categorical_crossentropy",
            },
            {"x": STEPS, "y": CLASSES - 1},
            "target y must contain class numbers from 0 on (received: -1)",
        ),
        (
            {"layers": [{"Dense": {"units": 3, "activation": "sigmoid"}}], "loss": "mse",
             "dataset": {"task": "multilabel"}},
            {"x": FEATURES, "y": LABELS},
            "y 0, y 1, y 2 of data.npz are labels, each 0 or 1 (received: loss=mse)",
        ),
        (
            {"layers": [{"Dense": {"units": 2, "activation": "sigmoid"}}],
             "loss": "binary_crossentropy"},
            {"x": FEATURES, "y": LABELS},
            "the output layer needs 3 units (received: units=2). Write units: 3",
        ),
        (
            {"layers": CODE, "loss": "mse"},
            {"x": IMAGES, "y": IMAGES * 255},
            "sigmoid gives numbers between 0 and 1",
        ),
        (
            {"layers": end_with(units=3), "loss": "mse"},
            {"x": STEPS, "y": np.where(STEPS > 2, np.nan, STEPS)},
            "target y: values are not finite in row",
        ),
        (
            {"layers": end_with(units=3, activation="softmax"), "class_weight": "balanced",
             "loss": "sparse_categorical_crossentropy"},
            {"x": STEPS, "y": CLASSES},
            "target is not one class for each row. Remove class_weight",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(tmp_path: Path, keys: Any, arrays: Any, message: str):
    with pytest.raises(InputError) as caught:
        kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs")
    assert message in str(caught.value)
    assert not [*tmp_path.glob("runs/*/*")]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., object]:
    """Call the command line in a folder of its own; return the exit code."""
    monkeypatch.chdir(tmp_path)

    def call_main(*arguments: str) -> object:
        monkeypatch.setattr(sys, "argv", ["kerasrecipes", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code

    return call_main


def test_arrays_are_written_to_npz(tmp_path: Path, call: Callable[..., object], capfd: Any):
    keys, arrays, _ = NETWORKS["one-hot classes of each step"]
    write(tmp_path, keys, arrays)
    assert call("train", "recipe.yaml", "--quiet") == 0
    command = ("predict", "runs/shapes", "--data", "data.npz", "-o")
    assert call(*command, "answers.csv") == 2
    assert "array of shape (6,), which a table cannot contain" in capfd.readouterr().err
    assert call(*command, "a.npz") == 0
    with np.load(tmp_path / "a.npz") as answers:
        assert answers["predicted"].shape == answers["probability"].shape == (N, 6)


def test_a_run_with_damaged_arrays_is_reported_without_them(
    tmp_path: Path, call: Callable[..., object]
):
    keys, arrays, _ = NETWORKS["numbers for each step"]
    recipe = write(tmp_path, keys | {"report": None}, arrays)
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    (run.path / "predictions.npz").write_bytes(b"PK")
    assert call("report", str(run.path)) == 0
    assert "predictions.npz cannot be used" in run.report.read_text(encoding="utf-8")


def test_a_built_in_data_set_is_its_own_target(tmp_path: Path):
    recipe = {
        "name": "digits",
        "dataset": {"name": "digits", "target": "x_train"},
        "layers": [
            {"Rescaling": {"scale": 1 / 16}},
            *CODE[:-2],
            {"Dense": {"units": 64}},
            CODE[-1],
        ],
        "loss": "mse",
        "epochs": 1,
    }
    run = kr.train(recipe, output_dir=tmp_path)
    assert run.info["dataset"]["targets"] == ["x_train"]
    assert "r2" in run.metrics["test"]
    assert json.loads((run.path / "run.json").read_text())["plots"][0] == "outputs"


@pytest.mark.parametrize("layers", [["Flatten", {"Dense": {"units": 64}}], CODE[:3]])
def test_pixels_are_shares_under_a_binary_loss(tmp_path: Path, layers: list[Any]):
    logits = {"BinaryCrossentropy": {"from_logits": len(layers) == 2}}
    keys = {
        "dataset": {"target": "x_train"},
        "layers": [{"Rescaling": {"scale": "1/255"}}, *layers, CODE[-1]],
        "loss": logits,
    }
    arrays = {"x_train": (IMAGES * 255).astype(np.uint8)}
    run = kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs", epochs=30)
    assert 0 < run.history["loss"][-1] < 1
    answers = run.predict(arrays["x_train"])["predicted"]
    assert 50 < answers.mean() < 205
    assert 0 <= answers.min() <= answers.max() <= 255


def test_metrics_of_labels_get_probabilities_of_logits(tmp_path: Path):
    dense = {"Dense": {"units": 3, "kernel_initializer": "ones"}}
    metrics = ["Precision", "Recall", "binary_accuracy"]
    scores = []
    for activation, from_logits in (("sigmoid", False), ("linear", True)):
        keys = {
            "layers": [{"Dense": dense["Dense"] | {"activation": activation}}],
            "loss": {"BinaryCrossentropy": {"from_logits": from_logits}},
            "metrics": metrics,
        }
        recipe = write(tmp_path, keys, {"x": FEATURES, "y": LABELS})
        scores.append(kr.train(recipe, output_dir=tmp_path / "runs").metrics["test"])
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)
    assert 0 < scores[0]["recall"] < 1


def test_an_interval_contains_the_score_where_rows_have_different_numbers_of_steps():
    known = np.arange(10) < np.array([[10], [10], [10], [1], [1], [2]])
    actual = np.zeros((6, 10), np.int64)
    predicted = np.where(np.arange(6)[:, None] < 3, 0, 1) * np.ones((6, 10), np.int64)
    facts = {"dataset": {"task": "classification", "class_names": ["0", "1"]}}
    arrays = {"row": np.arange(6), "actual": actual, "predicted": predicted, "known": known}
    results = Results(facts, predictions=arrays)
    assert results.row_errors.mean() == pytest.approx(4 / 34)
    assert "88.2% of the 34 values of 6 test rows" in describe_score(results)
    low, high = re.findall(r"interval ([\d.]+)–([\d.]+)%", describe_score(results))[0]
    assert float(low) < 88.2 < float(high)


def test_the_mean_of_a_place_leaves_masked_steps_out():
    known = np.array([[True, True], [True, False]])
    actual = np.array([[1.0, 10.0], [3.0, 999.0]])
    arrays = {"row": np.arange(2), "actual": actual, "predicted": actual, "known": known}
    results = Results({"dataset": {"task": "regression"}}, predictions=arrays)
    assert "would have an error of 0.667" in " ".join(give_verdict(results))


def test_a_test_part_is_scored_with_its_own_target(tmp_path: Path):
    keys = {"dataset": {"target": "clean"}, "layers": CODE, "loss": "mse"}
    arrays = {"x_train": IMAGES, "clean": IMAGES, "x_test": IMAGES[::-1], "clean_test": 1 - IMAGES}
    run = kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs")
    assert run.info["dataset"]["rows"] == {"train": N, "test": N}
    assert run.evaluate(tmp_path / "data.npz") == pytest.approx(run.metrics["test"], rel=1e-4)


def test_an_autoencoder_is_scored_on_rows_without_answers(tmp_path: Path):
    keys, arrays, _ = NETWORKS["an autoencoder"]
    recipe = write(tmp_path, keys, {**arrays, "x_test": arrays["x_train"] / 2})
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    assert run.evaluate(tmp_path / "data.npz") == pytest.approx(run.metrics["test"], rel=1e-4)
    np.save(tmp_path / "rows.npy", arrays["x_train"] / 2)
    assert run.evaluate(tmp_path / "rows.npy") == pytest.approx(run.metrics["test"], rel=1e-4)


def test_named_classes_need_a_unit_each(tmp_path: Path):
    keys, arrays, _ = NETWORKS["named classes of each step"]
    keys = keys | {"layers": end_with(units=4, activation="softmax")}
    with pytest.raises(InputError, match="needs 3 units"):
        kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs")


PIXELS = {"Conv2D": {"filters": 3, "kernel_size": 1, "activation": "sigmoid"}}
CHANNEL = {"Reshape": {"target_shape": [8, 8, 1]}}
BINARY: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, ...]]] = {
    "channels of masks": (
        {"layers": [CHANNEL, PIXELS], "loss": "binary_crossentropy"},
        {"x": IMAGES, "y": np.stack([IMAGES > 0.5, IMAGES > 0.2, IMAGES < 0.1], -1).astype(int)},
        (8, 8, 3),
    ),
    "notes of each step": (
        {"layers": end_with(units=4, activation="sigmoid"), "loss": "binary_crossentropy"},
        {"x": STEPS, "y": (RNG.random((N, 6, 4)) > 0.5).astype(np.float32)},
        (6, 4),
    ),
    "pixels without a channel": (
        {"layers": CODE, "loss": "binary_crossentropy", "dataset": {"target": "clean"}},
        {"x": IMAGES, "clean": (IMAGES > 0.5).astype(np.float32)},
        (8, 8),
    ),
    "truth values under another loss": (
        {
            "layers": [CHANNEL, {"Conv2D": PIXELS["Conv2D"] | {"filters": 1}}],
            "loss": "dice",
            "metrics": [{"BinaryIoU": {"target_class_ids": [1]}}],
        },
        {"x": IMAGES, "y": IMAGES > 0.5},
        (8, 8),
    ),
}


@pytest.mark.parametrize("name", BINARY)
def test_truths_of_any_shape_are_classes(tmp_path: Path, name: str):
    keys, arrays, shape = BINARY[name]
    run = kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs")
    answers = run.predict(arrays["x"][:5])
    assert answers["predicted"].shape == answers["probability"].shape == (5, *shape)
    assert set(np.unique(answers["predicted"]).tolist()) <= {0, 1, "0", "1"}
    assert "accuracy" in run.report.read_text() or "right class for" in run.report.read_text()
    assert run.evaluate(tmp_path / "data.npz")["loss"] > 0


@pytest.mark.parametrize(
    ("y", "loss", "activation"),
    [
        ((STEPS[..., 0] > 0).astype(int), "binary_crossentropy", "sigmoid"),
        (STEPS[..., 0] * 2, "mse", "linear"),
    ],
)
def test_a_value_for_each_of_few_steps(tmp_path: Path, y: Any, loss: str, activation: str):
    keys = {"layers": end_with(units=1, activation=activation), "loss": loss}
    if loss == "mse":
        keys["dataset"] = {"standardize_target": True}
    run = kr.train(write(tmp_path, keys, {"x": STEPS, "y": y}), output_dir=tmp_path / "runs")
    answers = run.predict(STEPS[:4])
    assert [name for name in answers if name.startswith("predicted")] == [
        f"predicted_y {i}" for i in range(6)
    ]
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4)


def test_arrays_have_one_target(tmp_path: Path):
    keys, arrays, _ = NETWORKS["labels"]
    keys = keys | {"dataset": {"target": ["y", "foo"]}}
    with pytest.raises(InputError, match="the file must contain inputs"):
        kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs")


def test_masks_as_bytes_are_no_pixels(tmp_path: Path):
    keys = {"layers": CODE, "loss": "mse", "dataset": {"target": "mask"}}
    arrays = {"x": IMAGES, "mask": (IMAGES > 0.5).astype(np.uint8)}
    run = kr.train(write(tmp_path, keys, arrays), output_dir=tmp_path / "runs", epochs=30)
    assert run.history["loss"][-1] > 0.05  # divided by 255, they would be near 0
    assert 0.3 < run.predict(IMAGES)["predicted"].mean() < 0.7


def test_few_masked_steps_are_one_target(tmp_path: Path):
    x = np.where(np.arange(6)[:, None] < 4, STEPS, 0)
    for name, y, loss, activation in (
        ("classes", (STEPS[..., 0] > 0).astype(int), "binary_crossentropy", "sigmoid"),
        ("numbers", STEPS[..., 0], "mse", "linear"),
    ):
        last = {"TimeDistributed": {"layer": {"Dense": {"units": 1, "activation": activation}}}}
        layers = ["Masking", {"GRU": {"units": 3, "return_sequences": True}}, last]
        arrays = {"x": x, "y": y[..., None]}
        recipe = write(tmp_path, {"layers": layers, "loss": loss}, arrays)
        run = kr.train(recipe, output_dir=tmp_path / "runs", name=name)
        assert run.predict(x[:4])["predicted"].reshape(4, -1).shape == (4, 6)
        test = run.predictions
        assert test["known"].sum() == 4 * len(test["row"])
        assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4)


def test_labels_behind_a_mask_stay_labels(tmp_path: Path):
    layers = [*TAGGER[:1], {"LSTM": {"units": 3}}, {"Dense": {"units": 3, "activation": "sigmoid"}}]
    keys = {"layers": layers, "loss": "binary_crossentropy"}
    run = kr.train(write(tmp_path, keys, {"x": IDS, "y": LABELS}), output_dir=tmp_path / "runs")
    assert "predicted_y 2" in run.predict(IDS[:4])


SHARES = np.exp(FEATURES[:, :3]) / np.exp(FEATURES[:, :3]).sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("y", "last", "loss"),
    [
        (SHARES, "softmax", "kl_divergence"),
        (SHARES, "softmax", "categorical_crossentropy"),
        (SHARES, "linear", {"CategoricalCrossentropy": {"from_logits": True}}),
        (SHARES[:, None].repeat(4, axis=1), "softmax", "categorical_crossentropy"),
    ],
)
def test_shares_that_sum_to_1(tmp_path: Path, y: Any, last: str, loss: Any):
    layers: list[Any] = [{"Dense": {"units": 3, "activation": last}}]
    layers = layers if y.ndim == 2 else [{"RepeatVector": {"n": 4}}, *layers]
    recipe = write(tmp_path, {"layers": layers, "loss": loss}, {"x": FEATURES, "y": y})
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    answers = run.predict(FEATURES[:4])
    table = answers["predicted"] if isinstance(answers, dict) else answers.to_numpy()
    np.testing.assert_allclose(table.sum(axis=-1), 1, rtol=1e-5)
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4)


NUMBERS = FEATURES.sum(axis=1)


@pytest.mark.parametrize(
    ("loss", "y", "activation", "dataset", "message"),
    [
        ("poisson", NUMBERS, "exponential", {}, "poisson needs counts. Use loss: mse."),
        *(
            (loss, np.abs(NUMBERS), "exponential", {"standardize_target": True},
             f"(received: regression with {loss}). Remove it.")
            for loss in ("poisson", "msle", "mape")
        ),
    ],
)  # fmt: skip
def test_losses_that_depend_on_the_place_of_0(tmp_path, loss, y, activation, dataset, message):
    layers = [{"Dense": {"units": 1, "activation": activation}}]
    keys = {"layers": layers, "loss": loss, "dataset": dataset}
    with pytest.raises(InputError) as caught:
        load_for(load_recipe(write(tmp_path, keys, {"x": FEATURES, "y": y})))
    assert message in str(caught.value)
