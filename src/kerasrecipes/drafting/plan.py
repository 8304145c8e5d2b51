"""Turns findings in the data into a recipe with comments that explain it.

docs/drafts.md lists the scores of its layers, batch sizes and epochs on public tables.
"""

from __future__ import annotations

import math
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.cells import cell_len

from kerasrecipes.drafting.findings import Findings
from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.components import FEATURES
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.dataset import Source, count_classes
from kerasrecipes.rows.kinds import NumberColumn
from kerasrecipes.rows.words import count, list_some

Layers = list[Any]

_WIDTH = 80
_COLUMN = 30
"""Where comments beside a line begin, if it is not longer."""

_MOST_FEATURES = 40
"""More columns than that are not written one by one."""

_LONGEST_KEY = 1000  # of YAML, in one line
_HELD_OUT = 0.2
_FEWEST_TO_STRATIFY = 8
_IMBALANCED = 3
_RARE = 0.95  # the share of the other class
_CLASS_WEIGHT = (
    "class_weight: balanced would give rows of rare classes more weight in the loss: the model "
    "finds more of them, but also predicts them for more other rows: accuracy often falls."
)
_SMALLEST_MAP = 6
_MOST_BLOCKS = 4
_STEPS_WANTED = 50
_MANY_ROWS = 20_000
_WORDS = 10_000
_DROPOUT = {1_000: 0.3, 10_000: 0.2}
_EPOCHS = {2_000: 200, 20_000: 100, 200_000: 40}
_IMAGE_EPOCHS = {2_000: 100, 20_000: 40}
"""Shares of units and numbers of epochs by a number of rows, for fewer rows than that."""


def plan_recipe(found: Findings, file: Path) -> CommentedRecipe:
    """Plan a recipe for data; its path to them is relative to ``file``, the new recipe."""
    plan, source = CommentedRecipe(), found.source
    plan.comment(f"kerasrecipes train {shlex.quote(str(file))}")
    plan.comment(f"Drafted by kerasrecipes init for {found.path.name}. Change what you like.")
    for hint in found.hints:
        plan.comment(f"Look at this first: {hint}")
    plan.add(("name",), make_printable(file.stem))
    plan.add(("seed",), 42, "initial weights, row order, dropout")
    plan.add(("dataset",))
    _plan_source(plan, found, file)
    if source.columns:
        _plan_columns(plan, found)
    n_train = _plan_parts(plan, source)
    _plan_layers(plan, source, n_train)
    plan_training(plan, source, n_train)
    return plan


def _plan_source(plan: CommentedRecipe, found: Findings, file: Path) -> None:
    """The source of the rows, and the target."""
    # Both sides free of symbolic links: ".." leads out of where a link points to.
    data = found.path.parent.resolve() / found.path.name
    relative = Path(os.path.relpath(data, file.absolute().parent.resolve())).as_posix()
    plan.add(("dataset", "path"), relative, "relative to this file")
    for key, keys in found.spec.model_dump(include={"csv", "excel"}, exclude_unset=True).items():
        if keys:
            plan.add(("dataset", key), dict(sorted(keys.items())))
    if found.spec.target:
        reason = found.target_reason
        above = f"{reason} Choose another with init --target." if reason else ""
        plan.add(("dataset", "target"), found.spec.target, "the column to predict", above)
    source, about = found.source, "labels, each 0 or 1"
    if source.task == "classification":
        rows = "rows" if source.target.ndim == 1 else "values"
        classes = [f"{name}: {n:,}" for name, n in _count_classes(source).items()]
        about = f"{len(classes):,} classes ({list_some(classes)} {rows})"
    elif source.task == "regression":
        about = f"from {float(source.target.min()):,.6g} to {float(source.target.max()):,.6g}"
        numbers = [column for column in source.target_columns if isinstance(column, NumberColumn)]
        about += next((f", written with {each.marks}" for each in numbers if each.marks), "")
    plan.add(("dataset", "task"), source.task, about)
    if found.spec.image_size:
        plan.add(("dataset", "image_size"), found.spec.image_size, "height and width of all images")
    if found.spec.color_mode == "grayscale":
        plan.add(("dataset", "color_mode"), "grayscale", "no image has colours")


def _count_classes(source: Source) -> dict[str, int]:
    """The rows of each class, by its name; without the loader's own test part."""
    names = source.class_names
    return dict(zip(names, count_classes(source.target, len(names)), strict=True))


