"""Turns findings in the data into a recipe with comments that explain it."""

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
    choose_widths,
    find_image_shape,
    find_rescaling,
    make_convolutions,
    make_dense,
    make_embedding,
)
from kerasrecipes.recipe.features import FEATURES
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.kinds import Column, NumberColumn
from kerasrecipes.rows.splits import split_source
from kerasrecipes.rows.target import MAX_CODES
from kerasrecipes.rows.words import SHOWN, count, list_some

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
        found: Findings in the data.
        file: The path of the new recipe; its path to the data is relative to that.
    """
    plan = CommentedRecipe()
    split = _split(found)
    source, name = found.source, found.path.name
    plan.heading = [
        f"kerasrecipes train {shlex.quote(str(file))}",
        f"Drafted by kerasrecipes init for {name}: {_describe_size(found)}. All of it may be "
        "changed.",
        *(f"Look at this first: {hint}" for hint in found.hints),
    ]
    plan.set(("name",), make_printable(file.stem))
    answer = "the images" if found.images else ", ".join(source.target_names)
    task = "Classification" if source.task == "multilabel" else source.task.capitalize()
    description = f"{task} of {answer} in {name}"
    plan.set(("description",), make_printable(description))
    plan.set(("seed",), 42, "initial weights, row order, dropout")
    plan.open(("dataset",))
    _plan_source(plan, found, file)
    note = _plan_columns(plan, found) if source.columns else ""
    _plan_parts(plan, found, split, note)
    _plan_layers(plan, found, len(split.parts["train"]))
    _plan_training(plan, found, len(split.parts["train"]))
    return plan


def count_classes(found: Findings) -> dict[str, int]:
    """The rows of each class, by its name; without the loader's own test part."""
    names = found.source.class_names
    counts = np.bincount(found.source.target.astype(np.int64).reshape(-1), minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))


def describe_classes(found: Findings, most: int = SHOWN) -> str:
    """The first few classes with their rows: "2 classes (cat: 5, dog: 7 rows)"."""
    counts = [f"{name}: {n:,}" for name, n in count_classes(found).items()]
    counts[min(most, len(counts)) - 1] += " rows"
    return f"{len(counts):,} classes ({list_some(counts, most)})"


def _split(found: Findings) -> Dataset:
    share = 0.0 if "validation" in found.source.own_parts else _HELD_OUT
    shuffle = not found.spec.timeseries
    spec = DatasetSpec(validation_split=share, stratify=_can_stratify(found), shuffle=shuffle)
    return split_source(found.path.name, found.source, spec)


def _can_stratify(found: Findings) -> bool:
    is_classes = found.source.task == "classification" and found.source.target.ndim == 1
    return is_classes and min(count_classes(found).values()) >= _FEWEST_TO_STRATIFY


def _describe_size(found: Findings) -> str:
    source = found.source
    n_rows = len(source.target)
    if isinstance(source.inputs, dict):
        n_rows = len(next(iter(source.inputs.values())))
        return f"{n_rows:,} rows, {count(len(source.columns), 'column')} to learn from"
    shape = "×".join(map(str, source.inputs.shape[1:]))
    return f"{n_rows:,} {'images' if find_image_shape(source) else 'rows'} of {shape}"


