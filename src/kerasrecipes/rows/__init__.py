"""Rows from wherever a user has them: for training, and for a trained model.

``open_rows`` is the only entrance. It never imports TensorFlow, but to download.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.dataset_rules import SOURCES
from kerasrecipes.recipe.endings import has_arrays
from kerasrecipes.recipe.rules import LossKind, find_loss_kind
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.rows.arrays import Arrays, load_arrays
from kerasrecipes.rows.builtin import BuiltIn
from kerasrecipes.rows.checks import check_dataset, check_keys
from kerasrecipes.rows.compatibility import check_compatibility
from kerasrecipes.rows.dataset import Dataset, Part
from kerasrecipes.rows.files import TableFile, find_kind, open_stream, open_table_file
from kerasrecipes.rows.files.frames import TableInMemory, is_frame, read_frame
from kerasrecipes.rows.images import Images, find_images
from kerasrecipes.rows.keras_cache import Say, say_nothing
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.rows import Piece, Rows, Schema
from kerasrecipes.rows.splits import split_source
from kerasrecipes.rows.table import Table

__all__ = [
    "STANDARD_INPUT",
    "Column",
    "Dataset",
    "Part",
    "Piece",
    "Rows",
    "Schema",
    "load_dataset",
    "load_for",
    "name_dataset",
    "open_rows",
]

STANDARD_INPUT = "-"


def load_for(recipe: Recipe, say: Say = say_nothing, data: Any = None) -> Dataset:
    """Load a recipe's data, and check recipe and data against each other.

    Args:
        recipe: A checked recipe.
        say: Takes lines about what is being looked for or downloaded.
        data: Rows on hand, in place of those that the recipe names; see ``open_rows``.

    Raises:
        DataUnavailable: No source of the data answered.
        DataError: The data break a rule.
        RecipeError: Output layer, loss or class weights do not suit the target.
    """
    loss = {recipe.loss.name: recipe.loss.arguments}
    is_number = find_loss_kind(loss) is LossKind.NUMBERS
    hint: Task = "regression" if is_number else "classification"
    dataset = load_dataset(recipe.dataset, say, hint=hint, data=data)
    check_compatibility(recipe, dataset)
    return dataset


def load_dataset(
    spec: DatasetSpec, say: Say = say_nothing, *, hint: Task | None = None, data: Any = None
) -> Dataset:
    """Load, split and check the data set that a recipe asks for.

    Args:
        spec: The recipe's ``dataset``.
        say: Takes lines about what is being looked for or downloaded.
        hint: What the recipe's loss asks for, where the target's values could be either.
        data: Rows on hand, in place of those that ``spec`` names; see ``open_rows``.

    Returns:
        The parts "train", and "validation" and "test" where rows are held out.

    Raises:
        DataUnavailable: The data are not on this machine and could not be downloaded.
        DataError: The data break a rule, or the recipe asks for what they do not have.
    """
    rows = open_rows(data, spec, say)
    source = rows.load(spec, hint)
    if source.columns:  # what is dropped from a table was never read
        spec = spec.model_copy(update={"drop": []})
    fills_missing = spec.missing in ("median", "mean", "most_frequent")
    return check_dataset(split_source(rows.name, source, spec), fills_missing)


def name_dataset(spec: DatasetSpec) -> str:
    """What a data set is called in messages and reports."""
    given = spec.name or spec.openml or spec.sklearn or (spec.path and Path(spec.path).name)
    return str(given or "data")


def open_rows(data: Any, spec: DatasetSpec, say: Say = say_nothing) -> Rows:
    """Open rows, wherever they are.

    Args:
        data: A DataFrame of pandas or Polars; an array; the path of a table's file, of several
            ("data/*.csv"), of arrays, of an image or a folder of images; "-", which is standard
            input, or an open binary file, of CSV or JSON lines. None means what ``spec`` names.
        spec: The recipe's ``dataset``.
        say: Takes lines about what is being looked for or downloaded.

    Raises:
        DataError: There is no such file, or it is of no kind that can be read.
        InputError: ``data`` is something else.
    """
    if data is None:
        return _open_named(spec, say)
    if isinstance(data, Path):
        data = str(data)
    if isinstance(data, io.TextIOBase):
        kind = type(data).__name__
        remedy = "Open it with open(path, 'rb'), or give its path."
        raise InputError(f"An open file must give bytes, not text (received: {kind}). {remedy}")
    if data == STANDARD_INPUT if isinstance(data, str) else hasattr(data, "read"):
        return _open_stream(sys.stdin.buffer if isinstance(data, str) else data)
    if isinstance(data, str):
        return _open_path(Path(data).expanduser().absolute(), spec)
    if isinstance(data, np.ndarray):
        return Arrays({"": data}, "array", "an array")
    if is_frame(data):
        if all(getattr(spec, key) is None for key in SOURCES):
            # csv has a use all the same: predict reads files with this recipe.
            check_keys(spec, "DataFrame", "delimited", "a DataFrame")
        return _open_frame(data)
    kind = type(data).__name__
    hint = " For one row, write data.to_frame().T." if kind == "Series" else ""
    raise InputError(f"Rows are a DataFrame, an array or a file (received: {kind}).{hint}")


def _open_named(spec: DatasetSpec, say: Say) -> Rows:
    """What a recipe names."""
    if spec.name is not None:
        return BuiltIn(spec.name, say)
    if spec.path is not None:
        return _open_path(Path(spec.path), spec)
    if spec.openml is not None or spec.sklearn is not None:
        from kerasrecipes.rows import remote

        load = remote.load_openml if spec.openml is not None else remote.load_sklearn
        table, target = load(spec, say)
        origin = "openml.org, through scikit-learn" if spec.openml else "scikit-learn"
        return _open_table(table, name_dataset(spec), origin, target)
    problem = "it has no source. Give it name, path, openml or sklearn, or data to train on."
    raise DataError("data", [problem])


def _open_path(path: Path, spec: DatasetSpec) -> Rows:
    if images := find_images(str(path)):
        return Images(images, path.name)
    if has_arrays(path):
        return load_arrays(path)
    check_keys(spec, path.name, find_kind(str(path)), path.name)

    def open_file(spec: DatasetSpec, wanted: Sequence[str] | None) -> TableFile:
        return open_table_file(str(path), spec, wanted)

    return Table(open_file, path.name, str(path))


def _open_stream(stream: BinaryIO) -> Table:
    name = "standard input" if stream is sys.stdin.buffer else "the stream"
    return Table(lambda spec, wanted: open_stream(stream, spec, wanted), name, name)


def _open_frame(frame: Any) -> Table:
    return _open_table(read_frame(frame), "DataFrame", "a DataFrame")


def _open_table(table: Any, name: str, origin: str, target: str | None = None) -> Table:
    return Table(lambda spec, wanted: TableInMemory(table, spec, name), name, origin, target)
