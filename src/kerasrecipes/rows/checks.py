"""Checks of a recipe's keys after the kind of its data is found."""

from __future__ import annotations

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.dataset_rules import DataKind, find_unusable
from kerasrecipes.recipe.schema import DatasetSpec


def check_keys(spec: DatasetSpec, dataset: str, kind: DataKind, received: str) -> None:
    """Check that a recipe sets only keys that apply to its kind of data.

    Args:
        spec: The recipe's ``dataset``.
        dataset: The data set's name, for messages.
        kind: The kind of the data.
        received: The same in words.

    Raises:
        DataError: A key has no use; it lists all of them.
    """
    written = spec.model_dump(exclude_unset=True)
    problems = [message for _, message in find_unusable(written, kind, received)]
    if problems:
        raise DataError(dataset, problems)
