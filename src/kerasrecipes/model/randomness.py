"""Random numbers of Keras: drawn from Python's and NumPy's generators, or states of layers."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

_LOCK = threading.Lock()


@contextmanager
def seeding(seed: int) -> Iterator[None]:
    """Seed both generators for a while, and restore them afterwards; one thread at a time.

    A Keras layer draws the seeds of its weights and of Dropout when it is made, loaded layers
    included. The caller's random state is restored afterwards.
    """
    with _LOCK:
        python_state, numpy_state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


@contextmanager
def keeping_states(model: keras.Model) -> Iterator[None]:
    """Restore a model's seeds and statistics after a trial, which advances those of LSTM."""
    states = [(v, keras.ops.convert_to_numpy(v)) for v in model.non_trainable_variables]
    yield
    for variable, value in states:
        variable.assign(value)
