"""Contenders as tables, which the page and the terminal show."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from kerasrecipes.comparison.contenders import Contender
from kerasrecipes.comparison.page import make_tables, to_csv, to_markdown
from kerasrecipes.runs import RunWriter
from kerasrecipes.terminal import print_table

from .fake_contenders import OPTIMIZERS, compare, write_contender, write_optimizers


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


def test_names_that_fit_beside_the_verdicts_are_not_broken(tmp_path: Path) -> None:
    names = {"adam": "optimizer=adam", "sgd_lr01": "optimizer=sgd"}
    contenders = write_optimizers(tmp_path, 3, names)
    lines = show(contenders, 80)
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("optimizer=adam ") for line in lines) == 3
    assert "0.8708 ± 0.0047" in " ".join(show(contenders, 60))


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


def test_markdown_has_a_line_for_each_recipe(tmp_path: Path) -> None:
    names = {"adam": "a|b", "sgd": "c"}
    headings, _, best, other = to_markdown(compare(write_optimizers(tmp_path, 5, names))).split(
        "\n"
    )[:4]
    assert headings.startswith("| rank | recipe | part |")
    assert headings.endswith("| fit_s | recipe.optimizer |")
    assert best.startswith("| 1 | a\\|b | validation | accuracy | 5 | 0.8769 | 0.005")
    assert other.endswith("| SGD(learning_rate=0.01) |")
    assert "nan" not in best + other


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
