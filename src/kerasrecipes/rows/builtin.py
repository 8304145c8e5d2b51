"""Data sets that packages carry or download: the built-in ones, scikit-learn's, openml.org's."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from http.client import HTTPException
from typing import Any

import numpy as np

from kerasrecipes.backend import import_keras
from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.rules import ID_DATASETS, ID_KEYS
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.arrays import Arrays
from kerasrecipes.rows.cells import Notation
from kerasrecipes.rows.columns import find_columns
from kerasrecipes.rows.dataset import Source, check_keys
from kerasrecipes.rows.downloads import (
    Say,
    downloading,
    find_homes,
    load_fashion_mnist,
    name_stand_in,
    say_nothing,
)
from kerasrecipes.rows.table import LoadedTable

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

TABLES: dict[str, tuple[Sequence[str], str, str]] = {
    "boston_housing": (BOSTON_COLUMNS, "MEDV", "$1000s"),
    "breast_cancer": ((), "diagnosis", ""),
    "california_housing": (CALIFORNIA_COLUMNS, "median_house_value", "$"),
    "diabetes": ((), "progression", ""),
    "iris": ((), "species", ""),
    "wine": ((), "cultivar", ""),
}
"""Their columns, where scikit-learn does not name them; their target, and its unit."""

ARRAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cifar10": ("class", CIFAR10_CLASSES),
    "cifar100": ("class", CIFAR100_CLASSES),
    "digits": ("digit", DIGITS),
    "fashion_mnist": ("class", FASHION_CLASSES),
    "imdb": ("sentiment", ("negative", "positive")),
    "mnist": ("digit", DIGITS),
    "reuters": ("topic", ()),  # Keras names the topics
}
"""Their target, and its classes."""

EMBEDDED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")
STAND_INS = {"california_housing": "diabetes", "covtype": "wine"}
"""The data sets that scikit-learn downloads, and an embedded one like each."""


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
    if name in TABLES:
        import pyarrow as pa

        source = _load_table(name, say)
        table = LoadedTable(pa.table(source.inputs), Notation(), name)
        columns, left_out = find_columns(table, spec, [str(spec.target)] if spec.target else [])
        read = table.read_columns(columns)
        raise_problems(name, read.problems)
        return replace(source, inputs=read.arrays, columns=columns, left_out=left_out)
    source = _load_arrays(name, say, **spec.model_dump(include={*ID_KEYS}, exclude_none=True))
    inputs: Any = source.inputs
    check_keys(spec, name, "arrays", f"arrays of shape {inputs.shape[1:]}")
    if not spec.target:
        return source
    parts = {"train": source, **source.own_parts}  # of an autoencoder
    arrays: Any = {f"x_{part}": rows.inputs for part, rows in parts.items()}
    return Arrays(arrays, name, source.origin).load(spec)


def _load_table(name: str, say: Say) -> Source:
    """Load float32 columns, and a number or class for each row."""
    names, target_name, unit = TABLES[name]
    class_names: Sequence[str] = ()
    if name == "boston_housing":
        from mlxtend.data import boston_housing_data

        X, y = boston_housing_data()
        origin = "embedded in mlxtend"
    elif name == "california_housing":
        (X, y), _ = _download(name, say, stand_in="diabetes", test_split=0.0)
        origin = "downloaded through Keras, rows in its order"
    else:
        from sklearn import datasets

        unscaled = {"scaled": False} if name == "diabetes" else {}
        table = getattr(datasets, f"load_{name}")(**unscaled)
        # Keras rejects "/" in names, and wine has od280/od315_of_diluted_wines.
        names = [each.replace("/", "_") for each in table.feature_names]
        X, y, class_names = table.data, table.target, table.get("target_names", ())
        origin = "embedded in scikit-learn"
    is_class = len(class_names) > 0
    return Source(
        inputs=dict(zip(names, np.array(X, np.float32).T.copy(), strict=True)),
        target=y.astype(np.int64 if is_class else np.float32),
        rows=np.arange(len(y)),
        task="classification" if is_class else "regression",
        target_names=(target_name,),
        target_unit=unit,
        class_names=tuple(map(str, class_names)),
        origin=origin,
    )


def _load_arrays(name: str, say: Say, *, num_words: int | None = None, **padding: Any) -> Source:
    """Load arrays and the class of each row, for training and perhaps for test."""
    target_name, class_names = ARRAYS[name]
    pairs: Any
    origin: Any = "downloaded through Keras"
    if name == "digits":
        from sklearn.datasets import load_digits

        digits, origin = load_digits(), "embedded in scikit-learn"
        pairs = [(digits.images.astype(np.uint8), digits.target)]
    elif name == "fashion_mnist":
        pairs, origin = load_fashion_mnist(say)
    elif name in ID_DATASETS:
        pairs = _download(name, say, num_words=num_words)
        import keras

        # Its maxlen cuts longer texts, which load_data would leave out.
        pairs = [(keras.utils.pad_sequences(ids, **padding), y) for ids, y in pairs]
        class_names = class_names or keras.datasets.reuters.get_label_names()
    else:
        pairs = _download(name, say, stand_in="digits")
    parts = [(np.ascontiguousarray(x), y.reshape(-1).astype(np.int64)) for x, y in pairs]
    return Source.join(
        dict(zip(("train", "test"), parts, strict=False)),
        task="classification",
        target_names=(target_name,),
        class_names=class_names,
        origin=str(origin),
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


def load_by_sklearn(spec: DatasetSpec) -> tuple[Any, str | None]:
    """Load a data set of openml.org, by name or number, or one of scikit-learn.

    Returns:
        An Arrow table, with classes by their names; and the name of the target, None where the
        data set has not just one.

    Raises:
        DataUnavailable: It could not be downloaded.
        DataError: There is no such data set, or it is no table.
    """
    import pyarrow as pa
    from sklearn import datasets

    is_embedded = spec.openml is None and spec.sklearn in EMBEDDED
    if spec.openml is not None:
        name, source = str(spec.openml), "openml.org"
        key = "data_id" if isinstance(spec.openml, int) else "name"
        fetch = partial(datasets.fetch_openml, **{key: spec.openml}, parser="auto")
        remedy = (
            "on a machine with network, download it as a file; then give path instead of openml"
        )
    else:
        name, source = str(spec.sklearn), "scikit-learn's source"
        if name not in (*EMBEDDED, *STAND_INS):
            meant = name.removeprefix("load_").removeprefix("fetch_")
            problem = f"sklearn: scikit-learn has no table of that name (received: '{name}')."
            hint = suggest(meant, (*EMBEDDED, *STAND_INS))
            raise DataError(name, [f"{problem} {hint}"])
        fetch = getattr(datasets, f"load_{name}" if is_embedded else f"fetch_{name}")
        remedy = name_stand_in(f"dataset.sklearn={STAND_INS.get(name, name)}")
    home = None if is_embedded else datasets.get_data_home()  # which makes this folder
    copy = f"copy {home} from a machine that has it (SCIKIT_LEARN_DATA moves it)"
    tried = f"scikit-learn's cache {home}, then {source}"
    try:
        with downloading(name, tried, [copy, remedy], OSError, HTTPException):
            bunch = fetch(as_frame=True)
    except (ValueError, KeyError, ImportError) as error:
        problem = f"openml: {str(error).strip(chr(39)).rstrip('.')}. See https://www.openml.org."
        raise DataError(name, [problem]) from error
    frame, target, class_names = bunch.frame, bunch.target, bunch.get("target_names")
    column = str(target.name) if target is not None and target.ndim == 1 else None
    # For tables of numbers, scikit-learn's target_names are names of columns.
    if column and class_names is not None and column not in list(class_names):
        frame = frame.assign(**{column: [str(class_names[code]) for code in target]})
    return pa.Table.from_pandas(frame, preserve_index=False), column
