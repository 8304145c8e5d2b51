"""How many threads a model is worth: small ones lose more by waiting than they win by sharing."""

from __future__ import annotations

import numpy as np

from kerasrecipes.recipe import Recipe
from kerasrecipes.rows import Dataset

_LIKE_ITS_INPUT = {
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "Dropout",
    "ELU",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "LayerNormalization",
    "LeakyReLU",
    "Normalization",
    "PReLU",
    "ReLU",
    "Rescaling",
    "Reshape",
    "Softmax",
    "UnitNormalization",
}
"""Layers whose output has as many numbers as their input, and that multiply no matrices."""

_WORTH_SHARING = 50e6
"""Multiply-adds of a batch from which a second thread pays.

Measured on 2 quiet cores with networks of Dense layers, one epoch in one thread beside TensorFlow's
own choice: with 2.5 million one thread took 0.6 of the time, with 42 million the same, with 82
million 1.2 times and with 230 million 1.5 times as long.
"""

_CATEGORIES = 10
"""How many numbers a category is taken to become, before it is encoded."""


def needs_one_thread(recipe: Recipe, dataset: Dataset) -> bool:
    """Whether one thread trains a recipe at least as fast as all; known before it is built."""
    inputs = dataset.parts["train"].inputs
    if isinstance(inputs, dict):
        width = sum(_CATEGORIES if column.dtype == object else 1 for column in inputs.values())
    else:
        width = int(np.prod(inputs.shape[1:]))
    multiply_adds = 0
    for layer in recipe.layers:
        if layer.name == "Dense":
            units = int(layer.arguments["units"])
            multiply_adds += width * units
            width = units
        elif layer.name not in _LIKE_ITS_INPUT:
            return False  # convolutions and their like want every core
    batch_size = min(recipe.batch_size, len(dataset.parts["train"]))
    return multiply_adds * batch_size < _WORTH_SHARING
