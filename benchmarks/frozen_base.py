"""A frozen pretrained model under a new last layer: kerasrecipes beside plain Keras.

    python -m benchmarks.frozen_base [--images 2000] [--side 64] [--epochs 10]

ResNet50 with random weights, which cost as much as ImageNet's. Plain Keras computes its outputs in
each epoch.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import kerasrecipes as kr

BATCH_SIZE = 32


def make_recipe(file: Path, epochs: int) -> dict[str, Any]:
    """A recipe for images of two classes."""
    base = {"include_top": False, "weights": None, "pooling": "avg", "trainable": False}
    return {
        "name": "frozen base",
        "seed": 0,
        "dataset": {"path": str(file), "test_split": 0.01},
        "layers": [{"ResNet50": base}, {"Dense": {"units": 1, "activation": "sigmoid"}}],
        "loss": "binary_crossentropy",
        "optimizer": {"Adam": {"learning_rate": 0.001}},
        "epochs": epochs,
        "batch_size": BATCH_SIZE,
        "report": [],
    }


def fit_with_keras(images: np.ndarray, classes: np.ndarray, epochs: int) -> float:
    """Seconds of plain Keras's ``fit``."""
    import keras

    base = keras.applications.ResNet50(
        include_top=False, weights=None, pooling="avg", input_shape=images.shape[1:]
    )
    base.trainable = False
    model = keras.Sequential([base, keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    started_s = time.perf_counter()
    model.fit(images, classes, epochs=epochs, batch_size=BATCH_SIZE, verbose=0)
    return time.perf_counter() - started_s


def main() -> None:
    """Print the seconds of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("images", 2000), ("side", 64), ("epochs", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (options.images, options.side, options.side, 3), np.uint8)
    classes = np.arange(options.images) % 2
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npz"
        np.savez(file, x=images, y=classes)
        run = kr.train(make_recipe(file, options.epochs), output_dir=folder)
        seconds = run.info["seconds"]
        ours_s = seconds["encode"] + seconds["fit"]
        n_train = run.info["dataset"]["rows"]["train"]
        keras_s = fit_with_keras(images[:n_train], classes[:n_train], options.epochs)
    print(f"outputs of the base {seconds['encode']:.1f} s, fit {seconds['fit']:.1f} s")
    print(f"plain Keras's fit {keras_s:.1f} s, {keras_s / ours_s:.1f} times as long")


if __name__ == "__main__":
    main()
