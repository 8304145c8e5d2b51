"""A whole sweep: files, verdict, page, what continues, and what is refused."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import kerasrecipes as kr
from kerasrecipes.errors import InputError, RecipeError, RunFailed
from kerasrecipes.recipe import load_recipe
from kerasrecipes.runs import list_runs
from kerasrecipes.sweeping import Sweep, plan_sweep

BASE = """\
dataset: {path: flowers.csv, target: kind, validation_split: 0.3, test_split: 0.3}
layers:
  - Dense: {units: 8, activation: relu}
  - Dense: {units: 2, activation: softmax}
optimizer: {SGD: {learning_rate: 1e-6}}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
epochs: 8
report: []
"""
RECIPE = """\
extends: base.yaml
name: flowers
sweep:
  ranges:
    optimizer.SGD.learning_rate: [1e-6, 0.1, 1e30]
  strategy: grid
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep")
    rows = [f"{i % 7},{i % 11},{'rose' if i % 7 < 3 else 'lily'}" for i in range(200)]
    (folder / "flowers.csv").write_text("\n".join(["a,b,kind", *rows]), encoding="utf-8")
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    (folder / "flowers.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> Sweep:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kerasrecipes.sweeping.steps._N_SEEDS", 3)
        return kr.sweep(folder / "flowers.yaml", output_dir=folder / "runs", workers=1)


def test_a_sweep_records_every_trial(found: Sweep) -> None:
    assert [row["values"]["optimizer.SGD.learning_rate"] for row in found.rows] == [
        "1.0e-06",
        "0.1",
        "1.0e+30",
    ]
    assert [row["state"] for row in found.rows] == ["finished", "finished", "failed"]
    assert found.ranking[0]["trial"] == 2
    assert "Lower the optimizer's learning_rate" in found.rows[2]["note"]
    assert all(Path(row["run"]).is_dir() for row in found.rows)


def test_the_best_recipe_trains_as_it_stands(found: Sweep, tmp_path: Path) -> None:
    recipe = load_recipe(found.best)
    assert recipe.name == "flowers best"
    assert "sweep" not in recipe.written
    assert recipe.written["optimizer"] == {"SGD": {"learning_rate": 0.1}}
    run = kr.train(found.best, output_dir=tmp_path)
    assert run.metrics["validation"]["accuracy"] == found.ranking[0]["score"]


def test_fresh_seeds_and_test_rows_decide(found: Sweep) -> None:
    assert found.comparison
    assert found.comparison.part == "test"
    seeds = {run.info["seed"] for c in found.comparison.contenders for run in c.runs}
    assert seeds == {43, 44, 45}
    lines = str(found).splitlines()
    assert lines[0].startswith(
        "flowers best is better than flowers on test accuracy (3 paired seeds"
    )
    assert lines[-1] == "The scores are on test rows, which no trial used."


def test_the_page_shows_it(found: Sweep) -> None:
    page = found.page.read_text(encoding="utf-8")
    for words in ("Best score so far", "Parallel coordinates", "flowers best is better than"):
        assert words in page
    assert 'href="confirmation/comparisons/' in page
    assert found._repr_html_().startswith("<iframe")


def test_trials_are_no_runs_of_the_user(found: Sweep, folder: Path) -> None:
    assert list_runs(folder / "runs") == []
    with pytest.raises(InputError, match="is not a run"):
        kr.load_run(folder / "runs" / "sweeps" / "flowers")
    with pytest.raises(InputError, match="is not a run"):
        kr.train(folder / "flowers.yaml", resume=True, output_dir=folder / "runs")


def test_a_finished_sweep_is_not_continued(found: Sweep, folder: Path) -> None:
    with pytest.raises(InputError, match="has no unfinished sweep of this recipe"):
        kr.sweep(folder / "flowers.yaml", resume=True, output_dir=folder / "runs")


def test_a_sweep_whose_page_is_missing_ends_without_new_trainings(
    found: Sweep, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = found.page.read_bytes()
    found.page.unlink()
    runs = sorted(found.folder.rglob("run.json"))
    monkeypatch.setattr("kerasrecipes.sweeping.steps._N_SEEDS", 3)
    again = kr.sweep(found.folder / "recipe.yaml", resume=True, output_dir=folder / "runs")
    assert again.rows == found.rows
    assert str(again) == str(found)
    assert sorted(found.folder.rglob("run.json")) == runs
    found.page.unlink()
    with pytest.raises(InputError, match="If the recipe has changed, continue with its copy"):
        kr.sweep(folder / "flowers.yaml", "epochs=9", resume=True, output_dir=folder / "runs")
    found.page.write_bytes(page)


def test_the_recipe_itself_may_be_the_best(folder: Path, tmp_path: Path) -> None:
    ranges = "sweep.ranges={optimizer.SGD.learning_rate: [1e-6]}"
    found = kr.sweep(folder / "flowers.yaml", ranges, output_dir=tmp_path)
    assert str(found) == "No trial has a better score than your recipe."
    assert found.comparison is None


def test_a_sweep_whose_trials_all_fail_is_an_error(folder: Path, tmp_path: Path) -> None:
    sources = folder / "flowers.yaml", "sweep.ranges={optimizer.SGD.learning_rate: [1e30, 1e31]}"
    with pytest.raises(RunFailed) as caught:
        kr.sweep(*sources, output_dir=tmp_path, workers=1)
    first, reason, *_, last = str(caught.value).splitlines()
    assert first == "No trial finished."
    assert reason.startswith("Trial 1: The loss became ")
    page = Path(last.removeprefix("All trials: "))
    text = page.read_text(encoding="utf-8")
    assert "1.0e+30" in text
    assert "1.0e+31" in text
    assert "Best recipe" not in text
    with pytest.raises(InputError, match=r"no unfinished sweep .*\. Without resume, a new sweep"):
        kr.sweep(*sources, resume=True, output_dir=tmp_path)


def test_a_sweep_without_time_for_a_trial_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"No trial finished\.\nAll trials: "):
        kr.sweep(folder / "flowers.yaml", "sweep.minutes=1e-12", output_dir=tmp_path)


