"""Metrics of classes see probabilities, and one-hot rows where they expect them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from kerasrecipes.model.build import make_metric
from kerasrecipes.recipe import Component

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(200, 1)).astype(np.float32)
BINARY = (LOGITS + RNG.normal(size=(200, 1)) > 0).astype(np.float32)
LOGITS_3 = RNG.normal(size=(200, 3)).astype(np.float32)
CLASSES = RNG.integers(0, 3, (200, 1)).astype(np.int32)
ROWS = np.eye(3, dtype=np.float32)[CLASSES[:, 0]]
SPARSE, BINARY_LOSS = "sparse_categorical_crossentropy", "binary_crossentropy"


def measure(make_recipe, loss: Any, metric: Any, n_units: int, target, outputs) -> float:
    layer = {"Dense": {"units": n_units, "activation": "softmax" if n_units > 1 else "sigmoid"}}
    if isinstance(loss, dict):
        layer = {"Dense": {"units": n_units}}
    recipe = make_recipe(layers=[layer], loss=loss, metrics=[metric])
    model = keras.Sequential([keras.Input((n_units,)), keras.layers.Activation("linear")])
    component: Component = recipe.metrics[0]
    made = make_metric(recipe, component, n_units)
    model.compile(loss="mse", metrics=[made])
    scores = model.evaluate(outputs, target, verbose=0, return_dict=True, batch_size=50)
    (value,) = (value for name, value in scores.items() if name != "loss")
    return value


@pytest.mark.parametrize(
    ("metric", "plain"),
    [
        ("Precision", keras.metrics.Precision),
        ("Recall", keras.metrics.Recall),
        ("AUC", keras.metrics.AUC),
        ("auc", keras.metrics.AUC),
        ("binary_accuracy", keras.metrics.BinaryAccuracy),
        ("accuracy", keras.metrics.BinaryAccuracy),
        ({"BinaryAccuracy": {"threshold": 0.0}}, keras.metrics.BinaryAccuracy),
        ({"Precision": {"thresholds": 0}}, keras.metrics.Precision),
        ({"Recall": {"thresholds": [0]}}, keras.metrics.Recall),
        ({"F1Score": {"threshold": 0.5, "average": "macro"}},
         lambda: keras.metrics.F1Score(threshold=0.5, average="macro")),
        ("BinaryCrossentropy", keras.metrics.BinaryCrossentropy),
        ({"BinaryCrossentropy": {"from_logits": True}}, keras.metrics.BinaryCrossentropy),
        ("mse", keras.metrics.MeanSquaredError),
    ],
)  # fmt: skip
def test_metrics_of_a_logit_are_those_of_its_probability(make_recipe, metric, plain):
    loss = {"BinaryCrossentropy": {"from_logits": True}}
    score = measure(make_recipe, loss, metric, 1, BINARY, LOGITS)
    expected = plain()
    expected.update_state(BINARY, keras.ops.sigmoid(LOGITS))
    assert score == pytest.approx(float(expected.result()), rel=1e-5)


@pytest.mark.parametrize(
    ("metric", "plain"),
    [
        ({"F1Score": {"average": "macro"}}, lambda: keras.metrics.F1Score(average="macro")),
        ({"FBetaScore": {"average": "micro", "beta": 2.0}},
         lambda: keras.metrics.FBetaScore(average="micro", beta=2.0)),
        ("CategoricalAccuracy", keras.metrics.CategoricalAccuracy),
        ({"TopKCategoricalAccuracy": {"k": 2}}, lambda: keras.metrics.TopKCategoricalAccuracy(k=2)),
        ("AUC", keras.metrics.AUC),
        ("Precision", keras.metrics.Precision),
        ({"Recall": {"class_id": 2}}, lambda: keras.metrics.Recall(class_id=2)),
        ("categorical_accuracy", keras.metrics.CategoricalAccuracy),
        ("TruePositives", keras.metrics.TruePositives),
        ({"OneHotMeanIoU": {"num_classes": 3}}, lambda: keras.metrics.OneHotMeanIoU(3)),
        ("kl_divergence", keras.metrics.KLDivergence),
        ("mse", keras.metrics.MeanSquaredError),
    ],
)  # fmt: skip
@pytest.mark.parametrize("loss", [SPARSE, {"SparseCategoricalCrossentropy": {"from_logits": True}}])
def test_metrics_of_rows_get_one_hot_rows(make_recipe, metric, plain, loss):
    outputs = LOGITS_3 if isinstance(loss, dict) else np.asarray(keras.ops.softmax(LOGITS_3))
    score = measure(make_recipe, loss, metric, 3, CLASSES, outputs)
    expected = plain()
    expected.update_state(ROWS, keras.ops.softmax(LOGITS_3))
    assert score == pytest.approx(float(expected.result()), rel=1e-5)


def test_accuracy_of_class_indices_stays_keras_own(make_recipe):
    score = measure(
        make_recipe, {"SparseCategoricalCrossentropy": {"from_logits": True}}, "accuracy", 3,
        CLASSES, LOGITS_3,
    )  # fmt: skip
    assert score == pytest.approx(np.mean(LOGITS_3.argmax(axis=1) == CLASSES[:, 0]))


@pytest.mark.parametrize("metric", ["Accuracy", {"MeanIoU": {"num_classes": 2}}])
@pytest.mark.parametrize("from_logits", [True, False])
def test_metrics_of_class_numbers_get_them_of_one_unit(make_recipe, metric, from_logits):
    loss = {"BinaryCrossentropy": {"from_logits": True}} if from_logits else BINARY_LOSS
    outputs = LOGITS if from_logits else np.asarray(keras.ops.sigmoid(LOGITS))
    score = measure(make_recipe, loss, metric, 1, BINARY, outputs)
    plain = keras.metrics.Accuracy() if metric == "Accuracy" else keras.metrics.MeanIoU(2)
    plain.update_state(BINARY, LOGITS > 0)
    assert score == pytest.approx(float(plain.result()), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "target"), [(SPARSE, CLASSES), ("categorical_crossentropy", ROWS)]
)
@pytest.mark.parametrize("arguments", [{}, {"sparse_y_pred": False}])
def test_mean_iou_gets_the_classes_of_several_units(make_recipe, loss, target, arguments):
    metric = {"MeanIoU": {"num_classes": 3, **arguments}}
    score = measure(make_recipe, loss, metric, 3, target, np.asarray(keras.ops.softmax(LOGITS_3)))
    plain = keras.metrics.MeanIoU(3)
    plain.update_state(CLASSES, LOGITS_3.argmax(axis=1))
    assert score == pytest.approx(float(plain.result()), rel=1e-5)


@pytest.mark.parametrize("word", ["accuracy", "acc"])
def test_accuracy_of_labels_counts_each_of_them(make_recipe, word):
    outputs = np.asarray(keras.ops.sigmoid(LOGITS_3))
    labels = (LOGITS_3 + RNG.normal(size=LOGITS_3.shape) > 0).astype(np.float32)
    layer = {"Dense": {"units": 3, "activation": "sigmoid"}}
    recipe = make_recipe(layers=[layer], loss=BINARY_LOSS, metrics=[word])
    made = make_metric(recipe, recipe.metrics[0], 3)
    made.update_state(labels, outputs)
    assert made.name == word
    assert float(made.result()) == pytest.approx(((outputs > 0.5) == labels).mean())
