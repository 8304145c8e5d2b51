"""Turns findings in the data into a recipe with comments that explain it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.drafting.commented import CommentedRecipe, write_flow
from kerasrecipes.drafting.findings import Findings
from kerasrecipes.drafting.network import (
    Layers,
    choose_batch_size,
    choose_epochs,
    choose_hidden,
    choose_optimizer,
    find_image_shape,
)
from kerasrecipes.recipe.components import FEATURES
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.rows.kinds import Column, NumberColumn
from kerasrecipes.rows.words import count, list_some

MOST_FEATURES = 40
"""More columns than that are not written one by one."""

_LONGEST_KEY = 1000  # of YAML, in one line
_HELD_OUT = 0.2
_FEWEST_TO_STRATIFY = 8
_IMBALANCED = 3
_CLASS_WEIGHT = (
    "class_weight: balanced would give rows of rare classes more weight in the loss: the model "
    "finds more of them, but calls more other rows by their name, and accuracy often falls."
)


def plan_recipe(found: Findings, file: Path) -> CommentedRecipe:
    """Plan a recipe for data.

    Args:
        found: Findings in the data.
        file: The path of the new recipe; its path to the data is relative to that.
    """
    plan, source, name = CommentedRecipe(), found.source, found.path.name
    plan.comment(f"kerasrecipes train {shlex.quote(str(file))}")
    plan.comment(f"Drafted by kerasrecipes init for {name}. All of it may be changed.")
    for hint in found.hints:
        plan.comment(f"Look at this first: {hint}")
    plan.set(("name",), make_printable(file.stem))
    plan.set(("seed",), 42, "initial weights, row order, dropout")
    plan.open(("dataset",))
    _plan_source(plan, found, file)
    if source.columns:
        _plan_columns(plan, found)
    n_train = _plan_parts(plan, found)
    _plan_layers(plan, found, n_train)
    _plan_training(plan, found, n_train)
    return plan


def _count_classes(found: Findings) -> dict[str, int]:
    """The rows of each class, by its name; without the loader's own test part."""
    names = found.source.class_names
    counts = np.bincount(found.source.target.astype(np.int64).reshape(-1), minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


def _plan_source(plan: CommentedRecipe, found: Findings, file: Path) -> None:
    """The source of the rows, and the target."""
    # Both sides free of symbolic links: ".." leads out of where a link points to.
    data = found.path.parent.resolve() / found.path.name
    relative = Path(os.path.relpath(data, file.absolute().parent.resolve())).as_posix()
    plan.set(("dataset", "path"), relative, "relative to this file")
    for key, keys in found.spec.model_dump(include={"csv", "excel"}, exclude_unset=True).items():
        if keys:
            plan.set(("dataset", key), dict(sorted(keys.items())))
    if found.spec.target:
        reason = found.target_reason
        above = f"{reason} Choose another with init --target." if reason else ""
        plan.set(("dataset", "target"), found.spec.target, "the column to predict", above)
    plan.set(("dataset", "task"), found.source.task, _describe_task(found))
    if found.spec.image_size:
        plan.set(("dataset", "image_size"), found.spec.image_size, "height and width of all images")
    if found.spec.color_mode == "grayscale":
        plan.set(("dataset", "color_mode"), "grayscale", "no image has colours")


def _describe_task(found: Findings) -> str:
    source = found.source
    if source.task == "classification":
        classes = [f"{name}: {n:,}" for name, n in _count_classes(found).items()]
        return f"{len(classes):,} classes ({list_some(classes)} rows)"
    if source.task == "multilabel":
        return "labels, each 0 or 1"
    styles = [c.style for c in source.target_columns if isinstance(c, NumberColumn)]
    marks = next(filter(None, (style.describe() for style in styles)), "")
    low, high = float(source.target.min()), float(source.target.max())
    return f"from {low:,.6g} to {high:,.6g}{f', written with {marks}' if marks else ''}"


def _plan_columns(plan: CommentedRecipe, found: Findings) -> None:
    """Write features, missing values, and columns that are left out."""
    missing = found.spec.missing_values.model_dump(exclude_defaults=True)
    if missing:
        why = "words that mean missing, and usual ones that are categories"
        plan.set(("dataset", "missing_values"), missing, why)
    if found.gaps or found.n_unanswered:
        above = "Missing numbers get the training rows' median, missing texts are a category of "
        above += "their own. Others: mean, most_frequent, or drop for whole rows."
        if found.n_unanswered:
            above += f" {count(found.n_unanswered, 'row')} without {found.spec.target}: left out."
        plan.set(("dataset", "missing"), "median", above=above)
    columns = found.source.columns
    listed = [column for column in columns if len(write_flow(column.name)) <= _LONGEST_KEY]
    note = "The type of each column, as in keras.utils.FeatureSpace."
    if len(listed) > MOST_FEATURES:
        listed = [column for column in listed if column.feature != "float_normalized"]
        listed = listed[:MOST_FEATURES]
        note += f" {len(columns) - len(listed):,} more columns are taken by their types."
    if listed:
        plan.open(("dataset", "features"), note)
    for column in listed:
        text = column.reason + (f": {', '.join(column.parts)}" if column.parts else "")
        n_missing = found.gaps.get(column.name, 0)
        text += f"; {n_missing:,} missing" if n_missing else ""
        plan.set(("dataset", "features", column.name), _write_feature(column), text)
    if found.drop:
        plan.open(("dataset", "drop"), "Columns that are left out.")
    for i, (name, reason) in enumerate(found.drop.items()):
        plan.set(("dataset", "drop", i), name, reason.split("; to use it")[0])


def _write_feature(column: Column) -> Any:
    """A feature as the recipe writes it: a word, with its arguments where these are unusual."""
    known = FEATURES[column.feature]
    arguments = {
        key: value
        for key, value in column.arguments.items()
        if key in known and (value != known[key] or "most frequent" in column.reason)
    }
    return {column.feature: arguments} if arguments else column.feature


def _plan_parts(plan: CommentedRecipe, found: Findings) -> int:
    """Write which rows are held out; return about how many train."""
    source, n_train = found.source, len(found.source.target)
    for part, why in (
        ("test", "never trained on"),
        ("validation", "of the rest, scored after every epoch"),
    ):
        if part not in source.own_parts:
            n_held_out = round(_HELD_OUT * n_train)
            n_train -= n_held_out
            plan.set(("dataset", f"{part}_split"), _HELD_OUT, f"about {n_held_out:,} {why}")
    plan.set(("dataset", "split_seed"), 42, f"which rows; about {n_train:,} train")
    is_classes = source.task == "classification" and source.target.ndim == 1
    if is_classes and min(_count_classes(found).values()) >= _FEWEST_TO_STRATIFY:
        plan.set(("dataset", "stratify"), True, "every part has the classes in the same shares")
    if source.task == "regression":
        why = "in training; answers are in its own unit"
        plan.set(("dataset", "standardize_target"), True, why)
    return n_train


def _plan_layers(plan: CommentedRecipe, found: Findings, n_train: int) -> None:
    source = found.source
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
    after: Layers = [{"Reshape": {"target_shape": list(array_shape)}}] if array_shape else []
    after += ["Softmax"] if array_shape and source.class_names else []
    above = "The input shape comes from the data. Dropout zeroes units at random in training, "
    plan.open(("layers",), f"{above}against overfitting.")
    for i, layer in enumerate([*hidden, {"Dense": output}, *after]):
        plan.set(("layers", i), layer, why if i == len(hidden) else "")


def _plan_training(plan: CommentedRecipe, found: Findings, n_train: int) -> None:
    """Optimizer, loss, and how long."""
    source = found.source
    is_image = find_image_shape(source) is not None
    plan.set(("optimizer",), choose_optimizer(is_table=not is_image))
    if source.task == "regression":
        plan.set(("loss",), "mse", "mean squared error, of the standardised target")
        plan.set(("metrics",), ["mae"], "mean absolute error; the report adds R² and RMSE")
    elif source.task == "multilabel":
        plan.set(("loss",), "binary_crossentropy", "of each label")
        plan.set(("metrics",), ["binary_accuracy"], "the share of labels that are right")
    else:
        is_binary = len(source.class_names) == 2 and source.target.ndim == 1
        loss = "binary_crossentropy" if is_binary else "sparse_categorical_crossentropy"
        plan.set(("loss",), loss)
        counts = _count_classes(found)
        rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        is_uneven = counts[commonest] >= _IMBALANCED * counts[rarest]
        share = counts[commonest] / sum(counts.values())
        metrics = ["accuracy", "AUC"] if is_binary and is_uneven else ["accuracy"]
        baseline = f"always answering {commonest} gives {share:.0%}"
        plan.set(("metrics",), metrics, baseline, _CLASS_WEIGHT if is_uneven else "")
    epochs, batch_size = choose_epochs(n_train, is_image=is_image), choose_batch_size(n_train)
    plan.set(("epochs",), epochs, "at most; EarlyStopping ends it before")
    plan.set(("batch_size",), batch_size, f"about {-(-n_train // batch_size):,} steps an epoch")
    patience = max(4, epochs // 10)  # so many epochs without progress may be chance
    stopping = {"monitor": "val_loss", "patience": patience, "restore_best_weights": True}
    plan.open(("callbacks",))
    plan.set(("callbacks", 0), {"EarlyStopping": stopping})
