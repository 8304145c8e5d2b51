"""Checks of the data before training; problems are reported by name and row.

Keras trains on a NaN without a word, and every weight becomes NaN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.dataset_rules import DataKind, find_unusable
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import Dataset, Part
from kerasrecipes.rows.words import show_places


def check_dataset(dataset: Dataset, fills_missing: bool = False) -> Dataset:
    """Return the data set, with warnings for what training can live with.

    Args:
        fills_missing: Whether missing values of a table's columns are filled in later.

    Raises:
        DataError: A part is empty, or holds NaN or infinite values; every such place is listed.
    """
    problems = [*_find_empty_parts(dataset), *_find_non_finite(dataset, fills_missing)]
    if problems:
        raise DataError(dataset.name, problems)
    warnings = (*dataset.warnings, *_find_constant_columns(dataset.parts["train"]))
    return dataclasses.replace(dataset, warnings=warnings)


def check_keys(spec: DatasetSpec, dataset: str, kind: DataKind, received: str) -> None:
    """Check that a recipe asks of its data only what data of their kind can do.

    Args:
        spec: The recipe's ``dataset``.
        dataset: The data set's name, for messages.
        kind: What the data turned out to be.
        received: The same in words.

    Raises:
        DataError: A key has no use; it lists all of them.
    """
    written = spec.model_dump(exclude_unset=True)
    problems = [message for _, message in find_unusable(written, kind, received)]
    if problems:
        raise DataError(dataset, problems)


def _find_empty_parts(dataset: Dataset) -> Iterator[str]:
    for name, part in dataset.parts.items():
        if not len(part):
            yield f"the {name} part has no rows. Add rows, or hold out fewer elsewhere."


def _find_non_finite(dataset: Dataset, fills_missing: bool) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = {}
    for name, part in dataset.parts.items():
        for place, values in _name_values(dataset, part):
            may_miss = fills_missing and place[0].startswith("column ")
            if text := _describe_non_finite(values, part.rows, may_miss):
                found.setdefault(place, []).append(f"{name} part: {text}")
    for (label, remedy), texts in found.items():
        yield f"{label} has values that are not finite ({'; '.join(texts)}). {remedy}"


def _name_values(
    dataset: Dataset, part: Part
) -> Iterator[tuple[tuple[str, str], NDArray[np.generic]]]:
    """Pair each array of a part with its label and the remedy if it is not finite."""
    remedy = "Correct or remove these rows"
    if isinstance(part.inputs, dict):
        for name, column in part.inputs.items():
            yield (f"column {name}", f"{remedy}, or leave it out with drop: [{name}]."), column
    else:
        yield ("inputs", f"{remedy}."), part.inputs
    yield (f"target {dataset.target_name}", f"{remedy}."), part.target


def _describe_non_finite(
    values: NDArray[np.generic], rows: NDArray[np.int64], may_miss: bool
) -> str:
    """Count what is not finite and name its rows; empty if there is none."""
    if not np.issubdtype(values.dtype, np.inexact):
        return ""
    nan, infinite = np.isnan(values) & (not may_miss), np.isinf(values)
    if not (nan.any() or infinite.any()):
        return ""
    bad = np.sort(rows[(nan | infinite).reshape(len(rows), -1).any(axis=1)])
    counts = [f"{mask.sum()} {what}" for mask, what in ((nan, "NaN"), (infinite, "infinite"))]
    kinds = " and ".join(count for count in counts if not count.startswith("0 "))
    return f"{kinds}, in {show_places(bad.tolist())}"


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
