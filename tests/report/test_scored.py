"""Scores of probabilities are scikit-learn's; intervals and bins are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    roc_auc_score,
)

from kerasrecipes.report.results import Results, Scored
from kerasrecipes.report.tables import score_classes, score_probabilities, score_thresholds


def make_scored(n_rows: int = 500, *, weights: bool = False, threshold: float = 0.5) -> Scored:
    rng = np.random.default_rng(4)
    logits = rng.normal(size=n_rows).round(1)  # some are equal
    chances = expit(logits)
    y_true = (rng.random(n_rows) < chances).astype(int)
    given = rng.exponential(size=n_rows) if weights else np.ones(n_rows)
    y_prob = np.column_stack([1 - chances, chances])
    return Scored("ill", y_true, (chances >= threshold).astype(int), y_prob, given)


@pytest.mark.parametrize("weights", [False, True])
def test_scores_are_those_of_scikit_learn(weights):
    scored = make_scored(weights=weights)
    (row,) = score_probabilities([scored]).rows
    given = {"sample_weight": scored.weights}
    pair = (scored.y_true, scored.chances)
    assert row[0] == "ill"
    assert row[1].startswith(f"{roc_auc_score(*pair, **given):.3f} (")
    assert row[2].startswith(f"{average_precision_score(*pair, **given):.3f} (")
    assert row[3] == f"{brier_score_loss(*pair, **given):.3f}"
    assert row[4] == f"{log_loss(*pair, **given):.3f}"


def test_95_percent_intervals_contain_the_true_area_about_that_often():
    rng, hits = np.random.default_rng(5), 0
    for _ in range(100):
        y_true = np.arange(200) % 2
        chances = expit(rng.normal(size=200) + y_true)  # the true area is 0.760
        y_prob = np.column_stack([1 - chances, chances])
        low, high = Scored("", y_true, y_true, y_prob, np.ones(200)).areas[0][7:-1].split("–")
        hits += float(low) <= 0.760 <= float(high)
    assert 88 <= hits <= 99


def test_rows_of_one_class_have_no_areas():
    scored = make_scored()
    alike = Scored("", scored.y_true * 0, scored.y_pred, scored.y_prob, scored.weights)
    assert alike.areas == []
    assert score_probabilities([alike]).rows[0][1:3] == ["–", "–"]


def test_bins_are_those_of_scikit_learn():
    scored = make_scored(5000)
    shares, means = calibration_curve(scored.y_true, scored.chances, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(scored.bins[0], means)
    np.testing.assert_allclose(scored.bins[1], shares)
    assert scored.bins[2].sum() == pytest.approx(1)


def test_equal_probabilities_are_one_bin():
    y_prob = np.full((50, 2), 0.5)
    scored = Scored("", np.arange(50) % 2, np.zeros(50, int), y_prob, np.ones(50))
    np.testing.assert_allclose(scored.bins, [[0.5], [0.5], [1]])


def test_of_several_classes_the_likeliest_counts():
    rng = np.random.default_rng(6)
    y_prob = softmax(rng.normal(size=(300, 3)), axis=1)
    y_true = rng.integers(0, 3, 300)
    scored = Scored("all classes", y_true, y_prob.argmax(axis=1), y_prob, np.ones(300))
    table = score_probabilities([scored])
    assert [*table.headings] == ["Probability of", "Brier score", "Log loss", "Calibration error"]
    brier = ((np.eye(3)[y_true] - y_prob) ** 2).sum(axis=1).mean()
    assert table.rows[0][1:3] == [f"{brier:.3f}", f"{log_loss(y_true, y_prob):.3f}"]
    sizes, gaps = scored.bins[2], np.abs(scored.bins[0] - scored.bins[1])
    assert table.rows[0][3] == f"{sizes @ gaps:.3f}"
    assert score_thresholds([scored], []).rows == []


def test_a_class_is_separated_from_all_others():
    rng = np.random.default_rng(6)
    y_prob = softmax(rng.normal(size=(300, 3)), axis=1)
    y_true = rng.integers(0, 3, 300)
    all_classes = Scored("all classes", y_true, y_prob.argmax(axis=1), y_prob, np.ones(300))
    one = all_classes.separate(2, "c")
    assert [one.name, one.is_binary] == ["c", True]
    assert one.areas[0].startswith(f"{roc_auc_score(y_true == 2, y_prob[:, 2]):.3f} (")


def test_a_class_of_one_row_among_very_many_has_areas():
    happened = (np.arange(20_000) == 19_999).astype(int)
    y_prob = np.eye(2)[happened] * 0.5 + 0.25
    scored = Scored("b", happened, happened, y_prob, np.ones(20_000))
    assert scored.areas == ["1.000 (1.000–1.000)"] * 2


def test_classes_are_scored_at_the_threshold_and_at_a_half():
    scored = make_scored(weights=True, threshold=0.3123456)
    first, second = score_thresholds([scored], [0.3123456]).rows
    given = {"sample_weight": scored.weights}
    for row, threshold in ((first, 0.5), (second, 0.3123456)):
        predicted = scored.chances > threshold
        assert row[:2] == ["ill", f"{threshold:.4g}"]
        assert row[2] == f"{accuracy_score(scored.y_true, predicted, **given):.3f}"
        assert row[-1] == f"{f1_score(scored.y_true, predicted, **given):.3f}"
    assert score_thresholds([make_scored()], []).rows == []


@pytest.mark.filterwarnings("error")
def test_labels_that_are_never_predicted_have_no_precision_and_no_mean_of_it():
    labels = {"task": "multilabel", "targets": ["a", "b"]}
    columns = {"actual_a": [0, 1], "predicted_a": [0, 0], "actual_b": [1, 1], "predicted_b": [0, 0]}
    table = score_classes(Results({"dataset": labels}, predictions=columns))
    assert [row[:3] for row in table.rows] == [["a", "–", "0.000"], ["b", "–", "0.000"]]
    assert table.total == ["Mean", "–", "0.000", "0.000"]