def _plan_source(plan: CommentedRecipe, found: Findings, file: Path) -> None:
    """The source of the rows, and the target."""
    source = found.source
    # Both sides free of symbolic links: ".." leads out of where a link points to.
    data = found.path.parent.resolve() / found.path.name
    relative = Path(os.path.relpath(data, file.absolute().parent.resolve())).as_posix()
    plan.set(("dataset", "path"), relative, "relative to this file")
    for key, keys in found.spec.model_dump(include={"csv", "excel"}, exclude_unset=True).items():
        if keys:
            plan.set(("dataset", key), dict(sorted(keys.items())))
    if found.target:
        reason = found.target_reason
        above = f"{reason} Choose another with init --target." if reason else ""
        plan.set(("dataset", "target"), found.target, "the column to predict", above)
    if found.images is None:
        are_codes = len(source.class_names) > 2 and all(
            name.lstrip("-").isdecimal() for name in source.class_names
        )
        n_levels = _count_levels(source)
        above = _IF_AMOUNTS if are_codes else _IF_KINDS.format(n=n_levels) if n_levels else ""
        above = above if source.columns else ""
        plan.set(("dataset", "task"), source.task, _describe_task(found), above)
    elif found.images.image_size:
        plan.set(
            ("dataset", "image_size"),
            list(found.images.image_size),
            f"all images are resized to this height and width: {found.images.size_reason}",
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
    if source.task == "classification":
        return describe_classes(found, _CLASSES_SHOWN)
    if source.task == "multilabel":
        return "labels, each 0 or 1"
    low, high = float(source.target.min()), float(source.target.max())
    noun = "numbers" if source.target.ndim > 1 else "a number"
    styles = [c.style for c in source.target_columns if isinstance(c, NumberColumn)]
    marks = next(filter(None, (style.describe() for style in styles)), "")
    written = f", written with {marks}" if marks else ""
    return f"{noun} from {low:,.6g} to {high:,.6g}{written}"


def _plan_columns(plan: CommentedRecipe, found: Findings) -> str:
    """Write features and missing values; return a note for the next key."""
    _plan_missing_values(plan, found)
    # A series has its target among the inputs.
    columns = [column for column in found.source.columns if column.name != found.target]
    listed = [column for column in columns if is_writable_key(column.name)]
    if len(listed) > MOST_FEATURES:
        unusual = [column for column in listed if column.feature != "float_normalized"]
        listed = unusual[:MOST_FEATURES]
    others = [column.name for column in columns if column not in listed]
    note = "The type of each column, as in keras.utils.FeatureSpace." if columns else ""
    if others:
        note = (
            f"{len(others):,} columns are taken by their types: {_list_names(others)}. Numbers are "
            "standardised by the training rows (float_normalized)."
        )
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
    return "" if listed else note


def _plan_missing_values(plan: CommentedRecipe, found: Findings) -> None:
    add, keep = found.spec.missing_values.add, found.spec.missing_values.keep
    if add or keep:
        whys = ["texts that mean missing, besides the usual ones"] if add else []
        whys += ["categories, although these words usually mean missing"] if keep else []
        value = {"add": add, "keep": keep} if add and keep else {"keep": keep} if keep else add
        plan.set(("dataset", "missing_values"), value, " and ".join(whys))
    if found.gaps or found.n_unanswered:
        plan.set(("dataset", "missing"), "median", above=_describe_gaps(found))


def _describe_gaps(found: Findings) -> str:
    texts = []
    if n_values := sum(found.gaps.values()):
        are = "is" if n_values == 1 else "are"
        texts.append(
            f"{count(n_values, 'value')} {are} missing in {count(len(found.gaps), 'column')}: "
            "numbers get the training rows' median, texts are a category of their own. Others: "
            "mean, most_frequent, or drop for whole rows."
        )
    if n := found.n_unanswered:
        have, are = ("has", "is") if n == 1 else ("have", "are")
        texts.append(
            f"{count(n, 'row')} {have} no {found.target} and {are} left out. The default, missing: "
            "error, would stop here."
        )
    return " ".join(texts)


def _list_names(names: Sequence[str]) -> str:
    more = f", … {names[-1]}" if len(names) > _NAMES_SHOWN + 1 else ""
    return ", ".join(names[: _NAMES_SHOWN + (not more)]) + more


def _write_feature(column: Column) -> Any:
    """A feature as the recipe writes it: a word, with its arguments where these are unusual."""
    known = FEATURES[column.feature]
    arguments = {
        key: value
        for key, value in column.arguments.items()
        if key in known and (value != known[key] or "most frequent" in column.reason)
    }
    return {column.feature: arguments} if arguments else column.feature


def _plan_parts(plan: CommentedRecipe, found: Findings, split: Dataset, note: str) -> None:
    """Which rows are held out."""
    rows = {part: len(split.parts[part]) for part in ("train", "validation", "test")}
    noun = "images" if found.images else "rows"
    if timeseries := found.spec.timeseries:
        noun, windows = "windows", {"sequence_length": timeseries.sequence_length, "delay": 1}
        plan.set(("dataset", "time"), found.spec.time, "rows are in its order", note)
        plan.set(("dataset", "timeseries"), windows, note := "")
    own = found.source.own_parts
    if "test" not in own:
        test = f"{rows['test']:,} {noun} that are never trained on"
        plan.set(("dataset", "test_split"), _HELD_OUT, test, note)
    if "validation" not in own:
        validation = f"{rows['validation']:,} of the rest, scored after every epoch"
        plan.set(("dataset", "validation_split"), _HELD_OUT, validation)
    is_classes, can_stratify = found.source.task == "classification", _can_stratify(found)
    is_alone = is_classes and found.source.target.ndim == 1
    counts = count_classes(found) if is_alone and not can_stratify else {}
    rare = [f"{name} ({n})" for name, n in counts.items() if n < _FEWEST_TO_STRATIFY]
    why_not = (
        f"No stratify: it takes {_FEWEST_TO_STRATIFY} {noun} of each class, and there are fewer of "
        f"{_list_names(rare)}."
    )
    which = f"which {noun}; {rows['train']:,} train"
    if timeseries:
        plan.set(("dataset", "shuffle"), False, f"in order of time; {rows['train']:,} train")
    else:
        plan.set(("dataset", "split_seed"), 42, which, why_not if rare else "")
    if can_stratify:
        plan.set(("dataset", "stratify"), True, "every part has the classes in the same shares")
    if found.source.task == "regression":
        why = "trains on (target - mean) / sd; answers come in the target's own unit"
        plan.set(("dataset", "standardize_target"), True, why)


def _plan_layers(plan: CommentedRecipe, found: Findings, n_train: int) -> None:
    source = found.source
    is_regression = source.task == "regression"
    n_outputs = len(source.class_names) or len(source.target_names)
    array_shape = source.target.shape[1:] if len(source.target_names) == 1 else ()
    if array_shape:
        array_shape += (n_outputs,) if source.class_names else ()
        n_outputs = int(np.prod(array_shape))
    dense = make_dense(choose_widths(n_train, n_outputs), choose_dropout(n_train))
    above = "The input shape comes from the data."
    layers: list[tuple[Any, str]] = []
    if isinstance(source.inputs, dict):
        kinds = [column.kind for column in source.columns]
        above = f"Each row becomes {count(found.n_inputs, 'number')}"
        are_numbers = "category" not in kinds
        above += ", standardised." if are_numbers else ": standardised, or 0 and 1 by category."
        if "text" in kinds:
            above = "Texts become a number for each word (tf-idf), numbers are standardised."
        if kinds == ["text"]:
            above = "TextVectorization gives each word an id, and Embedding each id its numbers."
            layers += [(layer, "") for layer in make_embedding(*source.inputs.values())]
            dense = make_dense([max(64, n_outputs)], choose_dropout(n_train))
        if found.spec.timeseries:
            above += " Without a trend, LSTM: {units: 32} may do better than Conv1D and Flatten."
            convolution = {"Conv1D": {"filters": 32, "kernel_size": 3}}
            layers, dense = [(convolution, "no activation: trends continue"), ("Flatten", "")], []
    else:
        image_shape = find_image_shape(source)
        rescaling, why = find_rescaling(source.inputs)
        layers += [(rescaling, why)] if rescaling else []
        if image_shape:
            if source.inputs.ndim == 3:
                layers.append(({"Reshape": {"target_shape": list(image_shape)}}, "one channel"))
            layers += [(layer, "") for layer in make_convolutions(image_shape)]
            dense = make_dense([max(64, n_outputs)])
        layers += [("Flatten", "")] if source.inputs.ndim > 2 else []
    dropouts = [layer["Dropout"]["rate"] for layer in dense if "Dropout" in layer]
    why = f"training zeroes {max(dropouts, default=0):.0%} at random, against overfitting"
    first = dense.index({"Dropout": {"rate": dropouts[0]}}) if dropouts else -1
    layers += [(layer, why if i == first else "") for i, layer in enumerate(dense)]
    if array_shape:
        units, activation, why = n_outputs, {}, "the Reshape after it gives the target's shape"
    elif source.task == "multilabel":
        units, activation = n_outputs, {"activation": "sigmoid"}
        why = "a probability for each label"
    elif is_regression:
        units, activation, why = n_outputs, {}, "one unit for each number; no activation"
    elif n_outputs == 2:
        units, activation = 1, {"activation": "sigmoid"}
        why = f"the probability of {source.class_names[1]}"
    else:
        units, activation = n_outputs, {"activation": "softmax"}
        why = "a probability for each class"
    plan.open(("layers",), above)
    layers.append(({"Dense": {"units": units} | activation}, why))
    layers += [({"Reshape": {"target_shape": list(array_shape)}}, "")] if array_shape else []
    layers += [("Softmax", "over the classes")] if array_shape and source.class_names else []
    for i, (layer, beside) in enumerate(layers):
        plan.set(("layers", i), layer, beside)


def _plan_training(plan: CommentedRecipe, found: Findings, n_train: int) -> None:
    """Optimizer, loss, and how long."""
    source = found.source
    is_image = find_image_shape(source) is not None
    plan.set(("optimizer",), *choose_optimizer(is_table=not (is_image or found.spec.timeseries)))
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
        counts = count_classes(found)
        rarest, commonest = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        is_uneven = counts[commonest] >= _IMBALANCED * counts[rarest]
        share = counts[commonest] / sum(counts.values())
        metrics = ["accuracy", "AUC"] if is_binary and is_uneven else ["accuracy"]
        above = (
            f"{commonest} has {counts[commonest]:,} rows, {rarest} has {counts[rarest]:,}. "
            f"{_CLASS_WEIGHT}"
        )
        baseline = f"always answering {commonest} gives {share:.0%}"
        plan.set(("metrics",), metrics, baseline, above if is_uneven else "")
    epochs, batch_size = choose_epochs(n_train, is_image=is_image), choose_batch_size(n_train)
    plan.set(("epochs",), epochs, "at most; EarlyStopping ends it before")
    plan.set(("batch_size",), batch_size, f"{-(-n_train // batch_size):,} steps an epoch")
    patience = max(4, epochs // 10)  # so many epochs without progress may be chance
    stopping = {"monitor": "val_loss", "patience": patience, "restore_best_weights": True}
    above = (
        f"Stops when val_loss has not fallen for {patience} epochs, and restores the best weights."
    )
    plan.open(("callbacks",))
    plan.set(("callbacks", 0), {"EarlyStopping": stopping}, above=above)
