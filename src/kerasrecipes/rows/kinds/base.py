"""What every kind of column can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.recipe.schema import FEATURES
from kerasrecipes.rows.cells import Cells, is_usable
from kerasrecipes.rows.words import count

Kind = Literal["number", "boolean", "category", "date"]


@dataclass(frozen=True)
class NumberCode:
    """How numbers become the model's input: (x - centre) * factor + offset, or bins.

    Attributes:
        bounds: Between bins, in order; None where numbers are scaled.
    """

    centre: float = 0.0
    factor: float = 1.0
    offset: float = 0.0
    bounds: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Column(ABC):
    """One column of a table: how its values are read, and how they become the model's input.

    Attributes:
        name: As in the file.
        feature: How it becomes an input: a word of ``recipe.schema.FEATURES``.
        arguments: The word's arguments, every default written out, and what was found in the
            training rows, such as the time zone of dates.
        parts: What of a date is used, such as ("year", "month"); else empty.
        reason: Why the column is taken so, for a person: "3 distinct values".
        kind: What its values are.
        expected: The same in words, for messages.
        words: The features that this kind of column can become.
    """

    name: str
    feature: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    reason: str = ""

    kind: ClassVar[Kind]
    expected: ClassVar[str]
    words: ClassVar[tuple[str, ...]]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the arrays that it gives: its own, or one for each part of a date."""
        return tuple(f"{self.name} ({part})" for part in self.parts) or (self.name,)

    @classmethod
    @abstractmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Say how a column of this kind would be taken, or None where it does not look like one."""

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        """Take a column as the recipe says."""
        return cls(
            cells.name, feature, {**FEATURES[feature], **arguments}, reason="set in features"
        )

    def read(self, cells: Cells) -> tuple[list[NDArray[Any]], str]:
        """Read values, by one rule for training and for prediction.

        Returns:
            The arrays of ``inputs``, each of shape (n_rows,); and what is wrong with the values,
            empty if nothing is.
        """
        if pa.types.is_null(cells.type):
            distinct, _ = self.read_distinct(cells)
            return [np.repeat(array[-1:], len(cells)) for array in distinct], ""
        if not self.accepts(cells.type):
            return [], f"column {self.name} must hold {self.expected}; its type is {cells.type}."
        arrays, wrong = self.read_distinct(cells)
        if wrong.any():
            return [], self.describe_wrong(cells, wrong)
        return [array[cells.codes] for array in arrays], ""

    def accepts(self, kind: pa.DataType) -> bool:
        """Whether values of an Arrow type can be the column's."""
        return is_usable(kind)

    @abstractmethod
    def read_distinct(self, cells: Cells) -> tuple[list[NDArray[Any]], NDArray[np.bool_]]:
        """The arrays for the distinct values and, last, a missing one; and which are wrong."""

    def describe_wrong(self, cells: Cells, wrong: NDArray[np.bool_]) -> str:
        """Say which values are not of this kind, and what can be done."""
        n_wrong = int(cells.counts[wrong].sum())
        are, them = ("value is not", "it") if n_wrong == 1 else ("values are not", "them")
        return (
            f"column {self.name} must hold {self.expected}; {n_wrong:,} {are}: "
            f"{cells.show(wrong)}. Fix {them}, or list in missing_values what means that a value "
            "is missing."
        )

    def find_missing(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of the values that ``read`` gave are missing."""
        is_missing: NDArray[np.bool_] = np.isnan(values)
        return is_missing

    def fit_numbers(self, values: NDArray[Any]) -> NumberCode:
        """Learn from training rows how one array of numbers is encoded: standardised.

        Args:
            values: As ``read`` gave them, of shape (n_rows,); NaN where one is missing.
        """
        known = values[~np.isnan(values)].astype(np.float64)
        if not len(known):
            return NumberCode()
        variance = float(known.var())
        # A constant column carries no information; dividing by a deviation below float32's
        # resolution gives huge values.
        resolution = float(np.square(np.finfo(np.float32).eps) * np.square(known).mean())
        return NumberCode(float(known.mean()), variance**-0.5 if variance > resolution else 1.0)

    def remark(self, cells: Cells) -> str:
        """What a careful person would look at before training; empty if nothing stands out."""
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for run.json."""
        return {"kind": self.kind} | asdict(self)


@dataclass(frozen=True)
class Finding:
    """How a column would be taken.

    Attributes:
        column: None means that it is left out.
        reason: Why it is left out.
        hint: What a person may want instead, and the key to write.
        wrong: Few values that keep the column from being of another kind; named in
            ``missing_values``, they do not.
        problem: Why training on the unchanged column would go wrong.
    """

    column: Column | None
    reason: str = ""
    hint: str = ""
    wrong: tuple[str, ...] = ()
    problem: str = ""

    def explain(self, hint: str) -> Finding:
        """The same with a hint."""
        return replace(self, hint=hint)


def describe_share(n: int, n_values: int) -> str:
    """How many of the values: "2 of 60 values are"."""
    return f"{n:,} of {count(n_values, 'value')} {'is' if n == 1 else 'are'}"
