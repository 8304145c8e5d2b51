"""Rules between a recipe and its data, checked before TensorFlow is imported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kerasrecipes.errors import KeyPath, RecipeError
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.keras_names import list_bases, list_names
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.rules import (
    Broken,
    LossKind,
    OutputLayer,
    check_callbacks,
    find_loss_kind,
    find_loss_name,
    find_output_layer,
    has_logits,
)
from kerasrecipes.rows.dataset import Dataset, Part, Piece
from kerasrecipes.rows.disk import DiskRows
from kerasrecipes.rows.downloads import Say
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.windows import Series
from kerasrecipes.rows.words import count, list_some

_TAKE_IDS = ("Embedding", "Hashing", "IntegerLookup", "CategoryEncoding")
_SIZES = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens"}
_MOVE = ("TextVectorization", "Masking", "Reshape", "Flatten", "Permute", "RepeatVector")
_ANY_RANK = ("Rescaling", "Normalization", "BatchNormalization", "GaussianNoise", "Dropout")
_SCALED = ("float_normalized", "float_rescaled", "float_discretized")
_CHANCE_ACTIVATIONS = ("softmax", "sigmoid")
_NEED_UNITS = {
    *("hinge", "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "poisson"),
    "squared_hinge",
}
"""Losses whose value depends on where 0 is."""


def check_compatibility(recipe: Recipe, dataset: Dataset) -> None:
    """Raise RecipeError with every rule that recipe and data break together."""
    output, kind = find_output_layer(recipe.layers), find_loss_kind(recipe.loss)
    check = _check_numbers if dataset.task == "regression" else _check_classes
    found = [*check(recipe, dataset, output, kind)]
    needs_units = kind is LossKind.BINARY or find_loss_name(recipe.loss) in _NEED_UNITS
    needs_units |= output is not None and output.activation in _CHANCE_ACTIVATIONS
    if recipe.dataset.standardize_target and (dataset.task != "regression" or needs_units):
        rule = "standardize_target is for numbers, and for losses and outputs that do not depend on"
        received = f"where 0 is (received: {dataset.task} with {recipe.loss.name})"
        found.append((("dataset", "standardize_target"), f"{rule} {received}. Remove it."))
    found += _check_answers(recipe, dataset, output)
    found += check_callbacks(recipe, "validation" in dataset.parts)
    found += _check_text(recipe, dataset.columns)
    found += check_ids(recipe, dataset.parts.values(), dataset.columns)
    if found:
        raise RecipeError([recipe.problem(*problem) for problem in found])


def find_first_layer(recipe: Recipe) -> tuple[KeyPath, Component]:
    """The first layer that does more than encode its inputs or move them, and its place."""
    layers = [*enumerate(recipe.layers)]
    i, layer = next((pair for pair in layers if pair[1].name not in _MOVE), layers[-1])
    return ("layers", i, layer.name), layer


def takes_ids(recipe: Recipe) -> bool:
    """Whether the first layer takes ids, such as those of words."""
    return find_first_layer(recipe)[1].name in _TAKE_IDS


def _check_text(recipe: Recipe, columns: Sequence[Column]) -> Broken:
    """Check that text reaches the layer that takes it, in the form that the next layer takes."""
    texts = [column for column in columns if column.kind == "text"]
    for i, layer in enumerate(recipe.layers):
        if layer.name == "TextVectorization" and (i or not texts or len(columns) > 1):
            rule = "TextVectorization is the first layer, and takes the text of a table's only"
            remedy = "To use text beside other columns, write features: {NAME: text} instead."
            yield ("layers", i, layer.name), f"{rule} column. {remedy}"
    if not texts:
        return
    path, layer = find_first_layer(recipe)
    mode, most = (texts[0].arguments[key] for key in ("output_mode", "max_tokens"))
    n_ids = layer.arguments.get("input_dim")
    wanted = {"Embedding": "int", "Dense": "tf_idf"}.get(layer.name, mode)
    wanted = wanted if len(columns) == 1 else "tf_idf"
    if (mode == "int") != (wanted == "int"):
        rule = "Embedding takes the ids of a single column of text; Dense, and other columns beside"
        others = f"the text, need a number for each word (received: output_mode={mode})"
        yield path, f"{rule} {others}. Write output_mode: {wanted}."
    elif n_ids is not None and most > n_ids:
        received = f"(received: input_dim={n_ids}, max_tokens={most})"
        message = f"An Embedding has a row for each of max_tokens ids {received}."
        yield path, f"{message} Write max_tokens: {n_ids}."


def check_ids(recipe: Recipe, parts: Iterable[Part | Piece], columns: Sequence[Column]) -> Broken:
    """Check that a first layer that takes ids, such as Embedding, gets ids that it has.

    Keras casts fractions to whole numbers, takes negative ids from the end, and leaves out ids
    that CategoryEncoding does not have, without an error.
    """
    path, layer = find_first_layer(recipe)
    if not takes_ids(recipe) or any(column.kind == "text" for column in columns):
        return  # of text, see _check_text
    if changed := [column.name for column in columns if column.feature != "float"]:
        rule = f"{layer.name} takes ids, which are whole numbers, and {list_some(changed)} would be"
        remedy = "Write features: {'*': float} under dataset."
        yield path, f"{rule} standardised or encoded before it. {remedy}"
        return
    size = _SIZES.get(layer.name, "")
    n_ids = layer.arguments.get(size)
    most = n_ids - 1 if isinstance(n_ids, int) else np.inf
    for part in parts:
        by_name: Any = part.inputs if isinstance(part.inputs, dict) else {"": part.inputs}
        for name, values in by_name.items():
            values = np.asarray(values)
            if values.dtype.kind not in "fiu":
                continue
            is_wrong = (values < 0) | (values > most) | (values % 1 != 0)
            if not is_wrong.any():
                continue
            place, largest = tuple(np.argwhere(is_wrong)[0]), values.max()
            wrong = values[place]
            where = "" if isinstance(part.inputs, Series) else f" in row {part.rows[place[0]]}"
            ids = "whole numbers from 0 " + ("on" if most == np.inf else f"to {most}")
            received = f"(received: {wrong:g}{where})"
            is_large = most < wrong and wrong % 1 == 0 and largest < np.inf
            remedy = f" Write {size}: {int(largest) + 1}." if is_large else ""
            message = f"{layer.name} takes ids, which are {ids} {received}.{remedy}"
            yield path, f"{name}: {message}" if name else message
            return


def add_channel(recipe: Recipe, dataset: Dataset, say: Say) -> Dataset:
    """Give gray images a channel if the first layer that depends on their shape takes one.

    Arrays of shape (steps, features) have as many dimensions. They are neither bytes nor square.
    Keras would take rows without a channel for one image before layers such as RandomFlip.
    """
    inputs = dataset.parts["train"].inputs
    inner = (layer.arguments.get("layer", layer) for layer in recipe.layers)  # a wrapper's
    lists = (layer.arguments.get("layers", [layer]) for layer in inner)  # a Pipeline's
    layers = (each for each_list in lists if isinstance(each_list, list) for each in each_list)
    layer = next((each for each in layers if each.name not in _ANY_RANK), recipe.layers[-1])
    if isinstance(inputs, dict) or inputs.ndim != 3 or "channels_first" in layer.arguments.values():
        return dataset
    height, width = inputs.shape[1:]
    module, _ = list_names("layers").get(layer.name, ("", ""))
    takes_images = re.search("(?<!LSTM)2D", layer.name) or layer.name in list_bases()
    is_image = height == width or inputs.dtype == np.uint8
    if not ("image_preprocessing" in module or (is_image and takes_images)):
        return dataset
    say(f"{layer.name} takes a channel: images of {height}×{width} become {height}×{width}×1")
    parts = {
        name: replace(part, inputs=_add_axis(part.inputs)) for name, part in dataset.parts.items()
    }
    return replace(dataset, parts=parts)


def _add_axis(images: Any) -> Any:
    if isinstance(images, DiskRows):
        return images.map(_add_axis, (*images.shape[1:], 1))
    return np.asarray(images)[..., None]


def find_doubts(recipe: Recipe, dataset: Dataset) -> Iterator[str]:
    """Find settings that are valid together but probably a mistake."""
    (_, i, name), _ = find_first_layer(recipe)
    scaled = [column.name for column in dataset.columns if column.feature in _SCALED]
    if name in ("Rescaling", "Normalization") and scaled:
        rule = f"{name} scales columns that are standardised already ({list_some(scaled)})"
        remedy = "Remove it, or write features: {'*': float} under dataset."
        yield f"layers[{i}]: {rule}. {remedy}"
    inputs = dataset.parts["train"].inputs
    shape = () if isinstance(inputs, dict) else inputs.shape[1:]
    are_first = len(shape) == 3 and shape[0] in (1, 3) and shape[1] == shape[2] > 3
    of_images = [each for each in recipe.layers if re.search("(?<!LSTM)2D", each.name)]
    is_meant = any(
        each.name in ("Permute", "Reshape") or "channels_first" in each.arguments.values()
        for each in recipe.layers
    )
    if are_first and of_images and not is_meant:
        rule = f"images have the shape {shape}, and {of_images[0].name} takes channels last"
        yield f"layers: {rule}. Change the order: np.moveaxis(images, 1, -1)."
    some = np.asarray(dataset.parts["train"].target[:1000])
    are_codes = dataset.task != "regression" or np.isin(some, (-1, 0, 1)).all()
    for i, metric in enumerate(recipe.metrics):
        if not are_codes and re.search("(?i)^acc$|accuracy$", metric.name):
            rule = f"{metric.name} is for classes, and the target contains numbers"
            yield f"metrics[{i}]: {rule}. Write mae."


def _check_answers(recipe: Recipe, dataset: Dataset, output: OutputLayer | None) -> Broken:
    """Check that class weights, threshold and calibrate have what they need."""
    is_one_class = dataset.task == "classification" and not dataset.target_shape
    if recipe.class_weight is not None and not is_one_class:
        message = f"{dataset.name}'s target is not one class for each row. Remove class_weight."
        yield ("class_weight",), message
    elif isinstance(recipe.class_weight, dict):
        for name in map(str, recipe.class_weight):
            if name not in dataset.class_names:
                remedy = suggest(name, dataset.class_names)
                yield ("class_weight", name), f"There is no class '{name}'. {remedy}".rstrip()
    activation = output.activation if output and not has_logits(recipe.loss) else None
    are_chances = activation in (None, *_CHANCE_ACTIVATIONS) and not dataset.target_shape
    is_apt = are_chances and dataset.task != "regression"
    for key, value in (("threshold", recipe.threshold), ("calibrate", recipe.calibrate)):
        fits = is_apt and (key == "calibrate" or dataset.n_classes in (0, 2))
        if value is not None and not fits:
            classes = "two classes" if key == "threshold" else "classes"
            rule = f"{key} needs {classes} or labels, and probabilities as outputs"
            yield (key,), f"{rule}. Remove it."
        elif isinstance(value, dict | str) and "validation" not in dataset.parts:
            rule = f"{key} needs validation rows, and there are none"
            yield (key,), f"{rule}. Set dataset.validation_split, such as 0.2."


def _check_classes(
    recipe: Recipe, dataset: Dataset, output: OutputLayer | None, kind: LossKind
) -> Broken:
    """Check loss and outputs for classes, or for labels."""
    name, n_classes, loss = dataset.name, dataset.n_classes, recipe.loss.name
    if not n_classes and kind is not LossKind.BINARY:
        what = f"{list_some(dataset.target_names)} of {name} are labels, each 0 or 1"
        yield ("loss",), f"{what} (received: loss={loss}). Use loss: binary_crossentropy."
    if output is None or output.units is None or (dataset.target_shape and kind is LossKind.BINARY):
        return  # the built model shows the shape of its outputs
    if not n_classes:
        yield from _check_units(dataset, output, len(dataset.target_names))
        return
    if kind is LossKind.NUMBERS and output.activation not in (None, *_CHANCE_ACTIVATIONS):
        rule = f"{name} has classes, and the output activation '{output.activation}' does not give"
        remedy = "Write activation: softmax with a unit for each class, or activation: sigmoid with"
        yield output.activation_path, f"{rule} class probabilities. {remedy} one."
    is_single = output.units == 1 and n_classes == 2 and kind is LossKind.NUMBERS
    more_classes = dataset.has_class_numbers and kind is LossKind.INTEGERS
    if kind is LossKind.BINARY and n_classes != 2:
        rule = f"A binary loss separates two classes; {name} has {list_some(dataset.class_names)}."
        remedy = f"Use loss: sparse_categorical_crossentropy with {n_classes} softmax units."
        yield ("loss",), f"{rule} {remedy}"
    elif not (more_classes and output.units > n_classes):
        needed = 1 if kind is LossKind.BINARY or is_single else n_classes
        yield from _check_units(dataset, output, needed)


def _check_units(dataset: Dataset, output: OutputLayer, needed: int) -> Broken:
    """Check the units of the output layer; one unit may give a number for each step of an array."""
    gives_steps = output.units == 1 and not dataset.is_table and not dataset.n_classes
    if output.units in (None, needed) or gives_steps:
        return
    names = list_some(dataset.class_names or dataset.target_names)
    rule = f"With this loss and {dataset.name}'s target ({names}), the output layer needs"
    received = f"{count(needed, 'unit')} (received: units={output.units})"
    yield (*output.path, "units"), f"{rule} {received}. Write units: {needed}."


def _check_numbers(
    recipe: Recipe, dataset: Dataset, output: OutputLayer | None, kind: LossKind
) -> Broken:
    """Check loss and outputs for numbers, which may be shares of 1, or pixels."""
    loss = recipe.loss.name
    targets: list[Any] = [part.target for part in dataset.parts.values()]
    low, high = min(map(np.min, targets)), max(map(np.max, targets))
    names, have = dataset.target_names, "have" if len(dataset.target_names) > 1 else "has"
    what = f"{', '.join(names)} of {dataset.name} {have} numbers from {low:g} to {high:g}"
    # Pixels are divided by 255 before a sigmoid.
    are_shares = (low >= 0 and high <= 1) or targets[0].dtype == np.uint8
    sums = [each.sum(axis=-1, dtype=np.float64) for each in targets if each.ndim > 1]
    make_one = bool(sums) and are_shares and all(np.abs(each - 1).max() < 1e-3 for each in sums)
    if loss.lower() == "poisson" and low < 0:
        yield ("loss",), f"{what}, and poisson needs counts. Use loss: mse."
    are_apt = {LossKind.NUMBERS: True, LossKind.BINARY: are_shares, LossKind.ONE_HOT: make_one}
    if not are_apt.get(kind):
        labels = "; for labels of 0 and 1, loss: binary_crossentropy with activation: sigmoid"
        remedy = f"Use loss: mse{labels if are_shares and sums else ''}."
        yield ("loss",), f"{what}, and this loss needs {kind} (received: {loss}). {remedy}"
    if output is None:
        return
    if not dataset.target_shape:  # otherwise the built model shows the shape of its outputs
        yield from _check_units(dataset, output, len(dataset.target_names))
    fits = {"sigmoid": are_shares, "softmax": make_one}
    if not fits.get(output.activation or "", True):
        gives = "numbers that sum to 1" if are_shares else "numbers between 0 and 1"
        message = f"{what}, and {output.activation} gives {gives}. Remove the activation."
        yield output.activation_path, message
