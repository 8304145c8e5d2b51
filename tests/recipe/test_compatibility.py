"""Rules between a recipe and its data: a wrong output layer is told before TensorFlow starts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.schema import Task
from kerasrecipes.rows.compatibility import check_compatibility, find_doubts
from kerasrecipes.rows.dataset import Dataset, Part

Names = tuple[str, ...]


def _make(name: str, part: Part, task: Task, names: Names, class_names: Names = ()) -> Dataset:
    return Dataset(
        name=name,
        parts={"train": part},
        task=task,
        target_names=names,
        class_names=class_names,
        fingerprint="0",
    )


def classes(n: int) -> Dataset:
    part = Part(np.zeros((n, 4), np.float32), np.arange(n), np.arange(n))
    names = tuple(f"class {i}" for i in range(n))
    return _make("flowers", part, "classification", ("kind",), names)


def numbers() -> Dataset:
    part = Part(np.zeros((5, 4), np.float32), np.arange(5.0), np.arange(5))
    return _make("houses", part, "regression", ("price",))


def several() -> Dataset:
    part = Part(np.zeros((5, 4), np.float32), np.full((5, 2), 7, np.float32), np.arange(5))
    names = ("price", "rent")
    return _make("houses", part, "regression", names)


def load(
    folder: Path, layer: str, loss: str, dataset: str = "name: iris", more: str = ""
) -> Recipe:
    file = folder / "r.yaml"
    text = f"dataset: {{{dataset}}}\nlayers:\n  - Flatten\n  - {layer}\nloss: {loss}\n{more}"
    file.write_text(text)
    return load_recipe(file)


SPARSE, ONE_HOT, BINARY = (
    f"{kind}_crossentropy" for kind in ("sparse_categorical", "categorical", "binary")
)
LOGITS = "{BinaryCrossentropy: {from_logits: true}}"


@pytest.mark.parametrize(
    ("dataset", "layer", "loss"),
    [
        (classes(3), "Dense: {units: 3, activation: softmax}", SPARSE),
        (classes(3), "Dense: {units: 3, activation: softmax}", ONE_HOT),
        (classes(3), "Dense: {units: 3}", "{SparseCategoricalCrossentropy: {from_logits: true}}"),
        (classes(2), "Dense: {units: 2, activation: softmax}", SPARSE),
        (classes(2), "Dense: {units: 1, activation: sigmoid}", BINARY),
        (classes(2), "Dense: {units: 1}", LOGITS),
        (classes(2), "Dense: {units: 1, activation: sigmoid}", "mse"),
        (
            classes(3),
            "Conv2D: {filters: 9, kernel_size: 3, activation: softmax}",
            SPARSE,
        ),  # its units are not known
        (numbers(), "Dense: {units: 1}", "mse"),
        (numbers(), "Dense: {units: 1, activation: softplus}", "{Huber: {delta: 2.0}}"),
        (several(), "Dense: {units: 2}", "mse"),
    ],
)
def test_what_fits_is_left_in_peace(
    tmp_path: Path, dataset: Dataset, layer: str, loss: str
) -> None:
    check_compatibility(load(tmp_path, layer, loss), dataset)


UNITS, ACTIVATION = "r.yaml:4:20  layers[1].Dense.units", "r.yaml:4:35  layers[1].Dense.activation"


@pytest.mark.parametrize(
    ("dataset", "layer", "loss", "messages"),
    [
        (classes(3), "Dense: {units: 4, activation: softmax}", SPARSE, [
            f"{UNITS}\n  With this loss and flowers's target (class 0, class 1, class 2), the "
            "output layer needs 3 units (received: units=4). Write units: 3."]),
        (classes(3), "Dense: {units: 1, activation: sigmoid}", BINARY, [
            "r.yaml:5:7  loss\n  A binary loss separates two classes; flowers has class 0, class "
            "1, class 2. Use loss: sparse_categorical_crossentropy with 3 softmax units."]),
        (classes(2), "Dense: {units: 2, activation: sigmoid}", BINARY, [
            f"{UNITS}\n  With this loss and flowers's target (class 0, class 1), the output layer "
            "needs 1 unit (received: units=2). Write units: 1."]),
        (classes(2), "Dense: {units: 1}", "{SparseCategoricalCrossentropy: {from_logits: true}}", [
            f"{UNITS}\n  With this loss and flowers's target (class 0, class 1), the output layer "
            "needs 2 units (received: units=1). Write units: 2."]),
        (classes(2), "Dense: {units: 1, activation: tanh}", "hinge", [
            f"{ACTIVATION}\n  flowers has classes, and the output activation 'tanh' does not give "
            "class probabilities. Write activation: softmax with a unit for each class, or "
            "activation: sigmoid with one."]),
        (numbers(), "Dense: {units: 3, activation: softmax}", SPARSE, [
            "r.yaml:5:7  loss\n  price of houses has numbers from 0 to 4, and this loss needs "
            "class indices (received: sparse_categorical_crossentropy). Use loss: mse.",
            f"{UNITS}\n  With this loss and houses's target (price), the output layer needs 1 unit "
            "(received: units=3). Write units: 1.",
            f"{ACTIVATION}\n  price of houses has numbers from 0 to 4, and softmax gives numbers "
            "between 0 and 1. Remove the activation."]),
        (several(), "Dense: {units: 3}", "mse", [
            f"{UNITS}\n  With this loss and houses's target (price, rent), the output layer needs "
            "2 units (received: units=3). Write units: 2."]),
        (several(), "Dense: {units: 2, activation: sigmoid}", BINARY, [
            "r.yaml:5:7  loss\n  price, rent of houses have numbers from 7 to 7, and this loss "
            "needs zeros and ones (received: binary_crossentropy). Use loss: mse.",
            f"{ACTIVATION}\n  price, rent of houses have numbers from 7 to 7, and sigmoid gives "
            "numbers between 0 and 1. Remove the activation."]),
        (numbers(), "Dense: {units: 1, activation: sigmoid}", "mae", [
            f"{ACTIVATION}\n  price of houses has numbers from 0 to 4, and sigmoid gives numbers "
            "between 0 and 1. Remove the activation."]),
    ],
)  # fmt: skip
def test_what_does_not_fit(
    tmp_path: Path, dataset: Dataset, layer: str, loss: str, messages: list[str]
) -> None:
    with pytest.raises(RecipeError) as caught:
        check_compatibility(load(tmp_path, layer, loss), dataset)
    told = [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]
    assert told == messages


def test_an_activation_layer_is_named_at_its_own_line(tmp_path: Path) -> None:
    layers = "Dense: {units: 1}\n  - Activation: {activation: sigmoid}"
    with pytest.raises(RecipeError, match=r"r\.yaml:5:30  layers\[2\]\.Activation\.activation"):
        check_compatibility(load(tmp_path, layers, "mse"), numbers())


def test_classes_are_not_standardised(tmp_path: Path) -> None:
    recipe = load(
        tmp_path,
        "Dense: {units: 3, activation: softmax}",
        SPARSE,
        "name: iris, standardize_target: true",
    )
    with pytest.raises(RecipeError) as caught:
        check_compatibility(recipe, classes(3))
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "r.yaml:1:43  dataset.standardize_target\n"
        "  standardize_target is for numbers, and for losses and outputs that do not depend on "
        "where 0 is (received: classification with sparse_categorical_crossentropy). Remove it."
    )


SOFTMAX = "Dense: {units: 3, activation: softmax}"


@pytest.mark.parametrize("weights", ["balanced", "{class 0: 2, class 2: 1/2}", "{}"])
def test_weights_of_classes_that_there_are(tmp_path: Path, weights: str) -> None:
    recipe = load(tmp_path, SOFTMAX, SPARSE, more=f"class_weight: {weights}\n")
    check_compatibility(recipe, classes(3))


@pytest.mark.parametrize(
    ("weights", "messages"),
    [
        ("{class 0: 2, clas 1: 3, ape: 1}", [
            "r.yaml:6:36  class_weight.clas 1\n  There is no class 'clas 1'. "
            "Did you mean 'class 1'?",
            "r.yaml:6:44  class_weight.ape\n  There is no class 'ape'. "
            "Choose from: class 0, class 1, class 2."]),
        ("{7: 2}", [
            "r.yaml:6:19  class_weight.7\n  There is no class '7'. "
            "Choose from: class 0, class 1, class 2."]),
    ],
)  # fmt: skip
def test_weights_of_classes_that_there_are_not(
    tmp_path: Path, weights: str, messages: list[str]
) -> None:
    recipe = load(tmp_path, SOFTMAX, SPARSE, more=f"class_weight: {weights}\n")
    with pytest.raises(RecipeError) as caught:
        check_compatibility(recipe, classes(3))
    told = [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]
    assert told == messages


@pytest.mark.parametrize("dataset", [numbers(), several()])
def test_numbers_have_no_classes_to_weigh(tmp_path: Path, dataset: Dataset) -> None:
    units = len(dataset.target_names)
    recipe = load(tmp_path, f"Dense: {{units: {units}}}", "mse", more="class_weight: balanced\n")
    with pytest.raises(RecipeError) as caught:
        check_compatibility(recipe, dataset)
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "r.yaml:6:15  class_weight\n"
        "  houses's target is not one class for each row. Remove class_weight."
    )


@pytest.mark.parametrize("metric", ["acc", "accuracy", "BinaryAccuracy"])
def test_an_accuracy_of_numbers_is_pointed_out(make_recipe, metric):
    recipe = make_recipe(layers=[{"Dense": {"units": 1}}], loss="mse", metrics=["mae", metric])
    rule = f"metrics[1]: {metric} is for classes, and the target contains numbers. Write mae."
    assert [*find_doubts(recipe, numbers())] == [rule]
    recipe = make_recipe(metrics=[metric])
    assert [*find_doubts(recipe, classes(3))] == []
