"""Makes a run's report from its files: plots, and one page that opens anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.rows.dataset import Part
from kerasrecipes.runs import Run, RunWriter

N_SAMPLES = 10
"""How many images a report shows of each group."""

INPUT = "input_"
"""The start of the names of inputs in predictions.csv."""

_MOST_CURVES = 8  # one for each class; more are hard to tell apart
_N_COLUMNS = 4
_MOST_ROWS = 5000
_MOST_CATEGORIES = 20


def make_report(run: Run, names: Sequence[str], status: str = "") -> list[str]:
    """Draw the named plots and write the page, from the run's files alone.

    Args:
        status: The run's, where run.json does not have it yet.

    Returns:
        Warnings for the user, such as of a plot for which the run has no data.
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
    """Choose the plots that suit a task, for a recipe that names none.

    Args:
        data: The facts about the data in run.json.
        is_array: Whether the target of a row is an array.
    """
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
    """Keep the weights of predicted rows, and the inputs over which residuals are drawn.

    Args:
        part: Raw rows.
        inputs: Names of a table's inputs, the most important first.

    Returns:
        "sample_weight", and inputs by "input_<name>".
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
    """Choose the test images to keep: the first ten, and the ten most confident mistakes.

    Args:
        is_correct: Shape (n_samples,).
        confidence: Shape (n_samples,), the probability of the predicted class.

    Returns:
        Positions of shape (n_chosen,), ascending, each once.
    """
    wrong = np.flatnonzero(~is_correct)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")[:N_SAMPLES]]
    return np.union1d(np.arange(min(N_SAMPLES, len(is_correct))), worst)
