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
from kerasrecipes.memory import make_aligned
from kerasrecipes.recipe.rules import DataKind, LossKind, find_unusable
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.rows.disk import are_on_disk, choose_columns
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.target import ClassType, Target
from kerasrecipes.rows.windows import Series

Inputs = NDArray[np.generic] | dict[str, NDArray[np.generic]]
"""An array of shape (n_samples, ...), or a table as columns of shape (n_samples,) by name: float32
numbers, NaN where one is missing, or categories as text (dtype object), "" where one is missing; or
windows of a table's rows (``Series``). Each array may be ``DiskRows``."""

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
    if isinstance(inputs, dict):
        return {name: column[rows] for name, column in inputs.items()}
    is_plain = isinstance(inputs, np.ndarray) and inputs.flags.c_contiguous
    if isinstance(rows, slice) or not is_plain or inputs.dtype.hasobject:
        return inputs[rows]  # np.take would copy all rows of other arrays
    taken = make_aligned((len(rows), *inputs.shape[1:]), inputs.dtype)
    return np.take(inputs, rows, axis=0, out=taken, mode="wrap")  # "raise" would copy it once more


def choose_rows(inputs: Inputs, rows: slice | NDArray[np.int64]) -> Inputs:
    """As ``take_rows``, but rows on a disk are not read."""
    on_disk: Any = inputs
    if not are_on_disk(inputs):
        return take_rows(inputs, rows)
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
        return [int(n) for n in target.reshape(len(target), -1).sum(axis=0)]
    values = target if known is None else target[known]
    return np.bincount(values.astype(np.int64).reshape(-1), minlength=n_classes).tolist()


