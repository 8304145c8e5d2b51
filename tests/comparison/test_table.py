"""Contenders as a table: what a terminal of 80 columns shows, and what one of 120 does."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.table import make_table, to_csv
from kerasrecipes.runs import RunWriter

from .fake_contenders import OPTIMIZERS, compare, write_contender, write_optimizers


def show(contenders: Sequence[Contender], width: int, part: str = "validation") -> list[str]:
    comparison = compare(contenders, part)
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    console.print(make_table(comparison.rows, comparison.metric_name, is_wide=width >= 120))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_80_columns_hold_ranks_scores_verdicts_and_facts(tmp_path: Path) -> None:
    scores, facts = "\n".join(show(write_optimizers(tmp_path), 80)).split("\n\n")
    assert scores.splitlines()[2] == "1     adam      0.8769 ± 0.0058                      leads"
    assert "−0.0832" in scores
    assert "Accuracy" in scores
    assert facts.splitlines()[:3] == [
        "                in best  in last  epochs",
        "rank  recipe      epoch    epoch     run  parameters  fit, s",
        "1     adam       0.8800   0.8769       5      79,510     4.0",
    ]
    for table in (scores.splitlines()[2:], facts.splitlines()[2:]):
        ranked = [line.split()[:2] for line in table if line[0].isdigit()]
        assert [rank for rank, _ in ranked] == ["1", "2", "3", "4", "5", "6"]
        assert ranked[-1][1] == "adagrad"


def test_120_columns_hold_all_of_it_in_one_table(tmp_path: Path) -> None:
    lines = show(write_optimizers(tmp_path), 120)
    assert "" not in lines
    words = "1 adam 0.8769 ± 0.0058 leads 0.8800 0.8769 5 79,510 4.0"
    assert lines[2].split() == words.split()


def test_epochs_run_are_an_average_where_seeds_stopped_at_different_ones(tmp_path: Path) -> None:
    contenders = [
        write_contender(tmp_path, "early", "adam", lengths=(5, 7)),
        write_contender(tmp_path, "full", "sgd", lengths=(12, 500)),
    ]
    facts = [line.split() for line in show(contenders, 80)[-2:]]
    assert [line[4] for line in facts] == ["5.8", "207.2"]


def test_without_validation_no_epoch_has_a_score(tmp_path: Path) -> None:
    contenders = [
        write_contender(tmp_path, kind, kind, with_validation=False) for kind in ("adam", "sgd")
    ]
    text = "\n".join(show(contenders, 80, part="test"))
    assert "in best" not in text
    assert "epochs\nrank  recipe     run  parameters  fit, s\n1     adam" in text


@pytest.mark.parametrize("width", [80, 120])
def test_long_names_fold_and_no_number_is_cut(tmp_path: Path, width: int) -> None:
    names = {"adam": "a_first_name_" + "x" * 40, "sgd": "패션 MNIST 모델 " + "y" * 40}
    lines = show(write_optimizers(tmp_path, names=names), width)
    assert max(map(len, lines)) <= width
    first = next(line for line in lines[2:] if line.startswith("1 "))
    assert "0.8769 ± 0.0058" in first
    assert any(line.endswith("fit, s") for line in lines)
    assert sum(line.endswith(("79,510     4.0", "79,510     3.8")) for line in lines) == 2
    assert "\n".join(lines).count("x") in (40, 80)  # each name is there whole


@pytest.mark.reliability("hostile")
def test_csv_has_no_text_that_a_spreadsheet_takes_as_a_formula(
    tmp_path: Path, record_property
) -> None:
    names = ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "a=1", "1e-5"]
    contenders = [
        write_contender(tmp_path / str(i), name, kind, n_seeds=2)
        for i, (name, kind) in enumerate(zip(names, [*OPTIMIZERS] * 2, strict=False))
    ]
    rows = [*csv.DictReader(io.StringIO(to_csv(compare(contenders)), newline=""))]
    assert {row["recipe"] for row in rows} == {
        *(f"'{name}" for name in names[:5]),
        *names[5:],
    }
    differences = [float(row["difference"]) for row in rows[1:]]  # negative numbers stay numbers
    assert all(difference <= 0 for difference in differences)
    record_property("cases", len(names))


def test_a_linear_model_on_the_same_rows_is_listed_where_runs_have_one(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path, n_seeds=2)
    scores = {"validation": {"accuracy": 0.8}, "test": {"accuracy": 0.7}}
    for run in contenders[0].runs:
        RunWriter(run.path).update(linear_model={"scores": scores})
    rows = compare(contenders).rows
    listed = {row["recipe"]: row["linear_model"] for row in rows}
    assert listed.pop(contenders[0].name) == pytest.approx(0.8)
    assert all(math.isnan(score) for score in listed.values())
    lines = show(contenders, 120)
    assert "linear" in lines[0]
    assert sum("0.8000" in line for line in lines) == 1
