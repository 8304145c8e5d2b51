"""``train`` as a person runs it: in a process of its own, piped."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerasrecipes.runs import Run, RunWriter, list_runs

RECIPE = """\
name: 작은 iris
dataset: {name: iris, validation_split: 0.25}
layers:
  - Dense: {units: 6, activation: relu, name: 은닉}
  - Dense: {units: 3, activation: softmax}
optimizer: {SGD: {learning_rate: 0.1}}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
epochs: 4
"""
COMMAND = [sys.executable, "-m", "kerasrecipes", "train", "iris.yaml"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    folder = tmp_path_factory.mktemp("train")
    (folder / "iris.yaml").write_text(RECIPE, encoding="utf-8")
    done = subprocess.run(
        [*COMMAND, "batch_size=16", "seed=3"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done, folder


@pytest.fixture(scope="module")
def run(trained) -> Run:
    done, folder = trained
    assert done.returncode == 0, done.stderr
    (only,) = list_runs(folder / "runs")
    return only


def test_a_run_says_what_it_trains_then_its_scores_then_where_its_report_is(trained, run: Run):
    lines = [line.rstrip() for line in trained[0].stdout.splitlines() if line.strip()]
    text = "\n".join(lines)
    assert lines[0] == "작은 iris"
    assert "data    iris: 90 train, 30 validation, 30 test rows of 4 columns, 3 classes" in lines
    fitted = "SGD, sparse_categorical_crossentropy, 4 epochs in batches of 16, seed 3"
    assert f"train   {fitted}" in lines
    assert re.search(r"^은닉 \(Dense\) +6 +4×6\+6 +30 +24$", text, re.MULTILINE)
    assert re.search(r"^dense_?\d* \(Dense\) +3 +6×3\+3 +21 +18$", text, re.MULTILINE)
    assert re.search(r"^Total \(204 B\) +51 +42$", text, re.MULTILINE)
    assert re.search(r"^epoch 1/4  accuracy 0\.\d{4}  loss ", text, re.MULTILINE)
    assert re.search(r"^epoch 4/4  ", text, re.MULTILINE)
    assert re.search(r"^Metric +Train +Validation +Test +Test, linear model$", text, re.MULTILINE)
    page = run.report_path.read_text(encoding="utf-8")
    assert "Still running" not in page
    assert lines[-1] == f"report  {run.path.relative_to(trained[1])}/report.html"


def test_neither_control_characters_nor_noise_reach_a_pipe(trained, run: Run):
    done, _ = trained
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "\r" not in done.stdout
    assert not re.search(r"tensorflow|cuda|absl|oneDNN|warn", done.stdout, re.IGNORECASE)
    assert "oneDNN" in run.log_path.read_text() or run.log_path.read_text() == ""


def test_the_folder_holds_what_the_docstring_says(run: Run):
    files = sorted(str(file.relative_to(run.path)) for file in run.path.rglob("*.*"))
    pictures = [file for file in files if file.startswith("plots/")]
    assert pictures
    checkpoints = [file for file in files if file.startswith("checkpoints/")]
    assert len(checkpoints) == 1
    assert sorted(set(files) - {*pictures, *checkpoints}) == [
        ".lock",
        "history.csv",
        "log.txt",
        "metrics.json",
        "model.keras",
        "predictions.csv",
        "recipe.yaml",
        "report.html",
        "run.json",
    ]


def test_run_json_says_how_the_run_came_about(run: Run):
    info = run.info
    assert info["status"] == "finished"
    assert info["name"] == "작은 iris"
    assert info["command"] == "kerasrecipes train iris.yaml batch_size=16 seed=3"
    assert (info["seed"], info["epochs"], info["epochs_run"], info["batch_size"]) == (3, 4, 4, 16)
    assert info["dataset"]["rows"] == {"train": 90, "validation": 30, "test": 30}
    assert re.fullmatch(r"[0-9a-f]{64}", info["dataset"]["fingerprint"])
    assert info["parameters"] == 51
    assert info["device"].startswith(("CPU", "GPU"))
    assert info["versions"].keys() == {"kerasrecipes", "tensorflow", "keras", "numpy", "python"}
    assert info["started_at"] <= info["finished_at"]
    stages = ["data", "import", "build", "encode", "fit", "save", "evaluate", "predict", "report"]
    assert list(info["seconds"]) == stages


def test_scores_and_predictions_fit_together(run: Run):
    columns = run.predictions
    assert list(columns)[:3] == ["row", "actual", "predicted"]
    right = [a == p for a, p in zip(columns["actual"], columns["predicted"], strict=True)]
    assert run.metrics["test"]["accuracy"] == pytest.approx(sum(right) / 30)
    assert set(run.metrics) == {"train", "validation", "test"}


def test_the_resolved_recipe_has_the_overrides(run: Run):
    assert "seed: 3" in run.recipe_text
    assert "batch_size: 16" in run.recipe_text


def test_weights_come_from_the_newest_finished_run_of_a_name(trained, run: Run, tmp_path: Path):
    folder = tmp_path / "runs" / "flowers"
    older = shutil.copytree(run.path, folder / "20260131-110000")
    stopped = RunWriter(Path(shutil.copytree(run.path, folder / "20260131-120000")))
    stopped.update(status="interrupted", epochs=9)
    command = [sys.executable, "-m", "kerasrecipes", "train", str(trained[1] / "iris.yaml")]
    options = ["--output-dir", str(tmp_path / "new"), "epochs=1", "report=[learning_curves]"]

    def train_from(source: Path) -> subprocess.CompletedProcess[str]:
        arguments = [*command, *options, "--from", str(source)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False)

    done = train_from(folder)
    assert done.returncode == 0, done.stderr
    passed_over = f"warning  {stopped.path} is not finished (interrupted); using {older}\n"
    assert done.stdout.startswith(passed_over)
    done = train_from(stopped.path)
    assert f"warning  {stopped.path} is not finished (interrupted): its model was" in done.stdout
    stopped.model_path.unlink()
    done = train_from(stopped.path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{stopped.path} has no saved model ")
    assert len(list_runs(tmp_path / "new")) == 2


def test_ctrl_c_keeps_the_run(tmp_path: Path):
    (tmp_path / "iris.yaml").write_text(RECIPE, encoding="utf-8")
    process = subprocess.Popen(
        [*COMMAND, "epochs=100000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith("epoch"):
            break
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, "")
    (run,) = list_runs(tmp_path / "runs")
    n_epochs = run.info["epochs_run"]
    assert run.info["status"] == "interrupted"
    assert 0 < n_epochs < 100000
    assert len(run.history["loss"]) == n_epochs
    assert run.model_path.stat().st_size > 0
    *_, what, how, where = rest.splitlines()
    assert what.startswith(f"Interrupted after {n_epochs:,} of 100,000 epochs.")
    assert how.startswith("To continue: kerasrecipes train runs/")
    assert where == f"report  {run.report_path.relative_to(tmp_path)}"


INTERRUPTED_IMPORT = """
import importlib.abc, signal, sys

def press_in_native_module():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("initialization failed") from None

class PressCtrlC(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "matplotlib.cm":
            sys.meta_path.remove(self)
            {press}

sys.meta_path.insert(0, PressCtrlC())
from kerasrecipes.cli.app import main
main()
"""


@pytest.mark.parametrize("press", ["raise KeyboardInterrupt", "press_in_native_module()"])
def test_ctrl_c_while_tensorflow_is_imported_ends_in_one_line(tmp_path: Path, press: str) -> None:
    """Keras imports matplotlib, which then is there in part: no report may be drawn with it."""
    (tmp_path / "r.yaml").write_text(
        "dataset: {name: iris}\n"
        "layers: [{Dense: {units: 3, activation: softmax}}]\n"
        "loss: sparse_categorical_crossentropy\n"
    )
    command = [
        sys.executable,
        "-c",
        INTERRUPTED_IMPORT.replace("{press}", press),
        "train",
        "r.yaml",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        130,
        "Interrupted after 0 of 1 epoch.\n",
        "",
    )
