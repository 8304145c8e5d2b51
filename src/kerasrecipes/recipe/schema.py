"""The keys of ``dataset``, as pydantic models; docs/recipe.md describes each for users."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.names import make_lines_printable


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
Missing = Literal["error", "drop", "median", "mean", "most_frequent"]
Share = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Printable = AfterValidator(_check_printable)
Name = Annotated[str, Field(min_length=1)]
Names = Annotated[list[Name], Field(min_length=1)]
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
    """Values that mean "missing" in addition to the usual texts, and usual texts to keep.

    Among numbers and dates, words to keep still mean "missing".
    """

    add: list[str | int | float] = []
    keep: list[str] = []


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
    target: Name | Names | None = None
    sample_weight: Name | None = None
    task: Task | None = None  # None: loss and target decide
    features: dict[str, Component] = {}
    crosses: list[CrossSpec] = []
    drop: list[str] = []
    missing: Missing = "error"
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
    validation_split: Share = 0.0  # of the rows left after the test part was taken
    test_split: Probability | None = None  # of all rows; None: 0.2, or the data set's own part
    group: Name | None = None
    time: Name | None = None
    split: Annotated[Name | None, BeforeValidator(_read_column)] = None
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
    def roles(self) -> dict[str, str]:
        """The columns that decide which part a row belongs to, by key; they are no inputs."""
        return {key: name for key in ("group", "time", "split") if (name := getattr(self, key))}
