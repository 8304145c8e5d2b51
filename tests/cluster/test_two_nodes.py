"""A real cluster of two nodes on this machine: the same runs as here, also if a node is lost."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.cluster.conftest import NODE

from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.errors import InputError
from kerasrecipes.interrupts import Interrupted
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.rows import load_for
from kerasrecipes.runs import Run
from kerasrecipes.sweeping import Sweep, sweep
from kerasrecipes.workers import Job, Outcome

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray", reason="needs the extra 'ray'")

RECIPE = """
name: flowers
dataset: {path: flowers.csv, target: kind, validation_split: 0.3}
layers:
  - Dense: {units: 8, activation: tanh}
  - Dropout: {rate: 0.2}
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
report: []
epochs: 3
"""
OF_THIS_RUN = {"process", "seconds", "started_at", "finished_at", "model_sha256"}
WITH_TIMES = {"run.json", "report.html", "log.txt", "model.keras"}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    folder = tmp_path_factory.mktemp("recipe")
    (folder / "flowers.yaml").write_text(RECIPE)
    rows = [f"{i % 7},{i % 3 + i % 5},{'abc'[i % 3]}" for i in range(90)]
    (folder / "flowers.csv").write_text("\n".join(["width,length,kind", *rows]))
    return load_recipe(folder / "flowers.yaml")


@pytest.fixture
def trainer(cluster: Any, recipe: Recipe, tmp_path: Path) -> Trainer:
    """A trainer on the cluster."""
    fingerprints = {recipe.name: load_for(recipe).fingerprint}
    console = Console(file=io.StringIO())
    return Trainer(tmp_path, console, ("compare",), None, None, fingerprints, cluster.address)


def at_an_epoch(patch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Call a function after each epoch of a training on the cluster."""
    from kerasrecipes.cluster.crew import ClusterCrew

    train = ClusterCrew.train

    def train_and_act(crew: ClusterCrew, job: Job, show: Any) -> Outcome:
        def show_and_act(epoch: int, logs: Mapping[str, float]) -> bool:
            act(epoch)
            return bool(show(epoch, logs))

        return train(crew, job, show_and_act)

    patch.setattr(ClusterCrew, "train", train_and_act)


def change(recipe: Recipe, **keys: int) -> Recipe:
    return load_recipe(recipe, [f"{key}={value}" for key, value in keys.items()])


def search(recipe: Recipe, folder: Path, console: Console, address: str | None) -> Sweep:
    """Search a grid of four points, two trainings at once."""
    pytest.importorskip("optuna", reason="needs the extra 'sweep'")
    ranges = {"layers.0.Dense.units": [4, 8], "batch_size": [16, 24]}
    base = load_recipe(recipe, sweep={"ranges": ranges, "strategy": "grid"})
    return sweep(base, output_dir=folder, workers=2, console=console, address=address)


def list_trials(found: Sweep) -> list[Any]:
    return [(row["trial"], row["state"], row["score"], row["values"]) for row in found.rows]


def list_files(run: Run) -> set[str]:
    return {str(file.relative_to(run.path)) for file in run.path.rglob("*") if file.is_file()}


def test_runs_are_those_of_this_machine(
    trainer: Trainer, second: Any, recipe: Recipe, tmp_path: Path
) -> None:
    recipes = [change(recipe, seed=seed) for seed in (1, 2)]
    here = replace(trainer, address=None, output_dir=tmp_path / "here").train(recipes)
    there = trainer.train(recipes)
    for ours, theirs in zip(here, there, strict=True):
        assert ours.run
        assert theirs.run
        assert list_files(ours.run) == list_files(theirs.run)
        for name in list_files(ours.run) - WITH_TIMES:
            assert (ours.run.path / name).read_bytes() == (theirs.run.path / name).read_bytes()
        facts = [
            {key: value for key, value in run.info.items() if key not in OF_THIS_RUN}
            for run in (ours.run, theirs.run)
        ]
        assert facts[0] == facts[1]
    assert all(outcome.was_reused for outcome in trainer.train(recipes))


