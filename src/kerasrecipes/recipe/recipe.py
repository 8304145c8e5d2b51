"""A whole recipe, checked as one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from kerasrecipes.errors import DataError, KeyPath, Location, Problem, RecipeError
from kerasrecipes.recipe.components import Component, read_components
from kerasrecipes.recipe.dataset_rules import check_dataset_keys
from kerasrecipes.recipe.endings import TABLES, find_ending
from kerasrecipes.recipe.ranges import SweepSpec, check_sweep
from kerasrecipes.recipe.rules import check_rules, find_warnings
from kerasrecipes.recipe.schema import (
    DatasetSpec,
    Model,
    Name,
    PlotName,
    Printable,
    Seed,
    Threshold,
    Weight,
)
from kerasrecipes.recipe.wording import describe_errors
from kerasrecipes.recipe.yaml_file import Document, dump_yaml, read_python


class Recipe(Model):
    """A whole recipe, checked.

    ``Recipe(dataset={...}, layers=[...], loss="mse")`` takes the values of a recipe file, checks
    them as ``load_recipe`` does, and raises a RecipeError with all problems.

    Attributes:
        seed: Chooses initial weights, row order and dropout.
        class_weight: How much the loss of a row counts, by its class's name; "balanced" counts
            every class equally, regardless of its number of rows.
        threshold: The least probability at which the second of two classes, or a label, is
            predicted: a number, or an aim that is reached on validation rows; None means 0.5.
        calibrate: How probabilities are calibrated on validation rows after the fit.
        precision: The Keras dtype policy in which the layers compute.
        report: The plots of the report; None means those that suit the task.
        sweep: What ``sweep`` tries; a training does not use it.
    """

    name: Annotated[Name, Printable]
    description: Annotated[str, Printable] = ""
    seed: Seed = 42
    dataset: DatasetSpec
    layers: list[Component] = Field(min_length=1)
    optimizer: Component = Component("optimizers", "rmsprop")
    loss: Component
    metrics: list[Component] = Field(default=[])
    epochs: int = Field(default=1, ge=1)
    batch_size: int = Field(default=32, ge=1)
    class_weight: Literal["balanced"] | dict[str, Weight] | None = None
    callbacks: list[Component] = Field(default=[])
    threshold: Threshold | None = None
    calibrate: Literal["temperature"] | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto"] | bool = "auto"
    report: list[PlotName] | None = None
    sweep: SweepSpec | None = None

    _document: Document = PrivateAttr(default_factory=lambda: Document({}))
    _warnings: list[Problem] = PrivateAttr(default_factory=list)

    @model_validator(mode="wrap")
    @classmethod
    def _check(
        cls, values: Any, read: ModelWrapValidatorHandler[Recipe], info: ValidationInfo
    ) -> Recipe:
        """Check keys, components and the rules between them, and report all problems together."""
        if isinstance(values, Recipe):
            return read(values)
        document = values if isinstance(values, Document) else read_python(values)
        if not isinstance(document.value, dict):
            message = (
                "A recipe is a mapping with the keys dataset, layers, loss, ... at its top level."
            )
            place = document.locate(())
            raise RecipeError([*document.problems, Problem((), message, place)])
        document.value.setdefault("name", "recipe")

        def locate(found: Iterator[tuple[KeyPath, str]]) -> list[Problem]:
            return [Problem(path, message, document.locate(path)) for path, message in found]

        components, tree, problems = read_components(document)
        dataset = document.value.get("dataset")
        data = dataset if isinstance(dataset, dict) else {}
        path = str(data.get("path") or "rows.csv")
        # Arrays and folders may bring validation rows; this is checked again with the data.
        brings_parts = data.get("split") or find_ending(PurePath(path)) not in TABLES
        has_validation = data.get("validation_split") or brings_parts
        problems += [*document.problems, *locate(check_rules(components, bool(has_validation)))]
        context = info.context or {}
        # In Python, rows may come later: kr.train(recipe, data=frame).
        needs_source = context.get("needs_source", False)
        problems += locate(check_dataset_keys(dataset, needs_source))
        problems += locate(check_sweep(document.value.get("sweep")))
        try:
            recipe = read(tree)
        except ValidationError as error:
            problems += describe_errors(error, document, cls)
        if problems:
            raise RecipeError(sorted(dict.fromkeys(problems), key=_find_place))
        recipe._document, recipe._warnings = document, locate(find_warnings(components))
        return recipe

    @property
    def written(self) -> dict[str, Any]:
        """The recipe as it was written: bases and changes are merged, and paths are absolute."""
        return copy.deepcopy(self._document.value)

    @property
    def warnings(self) -> list[Problem]:
        """Settings that are allowed but probably unintended."""
        return self._warnings

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at a place of this recipe, with its file, line and column."""
        return Problem(path, message, self._document.locate(path))

    def locate_problems(self, error: DataError) -> DataError:
        """The same error, each problem at the key of ``dataset`` that it begins with, if any."""
        keys = [problem.partition(":")[0] for problem in error.problems]
        places = [self._document.locate(("dataset", key)) for key in keys]
        return DataError(error.dataset, error.problems, places)

    def to_yaml(self) -> str:
        """The resolved recipe: ``extends``, overrides and defaults written out, in a fixed order.

        Components keep the form in which they were written. ``sweep`` is left out.
        """
        return dump_yaml(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The resolved recipe as plain values; see ``to_yaml``."""
        written = self._document.value
        defaults = {key: getattr(self, key) for key in _WRITTEN_OUT}
        dataset = {"split_seed": self.dataset.split_seed, **written["dataset"]}
        optimizer = {"optimizer": self.optimizer.name}
        values = _sort({**defaults, **optimizer, **written, "dataset": dataset}, type(self))
        return {**values, "dataset": _sort(dataset, DatasetSpec)}


def _find_place(problem: Problem) -> tuple[bool, str, int, int]:
    """The order of problems: by their places in files, then the changes in their own order."""
    place = problem.location or Location("")
    is_change = place.line is None
    return is_change, "" if is_change else place.file, place.line or 0, place.column or 0


_WRITTEN_OUT = ("seed", "epochs", "batch_size", "device", "jit_compile")
"""Keys whose defaults a resolved recipe has."""


def _sort(values: dict[str, Any], model: type[Model]) -> dict[str, Any]:
    """Values in the order of a model's fields, without ``sweep``."""
    fields = [key for key in model.model_fields if key in values and key != "sweep"]
    return {key: values[key] for key in fields}
