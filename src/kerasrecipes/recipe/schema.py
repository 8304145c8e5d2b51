"""The recipe file's keys, as pydantic models. Every key is the Keras argument of that name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from kerasrecipes.errors import KeyPath, Problem
from kerasrecipes.recipe.components import split_component
from kerasrecipes.recipe.yaml_file import Document, dump_yaml

DatasetName = Literal[
    "boston_housing",
    "breast_cancer",
    "california_housing",
    "cifar10",
    "cifar100",
    "diabetes",
    "digits",
    "fashion_mnist",
    "iris",
    "mnist",
    "wine",
]
PlotName = Literal[
    "learning_curves",
    "regplot",
    "residuals",
    "confusion_matrix",
    "samples",
    "class_counts",
]
Task = Literal["regression", "classification"]
Missing = Literal["error", "drop", "median", "mean", "most_frequent"]
Share = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Name = Annotated[str, Field(min_length=1)]
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Component(_Model):
    """A thing of Keras's by name, with the arguments that the recipe gives it."""

    name: str
    arguments: dict[str, Any]


def _read_component(value: Any) -> Component:
    component = split_component(value)
    if component is None:
        raise ValueError("must be a name, or one name with its arguments: {Dense: {units: 10}}")
    return Component(name=component[0], arguments=component[1])


ComponentField = Annotated[Component, BeforeValidator(_read_component)]


_NUMBER_STYLE = {"unit": None, "decimal": None, "thousands": None}

FEATURES: dict[str, dict[str, Any]] = {
    "float": {**_NUMBER_STYLE},
    "float_normalized": {**_NUMBER_STYLE},
    "float_rescaled": {"scale": 1.0, "offset": 0.0, **_NUMBER_STYLE},
    "float_discretized": {"num_bins": 10, **_NUMBER_STYLE},
    "string_categorical": {"max_tokens": 100},
    "string_hashed": {"num_bins": 32},
    "integer_categorical": {"max_tokens": 100},
    "integer_hashed": {"num_bins": 32},
    "boolean": {},
    "date": {"format": None},
}
"""What a column can become, with the arguments that each word takes and their defaults: those of
``keras.utils.FeatureSpace``, and two of ours, boolean and date. Texts may be numbers with a unit
(such as "$" or "kg"), a decimal comma, or marks between thousands."""


class CsvSpec(_Model):
    """How a CSV file is written, where detection is wrong.

    Attributes:
        delimiter: What stands between two values; one character.
        encoding: A codec that Python knows, such as "cp949".
        decimal: What stands before the fraction of a number.
        thousands: What stands between groups of three digits of a number.
        header: "none" where the first line is a row, "first" where it names the columns although
            it looks like a row, or the columns' names.
        skip_rows: How many lines stand above the column names.
        comment: What begins a comment, which ends with its line.
    """

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | Literal["whitespace"] | None = (
        None
    )
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    header: Literal["none", "first"] | Annotated[list[Name], Field(min_length=1)] | None = None
    skip_rows: Annotated[int, Field(ge=0)] = 0
    comment: Annotated[str, Field(min_length=1, max_length=1)] | None = None


class ExcelSpec(_Model):
    """Which part of an Excel file is the table, where detection is wrong.

    Attributes:
        sheet: A sheet's name, or its place counted from 1.
        header_row: The line that names the columns, counted from 1.
    """

    sheet: str | Annotated[int, Field(ge=1)] | None = None
    header_row: Annotated[int, Field(ge=1)] | None = None


class MissingValues(_Model):
    """What means "missing" beside the usual texts, and which of these are values after all.

    Attributes:
        add: Texts or numbers.
        keep: Texts that are values, such as None or NA; among numbers and dates, words still mean
            "missing".
    """

    add: list[str | int | float] = []
    keep: list[str] = []


def _read_missing_values(value: Any) -> Any:
    return MissingValues(add=value) if isinstance(value, list) else value


class CrossSpec(_Model):
    """Columns whose values together are one category, as in ``FeatureSpace.cross``.

    Attributes:
        feature_names: Two columns; Keras 3.15's HashedCrossing takes no more.
        crossing_dim: How many categories the combinations are hashed into.
    """

    feature_names: list[str] = Field(min_length=2, max_length=2)
    crossing_dim: int = Field(ge=2)


