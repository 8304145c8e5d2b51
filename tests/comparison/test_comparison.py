"""The object that a comparison gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from kerasrecipes.comparison.comparison import rank_contenders
from kerasrecipes.runs import RunWriter

from .fake_contenders import compare, write_contender, write_optimizers


def test_recipes_stand_from_best_to_worst_in_everything_it_has(tmp_path: Path) -> None:
    comparison = compare(write_optimizers(tmp_path)[::-1])
    names = [contender.name for contender in comparison.contenders]
    assert names[0] == "fashion_relu_adam"
    assert [standing.name for standing in comparison.ranking.standings] == names
    table = pd.DataFrame(comparison.rows)
    assert table["recipe"].tolist() == names
    assert table["mean"].is_monotonic_decreasing
    assert str(comparison).startswith(
        "adam leads and is better than sgd and adagrad on validation accuracy"
    )


def test_a_metric_has_the_name_and_unit_that_train_prints(tmp_path: Path) -> None:
    contenders = [write_contender(tmp_path / kind, kind, kind) for kind in ("adam", "sgd")]
    for run in contenders[0].runs:
        data = run.info["dataset"] | {"standardized": True, "target_unit": "$"}
        RunWriter(run.path).update(dataset=data)
        RunWriter(run.path).write_metrics({"test": run.metrics["test"] | {"mae": 0.3}})
    for run in contenders[1].runs:
        RunWriter(run.path).write_metrics({"test": run.metrics["test"] | {"mae": 0.4}})
    comparison = compare(contenders, "test", "mae", higher_is_better=False)
    assert comparison.metric_name == "MAE (standardised)"
    assert " on test MAE (standardised)" in str(comparison)


def test_it_is_ranked_by_the_direction_of_the_metric(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path)
    best = compare(contenders, "test", "loss", higher_is_better=False).contenders[0]
    assert best.name == "fashion_relu_adam"


def test_overlapping_splits_are_scored_rows_per_training_row(tmp_path: Path) -> None:
    contenders = write_optimizers(tmp_path)
    _, ranking = rank_contenders(
        contenders, "test", "accuracy", higher_is_better=True, draw_name="split"
    )
    assert ranking.test_share == 10_000 / 48_000


def test_a_notebook_shows_its_page(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text('<p class="x">모델</p>', encoding="utf-8")
    shown = replace(compare([write_contender(tmp_path, "<b>", n_seeds=2)]), page=page)
    assert 'srcdoc="&lt;p class=&quot;x&quot;&gt;모델&lt;/p&gt;"' in shown._repr_html_()
    assert repr(shown) == f"Comparison(<b> by validation accuracy, page={str(page)!r})"
