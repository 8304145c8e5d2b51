"""Several trainings at once: the same results however many there were, and none done twice."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from kerasrecipes.compare import comparison, engine
from kerasrecipes.compare.comparison import (
    compare_contenders,
    load_contenders,
    make_draws,
    train_contenders,
    tune_learning_rates,
)
from kerasrecipes.compare.engine import Outcome, train_many
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.runs import list_runs_of

RECIPE = """
dataset: {{name: iris, validation_split: 0.3, stratify: true}}
layers:
  - Dense: {{units: 8, activation: {activation}}}
  - Dropout: {{rate: 0.2}}
  - Dense: {{units: 3, activation: softmax}}
optimizer: {{SGD: {{learning_rate: {rate}}}}}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
epochs: 3
report: []
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recipes")
    made = {}
    for activation, rate in (("relu", 0.1), ("tanh", 0.1), ("exponential", 1e30)):
        made[activation] = folder / f"{activation}.yaml"
        text = RECIPE.format(activation=activation, rate=rate)
        made[activation].write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def output_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def recipes(files: dict[str, Path]) -> list[Recipe]:
    kinds = [("relu", 1), ("relu", 2), ("tanh", 1), ("tanh", 2), ("exponential", 1)]
    return [load_recipe(files[name], [f"seed={seed}"]) for name, seed in kinds]


@pytest.fixture(scope="module")
def outcomes(recipes: list[Recipe], output_dir: Path) -> list[Outcome]:
    return train_many(recipes, output_dir, Console(quiet=True), ["kerasrecipes"], workers=2)


def test_outcomes_come_in_the_order_of_the_recipes(
    recipes: list[Recipe], outcomes: list[Outcome]
) -> None:
    for recipe, outcome in zip(recipes[:4], outcomes[:4], strict=True):
        assert outcome.run is not None
        info = outcome.run.info
        assert (info["name"], info["seed"]) == (recipe.name, recipe.seed)
        assert info["status"] == "finished"


def test_workers_of_a_cpu_compute_in_one_thread_each(monkeypatch) -> None:
    def list_settings() -> set[str]:
        with engine._one_thread_each():
            return {name for name in os.environ if os.environ[name] == "1" and "THREADS" in name}

    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine, "_has_gpu", lambda: False)
    cpu = {"TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"}
    assert list_settings() == cpu
    monkeypatch.setattr(engine, "_has_gpu", lambda: True)
    assert list_settings() == cpu - {"TF_NUM_INTEROP_THREADS"}
    assert not cpu & os.environ.keys()


def test_a_run_that_fails_leaves_the_others_alone(outcomes: list[Outcome]) -> None:
    assert outcomes[4].run is None
    assert "Lower the optimizer's learning_rate (now 1e+30)" in outcomes[4].error


def test_results_do_not_depend_on_how_many_ran_at_once(
    recipes: list[Recipe], outcomes: list[Outcome], tmp_path: Path
) -> None:
    alone = train_many(recipes[2:3], tmp_path, Console(quiet=True), workers=1)[0].run
    among = outcomes[2].run
    assert alone is not None
    assert among is not None
    assert alone.history == among.history
    assert alone.metrics == among.metrics
    assert alone.predictions == among.predictions


def test_finished_runs_are_reused_and_said_to_be(
    files: dict[str, Path], outcomes: list[Outcome], output_dir: Path
) -> None:
    said = io.StringIO()
    paths, finished = load_contenders([files["relu"], files["tanh"]])
    contenders = train_contenders(
        paths, {}, make_draws(1, 42, 2, None), output_dir, Console(file=said), [], None
    )
    assert finished == []
    assert "4 runs were there already" in said.getvalue()
    assert [run.path for contender in contenders for run in contender.runs] == [
        outcome.run.path for outcome in outcomes[:4] if outcome.run
    ]


def test_a_run_of_other_data_is_not_reused(
    recipes: list[Recipe], outcomes: list[Outcome], tmp_path: Path
) -> None:
    import shutil

    run = outcomes[0].run
    assert run is not None
    copy = tmp_path / "relu" / run.path.name
    shutil.copytree(run.path, copy)
    info = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    info["dataset"]["fingerprint"] = "0" * 64
    (copy / "run.json").write_text(json.dumps(info), encoding="utf-8")
    outcome = train_many(recipes[:1], tmp_path, Console(quiet=True))[0]
    assert not outcome.was_reused
    assert outcome.run is not None
    assert outcome.run.metrics == run.metrics


def test_contenders_are_paired_by_seed_and_judged_on_validation_rows(
    outcomes: list[Outcome], output_dir: Path
) -> None:
    _, finished = load_contenders([output_dir / "relu", output_dir / "tanh"])
    paired, found, part = compare_contenders(finished, None, varies_split=False)
    assert part == "validation"
    assert found.metric == "accuracy"
    assert found.n == 2
    assert {contender.name for contender in paired} == {"relu", "tanh"}
    for contender in paired:
        assert [run.info["seed"] for run in contender.runs] == [1, 2]


def test_tuning_tries_rates_from_a_30th_to_30_times_of_the_recipe_s_own() -> None:
    assert pytest.approx([0.0316, 0.1, 0.316, 1, 3.16, 10, 31.6], 2e-3) == comparison.TUNING_FACTORS


def test_tuning_gives_every_recipe_the_same_budget_on_a_seed_of_its_own(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "TUNING_FACTORS", (0.01, 1, 10))
    paths, _ = load_contenders([files["relu"], files["tanh"]])
    said = io.StringIO()
    found = tune_learning_rates(paths, None, tmp_path, Console(file=said), [], None)
    assert "relu: learning_rate" in said.getvalue()
    for name in ("relu", "tanh"):
        tried = list_runs_of(tmp_path / name)
        scores = {
            load_recipe(run.recipe_path).optimizer.arguments["learning_rate"]: run.metrics[
                "validation"
            ]["accuracy"]
            for run in tried
        }
        assert sorted(scores) == pytest.approx([0.001, 0.1, 1])
        assert {run.info["seed"] for run in tried} == {1_000_042}
        (override,) = found[files[name]]
        key, _, rate = override.partition("=")
        assert key == "optimizer.SGD.learning_rate"
        assert scores[float(rate)] == max(scores.values())
