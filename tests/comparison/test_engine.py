"""Several trainings at once: the same results however many there were, and none done twice."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kerasrecipes import workers
from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.errors import InputError
from kerasrecipes.interrupts import Interrupted
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.rows import load_for
from kerasrecipes.runs import Run, list_runs_of
from kerasrecipes.workers import Crew, Job, Outcome

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
OUTPUT = "{Dense: {units: 3, activation: softmax}}"
OWN_LAYERS = """
import keras

@keras.saving.register_keras_serializable(package="Own")
class Double(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs
"""
KINDS = (("relu", 0.1), ("tanh", 0.1), ("exponential", 1e30))
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recipes")
    for activation, rate in KINDS:
        text = RECIPE.format(activation=activation, rate=rate)
        (folder / f"{activation}.yaml").write_text(text, encoding="utf-8")
    return {activation: folder / f"{activation}.yaml" for activation, _ in KINDS}


@pytest.fixture(scope="module")
def output_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def recipes(files: dict[str, Path]) -> list[Recipe]:
    kinds = [("relu", 1), ("relu", 2), ("tanh", 1), ("exponential", 1)]
    return [load_recipe(files[name], [f"seed={seed}"]) for name, seed in kinds]


@pytest.fixture(scope="module")
def fingerprints(recipes: list[Recipe]) -> dict[str, str]:
    return dict.fromkeys((r.name for r in recipes), load_for(recipes[0]).fingerprint)


@pytest.fixture(scope="module")
def outcomes(recipes: list[Recipe], output_dir: Path) -> list[Outcome]:
    return Trainer(output_dir, QUIET, ("kerasrecipes",), workers=2).train(recipes)


def test_outcomes_come_in_the_order_of_the_recipes(
    recipes: list[Recipe], outcomes: list[Outcome]
) -> None:
    for recipe, outcome in zip(recipes[:3], outcomes[:3], strict=True):
        assert outcome.run is not None
        info = outcome.run.info
        assert (info["name"], info["seed"]) == (recipe.name, recipe.seed)
        assert (info["status"], info["command"]) == ("finished", "kerasrecipes")


def test_workers_of_a_cpu_compute_in_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def list_settings() -> set[str]:
        environment = workers.make_environment()
        return {name for name in environment if "_NUM_" in name and environment[name] == "1"}

    cpu = {"TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"}
    for name in cpu:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(workers, "_has_gpu", lambda: False)
    assert list_settings() == cpu
    monkeypatch.setattr(workers, "_has_gpu", lambda: True)
    assert list_settings() == cpu - {"TF_NUM_INTEROP_THREADS"}
    assert not cpu & os.environ.keys()


def test_a_run_that_fails_leaves_the_others_alone(outcomes: list[Outcome]) -> None:
    assert outcomes[3].run is None
    assert "Lower the optimizer's learning_rate (now 1e+30)" in outcomes[3].error


def test_results_do_not_depend_on_how_many_ran_at_once(
    recipes: list[Recipe], outcomes: list[Outcome], tmp_path: Path
) -> None:
    alone = Trainer(tmp_path, QUIET, workers=1).train(recipes[2:3])[0].run
    among = outcomes[2].run
    assert alone is not None
    assert among is not None
    assert alone.history == among.history
    assert alone.metrics == among.metrics
    assert alone.predictions == among.predictions


def test_finished_runs_of_the_same_training_are_reused(
    recipes: list[Recipe],
    outcomes: list[Outcome],
    output_dir: Path,
    fingerprints: dict[str, str],
) -> None:
    again = Trainer(output_dir, QUIET, fingerprints=fingerprints).train(recipes[:3])
    assert all(outcome.was_reused for outcome in again)
    paths = [[o.run.path for o in some if o.run] for some in (again, outcomes[:3])]
    assert paths[0] == paths[1]


def test_a_run_of_other_data_or_versions_is_not_reused(
    recipes: list[Recipe],
    outcomes: list[Outcome],
    tmp_path: Path,
    fingerprints: dict[str, str],
) -> None:
    assert outcomes[0].run is not None
    copy = Run(tmp_path / "relu" / outcomes[0].run.path.name)
    shutil.copytree(outcomes[0].run.path, copy.path)
    trainer = Trainer(tmp_path, QUIET, fingerprints=fingerprints)
    found = trainer.find_same(recipes[0], "finished")
    assert found is not None
    assert found.path == copy.path
    info = copy.info
    for key, other in (("dataset", {"fingerprint": "0" * 64}), ("versions", {"keras": "3.0.0"})):
        (copy.path / "run.json").write_text(json.dumps(info | {key: other}), encoding="utf-8")
        assert trainer.find_same(recipes[0], "finished") is None


def test_a_training_stops_after_the_epoch_whose_scores_are_not_good_enough(
    files: dict[str, Path], tmp_path: Path
) -> None:
    seen: list[int] = []

    def show(epoch: int, logs: Any) -> bool:
        seen.append(epoch)
        return epoch == 2 and logs["val_accuracy"] <= 1

    recipe = load_recipe(files["relu"], ["epochs=50"])
    with Crew(1) as crew:
        outcome = crew.train(Job(recipe, tmp_path, can_stop=True), show)
    assert outcome.run is None
    assert outcome.error == "It was stopped after epoch 2."
    assert seen == [1, 2]
    (run,) = list_runs_of(tmp_path / "relu")
    assert (run.status, run.info["epochs_run"]) == ("failed", 2)


def test_a_worker_whose_memory_has_grown_is_replaced(
    recipes: list[Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def list_processes(most_growth: float) -> list[int]:
        monkeypatch.setattr(workers, "_MOST_GROWTH", most_growth)
        with Crew(1) as crew:
            for recipe in (recipes[0], recipes[2], recipes[0]):
                crew.train(Job(recipe, tmp_path), lambda epoch, logs: False)
        assert all(worker.process.returncode == 0 for worker in crew.workers)
        return [len(worker.memory) for worker in crew.workers]

    assert list_processes(1.0) == [3]
    assert list_processes(1e-9) == [2, 1]


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("n_kills", [1, 2])
def test_a_killed_worker_is_tried_once_more_and_the_others_go_on(
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fingerprints: dict[str, str],
    n_kills: int,
) -> None:
    train, n_left = Crew.train, n_kills
    n_epochs = {1: 500, 2: 100_000}[n_kills]

    def train_and_kill(crew: Crew, job: Job, show: Any) -> Outcome:
        def show_and_kill(epoch: int, logs: Any) -> bool:
            nonlocal n_left
            if n_left and epoch and job.recipe.name == "relu":
                n_left -= 1
                os.kill(crew.workers[-1].process.pid, signal.SIGKILL)
            return False

        return train(crew, job, show_and_kill)

    monkeypatch.setattr(Crew, "train", train_and_kill)
    said = io.StringIO()
    jobs = [
        load_recipe(files["relu"], ["seed=1", f"epochs={n_epochs}"]),
        load_recipe(files["tanh"], ["seed=1"]),
        load_recipe(files["tanh"], ["seed=2"]),
    ]
    trainer = Trainer(tmp_path, Console(file=said), workers=1, fingerprints=fingerprints)
    killed, *others = trainer.train(jobs)
    (run,) = list_runs_of(tmp_path / "relu")
    if n_kills == 1:
        assert killed.run is not None
        assert (run.status, run.info["epochs_run"]) == ("finished", n_epochs)
    else:
        assert killed.run is None
        assert killed.error.startswith("Its process was ended by SIGKILL, as the system does when")
        assert killed.error.endswith(f"Its log: {run.log_path}")
        assert run.status == "failed"
        assert run.info["error"].startswith("Its process was ended by SIGKILL")
    assert [outcome.run.status for outcome in others if outcome.run] == ["finished"] * 2
    assert said.getvalue().splitlines()[-1] == "3 of 3  tanh, seed 2"


@pytest.mark.reliability("fault")
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_no_worker_behind_and_the_same_comparison_continues(
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fingerprints: dict[str, str],
    number: signal.Signals,
) -> None:
    crews: list[Crew] = []
    train = Crew.train

    def interrupt_after_an_epoch(crew: Crew, job: Job, show: Any) -> Outcome:
        crews.append(crew)

        def show_and_interrupt(epoch: int, logs: Any) -> bool:
            if epoch == 1:
                os.kill(os.getpid(), number)
            return False

        return train(crew, job, show_and_interrupt)

    long = load_recipe(files["relu"], ["epochs=3000"])
    trainer = Trainer(tmp_path, QUIET, ("compare",), workers=1, fingerprints=fingerprints)
    monkeypatch.setattr(Crew, "train", interrupt_after_an_epoch)
    with pytest.raises(Interrupted):
        trainer.train([long])
    monkeypatch.undo()
    (run,) = list_runs_of(tmp_path / "relu")
    assert run.status == "interrupted"
    assert run.model_path.exists()
    assert [worker.process.returncode for worker in crews[0].workers] == [130]
    n_epochs = run.info["epochs_run"]
    (outcome,) = trainer.train([long])
    assert outcome.run is not None
    assert outcome.run.path == run.path
    assert run.status == "finished"
    assert run.info["continued"][0]["epoch"] == n_epochs
    (_, whole) = Trainer(tmp_path / "whole", QUIET, workers=1).train(
        [load_recipe(files["tanh"]), long]
    )
    assert whole.run is not None
    assert whole.run.history == run.history


COMPARE = """
import sys
from pathlib import Path
from rich.console import Console
from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.recipe import load_recipe
recipes = [load_recipe(Path(sys.argv[1]), [f"seed={i}", "epochs=1000000"]) for i in range(2)]
Trainer(Path(sys.argv[2]), Console(quiet=True), ("compare",), workers=2).train(recipes)
"""


@pytest.mark.reliability("fault")
def test_a_killed_comparison_leaves_no_worker_behind(
    files: dict[str, Path], tmp_path: Path
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", COMPARE, str(files["relu"]), str(tmp_path)])

    def list_training() -> list[Run]:
        return [run for run in list_runs_of(tmp_path / "relu") if "layers" in run.info]

    wait_for(lambda: len(list_training()) == 2)
    pids = [run.info["process"]["pid"] for run in list_training()]
    parent.kill()
    parent.wait()

    def is_gone(pid: int) -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    wait_for(lambda: all(map(is_gone, pids)))
    assert {run.status for run in list_runs_of(tmp_path / "relu")} == {"interrupted"}


def test_workers_import_the_modules_of_registered_classes(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_layers.py").write_text(OWN_LAYERS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("own_layers")
    own = load_recipe(files["relu"], [f"layers=['Own>Double', {OUTPUT}]"])
    assert workers.find_modules([own]) == ["own_layers"]
    assert workers.find_modules([load_recipe(files["relu"])]) == []
    (outcome,) = Trainer(tmp_path / "runs", QUIET).train([own])
    assert outcome.error == ""
    module.Double.__module__ = "__main__"
    with pytest.raises(InputError, match="which cannot import Own>Double from your script"):
        Trainer(tmp_path, QUIET).train([own])


@pytest.mark.parametrize(
    ("exit_code", "reason"),
    [
        (1, "Its process ended with exit code 1."),
        (-6, "Its process was ended by SIGABRT."),
        (
            -9,
            "Its process was ended by SIGKILL, as the system does when memory runs out. "
            "Use fewer --workers, or a smaller batch_size.",
        ),
    ],
)
def test_a_death_has_a_reason(exit_code: int, reason: str) -> None:
    assert workers._describe_death(exit_code) == reason
