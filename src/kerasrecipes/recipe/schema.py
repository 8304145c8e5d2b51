"""The keys ``dataset`` and ``sweep``; docs/recipe.md describes each for users."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.names import make_lines_printable
from kerasrecipes.recipe.yaml_file import write_value


def _check_printable(text: str) -> str:
    if text != make_lines_printable(text):
        raise PydanticCustomError("printable", "must not contain control characters")
    return text


_Tables = Literal["breast_cancer", "diabetes", "iris", "wine"]
_Houses = Literal["boston_housing", "california_housing"]
_Images = Literal["cifar10", "cifar100", "digits", "fashion_mnist", "mnist"]
_Texts = Literal["imdb", "reuters"]
DatasetName = Literal[_Houses, _Images, _Tables, _Texts]
_OfNumbers = Literal["regplot", "residuals", "residuals_by_column", "outputs"]
_OfClasses = Literal["class_counts", "confusion_matrix", "reliability", "roc_pr_curves"]
_OfInputs = Literal["importance", "occlusion", "samples"]
PlotName = Literal["learning_curves", _OfNumbers, _OfClasses, _OfInputs]
Task = Literal["regression", "classification", "multilabel"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Printable = AfterValidator(_check_printable)
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Name], Field(min_length=1)]
ColumnName = Annotated[Name, BeforeValidator(lambda name: str(name) if type(name) is int else name)]
Character = Annotated[str, Field(min_length=1, max_length=1)]
Delimiter = Annotated[str, Field(pattern=r'^([^"\\\r\n]|[^"\\\r\n\w]+|whitespace)$')]
"""Words such as "tab" are a mistake."""
Natural = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(gt=0, lt=1)]
One = Field(min_length=1, max_length=1)
Threshold = (
    Probability
    | Annotated[dict[Literal["maximize"], Literal["f1", "balanced_accuracy"]], One]
    | Annotated[dict[Literal["recall", "precision"], Probability], One]
)


class Model(BaseModel):
    """Base of all parts of a recipe: strict, frozen, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CsvSpec(Model):
    """How a CSV file is written, where detection is wrong."""

    delimiter: Delimiter | None = None
    encoding: str | None = None  # a codec of Python's
    decimal: Literal[".", ","] | None = None
    thousands: Character | None = None
    # "first" where the first line names the columns although it looks like a row.
    header: Literal["none", "first"] | Names | None = None
    skip_rows: Annotated[int, Field(ge=0)] = 0
    comment: Character | None = None


class ExcelSpec(Model):
    """Which part of an Excel file is the table, where detection is wrong; counted from 1."""

    sheet: str | Natural | None = None
    header_row: Natural | None = None


class MissingValues(Model):
    """Values that mean "missing" in addition to the usual texts, and usual texts to keep."""

    add: list[str | int | float] = []
    keep: list[str] = []  # among numbers and dates, words still mean "missing"


def _read_missing(value: Any) -> Any:
    return MissingValues(add=value) if isinstance(value, list) else value


class CrossSpec(Model):
    """Columns whose values together are one category, as in ``FeatureSpace.cross``."""

    # Keras 3.15's HashedCrossing takes two columns, no more.
    feature_names: list[str] = Field(min_length=2, max_length=2)
    crossing_dim: int = Field(ge=2)


class TimeseriesSpec(Model):
    """Windows of a table's rows, in the words of ``keras.utils.timeseries_dataset_from_array``."""

    sequence_length: Natural
    sampling_rate: Natural = 1
    sequence_stride: Natural = 1
    delay: Natural = 1  # how many rows after a window's last row its target stands


def _read_column(value: Any) -> Any:
    return value["column"] if isinstance(value, dict) and [*value] == ["column"] else value


