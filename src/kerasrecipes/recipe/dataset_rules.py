"""Rules of ``dataset`` that no single key shows: where the rows come from, what columns become."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Literal

from kerasrecipes.errors import KeyPath, Problem
from kerasrecipes.recipe.components import split_component
from kerasrecipes.recipe.endings import ARRAYS, DELIMITED, EXCEL, TABLES, find_ending
from kerasrecipes.recipe.schema import FEATURES
from kerasrecipes.recipe.suggest import find_meant, suggest
from kerasrecipes.recipe.yaml_file import Document, write_value

SOURCES = ("name", "path", "openml", "sklearn")
_OWN_KEYS = (
    *("target", "task", "missing", "missing_indicator", "missing_values", "csv", "excel"),
    *("image_size", "color_mode"),
)
"""What only rows need that come without their own meaning."""

DataKind = Literal["delimited", "excel", "table", "arrays", "images"]
_IMAGE_KEYS = ("image_size", "color_mode")
_TABLE_KEYS = ("features", "crosses", "missing", "missing_indicator", "missing_values")
_TEXTS = {"format": "%d/%m/%Y", "unit": "kg"}
_USERS = {
    "csv": "delimited text such as CSV files",
    "excel": "Excel files",
    "target": "tables and arrays",
    **dict.fromkeys(_IMAGE_KEYS, "folders of images"),
    **dict.fromkeys(_TABLE_KEYS, "tables"),
}
_UNUSABLE: dict[DataKind, tuple[str, ...]] = {
    "delimited": ("excel", *_IMAGE_KEYS),
    "excel": ("csv", *_IMAGE_KEYS),
    "table": ("csv", "excel", *_IMAGE_KEYS),
    "arrays": ("csv", "excel", *_IMAGE_KEYS, *_TABLE_KEYS),
    "images": ("csv", "excel", "target", *_TABLE_KEYS),
}


def check_dataset_keys(document: Document, needs_source: bool = True) -> list[Problem]:
    """Check the keys of ``dataset`` against each other.

    Args:
        document: A whole recipe.
        needs_source: Whether ``dataset`` must say where the rows come from.
    """
    dataset = document.value.get("dataset")
    if not isinstance(dataset, dict):
        return []
    found = [
        *_check_source(dataset, needs_source),
        *_check_usable(dataset),
        *_check_indicator(dataset),
        *_check_features(dataset),
    ]
    return [Problem(path, message, document.locate(path)) for path, message in found]


def find_unusable(
    written: Mapping[str, Any], kind: DataKind, received: str
) -> Iterator[tuple[str, str]]:
    """Find keys that ask for what data of a kind cannot do.

    Args:
        written: The keys of ``dataset`` that the recipe has, without defaults.
        kind: What the data are.
        received: The same in words.

    Yields:
        A key, and what is wrong with it.
    """
    for key, value in written.items():
        # missing: error asks for nothing.
        if value and value != "error" and key in _UNUSABLE[kind]:
            yield key, f"{key} is for {_USERS[key]} (received: {received}). Remove it."


def find_table_kind(ending: str) -> DataKind:
    """The kind of a table's file by its ending."""
    return "delimited" if ending in DELIMITED else "excel" if ending in EXCEL else "table"


def _check_source(dataset: dict[str, Any], needs_source: bool) -> Iterator[tuple[KeyPath, str]]:
    given = [key for key in SOURCES if dataset.get(key) is not None]
    is_misspelt = any(find_meant(str(key), SOURCES) for key in dataset if key not in SOURCES)
    if needs_source and not given and not is_misspelt:
        yield (
            ("dataset",),
            (
                "dataset needs one of the keys name, path, openml and sklearn: such as "
                "{name: fashion_mnist} or {path: houses.csv, target: price}."
            ),
        )
    for key in given[1:]:
        yield (
            ("dataset", key),
            f"The rows come from one place (received: {' and '.join(given)}). Keep one of these.",
        )
    if given == ["name"]:
        for key in _OWN_KEYS:
            if dataset.get(key):
                yield (
                    ("dataset", key),
                    f"{key} is for data of one's own; {dataset['name']} has its own. Remove it.",
                )


def _check_usable(dataset: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """What can be told before the data are looked at: a folder has no ending that says so."""
    given = [key for key in SOURCES if dataset.get(key) is not None]
    if len(given) != 1 or given == ["name"]:
        return
    source = dataset[given[0]]
    ending = find_ending(PurePath(str(source))) if given == ["path"] else ""
    if given == ["path"] and ending not in (*TABLES, *ARRAYS):
        return
    # Arrays may be the columns of a table: reading them shows that.
    kind = find_table_kind(ending)
    for key, message in find_unusable(dataset, kind, f"{given[0]}={source}"):
        yield ("dataset", key), message


def _check_indicator(dataset: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    missing = dataset.get("missing", "error")
    is_asked = dataset.get("missing_indicator") is True and dataset.get("name") is None
    if is_asked and missing in ("error", "drop"):
        yield (
            ("dataset", "missing_indicator"),
            "It tells the model which values were filled in, and none is (received: "
            f"missing={missing}). Set missing: median, or remove it.",
        )


def _check_features(dataset: dict[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    features = dataset.get("features")
    for column, written in features.items() if isinstance(features, dict) else ():
        path: KeyPath = ("dataset", "features", column)
        component = split_component(written)
        if component is None:
            example = "such as string_categorical or {string_hashed: {num_bins: 32}}"
            yield path, f"A feature is a word, {example} (received: {write_value(written)})."
            continue
        word, arguments = component
        if word not in FEATURES:
            yield path, f"There is no feature '{word}'. {suggest(word, FEATURES)}"
            continue
        for argument, value in arguments.items():
            here: KeyPath = (*path, word, argument)
            default = FEATURES[word].get(argument)
            received = f"(received: {argument}={write_value(value)})"
            if argument not in FEATURES[word]:
                remedy = suggest(str(argument), FEATURES[word]) or "It takes none."
                yield here, f"{word} has no argument '{argument}' {received}. {remedy}"
            elif argument in _TEXTS and not isinstance(value, str):
                yield here, f"{argument} must be text such as '{_TEXTS[argument]}' {received}."
            elif argument == "decimal" and value not in (".", ","):
                yield here, f"decimal must be '.' or ',' {received}."
            elif argument == "thousands" and not (isinstance(value, str) and len(value) == 1):
                yield here, f"thousands must be one character, such as ',' {received}."
            elif argument == "thousands" and value == arguments.get("decimal", "."):
                remedy = f"Write decimal: '{',' if value == '.' else '.'}'."
                yield here, f"thousands and decimal must differ {received}. {remedy}"
            elif isinstance(default, int) and not (type(value) is int and value >= 2):
                yield here, f"{argument} must be a whole number of 2 or more {received}."
            elif isinstance(default, float) and not _is_number(value):
                yield here, f"{argument} must be a number {received}."
            elif argument == "scale" and not value:
                yield here, f"scale must not be 0: every value would become the same {received}."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
