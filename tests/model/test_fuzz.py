"""Models of random components are built, or refused with a message."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from kerasrecipes.errors import KerasRecipesError
from kerasrecipes.model.build import build_callbacks
from kerasrecipes.model.built import build
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.components import REFUSED, find_category
from kerasrecipes.recipe.keras_names import Required, find_definition, list_bases, list_names
from kerasrecipes.rows import load_for

NUMBERS = [0, 1, 2, 3, 4, -1, 0.5, 1e-3, -0.5, 1e9, 10**12, 10**20, float("inf"), float("nan")]
OTHERS = [
    None,
    True,
    False,
    "",
    "same",
    "relu",
    "x",
    [],
    [1],
    [2, 2],
    [1, 2, 3],
    [[1]],
    {},
    {"a": 1},
]
VALUES = [*NUMBERS[:5], *NUMBERS, *OTHERS]


def make_component(rng: random.Random, category: str, depth: int = 0) -> Any:
    """A name of Keras's, with its required arguments and a few others, right or wrong."""
    name = rng.choice(sorted(list_names(category).keys() - REFUSED - list_bases().keys()))
    definition = find_definition(category, name)
    if not definition.is_class:
        return name
    arguments = {}
    for argument, default in definition.arguments.items():
        if default is not Required and rng.random() < 0.96:
            continue
        inner = find_category(argument)
        if inner and depth < 2 and rng.random() < 0.5:
            arguments[argument] = make_component(rng, inner, depth + 1)
        elif default is Required:
            arguments[argument] = rng.choice([2, 2, 2, rng.choice(VALUES)])
        else:
            arguments[argument] = rng.choice([default, rng.choice(VALUES)])
    return {name: arguments}


RESHAPES = [{"Reshape": {"target_shape": shape}} for shape in ([4, 1], [2, 2, 1], [2, 2, 1, 1])]
SOFTMAX = {"Dense": {"units": 3, "activation": "softmax"}}


def make_recipe(rng: random.Random) -> dict[str, Any]:
    """A classifier of iris; most of its components are those of a working recipe."""
    layers = rng.sample(RESHAPES, rng.randint(0, 1))
    layers += [make_component(rng, "layers") for _ in range(rng.randint(1, 2))]
    recipe: dict[str, Any] = {
        "dataset": {"name": "iris"},
        "layers": [*layers, "Flatten", SOFTMAX],
        "optimizer": "sgd",
        "loss": "sparse_categorical_crossentropy",
    }
    for place, category in (("optimizer", "optimizers"), ("loss", "losses")):
        if rng.random() < 0.25:
            recipe[place] = make_component(rng, category)
    for place in ("metrics", "callbacks"):
        if rng.random() < 0.25:
            recipe[place] = [make_component(rng, place)]
    return recipe


def build_or_refuse(values: dict[str, Any], folder: Path) -> bool:
    """Whether a model can be built."""
    try:
        recipe = load_recipe(values)
        build(recipe, load_for(recipe))
        build_callbacks(recipe, folder)
    except KerasRecipesError as error:
        assert str(error)  # noqa: PT017 - another exception is the failure
        return False
    except Exception as error:
        error.add_note(f"The recipe: {values}")
        raise
    return True


@pytest.mark.reliability("fuzz")
@pytest.mark.parametrize("n_cases", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_random_model_is_built_or_refused(
    tmp_path: Path, n_cases: int, record_property: Any
) -> None:
    rng = random.Random(0)
    n_built = sum(build_or_refuse(make_recipe(rng), tmp_path) for _ in range(n_cases))
    assert 0 < n_built < n_cases
    record_property("cases", n_cases)
