"""Raw rows to what the layers see: fitted on the training part alone, saved with the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasrecipes.data import Part
from kerasrecipes.data.dataset import Inputs


@dataclass(frozen=True)
class Encoder:
    """How raw inputs become the array that the recipe's first layer sees.

    A table's columns are stacked in their order and standardised by the training rows' mean and
    standard deviation. One Normalization layer over the stacked columns does what
    ``keras.utils.FeatureSpace`` does with a layer for each, in milliseconds instead of seconds,
    and column names need not be valid TensorFlow scopes. Arrays pass unchanged.

    Attributes:
        columns: A table's columns in order; empty for an array.
        layers: Keras layers to put in front of the saved model.
    """

    columns: tuple[str, ...] = ()
    layers: tuple[keras.Layer, ...] = ()

    def stack(self, inputs: Inputs) -> np.ndarray:
        """Raw rows as one array, (n_samples, n_columns) or (n_samples, ...): the model's input."""
        if isinstance(inputs, dict):
            return np.column_stack([inputs[name] for name in self.columns]).astype(np.float32)
        return inputs

    def encode(self, inputs: Inputs) -> np.ndarray:
        """Raw rows as the first layer of the recipe sees them, of shape (n_samples, ...)."""
        encoded: Any = self.stack(inputs)
        for layer in self.layers:
            encoded = np.asarray(layer(encoded))
        return np.asarray(encoded)


def fit_encoder(train: Part) -> Encoder:
    """Fit an encoder to the training rows."""
    if not isinstance(train.inputs, dict):
        return Encoder()
    columns = tuple(train.inputs)
    stacked = np.column_stack([train.inputs[name] for name in columns]).astype(np.float64)
    variance = stacked.var(axis=0)
    # A constant column has nothing to say; divided by a deviation below float32's resolution
    # it would shout.
    resolution = np.square(np.finfo(np.float32).eps) * np.square(stacked).mean(axis=0)
    variance[variance <= resolution] = 1.0
    normalization = keras.layers.Normalization(
        mean=stacked.mean(axis=0).astype(np.float32),
        variance=variance.astype(np.float32),
        name="standardize_columns",
    )
    normalization.build((None, len(columns)))
    return Encoder(columns, (normalization,))
