"""Rules between a recipe and its data, checked before TensorFlow is imported."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.rules import LossKind, OutputLayer, find_loss_kind, find_output_layer
from kerasrecipes.recipe.suggest import suggest
from kerasrecipes.rows.dataset import Dataset

_CHANCE_ACTIVATIONS = ("softmax", "sigmoid")


def check_compatibility(recipe: Recipe, dataset: Dataset) -> None:
    """Check that output layer and loss suit the target.

    Raises:
        RecipeError: With every problem, each at its line of the recipe.
    """
    output, kind = find_output_layer(recipe.layers), find_loss_kind(recipe.loss)
    check = _check_classes if dataset.task == "classification" else _check_numbers
    found = [*check(dataset, output, kind, recipe.loss.name)]
    if recipe.dataset.standardize_target and dataset.task == "classification":
        message = f"{dataset.name}'s target is a class, not a number. Remove standardize_target."
        found.append((("dataset", "standardize_target"), message))
    found += _check_class_weight(recipe, dataset)
    if found:
        raise RecipeError([recipe.problem(*problem) for problem in found])


def _check_class_weight(recipe: Recipe, dataset: Dataset) -> Iterator[tuple[KeyPath, str]]:
    if recipe.class_weight is None:
        return
    if dataset.task == "regression":
        message = f"{dataset.name}'s target is a number, without classes. Remove class_weight."
        yield ("class_weight",), message
    elif recipe.class_weight != "balanced":
        for name in recipe.class_weight:
            if str(name) not in dataset.class_names:
                remedy = suggest(str(name), dataset.class_names)
                yield ("class_weight", str(name)), f"There is no class '{name}'. {remedy}".rstrip()


def _check_classes(
    dataset: Dataset, output: OutputLayer | None, kind: LossKind, loss: str
) -> Iterator[tuple[KeyPath, str]]:
    n_classes, units = dataset.n_classes, output.units if output else None
    if output is None or units is None:
        return
    name, place = dataset.name, (*output.path, "units")
    if kind is LossKind.NUMBERS and output.activation not in (None, *_CHANCE_ACTIVATIONS):
        message = (
            f"{name} has classes, and the output activation '{output.activation}' does not give "
            "class probabilities. Write activation: softmax with a unit for each class, or "
            "activation: sigmoid with one."
        )
        yield output.activation_path, message
    is_binary = kind is LossKind.BINARY or (units == 1 and n_classes == 2)
    if is_binary and n_classes != 2:
        message = (
            f"A binary loss separates two classes; {name} has {n_classes}. Use loss: "
            f"sparse_categorical_crossentropy with {n_classes} softmax units."
        )
        yield ("loss",), message
    elif is_binary and units != 1:
        message = (
            f"A binary loss needs one output unit (received: units={units}). Write units: 1, or "
            "use loss: sparse_categorical_crossentropy with activation: softmax."
        )
        yield place, message
    elif is_binary and kind in (LossKind.INTEGERS, LossKind.ONE_HOT):
        message = (
            "This loss needs a unit for each class (received: units=1). Write units: 2, or use "
            "loss: binary_crossentropy with activation: sigmoid."
        )
        yield place, message
    elif not is_binary and units != n_classes:
        largest = max(int(np.max(part.target)) for part in dataset.parts.values())
        message = (
            f"The output layer needs one unit for each of {name}'s {n_classes} classes (labels 0 "
            f"to {largest}; received: units={units}). Write units: {n_classes}."
        )
        yield place, message


def _check_numbers(
    dataset: Dataset, output: OutputLayer | None, kind: LossKind, loss: str
) -> Iterator[tuple[KeyPath, str]]:
    n_targets = len(dataset.target_names)
    are = "is a number" if n_targets == 1 else "are numbers"
    what = f"{dataset.target_name} of {dataset.name} {are}"
    if kind is not LossKind.NUMBERS:
        yield ("loss",), f"{what}, and this loss needs {kind} (received: {loss}). Use loss: mse."
    if output is not None and output.units not in (None, n_targets):
        needed = "one unit" if n_targets == 1 else f"a unit for each of {n_targets}"
        received = f"(received: units={output.units})"
        message = f"{what}: the output layer needs {needed} {received}. Write units: {n_targets}."
        yield (*output.path, "units"), message
    if output is not None and output.activation in _CHANCE_ACTIVATIONS:
        message = f"{what}, and {output.activation} stays between 0 and 1. Remove the activation."
        yield output.activation_path, message
