"""``evaluate`` as a person runs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from kerasrecipes.cli.app import main
from kerasrecipes.runs import Run
from prediction.saved_runs import make_houses, train_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return train_runs(tmp_path_factory.getbasetemp() / "saved_runs")


@pytest.fixture
def call(monkeypatch, capfd, tmp_path: Path):
    """Call the command line, 80 columns wide; return exit code, lines of stdout, and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def call_main(*arguments: object) -> tuple[object, list[str], str]:
        monkeypatch.setattr(sys, "argv", ["kerasrecipes", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = capfd.readouterr()
        lines = [line.rstrip() for line in captured.out.splitlines()]
        return caught.value.code, lines, captured.err

    return call_main


def test_numbers(call, runs) -> None:
    code, lines, err = call("evaluate", runs["houses"])
    assert (code, err) == (0, "")
    assert lines[0] == "houses  evaluation of the run's own test part"
    labels = [line.rsplit("  ", 1)[0].rstrip() for line in lines[3:9]]
    assert sorted(labels) == [
        "Loss (mse, standardised)",
        "MAE (original units)",
        "MAE (standardised)",
        "RMSE (original units)",
        "Rows",
        "R²",
    ]
    report = Path(lines[-1].removeprefix("report  "))
    assert report.is_file()
    assert report.parents[1] == runs["houses"] / "evaluations"


def test_classes_have_a_table_of_their_own(call, runs) -> None:
    rows = make_houses().dropna().assign(town="Rom")
    rows.to_csv("known.csv", index=False)
    code, lines, err = call("evaluate", runs["classes"], "--data", "known.csv")
    assert (code, err) == (0, "")
    assert lines[0] == "classes  evaluation of known.csv"
    header = next(i for i, line in enumerate(lines) if line.startswith("Class  "))
    assert lines[header].split() == ["Class", "Precision", "Recall", "F1-score", "Evaluated"]
    table = {line.split("   ")[0].strip(): line.split()[-1] for line in lines[header + 1 :][:3]}
    counts = rows["dear"].value_counts()
    assert table == {
        "cheap": str(counts["cheap"]),
        "dear": str(counts["dear"]),
        "Mean or total": "75",
    }
    assert lines[-2] == (
        "warning  town: 75 rows have a category that no training row had ('Rom'); it is taken "
        "as unknown."
    )


def test_scores_for_programs_are_one_json_object(call, runs) -> None:
    make_houses().dropna().assign(town="Rom").to_csv("known.csv", index=False)
    code, lines, err = call("evaluate", runs["classes"], "--data", "known.csv", "--json")
    assert (code, err) == (0, "")
    facts = json.loads("\n".join(lines))
    run = Run(Path(facts["run"]))
    assert run.path.parent == runs["classes"] / "evaluations"
    assert facts == {
        "run": str(run.path),
        "scores": {"evaluated": run.metrics["evaluated"]},
        "warnings": run.info["warnings"],
    }
    assert "('Rom')" in facts["warnings"][0]


def test_an_encoding_of_its_own(call, runs) -> None:
    make_houses().dropna().assign(town="Köln").to_csv("known.csv", encoding="cp850")
    arguments = ["--data", "known.csv", "--encoding", "cp850"]
    code, lines, err = call("evaluate", runs["classes"], *arguments)
    assert (code, err) == (0, "")
    assert not [line for line in lines if line.startswith("warning")]


def test_a_refusal(call, runs) -> None:
    make_houses().drop(columns="dear").to_csv("known.csv", index=False)
    code, lines, err = call("evaluate", runs["houses"], "--data", "none.csv")
    assert (code, lines) == (2, [])
    assert err.startswith("dataset none.csv\n  path: there is no file ")
