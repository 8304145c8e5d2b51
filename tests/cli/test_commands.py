"""The other commands, called in this process where nothing depends on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kerasrecipes.cli.app import main
from kerasrecipes.runs import list_runs

RECIPE = """\
dataset: {name: iris}
layers:
  - Dense: {units: 6, activation: relu}
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
report: [learning_curves]
"""


@pytest.fixture
def call(monkeypatch, capsys, tmp_path: Path):
    """Call the command line in a folder of its own, and return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris.yaml").write_text(RECIPE)

    def call_main(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["kerasrecipes", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capsys.readouterr()
        return caught.value.code, captured.out, captured.err

    return call_main


def test_validate(call):
    assert call("validate", "iris.yaml") == (0, "✓ iris.yaml\n", "")


def test_validate_build_finds_what_only_a_built_model_shows(call, tmp_path: Path):
    bad = RECIPE.replace("layers:\n", "layers:\n  - Reshape: {target_shape: [5]}\n")
    (tmp_path / "bad.yaml").write_text(bad)
    assert call("validate", "bad.yaml")[0] == 0
    code, out, err = call("validate", "--build", "iris.yaml", "bad.yaml")
    assert (code, out) == (2, "✓ iris.yaml\n✗ bad.yaml\n")
    assert err.startswith("bad.yaml:3:5  layers[0]\n  Keras rejects this: ")


def test_validate_build_finds_callbacks_that_keras_rejects(call, tmp_path: Path):
    bad = "callbacks:\n  - ReduceLROnPlateau: {monitor: loss, factor: 2}\n"
    (tmp_path / "bad.yaml").write_text(RECIPE + bad)
    (tmp_path / "file.yaml").write_text(
        RECIPE + "callbacks: [CSVLogger: {filename: history.csv}]\n"
    )
    code, out, err = call("validate", "--build", "bad.yaml", "file.yaml")
    assert (code, out) == (2, "✗ bad.yaml\n✗ file.yaml\n")
    assert err == (
        "bad.yaml:8:5  callbacks[0]\n  Keras rejects this: ReduceLROnPlateau does not support a "
        "factor >= 1.0. Received factor=2\n"
        "file.yaml:7:13  callbacks[0]\n  A callback writes new files inside the run's folder only "
        "(received: filename='history.csv'). Give the name of another file or folder, without "
        "'..'.\n"
    )


def test_data_are_no_recipe(call, tmp_path: Path):
    (tmp_path / "houses.csv").write_text("a,b\n1,2\n")
    says = "houses.csv\n  This is a file of data. Write a recipe for it: "
    says += "kerasrecipes init houses.csv\n"
    assert call("validate", "houses.csv") == (2, "✗ houses.csv\n", says)


@pytest.mark.parametrize("command", ["train", "show", "sweep"])
def test_a_key_written_as_an_option(call, command):
    code, out, err = call(command, "iris.yaml", "--epochs", "5")
    assert (code, out) == (2, "")
    assert err.endswith(
        "No such option: --epochs\nepochs is a key of the recipe. Write: epochs=VALUE\n"
    )
    for other in ("validate", "init", "compare"):
        assert "is a key" not in call(other, "iris.yaml", "--epochs", "5")[2]


def test_changes_are_allowed_to_a_run_that_continues(call):
    said = "--allow-changes is an option of --resume. Add --resume.\n"
    assert call("train", "iris.yaml", "--allow-changes") == (2, "", said)


def test_show_prints_the_arithmetic(call):
    code, out, err = call("show", "iris.yaml", "layers.0.Dense.units=8")
    assert (code, err) == (0, "")
    assert "4×8+8" in out
    assert out.splitlines()[-1].split() == ["Total", "(268", "B)", "67", "56"]


def test_a_wrong_recipe_is_told_without_traceback_and_leaves_no_folder(call, tmp_path: Path):
    code, out, err = call("train", "iris.yaml", "layers.1.Dense.units=4")
    assert (code, out) == (2, "")
    assert "layers[1].Dense.units" in err
    assert "Traceback" not in err
    assert not (tmp_path / "runs").exists()


def test_a_failed_run_exits_with_one_and_says_why(call, tmp_path: Path):
    (tmp_path / "boston.yaml").write_text(
        "dataset: {name: boston_housing}\nlayers: [Dense: {units: 1}]\nloss: mse\nepochs: 9\n"
    )
    optimizer = "optimizer={SGD: {learning_rate: 1e9}}"
    code, out, err = call("train", "boston.yaml", optimizer)
    assert code == 1
    assert err.startswith("The loss became ")
    assert "Lower the optimizer's learning_rate (now 1e+09)" in err
    assert "Traceback" not in err
    (run,) = list_runs(tmp_path / "runs")
    assert run.info["status"] == "failed"
    assert out.splitlines()[-1] == f"report  {run.report_path.relative_to(tmp_path)}"


DEEP = "runs/" + "a_deep_folder/" * 8 + "runs"
"""A path far longer than 80 columns."""

REPORT = """
import sys
from kerasrecipes.cli.app import main
sys.argv = ["kerasrecipes", "report", sys.argv[1]]
try:
    main()
finally:
    assert not {"tensorflow", "keras"} & sys.modules.keys()
"""


def test_runs_are_listed_and_reports_drawn_again_without_tensorflow(call, tmp_path: Path):
    assert call("ls", "runs") == (0, "There are no runs in runs.\n", "")
    code, out, err = call("train", "iris.yaml", "--quiet", "--output-dir", DEEP)
    (run,) = list_runs(tmp_path / DEEP)
    assert (code, out, err) == (0, f"{run.path.relative_to(tmp_path)}\n", "")
    code, out, _ = call("ls", "runs", "--output-dir", DEEP)
    assert code == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["Run", "Status", "Data", "Epochs", "Test", "score"],
        [f"{DEEP}/iris/{run.path.name}", "finished", "iris", "1", *out.split()[-2:]],
    ]

    page = run.report_path.read_bytes()
    run.report_path.unlink()
    done = subprocess.run(
        [sys.executable, "-c", REPORT, f"{DEEP}/iris"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{run.report_path.relative_to(tmp_path)}\n"
    again = run.report_path.read_bytes()
    assert abs(len(again) - len(page)) < 0.05 * len(page)


def test_a_run_for_programs_is_one_json_object(call, tmp_path: Path):
    code, out, err = call("train", "iris.yaml", "--json", "report=[samples]")
    (run,) = list_runs(tmp_path / "runs")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "run": str(run.path.relative_to(tmp_path)),
        "scores": run.metrics,
        "warnings": run.info["warnings"],
    }
    left_out = "The plot samples is left out: this run has no data for it."
    assert run.info["warnings"] == [left_out]
    assert run.report_path.read_text(encoding="utf-8").count(left_out) == 1


def test_an_error_is_text_also_for_programs(call):
    code, out, err = call("train", "iris.yaml", "--json", "epochs=0")
    assert (code, out) == (2, "")
    assert err.startswith("override epochs=0  epochs\n")


def test_a_report_of_no_run(call):
    code, out, err = call("report", "runs/nothing")
    assert (code, out) == (2, "")
    assert err.startswith("runs/nothing is not a run. ")


@pytest.mark.parametrize("what", ["layers", "schedules", "optimizers", "datasets", "activations"])
def test_what_there_is_comes_one_name_a_line_in_a_pipe(call, what: str):
    code, out, _ = call("ls", what)
    assert code == 0
    names = out.splitlines()
    assert names == sorted(names)
    assert len(names) > 5


def test_a_list_that_does_not_exist(call):
    code, _, err = call("ls", "lyers")
    assert (code, err) == (2, "ls has no list 'lyers'. Did you mean 'layers'?\n")
