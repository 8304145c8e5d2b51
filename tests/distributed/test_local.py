"""``train --workers`` on this machine, up to signals and killed workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerasrecipes.runs import Run, list_runs

RECIPE = """
name: points
dataset: {path: points.csv, target: y, validation_split: 0.2, test_split: 0.2}
layers: [Dense: {units: 4, activation: relu}, Dropout: {rate: 0.2}, Dense: {units: 1}]
loss: mse
optimizer: adam
epochs: 3
batch_size: 9
report: []
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = "".join(f"{x * x % 17},{7 * x % 5},{3 * x % 11}\n" for x in range(100))
    (tmp_path / "points.csv").write_text(f"a,b,y\n{rows}", encoding="utf-8")
    (tmp_path / "r.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kerasrecipes", "train", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def train(folder: Path, *arguments: str, code: int = 0) -> str:
    process = start(folder, *arguments)
    said, errors = process.communicate(timeout=600)
    assert process.returncode == code, said + errors
    return said + errors


def wait_for_checkpoint(folder: Path) -> None:
    for _ in range(1200):
        if any(folder.glob("runs/points/*/checkpoints/[!.]*.npz")):  # not one that is being written
            return
        time.sleep(0.1)
    raise AssertionError("no checkpoint")


def find_children(process: subprocess.Popen[str]) -> list[int]:
    """Our worker processes, the leader first."""
    file = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return sorted(map(int, file.read_text().split()))


def only_run(folder: Path) -> Run:
    (run,) = list_runs(folder / "runs")
    return run


def read_arrays(run: Run) -> list[float]:
    """Predictions and scores: equal weights give equal digits."""
    return [*map(float, run.predictions["predicted"]), *run.metrics["test"].values()]


def test_more_workers_than_rows_of_a_batch_are_refused(folder: Path):
    said = train(folder, "r.yaml", "--workers", "10", code=2)
    assert "there cannot be more workers than rows of a batch (received: 10 workers" in said
    assert "Traceback" not in said
    assert list_runs(folder / "runs") == []


def test_the_number_of_workers_is_checked(folder: Path):
    assert "--workers" in train(folder, "r.yaml", "--workers", "0", code=2)


@pytest.mark.slow
def test_a_killed_worker_and_a_signal_change_no_digit(folder: Path):
    epochs = "epochs=300"
    train(folder, "r.yaml", epochs, "--workers=2", "--output-dir=whole")
    (whole,) = list_runs(folder / "whole")
    assert whole.info["workers"] == 2

    for killed in (0, 1):
        process = start(folder, "r.yaml", epochs, "--workers=2", "--checkpoint-every=1")
        wait_for_checkpoint(folder)
        os.kill(find_children(process)[killed], signal.SIGKILL)
        said, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
        assert f"Worker {killed} was ended by SIGKILL." in said
        run = only_run(folder)
        assert run.status == "finished"
        assert run.info["continued"]
        assert read_arrays(run) == read_arrays(whole)
        (folder / "runs").rename(folder / f"killed{killed}")

    process = start(folder, "r.yaml", epochs, "--workers=2", "--checkpoint-every=1")
    wait_for_checkpoint(folder)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=600)
    assert process.returncode == 143, errors
    run = only_run(folder)
    assert run.status == "interrupted"
    assert "--resume --workers 2" in said
    train(folder, f"{run.path}", "--resume", "--workers=2")
    assert read_arrays(only_run(folder)) == read_arrays(whole)


@pytest.mark.slow
def test_workers_end_with_their_parent(folder: Path):
    process = start(folder, "r.yaml", "epochs=100000", "--workers=2", "--checkpoint-every=1")
    wait_for_checkpoint(folder)
    children = find_children(process)
    process.kill()
    process.wait()
    for _ in range(600):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("workers are left")
    assert only_run(folder).status == "interrupted"


@pytest.mark.slow
def test_two_workers_give_the_scores_of_one(folder: Path):
    without = "layers=[{Dense: {units: 4, activation: relu}}, {Dense: {units: 1}}]"
    train(folder, "r.yaml", without, "--output-dir=one")
    said = train(folder, "r.yaml", without, "--workers=2", "--json")
    (one,) = list_runs(folder / "one")
    two = only_run(folder)
    assert json.loads(said)["scores"] == two.metrics
    for part, scores in one.metrics.items():
        assert two.metrics[part] == pytest.approx(scores, rel=1e-5)
    for name, values in one.history.items():
        assert two.history[name] == pytest.approx(values, rel=1e-5)
