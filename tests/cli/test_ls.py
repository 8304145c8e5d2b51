"""Lists for a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasrecipes.cli import commands
from report.fake_runs import write_regression


def test_the_path_of_a_run_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("runs") / ("boston_" + "x" * 90) / "20260131-120000"
    write_regression(path)
    commands._print_runs(Path("runs"))
    facts = [str(path), "finished", "boston_housing", "500", "MAE", "($1000s)", "2.5"]
    assert capsys.readouterr().out.splitlines()[-1].split() == facts
