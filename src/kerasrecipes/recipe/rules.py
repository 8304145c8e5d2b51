"""Rules between components, and between keys of ``dataset``, checked before data are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe import keras_names
from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.endings import ARRAYS, DELIMITED, EXCEL, TABLES, find_ending
from kerasrecipes.recipe.names import find_meant, fold, suggest, to_snake_case

if TYPE_CHECKING:
    from kerasrecipes.recipe.recipe import Recipe

Broken = Iterator[tuple[KeyPath, str]]
"""Paths in the recipe, each with the rule that is broken there."""


class LossKind(StrEnum):
    """The target format that a loss requires."""

    INTEGERS = "class indices"
    ONE_HOT = "one-hot rows"
    BINARY = "zeros and ones"
    NUMBERS = "numbers"


_LOSS_KINDS = {
    "sparse_categorical_crossentropy": LossKind.INTEGERS,
    "categorical_crossentropy": LossKind.ONE_HOT,
    "categorical_focal_crossentropy": LossKind.ONE_HOT,
    "categorical_generalized_cross_entropy": LossKind.ONE_HOT,
    "categorical_hinge": LossKind.ONE_HOT,
    "kl_divergence": LossKind.ONE_HOT,
    "binary_crossentropy": LossKind.BINARY,
    "binary_focal_crossentropy": LossKind.BINARY,
}
_HIGHER = re.compile(
    "accuracy|^acc$|auc|precision|recall|f1score|fbetascore|^true|sensitivity|specificity|iou"
    "|r2score|similarity|correlation"
)
_LOWER = re.compile("error|entropy|hinge|huber|logcosh|divergence|poisson|^false")
"""Names of Keras's classes; a test compares each with what the class computes."""
_RESHAPES = ("Flatten", "Reshape")
_LOSSES = {"sigmoid": "binary_crossentropy", "softmax": "sparse_categorical_crossentropy"}
"""The usual loss of an activation."""
_PROBABILITY_LOSSES = {name for name in _LOSS_KINDS if "crossentropy" in name}
LOST_ARGUMENTS: dict[str, dict[str, float]] = {
    "Huber": {"delta": 1.0},
    "CosineSimilarity": {"axis": -1},
    "SparseCategoricalCrossentropy": {"axis": -1},
}
"""Arguments of losses that a saved model loses (keras #23286), and what it has instead."""


@dataclass(frozen=True)
class OutputLayer:
    """Facts about the last layer that need no built model."""

    path: KeyPath
    units: int | None  # None for convolutions, and where outputs are reshaped
    activation: str | None  # its name, or None if it is unknown
    activation_path: KeyPath  # of the activation at the very end, or of the missing one


def find_loss_name(loss: Component) -> str:
    """The snake-case name of a loss, however it was written."""
    names = [to_snake_case(each) for each in keras_names.list_classes("losses", loss.name)]
    return next((name for name in names if name in _LOSS_KINDS), (names or [loss.name])[0])


def find_loss_kind(loss: Component) -> LossKind:
    """The target format that a loss requires."""
    return _LOSS_KINDS.get(find_loss_name(loss), LossKind.NUMBERS)


def has_logits(loss: Component) -> bool:
    """Whether a loss has from_logits: the last layer has no activation."""
    return bool(loss.arguments.get("from_logits"))


def find_output_layer(layers: Sequence[Component]) -> OutputLayer | None:
    """Read the output layer off the recipe's list, from its end; None where one is not valid."""
    ends: list[tuple[str | None, KeyPath]] = []  # activations and their places, the last one first
    is_reshaped = False
    for i, layer in reversed(list(enumerate(layers))):
        path: KeyPath = ("layers", i, layer.name)
        if not layer.is_valid:
            return None
        is_reshaped |= layer.name in _RESHAPES
        is_end = layer.name in ("Softmax", "Activation")
        is_output = layer.name == "Dense" or re.fullmatch(r"Conv\dD(Transpose)?", layer.name)
        if is_end or is_output:
            given, default = layer.arguments.get("activation"), "softmax" if is_end else "linear"
            name = given.name if isinstance(given, Component) else default
            ends.append((name, (*path, "activation")))
        if is_output:
            units = None if is_reshaped else layer.arguments.get("units")
            return OutputLayer(path, units, *ends[0])
        if not is_end and layer.name not in ("Dropout", "ActivityRegularization", *_RESHAPES):
            return OutputLayer(path[:2], None, *(ends or [(None, ())])[0])
    return None


def name_in_logs(metric: Component) -> str:
    """The name under which Keras logs a metric."""
    if isinstance(metric.arguments.get("name"), str):
        return str(metric.arguments["name"])
    if metric.name[0].islower() and ">" not in metric.name and not metric.arguments:
        return metric.name
    default = keras_names.find_definition("metrics", metric.name).arguments.get("name")
    return default if isinstance(default, str) else to_snake_case(metric.name)


