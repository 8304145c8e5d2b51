"""Splits rows into training, validation and test parts: scikit-learn's split, on row numbers."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import Dataset, Facts, Inputs, Part, Source
from kerasrecipes.rows.words import ask_meant, count, list_columns

DEFAULT_TEST_SPLIT = 0.2

RowNumbers = NDArray[np.int64]


def split_source(name: str, source: Source, spec: DatasetSpec) -> Dataset:
    """Drop columns, then hold out test rows, then hold out validation rows from what is left.

    The rows are those of ``sklearn.model_selection.train_test_split`` with
    ``random_state=split_seed``, in its order. Where nothing is held out, rows keep the
    source's order and are not copied.

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
    if source.test_inputs is not None and source.test_target is not None:
        test_rows: RowNumbers = np.arange(len(source.test_target))
        test = _take(source.test_inputs, source.test_target, test_rows, spec.drop)
    else:
        fraction = DEFAULT_TEST_SPLIT if spec.test_split is None else spec.test_split
        rows, test_rows = _hold_out(name, "test_split", fraction, rows, source, spec)
        test = _take(source.inputs, source.target, test_rows, spec.drop)
    rows, validation_rows = _hold_out(
        name, "validation_split", spec.validation_split, rows, source, spec
    )
    train = _take(source.inputs, source.target, rows, spec.drop)
    validation = _take(source.inputs, source.target, validation_rows, spec.drop)
    held_out = {"validation": validation, "test": test}
    parts = {"train": train} | {key: part for key, part in held_out.items() if len(part)}
    if source.rows is not None:
        parts = {key: replace(part, rows=source.rows[part.rows]) for key, part in parts.items()}
    facts = {field.name: getattr(source, field.name) for field in fields(Facts)}
    facts["warnings"] = (*source.warnings, *_find_constant_columns(train))
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
    parts = {
        "rows": (source.inputs, source.target),
        "test": (source.test_inputs, source.test_target),
    }
    for part, (inputs, target) in parts.items():
        if inputs is None or target is None:
            continue
        columns = inputs if isinstance(inputs, dict) else {"": inputs}
        for name, values in (*columns.items(), (", ".join(source.target_names), target)):
            yield f"{part}/{name}", values


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
    if spec.test_split is not None and source.test_target is not None:
        yield (
            f"test_split: {name} has a test part of its own, of {len(source.test_target)} rows "
            f"(received: test_split={spec.test_split:g}). Remove test_split."
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


def _hold_out(
    name: str, key: str, fraction: float, rows: RowNumbers, source: Source, spec: DatasetSpec
) -> tuple[RowNumbers, RowNumbers]:
    """Split row numbers into those kept and those held out."""
    if not fraction:
        return rows, rows[:0]
    n_held_out = math.ceil(fraction * len(rows))
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


def _take(
    inputs: Inputs, target: NDArray[np.generic], rows: RowNumbers, drop: Sequence[str]
) -> Part:
    """Gather rows; all of them, in the source's order, are not copied."""
    pick: RowNumbers | slice = slice(None) if len(rows) == len(target) else rows
    if isinstance(inputs, dict):
        columns = {name: column[pick] for name, column in inputs.items() if name not in drop}
        return Part(columns, target[pick], rows)
    return Part(inputs[pick], target[pick], rows)
