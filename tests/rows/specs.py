"""The keys of ``dataset``, read as a recipe reads them, and their rows."""

from __future__ import annotations

from typing import Any

from kerasrecipes.recipe.components import read_components
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import Document
from kerasrecipes.rows import Dataset, open_rows
from kerasrecipes.rows.splits import split_source


def read_spec(**keys: Any) -> DatasetSpec:
    """Read the keys of ``dataset``, features included, as from a recipe's file."""
    tree, problems = read_components(Document({"dataset": keys}))
    assert problems == []
    return DatasetSpec.model_validate(tree["dataset"])


def load_dataset(spec: DatasetSpec, data: Any = None) -> Dataset:
    """Load and split a data set without a recipe around it."""
    rows = open_rows(data, spec)
    return split_source(rows.name, rows.load(spec), spec)
