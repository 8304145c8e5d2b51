"""Temperature and thresholds are what the validation rows say, and travel with the model."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
)

from kerasrecipes.model.built import choose_threshold, fit_temperature
from kerasrecipes.model.target import TargetCodec
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.rows import Part

BINARY = TargetCodec(LossKind.BINARY, ("no", "yes"), 1)
THREE = TargetCodec(LossKind.INTEGERS, ("a", "b", "c"), 3)
LABELS = TargetCodec(LossKind.BINARY, (), 2, names=("x", "y"), is_multilabel=True)


def make_part(target: np.ndarray, weights: np.ndarray | None = None) -> Part:
    return Part(np.zeros((len(target), 1)), target, np.arange(len(target)), weights)


def draw_classes(n_rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits three times too large, and the classes that happened."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n_rows, 3)) * 1.5
    y_true = np.array([rng.choice(3, p=p) for p in softmax(logits, axis=1)])
    return (3 * logits).astype(np.float32), y_true


@pytest.mark.parametrize("from_logits", [True, False])
def test_a_temperature_takes_back_what_made_the_model_too_sure(from_logits):
    logits, y_true = draw_classes()
    codec = TargetCodec(LossKind.INTEGERS, ("a", "b", "c"), 3, from_logits=from_logits)
    outputs = logits if from_logits else softmax(logits, axis=1)
    temperature = fit_temperature(codec, outputs, make_part(y_true))
    assert temperature == pytest.approx(3, rel=0.08)
    at = {t: log_loss(y_true, softmax(logits / t, axis=1)) for t in (temperature, 2.8, 3.2)}
    assert min(at, key=at.__getitem__) == temperature


def test_labels_have_one_temperature_and_weights_count():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(5000, 2)) * 2
    y_true = (rng.random((5000, 2)) < expit(logits)).astype(np.float32)
    outputs = expit(2 * logits).astype(np.float32)
    weights = np.ones(5000, np.float32)
    temperature = fit_temperature(LABELS, outputs, make_part(y_true, weights))
    assert temperature == pytest.approx(2, rel=0.08)
    doubled = np.concatenate([outputs, outputs[:1000]]), np.concatenate([y_true, y_true[:1000]])
    weights[:1000] = 2
    assert fit_temperature(LABELS, outputs, make_part(y_true, weights)) == pytest.approx(
        fit_temperature(LABELS, doubled[0], make_part(doubled[1])), rel=1e-3
    )


@pytest.mark.parametrize(
    "outputs",
    [
        np.array([[0.1], [0.2], [0.8], [0.9]], np.float32),  # all right: ever surer is better
        np.array([[-3], [2.5], [7], [1]], np.float32),  # no probabilities
    ],
)
def test_rows_that_give_no_temperature_leave_the_probabilities(outputs):
    assert fit_temperature(BINARY, outputs, make_part(np.array([0, 0, 1, 1]))) == 1


@pytest.mark.parametrize("codec", [BINARY, THREE, LABELS])
@pytest.mark.parametrize("from_logits", [True, False])
def test_the_layers_divide_logits_by_the_temperature(codec, from_logits):
    logits = np.random.default_rng(2).normal(size=(50, codec.n_units)).astype(np.float32) * 4
    chances = softmax(logits, axis=1) if codec is THREE else expit(logits)
    expected = softmax(logits / 2, axis=1) if codec is THREE else expit(logits / 2)
    facts = codec.to_dict() | {"from_logits": from_logits, "temperature": 2.0}
    inputs = outputs = keras.Input((codec.n_units,))
    for layer in TargetCodec.from_dict(facts).make_layers():
        outputs = layer(outputs)
    found = keras.Model(inputs, outputs)(logits if from_logits else chances)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_certain_probabilities_stay_finite_and_in_their_order():
    for codec, rows in ((BINARY, [[0.0], [0.5], [1.0]]), (THREE, [[0, 0, 1], [0, 0.5, 0.5]])):
        outputs = np.array(rows, np.float32)
        for layer in TargetCodec.from_dict(codec.to_dict() | {"temperature": 1.7}).make_layers():
            outputs = layer(outputs)
        np.testing.assert_allclose(outputs, rows, atol=1e-4)


def make_scores(seed: int = 0, n_rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y_true = rng.random(n_rows) < 0.3
    return y_true, expit(rng.normal(size=n_rows) + 1.5 * y_true - 1).astype(np.float32)


@pytest.mark.parametrize(
    ("aim", "score"), [("f1", f1_score), ("balanced_accuracy", balanced_accuracy_score)]
)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_maximised_score_is_the_highest_of_all_thresholds(aim, score, is_weighted):
    y_true, y_prob = make_scores()
    weights = np.random.default_rng(3).exponential(size=300) if is_weighted else None
    threshold = choose_threshold(y_true, y_prob, {"maximize": aim}, weights)
    found = score(y_true, y_prob >= np.float32(threshold), sample_weight=weights)
    every = [score(y_true, y_prob >= each, sample_weight=weights) for each in y_prob]
    assert found == pytest.approx(max(every))


def test_a_recall_is_reached_by_the_highest_threshold():
    y_true, y_prob = make_scores()
    threshold = choose_threshold(y_true, y_prob, {"recall": 0.9})
    assert recall_score(y_true, y_prob >= threshold) >= 0.9
    higher = y_prob[y_prob > threshold].min() + 1e-6
    assert recall_score(y_true, y_prob >= higher) < 0.9


def test_a_precision_is_reached_with_the_highest_recall():
    y_true, y_prob = make_scores()
    threshold = choose_threshold(y_true, y_prob, {"precision": 0.6})
    assert precision_score(y_true, y_prob >= threshold) >= 0.6
    lower = [each for each in y_prob if each < threshold]
    assert all(precision_score(y_true, y_prob >= each) < 0.6 for each in lower)


def test_a_threshold_lies_between_two_probabilities():
    y_true = np.array([False, False, True, True])
    y_prob = np.array([0.1, 0.31337, 0.31339, 0.9], np.float32)
    assert choose_threshold(y_true, y_prob, {"maximize": "f1"}) == pytest.approx(0.31338)
    y_prob = np.array([0, 0, 0.62, 1], np.float32)
    assert choose_threshold(y_true, y_prob, {"recall": 0.99}) == pytest.approx(0.31)


@pytest.mark.parametrize("aim", [{"maximize": "f1"}, {"recall": 0.9}, {"precision": 0.9}])
def test_rows_of_one_class_give_no_threshold(aim):
    y_prob = np.array([0.2, 0.4, 0.6], np.float32)
    assert choose_threshold(np.zeros(3, bool), y_prob, aim) is None
    assert choose_threshold(np.ones(3, bool), y_prob, aim) is None


def test_a_precision_out_of_reach_gives_no_threshold():
    y_true, y_prob = np.array([True, False, False]), np.array([0.2, 0.4, 0.6], np.float32)
    assert choose_threshold(y_true, y_prob, {"precision": 0.9}) is None


def test_classes_and_labels_are_predicted_from_their_thresholds_on():
    def decode(codec: TargetCodec, outputs: list, *thresholds: float) -> dict:
        facts = codec.to_dict() | {"thresholds": [*thresholds]}
        return TargetCodec.from_dict(facts).decode(np.array(outputs, np.float32))

    assert decode(BINARY, [[0.2], [0.3], [0.4]], 0.3)["predicted"].tolist() == ["no", "yes", "yes"]
    two = TargetCodec(LossKind.INTEGERS, ("no", "yes"), 2)
    assert decode(two, [[0.6, 0.4], [0.8, 0.2]], 0.3)["predicted"].tolist() == ["yes", "no"]
    assert decode(two, [[0.5, 0.5]])["predicted"].tolist() == ["no"]
    labels = decode(LABELS, [[0.3, 0.3]], 0.3, 0.4)
    assert (labels["predicted_x"].tolist(), labels["predicted_y"].tolist()) == ([1], [0])
