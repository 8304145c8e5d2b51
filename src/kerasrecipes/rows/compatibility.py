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
    layers = [{layer.name: layer.arguments} for layer in recipe.layers]
    output = find_output_layer(layers)
    kind = find_loss_kind({recipe.loss.name: recipe.loss.arguments})
    check = _check_classes if dataset.task == "classification" else _check_numbers
    found = [
        recipe.problem(path, message)
        for path, message in check(dataset, output, kind, recipe.loss.name)
    ]
    if recipe.dataset.standardize_target and dataset.task == "classification":
        place = ("dataset", "standardize_target")
        message = f"{dataset.name}'s target is a class, not a number. Remove standardize_target."
        found.append(recipe.problem(place, message))
    found += [recipe.problem(*problem) for problem in _check_class_weight(recipe, dataset)]
    if found:
        raise RecipeError(found)


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
    place = (*output.path, "units")
    if kind is LossKind.NUMBERS and output.activation not in (None, *_CHANCE_ACTIVATIONS):
        yield (
            output.activation_path,
            (
                f"{dataset.name} has classes, and a network that answers with {output.activation} "
                "numbers gives no chances of them. Write activation: softmax with a unit for each "
                "class, or activation: sigmoid with one."
            ),
        )
    if kind is LossKind.BINARY or (units == 1 and n_classes == 2):
        if n_classes != 2:
            yield (
                ("loss",),
                (
                    f"A binary loss separates two classes; {dataset.name} has {n_classes}. Use "
                    f"loss: sparse_categorical_crossentropy with {n_classes} softmax units."
                ),
            )
        elif units != 1:
            yield (
                place,
                (
                    f"A binary loss needs one output unit (received: units={units}). "
                    "Write units: 1, or use loss: sparse_categorical_crossentropy with "
                    "activation: softmax."
                ),
            )
        elif kind in (LossKind.INTEGERS, LossKind.ONE_HOT):
            yield (
                place,
                (
                    "This loss needs a unit for each class (received: units=1). Write units: 2, or "
                    "use loss: binary_crossentropy with activation: sigmoid."
                ),
            )
    elif units != n_classes:
        largest = max(int(np.max(part.target)) for part in dataset.parts.values())
        yield (
            place,
            (
                f"The output layer needs one unit for each of {dataset.name}'s {n_classes} classes "
                f"(labels 0 to {largest}; received: units={units}). Write units: {n_classes}."
            ),
        )


def _check_numbers(
    dataset: Dataset, output: OutputLayer | None, kind: LossKind, loss: str
) -> Iterator[tuple[KeyPath, str]]:
    n_targets = len(dataset.target_names)
    are = "is a number" if n_targets == 1 else "are numbers"
    what = f"{dataset.target_name} of {dataset.name} {are}"
    if kind is not LossKind.NUMBERS:
        yield (
            ("loss",),
            f"{what}, and this loss needs {kind} (received: {loss}). Use loss: mse.",
        )
    if output is None:
        return
    if output.units not in (None, n_targets):
        place = (*output.path, "units")
        needed = "one unit" if n_targets == 1 else f"a unit for each of {n_targets}"
        yield (
            place,
            f"{what}: the output layer needs {needed} (received: units={output.units}). "
            f"Write units: {n_targets}.",
        )
    if output.activation in _CHANCE_ACTIVATIONS:
        yield (
            output.activation_path,
            f"{what}, and {output.activation} stays between 0 and 1. Remove the activation.",
        )
