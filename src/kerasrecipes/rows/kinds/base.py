"""The interface of all kinds of columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kerasrecipes.recipe.components import FEATURES
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, is_usable
from kerasrecipes.rows.words import SHOWN, count, list_some

Parsed = tuple[NDArray[Any], NDArray[np.bool_]]
"""Values, and which of the distinct ones are not of the column's kind."""


@dataclass(frozen=True)
class NumberCode:
    """How numbers become the model's input: (x - centre) * factor + offset, or by bins' bounds."""

    centre: float = 0.0
    factor: float = 1.0
    offset: float = 0.0
    bounds: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Column(ABC):
    """One column of a table: how its values are read, and how they become the model's input.

    Attributes:
        feature: How it becomes an input: a word of ``recipe.components.FEATURES``.
        arguments: The word's arguments, every default written out, and what was found in the
            training rows, such as the time zone of dates.
        parts: The parts of a date that are used, such as ("year", "month"); else empty.
        reason: Why the column is taken so, for the user: "3 distinct values".
        words: The features that this kind of column can become, each with its description, into
            which arguments are written.
        model_input: The input of a saved model that takes it.
    """

    name: str
    feature: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    reason: str = ""

    kind: ClassVar[str]
    words: ClassVar[Mapping[str, str]]
    model_input: ClassVar[str] = "numbers"

    @property
    @abstractmethod
    def expected(self) -> str:
        """The kind of its values, in words, for messages."""

    @property
    def taken_as(self) -> str:
        """How it becomes an input, in words: "number, standardised"."""
        return self.words[self.feature].format_map({**FEATURES[self.feature], **self.arguments})

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the arrays that it gives: its own, or one for each part of a date."""
        return tuple(f"{self.name} ({part})" for part in self.parts) or (self.name,)

    @classmethod
    @abstractmethod
    def recognise(cls, cells: Cells) -> Finding | None:
        """Find how a column of this kind is taken; None for columns of other kinds."""

    @classmethod
    def take(cls, cells: Cells, feature: str, arguments: Mapping[str, Any]) -> Self:
        """Take a column as set in the recipe's ``features``."""
        complete = {**FEATURES[feature], **arguments}
        return cls(cells.name, feature, complete, reason="set in features")

    def read(self, cells: Cells) -> tuple[list[NDArray[Any]], str]:
        """The arrays of ``inputs``, each of shape (n_rows,); and what is wrong, or empty."""
        if not (self.accepts(cells.type) or pa.types.is_null(cells.type)):
            return [], f"column {self.name} must contain {self.expected}; its type is {cells.type}."
        values, wrong = self.read_exact(cells)
        if not wrong.any():
            return self.split(values), ""
        n_wrong = int(cells.counts[wrong].sum())
        are, them = ("value is not", "it") if n_wrong == 1 else ("values are not", "them")
        return [], (
            f"column {self.name} must contain {self.expected}; {n_wrong:,} {are}: "
            f"{cells.show(wrong)}. Fix {them}, or add {them} to missing_values."
        )

    def read_exact(self, cells: Cells) -> Parsed:
        """Values as ``parse`` gives them, of shape (n_rows,); and which distinct ones are wrong."""
        values, wrong = self.parse(cells)
        return values[cells.codes], wrong & ~cells.are_kept

    def accepts(self, kind: pa.DataType) -> bool:
        """Whether values of an Arrow type can be the column's."""
        return is_usable(kind) and not pa.types.is_temporal(kind)

    @abstractmethod
    def parse(self, cells: Cells) -> Parsed:
        """The distinct values and, last, a missing one; and which are not of this kind."""

    def split(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """The arrays of ``inputs``, from values as ``read_exact`` gives them."""
        return [values]

    def report_wrong(self, cells: Cells, wrong: NDArray[np.bool_], marks: str = "") -> Finding:
        """Take a column unless too many different values are wrong to be listed as missing."""
        if not wrong.any():
            return Finding(self)
        words = tuple(cells.names[code] for code in np.flatnonzero(wrong))
        n_wrong = int(cells.counts[wrong].sum())
        are_not = f"is not a {self.kind}" if n_wrong == 1 else f"are not {self.kind}s"
        hint = (
            f"{n_wrong:,} of {count(cells.n_values, 'value')} {are_not}{marks}, such as "
            f"{cells.show_first(wrong)}; to have {self.kind}s: "
        )
        if len(words) > SHOWN:
            return Finding(None, hint=f"{hint}fix them")
        return Finding(
            self, hint=f"{hint}write missing_values: {write_value([*words], 200)}", wrong=words
        )

    def remark_far(self, values: Sequence[Any], n_rows: int) -> str:
        """Describe values that hardly belong here."""
        return (
            f"{self.name}: {list_some(values)} is far from all other values and occurs in "
            f"{count(n_rows, 'row')}. If it means missing, write missing_values: "
            f"{write_value([*values])} and missing: median."
        )

    def find_missing(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of the values that ``read`` gave are missing."""
        is_missing = values == "" if values.dtype == object else np.isnan(values)
        return np.asarray(is_missing, dtype=bool)

    def fit_numbers(self, values: NDArray[Any]) -> NumberCode:
        """Learn how one array of training rows, NaN where missing, is encoded: standardised."""
        known = values[~np.isnan(values)].astype(np.float64)
        if not len(known):
            return NumberCode()
        variance = float(known.var())
        # A constant column carries no information; dividing by a deviation below float32's
        # resolution gives huge values.
        resolution = float(np.square(np.finfo(np.float32).eps) * np.square(known).mean())
        return NumberCode(float(known.mean()), variance**-0.5 if variance > resolution else 1.0)

    def remark(self, cells: Cells, arrays: list[NDArray[Any]]) -> str:
        """A point to check before training on the arrays from ``read``; empty if there is none."""
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for run.json."""
        return {"kind": self.kind} | asdict(self)


@dataclass(frozen=True)
class Finding:
    """How a column would be taken; without a column, why it is left out.

    Training stops at wrong values, which are not of the column's kind, until the recipe lists them
    in ``missing_values``, or takes the column as categories.
    """

    column: Column | None
    reason: str = ""
    hint: str = ""  # another possible meaning, and the key to write
    wrong: tuple[str, ...] = ()
