"""Sizes for a start: layers, batches and epochs that suit so many rows of so many numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasrecipes.data.dataset import Source
from kerasrecipes.recipe.yaml_file import Fraction

Layers = list[Any]

_SMALLEST_MAP = 6
_MOST_BLOCKS = 4
_STEPS_WANTED = 50


def choose_widths(n_rows: int, n_inputs: int, n_outputs: int) -> list[int]:
    """The units of hidden layers: the more rows, the more may be learnt from them."""
    widest = next((units for most, units in _WIDTHS if n_rows < most), 256)
    widest = min(widest, max(16, _round_up(4 * n_inputs)))
    widths = [widest] if n_rows < 200 else [widest, widest // 2]
    return [max(units, _round_up(n_outputs)) if n_outputs > 1 else units for units in widths]


def choose_batch_size(n_rows: int) -> int:
    """A power of two that gives about 50 steps an epoch; 8 to 512 rows."""
    return min(512, max(8, _round_up(n_rows / _STEPS_WANTED)))


def choose_epochs(n_rows: int, *, is_image: bool) -> int:
    """The most epochs: early stopping ends most fits before."""
    choices = _IMAGE_EPOCHS if is_image else _EPOCHS
    return next((epochs for most, epochs in choices if n_rows < most), 20)


def choose_patience(epochs: int) -> int:
    """How many epochs without progress are chance."""
    return max(4, epochs // 10)


def make_dense(widths: Sequence[int]) -> Layers:
    """Hidden layers for a row of numbers."""
    return [{"Dense": {"units": units, "activation": "relu"}} for units in widths]


def make_convolutions(shape: Sequence[int]) -> Layers:
    """Layers that halve an image and double its channels until little is left of it.

    Args:
        shape: Height, width and channels.
    """
    side, n_filters = min(shape[:2]), 16
    layers: Layers = []
    while side // 2 >= _SMALLEST_MAP / 2 and len(layers) < 2 * _MOST_BLOCKS:
        convolution = {
            "filters": n_filters,
            "kernel_size": 3,
            "padding": "same",
            "activation": "relu",
        }
        layers += [{"Conv2D": convolution}, "MaxPooling2D"]
        side, n_filters = side // 2, 2 * n_filters
        if side <= _SMALLEST_MAP:
            break
    return layers


def find_image_shape(source: Source) -> tuple[int, int, int] | None:
    """Height, width and channels of inputs that are images; None for others."""
    if isinstance(source.inputs, dict):
        return None
    shape = source.inputs.shape[1:]
    if len(shape) == 2 and min(shape) >= _SMALLEST_MAP and source.inputs.dtype == np.uint8:
        return (shape[0], shape[1], 1)
    if len(shape) == 3 and shape[-1] in (1, 3):
        return (shape[0], shape[1], shape[2])
    return None


def find_rescaling(inputs: np.ndarray[Any, Any]) -> tuple[Any, str]:
    """The layer that brings numbers near 1, if one is needed, and why."""
    low, high = float(inputs.min()), float(inputs.max())
    if inputs.dtype == np.uint8 and high > 1:
        highest = 255 if high > 127 else int(high)
        why = f"0 to {highest} becomes 0 to 1"
        return {"Rescaling": {"scale": Fraction(f"1/{highest}")}}, why
    if low >= -1 and high <= 1:
        return None, ""
    if (inputs.reshape(-1, inputs.shape[-1]).std(axis=0, dtype=np.float64) == 0).any():
        # Divided by a deviation of 0, a first other value would be enormous.
        return {"Normalization": {"axis": None}}, "by the training rows' mean and variance"
    return "Normalization", "each by the training rows' mean and variance"


def _round_up(number: float) -> int:
    """The next power of two."""
    return 1 << math.ceil(math.log2(max(number, 1)))


_WIDTHS = ((200, 16), (2_000, 32), (20_000, 64), (200_000, 128))
"""Pairs of a number of rows and the units of the first hidden layer for fewer."""
_EPOCHS = ((2_000, 200), (20_000, 100), (200_000, 40))
_IMAGE_EPOCHS = ((2_000, 100), (20_000, 40))
"""Pairs of a number of rows and the epochs for fewer."""
