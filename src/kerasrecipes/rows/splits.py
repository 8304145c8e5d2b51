"""Splits rows into training, validation and test parts: scikit-learn's split, on row numbers."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import Dataset, Facts, Part, Source
from kerasrecipes.rows.series import count_overlapping
from kerasrecipes.rows.windows import Series
from kerasrecipes.rows.words import ask_meant, count, list_columns

DEFAULT_TEST_SPLIT = 0.2

RowNumbers = NDArray[np.int64]


def split_source(name: str, source: Source, spec: DatasetSpec) -> Dataset:
    """Drop columns, then hold out test rows, then hold out validation rows from what is left.

    The rows are those of ``sklearn.model_selection.train_test_split`` with
    ``random_state=split_seed``, in its order. Where nothing is held out, rows keep the
    source's order and are not copied. Without ``shuffle``, the last rows are held out.

    Args:
        name: The data set's name, for messages.
        source: Every row.
        spec: The recipe's ``dataset``. ``test_split`` defaults to 0.2 where the source has no
            test part of its own; ``validation_split`` is a fraction of the rows left by it.

    Raises:
        DataError: The data lack what the recipe requires; all problems are listed.
    """
    problems = [*_check_drop(source, spec), *_check_splits(name, source, spec)]
    if problems:
        raise DataError(name, problems)
    rows: RowNumbers = np.arange(len(source.target))
    fractions = {
        "test": DEFAULT_TEST_SPLIT if spec.test_split is None else spec.test_split,
        "validation": spec.validation_split,
    }
    gap = count_overlapping(source.inputs)
    parts = dict(source.own_parts)
    for part, fraction in fractions.items():
        if part not in parts:
            rows, held_out = _hold_out(name, f"{part}_split", fraction, rows, source, spec)
            if len(held_out) and spec.is_in_order:
                rows = rows[: max(len(rows) - gap, 0)]
            parts[part] = _take(source, held_out, spec.drop)
    if not len(rows):
        problem = "shuffle: no training row is left before the rows held out and the gap to them."
        raise DataError(name, [f"{problem} Add rows, or hold out a smaller share."])
    parts["train"] = train = _take(source, rows, spec.drop)
    parts = {key: parts[key] for key in ("train", "validation", "test") if len(parts[key])}
    facts = {field.name: getattr(source, field.name) for field in fields(Facts)}
    warnings = *_warn_of_order(source, parts, spec, gap), *_find_constant_columns(train)
    facts["warnings"] = (*source.warnings, *warnings)
    facts["columns"] = tuple(column for column in source.columns if column.name not in spec.drop)
    return Dataset(name=name, parts=parts, fingerprint=compute_fingerprint(source), **facts)


def compute_fingerprint(source: Source) -> str:
    """SHA-256 over the names, types, shapes and bytes of every row, before any column is dropped.

    Bytes are taken in C order and little-endian, so that every machine gets the same digits.
    """
    digest = hashlib.sha256()
    for name, values in _name_arrays(source):
        if values.dtype.kind in "OUS":
            digest.update(f"{name} text {values.shape}\n{json.dumps(values.tolist())}\n".encode())
            continue
        values = values.astype(values.dtype.newbyteorder("<"), order="C", copy=False)
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _name_arrays(source: Source) -> Iterator[tuple[str, NDArray[np.generic]]]:
    parts: dict[str, Source | Part] = {"rows": source, **source.own_parts}
    for name, part in parts.items():
        columns = part.inputs if isinstance(part.inputs, dict) else {"": part.inputs}
        for column, values in (*columns.items(), (", ".join(source.target_names), part.target)):
            yield f"{name}/{column}", values
        if part.weights is not None:
            yield f"{name}/sample_weight", part.weights


def _check_drop(source: Source, spec: DatasetSpec) -> Iterator[str]:
    if not spec.drop:
        return
    if not isinstance(source.inputs, dict):
        yield (
            f"drop: its inputs are one array of shape {source.inputs.shape}, without named columns "
            f"(received: drop={spec.drop}). Remove drop."
        )
        return
    names = [*source.inputs]
    for name in spec.drop:
        if name not in names:
            yield f"drop: no column '{name}'.{ask_meant(name, names)} {list_columns(names)}"
    if set(source.inputs) <= set(spec.drop):
        yield "drop: no column is left to learn from. Keep at least one."


def _check_splits(name: str, source: Source, spec: DatasetSpec) -> Iterator[str]:
    for part, own in source.own_parts.items():
        if share := getattr(spec, key := f"{part}_split"):
            yield (
                f"{key}: {name} has a {part} part of its own, of {len(own)} rows "
                f"(received: {key}={share:g}). Remove {key}."
            )
    if spec.stratify and source.task == "regression":
        yield (
            "stratify: keeps the share of each class, and the target "
            f"{', '.join(source.target_names)} is a number (received: stratify=true). "
            "Remove stratify."
        )


def _find_constant_columns(train: Part) -> Iterator[str]:
    if not isinstance(train.inputs, dict):
        return
    constant = [name for name, values in train.inputs.items() if (values == values[0]).all()]
    if constant:
        names = ", ".join(constant)
        yield (
            f"in all {len(train)} training rows there is one value only of: {names}. A network "
            f"learns nothing from that; leave it out with drop: [{names}]."
        )


def _warn_of_order(
    source: Source, parts: Mapping[str, Part], spec: DatasetSpec, gap: int
) -> Iterator[str]:
    """Warn of windows that share steps with those of other parts, and of classes in order."""
    split = {name: part for name, part in parts.items() if name not in source.own_parts}
    if gap and len(split) > 1 and not spec.is_in_order:
        yield (
            f"Each row shares steps with the next {gap:,}, as windows of a series do. A random "
            "split scores the model on steps that it was trained on. Write shuffle: false under "
            "dataset."
        )
    elif n_rows := len(source.target) - sum(map(len, split.values())):
        yield f"{count(n_rows, 'row')} between the parts left out, as windows overlap."
    if not spec.is_in_order or source.task == "regression" or source.target.ndim > 1:
        return
    for name, part in split.items():
        if len(present := np.unique(part.target)) == 1:
            yield (
                f"shuffle: false: all rows of the {name} part are of one class, "
                f"{source.class_names[present[0]]}. Rows in order of their classes need shuffle."
            )


def _hold_out(
    name: str, key: str, fraction: float, rows: RowNumbers, source: Source, spec: DatasetSpec
) -> tuple[RowNumbers, RowNumbers]:
    """Split row numbers into those kept and those held out."""
    if not fraction:
        return rows, rows[:0]
    n_held_out = math.ceil(fraction * len(rows))
    if spec.is_in_order and n_held_out < len(rows):
        return rows[:-n_held_out], rows[-n_held_out:]
    if not spec.stratify and n_held_out < len(rows):
        # train_test_split's own lines for this case: importing it takes longer than most fits.
        order = np.random.RandomState(spec.split_seed).permutation(len(rows))
        return rows[order[n_held_out:]], rows[order[:n_held_out]]
    from sklearn.model_selection import train_test_split

    labels = source.target[rows] if spec.stratify else None
    if labels is not None:
        classes, counts = np.unique(labels, return_counts=True)
        alone = [source.class_names[index] for index in classes[counts < 2]]
        if alone:
            problem = (
                f"stratify: needs at least 2 rows of each class for {key}, and there is 1 of: "
                f"{', '.join(alone)}. Add rows of these classes, or remove stratify."
            )
            raise DataError(name, [problem])
    try:
        kept, held_out = train_test_split(
            rows, test_size=fraction, random_state=spec.split_seed, stratify=labels
        )
    except ValueError as error:
        few = "too few rows of each class" if spec.stratify else "too few rows"
        problem = f"{key}: {fraction:g} of {count(len(rows), 'row')} gives {few} for a part."
        raise DataError(name, [f"{problem} Add rows, or choose another share."]) from error
    return kept, held_out


def _take(source: Source, rows: RowNumbers, drop: Sequence[str]) -> Part:
    """Gather rows; all of them, in the source's order, are not copied."""
    inputs = source.inputs
    pick: RowNumbers | slice = slice(None) if len(rows) == len(source.target) else rows
    if isinstance(inputs, Series):
        inputs = inputs.take(pick)
    elif isinstance(inputs, dict):
        inputs = {name: column[pick] for name, column in inputs.items() if name not in drop}
    else:
        inputs = inputs[pick]
    numbers = rows if source.rows is None else source.rows[rows]
    weights = None if source.weights is None else source.weights[pick]
    return Part(inputs, source.target[pick], numbers, weights)
