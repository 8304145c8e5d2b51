"""The keys of ``dataset``, as pydantic models."""

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


DatasetName = Literal[
    "boston_housing",
    "breast_cancer",
    "california_housing",
    "cifar10",
    "cifar100",
    "diabetes",
    "digits",
    "fashion_mnist",
    "imdb",
    "iris",
    "mnist",
    "reuters",
    "wine",
]
PlotName = Literal[
    "learning_curves",
    "regplot",
    "residuals",
    "residuals_by_column",
    "confusion_matrix",
    "roc_pr_curves",
    "reliability",
    "samples",
    "outputs",
    "class_counts",
    "importance",
    "occlusion",
]
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
    """How a CSV file is written, where detection is wrong.

    Attributes:
        delimiter: The text between two values, or "whitespace".
        encoding: A codec of Python's, such as "cp949".
        decimal: The decimal mark of numbers.
        thousands: The character between groups of three digits of a number.
        header: "none" where the first line is a row, "first" where it names the columns although
            it looks like a row, or the columns' names.
        skip_rows: The number of lines above the column names.
        comment: The character that begins a comment, which ends with its line.
    """

    delimiter: Delimiter | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Character | None = None
    header: Literal["none", "first"] | Names | None = None
    skip_rows: Annotated[int, Field(ge=0)] = 0
    comment: Character | None = None


class ExcelSpec(Model):
    """Which part of an Excel file is the table, where detection is wrong.

    Attributes:
        sheet: A sheet's name, or its place counted from 1.
        header_row: The line that names the columns, counted from 1.
    """

    sheet: str | Natural | None = None
    header_row: Natural | None = None


class MissingValues(Model):
    """Values that mean "missing" in addition to the usual texts, and usual texts to keep.

    Attributes:
        add: Texts or numbers.
        keep: Texts that are values, such as None or NA; among numbers and dates, words still mean
            "missing".
    """

    add: list[str | int | float] = []
    keep: list[str] = []


def _read_missing(value: Any) -> Any:
    return MissingValues(add=value) if isinstance(value, list) else value


class CrossSpec(Model):
    """Columns whose values together are one category, as in ``FeatureSpace.cross``.

    Attributes:
        feature_names: Two columns; Keras 3.15's HashedCrossing takes no more.
        crossing_dim: How many categories the combinations are hashed into.
    """

    feature_names: list[str] = Field(min_length=2, max_length=2)
    crossing_dim: int = Field(ge=2)


class TimeseriesSpec(Model):
    """Windows of a table's rows, in the words of ``keras.utils.timeseries_dataset_from_array``.

    Attributes:
        sequence_length: The rows of a window.
        sampling_rate: The distance between two of them.
        sequence_stride: The distance between the first rows of two windows.
        delay: How many rows after a window's last row its target stands.
    """

    sequence_length: Natural
    sampling_rate: Natural = 1
    sequence_stride: Natural = 1
    delay: Natural = 1


def _read_column(value: Any) -> Any:
    return value["column"] if isinstance(value, dict) and [*value] == ["column"] else value


class DatasetSpec(Model):
    """Which data, what their columns mean, and which of their rows are held out.

    Attributes:
        name: A built-in data set.
        path: A file, a pattern such as "data/*.csv", or a folder of images; absolute once loaded.
        openml: A data set of openml.org, by name or number.
        sklearn: A data set that scikit-learn carries or fetches, by its loader's name: "wine".
        target: The column that is to be predicted, or several of numbers.
        sample_weight: The column, or the array, that weights each row; it is no input.
        task: None means that loss and target decide.
        features: By column, how it becomes the model's input, in ``keras.utils.FeatureSpace``'s
            words.
        crosses: Combinations of columns.
        drop: Columns of a table to leave out.
        missing: How missing values are treated; the words are scikit-learn's.
        missing_indicator: Whether the model gets an input for each column that had missing values.
        missing_values: Texts or numbers that mean "missing" in addition to the usual ones.
        timeseries: Windows of rows as samples.
        stream: Whether inputs stay on disk; None means that they do if memory has no room for them.
        csv: How CSV files are written.
        excel: Which part of an Excel file is the table.
        image_size: Height and width that images are brought to.
        color_mode: Channels of images read from files.
        num_words: How many of the most frequent words of imdb and reuters keep an id.
        maxlen: Words that are kept of each of their texts: the last ones.
        padding: Where zeros fill shorter texts; None means "pre".
        validation_split: Share of the rows left after the test part was taken.
        test_split: Share of all rows; None means 0.2, or the data set's own test part.
        group: The column or array of groups; no group is in two parts.
        time: The column or array of times; test rows are later than training rows.
        split: The column or array that names each row's part.
        folds, fold: How many folds rows are divided into, and which is the test part, from 1.
        split_seed: Chooses the rows; does not depend on ``seed``.
        stratify: Whether every part has the classes in the same shares.
        shuffle: False splits in order: train, validation, test; training rows are still shuffled.
        standardize_target: Whether training sees (target - mean) / sd of the training rows.
    """

    name: DatasetName | None = None
    path: Name | None = None
    openml: str | int | None = None
    sklearn: Name | None = None
    target: Name | Names | None = None
    sample_weight: Name | None = None
    task: Task | None = None
    features: dict[str, Component] = {}
    crosses: list[CrossSpec] = []
    drop: list[str] = []
    missing: Missing = "error"
    missing_indicator: bool = False
    missing_values: Annotated[MissingValues, BeforeValidator(_read_missing)] = MissingValues()
    timeseries: TimeseriesSpec | None = None
    stream: bool | None = None
    csv: CsvSpec = CsvSpec()
    excel: ExcelSpec = ExcelSpec()
    image_size: Annotated[list[Natural], Field(min_length=2, max_length=2)] | None = None
    color_mode: Literal["rgb", "grayscale"] = "rgb"
    num_words: Annotated[int, Field(ge=4)] | None = None
    maxlen: Natural | None = None
    padding: Literal["pre", "post"] | None = None
    validation_split: Share = 0.0
    test_split: Annotated[float, Field(gt=0, lt=1)] | None = None
    group: Name | None = None
    time: Name | None = None
    split: Annotated[Name | None, BeforeValidator(_read_column)] = None
    folds: Annotated[int | None, Field(ge=2)] = None
    fold: Natural = 1
    split_seed: Seed = 42
    stratify: bool = False
    shuffle: bool = True
    standardize_target: bool = False

    @property
    def is_in_order(self) -> bool:
        """Whether the parts follow each other in the rows' order, or in time."""
        return not self.shuffle or self.timeseries is not None or self.time is not None

    @property
    def splits_at_random(self) -> bool:
        """Whether a row's part is chosen at random."""
        return not self.is_in_order and not self.roles

    @property
    def roles(self) -> dict[str, str]:
        """The columns that decide which part a row belongs to, by key; they are no inputs."""
        return {key: name for key in ("group", "time", "split") if (name := getattr(self, key))}
