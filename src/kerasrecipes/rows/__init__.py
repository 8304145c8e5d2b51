"""Rows from wherever a user has them: for training, and for a trained model.

``open_rows`` is the only entrance. It never imports TensorFlow, but to download.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe import Component, Recipe
from kerasrecipes.recipe.endings import has_arrays
from kerasrecipes.recipe.rules import SOURCES, LossKind, find_loss_kind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.arrays import Arrays, load_arrays
from kerasrecipes.rows.builtin import load_builtin
from kerasrecipes.rows.compatibility import add_channel, check_compatibility, find_first_layer
from kerasrecipes.rows.dataset import Dataset, Part, Piece, ReadRows, Rows, Schema, check_keys
from kerasrecipes.rows.downloads import Say, say_nothing
from kerasrecipes.rows.files import TableFile, find_files, find_kind, open_stream, open_table_file
from kerasrecipes.rows.files.frames import is_frame, read_frame
from kerasrecipes.rows.files.raw import explain_damage
from kerasrecipes.rows.images import Images, find_images
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.splits import split_source
from kerasrecipes.rows.table import Table
from kerasrecipes.rows.texts import find_texts

__all__ = [
    "STANDARD_INPUT",
    "Column",
    "Dataset",
    "Part",
    "Piece",
    "ReadRows",
    "Rows",
    "Schema",
    "check_file",
    "load_dataset",
    "load_for",
    "open_rows",
    "read_for",
]

STANDARD_INPUT = "-"
_EVERY_TOKEN = 2**31 - 1


def load_for(
    recipe: Recipe, say: Say = say_nothing, data: Any = None, *, stream: bool | None = None
) -> Dataset:
    """Load a recipe's data, and check recipe and data against each other.

    Args:
        recipe: A checked recipe.
        say: Receives one line for each source that is tried, and for each download.
        data: Rows to read instead of those that the recipe names; see ``open_rows``.
        stream: Whether inputs stay on disk; None means as the recipe says.

    Raises:
        DataUnavailable: No source of the data answered.
        DataError: The data break a rule.
        RecipeError: Output layer, loss or class weights do not suit the target.
    """
    spec = _choose_place(recipe.dataset, stream)
    try:
        rows = _open_for(recipe, spec, say, data)
        source = rows.load(spec, find_loss_kind(recipe.loss))
        dataset = split_source(rows.name, source, spec)
    except DataError as error:
        raise recipe.locate_problems(error) from error
    check_compatibility(recipe, dataset)
    return add_channel(recipe, dataset, say)


def read_for(recipe: Recipe, data: Any = None, *, stream: bool | None = None) -> ReadRows:
    """Read a recipe's rows to send them: elsewhere they are the ``data`` of ``load_for``."""
    spec = _choose_place(recipe.dataset, stream)
    rows = _open_for(recipe, spec, say_nothing, data)
    return ReadRows(rows.name, rows.load(spec, find_loss_kind(recipe.loss)))


def _choose_place(spec: DatasetSpec, stream: bool | None) -> DatasetSpec:
    return spec if stream is None else spec.model_copy(update={"stream": stream})


def _open_for(recipe: Recipe, spec: DatasetSpec, say: Say, data: Any) -> Rows:
    rows = open_rows(data, spec, say)
    rows = rows.as_table() if isinstance(rows, Arrays) and rows.are_columns else rows
    if isinstance(rows, Table):
        rows.text = _find_text(recipe)
    return rows


def _find_text(recipe: Recipe) -> Component | None:
    """How a first layer ``TextVectorization`` takes columns of text, in the form of a feature.

    Where it has no ``max_tokens``, the next layer's ``input_dim`` bounds the vocabulary.
    """
    layer, first = recipe.layers[0], find_first_layer(recipe.layers)
    if layer.name != "TextVectorization" or not first:
        return None
    most = first[1].arguments.get("input_dim", _EVERY_TOKEN)
    defaults = {"max_tokens": most, "output_mode": "int"}
    return Component("features", "text", defaults | layer.arguments)


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


def load_dataset(
    spec: DatasetSpec, say: Say = say_nothing, *, hint: LossKind | None = None, data: Any = None
) -> Dataset:
    """Load and split a data set without a recipe around it; ``hint`` is what a loss requires."""
    rows = open_rows(data, spec, say)
    return split_source(rows.name, rows.load(spec, hint), spec)


def open_rows(data: Any, spec: DatasetSpec, say: Say = say_nothing) -> Rows:
    """Open rows, wherever they are.

    Args:
        data: A DataFrame of pandas or Polars; an array; the path of a table's file, of several
            ("data/*.csv"), of arrays, of an image or a folder of images; "-", which is standard
            input, or an open binary file, of CSV or JSON lines. None means what ``spec`` names.
        spec: The recipe's ``dataset``.
        say: As in ``load_for``.

    Raises:
        DataError: There is no such file, or it cannot be read.
        InputError: ``data`` is something else.
    """
    if isinstance(data, Rows):
        return data
    if data is None:
        return _open_named(spec, say)
    if isinstance(data, str) and data == STANDARD_INPUT:
        data = sys.stdin.buffer
    if isinstance(data, str | Path):
        return _open_path(Path(os.path.expanduser(data)).absolute(), spec)
    if hasattr(data, "read") and not isinstance(data, io.TextIOBase):
        name = "standard input" if data is sys.stdin.buffer else "the stream"
        return Table(lambda spec, wanted: open_stream(data, spec, wanted), name, name)
    if isinstance(data, np.ndarray):
        return Arrays({"": data}, "array", "an array")
    if is_frame(data):
        if all(getattr(spec, key) is None for key in SOURCES):
            # csv is allowed: predict reads files with this recipe.
            check_keys(spec, "DataFrame", "delimited", "a DataFrame")
        return Table.hold(read_frame(data), "DataFrame", "a DataFrame")
    kind = type(data).__name__
    raise InputError(f"Rows are a DataFrame, an array or a file of bytes (received: {kind}).")


def _open_named(spec: DatasetSpec, say: Say) -> Rows:
    """Open the rows that a recipe names."""
    if spec.name is not None:
        return ReadRows(spec.name, load_builtin(spec, say))
    if spec.path is not None:
        return _open_path(Path(spec.path), spec)
    if spec.openml is not None or spec.sklearn is not None:
        from kerasrecipes.rows import remote

        load = remote.load_openml if spec.openml is not None else remote.load_sklearn
        table, target = load(spec)
        origin = "openml.org, through scikit-learn" if spec.openml else "scikit-learn"
        return Table.hold(table, str(spec.openml or spec.sklearn), origin, target)
    problem = "it has no source. Give it name, path, openml or sklearn, or data to train on."
    raise DataError("data", [problem])


def _open_path(path: Path, spec: DatasetSpec) -> Rows:
    with explain_damage(path.name):
        if texts := find_texts(path, spec.path):
            check_keys(spec, path.name, "table", "a folder of texts")
            return texts
        images = find_images(str(path))
    if images:
        return Images(images, path.name)
    if has_arrays(path):
        return load_arrays(path, spec.stream)
    check_keys(spec, path.name, find_kind(str(path)), path.name)

    def open_file(spec: DatasetSpec, wanted: Sequence[str] | None) -> TableFile:
        return open_table_file(str(path), spec, wanted)

    return Table(open_file, path.name, str(path))
