from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kerasrecipes.rows.dataset import Part, Source

FakeKeras = Callable[..., None]


@pytest.fixture
def fake_keras(monkeypatch: pytest.MonkeyPatch) -> FakeKeras:
    """Put functions in the place of keras.datasets.<name>.load_data."""

    def install(**loaders: Callable[..., Any]) -> None:
        datasets = {name: SimpleNamespace(load_data=load) for name, load in loaders.items()}
        module = SimpleNamespace(datasets=SimpleNamespace(**datasets))
        monkeypatch.setitem(sys.modules, "keras", module)
        monkeypatch.setattr("kerasrecipes.rows.builtin.import_keras", lambda: None)

    return install


@pytest.fixture
def table() -> Source:
    """Ten rows, two columns, two classes of eight and two rows."""
    return Source(
        inputs={
            "width": np.arange(10, dtype=np.float32),
            "height": np.arange(10, dtype=np.float32) ** 2,
        },
        target=np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
        rows=np.arange(10),
        task="classification",
        target_names=("kind",),
        class_names=("cat", "dog"),
    )


@pytest.fixture
def images() -> Source:
    """Six images of 2×2 pixels, and a test part of two."""
    return Source(
        inputs=np.arange(24, dtype=np.uint8).reshape(6, 2, 2),
        target=np.array([0, 1, 0, 1, 0, 1]),
        rows=np.arange(6),
        task="classification",
        target_names=("class",),
        class_names=("cat", "dog"),
        own_parts={
            "test": Part(
                np.arange(8, dtype=np.uint8).reshape(2, 2, 2), np.array([1, 0]), np.arange(2)
            )
        },
    )