def gives_several(metric: Component) -> bool:
    """Whether a metric gives several numbers, such as one a class: name_0, name_1 and so on."""
    definition = keras_names.find_definition("metrics", metric.name)
    arguments = definition.arguments | metric.arguments
    if any(arguments.get(key, "") is None for key in ("average", "class_aggregation")):
        return True
    thresholds = arguments.get("thresholds")
    return isinstance(thresholds, list) and len(thresholds) > 1


def find_directions(metrics: Iterable[Component]) -> dict[str, bool | None]:
    """Find whether higher is better, for the loss and each metric of one number, by logged name.

    None stands for a class without a known direction, such as ``Sum``. A class that the caller
    registered has the direction of the Keras class it descends from.
    """
    directions: dict[str, bool | None] = {"loss": False}
    for metric in metrics:
        if gives_several(metric):
            continue
        classes = [fold(each) for each in keras_names.list_classes("metrics", metric.name)]
        known = (each for each in classes if _HIGHER.search(each) or _LOWER.search(each))
        first = next(known, None)
        directions[name_in_logs(metric)] = bool(_HIGHER.search(first)) if first else None
    return directions


def check_rules(recipe: Recipe, dataset: Any, needs_source: bool) -> Broken:
    """Check the rules between components, and between keys of ``dataset`` as the recipe has it."""
    data = dataset if isinstance(dataset, dict) else {}
    path = PurePath(str(data.get("path") or "rows.csv"))
    # Arrays and folders may bring validation rows; this is checked again with the data.
    brings_parts = data.get("split") or find_ending(path) not in TABLES
    has_validation = bool(data.get("validation_split") or brings_parts)
    yield from _check_loss(recipe)
    yield from check_callbacks(recipe, has_validation)
    given = [key for key in SOURCES if data.get(key) is not None]
    is_misspelt = any(find_meant(str(key), SOURCES) for key in data if key not in SOURCES)
    if needs_source and isinstance(dataset, dict) and not given and not is_misspelt:
        rule = "dataset needs one of the keys name, path, openml and sklearn: such as "
        yield ("dataset",), f"{rule}{{name: fashion_mnist}} or {{path: houses.csv, target: price}}."
    for key, message in _find_misfits(data, given):
        yield ("dataset", key), message


def find_warnings(recipe: Recipe) -> Broken:
    """Find settings that are allowed but probably unintended."""
    output = find_output_layer(recipe.layers)
    yield from _doubt_loss(recipe)
    yield from _doubt_layers(recipe, output)
    yield from _doubt_metrics(recipe, output)


def _doubt_loss(recipe: Recipe) -> Broken:
    """Find losses that Keras 3.15 computes or saves differently from its documentation."""
    loss, arguments = recipe.loss, recipe.loss.arguments
    if loss.name == "Tversky" and arguments.get("alpha", 0.5) != arguments.get("beta", 0.5):
        message = (
            "In Keras 3.15, alpha weighs false negatives and beta false positives, the reverse of "
            "its documentation (keras #23333). Exchange the two if you chose them by it."
        )
        yield ("loss", "Tversky"), message
    lost = LOST_ARGUMENTS.get(loss.name, {}).items()
    changed = [key for key, default in lost if arguments.get(key, default) != default]
    for i, callback in enumerate(recipe.callbacks if changed else ()):
        if callback.name == "ModelCheckpoint" and not callback.arguments.get("save_weights_only"):
            message = (
                f"A model that ModelCheckpoint saves reloads with {loss.name}'s default "
                f"{changed[0]} (keras #23286). Before evaluating or training it further, compile "
                "it with this loss again. The run's own model is not affected."
            )
            yield ("callbacks", i, "ModelCheckpoint"), message


