"""Thresholds, temperature and intervals: chosen on validation rows, kept by every later command."""

from __future__ import annotations

import csv
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score
from typer.testing import CliRunner

import kerasrecipes as kr
from kerasrecipes.cli.app import app
from kerasrecipes.errors import InputError, RecipeError
from kerasrecipes.report import make_report
from kerasrecipes.report.results import read_results
from kerasrecipes.runs import RUN_JSON
from report.snippets import call_snippets, take_inputs
from rows.specs import load_dataset

N_ROWS = 400
SIGMOID = {
    "layers": [{"Dense": {"units": 1, "activation": "sigmoid"}}],
    "loss": "binary_crossentropy",
}
SOFTMAX = {
    "layers": [{"Dense": {"units": 2, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
}
LOGITS = {
    "layers": [{"Dense": {"units": 1}}],
    "loss": {"BinaryCrossentropy": {"from_logits": True}},
}
LABELS = SIGMOID | {"layers": [{"Dense": {"units": 2, "activation": "sigmoid"}}]}
LINEAR = {"layers": [{"Dense": {"units": 1}}], "loss": "mse"}


@cache
def make_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, N_ROWS))
    score = 2 * a - b + rng.normal(size=N_ROWS)
    town = rng.choice(["Ulm", "서울"], N_ROWS)
    return pd.DataFrame(
        {
            "a": a,
            "b": b,
            "town": town,
            "ill": np.where(score > 1.5, "yes", "no"),
            "x": (score > 0).astype(int),
            "y": (b + c > 1).astype(int),
            "price": 10 * score + c**2 + 5 * (town == "Ulm"),
            "rent": b + c,
            "grade": pd.cut(score, 3, labels=["low", "middle", "top"]).astype(str),
        }
    )


def train(folder: Path, target: Any, network: dict[str, Any], **keys: Any) -> kr.TrainedRun:
    keys = network | keys
    dataset = {"target": target, "validation_split": 0.3} | keys.pop("dataset", {})
    targets = target if isinstance(target, list) else [target]
    data = make_rows()[["a", "b", "town", *targets]]
    recipe = {"name": "r", "dataset": dataset, "epochs": 8, "batch_size": 16}
    recipe |= {"optimizer": {"Adam": {"learning_rate": 0.03}}, "report": ["learning_curves"]}
    return kr.train(recipe | keys, data=data, output_dir=folder)


def test_plain_keras_gives_the_same_classes_and_probabilities_in_a_fresh_process(tmp_path: Path):
    keys = {"threshold": {"recall": 0.9}, "calibrate": "temperature"}
    runs = [train(tmp_path, "ill", network, **keys) for network in (SIGMOID, SOFTMAX, LOGITS)]
    rows = make_rows().head(50)
    printed = call_snippets([(run, take_inputs(run, rows)) for run in runs], tmp_path)
    for run, (chances, classes) in zip(runs, printed, strict=True):
        codec = run.info["codec"]
        assert codec["temperature"] != 1
        with zipfile.ZipFile(run.model_path) as archive:
            assert json.loads(archive.read("thresholds.json")) == {"yes": codec["thresholds"][0]}
        answers = run.predict(rows)
        np.testing.assert_allclose(chances[:, -1], answers["probability_yes"], atol=1e-6)
        assert (classes[:, 0] == (answers["predicted"] == "yes")).all()


def test_every_command_predicts_at_the_threshold(tmp_path: Path):
    run = train(tmp_path, "ill", SIGMOID, threshold=0.2, report=["confusion_matrix"])
    predicted = pd.read_csv(run.path / "predictions.csv")
    assert ((predicted["probability_yes"] >= 0.2) == (predicted["predicted"] == "yes")).all()
    assert (predicted["probability_yes"].between(0.2, 0.5)).any()
    answers = run.predict(make_rows())
    assert ((answers["probability_yes"] >= 0.2) == (answers["predicted"] == "yes")).all()
    accuracy = accuracy_score(predicted["actual"], predicted["predicted"])
    page = run.report_path.read_text(encoding="utf-8")
    assert f"right class for {accuracy:.1%} of 80 test rows at threshold 0.2" in page
    assert "Threshold 0.2 for yes: set in the recipe." in page
    run.evaluate(make_rows())
    (evaluation,) = (run.path / "evaluations").iterdir()
    scored = pd.read_csv(evaluation / "predictions.csv")
    assert ((scored["probability_yes"] >= 0.2) == (scored["predicted"] == "yes")).all()
    page = (evaluation / "report.html").read_text(encoding="utf-8")
    assert "Which threshold?" in page
    recall = recall_score(scored["actual"], scored["predicted"], pos_label="yes")
    assert f"{recall:.3f}" in page


def take_validation(run: kr.TrainedRun, target: str) -> pd.DataFrame:
    spec = kr.load_recipe(run.recipe_path, needs_source=False).dataset
    parts = load_dataset(spec, data=make_rows()[["a", "b", "town", target]]).parts
    return make_rows().iloc[parts["validation"].rows]


def test_a_threshold_is_chosen_on_calibrated_probabilities_of_validation_rows(tmp_path: Path):
    keys = {"threshold": {"maximize": "f1"}, "calibrate": "temperature"}
    run = train(tmp_path, "ill", SIGMOID, **keys)
    codec, rows = run.info["codec"], take_validation(run, "ill")
    chances, y_true = run.predict(rows)["probability_yes"], rows["ill"] == "yes"
    found = f1_score(y_true, chances >= codec["thresholds"][0])
    assert found == pytest.approx(max(f1_score(y_true, chances >= each) for each in chances))
    assert codec["threshold_reason"] == f"chosen on {len(rows)} validation rows (maximize f1)"
    page = run.report_path.read_text(encoding="utf-8")
    said = f"Threshold {codec['thresholds'][0]:.4g} for yes: {codec['threshold_reason']}."
    assert said in page


def test_calibration_lowers_the_log_loss_of_validation_rows_and_changes_no_class(tmp_path: Path):
    three = SOFTMAX | {"layers": [{"Dense": {"units": 3, "activation": "softmax"}}]}
    before = train(tmp_path, "grade", three)
    after = train(tmp_path, "grade", three, calibrate="temperature")
    rows = take_validation(after, "grade")
    losses = [
        log_loss(rows["grade"], run.predict(rows).filter(like="probability_"))
        for run in (before, after)
    ]
    assert losses[1] < losses[0]
    assert before.predictions["predicted"] == after.predictions["predicted"]
    assert before.metrics == after.metrics  # Keras's are those of the trained layers
    page = after.report_path.read_text(encoding="utf-8")
    assert f"Logits are divided by {after.info['codec']['temperature']:.3g}" in page
    assert "How good are the probabilities?" in page


def test_each_label_has_its_own_threshold(tmp_path: Path):
    run = train(tmp_path, ["x", "y"], LABELS, threshold={"recall": 0.8}, calibrate="temperature")
    thresholds = run.info["codec"]["thresholds"]
    assert len(set(thresholds)) == 2
    answers = run.predict(make_rows())
    for name, threshold in zip("xy", thresholds, strict=True):
        assert (answers[f"predicted_{name}"] == (answers[f"probability_{name}"] >= threshold)).all()
    with zipfile.ZipFile(run.model_path) as archive:
        assert json.loads(archive.read("thresholds.json")) == dict(
            zip("xy", thresholds, strict=True)
        )


def test_a_single_label_is_answered_by_its_name(tmp_path: Path):
    run = train(tmp_path, ["x"], SIGMOID, threshold=0.3, dataset={"task": "multilabel"})
    answers = run.predict(make_rows())
    assert (answers["predicted_x"] == (answers["probability_x"] >= 0.3)).all()
    assert run.evaluate(make_rows())["loss"] > 0


def test_a_threshold_that_cannot_be_chosen_is_a_half_with_a_warning(tmp_path: Path):
    rng = np.random.default_rng(0)
    noise = make_rows()[["a", "b"]].assign(ill=np.where(rng.random(N_ROWS) < 0.1, "yes", "no"))
    dataset = {"target": "ill", "validation_split": 0.3}
    recipe = {"dataset": dataset, "threshold": {"precision": 0.99}} | SIGMOID
    with pytest.warns(UserWarning, match="no threshold for yes can be chosen on 96 validation"):
        run = kr.train(recipe, data=noise, output_dir=tmp_path)
    assert run.info["codec"]["thresholds"] == [0.5]


def test_a_temperature_does_not_correct_class_weights(tmp_path: Path):
    keys = {"calibrate": "temperature", "class_weight": {"no": 1, "yes": 20}}
    with pytest.warns(UserWarning, match="does not correct the probabilities for class_weight"):
        run = train(tmp_path, "ill", SIGMOID, **keys)
    answers = run.predict(make_rows())
    assert answers["probability_yes"].mean() > (make_rows()["ill"] == "yes").mean() + 0.05


ONLY_CHANCES = "threshold needs two classes or labels, and probabilities as outputs. Remove it."


@pytest.mark.parametrize(
    ("target", "keys", "message"),
    [
        ("price", LINEAR | {"threshold": 0.3}, ONLY_CHANCES),
        ("price", LINEAR | {"calibrate": "temperature"}, "calibrate"),
        ("grade", SOFTMAX | {"layers": [{"Dense": {"units": 3, "activation": "softmax"}}]}
         | {"threshold": 0.3}, ONLY_CHANCES),
        ("ill", {"layers": [{"Dense": {"units": 2}}], "loss": "categorical_hinge"}
         | {"threshold": 0.3}, ONLY_CHANCES),
        ("ill", SIGMOID | {"threshold": {"recall": 0.9}, "dataset": {"validation_split": 0.0}},
         "threshold needs validation rows, and there are none. Set dataset.validation_split"),
        ("ill", SIGMOID | {"calibrate": "temperature", "dataset": {"validation_split": 0.0}},
         "calibrate needs validation rows"),
        ("ill", SIGMOID | {"threshold": {"recall": 2}}, "threshold must be a number between 0 and"),
        ("ill", SIGMOID | {"threshold": {"recall": 0.9, "maximize": "f1"}}, "or one of {maximize:"),
        ("ill", SIGMOID | {"threshold": 1}, "threshold must be a number between 0 and 1, or one"),
        ("ill", SIGMOID | {"threshold": {"maximize": "f2"}}, "(received: {maximize: f2})"),
        ("ill", SIGMOID | {"calibrate": "platt"}, "calibrate has no choice 'platt'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_training(tmp_path: Path, target, keys, message):
    with pytest.raises(RecipeError) as error:
        train(tmp_path, target, keys)
    assert message in str(error.value)
    assert not [*tmp_path.iterdir()]


def test_a_threshold_needs_no_validation_rows_if_the_recipe_sets_it(tmp_path: Path):
    run = train(tmp_path, "ill", SIGMOID, threshold=0.3, dataset={"validation_split": 0.0})
    assert run.info["codec"]["thresholds"] == [0.3]


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 3:
            raise KeyboardInterrupt


def test_a_resumed_run_ends_as_one_that_was_not_stopped(tmp_path: Path):
    make_rows()[["a", "b", "town", "ill"]].to_csv(tmp_path / "rows.csv", index=False)
    dataset = {"path": str(tmp_path / "rows.csv"), "target": "ill", "validation_split": 0.3}
    recipe = {"dataset": dataset, "epochs": 8, "report": []} | SIGMOID
    recipe |= {"threshold": {"recall": 0.9}, "calibrate": "temperature", "name": "r"}
    with pytest.raises(KeyboardInterrupt):
        kr.train(recipe, output_dir=tmp_path / "a", callbacks=[Stop()])
    (folder,) = (tmp_path / "a" / "r").iterdir()
    with pytest.warns(UserWarning, match="before its threshold or temperature was chosen"):
        kr.load_run(folder).predict(make_rows())
    resumed = kr.train(folder, resume=True)
    whole = kr.train(recipe, output_dir=tmp_path / "b")
    assert resumed.info["codec"] == whole.info["codec"]
    assert resumed.predictions == whole.predictions


def test_intervals_have_the_width_of_validation_residuals(tmp_path: Path):
    run = train(tmp_path, "price", LINEAR, dataset={"standardize_target": True})
    rows = take_validation(run, "price")
    errors = np.sort(np.abs(rows["price"] - run.predict(rows)["predicted"]))
    answers = run.predict(make_rows().head(20), interval=0.9)
    assert [*answers] == ["predicted", "low", "high"]
    half_width = errors[int(np.ceil(0.9 * (len(rows) + 1))) - 1]
    np.testing.assert_allclose(answers["high"] - answers["predicted"], half_width, rtol=1e-4)
    np.testing.assert_allclose(answers["predicted"] - answers["low"], half_width, rtol=1e-4)
    tested = pd.read_csv(run.path / "predictions.csv")
    covered = (np.abs(tested["actual"] - tested["predicted"]) <= half_width).mean()
    page = run.report_path.read_text(encoding="utf-8")
    assert "the share of test rows that they cover" in page
    assert f"<td>{covered:.1%}</td>" in page
    run.evaluate(make_rows())
    (evaluation,) = (run.path / "evaluations").iterdir()
    assert "evaluated rows that they cover" in (evaluation / "report.html").read_text("utf-8")


def test_each_of_several_targets_has_its_interval(tmp_path: Path):
    network = LINEAR | {"layers": [{"Dense": {"units": 2}}]}
    run = train(tmp_path, ["price", "rent"], network)
    answers = run.predict(make_rows(), interval=0.8)
    assert [*answers][2:] == ["low_price", "high_price", "low_rent", "high_rent"]
    for name in ("price", "rent"):
        middle = (answers[f"low_{name}"] + answers[f"high_{name}"]) / 2
        np.testing.assert_allclose(middle, answers[f"predicted_{name}"], atol=1e-4)
    widths = answers[["high_price", "high_rent"]].iloc[0] - answers.iloc[0, :2].to_numpy()
    assert widths["high_price"] > 2 * widths["high_rent"]


def test_the_command_line_writes_intervals(tmp_path: Path):
    run = train(tmp_path, "price", LINEAR)
    make_rows().head(5).to_csv(tmp_path / "new.csv", index=False)
    words = ["predict", str(run.path), "--data", str(tmp_path / "new.csv"), "--interval"]
    output = ["-o", str(tmp_path / "answers.csv")]
    done = CliRunner().invoke(app, [*words, "0.9", *output])
    assert done.exit_code == 0, done.output
    expected = run.predict(make_rows().head(5), interval=0.9)
    found = pd.read_csv(tmp_path / "answers.csv")
    np.testing.assert_allclose(found[["low", "high"]], expected[["low", "high"]], rtol=1e-6)


def test_intervals_that_cannot_be_given_are_refused(tmp_path: Path):
    classes = train(tmp_path, "ill", SIGMOID)
    with pytest.raises(InputError, match="Intervals are for numbers"):
        classes.predict(make_rows(), interval=0.9)
    run = train(tmp_path, "price", LINEAR, dataset={"validation_split": 0.0})
    with pytest.raises(
        InputError, match=r"set dataset\.validation_split, such as 0\.2, and train it"
    ):
        run.predict(make_rows(), interval=0.9)
    run = train(tmp_path, "price", LINEAR)
    with pytest.raises(InputError, match=r"Intervals of 0\.999 need 999 validation rows"):
        run.predict(make_rows(), interval=0.999)
    (run.path / "residuals.npz").unlink()  # as in a run of an older version
    with pytest.raises(InputError, match="train it again: kerasrecipes train"):
        run.predict(make_rows(), interval=0.9)
    np.savez(run.path / "residuals.npz", residuals=np.ones((50, 2)))
    with pytest.raises(InputError, match="it has residuals of 2 targets"):
        run.predict(make_rows(), interval=0.9)
    assert "residuals.npz" in read_results(run).warnings[0]


def test_a_run_of_an_older_version_is_read_and_reported(tmp_path: Path):
    run = train(tmp_path, "ill", SIGMOID)
    info = json.loads((run.path / RUN_JSON).read_text(encoding="utf-8"))
    for key in ("thresholds", "threshold_reason", "temperature"):
        del info["codec"][key]
    (run.path / RUN_JSON).write_text(json.dumps(info), encoding="utf-8")
    assert kr.load_run(run.path).predict(make_rows().head(3)).shape == (3, 3)
    make_report(run, ["roc_pr_curves", "reliability"])
    assert {"roc_pr_curves", "reliability"} <= {*run.plots()}


def test_residuals_are_kept_with_the_columns_that_they_depend_on(tmp_path: Path):
    run = train(tmp_path, "price", LINEAR | {"epochs": 1}, report=None)
    kept = [name for name in run.predictions if name.startswith("input_")]
    assert sorted(kept) == ["input_a", "input_b", "input_town"]
    assert kept[0] == "input_a"  # an untrained model leaves its effect in the residuals
    assert "residuals_by_column" in run.plots()
    rows = make_rows().iloc[[int(row) for row in run.predictions["row"]]]
    assert run.predictions["input_town"] == [*rows["town"]]


def test_scores_of_probabilities_are_weighted(tmp_path: Path):
    weights = np.random.default_rng(1).exponential(size=N_ROWS)
    data = make_rows()[["a", "b", "ill"]].assign(w=weights)
    dataset = {"target": "ill", "validation_split": 0.3, "sample_weight": "w"}
    recipe = {"dataset": dataset, "epochs": 3, "threshold": {"recall": 0.9}} | SIGMOID
    run = kr.train(recipe, data=data, output_dir=tmp_path)
    given = np.array(run.predictions["sample_weight"], float)
    np.testing.assert_allclose(
        given, weights[[int(row) for row in run.predictions["row"]]], rtol=1e-6
    )
    (scored,) = read_results(run).scored
    np.testing.assert_allclose(scored.weights, given)
    assert {"roc_pr_curves", "reliability"} <= {*run.plots()}


@pytest.mark.parametrize(
    ("column", "value"), [("probability_yes", "a half"), ("sample_weight", "-1")]
)
def test_a_damaged_file_of_predictions_is_left_out_with_a_warning(tmp_path: Path, column, value):
    run = train(tmp_path, "ill", SIGMOID)
    columns = run.predictions | {"sample_weight": ["1"] * 80}
    columns[column] = [value, *columns[column][1:]]
    with open(run.path / "predictions.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*columns], *zip(*columns.values(), strict=True)])
    (warning,) = read_results(run).warnings
    assert "predictions.csv" in warning
