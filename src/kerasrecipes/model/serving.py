"""The model that is saved: raw rows in, answers in the user's own units or classes out."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from kerasrecipes.errors import RunFailed
from kerasrecipes.model.encoder import Encoder
from kerasrecipes.model.target import TargetCodec

PREDICT_BATCH_SIZE = 1024
TOLERANCE = 1e-5
"""How far a reloaded model's answers may lie from the trained one's, relative to their size."""


def make_serving_model(
    model: keras.Sequential, encoder: Encoder, codec: TargetCodec, input_shape: tuple[int, ...]
) -> keras.Sequential:
    """Join encoder, trained layers and the target's inverse; the layers are shared, not copied.

    Args:
        input_shape: Of one raw row, as ``Encoder.stack`` gives it.
    """
    return keras.Sequential(
        [keras.Input(input_shape), *encoder.layers, *model.layers, *codec.make_layers()],
        name=model.name,
    )


def predict(model: keras.Sequential, inputs: np.ndarray) -> np.ndarray:
    """Predict in large batches; inputs as ``Encoder.stack`` gives them.

    Returns:
        Shape (n_samples, n_units).
    """
    return np.asarray(model.predict(inputs, batch_size=PREDICT_BATCH_SIZE, verbose=0))


def verify_saved(file: Path, inputs: np.ndarray, expected: np.ndarray) -> None:
    """Load a saved model and hold its answers to raw rows against those it gave before saving.

    Raises:
        RunFailed: They differ by more than TOLERANCE of the largest answer.
    """
    loaded = keras.saving.load_model(file, compile=False, safe_mode=True)
    difference = float(np.abs(predict(loaded, inputs) - expected).max(initial=0.0))
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0.0)))
    if not difference <= allowed:
        raise RunFailed(
            f"The saved model answers differently from the trained one: by {difference:g}, where "
            f"{allowed:g} is allowed. A layer keeps a state that Keras does not save."
        )
