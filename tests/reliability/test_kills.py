"""Runs killed with SIGKILL and continued give, bit for bit, what an uninterrupted run gives."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from kerasrecipes.runs import Run, list_runs

RANDOM = """
name: random
dataset: {path: IMAGES, validation_split: 0.2, test_split: 0.2}
layers:
  - RandomFlip: {mode: horizontal}
  - RandomTranslation: {height_factor: 0.1, width_factor: 0.1}
  - Conv2D: {filters: 8, kernel_size: 3, activation: relu}
  - BatchNormalization
  - Flatten
  - Dropout: {rate: 0.3}
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
class_weight: balanced
batch_size: 16
epochs: 30
"""
PLATEAU = (
    RANDOM
    + """
optimizer: {Adam: {learning_rate: 0.01}}
callbacks:
  - EarlyStopping: {patience: 25, restore_best_weights: true}
  - ReduceLROnPlateau: {patience: 2, factor: 0.7}
  - ModelCheckpoint: {filepath: best.keras, save_best_only: true}
  - CSVLogger: {filename: log.csv, append: true}
"""
)
SCHEDULE = (
    RANDOM
    + """
optimizer:
  Adam:
    learning_rate: {CosineDecay: {initial_learning_rate: 0.01, decay_steps: 800}}
    use_ema: true
    ema_momentum: 0.9
callbacks:
  - SwapEMAWeights: {swap_on_epoch: true}
  - EarlyStopping: {patience: 25, monitor: val_accuracy}
"""
)
_NUMBERS = itertools.count()
TRAIN = [sys.executable, "-m", "kerasrecipes", "train", "--checkpoint-every", "0.3"]
DIE_WHILE_WRITING = """
import os, pathlib, signal, sys
from kerasrecipes import durable

flush, n_left = durable._flush, int(sys.argv.pop(1))

def flush_or_die(path):
    global n_left
    if path.name.startswith(".partial-") and path.suffix == ".npz":
        n_left -= 1
        if n_left == 0:
            os.truncate(path, path.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
    flush(path)

durable._flush = flush_or_die
from kerasrecipes.cli.app import main
main()
"""


def write_recipe(folder: Path, text: str) -> None:
    """Write 300 images of three classes, and a recipe in a folder beside them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (300, 12, 12, 1)).astype(np.uint8)
    labels = np.repeat([0, 0, 1, 2], 75)
    images[labels == 1, :6] //= 2
    images[labels == 2, :, :6] //= 2
    np.savez(folder.parent / "images.npz", x=images, y=labels)
    text = text.replace("IMAGES", str(folder.parent / "images.npz"))
    (folder / "r.yaml").write_text(text, encoding="utf-8")


def run_and_kill(
    command: Sequence[str], folder: Path, after_s: float, *, since_epoch: bool = False
) -> None:
    """Run a command, and kill it if it still runs some seconds later.

    Args:
        since_epoch: Whether the seconds are counted from the first finished epoch.
    """
    with open(folder / "errors.txt", "w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*command], cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        while since_epoch and (line := process.stdout.readline()):
            if line.startswith("epoch"):
                break
        try:
            process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        errors.seek(0)
        assert process.returncode in (0, -signal.SIGKILL), errors.read()


def kill_until_finished(
    folder: Path, choose_delay_s: Callable[[], float], n_kills: int, *, since_epoch: bool = False
) -> tuple[Run, int]:
    """Train with so many kills at most, each followed by a resume; the run and the kills."""
    command = [*TRAIN, "r.yaml"]
    for killed in range(n_kills + 1):
        delay_s = choose_delay_s() if killed < n_kills else 600
        run_and_kill(command, folder, delay_s, since_epoch=since_epoch)
        for run in list_runs(folder / "runs"):
            if run.status == "finished":
                return run, killed
            assert run.status == "killed"
            command = [*TRAIN, "r.yaml", "--resume"]
    pytest.fail("The last resume did not finish.")


def assert_same(run: Run, whole: Run) -> None:
    """Hold everything but clocks and folder names to the uninterrupted run, bit for bit."""
    assert run.status == whole.status == "finished"
    newest, expected = (max(each.checkpoints_path.glob("*.npz")) for each in (run, whole))
    with np.load(newest) as ours, np.load(expected) as theirs:
        assert ours.files == theirs.files
        for name in ours.files:
            assert ours[name].tobytes() == theirs[name].tobytes(), name
    names = ["history.csv", "metrics.json", "predictions.csv", "recipe.yaml"]
    for name in names + ["log.csv"] * ("CSVLogger" in whole.recipe_text):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    info, expected_info = run.info, whole.info
    for key in ("epochs_run", "weights_of_epoch", "stopped_by", "layers", "dataset", "warnings"):
        assert info.get(key) == expected_info.get(key), key


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(PLATEAU, id="plateau"),
        pytest.param(SCHEDULE, id="schedule", marks=pytest.mark.slow),
    ],
)
def whole(request, tmp_path_factory) -> tuple[str, Run]:
    """A recipe, and its run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    write_recipe(folder, request.param)
    done = subprocess.run([*TRAIN, "r.yaml"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (run,) = list_runs(folder / "runs")
    return request.param, run


@pytest.fixture
def recipe_folder(whole: tuple[str, Run]) -> Callable[[], Path]:
    """Makes folders with the same recipe and data."""
    recipe, run = whole

    def make() -> Path:
        folder = run.path.parents[3] / f"killed-{next(_NUMBERS)}"
        write_recipe(folder, recipe)
        return folder

    return make


@pytest.mark.reliability("kill")
def test_a_killed_run_continues_bit_for_bit(whole, recipe_folder, record_property):
    recipe, expected = whole
    fit_s = expected.info["seconds"]["fit"]
    delay_s = random.Random(recipe).uniform(0.2, 0.7) * fit_s
    run, killed = kill_until_finished(recipe_folder(), lambda: delay_s, 1, since_epoch=True)
    record_property("cases", killed)
    assert_same(run, expected)


@pytest.mark.slow
@pytest.mark.reliability("kill")
def test_ten_kills_at_random_moments(whole, recipe_folder, record_property):
    """Up to three in one run, from the import of TensorFlow to the report."""
    recipe, expected = whole
    whole_s = sum(expected.info["seconds"].values())
    rng = random.Random(recipe)
    killed = 0
    while killed < 10:
        run, n_kills = kill_until_finished(
            recipe_folder(), lambda: rng.uniform(0.2, 1.1) * whole_s, min(3, 10 - killed)
        )
        assert_same(run, expected)
        killed += n_kills
    record_property("cases", killed)


@pytest.mark.reliability("kill")
def test_a_run_killed_while_a_checkpoint_is_written_continues(whole, recipe_folder):
    folder = recipe_folder()
    dying = [sys.executable, "-c", DIE_WHILE_WRITING, "3", *TRAIN[3:]]
    run_and_kill([*dying, "r.yaml"], folder, 600)
    (run,) = list_runs(folder / "runs")
    assert run.status == "killed"
    assert len([*run.checkpoints_path.glob("[0-9]*.npz")]) == 2
    run_and_kill([*TRAIN, "r.yaml", "--resume"], folder, 600)
    assert_same(run, whole[1])
    assert not [*run.checkpoints_path.glob(".partial-*")]