def _doubt_layers(recipe: Recipe, output: OutputLayer | None) -> Broken:
    """Find layers that are too narrow, and pixels that a pretrained model gets in a wrong scale."""
    is_of_classes = find_loss_kind(recipe.loss) in (LossKind.INTEGERS, LossKind.ONE_HOT)
    least = (output.units or 0) if output and is_of_classes else 0  # an autoencoder may have fewer
    scalers: list[Component] = []
    for i, layer in enumerate(recipe.layers):
        path, arguments = ("layers", i, layer.name), layer.arguments
        if layer.name in ("Rescaling", "Normalization"):
            scalers.append(layer)
        if layer.name == "Dense" and layer.is_valid and arguments["units"] < least:
            message = (
                f"This hidden layer has fewer units than the output layer ({arguments['units']} < "
                f"{least}), which loses information that the output layer needs. Give it at least "
                f"{least}."
            )
            yield (*path, "units"), message
        is_pretrained = arguments.get("weights", "imagenet") is not None
        if not (is_pretrained and layer.name in keras_names.list_bases()):
            continue
        default = keras_names.find_definition("layers", layer.name).arguments
        key = "include_preprocessing"
        is_scaled = arguments.get(key, default.get(key, True))
        is_chosen = key in arguments or any("offset" in each.arguments for each in scalers)
        if is_scaled and scalers:
            remedy = f"Remove {scalers[-1].name}."
            yield path, f"{layer.name} scales pixels from 0 to 255 itself. {remedy}"
        elif not (is_scaled or is_chosen):
            remedy = f"Write {key}: true and no other scaling, or false if its inputs are right."
            rule = f"{layer.name} was trained on pixels that its preprocess_input scaled."
            yield path, f"{rule} {remedy}"


def _doubt_metrics(recipe: Recipe, output: OutputLayer | None) -> Broken:
    """Find metrics that take the largest of several units where each unit is an answer."""
    if find_loss_kind(recipe.loss) is not LossKind.BINARY:
        return
    for i, metric in enumerate(recipe.metrics):
        path = ("metrics", i, metric.name)
        name = keras_names.find_definition("metrics", metric.name).name
        if name in ("F1Score", "FBetaScore") and metric.arguments.get("threshold") is None:
            message = f"{name} without threshold predicts the largest unit, whatever its value."
            yield path, f"{message} Write threshold: 0.5."
        elif output and output.units == 1 and "categorical_" in to_snake_case(name):
            yield path, f"{name} compares several units, and there is one. Write BinaryAccuracy."


def _check_loss(recipe: Recipe) -> Broken:
    loss, output = recipe.loss, find_output_layer(recipe.layers)
    if output is None or output.activation is None:
        return
    place, activation = output.activation_path, output.activation
    if activation == "softmax" and output.units == 1:
        message = "softmax over one unit is always 1. Write a unit for each class, or activation: "
        yield place, f"{message}sigmoid with loss: binary_crossentropy."
        return
    name = find_loss_name(loss)
    if not loss.is_valid or name not in _PROBABILITY_LOSSES:
        return
    needed = "sigmoid" if find_loss_kind(loss) is LossKind.BINARY else "softmax"
    if has_logits(loss):
        name, needed = f"{name} with from_logits: true", "linear"
    if activation != needed:
        other = _LOSSES.get(activation)
        rule = f"{name} needs a last layer with activation '{needed}' (received: '{activation}')."
        remedy = f"Write activation: {needed}{f', or loss: {other}' if other else ''}."
        yield place, f"{rule} {remedy}"


def check_callbacks(recipe: Recipe, has_validation: bool) -> Broken:
    """Check that what callbacks read is logged, and what they require of the optimizer."""
    optimizer, metrics = recipe.optimizer, recipe.metrics
    inner = optimizer.arguments.get("inner_optimizer", optimizer)
    averages = isinstance(inner, Component) and inner.arguments.get("use_ema")
    has_schedule = isinstance(optimizer.arguments.get("learning_rate"), Component)
    are_known, logged = all(metric.is_valid for metric in metrics), ["loss"]
    for metric in metrics if are_known else ():
        several = "_0" if gives_several(metric) else ""  # name_0, name_1, ...
        logged.append(name_in_logs(metric) + several)
    logged += [f"val_{name}" for name in logged] if has_validation else []
    for i, callback in enumerate(recipe.callbacks):
        path: KeyPath = ("callbacks", i, callback.name)
        name, arguments = callback.name, callback.arguments
        if name == "SwapEMAWeights" and optimizer.is_valid and not averages:
            remedy = f"Write optimizer: {{{optimizer.name}: {{use_ema: true}}}}, or remove it."
            yield path, f"SwapEMAWeights needs an optimizer that averages weights. {remedy}"
        if name == "ReduceLROnPlateau" and has_schedule:
            remedy = "Write learning_rate as a number, or remove ReduceLROnPlateau."
            yield path, f"ReduceLROnPlateau cannot change a schedule. {remedy}"
        if not (callback.is_valid and are_known):
            continue
        default = keras_names.find_definition("callbacks", name).arguments.get("monitor")
        read = [arguments.get("monitor", default)]
        if name == "ModelCheckpoint":
            # It saves every epoch, whatever its monitor, unless it saves the best only.
            read = read if arguments.get("save_best_only") else []
            in_file = re.findall(r"\{(\w+)", str(arguments["filepath"]))
            read += [each for each in in_file if each not in ("epoch", "batch", "learning_rate")]
        for each in map(str, filter(None, read)):
            if each in logged or re.sub(r"_\d+$", "_0", each) in logged:
                continue
            remedy = suggest(each, logged)
            if each.startswith("val_") and not has_validation:
                remedy = "There is no validation part: set dataset.validation_split."
            yield path, f"{name} reads '{each}', which is not logged. {remedy}"


