"""The tables of a run, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.memory import write_bytes
from kerasrecipes.report.results import Results
from kerasrecipes.report.words import name_score, write_number, write_shape
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.words import list_some

MOST_CLASSES = 200
"""A longer table of classes is left out."""


@dataclass(frozen=True)
class Table:
    """Text in rows and columns; the first cell of a row is its name.

    Attributes:
        headings: Whether a column contains numbers, by its heading.
        rows: A cell for each heading.
        total: A last row, set apart; empty if there is none.
    """

    headings: Mapping[str, bool]
    rows: Sequence[Sequence[str]]
    total: Sequence[str] = ()


def list_scores(results: Results) -> Table:
    """List every metric, with a value for each part, and how many rows a part has."""
    parts, n_rows = results.metrics, results.dataset.get("rows", {})
    keys = dict.fromkeys(key for part in parts.values() for key in part)
    rows = [
        [
            name_score(key, results.dataset, results.info.get("loss", "")),
            *(write_score(scores.get(key)) for scores in parts.values()),
        ]
        for key in keys
    ]
    if n_rows and parts:
        rows.append(["Rows", *(f"{n_rows.get(part, 0):,}" for part in parts)])
    return Table({"Metric": False} | {part.capitalize(): True for part in parts}, rows)


def list_columns(
    dataset: Mapping[str, Any], most: int | None = None, *, with_left_out: bool = True
) -> Table:
    """List how the columns of a table are used and why; those used alike share a row.

    Args:
        dataset: The facts about the data in run.json.
        most: How many names a row shows; None shows all.
        with_left_out: Whether columns that the model does not use are listed, too.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    used = [*map(_describe_column, dataset.get("columns", ()))]
    left_out = [(name, "left out", reason) for name, reason in dataset.get("left_out", ())]
    for name, taken_as, reason in used + left_out * with_left_out:
        alike.setdefault((taken_as, reason), []).append(name)
    rows = [
        [list_some(names, most or len(names)), taken_as, reason]
        for (taken_as, reason), names in alike.items()
    ]
    return Table(dict.fromkeys(("Column", "Taken as", "Why"), False), rows)


def list_layers(info: Mapping[str, Any]) -> Table:
    """List the layers: output shape, parameters with their arithmetic."""
    rows = [
        [
            _name_layer(layer["type"], layer["name"]),
            write_shape(layer["output_shape"]),
            layer["arithmetic"],
            _write_parameters(layer["parameters"], layer["trainable"]),
        ]
        for layer in info.get("layers", ())
    ]
    n_trainable = sum(layer["trainable"] for layer in info.get("layers", ()))
    total = [
        f"Total ({write_bytes(info.get('parameters_bytes', 0))})",
        "",
        "",
        _write_parameters(info.get("parameters", 0), n_trainable),
    ]
    numbers = dict.fromkeys(("Output", "Arithmetic", "Parameters"), True)
    return Table({"Layer": False} | numbers, rows, total)


def score_classes(results: Results) -> Table:
    """Score each class or label as scikit-learn does; the total is their mean.

    Returns:
        No rows if there are no classes, or more than MOST_CLASSES.
    """
    labels = results.targets if results.is_multilabel else results.class_names
    noun = "Label" if results.is_multilabel else "Class"
    headings = {noun: False} | dict.fromkeys(("Precision", "Recall", "F1"), True)
    headings[f"{results.value_noun.capitalize()}s"] = True
    is_scored = results.is_classification or results.is_multilabel
    if not (is_scored and results.has_predictions and len(labels) <= MOST_CLASSES):
        return Table(headings, [])
    from sklearn.metrics import precision_recall_fscore_support

    several = results.split_targets()
    y_true, y_pred = ([getattr(each, y) for each in several] for y in ("y_true", "y_pred"))
    if results.is_multilabel:
        y_true, y_pred = [np.column_stack(y_true)], [np.column_stack(y_pred)]
    *scores, counts = precision_recall_fscore_support(
        y_true[0], y_pred[0], labels=np.arange(len(labels)), zero_division=np.nan
    )
    names = [*labels, "Mean of the labels" if results.is_multilabel else "Mean of the classes"]
    with_means = np.array([[*values, _mean(values)] for values in scores])
    rows = [
        [name, *("–" if np.isnan(x) else f"{x:.3f}" for x in of_class), f"{n_rows:,}"]
        for name, of_class, n_rows in zip(names, with_means.T, [*counts, counts.sum()], strict=True)
    ]
    return Table(headings, rows[:-1], rows[-1])


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def _describe_column(facts: Mapping[str, Any]) -> tuple[str, str, str]:
    """A column's name, how it is used, and why as far as that says more."""
    column = make_column(**facts)
    words, parts = column.taken_as, ", ".join(column.parts)
    reason = "" if words.startswith(column.reason) else column.reason
    return column.name, f"{words}: {parts}" if parts else words, reason


def _name_layer(layer_type: str, name: str) -> str:
    """``Dense``, or ``Dense hidden`` if the recipe names the layer; Keras makes up ``dense_1``."""
    stem = name.rstrip("0123456789").rstrip("_").replace("_", "").lower()
    is_automatic = stem in (layer_type.lower(), layer_type.lower().rstrip("0123456789"))
    return layer_type if is_automatic else f"{layer_type} {name}".strip()


def _write_parameters(n: int, n_trainable: int) -> str:
    return f"{n:,}" if n == n_trainable else f"{n:,} ({n_trainable:,} trained)"


def write_score(score: float | None) -> str:
    """Write a score in four digits; a dash where there is none."""
    return "–" if score is None else write_number(score, 4, pad=True)
