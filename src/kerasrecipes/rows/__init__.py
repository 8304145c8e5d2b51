"""Rows from wherever a user has them: for training, and for a trained model.

``open_rows`` is the only entrance. It never imports TensorFlow, but to download.
"""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.endings import has_arrays
from kerasrecipes.recipe.rules import SOURCES, find_loss_kind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.arrays import Arrays, load_arrays
from kerasrecipes.rows.builtin import load_builtin, load_by_sklearn
from kerasrecipes.rows.compatibility import add_channel, check_compatibility, find_first_layer
from kerasrecipes.rows.dataset import Dataset, Part, Piece, Rows, Schema, Source, check_keys
from kerasrecipes.rows.downloads import Say, say_nothing
from kerasrecipes.rows.files import find_files, find_kind, open_stream, open_table_file
from kerasrecipes.rows.files.base import is_frame, read_frame
from kerasrecipes.rows.files.raw import explain_damage
from kerasrecipes.rows.images import Images, find_images
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.splits import split_source
from kerasrecipes.rows.table import Table
from kerasrecipes.rows.texts import find_texts

__all__ = [
    "Column",
    "Dataset",
    "Part",
    "Piece",
    "Rows",
    "Schema",
    "check_file",
    "load_for",
    "open_rows",
    "read_for",
]

_EVERY_TOKEN = 2**31 - 1


def load_for(
    recipe: Recipe, say: Say = say_nothing, data: Any = None, *, stream: bool | None = None
) -> Dataset:
    """Load a recipe's data, and check recipe and data against each other.

    ``say`` receives one line for each source that is tried, and for each download; ``data`` are
    rows to read instead, see ``open_rows``; ``stream`` says whether inputs stay on disk.
    """
    try:
        source = read_for(recipe, data, stream=stream, say=say)
        dataset = split_source(source.name, source, recipe.dataset)
    except DataError as error:
        raise recipe.locate_problems(error) from error
    check_compatibility(recipe, dataset)
    return add_channel(recipe, dataset, say)


def read_for(
    recipe: Recipe, data: Any = None, *, stream: bool | None = None, say: Say = say_nothing
) -> Source:
    """Read a recipe's rows; sent elsewhere, they are the ``data`` of ``load_for``."""
    spec = recipe.dataset
    spec = spec if stream is None else spec.model_copy(update={"stream": stream})
    rows = open_rows(data, spec, say)
    rows = rows.as_table() if isinstance(rows, Arrays) and rows.are_columns else rows
    first = recipe.layers[0]
    if isinstance(rows, Table) and first.name == "TextVectorization":
        # It may have no max_tokens; the next layer's input_dim bounds the vocabulary then.
        most = find_first_layer(recipe)[1].arguments.get("input_dim", _EVERY_TOKEN)
        defaults = {"max_tokens": most, "output_mode": "int"}
        rows.text = Component("features", "text", defaults | first.arguments)
    return replace(rows.load(spec, find_loss_kind(recipe.loss)), name=rows.name)


def check_file(recipe: Recipe) -> None:
    """Check that a recipe's file exists and has the columns that it names; no row is read."""
    spec = recipe.dataset
    if spec.path is None:
        return
    try:
        if has_arrays(Path(spec.path)):
            find_files(spec.path)
        elif isinstance(rows := _open_path(Path(spec.path), spec), Table):
            rows.check_names(spec)
    except DataError as error:
        raise recipe.locate_problems(error) from error


def open_rows(data: Any, spec: DatasetSpec, say: Say = say_nothing) -> Rows:
    """Open rows, wherever they are: what ``spec`` names, or else ``data``.

    These are a DataFrame of pandas or Polars; an array; the path of a table's file, of several
    ("data/*.csv"), of arrays, of an image or a folder of images; "-", which is standard input, or
    an open binary file, of CSV or JSON lines.
    """
    if isinstance(data, Rows):
        return data
    if data is None:
        return _open_named(spec, say)
    data = sys.stdin.buffer if isinstance(data, str) and data == "-" else data
    if isinstance(data, str | Path):
        return _open_path(Path(os.path.expanduser(data)).absolute(), spec)
    if hasattr(data, "read") and not isinstance(data, io.TextIOBase):
        name = "standard input" if data is sys.stdin.buffer else "the stream"
        return Table(partial(open_stream, data, name), name, name)
    if isinstance(data, np.ndarray):
        return Arrays({"": data}, "array", "an array")
    if is_frame(data):
        if all(getattr(spec, key) is None for key in SOURCES):
            # csv is allowed: predict reads files with this recipe.
            check_keys(spec, "DataFrame", "delimited", "a DataFrame")
        return Table.hold(read_frame(data), "DataFrame", "a DataFrame")
    kind = type(data).__name__
    raise InputError(
        f"Rows are a DataFrame, an array, a path or a file of bytes (received: {kind}). Make a "
        "DataFrame of them (of one row: pandas.DataFrame([row]))."
    )


def _open_named(spec: DatasetSpec, say: Say) -> Rows:
    if spec.name is not None:
        return replace(load_builtin(spec, say), name=spec.name)
    if spec.path is not None:
        return _open_path(Path(spec.path), spec)
    if spec.openml is not None or spec.sklearn is not None:
        table, target = load_by_sklearn(spec)
        origin = "openml.org, through scikit-learn" if spec.openml else "scikit-learn"
        return Table.hold(table, str(spec.openml or spec.sklearn), origin, target)
    problem = "it has no source. Give it name, path, openml or sklearn, or data to train on."
    raise DataError("data", [problem])


def _open_path(path: Path, spec: DatasetSpec) -> Rows:
    name, file = path.name, str(path)
    with explain_damage(name):
        if texts := find_texts(path, spec.path):
            check_keys(spec, name, "table", "a folder of texts")
            return texts
        if images := find_images(file):
            return Images(images, name)
    if has_arrays(path):
        return load_arrays(path, spec.stream)
    check_keys(spec, name, find_kind(file), name)
    return Table(partial(open_table_file, file), name, file)
