"""The report as a whole: a run folder in, pictures and one page out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image as mpl_image
from scipy.stats import binomtest
from sklearn.metrics import mean_absolute_error, r2_score

from kerasrecipes.report import choose_plots, choose_samples, make_report
from kerasrecipes.runs import Run

from .fake_runs import FASHION, draw_shapes, write_classification, write_regression

pytestmark = pytest.mark.filterwarnings("error")


def report(run: Run) -> str:
    """Make the report with the task's own pictures, and give its page."""
    task = run.info["dataset"]["task"]
    make_report(run, choose_plots(task, run.samples is not None))
    return run.report_path.read_text(encoding="utf-8")


def test_each_task_has_its_pictures() -> None:
    assert choose_plots("regression", False) == ("regplot", "learning_curves", "residuals")
    assert choose_plots("classification", True) == (
        *("learning_curves", "confusion_matrix", "samples"),
        "class_counts",
    )
    assert "samples" not in choose_plots("classification", False)


def test_chosen_samples_are_the_first_and_the_most_confident_mistakes() -> None:
    is_correct = np.ones(100, dtype=bool)
    is_correct[[3, *range(50, 70)]] = False
    confidence = np.linspace(0, 1, 100)
    assert choose_samples(is_correct, confidence).tolist() == [*range(10), *range(60, 70)]


def test_a_regression_is_told_in_its_own_units(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run")
    page = report(run)
    columns = run.predictions
    y_true, y_pred = (np.array(columns[name], dtype=float) for name in ("actual", "predicted"))
    error, r2 = mean_absolute_error(y_true, y_pred), r2_score(y_true, y_pred)
    assert f"Predicts MEDV with a typical error of ±{error:.3g} ($1000s) on 152 rows" in page
    assert f"explains {r2:.0%} of the variance" in page
    assert "Signs of overfitting: the loss is 0.0413 on the training part and 0.151" in page
    assert "One seed (42) and one split are one draw" in page
    assert list(run.plots()) == ["learning_curves", "regplot", "residuals"]


def test_a_model_worse_than_the_mean_is_not_praised(tmp_path: Path) -> None:
    assert "explains none of the variance (R² −" in report(
        write_regression(tmp_path / "run", noise=40)
    )


def test_a_classification_is_told_with_its_interval_and_its_baseline(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", images=draw_shapes())
    page = report(run)
    columns = run.predictions
    n_correct = sum(map(str.__eq__, columns["actual"], columns["predicted"]))
    interval = binomtest(n_correct, 10_000).proportion_ci(method="wilson")
    assert f"Names the right class for {n_correct / 10_000:.1%} of 10,000 test images" in page
    assert f"95% interval {100 * interval.low:.1f}–{interval.high:.1%}, Wilson" in page
    assert "Most often confused: T-shirt/top taken for Trouser" in page
    most_frequent = FASHION[np.argmax(run.info["dataset"]["class_counts"]["train"])]
    share = columns["actual"].count(most_frequent) / 10_000
    assert f"Guessing the most frequent class would give {share:.1%}." in page
    assert set(run.plots()) == set(choose_plots("classification", True))


def test_pictures_are_whole_and_the_page_holds_them(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", images=draw_shapes(10, 3))
    page = report(run)
    for file in run.plots().values():
        pixels = mpl_image.imread(file)
        assert min(pixels.shape[:2]) > 200
        assert pixels[..., :3].std() > 0.01
    assert page.count("data:image/png;base64,") == len(run.plots()) == 4
    assert len(page.encode()) < 3_000_000
    assert all(re.findall(r'<img[^>]* alt="([^"]*)"', page))
    assert not re.search(r"<script|https?://|@import|url\(", page)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("data:", "#")) for source in sources)


def test_tables_show_the_arithmetic_and_the_totals(tmp_path: Path) -> None:
    page = report(write_regression(tmp_path / "run"))
    for text in ("12×200+200", "204,601", "203,400", "818 kB", "MAE ($1000s)", "R²"):
        assert text in page
    assert "kerasrecipes train configs/boston.yaml" in page
    assert "Dense: {units: 200, activation: relu}" in page


def test_a_hundred_classes_are_drawn(tmp_path: Path) -> None:
    names = tuple(f"class {i}" for i in range(100))
    page = report(write_classification(tmp_path / "run", names, n_samples=2_000))
    assert "Confusion matrix of 100 classes" in page


def test_two_classes_are_drawn(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", ("malignant", "benign"), n_samples=114)
    assert "malignant taken for benign" in report(run)


def test_words_of_any_script_reach_the_page(tmp_path: Path) -> None:
    names = ("티셔츠", "바지", "$5 to $10", "नमस्ते", "a\nb")
    run = write_classification(tmp_path / "run", names, n_samples=300, name="패션 MNIST 모델")
    page = report(run)
    assert "<title>패션 MNIST 모델" in page
    assert "티셔츠 taken for 바지" in page


def test_words_of_the_user_are_text_and_never_markup(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    run = write_classification(
        tmp_path / "run", (bad, "b"), n_samples=50, name=bad, description=bad, warnings=[bad]
    )
    run.write_recipe(f"name: {bad}\n")
    page = report(run)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


@pytest.mark.parametrize("status", ["interrupted", "failed", "running"])
def test_an_unfinished_run_says_so_and_shows_what_there_is(tmp_path: Path, status: str) -> None:
    run = Run(tmp_path)
    run.update(status=status, name="half", epochs=10)
    run.write_history({"loss": [0.5, 0.4, 0.3], "val_loss": [0.6, float("nan"), 0.55]})
    warnings = make_report(run, ["learning_curves", "regplot"])
    page = run.report_path.read_text(encoding="utf-8")
    assert 'class="banner"' in page
    assert "No verdict yet: 3 epochs finished" in page
    assert "3 of 10" in page
    assert list(run.plots()) == ["learning_curves"]
    assert warnings == ["The picture regplot is left out: this run has no data for it."]


def test_a_run_that_left_nothing_still_has_a_page(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.update(status="failed", name="nothing")
    make_report(run, choose_plots("classification", True))
    assert "0 epochs finished" in run.report_path.read_text(encoding="utf-8")


def test_without_validation_overfitting_is_not_judged(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", n_samples=100, with_validation=False)
    assert "No rows were held out for validation" in report(run)


def test_the_face_is_light() -> None:
    code = (
        "import sys, kerasrecipes.report, kerasrecipes.report.page; "
        "print([m for m in ('matplotlib', 'seaborn', 'pandas', 'sklearn', 'scipy') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