def test_trainings_of_a_lost_node_run_elsewhere(
    trainer: Trainer, cluster: Any, second: Any, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []

    def lose_the_second_node(epoch: int) -> None:
        shown.append(epoch)
        if len(shown) == 4:  # each node has one training
            cluster.remove_node(second, allow_graceful=False)

    at_an_epoch(monkeypatch, lose_the_second_node)
    outcomes = trainer.train([change(recipe, seed=seed, epochs=2000) for seed in (1, 2)])
    assert [outcome.run.status for outcome in outcomes if outcome.run] == ["finished"] * 2
    assert "was lost." in trainer.console.file.getvalue()  # type: ignore[attr-defined]


def test_a_sweep_has_the_trials_and_digits_of_this_machine(
    trainer: Trainer, second: Any, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasrecipes.sweeping.steps._N_SEEDS", 2)
    here, there = (
        search(recipe, trainer.output_dir / name, trainer.console, address)
        for name, address in (("here", None), ("there", trainer.address))
    )
    assert len(here.rows) == 4
    assert list_trials(here) == list_trials(there)
    assert here.verdict == there.verdict
    best = [found.best.read_text().splitlines()[1:] for found in (here, there)]
    assert best[0] == best[1]
    for ours, theirs in zip(here.rows, there.rows, strict=True):
        assert list_files(Run(Path(ours["run"]))) == list_files(Run(Path(theirs["run"])))


def test_trials_of_a_lost_node_run_elsewhere(
    trainer: Trainer, cluster: Any, second: Any, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []

    def lose_the_second_node(epoch: int) -> None:
        shown.append(epoch)
        if len(shown) == 4:
            cluster.remove_node(second, allow_graceful=False)

    def confirm(found: Sweep, *arguments: Any) -> Sweep:
        return replace(found, verdict="not confirmed")

    monkeypatch.setattr("kerasrecipes.sweeping.steps._confirm", confirm)
    monkeypatch.setattr("kerasrecipes.sweeping.steps.render_sweep", lambda found: ("", []))
    long = change(recipe, epochs=500)
    here = search(long, trainer.output_dir / "here", trainer.console, None)
    at_an_epoch(monkeypatch, lose_the_second_node)
    there = search(long, trainer.output_dir / "there", trainer.console, trainer.address)
    assert "was lost." in trainer.console.file.getvalue()  # type: ignore[attr-defined]
    assert {row["state"] for row in there.rows} == {"finished"}
    assert list_trials(there) == list_trials(here)


def test_an_interrupted_training_is_kept_here_and_continues_on_the_cluster(
    trainer: Trainer, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []

    def interrupt(epoch: int) -> None:
        epochs.append(epoch)
        if len(epochs) == 2:  # a second signal ends the process
            os.kill(os.getpid(), signal.SIGINT)

    long = change(recipe, epochs=3000)
    with monkeypatch.context() as patch:
        at_an_epoch(patch, interrupt)
        with pytest.raises(Interrupted):
            trainer.train([long])
    (path,) = (trainer.output_dir / "flowers").iterdir()
    assert Run(path).status == "interrupted"
    assert 0 < Run(path).epochs_run < 3000
    (outcome,) = trainer.train([long])
    assert outcome.run
    assert (outcome.run.path, outcome.run.status) == (path, "finished")
    assert outcome.run.info["continued"][0]["run"] == str(path)


def test_a_node_that_is_already_lost_is_left_out(
    trainer: Trainer, cluster: Any, second: Any, recipe: Recipe
) -> None:
    cluster.remove_node(second, allow_graceful=False)  # the cluster finds that out later
    (outcome,) = trainer.train([recipe])
    assert outcome.run
    assert outcome.run.status == "finished"


def test_nodes_with_other_versions_are_refused(
    trainer: Trainer, cluster: Any, recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "keras-0.1.dist-info").mkdir()
    (tmp_path / "keras-0.1.dist-info/METADATA").write_text("Name: keras\nVersion: 0.1\n")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    node = cluster.add_node(**NODE, env_vars={"PYTHONPATH": path})
    with pytest.raises(InputError, match=r"\(received from .* keras 0\.1,"):
        trainer.train([recipe])
    assert not ray.is_initialized()
    cluster.remove_node(node)
