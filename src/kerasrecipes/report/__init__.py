"""Makes a run's report from its files: plots, and one page that opens anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.runs import Run, RunWriter

N_SAMPLES = 10
"""How many images a report shows of each group."""


def make_report(run: Run, names: Sequence[str], status: str = "") -> list[str]:
    """Draw the named plots and write the page, from the run's files alone.

    A plot whose data the run does not have is left out.

    Args:
        status: The run's, where run.json does not have it yet.

    Returns:
        Warnings for the user, such as of a script that no installed font can draw.
    """
    from kerasrecipes.report.figures import draw_figures
    from kerasrecipes.report.page import render_page
    from kerasrecipes.report.results import read_results

    results, writer = read_results(run), RunWriter(run.path)
    results.info["status"] = status or run.status
    figures, warnings = draw_figures(results, names)
    warnings = [*results.warnings, *warnings]
    for figure in figures:
        writer.write_plot(figure.name, figure.png)
    writer.write_report(render_page(results, figures, warnings))
    return warnings


def choose_plots(task: str, is_image: bool, *, is_array: bool = False) -> tuple[str, ...]:
    """Choose the plots that suit a task, for a recipe that names none.

    Args:
        task: "regression", "classification" or "multilabel".
        is_image: Whether the inputs are images.
        is_array: Whether the target of a row is an array.
    """
    if task == "multilabel":
        return ("learning_curves", "class_counts")
    if is_array:
        others = ("regplot",) if task == "regression" else ("confusion_matrix", "class_counts")
        return ("outputs", "learning_curves", *others)
    if task == "regression":
        return ("regplot", "learning_curves", "residuals")
    images = ("samples",) if is_image else ()
    return ("learning_curves", "confusion_matrix", *images, "class_counts")


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
