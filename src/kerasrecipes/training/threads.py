"""Which models are so small that one thread trains them faster than several."""

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
"""Multiply-adds of a batch above which a second thread saves time.

Measured on 2 quiet cores with networks of Dense layers, one epoch in one thread compared with
TensorFlow's own choice: with 2.5 million one thread took 0.6 of the time, with 42 million the
same, with 82 million 1.2 times and with 230 million 1.5 times as long.
"""

_CATEGORIES = 10
"""How many numbers an encoded category is estimated to have."""


def needs_one_thread(recipe: Recipe, dataset: Dataset) -> bool:
    """Whether one thread trains a recipe at least as fast as all; estimated before it is built."""
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
            return False  # convolutions and similar layers use every core
    batch_size = min(recipe.batch_size, len(dataset.parts["train"]))
    return multiply_adds * batch_size < _WORTH_SHARING
