"""How much the loss of each training row counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import Dataset


def weigh_classes(recipe: Recipe, dataset: Dataset) -> NDArray[np.float32] | None:
    """The weight of each class, of shape (n_classes,); None without class_weight.

    "balanced" is scikit-learn's: n_samples / (n_classes * rows of the class), so that classes
    count equally and the weights are 1 on average.
    """
    if recipe.class_weight is None:
        return None
    target = dataset.parts["train"].target.astype(np.int64)
    if recipe.class_weight == "balanced":
        counts = np.bincount(target, minlength=dataset.n_classes)
        by_class = len(target) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    else:
        given = {str(name): weight for name, weight in recipe.class_weight.items()}
        by_class = np.array([given.get(name, 1.0) for name in dataset.class_names])
    return by_class.astype(np.float32)


def weigh_rows(recipe: Recipe, dataset: Dataset) -> NDArray[np.float32] | None:
    """The weight of each training row by its class, times its own; None without class_weight."""
    train, by_class = dataset.parts["train"], weigh_classes(recipe, dataset)
    if by_class is None:
        return None
    return by_class[train.target.astype(np.int64)] * (1 if train.weights is None else train.weights)
