"""Ranges around a recipe: which apply where, and the recipes at their ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.sweeping.search import Space

RECIPE = """\
name: iris
dataset: {name: iris, validation_split: 0.2}
layers: [{Dense: {units: 8}}, {Dense: {units: 3, activation: softmax}}]
loss: sparse_categorical_crossentropy
"""


def make_space(folder: Path, ranges: str) -> Space:
    file = folder / "iris.yaml"
    file.write_text(f"{RECIPE}sweep:\n  trials: 9\n  ranges:\n{ranges}", encoding="utf-8")
    recipe = load_recipe(file)
    assert recipe.sweep
    return Space(recipe, recipe.sweep)


def test_a_range_applies_where_its_path_leads_into_the_recipe(tmp_path: Path) -> None:
    space = make_space(
        tmp_path,
        "    optimizer.SGD.learning_rate: [0.1, 0.2]\n"
        "    optimizer: [adam, SGD, {SGD: {momentum: 0.9}}]\n",
    )
    assert list(space.list_points()) == [
        {"optimizer": "adam"},
        {"optimizer": "SGD", "optimizer.SGD.learning_rate": "0.1"},
        {"optimizer": "SGD", "optimizer.SGD.learning_rate": "0.2"},
        {"optimizer": "{SGD: {momentum: 0.9}}", "optimizer.SGD.learning_rate": "0.1"},
        {"optimizer": "{SGD: {momentum: 0.9}}", "optimizer.SGD.learning_rate": "0.2"},
    ]
    *_, last = space.list_points()
    recipe = space.make(last, "best")
    assert recipe.name == "best"
    assert recipe.optimizer.arguments == {"momentum": 0.9, "learning_rate": 0.2}
    assert [*space.list_points(lambda each: each.ends[:1])] == [{"optimizer": "adam"}]


def test_a_range_inside_a_layer_applies_to_that_layer_only(tmp_path: Path) -> None:
    space = make_space(
        tmp_path,
        "    layers.0: [{Dense: {units: 4}}, {Dropout: {rate: 0.1}}]\n"
        "    layers.0.Dropout.rate: {uniform: [0, 0.5, 0.5]}\n",
    )
    layers = [space.make(point, "x").layers[0] for point in space.list_points()]
    assert [layer.arguments for layer in layers] == [{"units": 4}, {"rate": 0.0}, {"rate": 0.5}]


def test_the_ends_of_each_range_are_recipes(tmp_path: Path) -> None:
    space = make_space(
        tmp_path,
        "    optimizer: [adam, SGD]\n"
        "    optimizer.SGD.learning_rate: {log_uniform: [1e-4, 1]}\n"
        "    layers.0.Dense.units: {int: [4, 33, 4]}\n",
    )
    tried = [
        (str(end.written["optimizer"]), end.layers[0].arguments["units"])
        for end in space.endpoints
        if "optimizer" in end.written
    ]
    assert tried == [
        ("adam", 8),
        ("SGD", 8),
        ("{'SGD': {'learning_rate': 0.0001}}", 8),
        ("{'SGD': {'learning_rate': 1.0}}", 8),
    ]
    units = [end.layers[0].arguments["units"] for end in space.endpoints]
    assert {4, 32} < {*units}


def test_every_wrong_end_is_a_problem_at_its_line(tmp_path: Path) -> None:
    space = make_space(
        tmp_path,
        "    optimizer:\n"
        "      - Adamm\n"
        "      - {SGD: {learning_rat: 1}}\n"
        "    optimizer.Nadam.learning_rate: [1]\n"
        "    layers.7.Dense.units: [8]\n"
        "    epochs: {int: [0, 5]}\n"
        "    epoch: [1]\n",
    )
    with pytest.raises(RecipeError) as caught:
        _ = space.endpoints
    said = {(p.location.line, p.message) for p in caught.value.problems if p.location}
    assert said == {
        (9, "Keras has no optimizer 'Adamm'. Did you mean 'Adam'?"),
        (
            10,
            "SGD has no argument 'learning_rat' (received: learning_rat=1). Did you mean "
            "'learning_rate'?",
        ),
        (
            11,
            "optimizer is Adamm. Its arguments follow optimizer.Adamm. To replace it, write "
            "optimizer=...",
        ),
        (12, "layers is a list of 2. Name an item by its number, from 0 (received: 7)."),
        (13, "epochs must be greater than or equal to 1 (received: 0)."),
        (14, "There is no key 'epoch' here. Did you mean 'epochs'?"),
    }


def test_a_range_that_applies_nowhere_is_a_problem(tmp_path: Path) -> None:
    space = make_space(tmp_path, "    loss.Huber.delta: [1]\n    optimizer: [adam]\n")
    with pytest.raises(RecipeError, match="loss is sparse_categorical_crossentropy"):
        _ = space.endpoints


def test_a_file_that_a_range_names_is_relative_to_the_recipe(tmp_path: Path) -> None:
    space = make_space(
        tmp_path, "    layers.0: [{Embedding: {input_dim: 9, output_dim: 2, weights: w.npy}}]\n"
    )
    recipe = space.make(next(space.list_points()), "x")
    assert recipe.layers[0].arguments["weights"] == str(tmp_path / "w.npy")
