"""The data sets that a recipe can ask for by name."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.rows.cells import Notation
from kerasrecipes.rows.checks import check_keys
from kerasrecipes.rows.columns import check_names, find_columns
from kerasrecipes.rows.dataset import Source
from kerasrecipes.rows.fashion_mnist import Arrays, find_folder, read_arrays
from kerasrecipes.rows.keras_cache import (
    Say,
    downloading,
    find_homes,
    name_stand_in,
    say_nothing,
)
from kerasrecipes.rows.rows import Piece, Rows, Schema
from kerasrecipes.rows.table import TableInHand

BOSTON_COLUMNS = (
    "CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B", "LSTAT",
)  # fmt: skip

# The order of StatLib's file, which Keras's copy keeps; the order and the "Ave" names of
# Keras's docstring are scikit-learn's (https://github.com/keras-team/keras/issues/21886).
CALIFORNIA_COLUMNS = (
    "longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population",
    "households", "median_income",
)  # fmt: skip

DIGITS = tuple("0123456789")
FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
)  # fmt: skip
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


class BuiltIn(Rows):
    """A data set that a recipe asks for by name.

    Args:
        name: The data set's name.
        say: Takes lines about what is being downloaded.
    """

    def __init__(self, name: str, say: Say = say_nothing) -> None:
        self.name, self._say = name, say

    def load(self, spec: DatasetSpec, hint: Task | None = None) -> Source:
        """Read every row; of a table, ``features`` and ``crosses`` are as the recipe has them."""
        source = load_source(self.name, self._say)
        if not isinstance(source.inputs, dict):
            shape = source.inputs.shape[1:]
            check_keys(spec, self.name, "arrays", f"arrays of shape {shape}")
            return source
        if not (spec.features or spec.crosses):
            return source
        import pyarrow as pa

        table = TableInHand(pa.table(source.inputs), Notation(), self.name)
        if problems := [*check_names(table.names, spec, ())]:
            raise DataError(self.name, problems)
        # Columns that are dropped are dropped later, and named as this table's own.
        undropped = spec.model_copy(update={"drop": []})
        found = find_columns(table, undropped, ())
        read = table.read_columns(found.columns)
        if read.problems:
            raise DataError(self.name, read.problems)
        return replace(source, inputs=read.arrays, columns=found.columns, left_out=found.left_out)

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        """Built-in rows are scored by the run's own test part."""
        raise InputError(f"{self.name} is a built-in data set. Give a file or rows instead.")


def load_source(name: str, say: Say = say_nothing) -> Source:
    """Load the data set that a recipe names: every row, not yet split.

    Tables come as float32 columns of shape (n_samples,) by name, images as uint8 arrays of
    shape (n_samples, height, width[, channels]) in 0 to 255 (digits: 0 to 16).

    Args:
        name: The data set's name.
        say: Receives one line for each thing that is done.

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
    train = (digits.images.astype(np.uint8), digits.target)
    return _make_images(train, None, "digit", DIGITS, "embedded in scikit-learn")


def _load_fashion_mnist(say: Say) -> Source:
    folder = find_folder(say)
    return _make_images(*read_arrays(folder), "class", FASHION_CLASSES, str(folder))


def _load_images(name: str, target_name: str, class_names: tuple[str, ...], say: Say) -> Source:
    train, test = _download(name, say, stand_in="digits")
    return _make_images(train, test, target_name, class_names, "downloaded through Keras")


def _make_images(
    train: Arrays,
    test: Arrays | None,
    target_name: str,
    class_names: tuple[str, ...],
    origin: str,
) -> Source:
    X_test, y_test = test or (None, None)
    return Source(
        inputs=np.ascontiguousarray(train[0]),
        target=train[1].reshape(-1).astype(np.int64),
        task="classification",
        target_names=(target_name,),
        class_names=class_names,
        test_inputs=X_test if X_test is None else np.ascontiguousarray(X_test),
        test_target=y_test if y_test is None else y_test.reshape(-1).astype(np.int64),
        origin=origin,
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
    """Load through ``keras.datasets``, which checks the SHA-256 of what it finds or downloads."""
    import keras

    cache = find_homes()[-1] / "datasets"
    say(f"{name}: loading through Keras, from {cache} or by download")
    source = f"Keras's cache {cache}, then download through Keras"
    remedies = [
        f"copy {cache} from a machine that has {name} in it (KERAS_HOME moves it)",
        name_stand_in(f"dataset.name={stand_in}"),
    ]
    # Keras's downloads raise bare Exception, and print their progress.
    with (
        downloading(name, source, remedies, Exception),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        return getattr(keras.datasets, name).load_data(**arguments)


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
    "fashion_mnist": _load_fashion_mnist,
    "mnist": partial(_load_images, "mnist", "digit", DIGITS),
}
