"""The tables of a run, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasrecipes.errors import InputError
from kerasrecipes.memory import write_bytes
from kerasrecipes.report.results import Results, Scored, find_half_widths
from kerasrecipes.report.words import name_score, write_number, write_shape, write_with_unit
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.words import list_some

_EPSILON = 1e-7  # the least probability, as in Keras: the log loss of 0 is infinite


@dataclass(frozen=True)
class Table:
    """Text in rows and columns; the first cell of a row is its name."""

    headings: Mapping[str, bool]  # whether the column of a heading contains numbers
    rows: Sequence[Sequence[str]]
    total: Sequence[str] = ()  # a last row, set apart; empty if there is none


def list_scores(results: Results) -> Table:
    """List every metric, with a value for each part, and that of the linear model."""
    parts, facts = dict(results.metrics), results.info.get("linear_model", {})
    n_rows = dict(results.dataset.get("rows", {}))
    if "test" in parts and (linear := facts.get("scores", {}).get("test")):
        parts["test, linear model"] = linear
        n_rows["test, linear model"] = n_rows.get("test", 0)
    rows, loss = [], results.info.get("loss", "")
    for key in dict.fromkeys(key for part in parts.values() for key in part):
        scores = [write_score(part.get(key)) for part in parts.values()]
        rows.append([name_score(key, results.dataset, loss), *scores])
    if n_rows and parts:
        rows.append(["Rows", *(f"{n_rows.get(part, 0):,}" for part in parts)])
    return Table({"Metric": False} | {part.capitalize(): True for part in parts}, rows)


def list_columns(
    dataset: Mapping[str, Any], most: int | None = None, *, with_left_out: bool = True
) -> Table:
    """List how the columns of a table are used and why; those used alike share a row.

    A row shows at most so many names, or all of them.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for column in (make_column(**facts) for facts in dataset.get("columns", ())):
        parts = f": {', '.join(column.parts)}" if column.parts else ""
        reason = "" if column.taken_as.startswith(column.reason) else column.reason
        alike.setdefault((f"{column.taken_as}{parts}", reason), []).append(column.name)
    for name, reason in dataset.get("left_out", ()) if with_left_out else ():
        alike.setdefault(("left out", reason), []).append(name)
    rows = [
        [list_some(names, most or len(names)), taken_as, reason]
        for (taken_as, reason), names in alike.items()
    ]
    return Table(dict.fromkeys(("Column", "Taken as", "Why"), False), rows)


def list_layers(info: Mapping[str, Any]) -> Table:
    """List the layers: output shape, parameters with their arithmetic, multiply-adds of one row."""
    layers, rows = info.get("layers", ()), []
    total = {
        "name": "Total",
        "type": write_bytes(info.get("parameters_bytes", 0)),
        "output_shape": (),
        "arithmetic": "",
        "parameters": info.get("parameters", 0),
        "trainable": sum(layer["trainable"] for layer in layers),
        "multiply_adds": info.get("multiply_adds"),
    }
    for each in (*layers, total):
        n, n_trained, n_adds = each["parameters"], each["trainable"], each["multiply_adds"]
        parameters = f"{n:,}" if n == n_trained else f"{n:,} ({n_trained:,} trained)"
        cells = [write_shape(each["output_shape"]), each["arithmetic"], parameters]
        adds = "" if n_adds is None else f"{n_adds:,}"
        rows.append([f"{each['name']} ({each['type']})", *cells, adds])
    numbers = dict.fromkeys(("Output", "Arithmetic", "Parameters", "Multiply-adds"), True)
    return Table({"Layer": False} | numbers, rows[:-1], rows[-1])