def test_a_sweep_into_a_folder_that_cannot_be_made_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="No folder can be made in "):
        kr.sweep(folder / "flowers.yaml", output_dir=tmp_path / "file")


def test_a_wrong_metric_is_reported_at_its_line(folder: Path) -> None:
    (folder / "metric.yaml").write_text(f"{RECIPE}  metric: val_acc\n", encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        plan_sweep(load_recipe(folder / "metric.yaml"))
    assert str(caught.value).splitlines()[0] == f"{folder}/metric.yaml:7:11  sweep.metric"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sweep": None}, "flowers has no ranges. Add sweep: {ranges: {...}, trials: 24}."),
        ({"dataset.validation_split": 0.0}, "A sweep chooses by validation rows: flowers has none"),
        ({"sweep.metric": "acuracy"}, "flowers has no metric 'acuracy'. Did you mean 'accuracy'?"),
        ({"sweep.prune": True, "metrics": []}, ""),
        ({"sweep.ranges": {"layers.1.Dense.units": [2, 1]}}, "softmax over one unit is always 1"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_training(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    words = [
        f"{key}={yaml.safe_dump(value, default_flow_style=True)}" for key, value in changes.items()
    ]
    words = [word.replace("\n...\n", "").strip() for word in words]
    recipe = load_recipe(folder / "flowers.yaml", words)
    if not message:
        plan_sweep(recipe)  # the loss is scored after every epoch
        return
    with pytest.raises(InputError) as caught:
        plan_sweep(recipe)
    assert message in str(caught.value)


def test_pruning_needs_a_metric_of_every_epoch(folder: Path, tmp_path: Path) -> None:
    rows = "\n".join(["a,b", *(f"{i % 7},{i % 5}" for i in range(100))])
    (tmp_path / "rows.csv").write_text(rows, encoding="utf-8")
    recipe = {
        "dataset": {"path": str(tmp_path / "rows.csv"), "target": "b", "validation_split": 0.2},
        "layers": [{"Dense": {"units": 1}}],
        "loss": "mse",
        "sweep": {"ranges": {"epochs": [1, 2]}, "trials": 2, "prune": True},
    }
    with pytest.raises(RecipeError, match=r"prune needs mae after every epoch. Add it to the"):
        plan_sweep(load_recipe(recipe))
    assert plan_sweep(load_recipe(recipe, metrics=["mae"])).metric == "mae"


def run(*arguments: str, cwd: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kerasrecipes", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, **settings)


def test_a_dry_run_builds_the_ends_and_trains_nothing(folder: Path, tmp_path: Path) -> None:
    ranges = "sweep.ranges={layers.0.Dense.units: [4, 5]}"
    done = run("sweep", str(folder / "flowers.yaml"), ranges, "--dry-run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "Models were built for all 2 ends of ranges."
    assert not list(tmp_path.iterdir())
    wrong = "sweep.ranges={layers.0: [{Conv2D: {filters: 4, kernel_size: 3}}]}"
    done = run("sweep", str(folder / "flowers.yaml"), wrong, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert "Conv2D" in done.stderr
    assert "Traceback" not in done.stderr


def test_validate_checks_the_ends_of_ranges(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(RECIPE.replace("SGD", "SDG"), encoding="utf-8")
    done = run("validate", "flowers.yaml", "wrong.yaml", cwd=folder)
    assert done.returncode == 2
    assert "✓ flowers.yaml" in done.stdout
    assert "wrong.yaml:5:35  optimizer.SDG\n  optimizer is SGD. " in done.stderr


def test_without_optuna_the_message_names_the_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "kerasrecipes.sweeping.steps.find_spec",
        lambda name: None if name == "optuna" else find(name),
    )
    with pytest.raises(InputError, match=r"pip install 'kerasrecipes\[sweep\]'"):
        plan_sweep(load_recipe(folder / "flowers.yaml"))


@pytest.mark.slow
@pytest.mark.reliability("fault")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_sweep_continues(folder: Path, tmp_path: Path, number: int) -> None:
    changes = (
        "epochs=2000",
        "sweep.ranges={batch_size: [64, 98], optimizer: [{SGD: {learning_rate: 0.1}}]}",
    )
    words = ["sweep", str(folder / "flowers.yaml"), *changes, "--workers", "1"]
    command = [sys.executable, "-m", "kerasrecipes", *words]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for _ in range(2400):
        if "layers" in "".join(
            f.read_text() for f in tmp_path.glob("runs/sweeps/*/*/trials/*/*/run.json")
        ):
            break
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(process.pid, number)
    said, _ = process.communicate()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert said.splitlines()[-1].startswith("Interrupted. To continue: kerasrecipes sweep ")
        assert said.splitlines()[-1].endswith(" --workers 1 --resume")
    done = run(*words, "--resume", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (sweep,) = tmp_path.glob("runs/sweeps/flowers/*")
    assert "--resume" not in (sweep / "report.html").read_text(encoding="utf-8")
    assert len(list(sweep.glob("trials/*/*/run.json"))) == 2  # the stopped one was continued
