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
_APART = {
    "timeseries": ("shuffle: true", "stratify", "missing: drop", "stream", "group", "split"),
    "split": ("group", "time"),
    "stratify": ("time", "shuffle: false"),
    "group": ("shuffle: false",),
}
"""Settings that choose, order or keep rows in different ways."""
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


def check_dataset_keys(dataset: Any, needs_source: bool) -> Iterator[tuple[KeyPath, str]]:
    """Check the keys of ``dataset``, as the recipe has it, against each other."""
    if not isinstance(dataset, dict):
        return
    given = [key for key in SOURCES if dataset.get(key) is not None]
    is_misspelt = any(find_meant(str(key), SOURCES) for key in dataset if key not in SOURCES)
    if needs_source and not given and not is_misspelt:
        rule = "dataset needs one of the keys name, path, openml and sklearn: such as "
        yield ("dataset",), f"{rule}{{name: fashion_mnist}} or {{path: houses.csv, target: price}}."
    for key, message in _find_misfits(dataset, given):
        yield ("dataset", key), message


def _find_misfits(dataset: dict[str, Any], given: list[str]) -> Iterator[tuple[str, str]]:
    """Find keys that do not fit the source, as far as it shows before it is opened, or others."""
    name, path = dataset.get("name"), PurePath(str(dataset.get("path")))
    for key in given[1:]:
        received = f"(received: {' and '.join(given)})"
        yield key, f"The rows come from one place {received}. Keep one of these."
    for key in ID_KEYS if not find_meant(str(name), ID_DATASETS) else ():
        if dataset.get(key) is not None:
            yield key, f"{key} is for the built-in texts {' and '.join(ID_DATASETS)}. Remove it."
    if name in ID_DATASETS and dataset.get("maxlen") is None:
        yield "name", f"The texts of {name} differ in length, and need one. Write maxlen: 100."
    if given == ["name"]:
        for key in dataset:
            if key in _NOT_BUILT_IN and dataset[key] and (key, dataset[key]) != _AUTOENCODER:
                yield key, f"{key} is for data of your own; {name} has its own. Remove it."
    # Folders have no ending; arrays may be the columns of a table, which reading them shows.
    elif len(given) == 1 and (given != ["path"] or find_ending(path) in (*TABLES, *ARRAYS)):
        kind = find_table_kind(find_ending(path) if given == ["path"] else "")
        yield from find_unusable(dataset, kind, f"{given[0]}={dataset[given[0]]}")
    for key, others in _APART.items():
        for other in others if dataset.get(key) else ():
            setting, _, value = other.partition(": ")
            if str(dataset.get(setting)).lower() == value if value else dataset.get(setting):
                yield setting, f"{other} cannot be combined with {key}. Remove one of them."
    fold, folds = dataset.get("fold", 1), dataset.get("folds")
    if isinstance(fold, int) and fold > (folds if isinstance(folds, int) else 1):
        yield "fold", f"fold is 1 to folds (received: {fold} of {folds or 0}). Fix it."


def find_unusable(
    written: Mapping[str, Any], kind: DataKind, received: str
) -> Iterator[tuple[str, str]]:
    """Find written keys that do not apply to data of a kind, which is ``received`` in words."""
    for key, value in written.items():
        # missing: error needs nothing of the data.
        users, kinds = _USERS.get(key, ("", (kind,)))
        if value and value != "error" and kind not in kinds:
            yield key, f"{key} is for {users} (received: {received}). Remove it."


def find_table_kind(ending: str) -> DataKind:
    """The kind of a table's file by its ending."""
    return "delimited" if ending in DELIMITED else "excel" if ending in EXCEL else "table"
