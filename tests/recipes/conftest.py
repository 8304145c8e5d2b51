"""Few rows of random values in place of each data set that is a download."""

from __future__ import annotations

import gzip
import hashlib
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from numpy.typing import NDArray

from kerasrecipes.rows import downloads

N_TRAIN, N_TEST = 100, 20
Arrays = tuple[NDArray[Any], NDArray[Any]]


@pytest.fixture
def few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in the formats of those that are downloaded, with their own checksums."""
    rng = np.random.default_rng(0)
    write_fashion_mnist(tmp_path / "home", rng, monkeypatch)
    write_texts(tmp_path, rng)
    monkeypatch.setenv("HOME", str(tmp_path))
    (x, y), (x_test, y_test) = make_images(rng, (28, 28))
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    for name in ("imdb", "mnist", "reuters"):
        monkeypatch.setattr(
            f"keras.src.datasets.{name}.get_file", lambda fname, **_: str(tmp_path / fname)
        )
    # Its loader takes files of 10,000 images only.
    cifar10 = partial(make_images, rng, (32, 32, 3))
    monkeypatch.setattr("keras.datasets.cifar10.load_data", cifar10)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    joblib.dump(rng.uniform(1e5, 2e5, (N_TRAIN, 9)), tmp_path / "cal_housing_py3.pkz", compress=6)


def make_images(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Arrays, Arrays]:
    """Images and classes, for training and for test."""
    train, test = (
        (rng.integers(0, 256, (n, *shape), np.uint8), np.arange(n, dtype=np.uint8) % 10)
        for n in (N_TRAIN, N_TEST)
    )
    return train, test


def write_fashion_mnist(
    home: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Write the four files into a KERAS_HOME."""
    monkeypatch.setenv("KERAS_HOME", str(home))
    folder = home / downloads.CACHE_FOLDER
    folder.mkdir(parents=True)
    (x, y), (x_test, y_test) = make_images(rng, (28, 28))
    sums = {}
    for name, array in zip(downloads.SHA256, (x, y, x_test, y_test), strict=True):
        data = bytes(16 if array.ndim == 3 else 8) + array.tobytes()  # a header, which is not read
        (folder / f"{name}.gz").write_bytes(gzip.compress(data))
        sums[name] = hashlib.sha256(data).hexdigest()
    monkeypatch.setattr(downloads, "SHA256", sums)


def write_texts(folder: Path, rng: np.random.Generator) -> None:
    """Write imdb.npz and reuters.npz, whose texts are lists of word ids; and a folder of texts."""

    def make_texts(n: int) -> NDArray[Any]:
        texts = np.empty(n, object)
        texts[:] = [rng.integers(1, 20_000, rng.integers(5, 300)).tolist() for _ in range(n)]
        return texts

    x, y, x_test, y_test = (
        made for n in (N_TRAIN, N_TEST) for made in (make_texts(n), np.arange(n) % 2)
    )
    np.savez(folder / "imdb.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    np.savez(folder / "reuters.npz", x=x, y=np.arange(N_TRAIN) % 46)
    words = np.array(["great", "awful", "film", "story", "the", "영화"])
    for part, n in (("train", N_TRAIN), ("test", N_TEST)):
        for i in range(n):
            file = folder / f".keras/datasets/aclImdb/{part}/{('neg', 'pos')[i % 2]}/{i}_7.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(" ".join(rng.choice(words, 60)) + "<br />", encoding="utf-8")
