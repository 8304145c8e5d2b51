"""The report as a whole: a run folder in, pictures and one page out."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image as mpl_image
from scipy.stats import binomtest
from sklearn.metrics import classification_report, mean_absolute_error

from kerasrecipes.report import choose_plots, choose_samples, make_report
from kerasrecipes.report.serving import write_snippet
from kerasrecipes.report.words import name_metric, write_with_unit
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.runs import Run, RunWriter

from .fake_runs import (
    FASHION,
    LAYERS,
    draw_shapes,
    write_classification,
    write_evaluation,
    write_regression,
    write_table,
)

pytestmark = pytest.mark.filterwarnings("error")


def report(run: Run) -> str:
    """Make the report with the task's own pictures, and give its page."""
    task = run.info["dataset"]["task"]
    make_report(run, choose_plots({"task": task, "is_image": run.samples is not None}))
    return run.report_path.read_text(encoding="utf-8")


def read_table(page: str, section: str) -> list[list[str]]:
    """The text of the cells of a section's first table, by row, the head included."""
    _, _, rest = page.replace("<wbr>", "").partition(f'<h2 id="{section}">')
    return [
        [html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", rest.partition("</table>")[0], re.DOTALL)
    ]


def test_each_task_has_its_pictures() -> None:
    assert choose_plots({"task": "regression"}) == ("regplot", "learning_curves", "residuals")
    images = {"task": "classification", "is_image": True}
    assert choose_plots(images) == (
        *("learning_curves", "confusion_matrix", "reliability", "samples", "occlusion"),
        "class_counts",
    )
    assert "samples" not in choose_plots({"task": "classification"})
    for n_classes, has_curves in ((1, False), (2, True), (8, True), (10, False)):
        plots = choose_plots({"task": "classification", "class_names": ["a"] * n_classes})
        assert ("roc_pr_curves" in plots) == has_curves
    assert "roc_pr_curves" in choose_plots({"task": "multilabel"})
    table = {"task": "regression", "columns": [], "targets": ["y"]}
    assert {"residuals_by_column", "importance"} <= {*choose_plots(table)}


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
    error, r2 = mean_absolute_error(y_true, y_pred), run.metrics["test"]["r2"]
    assert f"The mean absolute error on 152 test rows is {error:.3g} ($1000s) for MEDV." in page
    assert f"The model explains {r2:.0%} of the variance (R²)." in page
    assert "Signs of overfitting: the loss is 0.0413 on the training part and 0.151" in page
    assert "This is one run (seed 42) on one split." in page
    assert list(run.plots()) == ["learning_curves", "regplot", "residuals"]


@pytest.mark.parametrize(
    ("unit", "words"),
    [("$", "−$22,983"), ("mm", "−22,983 mm"), ("$1000s", "−22,983 ($1000s)"), ("", "−22,983")],
)
def test_a_unit_is_written_where_people_write_it(unit: str, words: str) -> None:
    assert write_with_unit(-22983, unit) == words


def test_a_confidence_interval_has_the_unit_of_its_errors(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run")
    run.update(dataset=run.info["dataset"] | {"target_unit": "$"})
    assert re.search(r"confidence interval of the error is \$[\d.]+ to \$[\d.]+\.", report(run))


def test_a_model_worse_than_the_mean_is_not_praised(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run", noise=40)
    run.write_metrics({"test": {"r2": -0.3}})
    assert "The model explains none of the variance (R²)." in report(run)


def test_one_epoch_is_singular(tmp_path: Path) -> None:
    run = write_regression(tmp_path / "run", epochs=1)
    run.write_history({"loss": [1.0]})
    assert "<dt>epoch</dt><dd>1</dd>" in report(run)


def test_a_classification_is_told_with_its_interval_and_its_baseline(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", images=draw_shapes())
    page = report(run)
    columns = run.predictions
    n_correct = sum(map(str.__eq__, columns["actual"], columns["predicted"]))
    interval = binomtest(n_correct, 10_000).proportion_ci(method="wilson")
    assert f"predicts the right class for {n_correct / 10_000:.1%} of 10,000 test rows" in page
    assert f"95% confidence interval {100 * interval.low:.1f}–{interval.high:.1%}, Wilson" in page
    share = max(map(columns["actual"].count, FASHION)) / 10_000
    assert f"Always predicting the most frequent class would score {share:.1%}." in page
    assert set(run.plots()) == {*choose_plots({"task": "classification", "is_image": True})} - {
        "occlusion"
    }


@pytest.mark.parametrize(
    ("n_correct", "judged"),
    [(95, "."), (80, ": the model is not clearly better."), (60, ": the model scores lower.")],
)
def test_classes_are_compared_with_the_most_frequent_one(
    tmp_path: Path, n_correct: int, judged: str
) -> None:
    run = write_classification(tmp_path / "run", ("no", "yes"), n_samples=100)
    actual = ["no"] * 80 + ["yes"] * 20
    other = {"no": "yes", "yes": "no"}
    predicted = [name if i < n_correct else other[name] for i, name in enumerate(actual)]
    run.write_predictions({"row": [*range(100)], "actual": actual, "predicted": predicted})
    share = "Always predicting the most frequent class would score 80.0%"
    assert share + judged in report(run)


def test_pictures_are_whole_and_the_page_holds_them(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", images=draw_shapes(10, 3))
    page = report(run)
    for file in run.plots().values():
        pixels = mpl_image.imread(file)
        assert min(pixels.shape[:2]) > 200
        assert pixels[..., :3].std() > 0.01
    assert len(run.plots()) == 5
    assert page.count("data:image/svg+xml;base64,") == 2 + 1 + 4 + 1 + 3  # panels
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


def test_an_unknown_number_of_multiply_adds_is_left_empty(tmp_path: Path) -> None:
    layers = [LAYERS[0], LAYERS[1] | {"multiply_adds": None}, LAYERS[2]]
    run = write_regression(tmp_path / "run", layers=layers, multiply_adds=None)
    assert [row[-1] for row in read_table(report(run), "layers")] == [
        *("Multiply-adds", "2,400", "–", "1,000", "")
    ]


def test_a_name_breaks_only_after_a_mark(tmp_path: Path) -> None:
    page = report(write_regression(tmp_path / "run", loss="binary_crossentropy"))
    assert "Loss (binary_<wbr>crossentropy, standardised)" in page


def test_a_hundred_classes_are_drawn(tmp_path: Path) -> None:
    names = tuple(f"class {i}" for i in range(100))
    page = report(write_classification(tmp_path / "run", names, n_samples=2_000))
    assert "<h3>Confusion matrix</h3>" in page
    assert len(read_table(page, "classes")) == 1 + 100 + 1


def test_two_classes_are_drawn(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", ("malignant", "benign"), n_samples=114)
    assert [row[0] for row in read_table(report(run), "classes")[1:3]] == ["malignant", "benign"]


def test_words_of_any_script_reach_the_page(tmp_path: Path) -> None:
    names = ("티셔츠", "바지", "$5 to $10", "नमस्ते", "a\nb")
    run = write_classification(tmp_path / "run", names, n_samples=300, name="패션 MNIST 모델")
    page = report(run)
    assert "<title>패션 MNIST 모델" in page
    assert [row[0] for row in read_table(page, "classes")[1:3]] == ["티셔츠", "바지"]


def test_words_of_the_user_are_text_and_never_markup(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"
    run = write_classification(
        tmp_path / "run", (bad, "b"), n_samples=50, name=bad, description=bad, warnings=[bad]
    )
    run.write_recipe(f"name: {bad}\n")
    page = report(run)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


def test_each_of_several_targets_has_its_error_and_its_pictures(tmp_path: Path) -> None:
    run = write_table(tmp_path / "run", ("price", "rent/m²"))
    page = report(run)
    columns = {name: np.array(values, dtype=float) for name, values in run.predictions.items()}
    price, rent = (
        mean_absolute_error(columns[f"actual_{name}"], columns[f"predicted_{name}"])
        for name in ("price", "rent/m²")
    )
    errors = f"{price:.3g} for price, {rent:.3g} for rent/m²"
    assert f"The mean absolute error on 60 test rows is {errors}." in page
    files = ["regplot_1", "regplot_2", "residuals_1", "residuals_2"]
    assert list(run.plots()) == ["learning_curves", *files]
    assert "<h3>Residuals: rent/m²</h3>" in page
    assert "MAE of rent/m² (original units)" in page
    assert "R² of price" in page


def test_of_many_targets_the_first_are_told_and_drawn(tmp_path: Path) -> None:
    run = write_table(tmp_path / "run", tuple(f"y{i}" for i in range(10)))
    make_report(run, ["residuals"])
    assert len(run.plots()) == 8
    assert re.search(r"[\d.]+ for y4 and 5 more\.", run.report_path.read_text())


def test_several_targets_without_predictions_have_no_verdict(tmp_path: Path) -> None:
    run = write_table(tmp_path / "run", ("a", "b"), status="interrupted")
    (run.path / "predictions.csv").unlink()
    assert "No verdict: no test row was predicted" in report(run)
    assert "regplot_1" not in run.plots()


def test_columns_are_told_in_plain_words_with_their_reasons(tmp_path: Path) -> None:
    page = report(write_table(tmp_path / "run"))
    assert read_table(page, "columns") == [
        ["Column", "Taken as", "Why"],
        ["size", "number, standardised", "–"],
        ["rooms", "number, as it is", "set in features"],
        ["garden", "true or false", "–"],
        ["age", "number, in 8 bins", "set in features"],
        ["lot", "number, times 0.5 plus 0", "set in features"],
        ["city", "category, up to 100 values", "3 distinct values"],
        ["street", "category, hashed to 32 values", "set in features"],
        ["sold", "date: year, month", "dates of 2 years"],
        ["id", "left out", "a row number, counted from 1"],
    ]
    assert "How the columns are used to predict price" in page


def test_columns_used_alike_share_a_row(tmp_path: Path) -> None:
    columns = tuple(make_column(f"x{i}") for i in range(41))
    page = report(write_table(tmp_path / "run", columns=columns, left_out=()))
    names = ", ".join(f"x{i}" for i in range(41))
    assert read_table(page, "columns")[1:] == [[names, "number, standardised", "–"]]


def test_the_saved_model_is_described_with_code_that_calls_it(tmp_path: Path) -> None:
    run = write_table(tmp_path / "run")
    page = report(run)
    numbers = "size, rooms, garden, age, lot, sold (year), sold (month)"
    assert read_table(page, "model")[1:] == [
        ["numbers", "float32, any × 7", numbers],
        ["categories", "string, any × 2", "city, street"],
    ]
    assert write_snippet(run.info["dataset"]) in html.unescape(page)
    run.update(status="failed")
    assert 'id="model"' not in report(run)


def test_arrays_have_no_columns(tmp_path: Path) -> None:
    assert 'id="columns"' not in report(write_classification(tmp_path / "run", n_samples=100))


def test_each_class_has_scikit_learns_scores(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", n_samples=500)
    table = read_table(report(run), "classes")
    columns = run.predictions
    expected = classification_report(columns["actual"], columns["predicted"], output_dict=True)
    rows = [*FASHION, "macro avg"]
    assert [row[0] for row in table[1:]] == [*FASHION, "Mean or total"]
    for name, (_, *values) in zip(rows, table[1:], strict=True):
        of_class = expected[name]
        scores = [f"{of_class[key]:.3f}" for key in ("precision", "recall", "f1-score")]
        assert values[:3] == scores
    counts = run.info["dataset"]["class_counts"]
    assert table[0][4:] == ["Train", "Validation", "Test"]
    assert table[1][4:] == [f"{of_part[0]:,}" for of_part in counts.values()]


def test_a_class_without_rows_has_no_scores(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", ("a", "b", "c"), n_samples=4)
    run.write_predictions({"row": range(2), "actual": ["a", "b"], "predicted": ["a", "a"]})
    assert [row[:4] for row in read_table(report(run), "classes")[1:]] == [
        ["a", "0.500", "1.000", "0.667"],
        ["b", "–", "0.000", "0.000"],
        ["c", "–", "–", "–"],
        ["Mean or total", "0.500", "0.500", "0.333"],
    ]


CLAIMS_OF_A_RUN = ("test part", "test row", "test image", "verfitting", "held out", "epochs</dt>")


def test_an_evaluation_of_numbers_claims_only_what_is_known(tmp_path: Path) -> None:
    evaluation = write_evaluation(write_table(tmp_path / "run"))
    make_report(evaluation, evaluation.info["plots"])
    page = evaluation.report_path.read_text(encoding="utf-8")
    assert "Evaluation of houses_new.csv · regression · 2026-02-01 12:00" in page
    assert '<h1 dir="auto">houses</h1>' in page
    assert re.search(r"error on 60 evaluated rows is [\d.]+ for price\.", page)
    assert "was trained on some of these rows, the scores are too optimistic" in page
    assert "<dt>rows</dt><dd>60</dd>" in page
    assert "The finished model on houses_new.csv" in page
    assert [claim for claim in CLAIMS_OF_A_RUN if claim in page] == []
    assert "fingerprint" not in page.lower()
    assert "left out" not in page
    assert list(evaluation.plots()) == ["regplot", "residuals"]


def test_an_evaluation_of_classes_claims_only_what_is_known(tmp_path: Path) -> None:
    run = write_classification(tmp_path / "run", ("malignant", "benign"), n_samples=200)
    evaluation = write_evaluation(run, "patients.csv")
    make_report(evaluation, ["confusion_matrix"])
    page = evaluation.report_path.read_text(encoding="utf-8")
    assert re.search(r"the right class for [\d.]+% of 200 evaluated rows \(95%", page)
    assert "Always predicting the most frequent class would score" in page
    assert "<dt>classes</dt><dd>2</dd>" in page
    assert read_table(page, "classes")[0][-1] == "Evaluated"
    assert [claim for claim in CLAIMS_OF_A_RUN if claim in page] == []


@pytest.mark.parametrize("status", ["interrupted", "failed", "running"])
def test_an_unfinished_run_says_so_and_shows_what_there_is(tmp_path: Path, status: str) -> None:
    run = RunWriter(tmp_path)
    run.update(status=status, name="half", epochs=10)
    run.write_history({"loss": [0.5, 0.4, 0.3], "val_loss": [0.6, float("nan"), 0.55]})
    warnings = make_report(run, ["learning_curves", "regplot"])
    page = run.report_path.read_text(encoding="utf-8")
    assert 'class="banner"' in page
    assert "No verdict: no test row was predicted." in page
    assert "3 of 10" in page
    assert list(run.plots()) == ["learning_curves"]
    assert warnings == ["The plot regplot is left out: this run has no data for it."]


def test_a_run_that_left_nothing_still_has_a_page(tmp_path: Path) -> None:
    run = RunWriter(tmp_path)
    run.update(status="failed", name="nothing")
    make_report(run, choose_plots({"task": "classification", "is_image": True}))
    assert "No verdict: no test row was predicted." in run.report_path.read_text(encoding="utf-8")


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


def test_the_page_says_where_a_continued_run_came_from(tmp_path: Path):
    continued = [
        {"run": "runs/a/1", "epoch": 3, "step": 0},
        {"run": "runs/a/1", "epoch": 5, "step": 7},
    ]
    run = write_table(
        tmp_path / "run", continued=continued, weights_from={"run": "runs/b/2", "layers": ["x"]}
    )
    make_report(run, [])
    page = run.report_path.read_text(encoding="utf-8")
    assert "runs/a/1 after epoch 3, runs/a/1 after epoch 5" in page
    assert "runs/b/2" in page


def test_a_score_of_a_target_is_no_metric_of_keras():
    assert name_metric("r2_rent") == "R² of rent"
    assert name_metric("r2_score_0") == "R2 score 0"
    assert name_metric("mean_io_u") == "Mean IoU"
