"""What may be compared with what, and which way is better."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasrecipes.compare.comparison import is_higher_better, load_contenders, make_draws
from kerasrecipes.errors import InputError
from kerasrecipes.recipe import load_recipe

RECIPE = """
dataset: {name: iris, validation_split: 0.2}
layers:
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
"""


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("metrics", "name", "higher"),
    [
        ("[AUC]", "AUC", True),
        ("[accuracy]", "accuracy", True),
        ("[AUC: {name: prc}]", "prc", True),
        ("[Precision, R2Score]", "R2Score", True),
        ("[mae]", "mae", False),
        ("[MeanSquaredError: {name: accurate}]", "accurate", False),
        ("[]", "loss", False),
        ("[]", "rmse_original_units", False),
        ("[]", "r2", True),
    ],
)
def test_the_direction_of_a_metric(tmp_path: Path, metrics: str, name: str, higher: bool) -> None:
    recipe = load_recipe(write(tmp_path, "a", RECIPE + f"metrics: {metrics}\n"))
    assert is_higher_better(name, recipe) is higher


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.2}", "0.4}", "differ in dataset.validation_split (received: 0.2, 0.4)."),
        ("0.2}", "0.2, stratify: true}", "differ in dataset.stratify (received: False, True)."),
        ("0.2}", "0.2, split_seed: 1}", "differ in dataset.split_seed (received: 42, 1)."),
        ("sparse_", "", "Recipes with different losses"),
    ],
)
def test_scores_of_other_rows_or_losses_are_not_ranked(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    first = write(tmp_path, "a", RECIPE)
    second = write(tmp_path, "b", RECIPE.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_contenders([first, second])
    assert message in str(caught.value)


def test_dropped_columns_may_differ(tmp_path: Path) -> None:
    first = write(tmp_path, "a", RECIPE)
    second = write(tmp_path, "b", RECIPE.replace("0.2}", "0.2, drop: [sepal_width]}"))
    recipes, finished = load_contenders([first, second])
    assert (list(recipes), finished) == ([first, second], [])


def test_draws_vary_the_seed_alone_or_the_split_with_it() -> None:
    assert make_draws(7, 42, 2, None) == [["seed=7"], ["seed=8"]]
    assert make_draws(7, 42, 5, 2) == [
        ["seed=7", "dataset.split_seed=42"],
        ["seed=8", "dataset.split_seed=43"],
    ]
