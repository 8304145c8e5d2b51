"""What only a built model shows is still told at a line of the recipe."""

from __future__ import annotations

import pytest
from sklearn.metrics import f1_score

from kerasrecipes.errors import RecipeError
from kerasrecipes.model.built import build
from kerasrecipes.pipeline import train
from rows.specs import load_dataset


def refuse(recipe):
    with pytest.raises(RecipeError) as caught:
        build(recipe, load_dataset(recipe.dataset))
    (problem,) = caught.value.problems
    assert problem.location.line
    return str(problem).split("  ", 1)[1]


def test_a_forgotten_flatten(make_recipe):
    softmax = {"Dense": {"units": 10, "activation": "softmax"}}
    said = refuse(make_recipe(dataset={"name": "digits"}, layers=[softmax]))
    assert said == (
        "layers[0]\n  digits has 10 classes: the last layer must give (10,) for each row "
        "(received: an output of (8, 10)). Put Flatten before it."
    )


def test_an_output_that_is_no_dense_layer(make_recipe):
    layers = [{"Reshape": {"target_shape": [4, 1]}}, "GlobalMaxPooling1D"]
    said = refuse(make_recipe(layers=layers))
    assert said == (
        "layers[1]\n  iris has 3 classes: the last layer must give (3,) for each row (received: an "
        "output of (1,)). Give it 3 units."
    )


def test_a_metric_that_does_not_suit_the_target(make_recipe):
    said = refuse(make_recipe(metrics=["accuracy", {"F1Score": {"average": "x"}}]))
    assert said.startswith("metrics[1]\n  Keras rejects this: ")


def test_metrics_that_suit_pass(make_recipe):
    metrics = ["accuracy", "acc", "SparseCategoricalAccuracy", "sparse_categorical_crossentropy"]
    recipe = make_recipe(metrics=metrics)
    assert build(recipe, load_dataset(recipe.dataset)).model.built


def test_a_check_leaves_the_seeds_of_dropout_as_they_are(make_recipe):
    """Plain Keras begins ``fit`` with them."""
    recurrent = {"LSTM": {"units": 2, "dropout": 0.5}}
    softmax = {"Dense": {"units": 3, "activation": "softmax"}}
    recipe = make_recipe(layers=[{"Reshape": {"target_shape": [4, 1]}}, recurrent, softmax])
    model = build(recipe, load_dataset(recipe.dataset)).model
    states = [v.numpy() for v in model.non_trainable_variables if "seed" in v.path]
    assert [state[1] for state in states] == [0]


def test_regression_metrics_pass(make_recipe):
    recipe = make_recipe(
        dataset={"name": "diabetes", "standardize_target": True},
        layers=[{"Dense": {"units": 1}}],
        loss={"Huber": {"delta": 2.0}},
        metrics=["mae", "R2Score", {"RootMeanSquaredError": {"name": "오차"}}],
    )
    assert build(recipe, load_dataset(recipe.dataset)).model.built


def test_a_metric_of_several_numbers_has_a_name_for_each(make_recipe, tmp_path):
    softmax = {"Dense": {"units": 3, "activation": "softmax"}}
    recipe = make_recipe(
        dataset={"name": "iris", "validation_split": 0.2},
        layers=[softmax],
        loss="categorical_crossentropy",
        metrics=["F1Score"],
        epochs=2,
    )
    run = train(recipe, tmp_path)
    names = [f"f1_score_{i}" for i in range(3)]
    assert {*names, *(f"val_{name}" for name in names)} <= {*run.history}
    actual, predicted = run.predictions["actual"], run.predictions["predicted"]
    scores = f1_score(actual, predicted, average=None, zero_division=0)
    assert [run.metrics["test"][name] for name in names] == pytest.approx([*scores], rel=1e-5)