def _plan_columns(plan: CommentedRecipe, found: Findings) -> None:
    """Write features, missing values, and columns that are left out."""
    inputs: Any = found.source.inputs
    columns = found.source.columns
    gaps = {c.name: int(c.find_missing(inputs[c.inputs[0]]).sum()) for c in columns}
    if missing := found.spec.missing_values.model_dump(exclude_defaults=True):
        why = "words that mean missing, and usual ones that are categories"
        plan.add(("dataset", "missing_values"), missing, why)
    if any(gaps.values()) or found.n_unanswered:
        above = "Missing numbers get the training rows' median, missing texts are a category of "
        above += "their own. Others: mean, most_frequent, or drop for whole rows."
        if found.n_unanswered:
            above += f" {count(found.n_unanswered, 'row')} without {found.spec.target}: left out."
        plan.add(("dataset", "missing"), "median", above=above)
    listed = [column for column in columns if len(write_flow(column.name)) <= _LONGEST_KEY]
    note = "The type of each column, as in keras.utils.FeatureSpace."
    if len(listed) > _MOST_FEATURES:
        listed = [column for column in listed if column.feature != "float_normalized"]
        listed = listed[:_MOST_FEATURES]
        note += f" {len(columns) - len(listed):,} more columns are taken by their types."
    if listed:
        plan.add(("dataset", "features"), above=note)
    for column in listed:
        text = column.reason + (f": {', '.join(column.parts)}" if column.parts else "")
        text += f"; {gaps[column.name]:,} missing" if gaps[column.name] else ""
        known, is_cut = FEATURES[column.feature], "most frequent" in column.reason
        arguments = {
            key: value
            for key, value in column.arguments.items()
            if key in known and (value != known[key] or is_cut)
        }
        use = {column.feature: arguments} if arguments else column.feature
        plan.add(("dataset", "features", column.name), use, text)
    left_out = [pair for pair in found.source.left_out if pair[0] not in found.spec.roles.values()]
    if left_out:
        plan.add(("dataset", "drop"), above="Columns that are left out.")
    for name, reason in left_out:
        plan.add(("dataset", "drop", 0), name, reason.split("; to use it")[0])


def _plan_parts(plan: CommentedRecipe, source: Source) -> int:
    """Write which rows are held out; return about how many train."""
    n_train = len(source.target)
    for part, why in (
        ("test", "never trained on"),
        ("validation", "of the rest, scored after every epoch"),
    ):
        if part not in source.own_parts:
            n_held_out = round(_HELD_OUT * n_train)
            n_train -= n_held_out
            plan.add(("dataset", f"{part}_split"), _HELD_OUT, f"about {n_held_out:,} {why}")
    plan.add(("dataset", "split_seed"), 42, f"chooses the rows; about {n_train:,} train")
    is_classes = source.task == "classification" and source.target.ndim == 1
    if is_classes and min(_count_classes(source).values()) >= _FEWEST_TO_STRATIFY:
        plan.add(("dataset", "stratify"), True, "the same share of each class in every part")
    if source.task == "regression":
        why = "in training; predictions are in its own unit"
        plan.add(("dataset", "standardize_target"), True, why)
    return n_train


def _plan_layers(plan: CommentedRecipe, source: Source, n_train: int) -> None:
    n_outputs = len(source.class_names) or len(source.target_names)
    array_shape = source.target.shape[1:] if len(source.target_names) == 1 else ()
    if array_shape:
        array_shape += (n_outputs,) if source.class_names else ()
        n_outputs = int(np.prod(array_shape))
    output: dict[str, Any] = {"units": n_outputs}
    if array_shape:
        why = "the Reshape after it gives the target's shape"
    elif source.task == "multilabel":
        output["activation"], why = "sigmoid", "a probability for each label"
    elif source.task == "regression":
        why = "one unit for each number; no activation"
    elif n_outputs == 2:
        output = {"units": 1, "activation": "sigmoid"}
        why = f"the probability of {source.class_names[1]}"
    else:
        output["activation"], why = "softmax", "a probability for each class"
    hidden = choose_hidden(source, n_train, n_outputs)
    above = "The input shape comes from the data."
    if any("Dropout" in layer for layer in hidden):
        above += " Dropout zeroes units at random in training, against overfitting."
    plan.add(("layers",), above=above)
    for layer in hidden:
        plan.add(("layers", 0), layer)
    kind, has_shape = "Dense", not array_shape
    if _is_for_pixels(source):
        kind, output = "Conv2D", {"filters": math.prod(array_shape[2:]), "kernel_size": 1}
        if has_shape := len(array_shape) == 3:
            why = "a filter for each output of a pixel"
    plan.add(("layers", 0), {kind: output}, why)
    if not has_shape:
        plan.add(("layers", 0), {"Reshape": {"target_shape": list(array_shape)}})
    if array_shape and source.class_names:
        plan.add(("layers", 0), "Softmax")


