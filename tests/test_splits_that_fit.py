"""Splits that fit the question: what a run of them says, and what its score proves."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import kerasrecipes as kr
from kerasrecipes import pipeline
from kerasrecipes.errors import InputError
from kerasrecipes.rows import load_for
from kerasrecipes.terminal import TerminalListener
from kerasrecipes.trained import TrainedRun

N_PATIENTS, N_VISITS, N_TRAITS = 80, 25, 12
CLASSIFIER = {
    "layers": [
        {"Dense": {"units": 96, "activation": "relu"}},
        {"Dense": {"units": 1, "activation": "sigmoid"}},
    ],
    "optimizer": {"Adam": {"learning_rate": 0.01}},
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
    "epochs": 20,
    "report": [],
}


def make_visits(seed: int = 0) -> pd.DataFrame:
    """Traits tell patients apart, and one of them has to do with the diagnosis, weakly."""
    rng = np.random.default_rng(seed)
    traits = rng.normal(size=(N_PATIENTS, N_TRAITS))
    sick = 0.4 * traits[:, 0] + rng.normal(size=N_PATIENTS) > 0
    who = np.repeat(np.arange(N_PATIENTS), N_VISITS)
    values = traits[who] + rng.normal(0, 0.1, (len(who), N_TRAITS))
    rows = pd.DataFrame(values, columns=[f"trait_{i}" for i in range(N_TRAITS)])
    days = rng.integers(0, 30, len(who)) + 10 * who
    rows["date"] = (np.datetime64("2024-01-01") + days).astype(str)
    rows["patient"] = [f"P{i:03}" for i in who]
    rows["sick"] = np.where(sick[who], "yes", "no")
    return rows.sample(frac=1, random_state=seed)


def train(make_recipe: Any, tmp_path: Path, **dataset: Any) -> Any:
    make_visits().to_csv(tmp_path / "visits.csv", index=False)
    dataset = {"path": "visits.csv", "target": "sick"} | dataset
    recipe = make_recipe(**(CLASSIFIER | {"dataset": dataset}))
    said = io.StringIO()
    listener = TerminalListener(Console(file=said, width=200))
    return pipeline.train(recipe, tmp_path / "runs", listener), recipe, said.getvalue()


def test_a_random_split_praises_what_new_patients_disprove(make_recipe, tmp_path: Path) -> None:
    by_chance, _, _ = train(make_recipe, tmp_path, drop=["patient", "date"])
    scores = [
        train(make_recipe, tmp_path, drop=["date"], group="patient", split_seed=i)[0]
        for i in range(3)
    ]
    accuracies = [run.metrics["test"]["accuracy"] for run in scores]
    assert by_chance.metrics["test"]["accuracy"] >= 0.95
    assert np.mean(accuracies) == pytest.approx(0.6, abs=0.1)


def test_a_run_says_how_its_parts_came_out_and_predicts_without_the_columns(
    make_recipe, tmp_path: Path
) -> None:
    keys = {"group": "patient", "time": "date", "validation_split": 0.2, "missing": "median"}
    run, recipe, said = train(make_recipe, tmp_path, **keys)
    split = run.info["dataset"]["split"]
    assert split.startswith("train 2024-01-01 to 20")
    assert split.endswith(" groups")
    assert split in said
    assert split in run.report_path.read_text(encoding="utf-8")
    parts = load_for(recipe).parts
    assert parts["train"].times.max() < parts["validation"].times.min()
    assert parts["validation"].times.max() < parts["test"].times.min()
    (left_out, *_) = (text for text in run.info["warnings"] if "left out of every part" in text)
    assert "their windows or groups overlap with another part" in left_out
    assert [c["name"] for c in run.info["dataset"]["columns"]] == [
        f"trait_{i}" for i in range(N_TRAITS)
    ]
    trained, new = TrainedRun(run.path), make_visits(seed=1)
    bare = new.drop(columns=["patient", "date"])
    answers = trained.predict(bare.drop(columns=["sick"]))
    assert [*answers["predicted"]] == [*trained.predict(new)["predicted"]]
    right = (answers["predicted"].to_numpy() == new["sick"].to_numpy()).mean()
    assert trained.evaluate(bare)["accuracy"] == pytest.approx(right, abs=1e-6)
    assert trained.evaluate()["accuracy"] == pytest.approx(run.metrics["test"]["accuracy"])


def test_a_run_with_groups_continues_on_the_same_parts(make_recipe, tmp_path: Path) -> None:
    train(make_recipe, tmp_path, group="patient", drop=["date"])
    folder, file = tmp_path / "two", tmp_path / "recipe.yaml"
    kr.train(file, output_dir=folder, epochs=2)
    continued = kr.train(file, output_dir=folder, epochs=4, resume=True)
    whole = kr.train(file, output_dir=tmp_path / "one", epochs=4)
    assert continued.metrics == whole.metrics
    rows = make_visits()
    rows["patient"] = rows["patient"].replace("P001", "P002")
    rows.to_csv(tmp_path / "visits.csv", index=False)
    with pytest.raises(InputError, match="its data have changed since"):
        kr.train(file, output_dir=folder, epochs=6, resume=True)


def test_windows_of_a_series_follow_each_other_in_time(make_recipe, tmp_path: Path) -> None:
    days = np.datetime64("2024-01-01") + np.arange(100)
    level = np.sin(np.arange(100) / 5)
    pd.DataFrame({"day": days.astype(str), "level": level}).to_csv(tmp_path / "levels.csv")
    series = {"target": "level", "timeseries": {"sequence_length": 5}, "time": "day"}
    layers: Any = [{"LSTM": {"units": 2}}, {"Dense": {"units": 1}}]
    dataset = {"path": "levels.csv", **series}
    loaded = load_for(make_recipe(dataset=dataset, layers=layers, loss="mse"))
    assert [c.name for c in loaded.columns] == ["level"]
    assert loaded.split == "train 2024-01-06 to 2024-03-16; test 2024-03-22 to 2024-04-09"
    folds = dataset | {"folds": 4, "fold": 4}
    loaded = load_for(make_recipe(dataset=folds, layers=layers, loss="mse"))
    assert loaded.split == (
        "fold 4 of 4; train 2024-01-06 to 2024-03-16; test 2024-03-22 to 2024-04-09"
    )
