"""What a run prints: within a terminal's width, and on whole lines in a file or pipe."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kerasrecipes.console import SafeConsole
from kerasrecipes.report.tables import Table, list_columns
from kerasrecipes.terminal import TerminalListener, print_path, print_table
from report.fake_runs import write_classification, write_regression, write_table

LONG_REASON = "a reason that is told in so many words that no terminal of 80 columns has room"


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)


def read(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_terminal_of_80_columns_is_enough(tmp_path: Path, screen: Console) -> None:
    info = write_table(tmp_path / "run", description="Rents of flats").info
    info["dataset"]["columns"][0]["reason"] = LONG_REASON
    TerminalListener(screen).begin(info)
    lines = read(screen)
    assert lines[0] == "houses  Rents of flats"
    assert max(map(len, lines)) <= 80
    assert "standardised" in "\n".join(lines)


def test_names_stay_readable_in_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=60)
    numbers = ("16 × 16 × 8", "3×3×1×8+8", "80", "18,432")
    headings = dict.fromkeys(("Output", "Arithmetic", "Parameters", "Multiply-adds"), True)
    print_table(console, Table({"Layer": False} | headings, [["conv2d (Conv2D)", *numbers]]))
    assert [line.split(" ")[0] for line in read(console)] == ["", "Layer", "conv2d", "(Conv2D)"]


@pytest.mark.parametrize(("width", "is_whole"), [(64, True), (50, True), (36, False)])
def test_a_number_is_whole_or_marked_as_cut(width: int, is_whole: bool) -> None:
    console = Console(file=io.StringIO(), width=width)
    headings = dict.fromkeys(("Precision", "Recall", "F1-score", "Validation", "Test"), True)
    scores = ["0.9950", "0.9950", "0.9950", "1,283", "152"]
    total = ["Mean or total", *scores]
    print_table(console, Table({"Class": False} | headings, [["no", *scores]], total))
    row = read(console)[2].split()[-5:]
    assert (row == scores) is is_whole
    assert all(cell in scores or cell.endswith("…") for cell in row)


def test_in_a_pipe_a_row_is_one_line(tmp_path: Path) -> None:
    console = SafeConsole(file=io.StringIO())
    info = write_table(tmp_path / "run").info
    info["dataset"]["columns"][0]["reason"] = LONG_REASON
    TerminalListener(console).begin(info)
    assert [line for line in read(console) if line.endswith(LONG_REASON)]


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"stopped_by": "EarlyStopping"}, "stopped after epoch 500 of 900 (EarlyStopping)"),
        ({"stopped_by": ""}, "stopped after epoch 500 of 900"),
        (
            {"stopped_by": "EarlyStopping", "weights_of_epoch": 480},
            "stopped after epoch 500 of 900 (EarlyStopping); "
            "the model has the weights of epoch 480",
        ),
    ],
)
def test_a_run_that_stopped_early_says_so(
    tmp_path: Path, screen: Console, facts: dict[str, Any], line: str
) -> None:
    run = write_regression(tmp_path / "run")
    TerminalListener(screen).end(run, [])
    assert not [line for line in read(screen) if line.startswith("stopped")]
    run.update(epochs=900, **facts)
    TerminalListener(screen).end(run, [])
    assert line in read(screen)


@pytest.mark.parametrize(
    ("facts", "options"),
    [
        ({}, ""),
        ({"workers": 1, "address": None}, ""),
        ({"workers": 2}, " --workers 2"),
        ({"workers": 1, "address": "auto"}, " --workers 1 --address auto"),
    ],
)
def test_a_stopped_run_says_how_to_continue(
    tmp_path: Path, facts: dict[str, Any], options: str
) -> None:
    console, run = SafeConsole(file=io.StringIO()), write_table(tmp_path / "run")
    run.update(**facts, status="interrupted")
    run.checkpoints_path.mkdir()
    (run.checkpoints_path / "000001-00000000-0.npz").touch()
    TerminalListener(console).end(run, [])
    assert f"To continue: kerasrecipes train {run.path} --resume{options}" in read(console)


def test_scores_are_those_of_the_page(tmp_path: Path, screen: Console) -> None:
    TerminalListener(screen).end(write_regression(tmp_path / "run"), [])
    rows = [line.split("   ") for line in read(screen)]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert cells[1:8] == [
        ["Metric", "Train", "Validation", "Test"],
        ["Loss (mse, standardised)", "0.04130", "0.1510", "0.1380"],
        ["MAE (standardised)", "0.1500", "0.2800", "0.2700"],
        ["MAE ($1000s)", "1.400", "2.600", "2.500"],
        ["R²", "0.9570", "0.8600", "0.8650"],
        ["Rows", "283", "71", "152"],
        [],
    ]


def test_a_chosen_threshold_is_named_with_its_class(tmp_path: Path, screen: Console) -> None:
    run = write_classification(tmp_path / "run", ("ill", "well"), n_samples=100)
    reason = "chosen on 80 validation rows (recall 0.9)"
    codec = {"class_names": ["ill", "well"], "thresholds": [0.25], "threshold_reason": reason}
    run.update(codec=codec)
    TerminalListener(screen).end(run, [])
    said = f"Threshold 0.25 for well: {reason}. Accuracy in the table of scores is at 0.5."
    assert said in " ".join(read(screen))


def test_a_path_is_never_broken(screen: Console) -> None:
    path = "/".join(["a_long_folder"] * 20)
    print_path(screen, "report", path)
    assert read(screen) == [f"report  {path}"]


def test_many_columns_are_counted_beyond_the_first() -> None:
    column = {"feature": "float", "arguments": {}, "parts": (), "reason": "set in features"}
    columns = [{"name": f"x{i}"} | column for i in range(30)]
    ((names, *_),) = list_columns({"columns": columns}, most=2).rows
    assert names == "x0, x1 and 28 more"
