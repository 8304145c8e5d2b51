"""The built-in data sets."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasrecipes.backend import import_keras
from kerasrecipes.errors import raise_problems
from kerasrecipes.recipe.rules import ID_KEYS
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.arrays import Arrays
from kerasrecipes.rows.cells import Notation
from kerasrecipes.rows.columns import find_columns
from kerasrecipes.rows.dataset import Source, check_keys
from kerasrecipes.rows.downloads import (
    Say,
    downloading,
    find_homes,
    name_stand_in,
    say_nothing,
)
from kerasrecipes.rows.fashion_mnist import Pair, load_fashion_mnist
from kerasrecipes.rows.loaded_table import LoadedTable

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


def load_builtin(spec: DatasetSpec, say: Say = say_nothing) -> Source:
    """Read every row of a built-in data set; of a table, the columns that the recipe uses.

    Tables come as float32 columns of shape (n_samples,) by name, images as uint8 arrays of
    shape (n_samples, height, width[, channels]) in 0 to 255 (digits: 0 to 16), and texts as
    int32 word ids of shape (n_samples, maxlen).

    Raises:
        DataUnavailable: The data set is not on this machine and could not be downloaded.
        DataError: The recipe names columns that are not there, or keys that do not apply.
    """
    name = str(spec.name)
    source = LOADERS[name](say, **spec.model_dump(include={*ID_KEYS}, exclude_none=True))
    if isinstance(source.inputs, dict):
        import pyarrow as pa

        table = LoadedTable(pa.table(source.inputs), Notation(), name)
        columns, left_out = find_columns(table, spec, [str(spec.target)] if spec.target else [])
        read = table.read_columns(columns)
        raise_problems(name, read.problems)
        return replace(source, inputs=read.arrays, columns=columns, left_out=left_out)
    check_keys(spec, name, "arrays", f"arrays of shape {source.inputs.shape[1:]}")
    if not spec.target:
        return source
    parts = {"train": source, **source.own_parts}  # of an autoencoder
    arrays: Any = {f"x_{part}": rows.inputs for part, rows in parts.items()}
    return Arrays(arrays, name, source.origin).load(spec)


def _load_boston_housing(_: Say) -> Source:
    from mlxtend.data import boston_housing_data

    X, y = boston_housing_data()
    return _make_table(X, BOSTON_COLUMNS, y, "MEDV", "$1000s", "embedded in mlxtend")


def _load_sklearn_table(loader: str, target_name: str, _: Say, **arguments: Any) -> Source:
    from sklearn import datasets

    table = getattr(datasets, loader)(**arguments)
    # Keras rejects "/" in names, and wine has od280/od315_of_diluted_wines.
    names = [name.replace("/", "_") for name in table.feature_names]
    source = _make_table(
        table.data, names, table.target, target_name, "", "embedded in scikit-learn"
    )
    if "target_names" not in table:
        return source
    class_names = tuple(map(str, table.target_names))
    target = table.target.astype(np.int64)
    return replace(source, target=target, task="classification", class_names=class_names)


def _load_california_housing(say: Say) -> Source:
    (X, y), _ = _download("california_housing", say, stand_in="diabetes", test_split=0.0)
    origin = "downloaded through Keras, rows in its order"
    return _make_table(X, CALIFORNIA_COLUMNS, y, "median_house_value", "$", origin)


def _make_table(
    X: ArrayLike, columns: Sequence[str], y: Any, target_name: str, unit: str, origin: str
) -> Source:
    """Make a source of X of shape (n_samples, n_columns) and a number y for each row."""
    return Source(
        inputs=dict(zip(columns, np.array(X, np.float32).T.copy(), strict=True)),
        target=y.astype(np.float32),
        rows=np.arange(len(y)),
        task="regression",
        target_names=(target_name,),
        target_unit=unit,
        origin=origin,
    )


def _load_digits(_: Say) -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    train = (digits.images.astype(np.uint8), digits.target)
    return _make_arrays(train, None, "digit", DIGITS, "embedded in scikit-learn")


def _load_fashion_mnist(say: Say) -> Source:
    train, test, folder = load_fashion_mnist(say)
    return _make_arrays(train, test, "class", FASHION_CLASSES, str(folder))


def _load_images(name: str, target_name: str, class_names: tuple[str, ...], say: Say) -> Source:
    train, test = _download(name, say, stand_in="digits")
    return _make_arrays(train, test, target_name, class_names, "downloaded through Keras")


def _load_texts(
    name: str, target_name: str, say: Say, *, num_words: int | None = None, **padding: Any
) -> Source:
    """Load texts as word ids; pad_sequences cuts longer ones, which load_data would leave out."""
    train, test = _download(name, say, num_words=num_words)
    import keras

    cut = partial(keras.utils.pad_sequences, **padding)  # its maxlen and padding
    train, test = ((cut(texts), classes) for texts, classes in (train, test))
    topics = keras.datasets.reuters.get_label_names()
    class_names = topics if name == "reuters" else ("negative", "positive")
    return _make_arrays(train, test, target_name, class_names, "downloaded through Keras")


def _make_arrays(
    train: Pair, test: Pair | None, target_name: str, class_names: tuple[str, ...], origin: str
) -> Source:
    """Make a source of arrays and the class of each row."""
    pairs = {"train": train} | ({"test": test} if test else {})
    return Source.join(
        {
            name: (np.ascontiguousarray(x), y.reshape(-1).astype(np.int64))
            for name, (x, y) in pairs.items()
        },
        task="classification",
        target_names=(target_name,),
        class_names=class_names,
        origin=origin,
        class_type="integer" if class_names == DIGITS else "text",
    )


def _download(name: str, say: Say, *, stand_in: str = "", **arguments: Any) -> Any:
    """Load through ``keras.datasets``, which checks the SHA-256 of the files."""
    import_keras()
    import keras

    cache = find_homes()[-1] / "datasets"
    say(f"{name}: loading through Keras, from {cache} or by download")
    source = f"Keras's cache {cache}, then download through Keras"
    remedies = [f"copy {cache} from a machine that has {name} in it (KERAS_HOME moves it)"]
    remedies += [name_stand_in(f"dataset.name={stand_in}")] * bool(stand_in)
    # Keras's downloads raise bare Exception, and print their progress.
    with (
        downloading(name, source, remedies, Exception),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        return getattr(keras.datasets, name).load_data(**arguments)


LOADERS: dict[str, Callable[..., Source]] = {
    "boston_housing": _load_boston_housing,
    "breast_cancer": partial(_load_sklearn_table, "load_breast_cancer", "diagnosis"),
    "california_housing": _load_california_housing,
    "cifar10": partial(_load_images, "cifar10", "class", CIFAR10_CLASSES),
    "cifar100": partial(_load_images, "cifar100", "class", CIFAR100_CLASSES),
    "diabetes": partial(_load_sklearn_table, "load_diabetes", "progression", scaled=False),
    "digits": _load_digits,
    "fashion_mnist": _load_fashion_mnist,
    "imdb": partial(_load_texts, "imdb", "sentiment"),
    "iris": partial(_load_sklearn_table, "load_iris", "species"),
    "mnist": partial(_load_images, "mnist", "digit", DIGITS),
    "reuters": partial(_load_texts, "reuters", "topic"),
    "wine": partial(_load_sklearn_table, "load_wine", "cultivar"),
}
