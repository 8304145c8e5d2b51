"""Lists for a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from kerasrecipes.cli import ls
from report.fake_runs import write_regression

SCORE = ["MAE", "($1000s)", "2.5"]


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("b", ["finished", "boston_housing", "500"]),
        ("boston_" + "x" * 12, ["finished", "500"]),
        ("boston_" + "x" * 90, []),
    ],
)
def test_the_path_of_a_run_stays_whole_and_other_columns_give_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, facts: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("runs") / name / "20260131-120000"
    write_regression(path)
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    ls._print_runs(console, Path("runs"))
    lines = console.file.getvalue().splitlines()
    assert lines[-1].split() == [str(path), *facts, *SCORE]
