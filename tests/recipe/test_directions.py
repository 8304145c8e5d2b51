"""Which way a metric points, held to what Keras computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.keras_names import find_definition, list_names
from kerasrecipes.recipe.rules import find_directions

ARGUMENTS: dict[str, dict[str, Any]] = {
    "MeanIoU": {"num_classes": 2},
    "OneHotMeanIoU": {"num_classes": 2},
    "IoU": {"num_classes": 2, "target_class_ids": [1]},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [1]},
    "BinaryIoU": {"target_class_ids": [1]},
    "TopKCategoricalAccuracy": {"k": 1},
    "SparseTopKCategoricalAccuracy": {"k": 1},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.9},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
AVERAGED = ("F1Score", "FBetaScore")
WITHOUT_DIRECTION = ("Mean", "Sum", "MeanMetricWrapper")
CLASSES = [name for name in list_names("metrics") if find_definition("metrics", name).is_class]
ONE_HOT = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], dtype="float32")


def score(name: str, *, is_right: bool) -> float:
    """What Keras says of answers that are all right, or all wrong."""
    import keras

    metric = getattr(keras.metrics, name)(**ARGUMENTS.get(name, {}))
    right, wrong = ONE_HOT * 0.9 + 0.05, (1 - ONE_HOT) * 0.9 + 0.05
    answers = right if is_right else wrong
    if name in ("Accuracy", "MeanIoU", "IoU"):
        metric.update_state(ONE_HOT[:, 1], answers[:, 1].round())
    elif name.startswith("Sparse"):
        metric.update_state(ONE_HOT.argmax(axis=1), answers)
    elif name == "BinaryIoU" or name.endswith(("Positives", "Negatives")):
        metric.update_state(ONE_HOT[:, 1], answers[:, 1])
    else:
        metric.update_state(ONE_HOT, answers)
    return float(np.mean(metric.result()))


@pytest.mark.parametrize("name", CLASSES)
def test_every_metric_class_points_where_right_answers_score_best(name: str) -> None:
    arguments = {"name": "score"} | ({"average": "macro"} if name in AVERAGED else {})
    (_, direction) = find_directions([Component("metrics", name, arguments)]).items()
    if name in WITHOUT_DIRECTION:
        assert direction == ("score", None)
    else:
        assert direction == ("score", score(name, is_right=True) > score(name, is_right=False))


@pytest.mark.parametrize("name", sorted({*list_names("metrics")} - {*CLASSES}))
def test_every_metric_function_points_somewhere(name: str) -> None:
    assert isinstance([*find_directions([Component("metrics", name)]).values()][1], bool)


@pytest.mark.parametrize(
    ("name", "logged", "is_higher_better"),
    [
        ("mae", "mae_accidents", False),
        ("MSE", "mse_previous_price", False),
        ("MeanSquaredError", "accurate", False),
        ("accuracy", "accuracy", True),
        ("acc", "acc", True),
        ("AUC", "prc", True),
    ],
)
def test_the_class_decides_and_not_the_name_in_the_logs(
    name: str, logged: str, is_higher_better: bool
) -> None:
    metric = Component("metrics", name, {} if name == logged else {"name": logged})
    assert find_directions([metric]) == {"loss": False, logged: is_higher_better}


def test_a_class_in_snake_case_may_have_arguments() -> None:
    metrics = [Component("metrics", "auc", {"curve": "PR"})]
    assert find_directions(metrics) == {"loss": False, "auc": True}


def test_a_registered_class_points_where_its_keras_class_points() -> None:
    import keras

    @keras.saving.register_keras_serializable(package="Directions")
    class Within(keras.metrics.BinaryAccuracy):
        pass

    @keras.saving.register_keras_serializable(package="Directions")
    class Total(keras.metrics.Sum):
        pass

    names = ("Within", "Total")
    metrics = [Component("metrics", f"Directions>{name}", {"name": name}) for name in names]
    assert find_directions(metrics) == {"loss": False, "Within": True, "Total": None}
