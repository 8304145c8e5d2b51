"""Contenders as tables, which the page and the terminal show."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.table import make_tables
from kerasrecipes.runs import RunWriter
from kerasrecipes.terminal import print_table

from .fake_contenders import compare, write_contender, write_optimizers


def show(contenders: Sequence[Contender], width: int, part: str = "validation") -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    for table in make_tables(compare(contenders, part)).values():
        print_table(console, table)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_80_columns_hold_scores_verdicts_facts_and_differences(tmp_path: Path) -> None:
    lines = show(write_optimizers(tmp_path), 80)
    _, scores, facts, differences = (
        text.splitlines() for text in "\n".join(["", *lines]).split("\n\n")
    )
    assert scores[2].split()[-3:] == ["too", "few", "seeds"]
    assert scores[1].split() == ["adam", "0.8769", "±", "0.0058", "leads"]
    assert "−0.0832" in scores[-1]
    assert scores[0].split()[1] == "Accuracy"
    assert facts[:3] == [
        "           In best   In last",
        "Recipe       epoch     epoch   Epochs   Parameters   Time to fit",
        "adam        0.8800    0.8769        5       79,510        3.97 s",
    ]
    assert differences[1] == "adam       Adam(learning_rate=0.001)"
    for table in (scores, facts, differences):
        assert table[-1].startswith("adagrad")


def test_without_validation_no_epoch_has_a_score(tmp_path: Path) -> None:
    contenders = [
        write_contender(tmp_path, kind, kind, with_validation=False) for kind in ("adam", "sgd")
    ]
    assert all(math.isnan(row["best_epoch"]) for row in compare(contenders, "test").rows)
    assert "In best" not in "\n".join(show(contenders, 80, part="test"))


@pytest.mark.parametrize("width", [80, 120])
def test_long_names_fold_and_no_number_is_cut(tmp_path: Path, width: int) -> None:
    names = {"adam": "a_first_name_" + "x" * 40, "sgd": "패션 MNIST 모델 " + "y" * 40}
    lines = show(write_optimizers(tmp_path, names=names), width)
    assert max(map(len, lines)) <= width
    assert any("0.8769 ± 0.0058" in line for line in lines)
    assert (
        sum(line.endswith(("79,510        3.97 s", "79,510        3.83 s")) for line in lines) == 2
    )
    assert "".join(lines).count("x") >= 3 * 40  # each name is there whole


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
    assert sum("Linear" in line for line in lines) == 1
    assert sum("0.8000" in line for line in lines) == 1