def choose_hidden(source: Source, n_rows: int, n_outputs: int) -> Layers:
    """The layers before the output layer: wider for many rows, with more Dropout for few."""
    dropout = next((rate for most, rate in _DROPOUT.items() if n_rows < most), 0.1)
    widths = [128, 64] if n_rows < _MANY_ROWS else [256, 128]
    least = _round_up(n_outputs) if n_outputs > 1 else 0
    wide = _make_dense([max(units, least) for units in widths], dropout)
    if isinstance(source.inputs, dict):
        if [column.kind for column in source.columns] != ["text"]:
            return wide
        (texts,) = source.inputs.values()
        n_words = [len(text.split()) for text in texts.tolist()]
        length = _round_up(float(np.quantile(n_words, 0.95)))  # few texts are cut
        return [
            {"TextVectorization": {"max_tokens": _WORDS, "output_sequence_length": length}},
            {"Embedding": {"input_dim": _WORDS, "output_dim": 16}},
            "GlobalAveragePooling1D",
            *_make_dense([max(64, n_outputs)], dropout),
        ]
    layers: Layers = []
    if rescaling := _find_rescaling(source.inputs):
        layers.append(rescaling)
    image_shape = _find_image_shape(source)
    if image_shape and source.inputs.ndim == 3:
        layers.append({"Reshape": {"target_shape": list(image_shape)}})
    if _is_for_pixels(source):
        size = {"filters": 32, "kernel_size": 3, "padding": "same", "activation": "relu"}
        return [*layers, *({"Conv2D": {**size, "dilation_rate": rate}} for rate in (1, 2, 4))]
    if image_shape:
        layers += make_convolutions(image_shape)
    if source.inputs.ndim > 2:
        layers.append("Flatten")
    return [*layers, *(_make_dense([max(64, n_outputs)]) if image_shape else wide)]


def _make_dense(widths: Sequence[int], dropout: float = 0) -> Layers:
    """Hidden layers for a row of numbers, each followed by Dropout if there is any."""
    layers: Layers = []
    for units in widths:
        layers.append({"Dense": {"units": units, "activation": "relu"}})
        if dropout:
            layers.append({"Dropout": {"rate": dropout}})
    return layers


def make_convolutions(shape: Sequence[int]) -> Layers:
    """Layers that halve an image (height, width, channels) until little is left of it."""
    side, n_filters = min(shape[:2]), 16
    layers: Layers = []
    while side // 2 >= _SMALLEST_MAP / 2 and len(layers) < 2 * _MOST_BLOCKS:
        size = {"filters": n_filters, "kernel_size": 3}
        layers += [{"Conv2D": {**size, "padding": "same", "activation": "relu"}}, "MaxPooling2D"]
        side, n_filters = side // 2, 2 * n_filters
        if side <= _SMALLEST_MAP:
            break
    return layers


def _find_image_shape(source: Source) -> tuple[int, ...] | None:
    """Height, width and channels of inputs that are images; None for others."""
    if isinstance(source.inputs, dict):
        return None
    shape = source.inputs.shape[1:]
    if len(shape) == 2 and min(shape) >= _SMALLEST_MAP and source.inputs.dtype == np.uint8:
        return (*shape, 1)
    return shape if len(shape) == 3 and shape[-1] in (1, 3) else None


def _is_for_pixels(source: Source) -> bool:
    """Whether each pixel of an image has a class or numbers of its own."""
    shape = _find_image_shape(source) or ()
    return bool(shape) and source.target.shape[1:3] == shape[:2]


def _find_rescaling(inputs: np.ndarray[Any, Any]) -> Any:
    """The layer that brings numbers near 1; None if none is needed."""
    low, high = float(inputs.min()), float(inputs.max())
    if inputs.dtype == np.uint8 and high > 1:
        return {"Rescaling": {"scale": 1 / (255 if high > 127 else int(high))}}
    if low >= -1 and high <= 1:
        return None
    if (inputs.reshape(-1, inputs.shape[-1]).std(axis=0, dtype=np.float64) == 0).any():
        # Divided by a deviation of 0, a first other value would be enormous.
        return {"Normalization": {"axis": None}}
    return "Normalization"


def _round_up(number: float) -> int:
    """The next power of two."""
    return 1 << math.ceil(math.log2(max(number, 1)))


