"""What a report claims about learning and overfitting: no more than curves and scores show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from kerasrecipes.report.results import Results
from kerasrecipes.report.verdict import describe_fit, describe_linear, describe_score

N_ROWS = 40


def make_results(
    loss: list[float], val_loss: list[float], train: dict[str, float], **facts: Any
) -> Results:
    """A regression, or a classification of two classes if ``facts`` say so."""
    dataset = {"task": "regression", "targets": ["y"], "target": "y"} | facts
    if facts:
        actual = ["no"] * 30 + ["yes"] * 10
        predicted = facts.get("predicted", ["no"] * N_ROWS)
    else:
        actual, predicted = ([str(i) for i in range(N_ROWS)] for _ in range(2))
    history, metrics = {"loss": loss}, {"train": {"loss": loss[-1]} | train}
    if val_loss:
        history["val_loss"] = val_loss
        metrics["validation"] = {"loss": val_loss[-1]}
    return Results(
        info={"dataset": dataset},
        history=history,
        metrics=metrics,
        predictions={"actual": actual, "predicted": predicted},
        samples=None,
    )


def test_a_model_that_explains_nothing_of_its_training_rows_does_not_overfit() -> None:
    results = make_results([1.06, 1.0, 0.976], [1.85, 1.8, 1.75], {"r2": 0.02})
    assert describe_fit(results) == (
        "The model has hardly learned yet: it explains 2% of the variance of its own training rows "
        "(R²). Train longer, or change the learning rate or the model."
    )


def test_a_model_that_stopped_learning_is_told_what_to_change() -> None:
    results = make_results([1.0, 1.0], [1.5, 1.6], {"r2": -0.2})
    assert describe_fit(results) == (
        "The model has hardly learned yet: it explains none of the variance of its own training "
        "rows (R²). Train longer, or change the learning rate or the model."
    )


def test_of_several_targets_one_that_is_learned_is_enough() -> None:
    results = make_results([1.0, 0.5], [1.0, 0.6], {"r2_a": 0.02, "r2_b": 0.8})
    assert "hardly learned" not in describe_fit(results)


def test_a_gap_alone_is_stated_and_not_judged() -> None:
    results = make_results([1.0, 0.5, 0.5], [2.0, 0.98, 1.0], {"r2": 0.6})
    assert describe_fit(results) == (
        "The loss is 0.5 on the training part and 1 on the validation part."
    )


def test_a_validation_loss_that_rose_is_overfitting() -> None:
    results = make_results([1.0, 0.5, 0.6], [1.1, 0.6, 0.7], {"r2": 0.9})
    assert describe_fit(results) == (
        "Signs of overfitting: the loss is 0.6 on the training part and 0.7 on the validation "
        "part. Validation loss was lowest after epoch 2 of 3 (0.6) and ended at 0.7."
    )


def test_a_rise_as_large_as_earlier_ones_is_noise() -> None:
    results = make_results([1.0, 0.8, 0.6, 0.5, 0.5], [1.1, 0.8, 0.95, 0.6, 0.7], {"r2": 0.9})
    assert describe_fit(results) == (
        "The loss is 0.5 on the training part and 0.7 on the validation part. Validation loss was "
        "lowest after epoch 4 of 5 (0.6) and ended at 0.7; it rose as much before that epoch and "
        "fell again."
    )


def test_a_large_loss_of_the_first_epochs_hides_no_overfitting() -> None:
    results = make_results([3.0, 2.0, 0.5, 0.2, 0.1], [3.0, 5.0, 0.5, 0.9, 1.5], {"r2": 0.9})
    assert describe_fit(results).startswith("Signs of overfitting:")


def test_a_model_that_is_better_on_validation_rows_does_not_overfit() -> None:
    results = make_results([1.0, 0.8, 0.8], [1.1, 0.6, 0.7], {"r2": 0.9})
    assert describe_fit(results).startswith("The loss is 0.8 on the training part and 0.7 on")


def test_while_validation_loss_falls_nothing_is_claimed() -> None:
    results = make_results([1.0, 0.5, 0.1], [1.1, 0.6, 0.5], {"r2": 0.9})
    assert describe_fit(results) == (
        "The loss is 0.1 on the training part and 0.5 on the validation part. Validation loss was "
        "lowest in the last epoch: more epochs may improve the model."
    )


def test_restored_weights_are_those_of_an_earlier_epoch() -> None:
    results = make_results([1.0, 0.5, 0.6], [1.1, 0.6, 0.7], {"r2": 0.9})
    results.info["weights_of_epoch"] = 2
    assert describe_fit(results).endswith("at 0.7. The model has the weights of epoch 2.")


def test_one_epoch_shows_no_trend() -> None:
    assert describe_fit(make_results([0.5], [1.0], {"r2": 0.5})) == (
        "The loss is 0.5 on the training part and 1 on the validation part."
    )


CLASSES = {
    "task": "classification",
    "class_names": ["no", "yes"],
    "class_counts": {"train": [75, 25]},
}


def test_accuracies_differ_by_no_more_than_100_points() -> None:
    results = make_results([0.6, 0.5], [0.6, 0.5], {"accuracy": 0.2}, **CLASSES)
    facts = {"error": 0.0, "gain": [-0.8, -1.03, -0.6], "rows": 40, "of_rows": 40}
    results.info["linear_model"] = facts
    said = describe_linear(results)
    assert said.endswith("(difference −80 points, 95% interval −100 to −60).")


def test_arrays_without_a_mistake_do_not_prove_that_there_is_none() -> None:
    values = np.array([[0, 1, 1]] * N_ROWS)
    results = make_results([0.1], [], {}, task="classification", class_names=["0", "1"])
    results = replace(results, predictions={"actual": values, "predicted": values})
    assert describe_score(results) == (
        "The model predicts the right class for 100.0% of the 120 values of 40 test rows (95% "
        "confidence interval 91.2–100.0%, Wilson, over rows)."
    )


def test_a_loss_of_zero_is_described() -> None:
    results = make_results([0.0, 0.0], [0.0, 0.1], {"r2": 1.0})
    assert describe_fit(results).startswith("The loss is 0 on the training part")


def test_losses_that_are_no_numbers_are_not_judged() -> None:
    assert describe_fit(make_results([1.0, 0.5], [np.nan, np.nan], {"r2": 0.9})) == ""
    assert describe_fit(make_results([1.0, 0.5], [0.5, np.nan], {"r2": 0.9})) == (
        "The loss is 0.5 on the training part and not finite on the validation part."
    )


def test_without_an_epoch_nothing_is_said_of_validation() -> None:
    results = make_results([1.0], [1.0], {})
    assert describe_fit(replace(results, history={})) == ""


def test_without_validation_overfitting_cannot_be_judged() -> None:
    assert describe_fit(make_results([1.0, 0.5], [], {"r2": 0.9})) == (
        "No rows were held out for validation, so overfitting cannot be judged."
    )
