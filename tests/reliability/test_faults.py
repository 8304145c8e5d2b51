"""What goes wrong around a training: signals, full disks, several processes at once."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kerasrecipes.runs import list_runs

TRAIN = [sys.executable, "-m", "kerasrecipes", "train"]
RECIPE = """
name: iris
dataset: {name: iris}
layers: [Dense: {units: 3, activation: softmax}]
loss: sparse_categorical_crossentropy
report: []
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "r.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def start(command: Sequence[str], folder: Path, wait_for: str = "epoch", **options):
    """Start a command; return once it has printed a line that begins with a word."""
    # A shell's background jobs ignore Ctrl-C, and so would their children.
    allow_ctrl_c = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = subprocess.Popen(
        [*command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **(allow_ctrl_c | options),
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(wait_for):
            return process
    pytest.fail(f"It ended before: {process.communicate()[1]}")


@pytest.mark.reliability("fault")
def test_a_signal_leaves_a_run_that_continues(
    folder: Path, record_property: Callable[[str, object], None]
):
    signals = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
    record_property("cases", len(signals))
    words = ["r.yaml", "epochs=1000000"]
    for number, exit_code in signals.items():
        process = start([*TRAIN, *words], folder)
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
        words = resume.split()[2:]
    assert len(run.info["continued"]) == len(signals) - 1
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
    """A limit of the size of files stands for a full disk; the largest one stops the report."""
    (folder / "r.yaml").write_text(RECIPE.replace("report: []\n", ""), encoding="utf-8")
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


def obey_permissions() -> None:
    """Give up root's right to read and write every file, in the program that is started next."""
    drop_from_bounding_set, read_and_write, read = 24, 1, 2  # linux/prctl.h, linux/capability.h
    libc = ctypes.CDLL(None)
    for capability in (read_and_write, read):  # fails for other users, who have none
        libc.prctl(drop_from_bounding_set, capability, 0, 0, 0)


@contextmanager
def closing(path: Path, mode: int = 0o555) -> Iterator[None]:
    """Take the permission to write to a folder, or that of ``mode``, while the block lasts."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


def call(folder: Path, *words: object, **options) -> subprocess.CompletedProcess[str]:
    command = [*TRAIN[:-1], *map(str, words)]
    options = {"preexec_fn": obey_permissions, "env": without_coverage()} | options
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a recipe of a table, the table, and a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    rows = "".join(f"{x * x % 17},{7 * x % 5},{3 * x % 11}\n" for x in range(40))
    (folder / "points.csv").write_text(f"a,b,y\n{rows}", encoding="utf-8")
    recipe = "dataset: {path: points.csv, target: y}\nlayers: [Dense: {units: 1}]\nloss: mse\n"
    (folder / "r.yaml").write_text(f"name: points\nreport: []\n{recipe}", encoding="utf-8")
    assert call(folder, "train", "r.yaml").returncode == 0
    return folder


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("closed", [".", "runs", "runs/points"])
def test_an_output_folder_without_permission_is_refused(finished: Path, closed: str):
    before = sorted(finished.rglob("*"))
    with closing(finished / closed):
        done = call(finished, "train", "r.yaml", "--output-dir", "new" if closed == "." else "runs",
                    f"name={'other' if closed == 'runs' else 'points'}")  # fmt: skip
    place = {".": "new/points", "runs": "runs/other", "runs/points": "runs/points"}[closed]
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"No folder can be made in {place}: Permission denied.\n"
    assert sorted(finished.rglob("*")) == before


@pytest.mark.reliability("fault")
@pytest.mark.parametrize(
    ("closed", "mode", "words", "message"),
    [
        ("r.yaml", 0, "train r.yaml", "path 'r.yaml' is not readable."),
        ("points.csv", 0, "train r.yaml", "points.csv cannot be read: Permission denied."),
        ("points.csv", 0, "init points.csv", "points.csv cannot be read: Permission denied."),
        ("points.csv", 0, "predict RUN --data points.csv", "points.csv cannot be read: Permission"),
        (".", 0o555, "init points.csv -o new.yaml", "new.yaml: Permission denied."),
        (".", 0o555, "predict RUN --data points.csv -o a.csv", "a.csv: Permission denied."),
        ("RUN", 0o555, "report RUN", "RUN/report.html: Permission denied."),
        (
            "RUN",
            0o555,
            "evaluate RUN --data points.csv",
            "No folder can be made in RUN/evaluations",
        ),
        ("RUN", 0, "report RUN", "path 'RUN' is not readable."),
        ("RUN/run.json", 0, "report RUN", "RUN/run.json cannot be used: Permission denied."),
        ("RUN/model.keras", 0, "predict RUN --data points.csv", "RUN/model.keras cannot be loaded"),
        ("runs/points", 0, "predict RUN --data points.csv", "RUN: Permission denied."),
    ],
)
def test_what_cannot_be_read_or_written_ends_in_one_message(
    finished: Path, closed: str, mode: int, words: str, message: str
):
    (run,) = list_runs(finished / "runs")
    name = str(run.path.relative_to(finished))
    before = sorted(finished.rglob("*"))
    with closing(finished / closed.replace("RUN", name), mode):
        done = call(finished, *words.replace("RUN", name).split())
    assert (done.returncode, done.stdout) == (2, "")
    assert message.replace("RUN", name) in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(finished.rglob("*")) == before
    assert run.status == "finished"


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("closed", ["runs/points", "runs/points/RUN"])
def test_a_folder_that_cannot_be_read_hides_no_run(finished: Path, tmp_path: Path, closed: str):
    shutil.copytree(finished / "runs", tmp_path / "runs")
    shutil.copytree(tmp_path / "runs" / "points", tmp_path / "runs" / "others")
    (run,) = list_runs(finished / "runs")
    with closing(tmp_path / closed.replace("RUN", run.path.name), 0):
        done = call(tmp_path, "ls", "runs")
    assert done.returncode == 0, done.stderr
    _, others, points = done.stdout.strip().splitlines()
    assert others.split()[:2] == [f"runs/others/{run.path.name}", "finished"]
    assert points.split()[:2] == [closed.replace("RUN", run.path.name), "damaged"]


@pytest.mark.reliability("fault")
def test_a_run_folder_that_becomes_read_only_loses_no_checkpoint(folder: Path):
    obey = {"preexec_fn": obey_permissions, "env": without_coverage()}
    command = [*TRAIN, "r.yaml", "epochs=100000", "--checkpoint-every", "0.1"]
    process = start(command, folder, **obey)
    (run,) = list_runs(folder / "runs")
    while not [*run.checkpoints_path.glob("[0-9]*.npz")]:
        time.sleep(0.05)
    with closing(run.path):
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    (line,) = errors.splitlines()
    resume = f"kerasrecipes train {run.path.relative_to(folder)} --resume"
    assert "Permission denied. " in line
    assert line.endswith(f"A checkpoint is kept: {resume}")
    assert process.returncode == 1
    assert run.status == "killed"
    done = call(folder, *resume.split()[1:], f"epochs={run.epochs_run + 1}")
    assert done.returncode == 0, done.stderr
    assert f"continues {run.path.relative_to(folder)} " in done.stdout


@pytest.mark.reliability("fault")
def test_a_report_on_a_full_disk_ends_in_one_line(finished: Path):
    (run,) = list_runs(finished / "runs")
    before = run.report_path.read_bytes()
    done = call(finished, "report", run.path, preexec_fn=limit_file_size(4 * 1024))
    assert (done.returncode, done.stderr) == (1, f"{run.report_path}: File too large.\n")
    assert run.report_path.read_bytes() == before


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