class DatasetSpec(_Model):
    """Which data, what their columns mean, and which of their rows are held out.

    Attributes:
        name: A built-in data set.
        path: A file, a pattern such as "data/*.csv", or a folder of images; absolute once loaded.
        openml: A data set of openml.org, by name or number.
        sklearn: A data set that scikit-learn carries or fetches, by its loader's name: "wine".
        target: The column that is to be predicted, or several of numbers.
        task: What the target asks for; None means that its values say so.
        features: By column, how it becomes the model's input, in ``keras.utils.FeatureSpace``'s
            words.
        crosses: Combinations of columns.
        drop: Columns of a table to leave out.
        missing: What becomes of missing values; the words are scikit-learn's.
        missing_indicator: Whether the model gets an input for each column that had missing values.
        missing_values: Texts or numbers that mean "missing" beside the usual ones.
        csv: How CSV files are written.
        excel: Which part of an Excel file is the table.
        image_size: Height and width that images are brought to.
        color_mode: Channels of images read from files.
        validation_split: Share of the rows left after the test part was taken.
        test_split: Share of all rows; None means 0.2, or the data set's own test part.
        split_seed: Chooses the rows; stays put when the recipe's seed varies.
        stratify: Whether every part has the classes in the same shares.
        standardize_target: Whether training sees (target - mean) / sd of the training rows.
    """

    name: DatasetName | None = None
    path: str | None = Field(default=None, min_length=1)
    openml: str | int | None = None
    sklearn: str | None = Field(default=None, min_length=1)
    target: Name | Annotated[list[Name], Field(min_length=1)] | None = None
    task: Task | None = None
    features: dict[str, ComponentField] = {}
    crosses: list[CrossSpec] = []
    drop: list[str] = []
    missing: Missing = "error"
    missing_indicator: bool = False
    missing_values: Annotated[MissingValues, BeforeValidator(_read_missing_values)] = (
        MissingValues()
    )
    csv: CsvSpec = CsvSpec()
    excel: ExcelSpec = ExcelSpec()
    image_size: list[Annotated[int, Field(ge=1)]] | None = Field(
        default=None, min_length=2, max_length=2
    )
    color_mode: Literal["rgb", "grayscale"] = "rgb"
    validation_split: Share = 0.0
    test_split: Annotated[float, Field(gt=0, lt=1)] | None = None
    split_seed: Seed = 42
    stratify: bool = False
    standardize_target: bool = False


class Recipe(_Model):
    """A whole recipe, checked.

    Attributes:
        seed: Chooses initial weights, row order and dropout.
        class_weight: How much the loss of a row counts, by its class's name; "balanced" counts
            every class alike, however many rows it has.
        precision: In what the layers compute, a policy of Keras's.
        report: The pictures of the report; None means those that suit the task.
    """

    name: str = Field(min_length=1)
    description: str = ""
    seed: Seed = 42
    dataset: DatasetSpec
    layers: list[ComponentField] = Field(min_length=1)
    optimizer: ComponentField = Component(name="rmsprop", arguments={})
    loss: ComponentField
    metrics: list[ComponentField] = []
    epochs: int = Field(default=1, ge=1)
    batch_size: int = Field(default=32, ge=1)
    class_weight: Literal["balanced"] | dict[str | int, Weight] | None = None
    callbacks: list[ComponentField] = []
    device: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto"] | bool = "auto"
    report: list[PlotName] | None = None

    _document: Document = PrivateAttr(default_factory=lambda: Document({}))
    _warnings: list[Problem] = PrivateAttr(default_factory=list)

    @property
    def warnings(self) -> list[Problem]:
        """What is allowed, yet likely not meant."""
        return self._warnings

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at a place of this recipe, with its file, line and column."""
        return Problem(path, message, self._document.locate(path))

    def to_yaml(self) -> str:
        """The resolved recipe: ``extends``, overrides and defaults written out, in a fixed order.

        Components keep the form in which they were written.
        """
        return dump_yaml(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The resolved recipe as plain values; see ``to_yaml``."""
        return _resolve(self, self._document.value)


_ONLY_WHERE_GIVEN = {"missing", "missing_values", "csv", "excel", "color_mode", "precision"}
"""Keys whose defaults say nothing of most recipes, and are not written out."""


def _resolve(model: _Model, written: dict[str, Any]) -> dict[str, Any]:
    resolved: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, DatasetSpec):
            resolved[name] = _resolve(value, written[name])
        elif name in written:
            resolved[name] = written[name]
        elif isinstance(value, Component):
            resolved[name] = value.name
        elif value != field.default or (value and name not in _ONLY_WHERE_GIVEN):
            resolved[name] = value
    return resolved
