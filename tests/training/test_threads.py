"""How many threads a model gets, known from its recipe and its data alone."""

from __future__ import annotations

from typing import Any

import pytest

from kerasrecipes.rows import load_for
from kerasrecipes.training.device import needs_one_thread

CONV = [
    {"Reshape": {"target_shape": [8, 8, 1]}},
    {"Conv2D": {"filters": 2, "kernel_size": 3}},
    "Flatten",
    {"Dense": {"units": 10, "activation": "softmax"}},
]


def dense(*units: int) -> list[Any]:
    hidden = [{"Dense": {"units": n, "activation": "relu"}} for n in units]
    return ["Flatten", *hidden, {"Dense": {"units": 10, "activation": "softmax"}}]


@pytest.mark.parametrize(
    ("layers", "batch_size", "is_one"),
    [
        (dense(100), 32, True),
        ([{"Rescaling": {"scale": 0.1}}, "BatchNormalization", *dense(100)], 32, True),
        (dense(4096, 4096), 32, False),  # 17 million multiply-adds a row, 546 million a batch
        (dense(1024, 1024), 32, True),
        (dense(1024, 1024), 64, False),
        (CONV, 1, False),
    ],
)
def test_small_dense_networks_get_one_thread(make_recipe, layers, batch_size, is_one):
    recipe = make_recipe(dataset={"name": "digits"}, layers=layers, batch_size=batch_size)
    assert needs_one_thread(recipe, load_for(recipe)) is is_one


@pytest.mark.parametrize(("units", "is_one"), [(59_000, True), (60_000, False)])
def test_the_width_of_a_table_counts(make_recipe, units: int, is_one: bool):
    """Iris: 4 columns, 3 classes, and a batch has the 120 training rows at most."""
    layers = [{"Dense": {"units": units}}, {"Dense": {"units": 3, "activation": "softmax"}}]
    recipe = make_recipe(layers=layers, batch_size=5000)
    assert needs_one_thread(recipe, load_for(recipe)) is is_one
