"""The data sets that a recipe can ask for by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasrecipes.data.dataset import Source
from kerasrecipes.data.fashion_mnist import load_fashion_mnist
from kerasrecipes.data.keras_cache import (
    AttemptFailed,
    Say,
    call_loader,
    find_homes,
    name_stand_in,
    say_nothing,
)
from kerasrecipes.errors import DataUnavailable

BOSTON_COLUMNS = (
    "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
)  # fmt: skip

# The order of StatLib's file, which Keras's copy keeps; the order and the "Ave" names of
# Keras's docstring are scikit-learn's (https://github.com/keras-team/keras/issues/21886).
CALIFORNIA_COLUMNS = (
    "longitude",
    "latitude",
    "housing_median_age",
    "total_rooms",
    "total_bedrooms",
    "population",
    "households",
    "median_income",
)

DIGITS = tuple("0123456789")
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
# In the order of fine_label_names in the data set's own "meta" file.
CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup",
    "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house",
    "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man",
    "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy",
    "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal",
    "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar",
    "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman",
    "worm",
)  # fmt: skip

# What Keras downloads, and the name that it gives it in its cache.
KERAS_FILES = {
    "california_housing": ("california_housing.npz", "california_housing.npz"),
    "cifar10": ("cifar-10-python.tar.gz", "cifar-10-batches-py-target_archive"),
    "cifar100": ("cifar-100-python.tar.gz", "cifar-100-python-target_archive"),
    "mnist": ("mnist.npz", "mnist.npz"),
}


def load_source(name: str, say: Say = say_nothing) -> Source:
    """Load the data set that a recipe names: every row, not yet split.

    Tables come as float32 columns of shape (n_samples,) by name, images as uint8 arrays of
    shape (n_samples, height, width[, channels]) in 0 to 255 (digits: 0 to 16).

    Args:
        name: The data set's name.
        say: Told what is being downloaded, line by line.

    Raises:
        DataUnavailable: The data set is not on this machine and could not be downloaded.
    """
    return EMBEDDED[name]() if name in EMBEDDED else DOWNLOADED[name](say)


def _load_boston_housing() -> Source:
    from mlxtend.data import boston_housing_data

    X, y = boston_housing_data()
    return Source(
        inputs=_name_columns(X, BOSTON_COLUMNS),
        target=y.astype(np.float32),
        task="regression",
        target_names=("MEDV",),
        target_unit="$1000s",
        origin="embedded in mlxtend",
    )


def _load_sklearn_table(loader: str, target_name: str, **arguments: Any) -> Source:
    from sklearn import datasets

    table = getattr(datasets, loader)(**arguments)
    class_names = tuple(str(name) for name in table.get("target_names", ()))
    return Source(
        # Keras refuses "/" in names, and wine has od280/od315_of_diluted_wines.
        inputs=_name_columns(table.data, [n.replace("/", "_") for n in table.feature_names]),
        target=table.target.astype(np.int64 if class_names else np.float32),
        task="classification" if class_names else "regression",
        target_names=(target_name,),
        class_names=class_names,
        origin="embedded in scikit-learn",
    )


def _load_digits() -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Source(
        inputs=digits.images.astype(np.uint8),
        target=digits.target.astype(np.int64),
        task="classification",
        target_names=("digit",),
        class_names=DIGITS,
        origin="embedded in scikit-learn",
        class_type="integer",
    )


def _load_images(name: str, target_name: str, class_names: tuple[str, ...], say: Say) -> Source:
    (X_train, y_train), (X_test, y_test) = _download(name, say, stand_in="digits")
    return Source(
        inputs=np.ascontiguousarray(X_train),
        target=y_train.reshape(-1).astype(np.int64),
        task="classification",
        target_names=(target_name,),
        class_names=class_names,
        test_inputs=np.ascontiguousarray(X_test),
        test_target=y_test.reshape(-1).astype(np.int64),
        origin="downloaded through Keras",
        class_type="integer" if class_names == DIGITS else "text",
    )


def _load_california_housing(say: Say) -> Source:
    (X, y), _ = _download("california_housing", say, stand_in="diabetes", test_split=0.0)
    return Source(
        inputs=_name_columns(X, CALIFORNIA_COLUMNS),
        target=y.astype(np.float32),
        task="regression",
        target_names=("median_house_value",),
        target_unit="$",
        origin="downloaded through Keras, rows in its order",
    )


def _download(name: str, say: Say, *, stand_in: str, **arguments: Any) -> Any:
    published, cached = KERAS_FILES[name]
    path = find_homes()[-1] / "datasets" / cached
    if not path.exists():
        say(f"{name}: downloading {published} through Keras")
    try:
        return call_loader(name, **arguments)
    except AttemptFailed as failure:
        remedies = [
            f"put {published} at {path} (KERAS_HOME moves that folder)",
            name_stand_in(stand_in),
        ]
        attempts = [(f"Keras's cache {path}, then download through Keras", str(failure))]
        raise DataUnavailable(name, attempts, remedies) from failure


def _name_columns(X: ArrayLike, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """Turn X of shape (n_samples, n_columns) into contiguous float32 columns by name."""
    return dict(zip(names, np.array(X, np.float32).T.copy(), strict=True))


EMBEDDED: dict[str, Callable[[], Source]] = {
    "boston_housing": _load_boston_housing,
    "breast_cancer": partial(_load_sklearn_table, "load_breast_cancer", "diagnosis"),
    "diabetes": partial(_load_sklearn_table, "load_diabetes", "progression", scaled=False),
    "digits": _load_digits,
    "iris": partial(_load_sklearn_table, "load_iris", "species"),
    "wine": partial(_load_sklearn_table, "load_wine", "cultivar"),
}
DOWNLOADED: dict[str, Callable[[Say], Source]] = {
    "california_housing": _load_california_housing,
    "cifar10": partial(_load_images, "cifar10", "class", CIFAR10_CLASSES),
    "cifar100": partial(_load_images, "cifar100", "class", CIFAR100_CLASSES),
    "fashion_mnist": load_fashion_mnist,
    "mnist": partial(_load_images, "mnist", "digit", DIGITS),
}
