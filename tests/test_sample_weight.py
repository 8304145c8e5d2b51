"""Weights of rows: in the loss, in every score, and where a finished run is evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, roc_auc_score

import kerasrecipes as kr
from kerasrecipes import load_recipe, pipeline
from kerasrecipes.errors import DataError
from kerasrecipes.model.built import build
from kerasrecipes.rows import load_for
from kerasrecipes.trained import TrainedRun

N_ROWS = 60
LINEAR = {"layers": [{"Dense": {"units": 1}}], "loss": "mse", "metrics": ["mae"]}
LINEAR |= {"epochs": 2, "report": []}
BINARY = {
    "layers": [{"Dense": {"units": 1, "activation": "sigmoid"}}],
    "loss": "binary_crossentropy",
    "metrics": ["accuracy", {"AUC": {"num_thresholds": 10_000}}],
}


def make_table(seed: int = 0, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, N_ROWS))
    y = a - b + rng.normal(size=N_ROWS) / 3
    kind = np.where(y > 0, "good", "bad")
    weights = rng.exponential(size=N_ROWS)
    return pd.DataFrame({"a": a, "w": weights, "b": b, "y": y, "kind": kind} | columns)


def write(folder: Path, table: pd.DataFrame, name: str = "rows.csv") -> Path:
    table.to_csv(folder / name, index=False)
    return folder / name


def train(make_recipe, tmp_path: Path, data: pd.DataFrame | None = None, **keys: Any):
    write(tmp_path, make_table() if data is None else data)
    drop = ["kind"] if "classification" not in str(keys) else ["y"]
    dataset = {"path": "rows.csv", "target": "y", "sample_weight": "w", "drop": drop}
    recipe = make_recipe(**(LINEAR | {"dataset": dataset | keys.pop("dataset", {})} | keys))
    return pipeline.train(recipe, tmp_path / "runs"), load_for(recipe)


def test_every_score_is_weighted_and_the_weight_is_no_input(make_recipe, tmp_path: Path):
    keys = {"dataset": {"validation_split": 0.2}, "report": None}
    run, dataset = train(make_recipe, tmp_path, **keys)
    assert [column.name for column in dataset.columns] == ["a", "b"]
    trained = TrainedRun(run.path)
    table = make_table()
    for part, scores in run.metrics.items():
        rows = dataset.parts[part].rows
        y_true, y_pred = table["y"][rows], trained.predict(table.loc[rows])["predicted"]
        weights = table["w"][rows]
        assert scores["mae"] == pytest.approx(
            mean_absolute_error(y_true, y_pred, sample_weight=weights), rel=1e-4
        )
        assert scores["r2"] == pytest.approx(
            r2_score(y_true, y_pred, sample_weight=weights), rel=1e-4
        )
        assert scores["loss"] == pytest.approx(np.mean(weights * (y_true - y_pred) ** 2), rel=1e-4)
    assert (
        "Scores, thresholds and curves are weighted by sample_weight" in run.report_path.read_text()
    )


def test_the_fit_is_that_of_keras_with_sample_weight(make_recipe, tmp_path: Path):
    keys = {"batch_size": N_ROWS, "epochs": 4}
    run, dataset = train(make_recipe, tmp_path, **keys)
    part = dataset.parts["train"]
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("rmsprop", "mse", weighted_metrics=["mae"])
    recipe = load_recipe(run.recipe_path)
    model.set_weights(build(recipe, dataset).model.get_weights())
    X = np.stack([part.inputs[name] for name in "ab"], axis=1).astype(np.float64)
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    history = model.fit(
        *(X, part.target), sample_weight=part.weights, batch_size=N_ROWS, epochs=4, verbose=0
    ).history
    for name, values in history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=1e-5)


def test_scores_of_classes_are_weighted_also_with_class_weight(make_recipe, tmp_path: Path):
    dataset = {"target": "kind", "task": "classification", "drop": ["y"]}
    keys = BINARY | {"class_weight": "balanced"}
    run, loaded = train(make_recipe, tmp_path, dataset=dataset, **keys)
    table = make_table()
    for part, scores in run.metrics.items():
        rows = loaded.parts[part].rows
        answers = TrainedRun(run.path).predict(table.loc[rows])
        weights, y_true = table["w"][rows], table["kind"][rows]
        assert scores["accuracy"] == pytest.approx(
            accuracy_score(y_true, answers["predicted"], sample_weight=weights), rel=1e-5
        )
        assert scores["AUC" if "AUC" in scores else "auc"] == pytest.approx(
            roc_auc_score(y_true == "good", answers["probability_good"], sample_weight=weights),
            abs=1e-2,
        )


def test_weights_change_the_task_that_scores_belong_to(make_recipe, tmp_path: Path):
    _, weighted = train(make_recipe, tmp_path)
    _, other = train(make_recipe, tmp_path, make_table().assign(w=lambda rows: rows["w"] * 2))
    assert weighted.target_fingerprint != other.target_fingerprint
    assert weighted.fingerprint != other.fingerprint


def test_evaluate_weighs_rows_that_have_the_column(make_recipe, tmp_path: Path):
    run, _ = train(make_recipe, tmp_path)
    trained, new = TrainedRun(run.path), make_table(seed=1)
    answers = trained.predict(new.drop(columns=["w"]))["predicted"]
    scores = trained.evaluate(new)
    weighted = mean_absolute_error(new["y"], answers, sample_weight=new["w"])
    assert scores["mae"] == pytest.approx(weighted, rel=1e-5)
    assert trained.evaluate()["mae"] == pytest.approx(run.metrics["test"]["mae"], rel=1e-5)
    with pytest.raises(DataError, match=r"sample_weight: all weights are 0 \(w\)\."):
        trained.evaluate(new.assign(w=0.0))
    with pytest.warns(UserWarning, match="These rows have no sample_weight"):
        scores = trained.evaluate(new.drop(columns=["w"]))
    assert scores["mae"] == pytest.approx(mean_absolute_error(new["y"], answers), rel=1e-5)


def test_a_run_that_continues_equals_one_that_was_not_stopped(make_recipe, tmp_path: Path):
    write(tmp_path, make_table())
    dataset = {"path": "rows.csv", "target": "y", "sample_weight": "w", "drop": ["kind"]}
    recipe = make_recipe(**(LINEAR | {"dataset": dataset, "epochs": 4}))
    whole = kr.train(recipe, output_dir=tmp_path / "whole")

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kr.train(recipe, output_dir=tmp_path / "runs", callbacks=[Stop()])
    (stopped,) = (tmp_path / "runs" / recipe.name).iterdir()
    again = kr.train(stopped, resume=True)
    assert again.metrics == whole.metrics
    assert again.history == whole.history


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0] * 59 + [-2.0], r"w must be 0 or more in every row (received: -2 in line 61)."),
        ([np.nan] + [1.0] * 59, r"w must be 0 or more in every row (received: nan in line 2)."),
        ([1.0] * 59 + [np.inf], r"w must be 0 or more in every row (received: inf in line 61)."),
        ([0.0] * 60, "all weights are 0 (w in the train part)."),
        (["much"] * 60, "column w must contain numbers"),
    ],
)
def test_bad_weights_are_refused(make_recipe, tmp_path: Path, weights: Any, message: str):
    with pytest.raises(DataError) as caught:
        train(make_recipe, tmp_path, make_table(w=weights))
    assert f"sample_weight: {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sample_weight": "v"}, "sample_weight: no column 'v'."),
        ({"sample_weight": "y"}, "sample_weight: 'y' is the target. Remove it from sample_weight."),
        ({"drop": ["w", "kind"]}, "sample_weight: 'w' is in drop too."),
        ({"features": {"w": "float"}}, "features: 'w' is the sample_weight."),
    ],
)
def test_a_column_has_one_role(make_recipe, tmp_path: Path, keys: Any, message: str):
    with pytest.raises(DataError) as caught:
        train(make_recipe, tmp_path, dataset=keys)
    assert message in str(caught.value)


def save(folder: Path, **arrays: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    parts = {f"x_{name}": rng.normal(size=(n, 3)) for name, n in (("train", 40), ("val", 20))}
    parts |= {name.replace("x", "y"): x.sum(axis=1) for name, x in parts.items()} | arrays
    np.savez(folder / "rows.npz", **parts)
    return {"dataset": {"path": "rows.npz"}} | LINEAR


def test_arrays_weigh_the_rows_of_each_part(make_recipe, tmp_path: Path):
    ours, own = np.arange(1.0, 41), np.arange(1.0, 21)
    keys = save(tmp_path, sample_weight=ours, sample_weight_val=own)
    dataset = load_for(make_recipe(**keys))
    for name in ("train", "test"):
        part = dataset.parts[name]
        np.testing.assert_array_equal(part.weights, part.rows + 1)
    np.testing.assert_array_equal(dataset.parts["validation"].weights, own)
    assert not dataset.warnings
    run = pipeline.train(make_recipe(**keys), tmp_path / "runs")
    arrays = dict(np.load(tmp_path / "rows.npz"))
    answers = TrainedRun(run.path).predict(arrays["x_val"].astype(np.float32))["predicted"]
    expected = mean_absolute_error(arrays["y_val"], answers, sample_weight=own)
    assert run.history["val_mae"][-1] == pytest.approx(expected, rel=1e-4)
    np.savez(tmp_path / "new.npz", x=arrays["x_val"], y=arrays["y_val"], sample_weight=own)
    scores = TrainedRun(run.path).evaluate(tmp_path / "new.npz")
    assert scores["mae"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("n_steps", [4, 32])  # as many as the rows of a batch, or not
def test_the_weight_of_a_row_counts_for_all_its_steps(make_recipe, tmp_path: Path, n_steps: int):
    rng = np.random.default_rng(0)
    parts = {f"x_{name}": rng.normal(size=(64, n_steps, 3)) for name in ("train", "val")}
    targets = {name.replace("x", "y"): x[..., :1] for name, x in parts.items()}
    own = np.linspace(0, 5, 64)
    np.savez(tmp_path / "steps.npz", **parts, **targets, sample_weight_val=own, sample_weight=own)
    run = pipeline.train(make_recipe(dataset={"path": "steps.npz"}, **LINEAR), tmp_path / "runs")
    answers = TrainedRun(run.path).predict(parts["x_val"].astype(np.float32))["predicted"]
    errors = np.abs(targets["y_val"] - answers).mean(axis=(1, 2))
    expected = np.average(errors, weights=own)
    assert run.history["val_mae"][-1] == pytest.approx(expected, rel=1e-4)
    new = {"x": parts["x_val"], "y": targets["y_val"], "sample_weight": own}
    np.savez(tmp_path / "new.npz", **new)
    scores = TrainedRun(run.path).evaluate(tmp_path / "new.npz")
    assert scores["mae"] == pytest.approx(expected, rel=1e-4)


def test_an_array_of_another_name(make_recipe, tmp_path: Path):
    keys = save(tmp_path, W_train=np.arange(1.0, 41), w_valid=np.ones(20))
    keys["dataset"]["sample_weight"] = "W"
    dataset = load_for(make_recipe(**keys))
    np.testing.assert_array_equal(dataset.parts["train"].weights, dataset.parts["train"].rows + 1)
    np.testing.assert_array_equal(dataset.parts["validation"].weights, np.ones(20))


def test_a_part_without_weights_is_as_keras_s_validation_data_without_them(
    make_recipe, tmp_path: Path
):
    keys = save(tmp_path, sample_weight=np.arange(1.0, 41))
    dataset = load_for(make_recipe(**keys))
    np.testing.assert_array_equal(dataset.parts["validation"].weights, np.ones(20, np.float32))
    run = pipeline.train(make_recipe(**keys), tmp_path / "runs")
    assert run.metrics["validation"]["mae"] == pytest.approx(run.history["val_mae"][-1])


@pytest.mark.parametrize(
    ("arrays", "asked", "message"),
    [
        ({"sample_weight": np.ones(39)}, None, "no array 'sample_weight' of shape (40,)."),
        ({"sample_weight": np.ones((40, 2))}, None, "sample_weight of shape (40, 2)."),
        ({"sample_weight": -np.ones(40)}, None, "must be 0 or more in every row (received: -1 in"),
        ({}, "weights", "sample_weight: no array 'weights' of shape (40,). The arrays: x_train of"),
    ],
)
def test_bad_arrays_of_weights(make_recipe, tmp_path, arrays: Any, asked: Any, message: str):
    keys = save(tmp_path, **arrays)
    if asked:
        keys["dataset"]["sample_weight"] = asked
    with pytest.raises(DataError) as caught:
        load_for(make_recipe(**keys))
    assert message in str(caught.value)


@pytest.mark.parametrize("given", ["balanced", {"good": 1.0, "bad": 5.0}])
def test_the_report_gives_the_accuracy_as_class_weight_counts_rows(
    make_recipe, tmp_path: Path, given: Any
):
    table = make_table().drop(columns=["y", "w"])
    write(tmp_path, table)
    dataset = {"path": "rows.csv", "target": "kind"}
    recipe = make_recipe(**(BINARY | {"dataset": dataset, "class_weight": given, "epochs": 20}))
    run = pipeline.train(recipe, tmp_path / "runs")
    kinds = table["kind"][load_for(recipe).parts["train"].rows]
    weights = len(kinds) / (2 * kinds.value_counts()) if given == "balanced" else pd.Series(given)
    test = run.predictions
    actual = np.array(test["actual"])
    share = accuracy_score(actual, test["predicted"], sample_weight=weights[actual])
    sentence = f"Weighted by class_weight, as in training, it is {share:.1%}."
    assert sentence in (run.path / "report.html").read_text(encoding="utf-8")
    evaluated = TrainedRun(run.path)
    evaluated.evaluate(table)
    pages = list(tmp_path.rglob("report.html"))
    assert len(pages) == 2
    assert all("Weighted by class_weight" in page.read_text("utf-8") for page in pages)
