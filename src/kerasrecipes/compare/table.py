"""Runs as rows of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from kerasrecipes.errors import InputError
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.components import PLACES, split_component
from kerasrecipes.recipe.yaml_file import parse_yaml
from kerasrecipes.runs import Run

_NOT_COMPARED = ("name", "description", "seed", "report")
_LONGEST_WORDS = 50
_MOST_COLUMNS = 3
_LOWER_IS_BETTER = ("loss", "mae", "rmse", "mse")


def find_differences(recipes: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What resolved recipes differ in.

    Returns:
        By key, such as "optimizer" or "dataset.split_seed", each recipe's value in words.
    """
    flat = [_flatten(recipe) for recipe in recipes]
    keys = dict.fromkeys(key for recipe in flat for key in recipe)
    columns = {key: [_word(recipe.get(key)) for recipe in flat] for key in keys}
    return {
        key: words
        for key, words in columns.items()
        if len(set(words)) > 1 and key not in _NOT_COMPARED
    }


def rank_runs(runs: Sequence[Run]) -> tuple[str, str, list[Run]]:
    """Order finished runs from best to worst.

    The part is "validation" where every run has one, since test rows must not choose; the metric
    is the first that all runs share and that is not the loss, or else the loss.

    Returns:
        The part, the metric, and the runs.
    """
    scores = {run.path: run.metrics for run in runs}
    part = "validation" if all("validation" in of_run for of_run in scores.values()) else "test"
    shared = set.intersection(*(set(of_run[part]) for of_run in scores.values()))
    first = scores[runs[0].path][part]
    metric = next((name for name in first if name in shared and name != "loss"), "loss")
    sign = 1 if metric.startswith(_LOWER_IS_BETTER) else -1
    return part, metric, sorted(runs, key=lambda run: sign * scores[run.path][part][metric])


def check_comparable(recipes: Sequence[Recipe]) -> None:
    """Refuse recipes of different data: their scores say nothing of each other.

    Raises:
        InputError: Names the data sets.
    """
    names = list(dict.fromkeys(recipe.dataset.name for recipe in recipes))
    if len(names) > 1:
        raise InputError(
            f"Only recipes of the same data can be compared (received: {', '.join(names)})."
        )


def make_comparison_table(runs: Sequence[Run]) -> tuple[Table, str]:
    """Runs from best to worst: what differs, their scores, and seconds of ``fit``.

    Returns:
        The table, and in words the differences that are too long for it.
    """
    part, metric, ranked = rank_runs(runs)
    recipes = [parse_yaml(run.recipe_text, str(run.recipe_path)).value for run in ranked]
    differences = find_differences(recipes)
    long = [key for key, words in differences.items() if max(map(len, words)) > _LONGEST_WORDS]
    shown = {key: words for key, words in differences.items() if key not in long}
    for key in list(shown)[_MOST_COLUMNS:]:
        long.append(key)
        del shown[key]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("recipe", overflow="fold")
    for key in shown:
        table.add_column(key, overflow="fold")
    for heading in dict.fromkeys((f"{part}\n{metric}", f"{part}\nloss", "fit, s")):
        table.add_column(heading, justify="right", no_wrap=True)
    for i, run in enumerate(ranked):
        scores, info = run.metrics[part], run.info
        values = [scores[metric], *([scores["loss"]] if metric != "loss" else [])]
        table.add_row(
            Text(info["name"], style="bold" if i == 0 else ""),
            *(Text(words[i]) for words in shown.values()),
            *(f"{value:.4f}" for value in values),
            f"{info['seconds']['fit']:.1f}",
        )
    return table, f"They also differ in {', '.join(long)}." if long else ""


def _flatten(recipe: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in recipe.items():
        if key == "dataset":
            flat |= {f"dataset.{inner}": setting for inner, setting in value.items()}
        else:
            flat[key] = value
            if key in PLACES and not isinstance(value, list):
                flat[key] = split_component(value)
    return flat


def _word(value: Any) -> str:
    """A value in few words; a component as Python would call it: SGD(learning_rate=0.1)."""
    if isinstance(value, tuple):
        name, arguments = value
        words = ", ".join(f"{key}={_word(argument)}" for key, argument in arguments.items())
        return f"{name}({words})" if words else str(name)
    if isinstance(value, list):
        return ", ".join(_word(split_component(item) or item) for item in value)
    return "–" if value is None else str(value)
