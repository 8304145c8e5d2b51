"""The command line among terminals, pipes, encodings and folders of every kind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kerasrecipes.runs import list_runs

pytestmark = pytest.mark.reliability("fault")

KR = f"{sys.executable} -m kerasrecipes"
RECIPE = """\
name: tiny
dataset: {path: rows.csv, target: kind, validation_split: 0.2}
layers: [Dense: {units: 2, activation: softmax}]
loss: sparse_categorical_crossentropy
epochs: 3
"""
ESCAPES = "\x1b[31m", "\x9b1m", "\x07", "\u202e"
"""Red, bold by another character, a bell, and text from right to left."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = (f"{i % 7},c{i % 3},{'ab'[i % 2]}\n" for i in range(60))
    (tmp_path / "rows.csv").write_text(f"size,age,kind\n{''.join(lines)}")
    (tmp_path / "r.yaml").write_text(RECIPE)
    return tmp_path


def shell(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of bash, where ``kr`` is the command line; its exit code is that of ``kr``."""
    done = subprocess.run(
        ["bash", "-c", f'kr() {{ {KR} "$@"; }}; {command}; exit "${{PIPESTATUS[0]}}"'],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr
    return done


slow = pytest.mark.slow


@pytest.mark.parametrize(
    "where",
    [
        "| head -1",
        *(pytest.param(where, marks=slow) for where in ("| true", "> /dev/full", ">&-")),
        ">&- 2>&- <&-",
    ],
)
def test_progress_that_cannot_be_printed_is_dropped(folder: Path, where: str) -> None:
    done = shell(folder, f"kr train r.yaml {where}")
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = list_runs(folder / "runs")
    assert (run.info["status"], run.info["epochs_run"]) == ("finished", 3)
    assert run.report_path.exists()


@slow
def test_a_comparison_is_made_without_a_reader(folder: Path) -> None:
    done = shell(folder, "kr compare r.yaml epochs=1 epochs=2 --seeds 1 | head -1")
    assert (done.returncode, done.stderr) == (0, "")
    assert {run.info["status"] for run in list_runs(folder / "runs")} == {"finished"}
    assert [*folder.glob("runs/comparisons/*/report.html")]


FULL = "Standard output: No space left on device.\n"


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "validate r.yaml",
        *(
            pytest.param(command, marks=slow)
            for command in ("--version", "ls", "ls layers", "init rows.csv", "show r.yaml")
        ),
    ],
)
def test_a_command_ends_as_cat_does(folder: Path, command: str) -> None:
    done = shell(folder, f"kr {command} | true")
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")
    done = shell(folder, f"rm -f rows.yaml; kr {command} > /dev/full")
    assert (done.returncode, done.stderr) == (1, FULL)
    done = shell(folder, f"rm -f rows.yaml; kr {command} >&-")
    assert (done.returncode, done.stderr) == (0, "")


@slow
def test_results_for_programs_are_not_dropped(folder: Path) -> None:
    done = shell(folder, "kr train r.yaml --json > /dev/full")
    assert (done.returncode, done.stderr) == (1, FULL)
    assert shell(folder, "kr train r.yaml -q | true").returncode == 128 + signal.SIGPIPE
    assert shell(folder, "kr predict runs/tiny --data rows.csv > /dev/full").stderr == FULL
    done = shell(folder, "kr predict runs/tiny --data rows.csv -o answers.csv 2> /dev/full")
    assert (done.returncode, (folder / "answers.csv").exists()) == (0, True)
    assert len(list_runs(folder / "runs")) == 2


@pytest.mark.parametrize("where", ["2> /dev/full", "2>&-"])
def test_a_message_that_cannot_be_printed_leaves_the_exit_code(folder: Path, where: str) -> None:
    assert shell(folder, f"kr validate nothing.yaml {where}").returncode == 2


def test_a_closed_standard_input_has_no_rows(folder: Path) -> None:
    code = (
        "import sys; from kerasrecipes.console import open_standard_streams; "
        "open_standard_streams(); print(sys.stdin.buffer.read())"
    )
    done = shell(folder, f"{sys.executable} -c '{code}' <&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "b''\n", "")


@slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "euc-kr", "utf-16"])
def test_a_run_may_have_a_name_that_the_encoding_lacks(folder: Path, encoding: str) -> None:
    assert shell(folder, "kr train r.yaml name=é말", PYTHONIOENCODING=encoding).returncode == 0


def test_characters_that_an_encoding_lacks_are_escaped(folder: Path) -> None:
    done = shell(folder, "kr validate r.yaml nothing.yaml", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (2, "\\u2713 r.yaml\n\\u2717 nothing.yaml\n")


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_names_in_any_script_are_folders_in_an_ascii_locale(folder: Path) -> None:
    (folder / "말.yaml").write_text(RECIPE.replace("name: tiny\n", ""), encoding="utf-8")
    assert shell(folder, "kr train 말.yaml", **ASCII).returncode == 0
    (run,) = list_runs(folder / "runs")
    assert (run.info["name"], run.path.parent.name) == ("말", "말")
    assert shell(folder, "kr ls runs", **ASCII).returncode == 0
    assert shell(folder, "kr report runs/말", **ASCII).returncode == 0
    assert shell(folder, "kr validate nothing.yaml", **ASCII).returncode == 2


@slow
def test_names_of_files_may_be_bytes(folder: Path) -> None:
    shell(folder, "cp r.yaml $'caf\\xe9.yaml'; sed -i 's/name: tiny//' $'caf\\xe9.yaml'")
    assert shell(folder, "kr train $'caf\\xe9.yaml' --output-dir $'out\\xe9'").returncode == 0
    (run,) = list_runs(folder / "out\udce9")
    assert run.info["status"] == "finished"
    assert "caf\udce9.yaml" in run.info["command"]


@slow
@pytest.mark.parametrize("width", ["0", "1", "7", "-3", "wide", "99999"])
def test_a_terminal_of_any_width(folder: Path, width: str) -> None:
    for terminal in ("xterm", "dumb"):
        command = f"script -qec '{KR} train r.yaml epochs=1' /dev/null"
        done = shell(folder, command, COLUMNS=width, TERM=terminal)
        assert done.returncode == 0
        assert "report.html" in done.stdout


@slow
@pytest.mark.parametrize("home", ["", "/nowhere", "/dev/null", "/proc"])
def test_no_home(folder: Path, home: str) -> None:
    done = shell(folder, "kr train r.yaml", HOME=home)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("n_files", [8, pytest.param(16, marks=slow), pytest.param(40, marks=slow)])
def test_few_open_files(folder: Path, n_files: int) -> None:
    assert shell(folder, f"ulimit -n {n_files}; kr validate r.yaml").returncode == 0
    done = shell(folder, f"ulimit -n {n_files}; kr train r.yaml")
    if n_files == 8:
        assert done.returncode == 1
        assert "Too many open files" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")


def find_raw(text: str) -> list[str]:
    return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)


@slow
def test_no_control_character_reaches_a_terminal(folder: Path) -> None:
    """From column names, class labels, paths, overrides and wrong options, by any command."""
    red, bold, bell, reverse = ESCAPES
    labels = [f"a{red}", f"b{bold}"]
    rows = "".join(f"{i % 7},{bell}{i % 3},{labels[i % 2]}\n" for i in range(60))
    (folder / f"{red}.csv").write_text(f"n{red},c{reverse},y{bold}\n{rows}", encoding="utf-8")
    recipe = RECIPE.replace("target: kind", 'target: "y\\x9b1m"').replace("name: tiny\n", "")
    text = recipe.replace("rows.csv", f'"{json.dumps(red)[1:-1]}.csv"')
    (folder / f"r{red}.yaml").write_text(text)
    file, data = f"$'r{red}.yaml'", f"$'{red}.csv'"
    commands = [
        f"train {file}",
        f"train {file} --json",
        f"train {file} dataset.drop=[zz]",
        f"train {file} $'na{red}me=1'",
        f"train {file} $'--{red}'",
        f"validate {file} $'no{red}.yaml'",
        f"show {file}",
        f"compare {file} epochs=1 epochs=2 --seeds 1",
        f"compare {file} epochs=1 epochs=2 --seeds 1 --json",
        f"predict runs/r* --data {data}",
        f"evaluate runs/r* --data {data}",
        "report runs/r*",
        "ls runs",
        f"ls $'{red}'",
        f"init {data} -o drafted.yaml",
    ]
    for command in commands:
        done = shell(folder, f"kr {command}")
        assert find_raw(done.stdout + done.stderr) == [], command
    assert (
        "\\u001b[31m" in shell(folder, "kr ls runs").stdout + (folder / "drafted.yaml").read_text()
    )
    pages = [page.read_text(encoding="utf-8") for page in folder.rglob("*.html")]
    assert pages
    assert [found for page in pages for found in find_raw(page)] == []


@slow
def test_a_terminal_gets_no_control_characters_but_its_own(folder: Path) -> None:
    red = ESCAPES[0]
    text = (
        (folder / "rows.csv")
        .read_text()
        .replace("size", f"si{red}ze")
        .replace(",a\n", f",a{red}\n")
    )
    (folder / "rows.csv").write_text(text)
    done = shell(folder, f"script -qec '{KR} train r.yaml' /dev/null", TERM="xterm")
    assert "si\\u001b[31mze" in done.stdout
    assert red not in done.stdout
    done = shell(folder, f"script -qec '{KR} predict runs/tiny --data rows.csv' /dev/null")
    assert "a\\u001b[31m" in done.stdout
    assert red not in done.stdout