@dataclass(frozen=True)
class Part:
    """Rows of a data set, in the user's units: one part of it, or all that are not yet split.

    ``target`` has shape (n_samples,): class indices (int64) or numbers (float32); of several
    targets, (n_samples, n_targets) numbers or labels (0 or 1); or an array for each row,
    (n_samples, ...), of class indices or of numbers (float32, or uint8 pixels).
    """

    inputs: Inputs
    target: NDArray[np.generic]
    rows: NDArray[np.int64]  # numbers in the file, from 0, or in a part that the data bring
    weights: Weights | None = None  # in loss and scores
    groups: NDArray[np.int64] | None = None
    times: NDArray[Any] | None = None  # dates (datetime64) or numbers (float64)

    def __len__(self) -> int:
        return len(self.target)

    def check_weights(self, dataset: str, place: str) -> None:
        """Raise DataError if no row counts."""
        if self.weights is not None and not self.weights.any():
            raise DataError(dataset, [f"sample_weight: all weights are 0 ({place}). Correct them."])


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Facts about a data set, split or not."""

    task: Task
    target_names: tuple[str, ...]
    target_unit: str = ""  # such as "$1000s"
    class_names: tuple[str, ...] = ()  # by class index
    origin: str = ""  # in words: "embedded in mlxtend", a folder
    columns: tuple[Column, ...] = ()  # a table's, in the order of the inputs
    left_out: tuple[tuple[str, str], ...] = ()  # columns that are not used, and why
    warnings: tuple[str, ...] = ()  # points to check that do not stop training
    class_type: ClassType = "text"
    target_columns: tuple[Column, ...] = ()  # how a table's targets are read
    place: tuple[str, int] = ("row", 0)  # the word for a row's place, and the number of row 0

    def locate(self, row: int) -> str:
        """The place of a row: "line 7" of a text file, else "row 5"."""
        noun, first = self.place
        return f"{noun} {row + first:,}"


class Rows(ABC):
    """The user's rows: a table, arrays, images or a built-in data set."""

    name: str

    @abstractmethod
    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        """Read every row, for training; ``hint`` is what the recipe's loss requires."""

    def iterate(
        self, schema: Schema, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        """Read rows for a trained model, a bounded number at once; ``ids`` are columns to copy."""
        raise InputError(f"{self.name} is for training. Give a file or rows instead.")


@dataclass(frozen=True, kw_only=True)
class Source(Part, Facts, Rows):
    """A data set as its loader gives it: every row but those of parts that the data bring."""

    name: str = ""
    own_parts: Mapping[str, Part] = field(default_factory=dict)  # "validation" and "test"

    @classmethod
    def join(cls, parts: Mapping[str, Sequence[Any]], **facts: Any) -> Source:
        """A source of "train" and the parts that the data bring: inputs, target and weights."""
        own = {name: Part(x, y, np.arange(len(y)), *w) for name, (x, y, *w) in parts.items()}
        return cls(**vars(own.pop("train")), own_parts=own, **facts)

    def load(self, spec: DatasetSpec, hint: LossKind | None = None) -> Source:
        return self

    def take(self, rows: NDArray[np.int64]) -> Part:
        """Gather rows; all of them, in the source's order, are not copied."""
        rows = np.sort(rows) if are_on_disk(self.inputs) else rows  # they are read faster so
        is_all = np.array_equal(rows, np.arange(len(self.target)))
        pick: NDArray[np.int64] | slice = slice(None) if is_all else rows
        beside: Any = (self.weights, self.groups, self.times)
        picked = (each if each is None else each[pick] for each in beside)
        return Part(choose_rows(self.inputs, pick), self.target[pick], self.rows[pick], *picked)


@dataclass(frozen=True, kw_only=True)
class Dataset(Facts):
    """A data set, split."""

    name: str
    parts: dict[str, Part]  # "train", then "validation" and "test" where they have rows
    fingerprint: str  # SHA-256 over every row's bytes, the same on every machine
    checks: tuple[str, ...] = ()  # faults of the data that make scores misleading
    split: str = ""  # the fold, and groups or times of each part, in words

    @property
    def target_fingerprint(self) -> str:
        """SHA-256 over each part's row numbers and target: what scores on it can be compared by."""
        digest = hashlib.sha256(repr((self.target_names, self.class_names)).encode())
        for name, part in self.parts.items():
            digest.update(f"{name} {part.rows.shape} {part.target.dtype.str}".encode())
            digest.update(part.rows.astype("<i8").tobytes())
            digest.update(np.ascontiguousarray(part.target).tobytes())
            digest.update(b"" if part.weights is None else part.weights.tobytes())
        return digest.hexdigest()

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Of a row's target, if it is an array; empty for classes, numbers or labels of a row."""
        shape = self.parts["train"].target.shape[1:]
        return shape if len(self.target_names) == 1 else ()

    @property
    def has_class_numbers(self) -> bool:
        """Whether targets are arrays of class numbers, of which the rows may not have all."""
        return bool(self.target_shape and self.class_names) and self.class_type == "integer"

    @property
    def is_table(self) -> bool:
        """Whether the inputs are named columns."""
        return isinstance(self.parts["train"].inputs, dict)

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for other tasks."""
        return len(self.class_names)


@dataclass(frozen=True)
class Schema:
    """Inputs and target of a trained model; other rows are read accordingly."""

    columns: tuple[Column, ...]  # a table's; empty for arrays and images
    target: Target  # with a column for each name
    shape: tuple[int, ...]  # of one row of an array
    spec: DatasetSpec

    @property
    def image_form(self) -> tuple[int, int, ColorMode]:
        """Height, width and colours of the images that the model takes; no height for others."""
        if len(self.shape) not in (2, 3) or self.shape[2:] not in ((), (1,), (3,)):
            return 0, 0, "grayscale"
        return self.shape[0], self.shape[1], "rgb" if self.shape[2:] == (3,) else "grayscale"

    @property
    def takes(self) -> str:
        """Its inputs, in words: "the columns x, y"."""
        if self.columns:
            return f"the columns {', '.join(column.name for column in self.columns)}"
        images = "images or " if self.image_form[0] else ""
        return f"{images}arrays of shape {self.shape}"


@dataclass(frozen=True)
class Piece:
    """Some rows, in the form that a trained model takes."""

    inputs: Inputs
    rows: NDArray[np.int64]  # their numbers, counted from 0 over all pieces
    values: NDArray[Any] | None = None  # the target's, as ``Source.target``
    beside: dict[str, Any] = field(default_factory=dict)  # columns to copy to the predictions
    warnings: tuple[str, ...] = ()  # changes to the rows
    left_out: dict[str, int] = field(default_factory=dict)  # how many rows, by the reason
    weights: Weights | None = None
    times: NDArray[Any] | None = None  # of a series
