"""What may be compared with what, by which score, and which way is better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerasrecipes.comparison.contenders import (
    Facts,
    check_rows,
    choose_metric,
    describe_recipe,
    describe_run,
    read_score,
)
from kerasrecipes.errors import InputError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.rows import load_for

from .fake_contenders import write_contender

IRIS = """
dataset: {name: iris, validation_split: 0.2}
layers:
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
"""
ACCIDENTS = """
dataset:
  path: roads.csv
  target: %s
  validation_split: 0.3
layers:
  - Dense: {units: %d}
loss: mse
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pd.DataFrame(
        {
            "length": rng.normal(size=40),
            "lanes": rng.integers(1, 4, 40),
            "surface": rng.choice(["new", "old"], 40),
            "accidents": rng.normal(size=40),
            "previous_price": rng.normal(size=40),
        }
    ).to_csv("roads.csv", index=False)
    return tmp_path


def describe(text: str, *changes: str) -> Facts:
    Path("recipe.yaml").write_text(text, encoding="utf-8")
    recipe = load_recipe("recipe.yaml", changes)
    return describe_recipe(recipe, load_for(recipe))


ROADS = ACCIDENTS % ("accidents", 1)


@pytest.mark.parametrize(
    "change",
    [
        "dataset.drop=[length]",
        "dataset.drop=[surface, previous_price]",
        "dataset.features={lanes: integer_categorical}",
        "dataset.features={length: float_discretized}",
    ],
)
def test_other_inputs_leave_rows_and_target_comparable(change: str) -> None:
    facts = [describe(ROADS), describe(ROADS, change)]
    assert facts[0].data["fingerprint"] != facts[1].data["fingerprint"] or "features" in change
    check_rows(facts)


@pytest.mark.parametrize(
    ("text", "change", "received"),
    [
        (IRIS, "dataset.validation_split=0.4", "dataset.validation_split: 0.2 and 0.4"),
        (IRIS, "dataset.split_seed=1", "dataset.split_seed: 42 and 1"),
        (IRIS, "dataset.name=wine", "dataset.name: iris and wine"),
        (ROADS, "dataset.path=paths.csv", "roads.csv and {folder}/paths.csv"),
        (ROADS, "dataset.path=old/roads.csv", "/roads.csv and {folder}/old/roads.csv"),
        (ROADS, "dataset.target=length", "dataset.target: accidents and length"),
    ],
)
def test_other_rows_or_another_target_are_refused(
    folder: Path, text: str, change: str, received: str
) -> None:
    for file in (folder / "paths.csv", folder / "old/roads.csv"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("length,accidents\n" + "1,2\n2,3\n" * 10)
    facts = [describe(text, "name=a"), describe(text, "name=b", change)]
    with pytest.raises(InputError) as caught:
        check_rows(facts)
    assert "a and b differ" in str(caught.value)
    assert received.format(folder=folder) in str(caught.value)


def test_rows_that_are_left_out_for_their_gaps_are_other_rows() -> None:
    table = pd.read_csv("roads.csv")
    table.loc[3:9, "length"] = np.nan
    table.to_csv("roads.csv", index=False)
    changes = ("dataset.missing=drop", "dataset.drop=[length]")
    facts = [describe(ROADS, *changes[:1]), describe(ROADS, *changes)]
    with pytest.raises(InputError, match=r"dataset\.drop: – and length"):
        check_rows(facts)


STEPS = """
dataset: {path: steps.npz, validation_split: 0.2}
layers:
  - Masking: {mask_value: 0}
  - LSTM: {units: 2, return_sequences: true}
  - Dense: {units: 2, activation: softmax}
loss: sparse_categorical_crossentropy
"""


def test_scores_of_other_masks_are_refused() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 5, 3)).astype(np.float32)
    np.savez("steps.npz", x=x, y=rng.integers(0, 2, (40, 5)))
    masked = describe(STEPS, "name=a")
    check_rows([masked, describe(STEPS, "layers.1.LSTM.units=3")])
    check_rows([masked, describe(STEPS, "layers.0.Masking.mask_value=0.0")])
    for change, words in {
        "layers.0.Masking.mask_value=1": r"received: \[\('Masking', 0\)\] and \[\('Masking', 1\)\]",
        "layers.0={Dense: {units: 3}}": r"of a and b differ \(received: .* and \[\]\)",
    }.items():
        with pytest.raises(InputError, match=words):
            check_rows([masked, describe(STEPS, "name=b", change)])
    np.savez("steps.npz", x=x, y=rng.integers(0, 2, 40))
    last = STEPS.replace("sequences: true", "sequences: false")
    check_rows([describe(last), describe(last, "layers.0={Dense: {units: 3}}")])


