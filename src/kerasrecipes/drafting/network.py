"""Layers, batch sizes and epochs to begin with, by the number of rows.

docs/drafts.md lists their scores on public tables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.rows.dataset import Source

Layers = list[Any]

_SMALLEST_MAP = 6
_MOST_BLOCKS = 4
_STEPS_WANTED = 50
_MANY_ROWS = 20_000
_WORDS = 10_000
_DROPOUT = {1_000: 0.3, 10_000: 0.2}
_EPOCHS = {2_000: 200, 20_000: 100, 200_000: 40}
_IMAGE_EPOCHS = {2_000: 100, 20_000: 40}
"""Shares of units and numbers of epochs by a number of rows, for fewer rows than that."""


def choose_hidden(source: Source, n_rows: int, n_outputs: int) -> Layers:
    """The layers before the output layer."""
    dropout = choose_dropout(n_rows)
    wide = make_dense(choose_widths(n_rows, n_outputs), dropout)
    if isinstance(source.inputs, dict):
        if [column.kind for column in source.columns] != ["text"]:
            return wide
        embedding = make_embedding(*source.inputs.values())
        return [*embedding, *make_dense([max(64, n_outputs)], dropout)]
    layers: Layers = []
    if rescaling := find_rescaling(source.inputs):
        layers.append(rescaling)
    image_shape = find_image_shape(source)
    if image_shape and source.inputs.ndim == 3:
        layers.append({"Reshape": {"target_shape": list(image_shape)}})
    if image_shape:
        layers += make_convolutions(image_shape)
    if source.inputs.ndim > 2:
        layers.append("Flatten")
    return [*layers, *(make_dense([max(64, n_outputs)]) if image_shape else wide)]


def choose_widths(n_rows: int, n_outputs: int) -> list[int]:
    """The units of the two hidden layers: twice as many for many rows."""
    widths = [128, 64] if n_rows < _MANY_ROWS else [256, 128]
    return [max(units, _round_up(n_outputs)) if n_outputs > 1 else units for units in widths]


def choose_dropout(n_rows: int) -> float:
    """The share of hidden units that Dropout zeroes: the fewer rows, the more."""
    return next((rate for most, rate in _DROPOUT.items() if n_rows < most), 0.1)


def choose_optimizer(*, is_table: bool) -> dict[str, Any]:
    """The optimizer; weight decay was measured on tables only."""
    if not is_table:
        return {"Adam": {"learning_rate": 0.001}}
    return {"AdamW": {"learning_rate": 0.001, "weight_decay": 0.05}}


def choose_batch_size(n_rows: int) -> int:
    """A power of two that gives about 50 steps an epoch; 8 to 512 rows."""
    return min(512, max(8, _round_up(n_rows / _STEPS_WANTED)))


def choose_epochs(n_rows: int, *, is_image: bool) -> int:
    """The most epochs: early stopping ends most fits before."""
    choices = _IMAGE_EPOCHS if is_image else _EPOCHS
    return next((epochs for most, epochs in choices.items() if n_rows < most), 20)


def make_dense(widths: Sequence[int], dropout: float = 0) -> Layers:
    """Hidden layers for a row of numbers, each followed by Dropout if there is any."""
    layers: Layers = []
    for units in widths:
        layers.append({"Dense": {"units": units, "activation": "relu"}})
        if dropout:
            layers.append({"Dropout": {"rate": dropout}})
    return layers


def make_embedding(texts: NDArray[Any]) -> Layers:
    """Layers that give a text, one of shape (n_rows,), the mean of its words' embeddings."""
    n_words = [len(text.split()) for text in texts.tolist()]
    length = _round_up(float(np.quantile(n_words, 0.95)))  # few texts are cut
    return [
        {"TextVectorization": {"max_tokens": _WORDS, "output_sequence_length": length}},
        {"Embedding": {"input_dim": _WORDS, "output_dim": 16}},
        "GlobalAveragePooling1D",
    ]


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


def find_rescaling(inputs: np.ndarray[Any, Any]) -> Any:
    """The layer that brings numbers near 1; None if none is needed."""
    low, high = float(inputs.min()), float(inputs.max())
    if inputs.dtype == np.uint8 and high > 1:
        return {"Rescaling": {"scale": 1 / (255 if high > 127 else int(high))}}
    if low >= -1 and high <= 1:
        return None
    if (inputs.reshape(-1, inputs.shape[-1]).std(axis=0, dtype=np.float64) == 0).any():
        # Divided by a deviation of 0, a first other value would be enormous.
        return {"Normalization": {"axis": None}}
    return "Normalization"


def _round_up(number: float) -> int:
    """The next power of two."""
    return 1 << math.ceil(math.log2(max(number, 1)))
