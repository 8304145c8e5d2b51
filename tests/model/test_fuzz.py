"""Models of random components are built, or refused with a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasrecipes.errors import KerasRecipesError
from kerasrecipes.model.build import build_callbacks
from kerasrecipes.model.built import build
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.components import REFUSED, find_category
from kerasrecipes.recipe.keras_names import Required, find_definition, list_bases, list_names
from kerasrecipes.rows import load_for
from mutations import fuzzing

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
VALUES = st.sampled_from([*NUMBERS[:5], *NUMBERS, *OTHERS])


@st.composite
def components(draw: st.DrawFn, category: str, depth: int = 0) -> Any:
    """A name of Keras's, with its required arguments and a few others, right or wrong."""
    name = draw(
        st.sampled_from(sorted(list_names(category).keys() - REFUSED - list_bases().keys()))
    )
    definition = find_definition(category, name)
    if not definition.is_class:
        return name
    arguments = {}
    for argument, default in definition.arguments.items():
        if default is not Required and draw(st.integers(0, 11)):
            continue
        inner = find_category(argument)
        if inner and depth < 2 and draw(st.booleans()):
            arguments[argument] = draw(components(inner, depth + 1))
        elif default is Required or draw(st.booleans()):
            arguments[argument] = draw(VALUES)
        else:
            arguments[argument] = default
    return {name: arguments}


RESHAPES = [{"Reshape": {"target_shape": shape}} for shape in ([4, 1], [2, 2, 1], [2, 2, 1, 1])]
SOFTMAX = {"Dense": {"units": 3, "activation": "softmax"}}


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """A classifier of iris; most of its components are those of a working recipe."""
    layers = draw(st.lists(st.sampled_from(RESHAPES), max_size=1))
    layers += draw(st.lists(components("layers"), min_size=1, max_size=2))
    recipe = {
        "dataset": {"name": "iris"},
        "layers": [*layers, "Flatten", SOFTMAX],
        "optimizer": "sgd",
        "loss": "sparse_categorical_crossentropy",
    }
    for place, category in (("optimizer", "optimizers"), ("loss", "losses")):
        if not draw(st.integers(0, 3)):
            recipe[place] = draw(components(category))
    for place in ("metrics", "callbacks"):
        if not draw(st.integers(0, 3)):
            recipe[place] = [draw(components(place))]
    return recipe


def fuzz(folder: Path, n_cases: int) -> int:
    """Build models; returns how many could be built."""
    n_built = 0

    @fuzzing(n_cases)
    @given(recipes())
    def run(values: dict[str, Any]) -> None:
        nonlocal n_built
        try:
            recipe = load_recipe(values)
            build(recipe, load_for(recipe))
            build_callbacks(recipe, folder)
            n_built += 1
        except KerasRecipesError as error:
            assert str(error)  # noqa: PT017 - another exception is the failure

    run()
    return n_built


@pytest.mark.reliability("fuzz")
@pytest.mark.parametrize("n_cases", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_random_model_is_built_or_refused(
    tmp_path: Path, n_cases: int, record_property: Any
) -> None:
    assert 0 < fuzz(tmp_path, n_cases) < n_cases
    record_property("cases", n_cases)