def plan_training(plan: CommentedRecipe, source: Source, n_train: int) -> None:
    """Optimizer, loss, and how long."""
    is_image = _find_image_shape(source) is not None
    optimizer: dict[str, Any] = {"AdamW": {"learning_rate": 0.001, "weight_decay": 0.05}}
    if is_image:  # weight decay was measured on tables only
        optimizer = {"Adam": {"learning_rate": 0.001}}
    plan.add(("optimizer",), optimizer)
    if source.task == "regression":
        plan.add(("loss",), "mse", "mean squared error, of the standardised target")
        plan.add(("metrics",), ["mae"], "mean absolute error; the report adds R² and RMSE")
    elif source.task == "multilabel":
        plan.add(("loss",), "binary_crossentropy", "of each label")
        plan.add(("metrics",), ["binary_accuracy"], "the share of labels that are right")
    else:
        is_binary = len(source.class_names) == 2 and source.target.ndim == 1
        loss = "binary_crossentropy" if is_binary else "sparse_categorical_crossentropy"
        plan.add(("loss",), loss)
        counts = _count_classes(source)
        commonest = max(counts, key=counts.__getitem__)
        is_uneven = counts[commonest] >= _IMBALANCED * min(counts.values())
        share = counts[commonest] / sum(counts.values())
        # Keras's 200 thresholds are too few between the probabilities of a rare class.
        auc = {"AUC": {"num_thresholds": 10_000}} if share > _RARE else "AUC"
        metrics = ["accuracy", auc] if is_binary and is_uneven else ["accuracy"]
        baseline = f"always predicting {commonest} gives {share:.0%}"
        plan.add(("metrics",), metrics, baseline, _CLASS_WEIGHT if is_uneven else "")
    choices = _IMAGE_EPOCHS if is_image else _EPOCHS
    epochs = next((most for n_rows, most in choices.items() if n_train < n_rows), 20)
    batch_size = min(512, max(8, _round_up(n_train / _STEPS_WANTED)))
    plan.add(("epochs",), epochs, "at most; EarlyStopping may end it earlier")
    plan.add(("batch_size",), batch_size, f"about {-(-n_train // batch_size):,} steps an epoch")
    patience = max(4, epochs // 10)  # so many epochs without progress may be chance
    stopping = {"monitor": "val_loss", "patience": patience, "restore_best_weights": True}
    plan.add(("callbacks",))
    plan.add(("callbacks", 0), {"EarlyStopping": stopping})


class CommentedRecipe:
    """A recipe that is written from top to bottom, with comments."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._was_block = True

    def comment(self, text: str) -> None:
        """Add a comment on lines of its own."""
        self._lines += _wrap(text, 0)

    def add(self, path: KeyPath, value: Any = None, beside: str = "", above: str = "") -> None:
        """Add a key, or an item of a list, with its value in one line; None if others follow.

        The comment ``beside`` is over the line, too, where the line would be too long.
        """
        indent, is_block = 2 * (len(path) - 1), value is None
        text = "" if is_block else f" {write_flow(value)}"
        if isinstance(path[-1], int) and isinstance(value, dict):
            text = f" {text[2:-1]}"  # "- Dense: {units: 1}"
        lead = "-" if isinstance(path[-1], int) else f"{write_flow(path[-1])}:"
        line = " " * indent + lead + text
        start = max(_COLUMN, cell_len(line) + 2)
        comment = f"# {make_printable(beside)}"
        if beside and start + cell_len(comment) <= _WIDTH:
            line += " " * (start - cell_len(line)) + comment
        elif above and beside:
            above += f" {beside[0].upper()}{beside[1:]}."
        else:
            above = above or beside
        if len(path) == 1:
            if is_block or self._was_block or above.strip():
                self._lines.append("")
            self._was_block = is_block
        self._lines += [*_wrap(above, indent), line]

    def write(self) -> str:
        """The recipe as YAML."""
        return "\n".join(self._lines) + "\n"


def write_flow(value: Any) -> str:
    """A value in one line, in any script."""
    if not (isinstance(value, str) and "\n" in value):
        return write_value([value], sys.maxsize)[1:-1]
    # Only in double quotes can a line break be written within a line.
    quoted: str = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=sys.maxsize)
    return quoted.removesuffix("\n")


def _wrap(text: str, indent: int) -> list[str]:
    """Comment lines; unlike textwrap's, at most 80 columns wide in every script."""
    prefix = " " * indent + "#"
    lines: list[str] = []
    for word in make_printable(text).split():
        if not lines or cell_len(lines[-1]) + 1 + cell_len(word) > _WIDTH:
            lines.append(prefix)
        lines[-1] += f" {word}"
    return lines