def score_classes(results: Results) -> Table:
    """Score each class or label as scikit-learn does, and count its rows in each part."""
    names, counts = results.names, results.dataset.get("class_counts", {})
    counts = {part: each for part, each in counts.items() if len(each) == len(names)}
    columns = ("Precision", "Recall", "F1-score", *(part.capitalize() for part in counts))
    headings = {results.class_noun.capitalize(): False} | dict.fromkeys(columns, True)
    if not (results.has_classes and results.has_predictions):
        return Table(headings, [])
    from sklearn.metrics import precision_recall_fscore_support

    pair = (results.y_true, results.y_pred)
    if results.is_multilabel:
        pair = (results.actual, results.predicted)
    given: Any = {"labels": range(len(names)), "zero_division": np.nan}
    scores = np.transpose(precision_recall_fscore_support(*pair, **given)[:3])
    means = precision_recall_fscore_support(*pair, average="macro", **given)[:3]
    rows = [
        [name, *_write_shares(scores[i]), *(f"{of_part[i]:,}" for of_part in counts.values())]
        for i, name in enumerate(names)
    ]
    name = "Mean or total" if counts else "Mean"
    totals = (f"{sum(of_part):,}" for of_part in counts.values())
    return Table(headings, rows, [name, *_write_shares(means), *totals])


def score_probabilities(several: Sequence[Scored]) -> Table:
    """Score the probabilities of classes or labels."""
    rows = []
    for each in several:
        of_true = each.y_prob[np.arange(len(each.y_true)), each.y_true]
        brier = (each.y_prob**2).sum(axis=1) - 2 * of_true + 1
        brier = brier / 2 if each.is_binary else brier
        losses = -np.log(np.maximum(of_true, _EPSILON))
        means, shares, sizes = each.bins
        scores = [np.average(values, weights=each.weights) for values in (brier, losses)]
        areas = (each.areas or ["–", "–"]) if each.is_binary else []
        rows.append([each.name, *areas, *_write_shares([*scores, sizes @ np.abs(means - shares)])])
    areas = ["ROC AUC", "Average precision"] if any(each.is_binary for each in several) else []
    headings = dict.fromkeys((*areas, "Brier score", "Log loss", "Calibration error"), True)
    return Table({"Probability of": False} | headings, rows)


def score_thresholds(several: Sequence[Scored], thresholds: Sequence[float]) -> Table:
    """Score predicted classes of two at their thresholds, if these were chosen, and at 0.5."""
    from sklearn import metrics

    rows = []
    binary = [each for each in several if each.is_binary]
    for each, threshold in zip(binary, thresholds, strict=False):
        given = {"sample_weight": each.weights}
        for at, predicted in {0.5: each.chances > 0.5, threshold: each.y_pred == 1}.items():
            pair = (each.happened, predicted)
            *scores, _ = metrics.precision_recall_fscore_support(
                *pair, average="binary", zero_division=np.nan, **given
            )
            accuracy = metrics.accuracy_score(*pair, **given)
            balanced = metrics.balanced_accuracy_score(*pair, **given)
            rows.append([each.name, f"{at:.4g}", *_write_shares([accuracy, balanced, *scores])])
    names = ("Threshold", "Accuracy", "Balanced accuracy", "Precision", "Recall", "F1")
    return Table({"Predicted": False} | dict.fromkeys(names, True), rows)


def score_intervals(results: Results) -> Table:
    """List the width of each target's 90% interval, and the share of rows that it covers."""
    rows = []
    if results.residuals is not None and results.has_predictions:
        with suppress(InputError):  # too few rows
            half_widths = find_half_widths(results.residuals, 0.9)
            for each, half_width in zip(results.by_target, half_widths, strict=True):
                width = f"± {write_with_unit(half_width, each.unit)}"
                rows.append([each.target, width, f"{np.mean(each.row_errors <= half_width):.1%}"])
    return Table({"Target": False, "Half-width": True, "Covered": True}, rows)


def write_score(score: float | None) -> str:
    """Write a score in four digits; a dash where there is none."""
    return "–" if score is None else write_number(score, 4, pad=True)


def _write_shares(scores: Iterable[float]) -> list[str]:
    return ["–" if np.isnan(score) else f"{score:.3f}" for score in scores]