class DatasetSpec(Model):
    """Which data, what their columns mean, and which of their rows are held out."""

    name: DatasetName | None = None
    path: Name | None = None  # absolute once loaded
    openml: str | int | None = None
    sklearn: Name | None = None
    target: ColumnName | Annotated[list[ColumnName], Field(min_length=1)] | None = None
    sample_weight: ColumnName | None = None
    task: Task | None = None  # None: loss and target decide
    features: dict[str, Component] = {}
    crosses: list[CrossSpec] = []
    drop: list[ColumnName] = []
    missing: Literal["error", "drop", "median", "mean", "most_frequent"] = "error"
    missing_indicator: bool = False
    missing_values: Annotated[MissingValues, BeforeValidator(_read_missing)] = MissingValues()
    timeseries: TimeseriesSpec | None = None
    stream: bool | None = None  # None: on disk if memory has no room for the inputs
    csv: CsvSpec = CsvSpec()
    excel: ExcelSpec = ExcelSpec()
    image_size: Annotated[list[Natural], Field(min_length=2, max_length=2)] | None = None
    color_mode: Literal["rgb", "grayscale"] = "rgb"
    # Of the texts of imdb and reuters: words that keep an id, words kept of each text, zeros.
    num_words: Annotated[int, Field(ge=4)] | None = None
    maxlen: Natural | None = None
    padding: Literal["pre", "post"] | None = None
    validation_split: float = Field(default=0.0, ge=0, lt=1)  # of the rows without test rows
    test_split: Probability | None = None  # of all rows; None: 0.2, or the data set's own part
    group: ColumnName | None = None
    time: ColumnName | None = None
    split: Annotated[ColumnName | None, BeforeValidator(_read_column)] = None
    folds: Annotated[int | None, Field(ge=2)] = None
    fold: Natural = 1
    split_seed: Seed = 42  # of parts only; does not depend on the recipe's seed
    stratify: bool = False
    shuffle: bool = True  # False splits in order; training rows are still shuffled
    standardize_target: bool = False  # by mean and deviation of the training rows

    @property
    def is_in_order(self) -> bool:
        """Whether the parts follow each other in the rows' order, or in time."""
        return not self.shuffle or self.timeseries is not None or self.time is not None

    @property
    def targets(self) -> list[str]:
        """The columns to predict."""
        return [self.target] if isinstance(self.target, str) else [*(self.target or ())]

    def change_csv(self, **keys: Any) -> DatasetSpec:
        """The same data, read with other keys of ``csv``."""
        return self.model_copy(update={"csv": self.csv.model_copy(update=keys)})

    @property
    def roles(self) -> dict[str, str]:
        """The columns that decide which part a row belongs to, by key; they are no inputs."""
        return {key: name for key in ("group", "time", "split") if (name := getattr(self, key))}


_FORMS = ("int", "log_int", "uniform", "log_uniform")
_RULE = (
    "must be a list of different values, or {uniform: [low, high]}, {int: [low, high]}, "
    "{log_uniform: [low, high]} or {log_int: [low, high]} with low < high, above 0 for a log; a "
    "third number is the step of uniform or int"
)
_NOT_SWEPT = ("extends", "name", "description", "seed", "device", "report", "sweep")
_DATASET = ("features", "crosses", "drop", "missing_indicator", "standardize_target")
"""Keys of ``dataset`` that change the inputs of rows, but neither rows, parts nor target."""
_DIGITS = 4  # of numbers that are tried, so that a recipe with them is easy to read


class SweepSpec(Model):
    """How a sweep searches: ``ranges`` by the path of a value, as in overrides."""

    ranges: dict[str, Any] = Field(min_length=1)
    strategy: Literal["grid", "random", "tpe"] = "tpe"
    metric: Name | None = None  # of validation rows; None: the first metric
    trials: int | None = Field(default=None, ge=1)
    # No further training begins after so many minutes.
    minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    prune: bool = False  # trainings end whose score is worse than the median of the others


