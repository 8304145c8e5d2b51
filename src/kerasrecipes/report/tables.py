"""The page's tables: a run's scores, those of each class, and how each column was taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasrecipes.recipe.schema import FEATURES
from kerasrecipes.report.results import Results
from kerasrecipes.report.words import name_metric

_MOST_CLASSES = 200  # beyond, nobody reads the table

_TAKEN_AS = {
    "float": "number, as it is",
    "float_normalized": "number, standardised",
    "float_rescaled": "number, times {scale:g} plus {offset:g}",
    "float_discretized": "number, in {num_bins:,} bins",
    "string_categorical": "category, up to {max_tokens:,} values",
    "string_hashed": "category, hashed to {num_bins:,} values",
    "integer_categorical": "category, up to {max_tokens:,} values",
    "integer_hashed": "category, hashed to {num_bins:,} values",
    "boolean": "true or false",
    "date": "date",
}
"""What ``recipe.schema.FEATURES`` mean, in plain words."""


@dataclass(frozen=True)
class ColumnRow:
    """What became of one column.

    Attributes:
        name: As in the file.
        taken_as: In plain words.
        reason: Why; empty where nobody had to decide.
        is_used: Whether the model sees it.
    """

    name: str
    taken_as: str
    reason: str = ""
    is_used: bool = True


@dataclass(frozen=True)
class ClassRow:
    """How well one class is found; None where the rows have nothing to say.

    Attributes:
        name: The class's name.
        scores: Precision, recall and F1.
        n_rows: Rows that are of this class.
    """

    name: str
    scores: tuple[float | None, ...]
    n_rows: int


def list_scores(results: Results) -> list[tuple[str, list[float | None]]]:
    """Arrange metrics as rows of a table: a name, then a value or None for each part."""
    keys = dict.fromkeys(key for part in results.metrics.values() for key in part)
    return [
        (name_metric(key, results.unit), [values.get(key) for values in results.metrics.values()])
        for key in keys
    ]


def list_columns(results: Results) -> list[ColumnRow]:
    """Say how each column of a table was taken, then which were left out; empty for arrays.

    An evaluation's own file may have other columns beside, so that it says nothing of those.
    """
    rows = [_describe_column(column) for column in results.dataset.get("columns", ())]
    if results.evaluated:
        return rows
    left_out = results.dataset.get("left_out", ())
    return rows + [ColumnRow(name, "left out", reason, False) for name, reason in left_out]


def score_classes(results: Results) -> list[ClassRow]:
    """Score each class as scikit-learn does; the last row is the classes' plain mean.

    Returns:
        Empty where there are no classes, or too many.
    """
    n_classes = len(results.class_names)
    if not (results.is_classification and results.has_predictions and n_classes <= _MOST_CLASSES):
        return []
    from sklearn.metrics import precision_recall_fscore_support

    *scores, counts = precision_recall_fscore_support(
        results.y_true, results.y_pred, labels=np.arange(n_classes), zero_division=np.nan
    )
    names = [*results.class_names, "Mean of the classes"]
    with_means = np.array([[*values, np.nanmean(values)] for values in scores])
    return [
        ClassRow(name, tuple(None if np.isnan(x) else float(x) for x in values), int(n_rows))
        for name, values, n_rows in zip(names, with_means.T, [*counts, counts.sum()], strict=True)
    ]


def _describe_column(column: Mapping[str, Any] | str) -> ColumnRow:
    if isinstance(column, str):
        return ColumnRow(column, "number")  # as older runs have it
    feature = column["feature"]
    words = _TAKEN_AS[feature].format_map(FEATURES[feature] | dict(column["arguments"]))
    parts = ", ".join(column["parts"])
    return ColumnRow(column["name"], f"{words}: {parts}" if parts else words, column["reason"])
