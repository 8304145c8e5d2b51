"""A whole recipe, checked as one; pydantic's errors are put into the terms of a recipe."""

from __future__ import annotations

import copy
import re
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, ValidationInfo, model_validator

from kerasrecipes.errors import DataError, KeyPath, Location, Problem, RecipeError, format_path
from kerasrecipes.recipe import components, schema
from kerasrecipes.recipe.components import PLACES, Component
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition
from kerasrecipes.recipe.names import find_meant, suggest
from kerasrecipes.recipe.rules import check_rules, find_warnings
from kerasrecipes.recipe.schema import DatasetSpec, Model, Name, Printable, Seed, SweepSpec
from kerasrecipes.recipe.yaml_file import KEY, Document, dump_yaml, read_python, write_value


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
    class_weight: Literal["balanced"] | dict[str, schema.Weight] | None = None
    callbacks: list[Component] = Field(default=[])
    threshold: schema.Threshold | None = None
    calibrate: Literal["temperature"] | None = None
    device: Literal["auto", "cpu", "gpu"] = "auto"
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    jit_compile: Literal["auto"] | bool = "auto"
    report: list[schema.PlotName] | None = None
    sweep: SweepSpec | None = None

    _document: Document = PrivateAttr(default_factory=lambda: Document({}))

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, values: Any, read: Any, info: ValidationInfo) -> Recipe:
        """Report all problems of keys, of components and between them together."""
        document = values if isinstance(values, Document) else read_python(values)
        if not isinstance(document.value, dict):
            rule = "A recipe is a mapping with the keys dataset, layers, loss, ..."
            problem = Problem((), f"{rule} at its top level.", document.locate(()))
            raise RecipeError([*document.problems, problem])
        document.value.setdefault("name", "recipe")
        tree, problems = components.read_components(document)
        found: dict[str, Any] = {"layers": [], "loss": Component("losses", "", is_valid=False)}
        found |= {key: tree[key] for key in PLACES if isinstance(tree.get(key), Component | list)}
        unchecked = cls.model_construct(**found)
        unchecked._document = document
        # In Python, rows may come later: kr.train(recipe, data=frame).
        needs_source = (info.context or {}).get("needs_source", False)
        broken = [*check_rules(unchecked, document.value.get("dataset"), needs_source)]
        broken += schema.check_sweep(document.value.get("sweep"))
        problems += document.problems
        problems += [unchecked.problem(*each) for each in broken]
        try:
            recipe = read(tree)
        except ValidationError as error:
            problems += _describe_errors(error, document)
        if problems:
            raise RecipeError(sorted(dict.fromkeys(problems), key=_find_place))
        recipe._document = document
        return recipe

    @property
    def written(self) -> dict[str, Any]:
        """The recipe as it was written: bases and changes are merged, and paths are absolute."""
        return copy.deepcopy(self._document.value)

    @property
    def warnings(self) -> list[Problem]:
        """Settings that are allowed but probably unintended."""
        return [self.problem(*each) for each in find_warnings(self)]

    def problem(self, path: KeyPath, message: str) -> Problem:
        """A problem at a place of this recipe, with its file, line and column."""
        return Problem(path, message, self._document.locate(path))

    def locate_problems(self, error: DataError) -> DataError:
        """The same error, each problem at the key of ``dataset`` that it begins with, if any."""
        keys = [problem.partition(":")[0] for problem in error.problems]
        places = [self._document.locate(("dataset", key)) for key in keys]
        return DataError(error.dataset, error.problems, places)

    def to_yaml(self) -> str:
        """The resolved recipe: bases, changes and defaults written out, without ``sweep``."""
        return dump_yaml(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The resolved recipe as plain values; see ``to_yaml``."""
        defaults = {key: getattr(self, key) for key in _WRITTEN_OUT}
        values = {**defaults, "optimizer": self.optimizer.name, **self._document.value}
        given = {"split_seed": self.dataset.split_seed, **values["dataset"]}
        values["dataset"] = {key: given[key] for key in DatasetSpec.model_fields if key in given}
        return {key: values[key] for key in Recipe.model_fields if key in values and key != "sweep"}


def _find_place(problem: Problem) -> tuple[bool, str, int, int]:
    """The order of problems: by their places in files, then the changes in their own order."""
    place = problem.location or Location("")
    is_change = place.line is None
    return is_change, "" if is_change else place.file, place.line or 0, place.column or 0


_WRITTEN_OUT = ("seed", "epochs", "batch_size", "device", "jit_compile")
"""Keys whose defaults a resolved recipe has."""


def _describe_errors(error: ValidationError, document: Document) -> list[Problem]:
    found = [
        (problem, details["type"] in _ABOUT_KEYS)
        for details in error.errors()[:200]  # each takes time to describe
        if (problem := _describe(details, document))
    ]
    # A problem inside a value explains it, as where one item of a list is wrong.
    explained = {problem.path[:i] for problem, _ in found for i in range(len(problem.path))}
    return [problem for problem, is_key in found if is_key or problem.path not in explained]


def _describe(error: Any, document: Document) -> Problem | None:
    path = tuple(error["loc"])
    kind, received, context = error["type"], None, error.get("ctx", {})
    if path[:1] == ("threshold",):  # one message for all of its forms
        path = path[:1]
    # pydantic names the members of a union between its key and its value.
    if kind not in _ABOUT_KEYS:
        known: KeyPath = ()
        for part in path:
            known = (*known, part) if (*known, part) in document.places else known
        path, received = known, document.get(known)
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    location = None
    text = write_value(received)
    example = f", such as {key}: {_EXAMPLES[key]}" if key in _EXAMPLES else ""
    match kind:
        case "missing":
            path = path[:-1]
            if any(find_meant(str(given), [key]) for given in document.get(path)):
                return None  # misspelt, and reported as such
            message = f"{format_path(path) or 'A recipe'} needs the key '{key}'{example}."
        case "extra_forbidden":
            message = f"There is no key '{path[-1]}' here. {_find_remedy(path, document)}"
            location = document.locate((*path, KEY))
        case _ if key in _UNIONS:
            message = f"{key} must be {_UNIONS[key]} (received: {text})."
        case "literal_error":
            choices = [word.strip(" '") for word in re.split(",| or ", context["expected"])]
            message = f"{key} has no choice {text}. {suggest(str(received), choices)}"
        case "model_type" | "dict_type" | "list_type":
            what, form = ("list", "[...]") if kind == "list_type" else ("mapping", "{...}")
            example = f"{key}: {_EXAMPLES.get(key, form)}"
            message = f"{key} must be a {what}, such as {example} (received: {text})."
        case _:
            rule = re.sub(r"^\w+ should ", "must ", error["msg"]).replace(" after validation", "")
            message = f"{key} {rule} (received: {text}).{components.suggest_value(received)}"
    return Problem(path, message, location or document.locate(path))


def _find_remedy(path: KeyPath, document: Document) -> str:
    key = str(path[-1])
    model = next((_MODELS[part] for part in reversed(path[:-1]) if part in _MODELS), Recipe)
    names = [*model.model_fields, *(["extends"] if model is Recipe else [])]
    remedy = suggest(key, names) or "Remove it."
    if find_meant(key, names):
        return remedy
    owners: dict[str | int, type[Model]] = {"the top level": Recipe, **_MODELS}
    for owner, known in owners.items():
        if key in known.model_fields:
            return f"It belongs to {owner}."
    given, _ = components.split_component(document.value.get("optimizer")) or ("", {})
    optimizers = (find_canonical_name("optimizers", given), "Adam", "SGD", "RMSprop")
    arguments = {name: find_definition("optimizers", name).arguments for name in optimizers if name}
    meant = find_meant(key, [argument for each in arguments.values() for argument in each])
    for name in arguments:
        if meant in arguments[name]:
            example = write_value({name: {meant: document.get(path)}})
            return f"It is an argument of the optimizer, such as optimizer: {example}"
    return remedy


_ABOUT_KEYS = ("missing", "extra_forbidden")
_MODELS: dict[str | int, type[Model]] = {
    "dataset": DatasetSpec,
    "csv": schema.CsvSpec,
    "excel": schema.ExcelSpec,
    "missing_values": schema.MissingValues,
    "crosses": schema.CrossSpec,
    "timeseries": schema.TimeseriesSpec,
    "sweep": SweepSpec,
}
_UNIONS = {
    "jit_compile": "auto, true or false",
    "class_weight": "balanced, or a weight by class such as {cat: 1, dog: 2.5}",
    "threshold": "a number between 0 and 1, or one of {maximize: f1}, {maximize: "
    "balanced_accuracy}, {recall: 0.9} and {precision: 0.9}",
    "target": "a column's name, or a list of names",
    "decimal": "'.' or ','",
    "openml": "a data set's name or number",
    "missing_values": "a list of texts and numbers, or {add: [...], keep: [...]}",
    "add": "a list of texts and numbers",
    "delimiter": 'the text between two values, such as "\\t" for a tab, or whitespace',
    "header": "none, first, or a list of column names",
    "sheet": "a sheet's name, or its place counted from 1",
}
"""Keys whose value has several forms, for each of which pydantic reports errors separately."""
_EXAMPLES = {
    "dataset": "{name: fashion_mnist} or {path: houses.csv, target: price}",
    "layers": "[Flatten, Dense: {units: 10, activation: softmax}]",
    "loss": "sparse_categorical_crossentropy",
    "metrics": "[accuracy]",
    "callbacks": "[EarlyStopping]",
    "features": "{zip: string_categorical}",
    "crosses": "[{feature_names: [make, colour], crossing_dim: 32}]",
    "crossing_dim": "32",
    "csv": "{delimiter: ';'}",
    "image_size": "[180, 180]",
}
