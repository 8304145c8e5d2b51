"""Rules between keys of ``dataset``: the source of the rows, and the keys that it requires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Literal

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.endings import ARRAYS, DELIMITED, EXCEL, TABLES, find_ending
from kerasrecipes.recipe.suggest import find_meant

SOURCES = ("name", "path", "openml", "sklearn")
DataKind = Literal["delimited", "excel", "table", "arrays", "images"]
_TABLES: tuple[DataKind, ...] = ("delimited", "excel", "table")
_OF_TABLES = (
    *("drop", "features", "crosses", "missing", "missing_indicator", "missing_values"),
    "timeseries",
)
_OF_ROWS = ("target", "sample_weight", "group", "time", "split")
_NOT_OF_SERIES = {"shuffle": True, "stratify": True, "missing": "drop", "stream": True}
"""Values of keys that would take rows out of a series, or out of its order."""
_APART = {"stratify": ["time"], "group": ["timeseries"], "split": ["timeseries", "group", "time"]}
"""Keys that choose the rows of parts in different ways."""
_USERS: dict[str, tuple[str, tuple[DataKind, ...]]] = {
    "csv": ("delimited text such as CSV files", ("delimited",)),
    "excel": ("Excel files", ("excel",)),
    **dict.fromkeys(_OF_ROWS, ("tables and arrays", (*_TABLES, "arrays"))),
    **dict.fromkeys(("image_size", "color_mode"), ("folders of images", ("images",))),
    **dict.fromkeys(_OF_TABLES, ("tables", _TABLES)),
    "stream": ("tables, .npy files and folders of images", (*_TABLES, "images")),
}
"""Keys for some kinds of data only: these data in words, and their kinds."""

ID_DATASETS = ("imdb", "reuters")
ID_KEYS = ("num_words", "maxlen", "padding")
"""Keys of the built-in texts, which are rows of word ids."""

_NOT_BUILT_IN = ({*_USERS} | {"task"}) - {"drop", "features", "crosses"}
"""Keys that a built-in data set determines itself."""

_AUTOENCODER = ("target", "x_train")


def check_dataset_keys(dataset: Any, needs_source: bool = True) -> Iterator[tuple[KeyPath, str]]:
    """Check the keys of ``dataset`` against each other.

    Args:
        dataset: As the recipe has it.
        needs_source: Whether it must say where the rows come from.

    Yields:
        The path of a key, and its problem.
    """
    if isinstance(dataset, dict):
        given = [key for key in SOURCES if dataset.get(key) is not None]
        yield from _check_source(dataset, given, needs_source)
        yield from _check_usable(dataset, given)
        yield from _check_indicator(dataset)
        for key, value in _NOT_OF_SERIES.items() if dataset.get("timeseries") else ():
            if dataset.get(key) == value:
                message = "timeseries keeps every row in its order, and in memory. Remove this key."
                yield ("dataset", key), message
        yield from _check_split(dataset)


def find_unusable(
    written: Mapping[str, Any], kind: DataKind, received: str
) -> Iterator[tuple[str, str]]:
    """Find keys that do not apply to data of a kind.

    Args:
        written: The keys of ``dataset`` that the recipe has, without defaults.
        kind: The kind of the data.
        received: The same in words.

    Yields:
        A key, and its problem.
    """
    for key, value in written.items():
        # missing: error needs nothing of the data.
        users, kinds = _USERS.get(key, ("", (kind,)))
        if value and value != "error" and kind not in kinds:
            yield key, f"{key} is for {users} (received: {received}). Remove it."


def find_table_kind(ending: str) -> DataKind:
    """The kind of a table's file by its ending."""
    return "delimited" if ending in DELIMITED else "excel" if ending in EXCEL else "table"


def _check_source(
    dataset: dict[str, Any], given: list[str], needs_source: bool
) -> Iterator[tuple[KeyPath, str]]:
    is_misspelt = any(find_meant(str(key), SOURCES) for key in dataset if key not in SOURCES)
    if needs_source and not given and not is_misspelt:
        message = (
            "dataset needs one of the keys name, path, openml and sklearn: such as "
            "{name: fashion_mnist} or {path: houses.csv, target: price}."
        )
        yield ("dataset",), message
    for key in given[1:]:
        received = f"(received: {' and '.join(given)})"
        yield ("dataset", key), f"The rows come from one place {received}. Keep one of these."
    for key in dataset if given == ["name"] else ():
        if key in _NOT_BUILT_IN and dataset[key] and (key, dataset[key]) != _AUTOENCODER:
            message = f"{key} is for data of your own; {dataset['name']} has its own. Remove it."
            yield ("dataset", key), message
    name = dataset.get("name")
    for key in ID_KEYS if not find_meant(str(name), ID_DATASETS) else ():
        if dataset.get(key) is not None:
            message = f"{key} is for the built-in texts {' and '.join(ID_DATASETS)}. Remove it."
            yield ("dataset", key), message
    if name in ID_DATASETS and dataset.get("maxlen") is None:
        message = f"The texts of {name} differ in length, and need one. Write maxlen: 100."
        yield ("dataset", "name"), message


def _check_split(dataset: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Check the keys that decide which part a row belongs to."""
    for key, others in _APART.items():
        for other in filter(dataset.get, others) if dataset.get(key) else ():
            yield ("dataset", key), f"{key} cannot be combined with {other}. Remove one of them."
    for key in ("stratify", "group") if dataset.get("shuffle") is False else ():
        if dataset.get(key):
            message = f"{key} needs rows chosen at random. Remove it, or shuffle: false."
            yield ("dataset", key), message
    fold, folds = dataset.get("fold", 1), dataset.get("folds")
    if isinstance(fold, int) and fold > (folds if isinstance(folds, int) else 1):
        yield ("dataset", "fold"), f"fold is 1 to folds (received: {fold} of {folds or 0}). Fix it."


def _check_usable(dataset: dict[str, Any], given: list[str]) -> Iterator[tuple[KeyPath, str]]:
    """Check the path before the data are opened; folders have no ending to check."""
    if len(given) != 1 or given == ["name"]:
        return
    source = dataset[given[0]]
    ending = find_ending(PurePath(str(source))) if given == ["path"] else ""
    # Arrays may be the columns of a table: reading them shows that.
    if given != ["path"] or ending in (*TABLES, *ARRAYS):
        kind = find_table_kind(ending)
        for key, message in find_unusable(dataset, kind, f"{given[0]}={source}"):
            yield ("dataset", key), message


def _check_indicator(dataset: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    missing = dataset.get("missing", "error")
    is_asked = dataset.get("missing_indicator") is True and dataset.get("name") is None
    if is_asked and missing in ("error", "drop"):
        message = (
            "It marks the values that were filled in, and none is filled in (received: "
            f"missing={missing}). Set missing: median, or remove it."
        )
        yield ("dataset", "missing_indicator"), message