@pytest.mark.parametrize(
    ("metrics", "name", "is_higher_better"),
    [
        ("[{MeanAbsoluteError: {name: mae_accidents}}]", "mae_accidents", False),
        ("[{MeanSquaredError: {name: mse_previous_price}}]", "mse_previous_price", False),
        ("[{R2Score: {name: loss_explained}}]", "loss_explained", True),
        ("[mae]", "mae", False),
        ("[]", "mae", False),
    ],
)
def test_the_first_metric_decides_in_the_direction_of_its_class(
    metrics: str, name: str, is_higher_better: bool
) -> None:
    facts = [describe(ROADS, f"metrics={metrics}")] * 2
    assert choose_metric(facts, None) == (name, is_higher_better)
    assert choose_metric(facts, "r2") == ("r2", True)
    assert choose_metric(facts, "rmse") == ("rmse", False)
    assert choose_metric(facts, "loss") == ("loss", False)


def test_a_metric_of_unknown_direction_never_decides_silently() -> None:
    facts = [describe(ROADS, "metrics=[Sum]")] * 2
    with pytest.raises(InputError) as caught:
        choose_metric(facts, None)
    assert str(caught.value) == (
        "It is unknown whether higher values of 'sum' are better. "
        "Choose another metric: loss, mae, rmse, r2."
    )


def test_several_targets_are_judged_by_the_mean_over_them() -> None:
    facts = [describe(ACCIDENTS % ("[accidents, previous_price]", 2))] * 2
    assert list(facts[0].scores)[:4] == ["loss", "r2", "mae", "rmse"]
    assert facts[0].scores["mae_accidents"] is False
    assert facts[0].scores["r2_previous_price"] is True
    assert choose_metric(facts, None) == ("r2", True)


def test_scores_of_several_targets_are_averaged(tmp_path: Path) -> None:
    run = write_contender(tmp_path, "a", n_seeds=1).runs[0]
    run.update(dataset=run.info["dataset"] | {"targets": ["x", "y"]})
    scores = {"mae_x_original_units": 1, "mae_y_original_units": 4, "r2_x": 0.5, "r2_y": 1}
    run.write_metrics({"test": scores})
    assert read_score(run, "test", "mae_original_units") == 2.5
    assert read_score(run, "test", "r2") == 0.75
    assert read_score(run, "test", "mae_y_original_units") == 4


@pytest.mark.parametrize(
    ("change", "metric", "message"),
    [
        ("loss=mae", "loss", "Recipes with different losses cannot be compared by loss."),
        ("loss={Huber: {delta: 2}}", "loss", "Recipes with different losses"),
        (
            "dataset.standardize_target=true",
            "mean_squared_error",
            "Recipes with and without standardize_target have 'mean_squared_error' in different "
            "units. Choose another metric: loss, r2.",
        ),
        ("metrics=[]", "mean_squared_error", "recipe has no metric 'mean_squared_error'."),
    ],
)
def test_scores_in_other_units_are_refused(change: str, metric: str, message: str) -> None:
    metrics = "metrics=[MeanSquaredError]"
    facts = [describe(ROADS, metrics), describe(ROADS, metrics, change)]
    with pytest.raises(InputError) as caught:
        choose_metric(facts, metric)
    assert message in str(caught.value)


def test_r2_has_no_unit_that_could_differ() -> None:
    facts = [describe(ROADS), describe(ROADS, "dataset.standardize_target=true")]
    assert choose_metric(facts, "r2") == ("r2", True)


def test_runs_that_lack_a_fact_are_refused(tmp_path: Path) -> None:
    run = write_contender(tmp_path, "a", n_seeds=1).runs[0]
    with pytest.raises(
        InputError, match=r"run\.json cannot be used: 'higher_is_better' is missing"
    ):
        describe_run(run)


def test_a_run_is_described_by_what_it_recorded(tmp_path: Path) -> None:
    run = write_contender(tmp_path, "a", n_seeds=1).runs[0]
    data = run.info["dataset"] | {"target_fingerprint": "0"}
    run.update(higher_is_better={"loss": False, "accuracy": None}, dataset=data)
    assert describe_run(run).scores == {"loss": False, "accuracy": None}