@dataclass(frozen=True)
class Range:
    """The values that a sweep tries at one place of a recipe: a list, or else from low to high."""

    key: str  # as it is written, such as "optimizer.SGD.learning_rate"
    values: dict[str, Any] = field(default_factory=dict)  # by their texts
    low: float = 0
    high: float = 0
    step: float | None = None
    is_int: bool = False
    is_log: bool = False

    @property
    def path(self) -> KeyPath:
        """Where the values go in a recipe."""
        return parse_path(self.key)

    @property
    def ends(self) -> list[Any]:
        """The texts of a list, or the lowest and the highest number."""
        return [*self.values] or [self.low, self.high]

    def list_all(self) -> list[Any]:
        """The texts of a list, or all numbers; empty if they cannot be counted."""
        if self.values or self.step is None:
            return [*self.values]
        n_steps = math.floor((self.high - self.low) / self.step + 1e-9)
        return [self.low + i * self.step for i in range(n_steps + 1)]

    def get_value(self, choice: Any) -> Any:
        """The recipe's value for a text or a number."""
        if self.values:
            return self.values[choice]
        return choice if self.is_int else float(f"{choice:.{_DIGITS}g}")


def parse_path(key: str) -> KeyPath:
    """Read a path such as ``layers.2.Dense.units`` or ``layers[2].Dense.units``."""
    return tuple(
        int(part) if i and re.fullmatch("[0-9]{1,9}", part) else part
        for i, part in enumerate(re.findall(r"[^.\[\]]+", key.strip()))
    )


def read_range(key: str, value: Any) -> Range:
    """Read a range; raise ValueError with the rule where it is none."""
    if isinstance(value, list):
        values = {v if isinstance(v, str) else write_value(v, 1000): v for v in value}
        if not 0 < len(values) == len(value):
            raise ValueError(_RULE)
        return Range(key, values)
    form, numbers = next(iter(value.items())) if isinstance(value, dict) and value else ("", None)
    if form not in _FORMS or len(value) > 1 or not isinstance(numbers, list):
        raise ValueError(_RULE)
    is_int, is_log = form.endswith("int"), form.startswith("log_")
    kinds = (int,) if is_int else (int, float)
    are_numbers = all(type(n) in kinds and math.isfinite(n) for n in numbers)
    if not are_numbers or len(numbers) not in (2, 3):
        raise ValueError(_RULE)
    low, high, *steps = numbers
    are_in_order = low < high and all(0 < step <= high - low for step in steps)
    if not are_in_order or (is_log and (steps or low <= 0)):
        raise ValueError(_RULE)
    step = steps[0] if steps else 1 if form == "int" else None
    found = Range(key, {}, low, high, step, is_int, is_log)
    return Range(key, {}, low, found.list_all()[-1], step, is_int) if step else found


def check_sweep(sweep: Any) -> Iterator[tuple[KeyPath, str]]:
    """Check the ranges of ``sweep``, and that it ends; yield the path and problem of a key."""
    if not isinstance(sweep, dict) or not isinstance(sweep.get("ranges"), dict):
        return
    for key, value in sweep["ranges"].items():
        place, path = ("sweep", "ranges", key), parse_path(key)
        if not path or path[0] in _NOT_SWEPT:
            yield place, f"A sweep does not vary {key or 'an empty key'}. Remove it."
        elif path[0] == "dataset" and path[1:2] and path[1] not in _DATASET:
            yield place, f"Trials have the same rows, so a sweep does not vary {key}. Remove it."
        try:
            is_countable = bool(read_range(key, value).list_all())
        except ValueError as error:
            yield place, f"{key} {error} (received: {write_value(value)})."
        else:
            if sweep.get("strategy") == "grid" and not is_countable:
                yield place, f"A grid needs values that can be counted. Write {key} as a list."
    if sweep.get("strategy") != "grid" and sweep.get("trials") is sweep.get("minutes") is None:
        yield ("sweep",), "A sweep needs an end. Write trials: 24, or minutes: 30."
