"""``predict`` as a person runs it."""

from __future__ import annotations

import io
import os
import platform
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from kerasrecipes.cli.app import main
from kerasrecipes.runs import RunWriter
from prediction.saved_runs import make_houses, train_runs

ROWS = 40_000


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_runs(tmp_path_factory.getbasetemp() / "saved_runs")["houses"]


@pytest.fixture
def call(monkeypatch, capfd, tmp_path: Path):
    """Call the command line in a folder of its own; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    make_houses().to_csv("rows.csv", index=False)

    def call_main(*arguments: object) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["kerasrecipes", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capfd.readouterr()
        return caught.value.code, captured.out, captured.err

    return call_main


def test_answers_to_a_file(call, run: Path) -> None:
    code, out, err = call("predict", run, "--data", "rows.csv", "-o", "answers.csv", "--id", "id")
    assert (code, out) == (0, "")
    assert err == "predictions  answers.csv\n"
    assert pd.read_csv("answers.csv", dtype=str)["id"].tolist() == make_houses()["id"].tolist()


def test_standard_output_is_answers_and_nothing_else(call, run: Path) -> None:
    make_houses().assign(town="Rom").to_csv("rows.csv", index=False)
    code, out, err = call("predict", run, "--data", "rows.csv", "--id", "id", "--id", "town")
    answers = pd.read_csv(io.StringIO(out), dtype=str)
    assert (code, len(answers), [*answers]) == (0, 80, ["id", "town", "predicted"])
    assert err == (
        "warning  town: 80 rows have a category that no training row had ('Rom'); it is taken "
        "as unknown.\n"
    )


def test_an_encoding_of_its_own(call, run: Path) -> None:
    make_houses().replace({"town": {"서울": "Zürich"}}).to_csv("rows.csv", encoding="cp850")
    arguments = ["--data", "rows.csv", "--encoding", "cp850", "--id", "town"]
    code, out, err = call("predict", run, *arguments)
    assert (code, pd.read_csv(io.StringIO(out))["town"][2]) == (0, "Zürich")
    assert err.startswith("warning  town: 26 rows have a category that no training row had ('Zür")


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_name_means_its_newest_run_with_a_model(call, run: Path, verb: str) -> None:
    shutil.copytree(run, "runs/houses/20260131-110000")
    failed = RunWriter(Path("runs/houses/20260131-120000"))
    failed.path.mkdir()
    failed.update(status="failed")
    make_houses().dropna().to_csv("rows.csv", index=False)
    code, out, err = call(verb, "runs/houses", "--data", "rows.csv")
    line = f"warning  {failed.path} has no model; using runs/houses/20260131-110000\n"
    assert (code, line in (err if verb == "predict" else out)) == (0, True)
    assert call(verb, failed.path, "--data", "rows.csv")[0] == 2


def test_a_name_means_its_newest_finished_run(call, run: Path) -> None:
    shutil.copytree(run, "runs/houses/20260131-110000")
    stopped = Path(shutil.copytree(run, "runs/houses/20260131-120000"))
    RunWriter(stopped).update(status="interrupted")
    make_houses().dropna().to_csv("rows.csv", index=False)
    code, _, err = call("predict", "runs/houses", "--data", "rows.csv")
    line = f"warning  {stopped} is not finished (interrupted); using runs/houses/20260131-110000\n"
    assert (code, line in err) == (0, True)
    shutil.rmtree("runs/houses/20260131-110000")
    assert call("predict", "runs/houses", "--data", "rows.csv")[0] == 0


@pytest.mark.parametrize("status", ["interrupted", "failed", "killed", "running"])
@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_an_unfinished_run_is_named_with_the_epochs_of_its_model(
    call, run: Path, verb: str, status: str
) -> None:
    stopped = RunWriter(Path(shutil.copytree(run, "runs/houses/20260131-120000")))
    make_houses().dropna().to_csv("rows.csv", index=False)
    host = "elsewhere" if status == "running" else platform.node()
    written = "running" if status == "killed" else status
    stopped.update(status=written, epochs=100, epochs_run=12, process={"host": host, "pid": 1})
    line = (
        f"warning  {stopped.path} is not finished ({status}): its model was saved after 12 of 100 "
        "epochs.\n"
    )
    for named in (stopped.path, stopped.path.parent):
        code, out, err = call(verb, named, "--data", "rows.csv")
        assert (code, (out + err).count(line)) == (0, 1)
    if verb == "evaluate":
        page = max(stopped.path.glob("evaluations/*/report.html"))
        assert "its model was saved after 12 of 100 epochs" in page.read_text(encoding="utf-8")


def test_refusals_leave_by_standard_error(call, run: Path, tmp_path: Path) -> None:
    make_houses().rename(columns={"area": "aera"}).to_csv("rows.csv", index=False)
    code, out, err = call("predict", run, "--data", "rows.csv", "-o", "answers.csv")
    assert (code, out) == (2, "")
    assert err.startswith("dataset rows.csv\n  columns are missing: area (is it 'aera'?). ")
    assert [file.name for file in tmp_path.iterdir()] == ["rows.csv"]


def test_what_can_be_told_early_is_told_before_tensorflow_is_imported(
    call, run: Path, tmp_path: Path
) -> None:
    failed = RunWriter(tmp_path / "failed")
    failed.path.mkdir()
    failed.update(status="failed")
    for arguments, message in [
        (["nowhere", "--data", "rows.csv"], "nowhere is not a run. "),
        ([failed.path, "--data", "rows.csv"], f"{failed.path} has no saved model that"),
        (
            [run, "--data", "rows.csv", "-o", "answers.xls"],
            "Predictions are written to .csv, .parquet",
        ),
    ]:
        command = [sys.executable, "-c", LIGHT, "predict", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(message)


LIGHT = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
from kerasrecipes.cli.app import main
main()
"""


