"""What is read from Keras's source is what Keras says of itself; the only test that imports it."""

from __future__ import annotations

import contextlib
import inspect
import operator
from typing import Any

import keras
import numpy as np
import pytest

from kerasrecipes.recipe.keras_names import (
    CATEGORIES,
    COMPILE_METRICS,
    Required,
    find_canonical_name,
    find_choices,
    find_definition,
    list_aliases,
    list_bases,
)
from kerasrecipes.recipe.keras_names import list_names as list_with_bases


def list_names(category: str) -> set[str]:
    """The names but those of keras.applications, which are functions; see model/test_bases.py."""
    return {*list_with_bases(category)} - {*list_bases()}


ALL = [(category, name) for category in CATEGORIES for name in sorted(list_names(category))]
CLASSES = [
    (category, name)
    for category, name in ALL
    if inspect.isclass(getattr(operator.attrgetter(category)(keras), name)) and name != "FlaxLayer"
]
NOT_IN_SEQUENTIAL = {
    "activations": {"get", "serialize", "deserialize"},
    "layers": {"Layer", "InputSpec"},
    "optimizers": {"Optimizer", "OptimizerMap", "schedules", "legacy"},
    "optimizers.schedules": {"LearningRateSchedule"},
    "losses": {"Loss"},
    "metrics": {"Metric"},
    "callbacks": {"Callback", "CallbackList"},
    "initializers": {"Initializer"},
    "regularizers": {"Regularizer"},
    "constraints": {"Constraint"},
}


def find_in_keras(category: str, name: str) -> Any:
    return getattr(operator.attrgetter(category)(keras), name)


def find_base(category: str) -> type | None:
    """The class that all classes of a category derive from."""
    names = {"activations": None, "losses": "Loss", "optimizers.schedules": "LearningRateSchedule"}
    name = names.get(category, category.removesuffix("s").title())
    return None if name is None else find_in_keras(category, name)


def inspect_arguments(cls: type) -> dict[str, inspect.Parameter]:
    """Parameters of each class's own ``__init__``, as far as ``**kwargs`` passes on."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or base is object:
            continue
        # Keras wraps some, and keeps the signature.
        parameters = list(inspect.signature(base.__dict__["__init__"]).parameters.values())[1:]
        named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        found = {p.name: p for p in named} | found
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_public_name_is_known(category: str) -> None:
    exported = {n for n in dir(operator.attrgetter(category)(keras)) if not n.startswith("_")}
    exported -= {"get", "serialize", "deserialize"} | NOT_IN_SEQUENTIAL[category]
    if category == "layers":  # functions such as add join several inputs
        exported = {name for name in exported if name[0].isupper()}
    assert list_names(category) == exported


def test_every_class_is_of_its_category() -> None:
    for category, name in CLASSES:
        base = find_base(category)
        assert base is None or issubclass(find_in_keras(category, name), base), (category, name)


@pytest.mark.parametrize("category", CATEGORIES)
def test_classes_and_functions_are_told_apart(category: str) -> None:
    for name in list_names(category):
        is_class = inspect.isclass(find_in_keras(category, name))
        assert find_definition(category, name).is_class == is_class, name


@pytest.mark.parametrize(("category", "name"), CLASSES, ids=[f"{c}.{n}" for c, n in CLASSES])
def test_arguments_are_those_that_keras_takes(category: str, name: str) -> None:
    cls, ours = find_in_keras(category, name), find_definition(category, name).arguments
    theirs = inspect_arguments(cls)
    assert ours.keys() <= theirs.keys()
    for argument in theirs.keys() - ours.keys():
        # The class gives this one to its base class itself, as Conv2D gives rank=2.
        needed = {a: 1 for a, default in ours.items() if default is Required}
        with pytest.raises((TypeError, ValueError), match=argument):
            cls(**needed, **{argument: 1})
    for argument, default in ours.items():
        parameter = theirs[argument]
        assert (default is Required) == (parameter.default is parameter.empty), argument
        if isinstance(default, bool | int | float | None | tuple):
            assert default == parameter.default, argument


@pytest.mark.parametrize("category", [c for c in CATEGORIES if c != "activations"])
def test_what_needs_no_argument_can_be_made_with_none(category: str) -> None:
    extern = {"OrbaxCheckpoint", "RemoteMonitor"}  # want packages that we do not depend on
    for name in list_names(category):
        definition = find_definition(category, name)
        if not definition.is_class or name in extern:
            continue
        if Required in definition.arguments.values():
            with pytest.raises(TypeError):
                find_in_keras(category, name)()
        else:
            # Discretization wants one of two arguments that may both be None.
            with contextlib.suppress(ValueError):
                find_in_keras(category, name)()


@pytest.mark.parametrize("category", ["losses", "metrics", "initializers"])
def test_short_names_are_those_of_keras(category: str) -> None:
    aliases = list_aliases(category)
    assert aliases
    get = operator.attrgetter(category)(keras).get
    for alias, meant in aliases.items():
        assert find_canonical_name(category, alias) == alias
        theirs = get(alias)
        theirs = theirs if inspect.isclass(theirs) or inspect.isfunction(theirs) else type(theirs)
        assert theirs.__name__ == meant
        assert find_definition(category, alias).arguments == (
            find_definition(category, meant).arguments
        )


@pytest.mark.parametrize(
    ("category", "name", "meant"),
    [
        ("losses", "mse", "mse"),
        ("losses", "MSE", "MSE"),
        ("losses", "mean_squared_error", "mean_squared_error"),
        ("losses", "Mse", None),
        ("metrics", "accuracy", "accuracy"),
        ("metrics", "acc", "acc"),
        ("metrics", "auc", "AUC"),
        ("metrics", "root_mean_squared_error", "RootMeanSquaredError"),
        ("optimizers", "adam", "Adam"),
        ("optimizers", "ADAM", "Adam"),
        ("optimizers", "rmsprop", "RMSprop"),
        ("optimizers", "sgd", "SGD"),
        ("layers", "dense", None),
        ("layers", "Dense", "Dense"),
        ("layers", "get", None),
        ("layers", "Layer", None),
        ("activations", "ReLU", None),
        ("initializers", "he_normal", "he_normal"),
        ("regularizers", "l2", "l2"),
    ],
)
def test_names_are_found_as_keras_finds_them(category: str, name: str, meant: str | None) -> None:
    assert find_canonical_name(category, name) == meant


@pytest.mark.parametrize("name", COMPILE_METRICS)
def test_words_that_compile_knows(name: str) -> None:
    assert not find_definition("metrics", name).is_class
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=[name])
    assert name in model.evaluate(np.ones((1, 2)), np.ones((1, 1)), verbose=0, return_dict=True)


@pytest.mark.parametrize(
    ("layer", "argument", "choices"),
    [
        ("Conv2D", "padding", {"valid", "same"}),
        ("MaxPooling2D", "padding", {"valid", "same"}),
        ("Conv1D", "padding", {"valid", "same", "causal"}),
        ("Dense", "units", set()),
        ("Dense", "activation", set()),
    ],
)
def test_choices_are_read_from_docstrings(layer: str, argument: str, choices: set[str]) -> None:
    assert set(find_choices(find_definition("layers", layer), argument)) == choices
