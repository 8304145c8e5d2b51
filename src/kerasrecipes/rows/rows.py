"""The interface of all kinds of rows, and what prediction needs from training to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import InputError
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import Inputs, Source, Weights
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.target import Target

ColorMode = Literal["rgb", "grayscale"]


@dataclass(frozen=True)
class Schema:
    """Inputs and target of a trained model; other rows are read accordingly.

    Attributes:
        columns: A table's columns; empty for arrays and images.
        target: The target, with a column for each name.
        shape: Of one row of an array.
        spec: The recipe's ``dataset``.
    """

    columns: tuple[Column, ...]
    target: Target
    shape: tuple[int, ...]
    spec: DatasetSpec

    @property
    def is_table(self) -> bool:
        """Whether the data are named columns rather than one array."""
        return bool(self.columns)

    @property
    def image_form(self) -> tuple[int, int, ColorMode]:
        """Height, width and colours of the images that the model takes; no height for others."""
        if len(self.shape) == 3 and self.shape[2] in (1, 3):
            return self.shape[0], self.shape[1], "rgb" if self.shape[2] == 3 else "grayscale"
        if len(self.shape) == 2:
            return self.shape[0], self.shape[1], "grayscale"
        return 0, 0, "grayscale"

    @property
    def takes(self) -> str:
        """Its inputs, in words: "the columns x, y", "images or arrays of shape (8, 8)"."""
        if self.is_table:
            return f"the columns {', '.join(column.name for column in self.columns)}"
        images = "images or " if self.image_form[0] else ""
        return f"{images}arrays of shape {self.shape}"


@dataclass(frozen=True)
class Piece:
    """Some rows, in the form that a trained model takes.

    Attributes:
        inputs: The rows.
        rows: Each one's number, counted from 0 over all pieces.
        values: The target's values, where they are read, as ``Source.target``.
        beside: Columns to copy to the predictions, by name.
        warnings: Changes to the rows.
        left_out: How many rows are left out, by the reason: "target price is missing".
        weights: How much each row counts, where that is read.
        times: Of the rows of a series, where the table has its column ``time``.
    """

    inputs: Inputs
    rows: NDArray[np.int64]
    values: NDArray[Any] | None = None
    beside: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    weights: Weights | None = None
    times: NDArray[Any] | None = None


class Rows(ABC):
    """The user's rows: a table, arrays, images or a built-in data set.

    Attributes:
        name: Their name in messages and reports.
    """

    name: str

    @abstractmethod
    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        """Read every row, for training.

        Args:
            spec: The recipe's ``dataset``.
            hint: What the recipe's loss requires.

        Raises:
            DataError: The recipe and the rows do not fit; it lists everything.
        """

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        """Read rows for a trained model, a bounded number at once.

        Args:
            schema: The inputs and target found in training.
            ids: Columns of a table to copy to the predictions.
            with_target: Whether to read the target too; rows without one are left out.

        Raises:
            DataError: Rows lack columns, or contain values that the model does not accept.
            InputError: These rows are for training only.
        """
        raise InputError(f"{self.name} is for training. Give a file or rows instead.")


class ReadRows(Rows):
    """Rows that were read for training with the same ``dataset``, but for its split."""

    def __init__(self, name: str, source: Source) -> None:
        self.name, self.source = name, source

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        return self.source
