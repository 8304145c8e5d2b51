"""What goes wrong around a training: signals, full disks, several processes at once."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from kerasrecipes.runs import list_runs

TRAIN = [sys.executable, "-m", "kerasrecipes", "train"]
RECIPE = """
name: iris
dataset: {name: iris}
layers: [Dense: {units: 3, activation: softmax}]
loss: sparse_categorical_crossentropy
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def start(command: Sequence[str], folder: Path, wait_for: str = "epoch", **options):
    """Start a command; return once it has printed a line that begins with a word."""
    process = subprocess.Popen(
        [*command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(wait_for):
            return process
    pytest.fail(f"It ended before: {process.communicate()[1]}")


@pytest.mark.reliability("fault")
@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_leaves_a_run_that_continues(folder: Path, number: int, exit_code: int):
    process = start([*TRAIN, "r.yaml", "epochs=1000000"], folder)
    process.send_signal(number)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (exit_code, "")
    (run,) = list_runs(folder / "runs")
    assert run.status == "interrupted"
    n_epochs = run.info["epochs_run"]
    *_, what, how, where = out.splitlines()
    assert what.startswith(f"Interrupted after {n_epochs:,} of 1,000,000 epochs.")
    resume = f"kerasrecipes train {run.path.relative_to(folder)} --resume"
    assert how == f"To continue: {resume}"
    assert where == f"report  {run.report_path.relative_to(folder)}"
    done = subprocess.run(
        [*TRAIN[:2], *resume.split(), f"epochs={n_epochs + 5}"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"continues {run.path.relative_to(folder)} " in done.stdout
    _, longer = list_runs(folder / "runs")
    assert (longer.status, longer.info["epochs_run"]) == ("finished", n_epochs + 5)
    assert longer.history["loss"][:n_epochs] == run.history["loss"]


SLOW_REPORT = """
import time
from kerasrecipes import pipeline

def write_slowly(*arguments):
    print("reporting", flush=True)
    time.sleep(600)

pipeline.make_report = write_slowly
from kerasrecipes.cli.app import main
main()
"""


@pytest.mark.reliability("fault")
def test_a_second_signal_stops_at_once(folder: Path):
    process = start([sys.executable, "-c", SLOW_REPORT, "train", "r.yaml"], folder, "reporting")
    process.send_signal(signal.SIGTERM)
    while process.stdout.readline() != "reporting\n":  # once more, for the interrupted run
        pass
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == -signal.SIGTERM
    (run,) = list_runs(folder / "runs")
    assert run.status == "interrupted"


@pytest.mark.reliability("fault")
def test_a_run_killed_before_its_report_is_not_finished(folder: Path):
    process = start([sys.executable, "-c", SLOW_REPORT, "train", "r.yaml"], folder, "reporting")
    process.kill()
    process.communicate()
    (run,) = list_runs(folder / "runs")
    assert run.status == "killed"
    done = subprocess.run([*TRAIN, "r.yaml", "--resume"], cwd=folder, capture_output=True)
    assert done.returncode == 0
    assert run.status == "finished"
    assert run.report_path.exists()


@pytest.mark.reliability("fault")
def test_a_run_in_training_is_not_resumed_by_another_process(folder: Path):
    process = start([*TRAIN, "r.yaml", "epochs=1000000"], folder)
    try:
        (run,) = list_runs(folder / "runs")
        assert run.status == "running"
        done = subprocess.run(
            [*TRAIN, str(run.path), "--resume"], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 2
        assert f"is in training, by process {process.pid} on " in done.stderr
    finally:
        process.kill()
        process.communicate()


@pytest.mark.reliability("fault")
def test_of_two_resumes_at_once_one_is_refused(folder: Path):
    process = start([*TRAIN, "r.yaml", "epochs=1000000"], folder)
    process.kill()
    process.communicate()
    resume = [*TRAIN, "r.yaml", "epochs=1000000", "--resume"]
    both = [
        subprocess.Popen(resume, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        while all(each.poll() is None for each in both):
            time.sleep(0.1)
        (refused,) = (each for each in both if each.poll() is not None)
        (holder,) = (each for each in both if each is not refused)
        said = refused.stderr.read().decode()
        assert refused.returncode == 2
        assert f"is in training, by process {holder.pid} on " in said
    finally:
        for each in both:
            each.kill()
            each.wait()


@pytest.mark.slow
@pytest.mark.reliability("fault")
def test_twenty_trainings_at_once_are_twenty_runs(folder: Path):
    processes = [
        subprocess.Popen(
            [*TRAIN, "r.yaml", "-q", f"seed={i}"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for i in range(20)
    ]  # fmt: skip
    paths = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 20
    runs = list_runs(folder / "runs")
    assert sorted(paths) == sorted(str(run.path.relative_to(folder)) for run in runs)
    assert {run.status for run in runs} == {"finished"}
    assert {run.info["seed"] for run in runs} == set(range(20))
    assert all(run.report_path.exists() for run in runs)


def limit_file_size(n_bytes: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))


def without_coverage() -> dict[str, str]:
    """The environment of a process that writes no file of its own when coverage is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("kilobytes", [4, 8, 40])
def test_a_file_that_cannot_be_written_ends_in_one_line(folder: Path, kilobytes: int):
    """A limit of the size of files stands for a full disk."""
    (folder / "runs").mkdir()
    done = subprocess.run(
        [*TRAIN, "r.yaml",
         "layers=[{Dense: {units: 64}}, {Dense: {units: 3, activation: softmax}}]"],
        cwd=folder, capture_output=True, text=True, env=without_coverage(),
        preexec_fn=limit_file_size(kilobytes * 1024),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert "File too large. " in line
    for run in list_runs(folder / "runs"):
        assert run.status in ("failed", "killed")
        assert ("The model is saved" in line) == run.model_path.exists()


@pytest.mark.reliability("fault")
def test_a_folder_that_was_removed_ends_in_one_line(folder: Path):
    process = start([*TRAIN, "r.yaml", "epochs=3000"], folder)
    subprocess.run(["rm", "-rf", str(folder / "runs")], check=True)
    _, errors = process.communicate(timeout=120)
    (line,) = errors.splitlines()
    assert process.returncode == 1
    assert "No such file or directory" in line


@pytest.mark.reliability("fault")
def test_a_file_in_the_place_of_the_output_folder_is_refused(folder: Path):
    (folder / "runs").write_text("in the way", encoding="utf-8")
    done = subprocess.run([*TRAIN, "r.yaml"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("No folder can be made in runs")
    assert os.listdir(folder) == ["r.yaml", "runs"] or os.listdir(folder) == ["runs", "r.yaml"]


@pytest.mark.reliability("fault")
def test_a_diverged_training_continues_with_smaller_steps(folder: Path):
    recipe = """
name: houses
dataset: {name: boston_housing, standardize_target: true}
layers: [Dense: {units: 20, activation: relu}, Dense: {units: 1}]
optimizer:
  SGD:
    learning_rate:
      PiecewiseConstantDecay: {boundaries: [150], values: [0.01, 1.0e+20]}
loss: mse
epochs: 30
batch_size: 32
"""
    (folder / "r.yaml").write_text(recipe, encoding="utf-8")
    train = [*TRAIN, "r.yaml", "--checkpoint-every", "0"]
    done = subprocess.run(train, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("The loss became ")
    assert ", batch " in done.stderr
    (run,) = list_runs(folder / "runs")
    assert run.status == "failed"
    assert f"To continue: kerasrecipes train {run.path.relative_to(folder)} --resume" in done.stdout
    done = subprocess.run(
        [*TRAIN, str(run.path), "--resume", "optimizer={SGD: {learning_rate: 0.001}}"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    failed, continued = list_runs(folder / "runs")
    assert (failed.status, continued.status) == ("failed", "finished")
    (origin,) = continued.info["continued"]
    assert origin["epoch"] >= 1
    kept = origin["epoch"]
    assert continued.history["loss"][:kept] == failed.history["loss"][:kept]
    assert continued.info["epochs_run"] == 30
