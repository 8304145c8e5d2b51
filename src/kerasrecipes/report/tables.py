"""The tables of a run, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasrecipes.memory import write_bytes
from kerasrecipes.report.results import Results
from kerasrecipes.report.words import name_score, write_number, write_shape
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.words import list_some


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
    """List every metric, with a value for each part, and that of the linear model."""
    parts, facts = dict(results.metrics), results.info.get("linear_model", {})
    n_rows = dict(results.dataset.get("rows", {}))
    if "test" in parts and (linear := facts.get("scores", {}).get("test")):
        parts["test, linear model"] = linear
        n_rows["test, linear model"] = n_rows.get("test", 0)
    rows = [
        [
            name_score(key, results.dataset, results.info.get("loss", "")),
            *(write_score(scores.get(key)) for scores in parts.values()),
        ]
        for key in dict.fromkeys(key for part in parts.values() for key in part)
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
    """List the layers: output shape, parameters with their arithmetic, multiply-adds of one row."""
    rows = [
        [
            f"{layer['name']} ({layer['type']})",
            write_shape(layer["output_shape"]),
            layer["arithmetic"],
            _write_parameters(layer["parameters"], layer["trainable"]),
            _write_known(layer["multiply_adds"]),
        ]
        for layer in info.get("layers", ())
    ]
    n_trainable = sum(layer["trainable"] for layer in info.get("layers", ()))
    total = [
        f"Total ({write_bytes(info.get('parameters_bytes', 0))})",
        "",
        "",
        _write_parameters(info.get("parameters", 0), n_trainable),
        _write_known(info.get("multiply_adds")),
    ]
    numbers = dict.fromkeys(("Output", "Arithmetic", "Parameters", "Multiply-adds"), True)
    return Table({"Layer": False} | numbers, rows, total)


def score_classes(results: Results) -> Table:
    """Score each class or label as scikit-learn does, and count its rows in each part.

    Returns:
        No rows if there are no classes; the total is the mean.
    """
    names, noun = results.class_names, "Class"
    if results.is_multilabel:
        names, noun = results.targets, "Label"
    counts = results.dataset.get("class_counts", {})
    counts = {part: each for part, each in counts.items() if len(each) == len(names)}
    columns = ("precision", "recall", "f1-score", *counts)
    headings = {noun: False} | {column.capitalize(): True for column in columns}
    if not (results.has_classes and results.has_predictions):
        return Table(headings, [])
    from sklearn.metrics import classification_report

    keys = [str(i) for i in range(len(names))]
    report = classification_report(
        results.actual if results.is_multilabel else results.y_true,
        results.predicted if results.is_multilabel else results.y_pred,
        labels=range(len(names)),
        target_names=keys,
        output_dict=True,
        zero_division=np.nan,
    )
    rows = [
        [name, *_write_class(report[key]), *(f"{of_part[i]:,}" for of_part in counts.values())]
        for i, (name, key) in enumerate(zip(names, keys, strict=True))
    ]
    totals = (f"{sum(of_part):,}" for of_part in counts.values())
    return Table(headings, rows, ["Mean", *_write_class(report["macro avg"]), *totals])


def _write_class(scores: Mapping[str, float]) -> list[str]:
    of_class = (scores[name] for name in ("precision", "recall", "f1-score"))
    return ["–" if np.isnan(score) else f"{score:.3f}" for score in of_class]


def _describe_column(facts: Mapping[str, Any]) -> tuple[str, str, str]:
    """A column's name, how it is used, and why as far as that says more."""
    column = make_column(**facts)
    words, parts = column.taken_as, ", ".join(column.parts)
    reason = "" if words.startswith(column.reason) else column.reason
    return column.name, f"{words}: {parts}" if parts else words, reason


def _write_parameters(n: int, n_trainable: int) -> str:
    return f"{n:,}" if n == n_trainable else f"{n:,} ({n_trainable:,} trained)"


def _write_known(n: int | None) -> str:
    return "" if n is None else f"{n:,}"


def write_score(score: float | None) -> str:
    """Write a score in four digits; a dash where there is none."""
    return "–" if score is None else write_number(score, 4, pad=True)
