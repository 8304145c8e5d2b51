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
Share = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


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


class DatasetSpec(_Model):
    """Which data, and which of their rows are held out.

    Attributes:
        name: A built-in data set.
        drop: Columns of a table to leave out.
        validation_split: Share of the rows left after the test part was taken.
        test_split: Share of all rows; None means 0.2, or the data set's own test part.
        split_seed: Chooses the rows; stays put when the recipe's seed varies.
        stratify: Whether every part has the classes in the same shares.
        standardize_target: Whether training sees (target - mean) / sd of the training rows.
    """

    name: DatasetName
    drop: list[str] = []
    validation_split: Share = 0.0
    test_split: Annotated[float, Field(gt=0, lt=1)] | None = None
    split_seed: Seed = 42
    stratify: bool = False
    standardize_target: bool = False


class Recipe(_Model):
    """A whole recipe, checked.

    Attributes:
        seed: Chooses initial weights, row order and dropout.
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
    callbacks: list[ComponentField] = []
    device: Literal["auto", "cpu", "gpu"] = "auto"
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
        elif value or value != field.default:
            resolved[name] = value
    return resolved
