"""Rules between a recipe and its data, checked before TensorFlow is imported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.keras_names import list_bases, list_names
from kerasrecipes.recipe.names import to_snake_case
from kerasrecipes.recipe.rules import (
    LossKind,
    OutputLayer,
    check_monitors,
    find_loss_kind,
    find_loss_name,
    find_output_layer,
    has_logits,
)
from kerasrecipes.recipe.suggest import suggest
from kerasrecipes.rows.dataset import Dataset, Part
from kerasrecipes.rows.disk import DiskRows
from kerasrecipes.rows.downloads import Say
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.rows import Piece
from kerasrecipes.rows.windows import Series
from kerasrecipes.rows.words import list_some

_TAKE_IDS = ("Embedding", "Hashing", "IntegerLookup", "CategoryEncoding")
_SIZES = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens"}
_ANY_RANK = ("Rescaling", "Normalization", "BatchNormalization", "GaussianNoise", "Dropout")
_SCALED = ("float_normalized", "float_rescaled", "float_discretized")
_CHANCE_ACTIVATIONS = ("softmax", "sigmoid")
_RANGES = {"sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1)} | dict.fromkeys(
    ("exponential", "relu", "relu6", "softplus"), (0, np.inf)
)
"""The least and largest numbers that activations give."""
_OF_CLASSES = "^acc$|accuracy|^auc|^f1_|^fbeta|^precision|^recall"
_NEED_UNITS = {
    *("hinge", "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson"),
    "squared_hinge",
}
"""Losses whose value depends on where 0 is."""


def check_compatibility(recipe: Recipe, dataset: Dataset) -> None:
    """Check that output layer and loss suit the target.

    Raises:
        RecipeError: With every problem, each at its line of the recipe.
    """
    output, kind = find_output_layer(recipe.layers), find_loss_kind(recipe.loss)
    checks = {"classification": _check_classes, "multilabel": _check_labels}
    check = checks.get(dataset.task, _check_numbers)
    found = [*check(dataset, output, kind, recipe.loss.name)]
    if recipe.dataset.standardize_target and dataset.task != "regression":
        message = f"{dataset.name}'s target is a class, not a number. Remove standardize_target."
        found.append((("dataset", "standardize_target"), message))
    elif recipe.dataset.standardize_target and kind is LossKind.BINARY:
        message = f"{recipe.loss.name} needs numbers from 0 to 1. Remove standardize_target."
        found.append((("dataset", "standardize_target"), message))
    elif recipe.dataset.standardize_target and find_loss_name(recipe.loss) in _NEED_UNITS:
        message = f"{recipe.loss.name} needs numbers in their own units. Remove standardize_target."
        found.append((("dataset", "standardize_target"), message))
    found += _check_class_weight(recipe, dataset)
    found += _check_answers(recipe, dataset, output)
    found += check_monitors(recipe.metrics, recipe.callbacks, "validation" in dataset.parts)
    found += _check_text(recipe, dataset.columns)
    found += check_ids(recipe, dataset.parts.values(), dataset.columns)
    if found:
        raise RecipeError([recipe.problem(*problem) for problem in found])


def find_first_layer(layers: Sequence[Component]) -> tuple[int, Component] | None:
    """The first layer that does more than encode its inputs or reshape them, and its position."""
    others = ("Reshape", "Flatten", "TextVectorization")
    return next((pair for pair in enumerate(layers) if pair[1].name not in others), None)


def takes_ids(recipe: Recipe) -> bool:
    """Whether the first layer takes ids, such as those of words."""
    first = find_first_layer(recipe.layers)
    return first is not None and first[1].name in _TAKE_IDS


def _check_text(recipe: Recipe, columns: Sequence[Column]) -> Iterator[tuple[KeyPath, str]]:
    """Check that text reaches the layer that takes it, in the form that the next layer takes."""
    texts = [column for column in columns if column.kind == "text"]
    for i, layer in enumerate(recipe.layers):
        if layer.name == "TextVectorization" and (i or not texts or len(columns) > 1):
            received = list_some([f"{column.name}: {column.feature}" for column in columns])
            yield (
                ("layers", i, layer.name),
                "TextVectorization is the first layer, and takes the text of a table's only column "
                f"(received: {received or 'an array'}). Leave the other columns out "
                "with drop; to use text beside them, write features: {NAME: text} instead.",
            )
    first = find_first_layer(recipe.layers)
    if not texts or not first:
        return
    (i, layer), arguments = first, texts[0].arguments
    mode, most = arguments["output_mode"], arguments["max_tokens"]
    n_ids = layer.arguments.get("input_dim")
    wanted = {"Embedding": "int", "Dense": "tf_idf"}.get(layer.name, mode)
    wanted = wanted if len(columns) == 1 else "tf_idf"
    if (mode == "int") != (wanted == "int"):
        yield (
            ("layers", i, layer.name),
            "Embedding takes the ids of a single column of text; Dense, and other columns beside "
            f"the text, go with a number for each word (received: output_mode={mode}). Write "
            f"output_mode: {wanted}.",
        )
    elif n_ids is not None and most > n_ids:
        received = f"(received: input_dim={n_ids}, max_tokens={most})"
        message = f"An Embedding has a row for each of max_tokens ids {received}."
        yield ("layers", i, layer.name), f"{message} Write max_tokens: {n_ids}."


def check_ids(
    recipe: Recipe, parts: Iterable[Part | Piece], columns: Sequence[Column]
) -> Iterator[tuple[KeyPath, str]]:
    """Check that a first layer that takes ids, such as Embedding, gets ids that it has.

    Keras casts fractions to whole numbers, takes negative ids from the end, and leaves out ids
    that CategoryEncoding does not have, without an error.

    Args:
        parts: Rows.
        columns: A table's columns; empty for arrays.
    """
    first = find_first_layer(recipe.layers)
    if not first or not takes_ids(recipe):
        return
    i, layer = first
    path = ("layers", i, layer.name)
    if any(column.kind == "text" for column in columns):
        return  # see _check_text
    changed = [column.name for column in columns if column.feature != "float"]
    if changed:
        yield (
            path,
            f"{layer.name} takes ids, which are whole numbers, and {list_some(changed)} would be "
            "standardised or encoded before it. Write features: {'*': float} under dataset.",
        )
        return
    size = _SIZES.get(layer.name, "")
    for part in parts:
        by_name = part.inputs if isinstance(part.inputs, dict) else {"": part.inputs}
        for name, values in by_name.items():
            values = np.asarray(values)
            wrong, message = _check_id_values(values, layer, size)
            if message:
                received = f"(received: {wrong:g})"
                if not isinstance(part.inputs, Series):
                    row = part.rows[np.argwhere(values == wrong)[0][0]]
                    received = f"(received: {wrong:g} in row {row})"
                yield path, f"{f'{name}: ' if name else ''}{message} {received}."
                return


def _check_id_values(
    values: NDArray[np.generic], component: Component, size: str
) -> tuple[Any, str]:
    """A value that is no id, and the rule that it breaks; the rule is empty without one.

    Args:
        size: The argument that is the number of ids.
    """
    layer, n_ids = component.name, component.arguments.get(size)
    if values.dtype.kind not in "fiu" or not values.size:
        return None, ""
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        wrong = values[values != np.floor(values)][0]
        return wrong, f"{layer} takes ids, which are whole numbers"
    if values.min() < 0:
        return values.min(), f"{layer} takes ids, which are not negative"
    if isinstance(n_ids, int) and values.max() >= n_ids:
        largest = values.max()
        rule = f"{layer} has {size} {n_ids}, for ids from 0 to {n_ids - 1}"
        return largest, f"{rule}. Write {size}: {int(largest) + 1}"
    return None, ""


def add_channel(recipe: Recipe, dataset: Dataset, say: Say) -> Dataset:
    """Give gray images a channel if the first layer that depends on their shape takes one.

    Arrays of shape (steps, features) have as many dimensions. They are neither bytes nor square.
    Keras would take rows without a channel for one image before layers such as RandomFlip.
    """
    inputs = dataset.parts["train"].inputs
    lists = (layer.arguments.get("layers", [layer]) for layer in recipe.layers)  # a Pipeline's
    layers = (each for each_list in lists if isinstance(each_list, list) for each in each_list)
    layer = next((each for each in layers if each.name not in _ANY_RANK), recipe.layers[-1])
    module, _ = list_names("layers").get(layer.name, ("", ""))
    if isinstance(inputs, dict) or inputs.ndim != 3 or "channels_first" in layer.arguments.values():
        return dataset
    height, width = inputs.shape[1:]
    is_image = height == width or inputs.dtype == np.uint8
    if not ("image_preprocessing" in module or (is_image and _takes_images(layer))):
        return dataset
    say(f"{layer.name} takes a channel: images of {height}×{width} become {height}×{width}×1")
    parts = {
        name: replace(part, inputs=_add_axis(part.inputs)) for name, part in dataset.parts.items()
    }
    return replace(dataset, parts=parts)


def _takes_images(layer: Component) -> bool:
    return bool(re.search("(?<!LSTM)2D", layer.name)) or layer.name in list_bases()


def _add_axis(images: Any) -> Any:
    if isinstance(images, DiskRows):
        return images.map(_add_axis, (*images.shape[1:], 1))
    return np.asarray(images)[..., None]


def find_doubts(recipe: Recipe, dataset: Dataset) -> Iterator[str]:
    """Find settings that are valid together but probably a mistake."""
    if dataset.task == "regression":
        yield from _doubt_numbers(recipe, dataset)
    first = find_first_layer(recipe.layers)
    scaled = [column.name for column in dataset.columns if column.feature in _SCALED]
    if first and first[1].name in ("Rescaling", "Normalization") and scaled:
        yield (
            f"layers[{first[0]}]: {first[1].name} scales columns that are standardised already "
            f"({list_some(scaled)}). Remove it, or write features: {{'*': float}} under dataset."
        )
    inputs = dataset.parts["train"].inputs
    shape = () if isinstance(inputs, dict) else inputs.shape[1:]
    layer = next((each for each in recipe.layers if each.name not in _ANY_RANK), recipe.layers[0])
    is_odd = len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) > 3
    if is_odd and _takes_images(layer) and "channels_first" not in layer.arguments.values():
        yield (
            f"layers: {layer.name} takes height × width × channels, and rows have the shape "
            f"{shape}. If channels come first, save the images as np.moveaxis(x, 1, -1)."
        )
    is_masked = any(layer.arguments.get("mask_zero") for layer in recipe.layers)
    averages = any(layer.name == "GlobalAveragePooling1D" for layer in recipe.layers)
    if is_masked and averages and any(column.kind == "text" for column in dataset.columns):
        yield (
            "layers: GlobalAveragePooling1D divides by the number of words, which gives NaN for a "
            "text without any, such as '...'. Remove mask_zero."
        )


def _doubt_numbers(recipe: Recipe, dataset: Dataset) -> Iterator[str]:
    """Outputs that cannot reach a target of numbers, and metrics that compare classes."""
    output, name = find_output_layer(recipe.layers), dataset.target_name
    low, high = _find_range(dataset)
    activation = output.activation if output else None
    least, most = _RANGES.get(activation or "", (-np.inf, np.inf))
    is_out, has = low < least or high > most, f"{name} goes from {low:g} to {high:g}"
    if recipe.dataset.standardize_target:
        is_out, has = np.isfinite(least), f"{name} is standardised to mean 0"
    elif activation in _CHANCE_ACTIVATIONS:
        is_out = False  # refused, or pixels
    if is_out:
        yield f"layers: {activation} gives numbers from {least} to {most}, and {has}. Remove it."
    is_hinge = "hinge" in find_loss_name(recipe.loss)
    if find_loss_kind(recipe.loss) is not LossKind.NUMBERS or not (is_hinge or low < 0 or high > 1):
        return
    for i, metric in enumerate(recipe.metrics):
        is_apt = is_hinge and low == 0 and metric.arguments.get("threshold") == 0
        if not is_apt and re.search(_OF_CLASSES, to_snake_case(metric.name)):
            remedy = (
                "Write 0 for −1, and BinaryAccuracy: {threshold: 0}" if is_hinge else "Remove it"
            )
            yield f"metrics[{i}]: {metric.name} compares classes, and {name} is a number. {remedy}."


def _check_class_weight(recipe: Recipe, dataset: Dataset) -> Iterator[tuple[KeyPath, str]]:
    if recipe.class_weight is None:
        return
    if dataset.task != "classification" or dataset.target_shape:
        message = f"{dataset.name}'s target is not one class for each row. Remove class_weight."
        yield ("class_weight",), message
    elif recipe.class_weight != "balanced":
        for name in recipe.class_weight:
            if str(name) not in dataset.class_names:
                remedy = suggest(str(name), dataset.class_names)
                yield ("class_weight", str(name)), f"There is no class '{name}'. {remedy}".rstrip()


def _check_answers(
    recipe: Recipe, dataset: Dataset, output: OutputLayer | None
) -> Iterator[tuple[KeyPath, str]]:
    """Check that threshold and calibrate have probabilities and validation rows."""
    activation = output.activation if output and not has_logits(recipe.loss) else None
    are_chances = activation in (None, *_CHANCE_ACTIVATIONS) and not dataset.target_shape
    is_multilabel = dataset.task == "multilabel"
    is_binary = is_multilabel or dataset.n_classes == 2
    is_class = is_multilabel or dataset.n_classes > 0
    for key, value, fits, what in (
        ("threshold", recipe.threshold, is_binary, "two classes"),
        ("calibrate", recipe.calibrate, is_class, "classes"),
    ):
        if value is not None and not (fits and are_chances):
            rule = f"{key} needs a target of {what} or labels, and probabilities as outputs."
            yield (key,), f"{rule} Remove {key}."
        elif isinstance(value, dict | str) and "validation" not in dataset.parts:
            rule = f"{key} needs validation rows, and there are none."
            yield (key,), f"{rule} Set dataset.validation_split, such as 0.2."


def _check_classes(
    dataset: Dataset, output: OutputLayer | None, kind: LossKind, loss: str
) -> Iterator[tuple[KeyPath, str]]:
    n_classes, units = dataset.n_classes, output.units if output else None
    if output is None or units is None or (dataset.target_shape and kind is LossKind.BINARY):
        return  # the built model shows the shape of its outputs
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
    elif dataset.has_class_numbers and kind is LossKind.INTEGERS and units > n_classes:
        return
    elif not is_binary and units != n_classes:
        message = (
            f"The output layer needs one unit for each of {name}'s {n_classes} classes: "
            f"{list_some(dataset.class_names)} (received: units={units}). Write units: {n_classes}."
        )
        yield place, message + advise_counting(dataset, units)


def advise_counting(dataset: Dataset, units: int) -> str:
    """The remedy where class numbers begin with 1, and there is a unit for each; else empty."""
    begins_with_1 = all(np.min(part.target) == 1 for part in dataset.parts.values())
    if not begins_with_1 or units != dataset.n_classes - 1:
        return ""
    return f" Or subtract 1 from {dataset.target_name}, so that classes begin with 0."


def _find_range(dataset: Dataset) -> tuple[Any, Any]:
    """The least and the largest number of all targets."""
    targets = [part.target for part in dataset.parts.values()]
    return min(np.min(each) for each in targets), max(np.max(each) for each in targets)


def _check_numbers(
    dataset: Dataset, output: OutputLayer | None, kind: LossKind, loss: str
) -> Iterator[tuple[KeyPath, str]]:
    n_targets, has_steps = len(dataset.target_names), not dataset.is_table
    are = "is a number" if n_targets == 1 and not dataset.target_shape else "are numbers"
    what = f"{dataset.target_name} of {dataset.name} {are}"
    targets = [part.target for part in dataset.parts.values()]
    low, high = _find_range(dataset)
    # Pixels are divided by 255 before a sigmoid.
    are_shares = (low >= 0 and high <= 1) or targets[0].dtype == np.uint8
    sums = (each.sum(axis=-1, dtype=np.float64) for each in targets if each.ndim > 1)
    are_many = targets[0].ndim > 1 and low >= 0 and high <= 1
    make_one = are_many and all(np.abs(each - 1).max() < 1e-3 for each in sums)
    if loss.lower() == "poisson" and low < 0:
        yield ("loss",), f"{what} from {low:g} on, and poisson needs counts. Use loss: mse."
    is_apt = are_shares if kind is LossKind.BINARY else make_one and kind is LossKind.ONE_HOT
    are_labels = are_many and all(np.isin(each, (0, 1)).all() for each in targets)
    if kind is not LossKind.NUMBERS and not is_apt:
        remedy = "Use loss: mse."
        if are_labels:
            remedy = "For labels, use loss: binary_crossentropy with activation: sigmoid."
        yield ("loss",), f"{what}, and this loss needs {kind} (received: {loss}). {remedy}"
    if output is None or dataset.target_shape:
        pass  # the built model shows the shape of its outputs
    elif output.units not in (None, n_targets) and not (output.units == 1 and has_steps):
        needed = "one unit" if n_targets == 1 else f"a unit for each of {n_targets}"
        received = f"(received: units={output.units})"
        message = f"{what}: the output layer needs {needed} {received}. Write units: {n_targets}."
        yield (*output.path, "units"), message
    are_apt = {"sigmoid": are_shares, "softmax": make_one}
    is_suitable = output is not None and are_apt.get(output.activation or "")
    is_suitable = is_suitable or (are_labels and kind is not LossKind.NUMBERS)  # told above
    if output is not None and output.activation in _CHANCE_ACTIVATIONS and not is_suitable:
        message = (
            f"{what} from {low:g} to {high:g}, and {output.activation} "
            f"{'sums to 1' if are_shares else 'stays between 0 and 1'}. Remove the activation."
        )
        yield output.activation_path, message


def _check_labels(
    dataset: Dataset, output: OutputLayer | None, kind: LossKind, loss: str
) -> Iterator[tuple[KeyPath, str]]:
    n_labels = len(dataset.target_names)
    what = f"{list_some(dataset.target_names)} of {dataset.name} are labels, each 0 or 1"
    if kind is not LossKind.BINARY:
        yield ("loss",), f"{what} (received: loss={loss}). Use loss: binary_crossentropy."
    has_steps = not dataset.is_table and output is not None and output.units == 1
    if output is not None and output.units not in (None, n_labels) and not has_steps:
        message = f"{what}: the output layer needs a unit for each (received: {output.units})."
        yield (*output.path, "units"), f"{message} Write units: {n_labels}."
