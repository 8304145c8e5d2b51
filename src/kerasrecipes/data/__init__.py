"""From a recipe's ``dataset`` to rows that train, validate and test. Imports NumPy, no more."""

from __future__ import annotations

from kerasrecipes.data.builtin import load_source
from kerasrecipes.data.checks import check_dataset
from kerasrecipes.data.dataset import Dataset, Part
from kerasrecipes.data.keras_cache import Say, say_nothing
from kerasrecipes.data.splits import split_source
from kerasrecipes.recipe.schema import DatasetSpec

__all__ = ["Dataset", "Part", "load_dataset"]


def load_dataset(spec: DatasetSpec, say: Say = say_nothing) -> Dataset:
    """Load, split and check the data set that a recipe asks for.

    Args:
        spec: The recipe's ``dataset``.
        say: Told line by line what is being looked for or downloaded.

    Returns:
        The parts "train", and "validation" and "test" where rows are held out.

    Raises:
        DataUnavailable: The data are not on this machine and could not be downloaded.
        DataError: The data break a rule, or the recipe asks for what they do not have.
    """
    return check_dataset(split_source(spec.name, load_source(spec, say), spec))
