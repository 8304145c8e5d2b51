"""One training on two nodes: the digits of two local workers, whatever is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.conftest import NODE

from kerasrecipes.errors import InputError
from kerasrecipes.interrupts import Interrupted
from kerasrecipes.pipeline import Listener
from kerasrecipes.recipe import load_recipe
from kerasrecipes.resuming import plan_resumption
from kerasrecipes.runs import Run, list_runs

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="needs the extra 'ray'")

RECIPE = """
name: points
dataset: {path: points.csv, target: y, validation_split: 0.2, test_split: 0.2}
layers: [Dense: {units: 4, activation: relu}, Dropout: {rate: 0.2}, Dense: {units: 1}]
loss: mse
optimizer: adam
epochs: 1000
batch_size: 9
report: []
"""


class Watcher(Listener):
    """Calls a function after each epoch that is shown, and keeps what is noted."""

    def __init__(self, act: Callable[[int], None]) -> None:
        self.act, self.notes, self.info = act, [], {}

    def note(self, text: str) -> None:
        self.notes.append(text)

    def begin(self, info: Mapping[str, Any]) -> None:
        self.info = info

    @contextmanager
    def show_fit(self, epochs: int, steps: int) -> Iterator[Sequence[Any]]:
        from keras.callbacks import LambdaCallback

        yield [LambdaCallback(on_epoch_end=lambda epoch, logs: self.act(epoch))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, and the run of two workers of this machine below ``whole``."""
    folder = tmp_path_factory.mktemp("shared")
    rows = "".join(f"{x * x % 17},{7 * x % 5},{3 * x % 11}\n" for x in range(100))
    (folder / "points.csv").write_text(f"a,b,y\n{rows}", encoding="utf-8")
    (folder / "r.yaml").write_text(RECIPE, encoding="utf-8")
    command = [sys.executable, "-m", "kerasrecipes", "train", "r.yaml", "--workers=2"]
    subprocess.run([*command, "--output-dir=whole"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def train(cluster: Any, folder: Path, tmp_path: Path) -> Callable[..., Run]:
    """Trains the recipe on the cluster, by two workers."""
    from kerasrecipes.cluster.trainer import train_on_cluster

    options = {"address": cluster.address, "n_workers": 2, "checkpoint_every_s": 1.0}
    return partial(train_on_cluster, load_recipe(folder / "r.yaml"), tmp_path, **options)


def check_digits(run: Run, folder: Path) -> None:
    """Check that the weights are those of the whole run, to the last digit."""
    (whole,) = list_runs(folder / "whole")
    assert [run.status, run.metrics, run.predictions] == [
        "finished",
        whole.metrics,
        whole.predictions,
    ]
    for name, values in whole.history.items():  # an epoch's sums may have begun at a checkpoint
        assert run.history[name] == pytest.approx(values, rel=1e-6)


def find_workers(cluster: Any) -> list[int]:
    """The processes that train, which are children of the actors on the nodes."""
    nodes = {
        each.process.pid
        for node in cluster.list_all_nodes()
        for each in node.all_processes["raylet"]
    }
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        text = status.read_text()
        parents[int(status.parent.name)] = int(text.partition("PPid:")[2].split()[0])
    return [pid for pid, parent in parents.items() if parents.get(parent) in nodes]


@pytest.fixture
def add_third(cluster: Any) -> Iterator[Callable[[], None]]:
    """Adds a node that is there until the test ends."""
    added: list[Any] = []
    yield lambda: added.append(cluster.add_node(**NODE))
    for node in added:
        cluster.remove_node(node)


def test_a_killed_worker_and_a_lost_node_change_no_digit(
    train: Callable[..., Run],
    cluster: Any,
    second: Any,
    add_third: Callable[[], None],
    folder: Path,
    tmp_path: Path,
) -> None:
    lost: list[str] = []

    def lose(epoch: int) -> None:
        if not any(tmp_path.glob("*/*/checkpoints/*.npz")):
            return
        if not lost:
            lost.append("worker")
            os.kill(find_workers(cluster)[-1], signal.SIGKILL)
        elif lost == ["worker"] and any("lost" in note for note in watcher.notes) and epoch >= 100:
            lost.append("node")
            add_third()
            cluster.remove_node(second, allow_graceful=False)

    watcher = Watcher(lose)
    run = train(watcher)
    assert lost == ["worker", "node"]
    assert sum("A worker was lost." in note for note in watcher.notes) == 2
    assert watcher.info["workers"] == 2
    assert len(run.info["continued"]) == 2
    check_digits(run, folder)


def test_an_interrupted_training_is_kept_here_and_continues(
    train: Callable[..., Run], second: Any, folder: Path, tmp_path: Path
) -> None:
    def interrupt(epoch: int) -> None:
        if epoch == 50:  # a second signal ends the process
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted) as caught:
        train(Watcher(interrupt))
    assert caught.value.exit_code == 130
    (stopped,) = list_runs(tmp_path)
    assert stopped.status == "interrupted"
    assert 50 < stopped.epochs_run < 1000
    run = train(Listener(), resumption=plan_resumption(stopped.path, [], tmp_path))
    assert run.path == stopped.path
    check_digits(run, folder)


def test_a_changed_recipe_continues_as_a_run_of_its_own(
    train: partial[Run], second: Any, folder: Path, tmp_path: Path
) -> None:
    (whole,) = list_runs(folder / "whole")
    changes = ["name=again", "epochs=1005"]  # a name before that of the run that it continues
    plan = plan_resumption(whole.path, changes, tmp_path)
    run = train.func(plan.recipe, tmp_path, Listener(), **train.keywords, resumption=plan)
    assert [run.status, run.path.parent.name, run.epochs_run] == ["finished", "again", 1005]
    assert run.history["loss"][:1000] == whole.history["loss"]
    assert [each["epoch"] for each in run.info["continued"]] == [1000]


def test_more_workers_than_cpus_are_refused(train: Callable[..., Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"needs a CPU of the cluster \(received: --workers 2"):
        train(Listener())
    assert list(tmp_path.iterdir()) == []
