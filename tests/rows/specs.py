"""The keys of ``dataset``, read as a recipe reads them."""

from __future__ import annotations

from typing import Any

from kerasrecipes.recipe.components import read_components
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import Document


def read_spec(**keys: Any) -> DatasetSpec:
    """Read the keys of ``dataset``, features included, as from a recipe's file."""
    tree, problems = read_components(Document({"dataset": keys}))
    assert problems == []
    return DatasetSpec.model_validate(tree["dataset"])