def test_a_pipe_may_close_early_and_rows_may_come_by_one(run: Path, tmp_path: Path) -> None:
    rows = pd.concat([make_houses()] * (ROWS // 80))
    kerasrecipes = f"{sys.executable} -m kerasrecipes predict '{run}' --data -"
    done = subprocess.run(
        ["bash", "-c", f"{kerasrecipes} --id id | head -n 2; exit ${{PIPESTATUS[0]}}"],
        input=rows.to_csv(index=False),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    first, second = done.stdout.splitlines()
    assert (first, second[:5]) == ("id,predicted", "0000,")
    assert (done.stderr, done.returncode) == ("", 128 + signal.SIGPIPE)


ENDLESS = """
import sys
from kerasrecipes.rows import limits
limits.MOST_STREAMED = 1 << 25
from kerasrecipes.cli.app import main
main()
"""


@pytest.mark.reliability("bad input")
@pytest.mark.parametrize(
    ("endless", "reason"),
    [
        (
            "yes id,rooms,area,town,sold,garden",
            "over 32 MB arrived. Save the rows to a file instead.",
        ),
        ("yes | tr -d '\\n'", "over 32 MB arrived. Save the rows to a file instead."),
        ("cat /dev/zero", "the file must be text (received: a zero byte at byte 0)."),
        ("gzip -c -1 /dev/urandom", "over 32 MB arrived. "),
    ],
)
def test_an_endless_stream_is_refused(run: Path, tmp_path: Path, endless: str, reason: str) -> None:
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        ["bash", "-c", f"({endless}) | '{sys.executable}' -c '{ENDLESS}' predict '{run}' --data -"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"dataset standard input\n  {reason}")
    assert "Traceback" not in done.stderr
    assert [*(tmp_path / "temporary").iterdir()] == []


@pytest.mark.reliability("hostile")
def test_answers_are_as_training_data_have_them_and_can_be_read_back(call, tmp_path: Path) -> None:
    """An apostrophe before "=1+1" would make another class of it: see SECURITY.md."""
    labels = ["=1+1", "-2+3", "@x", "+1"]
    rows = pd.DataFrame({"a": range(80), "y": labels * 20, "note": ["=cmd()", "-3.5"] * 40})
    rows.to_csv("formulas.csv", index=False)
    Path("formulas.yaml").write_text(
        "dataset: {path: formulas.csv, target: y, drop: [note]}\nepochs: 1\n"
        "layers: [Dense: {units: 4, activation: softmax}]\nloss: sparse_categorical_crossentropy\n",
        encoding="utf-8",
    )
    assert call("train", "formulas.yaml", "-q")[0] == 0
    run = next(Path("runs/formulas").iterdir())
    code, _, _ = call("predict", run, "--data", "formulas.csv", "-o", "answers.csv", "--id", "note")
    answers = pd.read_csv("answers.csv", dtype=str)
    assert code == 0
    assert answers["note"].tolist() == rows["note"].tolist()
    assert {*answers["predicted"]} <= {*labels}
    assert {f"probability_{label}" for label in labels} <= {*answers}
    assert {*RunWriter(run).predictions["actual"]} <= {*labels}
    assert call("report", run)[0] == 0
