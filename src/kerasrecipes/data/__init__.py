"""From a recipe's ``dataset`` to rows that train, validate and test; never imports TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.builtin import load_source
from kerasrecipes.data.checks import check_dataset, check_keys
from kerasrecipes.data.compatibility import check_compatibility
from kerasrecipes.data.dataset import Column, Dataset, Part, Source
from kerasrecipes.data.keras_cache import Say, say_nothing
from kerasrecipes.data.splits import split_source
from kerasrecipes.errors import DataError
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.dataset_rules import SOURCES, DataKind
from kerasrecipes.recipe.endings import has_arrays
from kerasrecipes.recipe.rules import LossKind, find_loss_kind
from kerasrecipes.recipe.schema import DatasetSpec, Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Column", "Dataset", "Part", "load_dataset", "load_for", "name_dataset"]


def load_for(recipe: Recipe, say: Say = say_nothing, data: pd.DataFrame | None = None) -> Dataset:
    """Load a recipe's data, and check recipe and data against each other.

    Args:
        recipe: A checked recipe.
        say: Told line by line what is being looked for or downloaded.
        data: Rows on hand, in place of those that the recipe names.

    Raises:
        DataUnavailable: The data could not be had.
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
    spec: DatasetSpec,
    say: Say = say_nothing,
    *,
    hint: Task | None = None,
    data: pd.DataFrame | None = None,
) -> Dataset:
    """Load, split and check the data set that a recipe asks for.

    Args:
        spec: The recipe's ``dataset``.
        say: Told line by line what is being looked for or downloaded.
        hint: What a target of whole numbers is taken for where ``spec`` does not say.
        data: Rows on hand, in place of those that ``spec`` names.

    Returns:
        The parts "train", and "validation" and "test" where rows are held out.

    Raises:
        DataUnavailable: The data are not on this machine and could not be downloaded.
        DataError: The data break a rule, or the recipe asks for what they do not have.
    """
    name = name_dataset(spec) if data is None else "DataFrame"
    if data is None and spec.name is not None:
        source = _read_features(load_source(spec.name, say), spec)
    else:
        source = _load_own(spec, name, hint, data, say)
        if source.columns:  # what is dropped from a table was never read
            spec = spec.model_copy(update={"drop": []})
    fills_missing = spec.missing in ("median", "mean", "most_frequent")
    return check_dataset(split_source(name, source, spec), fills_missing)


def name_dataset(spec: DatasetSpec) -> str:
    """What a data set is called in messages and reports."""
    given = spec.name or spec.openml or spec.sklearn or (spec.path and Path(spec.path).name)
    return str(given or "data")


def _load_own(
    spec: DatasetSpec, name: str, hint: Task | None, data: pd.DataFrame | None, say: Say
) -> Source:
    """Load data that are the user's own, or another collection's."""
    from kerasrecipes.data import arrays, files, images, remote
    from kerasrecipes.data.frames import read_frame
    from kerasrecipes.data.table import make_source

    # A table is handed on without a name, so that each column can be let go once it was read.
    if data is not None:
        if all(getattr(spec, key) is None for key in SOURCES):
            # csv has a use all the same: predict reads files with this recipe.
            check_keys(spec, name, "delimited", "a DataFrame")
        rows = files.mark_missing(read_frame(data), spec)
        return make_source(rows, spec, name, "a DataFrame", hint)
    if spec.openml is not None or spec.sklearn is not None:
        load = remote.load_openml if spec.openml is not None else remote.load_sklearn
        rows, target = load(spec, say)
        origin = "openml.org, through scikit-learn" if spec.openml else "scikit-learn"
        return make_source(files.mark_missing(rows, spec), spec, name, origin, hint, target)
    if spec.path is None:
        problem = "it has no source. Give it name, path, openml or sklearn, or data to train on."
        raise DataError(name, [problem])
    if Path(spec.path).is_dir():
        check_keys(spec, name, "images", "a folder of images")
        return images.load_image_folder(spec.path, spec)
    if has_arrays(Path(spec.path)):
        loaded = arrays.read_arrays(spec.path, spec, hint)
        if isinstance(loaded, Source):
            _check_array_keys(np.asarray(loaded.inputs), spec)
            return loaded
        return make_source(files.mark_missing(loaded, spec), spec, name, spec.path, hint)
    kind: DataKind = "delimited" if files.has_delimited(spec.path) else "table"
    check_keys(spec, name, kind, name)
    return make_source(files.read_table(spec.path, spec), spec, name, spec.path, hint)


def _check_array_keys(inputs: NDArray[Any], spec: DatasetSpec) -> None:
    check_keys(spec, name_dataset(spec), "arrays", f"arrays of shape {inputs.shape[1:]}")


def _read_features(source: Source, spec: DatasetSpec) -> Source:
    """A built-in table, with ``features`` and ``crosses`` as the recipe has them."""
    if not isinstance(source.inputs, dict):
        _check_array_keys(source.inputs, spec)
        return source
    if not (spec.features or spec.crosses):
        return source
    import pyarrow as pa

    from kerasrecipes.data.columns import check_names, infer_columns, read_columns

    name = name_dataset(spec)
    rows = pa.table(source.inputs)
    if problems := [*check_names(rows.column_names, spec, ())]:
        raise DataError(name, problems)
    # Columns that are dropped are dropped later, and named as this table's own.
    undropped = spec.model_copy(update={"drop": []})
    columns, left_out = infer_columns(rows, undropped, (), name)
    inputs = read_columns(rows, columns, name)
    return replace(source, inputs=inputs, columns=columns, left_out=left_out)
