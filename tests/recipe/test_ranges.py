"""The key ``sweep``: what its ranges may be, and the message where they are something else."""

from __future__ import annotations

from typing import Any

import pytest

from kerasrecipes.errors import RecipeError
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.schema import Range, parse_path, read_range

RECIPE = {
    "dataset": {"name": "iris", "validation_split": 0.2},
    "layers": [{"Dense": {"units": 3, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
}
RULE = (
    "must be a list of different values, or {uniform: [low, high]}, {int: [low, high]}, "
    "{log_uniform: [low, high]} or {log_int: [low, high]} with low < high, above 0 for a log; a "
    "third number is the step of uniform or int"
)


@pytest.mark.parametrize(
    ("value", "expected", "all_of_it"),
    [
        (["adam", "SGD"], Range("x", {"adam": "adam", "SGD": "SGD"}), ["adam", "SGD"]),
        ([{"L2": {"l2": 0.1}}, None], None, ["{L2: {l2: 0.1}}", "nothing"]),
        ({"int": [1, 3]}, Range("x", {}, 1, 3, 1, True), [1, 2, 3]),
        ({"int": [32, 100, 32]}, Range("x", {}, 32, 96, 32, True), [32, 64, 96]),
        ({"uniform": [0, 0.5]}, Range("x", {}, 0, 0.5), []),
        ({"uniform": [0, 0.5, 0.25]}, Range("x", {}, 0, 0.5, 0.25), [0, 0.25, 0.5]),
        ({"log_uniform": [1e-4, 1]}, Range("x", {}, 1e-4, 1, is_log=True), []),
        ({"log_int": [16, 1024]}, Range("x", {}, 16, 1024, None, True, True), []),
    ],
)
def test_a_range_is_a_list_or_numbers_between_two_ends(
    value: Any, expected: Range | None, all_of_it: list[Any]
) -> None:
    found = read_range("x", value)
    assert expected is None or found == expected
    assert found.list_all() == all_of_it


def test_numbers_have_four_digits_so_that_a_recipe_is_easy_to_read() -> None:
    assert read_range("x", {"log_uniform": [1e-4, 1]}).get_value(0.0123456) == 0.01235
    assert read_range("x", {"int": [1, 99999]}).get_value(12345) == 12345
    assert read_range("x", [{"L2": {}}]).get_value("{L2: {}}") == {"L2": {}}


def test_a_path_is_written_as_in_overrides() -> None:
    assert parse_path("layers[2].Dense.units") == ("layers", 2, "Dense", "units")
    assert parse_path("layers.2.Dense.units") == ("layers", 2, "Dense", "units")


@pytest.mark.parametrize(
    "value",
    [
        "adam",
        [],
        ["adam", "adam"],
        {},
        {"normal": [0, 1]},
        {"int": [0, 1], "uniform": [0, 1]},
        {"int": 3},
        {"int": [3]},
        {"int": [1, 2, 3, 4]},
        {"int": [1, 2.5]},
        {"int": [True, 2]},
        {"uniform": [1, 1]},
        {"uniform": [0, "1e-3"]},
        {"uniform": [0, float("inf")]},
        {"uniform": [0, 1, 0]},
        {"int": [1, 2, 5]},
        {"log_uniform": [0, 1]},
        {"log_int": [1, 8, 2]},
    ],
)
def test_what_is_no_range_is_a_problem_at_its_place(value: Any) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(RECIPE, sweep={"ranges": {"epochs": value}, "trials": 3})
    (problem,) = caught.value.problems
    assert problem.path[:3] == ("sweep", "ranges", "epochs")
    assert problem.message.startswith(f"epochs {RULE} (received: ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": None}, "A sweep needs an end. Write trials: 24, or minutes: 30."),
        ({"trials": 0}, "trials must be greater than or equal to 1 (received: 0)."),
        ({"minutes": float("nan")}, "minutes must be a finite number (received: .nan)."),
        ({"strategy": "gird"}, "strategy has no choice 'gird'. Did you mean 'grid'?"),
        ({"trails": 3}, "There is no key 'trails' here. Did you mean 'trials'?"),
        (
            {"strategy": "grid", "ranges": {"epochs": {"log_int": [1, 9]}}},
            "A grid needs values that can be counted. Write epochs as a list.",
        ),
        ({"ranges": {"seed": [1, 2]}}, "A sweep does not vary seed. Remove it."),
        (
            {"ranges": {"dataset.split_seed": [1, 2]}},
            "Trials have the same rows, so a sweep does not vary dataset.split_seed. Remove it.",
        ),
    ],
)
def test_a_wrong_key_has_a_message(changes: dict[str, Any], message: str) -> None:
    sweep = {"ranges": {"epochs": [1, 2]}, "trials": 3} | changes
    with pytest.raises(RecipeError) as caught:
        load_recipe(RECIPE, sweep=sweep)
    assert [problem.message for problem in caught.value.problems] == [message]


def test_a_recipe_trains_as_if_it_had_no_sweep() -> None:
    with_sweep = load_recipe(RECIPE, sweep={"ranges": {"epochs": [1, 2]}, "trials": 3})
    assert with_sweep.sweep is not None
    assert with_sweep.to_yaml() == load_recipe(RECIPE).to_yaml()
