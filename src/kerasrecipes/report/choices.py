"""What a report shows, where the recipe leaves the choice to us."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

N_SAMPLES = 10
"""How many images stand in a row."""


def choose_plots(task: str, is_image: bool) -> tuple[str, ...]:
    """Choose the pictures that suit a task, for a recipe that names none.

    Args:
        task: "regression" or "classification".
        is_image: Whether the inputs are images.
    """
    if task == "regression":
        return ("regplot", "learning_curves", "residuals")
    images = ("samples",) if is_image else ()
    return ("learning_curves", "confusion_matrix", *images, "class_counts")


def choose_samples(
    is_correct: NDArray[np.bool_], confidence: NDArray[np.floating[Any]]
) -> NDArray[np.int64]:
    """Choose the test images worth keeping: the first ten, and the ten most confident mistakes.

    Args:
        is_correct: Shape (n_samples,).
        confidence: Shape (n_samples,), the probability of the predicted class.

    Returns:
        Positions of shape (n_chosen,), ascending, each once.
    """
    wrong = np.flatnonzero(~is_correct)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")[:N_SAMPLES]]
    return np.union1d(np.arange(min(N_SAMPLES, len(is_correct))), worst)
