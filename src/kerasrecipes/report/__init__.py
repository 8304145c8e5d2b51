"""Makes a run's report from its files: plots, and one page that opens anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.rows.dataset import Part
from kerasrecipes.runs import Run, RunWriter

N_SAMPLES = 10  # images that a report shows of each group
INPUT = "input_"  # begins the names of inputs in predictions.csv
_MOST_CURVES = 8  # one for each class; more are hard to tell apart
_N_COLUMNS = 4
_MOST_ROWS = 5000
_MOST_CATEGORIES = 20


def make_report(run: Run, names: Sequence[str], status: str = "") -> list[str]:
    """Draw the named plots and write the page from the run's files alone; return warnings.

    The status is the run's, where run.json does not have it yet.
    """
    from kerasrecipes.report.figures import draw_figures
    from kerasrecipes.report.page import render_page
    from kerasrecipes.report.results import read_results

    results, writer = read_results(run), RunWriter(run.path)
    results.info["status"] = status or run.status
    figures, left_out = draw_figures(results, names)
    warnings = [*results.warnings, *left_out]
    for figure in figures:
        writer.write_plot(figure.name, figure.png)
    writer.write_report(render_page(results, figures, warnings))
    return warnings


def choose_plots(data: Mapping[str, Any], *, is_array: bool = False) -> tuple[str, ...]:
    """Choose the plots that suit the data, as run.json describes them, and the target of a row."""
    task, n_classes = data["task"], len(data.get("class_names", ()))
    of_columns = ("importance",) if "columns" in data else ()
    if task == "multilabel":
        return ("learning_curves", "roc_pr_curves", "reliability", "class_counts", *of_columns)
    if is_array or "n_steps" in data:
        others = ("regplot",) if task == "regression" else ("confusion_matrix", "class_counts")
        return ("outputs", "learning_curves", *others, *of_columns)
    if task == "regression":
        is_one = of_columns and len(data["targets"]) == 1
        by_column = ("residuals_by_column",) if is_one else ()
        return ("regplot", "learning_curves", "residuals", *by_column, *of_columns)
    curves = ("roc_pr_curves",) if 1 < n_classes <= _MOST_CURVES else ()
    images = ("samples", "occlusion") if data.get("is_image") else ()
    others = (*curves, "reliability", *images, "class_counts")
    return ("learning_curves", "confusion_matrix", *others, *of_columns)


def keep_columns(part: Part, inputs: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Keep the weights of predicted rows ("sample_weight"), and inputs to draw residuals over.

    Of a table's inputs, which are given with the most important first, the first few that can be
    drawn are kept, by "input_<name>".
    """
    kept: dict[str, NDArray[Any]] = {} if part.weights is None else {"sample_weight": part.weights}
    table = part.inputs if isinstance(part.inputs, dict) else {}
    drawn = []
    for name in inputs:
        values = table[name][:_MOST_ROWS]
        n_distinct = len(np.unique(values))
        if n_distinct > 1 and (values.dtype.kind == "f" or n_distinct <= _MOST_CATEGORIES):
            drawn.append(name)
    return kept | {f"{INPUT}{name}": np.asarray(table[name]) for name in drawn[:_N_COLUMNS]}


def choose_samples(
    is_correct: NDArray[np.bool_], confidence: NDArray[np.floating[Any]]
) -> NDArray[np.int64]:
    """Choose the positions of test images to keep: the first ten and most confident mistakes.

    Both arrays have shape (n_samples,). ``confidence`` is the probability of the predicted class.
    """
    wrong = np.flatnonzero(~is_correct)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")[:N_SAMPLES]]
    return np.union1d(np.arange(min(N_SAMPLES, len(is_correct))), worst)