SOURCES = ("name", "path", "openml", "sklearn")
DataKind = Literal["delimited", "excel", "table", "arrays", "images"]
_TABLES: tuple[DataKind, ...] = ("delimited", "excel", "table")
_OF_TABLES = (
    *("drop", "features", "crosses", "missing", "missing_indicator", "missing_values"),
    "timeseries",
)
_OF_ROWS = ("target", "sample_weight", "group", "time", "split")
_APART = {
    "timeseries": ("shuffle: true", "stratify", "missing: drop", "stream", "group", "split"),
    "split": ("group", "time"),
    "stratify": ("time", "shuffle: false"),
    "group": ("shuffle: false",),
}
"""Settings that choose, order or keep rows in different ways."""
_USERS: dict[str, tuple[str, tuple[DataKind, ...]]] = {
    "csv": ("delimited text such as CSV files", ("delimited",)),
    "excel": ("Excel files", ("excel",)),
    **dict.fromkeys(_OF_ROWS, ("tables and arrays", (*_TABLES, "arrays"))),
    **dict.fromkeys(("image_size", "color_mode"), ("folders of images", ("images",))),
    **dict.fromkeys(_OF_TABLES, ("tables", _TABLES)),
    "stream": ("tables, .npy files and folders of images", (*_TABLES, "images")),
}
"""Keys for some kinds of data only: these data in words, and their kinds."""

ID_DATASETS = ("imdb", "reuters")
ID_KEYS = ("num_words", "maxlen", "padding")
"""Keys of the built-in texts, which are rows of word ids."""

_NOT_BUILT_IN = ({*_USERS} | {"task"}) - {"drop", "features", "crosses"}
"""Keys that a built-in data set determines itself."""

_AUTOENCODER = ("target", "x_train")


def _find_misfits(dataset: dict[str, Any], given: list[str]) -> Iterator[tuple[str, str]]:
    """Find keys that do not fit the source, as far as it shows before it is opened, or others."""
    name, path = dataset.get("name"), PurePath(str(dataset.get("path")))
    for key in given[1:]:
        received = f"(received: {' and '.join(given)})"
        yield key, f"The rows come from one place {received}. Keep one of these."
    for key in ID_KEYS if not find_meant(str(name), ID_DATASETS) else ():
        if dataset.get(key) is not None:
            yield key, f"{key} is for the built-in texts {' and '.join(ID_DATASETS)}. Remove it."
    if name in ID_DATASETS and dataset.get("maxlen") is None:
        yield "name", f"The texts of {name} differ in length, and need one. Write maxlen: 100."
    if given == ["name"]:
        for key in dataset:
            if key in _NOT_BUILT_IN and dataset[key] and (key, dataset[key]) != _AUTOENCODER:
                yield key, f"{key} is for data of your own; {name} has its own. Remove it."
    # Folders have no ending; arrays may be the columns of a table, which reading them shows.
    elif len(given) == 1 and (given != ["path"] or find_ending(path) in (*TABLES, *ARRAYS)):
        kind = find_table_kind(find_ending(path) if given == ["path"] else "")
        yield from find_unusable(dataset, kind, f"{given[0]}={dataset[given[0]]}")
    for key, others in _APART.items():
        for other in others if dataset.get(key) else ():
            setting, _, value = other.partition(": ")
            if str(dataset.get(setting)).lower() == value if value else dataset.get(setting):
                yield setting, f"{other} cannot be combined with {key}. Remove one of them."
    fold, folds = dataset.get("fold", 1), dataset.get("folds")
    if isinstance(fold, int) and fold > (folds if isinstance(folds, int) else 1):
        remedy = "Lower it." if folds else "Write folds, too, such as folds: 5."
        yield "fold", f"fold must be 1 to folds (received: {fold} of {folds or 0}). {remedy}"


def find_unusable(
    written: Mapping[str, Any], kind: DataKind, received: str
) -> Iterator[tuple[str, str]]:
    """Find written keys that do not apply to data of a kind, which is ``received`` in words."""
    for key, value in written.items():
        # missing: error needs nothing of the data.
        users, kinds = _USERS.get(key, ("", (kind,)))
        if value and value != "error" and kind not in kinds:
            yield key, f"{key} is for {users} (received: {received}). Remove it."


def find_table_kind(ending: str) -> DataKind:
    """The kind of a table's file by its ending."""
    return "delimited" if ending in DELIMITED else "excel" if ending in EXCEL else "table"
