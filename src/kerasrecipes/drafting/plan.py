"""From what was found in the data to a recipe with comments that teach."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.drafting.commented import CommentedRecipe, is_writable_key
from kerasrecipes.drafting.findings import Findings
from kerasrecipes.drafting.network import (
    choose_batch_size,
    choose_dropout,
    choose_epochs,
    choose_optimizer,
    choose_patience,
    choose_widths,
    find_image_shape,
    find_rescaling,
    make_convolutions,
    make_dense,
)
from kerasrecipes.recipe.schema import FEATURES, DatasetSpec
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.kinds import Column, NumberColumn
from kerasrecipes.rows.splits import split_source
from kerasrecipes.rows.target import MAX_CODES
from kerasrecipes.rows.words import count, list_some

MOST_FEATURES = 40
"""More columns than that are not written one by one."""

_HELD_OUT = 0.2
_FEWEST_TO_STRATIFY = 8
_IMBALANCED = 3
_CLASSES_SHOWN = 6
_NAMES_SHOWN = 3
_IF_AMOUNTS = (
    "If these are amounts rather than kinds, write task: regression, loss: mse and a last layer "
    "Dense: {units: 1}, and remove stratify and metrics."
)
_IF_KINDS = (
    "If these are kinds rather than amounts, write task: classification, loss: "
    "sparse_categorical_crossentropy and a last layer Dense: {{units: {n}, activation: softmax}}, "
    "and remove standardize_target and metrics."
)
_CLASS_WEIGHT = (
    "class_weight: balanced would give rows of rare classes more weight in the loss: the model "
    "finds more of them, but calls more other rows by their name, and accuracy often falls."
)


def plan_recipe(found: Findings, file: Path) -> CommentedRecipe:
    """Plan a recipe for data.

    Args:
        found: What is known of the data.
        file: Where the recipe will stand, which its path is relative to.
    """
    plan = CommentedRecipe()
    split = _split(found)
    source, name = found.source, found.path.name
    what = _describe_size(found)
    plan.heading = [
        f"kerasrecipes train {shlex.quote(str(file))}",
        f"Drafted by kerasrecipes init for {name}: {what}. All of it may be changed.",
        *(f"Look at this first: {hint}" for hint in found.hints),
    ]
    plan.set(("name",), file.stem)
    answer = "the images" if found.images else ", ".join(source.target_names)
    plan.set(("description",), f"{source.task.capitalize()} of {answer} in {name}")
    plan.set(("seed",), 42, "initial weights, row order, dropout")
    _plan_source(plan, found, file)
    _plan_columns(plan, found)
    _plan_parts(plan, found, split)
    _plan_layers(plan, found, len(split.parts["train"]))
    _plan_training(plan, found, split)
    return plan


def count_classes(found: Findings) -> dict[str, int]:
    """The rows of each class, by its name; the loader's own test part left aside."""
    names = found.source.class_names
    counts = np.bincount(found.source.target.astype(np.int64), minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


def _split(found: Findings) -> Dataset:
    spec = DatasetSpec(validation_split=_HELD_OUT, stratify=_can_stratify(found))
    return split_source(found.path.name, found.source, spec)


def _can_stratify(found: Findings) -> bool:
    is_classes = found.source.task == "classification"
    return is_classes and min(count_classes(found).values()) >= _FEWEST_TO_STRATIFY


def _describe_size(found: Findings) -> str:
    source = found.source
    n_rows = len(source.target)
    if isinstance(source.inputs, dict):
        return f"{n_rows:,} rows, {count(len(source.columns), 'column')} to learn from"
    shape = "×".join(map(str, source.inputs.shape[1:]))
    return f"{n_rows:,} {'images' if find_image_shape(source) else 'rows'} of {shape}"


def _plan_source(plan: CommentedRecipe, found: Findings, file: Path) -> None:
    """Where the rows come from, and what is asked of them."""
    source = found.source
    # Both sides free of symbolic links: ".." leads out of where a link points to.
    data = found.path.parent.resolve() / found.path.name
    relative = Path(os.path.relpath(data, file.absolute().parent.resolve())).as_posix()
    plan.set(("dataset", "path"), relative, "relative to this file")
    for key in sorted(found.spec.csv.model_fields_set):
        plan.set(("dataset", "csv", key), getattr(found.spec.csv, key))
    if found.target:
        above = f"Chosen {found.target_reason}; for another, init with --target COLUMN."
        above = above if found.target_reason else ""
        plan.set(("dataset", "target"), found.target, "the column to predict", above)
    if found.images is None:
        are_codes = len(source.class_names) > 2 and all(map(_is_number, source.class_names))
        n_levels = _count_levels(source)
        above = _IF_AMOUNTS if are_codes else _IF_KINDS.format(n=n_levels) if n_levels else ""
        above = above if source.columns else ""
        plan.set(("dataset", "task"), source.task, _describe_task(found), above)
    elif found.images.image_size:
        plan.set(
            ("dataset", "image_size"),
            list(found.images.image_size),
            f"height and width that all are brought to: {found.images.size_reason}",
        )
    if found.images and found.images.color_mode == "grayscale":
        plan.set(("dataset", "color_mode"), "grayscale", "no image has colours")


def _count_levels(source: Source) -> int:
    """How many classes the numbers to predict would be, if they may be any; else 0."""
    if source.task != "regression" or source.target.ndim > 1:
        return 0
    levels = np.unique(source.target)
    may_be_codes = len(levels) <= MAX_CODES and bool((levels == np.rint(levels)).all())
    return len(levels) if may_be_codes else 0


def _describe_task(found: Findings) -> str:
    source = found.source
    if source.task == "regression":
        low, high = float(source.target.min()), float(source.target.max())
        noun = "numbers" if source.target.ndim > 1 else "a number"
        styles = [c.style for c in source.target_columns if isinstance(c, NumberColumn)]
        marks = next((style.describe() for style in styles if not style.is_plain), "")
        written = f", written with {marks}" if marks else ""
        return f"{noun} from {low:,.6g} to {high:,.6g}{written}"
    counts = [f"{name} {n:,}" for name, n in count_classes(found).items()]
    return f"{len(counts)} classes by rows: {list_some(counts, _CLASSES_SHOWN)}"


def _is_number(name: str) -> bool:
    return name.lstrip("-").isdecimal()


def _plan_columns(plan: CommentedRecipe, found: Findings) -> None:
    """What becomes of each column, and of missing values."""
    columns = found.source.columns
    if not columns:
        return
    told = found.spec.missing_values
    if told.add or told.keep:
        value = {"add": told.add, "keep": told.keep} if told.keep else list(told.add)
        value = {"keep": told.keep} if told.keep and not told.add else value
        why = "what means missing beside the usual words" if told.add else ""
        why += " and " if told.add and told.keep else ""
        why += "categories, although these words usually mean missing" if told.keep else ""
        plan.set(("dataset", "missing_values"), value, why)
    if found.gaps or found.n_unanswered:
        plan.set(("dataset", "missing"), "median", above=_describe_gaps(found))
    writable = [column for column in columns if is_writable_key(column.name)]
    listed = writable
    if len(listed) > MOST_FEATURES:
        listed = [column for column in writable if column.feature != "float_normalized"]
        listed = listed[:MOST_FEATURES]
    others = [column.name for column in columns if column not in listed]
    above = "What each column becomes, in the words of keras.utils.FeatureSpace."
    if others:
        above = (
            f"{len(others):,} columns are taken by their types: {_list_names(others)}. Numbers are "
            "standardised by the training rows (float_normalized)."
        )
    if listed:
        for column in listed:
            plan.set(
                ("dataset", "features", column.name),
                _write_feature(column),
                _describe_column(column, found.gaps.get(column.name, 0)),
            )
        plan.comment(("dataset", "features"), above=above)
    if found.drop:
        plan.set(("dataset", "drop"), [*found.drop], above="Columns that are left out.")
        for i, reason in enumerate(found.drop.values()):
            plan.comment(("dataset", "drop", i), reason.split("; to use it")[0])
    if others and not listed:
        plan.comment(("dataset", "test_split"), above=above)


def _describe_gaps(found: Findings) -> str:
    texts = []
    if found.gaps:
        n_columns, n_values = len(found.gaps), sum(found.gaps.values())
        texts.append(
            f"{n_values:,} value{'s are' if n_values > 1 else ' is'} missing in {n_columns:,} "
            f"column{'s' if n_columns > 1 else ''}: numbers get the training rows' median, texts "
            "are a category of their own. Others: mean, most_frequent, or drop for whole rows."
        )
    if found.n_unanswered:
        n = found.n_unanswered
        texts.append(
            f"{n:,} row{'s have' if n > 1 else ' has'} no {found.target}, and cannot be used: "
            f"missing: error, the default, would stop at {'them' if n > 1 else 'it'}."
        )
    return " ".join(texts)


def _list_names(names: Sequence[str]) -> str:
    more = f", … {names[-1]}" if len(names) > _NAMES_SHOWN + 1 else ""
    return ", ".join(names[: _NAMES_SHOWN + (not more)]) + more


def _write_feature(column: Column) -> Any:
    """A feature as the recipe's key would hold it: a word, or with what is not as usual."""
    known = FEATURES[column.feature]
    arguments = {
        key: value
        for key, value in column.arguments.items()
        if key in known and (value != known[key] or "most frequent" in column.reason)
    }
    return {column.feature: arguments} if arguments else column.feature


def _describe_column(column: Column, n_missing: int) -> str:
    text = column.reason
    if column.parts:
        text += f": {', '.join(column.parts)}"
    return text + (f"; {n_missing:,} missing" if n_missing else "")


def _plan_parts(plan: CommentedRecipe, found: Findings, split: Dataset) -> None:
    """Which rows are held out."""
    rows = {part: len(split.parts[part]) for part in ("train", "validation", "test")}
    noun = "images" if found.images else "rows"
    test = f"{rows['test']:,} {noun} that are never trained on"
    if found.source.test_target is None:
        plan.set(("dataset", "test_split"), _HELD_OUT, test)
    validation = f"{rows['validation']:,} of the rest, scored after every epoch"
    plan.set(("dataset", "validation_split"), _HELD_OUT, validation)
    plan.set(("dataset", "split_seed"), 42, f"which {noun}; {rows['train']:,} train")
    if found.source.task == "regression":
        why = "trains on (target - mean) / sd; answers come in the target's own unit"
        plan.set(("dataset", "standardize_target"), True, why)
        return
    if _can_stratify(found):
        plan.set(("dataset", "stratify"), True, "every part has the classes in the same shares")
        return
    counts = count_classes(found)
    rare = [f"{name} ({n})" for name, n in counts.items() if n < _FEWEST_TO_STRATIFY]
    note = (
        f"No stratify: it takes {_FEWEST_TO_STRATIFY} {noun} of each class, and there are fewer of "
        f"{_list_names(rare)}."
    )
    plan.comment(("dataset", "split_seed"), f"which {noun}; {rows['train']:,} train", above=note)


def _plan_layers(plan: CommentedRecipe, found: Findings, n_train: int) -> None:
    source = found.source
    layers: list[Any] = []
    beside: dict[int, str] = {}

    def add(layer: Any, why: str = "") -> None:
        if why:
            beside[len(layers)] = why
        layers.append(layer)

    is_regression = source.task == "regression"
    n_outputs = len(source.target_names) if is_regression else len(source.class_names)
    if isinstance(source.inputs, dict):
        n_inputs = found.n_inputs
        are_numbers = all(column.kind != "category" for column in source.columns)
        above = f"Each row comes as {n_inputs:,} number{'s' if n_inputs > 1 else ''}"
        above += ", standardised." if are_numbers else ": standardised, or 0 and 1 by category."
        layers += make_dense(choose_widths(n_train, n_outputs), choose_dropout(n_train))
    else:
        above = "The input shape comes from the data."
        image_shape = find_image_shape(source)
        rescaling, why = find_rescaling(source.inputs)
        if rescaling:
            add(rescaling, why)
        if image_shape:
            if source.inputs.ndim == 3:
                add({"Reshape": {"target_shape": list(image_shape)}}, "one channel")
            layers += make_convolutions(image_shape)
        if source.inputs.ndim > 2:
            add("Flatten")
        if image_shape:
            layers += make_dense([max(64, n_outputs)])
        else:
            layers += make_dense(choose_widths(n_train, n_outputs), choose_dropout(n_train))
    if is_regression:
        add({"Dense": {"units": n_outputs}}, "one unit for each number; no activation")
    elif n_outputs == 2:
        why = f"the chance of {source.class_names[1]}"
        add({"Dense": {"units": 1, "activation": "sigmoid"}}, why)
    else:
        add({"Dense": {"units": n_outputs, "activation": "softmax"}}, "a chance for each class")
    plan.set(("layers",), layers, above=above)
    dropouts = [i for i, layer in enumerate(layers) if "Dropout" in layer]
    if dropouts:
        rate = layers[dropouts[0]]["Dropout"]["rate"]
        beside[dropouts[0]] = f"training zeroes {rate:.0%} at random, against overfitting"
    for i, text in beside.items():
        plan.comment(("layers", i), text)


def _plan_training(plan: CommentedRecipe, found: Findings, split: Dataset) -> None:
    """Optimizer, loss, and how long."""
    source, n_train = found.source, len(split.parts["train"])
    is_image = find_image_shape(source) is not None
    plan.set(("optimizer",), *choose_optimizer(is_image=is_image))
    if source.task == "regression":
        plan.set(("loss",), "mse", "mean squared error, of the standardised target")
        plan.set(("metrics",), ["mae"], "mean absolute error; the report adds R² and RMSE")
    else:
        is_binary = len(source.class_names) == 2
        loss = "binary_crossentropy" if is_binary else "sparse_categorical_crossentropy"
        plan.set(("loss",), loss)
        counts = count_classes(found)
        rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        is_uneven = counts[commonest] >= _IMBALANCED * counts[rarest]
        share = counts[commonest] / sum(counts.values())
        baseline = f"always answering {commonest} gives {share:.0%}"
        metrics = ["accuracy", "AUC"] if is_binary and is_uneven else ["accuracy"]
        above = (
            f"{commonest} has {counts[commonest]:,} rows, {rarest} has {counts[rarest]:,}. "
            f"{_CLASS_WEIGHT}"
        )
        plan.set(("metrics",), metrics, baseline, above if is_uneven else "")
    epochs = choose_epochs(n_train, is_image=is_image)
    batch_size = choose_batch_size(n_train)
    plan.set(("epochs",), epochs, "at most; EarlyStopping ends it before")
    n_steps = -(-n_train // batch_size)
    plan.set(("batch_size",), batch_size, f"{n_steps:,} steps an epoch")
    patience = choose_patience(epochs)
    stopping = {"monitor": "val_loss", "patience": patience, "restore_best_weights": True}
    above = (
        f"Stops when val_loss has not fallen for {patience} epochs, and restores the best weights."
    )
    plan.set(("callbacks",), [{"EarlyStopping": stopping}])
    plan.comment(("callbacks", 0), above=above)
