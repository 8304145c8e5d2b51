"""Whether scores can be compared, and the metric for ranking: checked before training."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from kerasrecipes.comparison.contenders import has_facts, read_settings
from kerasrecipes.errors import InputError
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.components import PLACES, split_component
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.rules import find_directions
from kerasrecipes.recipe.yaml_file import dump_yaml
from kerasrecipes.rows import Dataset
from kerasrecipes.run_facts import describe_dataset
from kerasrecipes.run_files import report_damage
from kerasrecipes.runs import Run

_LABELS = ("name", "description", "seed", "report")
"""Keys that name or show a run, and do not change what is trained."""


@dataclass(frozen=True)
class Facts:
    """Facts that decide whether scores can be compared.

    Attributes:
        name: The recipe's name.
        settings: The resolved recipe.
        data: Facts of the data, as run.json has them, and whether the target is an array.
        directions: Whether higher is better, for the loss and the recipe's metrics.
    """

    name: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    directions: Mapping[str, bool | None]

    @property
    def is_standardized(self) -> bool:
        """Whether the loss and the recipe's metrics are in standard deviations of the target."""
        return bool(self.settings["dataset"].get("standardize_target"))

    @property
    def masks(self) -> list[tuple[str, Any]]:
        """The layers that mask steps of array targets, which are then left out of the scores."""
        layers = [split_component(layer) or ("", {}) for layer in self.settings["layers"]]
        return [
            (name, arguments.get("mask_value", 0))
            for name, arguments in layers
            if self.data.get("is_array") and (name == "Masking" or arguments.get("mask_zero"))
        ]

    @property
    def scores(self) -> dict[str, bool | None]:
        """Whether higher is better, by score; None if unknown.

        A regression has scores of ours: their means over several targets, then those of each.
        """
        if self.data["task"] != "regression":
            return dict(self.directions)
        names = self.data.get("targets", ())
        # R² has no unit, so its mean comes first if targets may have different ones.
        kinds = ["mae", "rmse", "r2"] if len(names) == 1 else ["r2", "mae", "rmse"]
        if min(self.data["rows"].values(), default=0) == 1:
            kinds.remove("r2")
        endings = ["", *(f"_{name}" for name in names if len(names) > 1)]
        units = "_original_units" if self.is_standardized else ""
        own = {_name_score(kind, end, units): kind == "r2" for end in endings for kind in kinds}
        return {**self.directions, **own}


def describe_recipe(recipe: Recipe, dataset: Dataset) -> Facts:
    """Gather the facts of a recipe that is to be trained."""
    data = describe_dataset(recipe, dataset) | {"is_array": bool(dataset.target_shape)}
    return Facts(recipe.name, recipe.to_dict(), data, find_directions(recipe.metrics))


def describe_run(run: Run) -> Facts:
    """Gather the facts of a finished run.

    Raises:
        InputError: The run was made by a version that did not record them.
    """
    info = run.info
    if not has_facts(info):
        raise InputError(
            f"{run.path} was made by an older version, which did not record what a comparison "
            "needs. Train its recipe again, or compare its recipe."
        )
    data = info["dataset"] | {"is_array": bool(info.get("codec", {}).get("steps"))}
    return Facts(info["name"], read_settings(run), data, info["higher_is_better"])


def read_score(run: Run, part: str, metric: str) -> float:
    """Read a score of a run, which may be the mean over its targets."""
    with report_damage(run.path / "metrics.json"):
        scores = run.metrics[part]
        if metric in scores:
            return scores[metric]
        kind, units, _ = metric.partition("_original_units")
        names = run.info["dataset"]["targets"]
        return mean(scores[_name_score(kind, f"_{name}", units)] for name in names)


def _name_score(kind: str, ending: str, units: str) -> str:
    return f"{kind}{ending}{'' if kind == 'r2' else units}"


def check_rows(facts: Sequence[Facts]) -> None:
    """Check that all are scored on the same rows.

    Raises:
        InputError: Two are not; the message names what differs in their ``dataset``.
    """
    first = facts[0]
    for other in facts[1:]:
        both = f"{first.name} and {other.name}"
        if first.masks != other.masks:
            raise InputError(
                f"Scores leave out masked steps, and the masks of {both} differ (received: "
                f"{first.masks} and {other.masks}). Mask the same steps in both."
            )
        if first.data["target_fingerprint"] == other.data["target_fingerprint"]:
            continue
        received = ", ".join(
            f"{key}: {' and '.join(words)}"
            for key, words in find_differences([first.settings, other.settings]).items()
            if key.startswith("dataset.")
        )
        raise InputError(
            f"Only recipes with the same rows and target in each part can be compared: {both} "
            f"differ (received: {received or 'data that have changed; train again'})."
        )


def choose_metric(facts: Sequence[Facts], wanted: str | None) -> tuple[str, bool]:
    """Choose the metric for ranking, and whether higher is better.

    It is the first that all share and that is not the loss, or else the loss.

    Raises:
        InputError: The wanted metric is missing, its direction is unknown, or its values cannot
            be ranked because losses or units differ.
    """
    for one in facts:
        if wanted is not None and wanted not in one.scores:
            choices = suggest(wanted, one.scores)
            raise InputError(f"{one.name} has no metric '{wanted}'. {choices}".rstrip())
    shared = [name for name in facts[0].scores if all(name in one.scores for one in facts)]
    metric = wanted or next((name for name in shared if name != "loss"), "loss")
    directions = {one.scores.get(metric) for one in facts}
    direction = directions.pop()
    others = f"Choose another metric: {', '.join(name for name in shared if name != metric)}."
    if directions or direction is None:
        raise InputError(f"It is unknown whether higher values of '{metric}' are better. {others}")
    losses = [split_component(one.settings["loss"]) for one in facts]
    if metric == "loss" and any(loss != losses[0] for loss in losses):
        raise InputError(f"Recipes with different losses cannot be compared by loss. {others}")
    is_unitless = metric.partition("_")[0] == "r2"
    if len({one.is_standardized for one in facts}) > 1 and not is_unitless:
        raise InputError(
            f"Recipes with and without standardize_target have '{metric}' in different units. "
            f"{others}"
        )
    return metric, direction


def find_differences(recipes: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Find the keys in which resolved recipes differ.

    Returns:
        By key, such as "optimizer" or "dataset.drop", each recipe's value in words.
    """
    flat = [_flatten(recipe) for recipe in recipes]
    keys = dict.fromkeys(key for recipe in flat for key in recipe if key not in _LABELS)
    columns = {key: [_word(recipe.get(key)) for recipe in flat] for key in keys}
    return {key: words for key, words in columns.items() if len(set(words)) > 1}


def diff_recipes(*recipes: Mapping[str, Any]) -> list[str]:
    """Compare two resolved recipes, without the keys that only name them.

    Returns:
        The lines of a unified diff from the first to the second, each after its mark "+", "-", " "
        or, for omitted lines, "@"; empty if they are the same.
    """
    before, after = (
        dump_yaml({k: v for k, v in recipe.items() if k not in _LABELS}).splitlines()
        for recipe in recipes
    )
    return list(difflib.unified_diff(before, after, n=2, lineterm=""))[3:]  # without its header


def _flatten(recipe: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in recipe.items():
        if key == "dataset":
            flat |= {f"dataset.{inner}": setting for inner, setting in value.items()}
        elif key in PLACES and not isinstance(value, list):
            flat[key] = split_component(value)
        else:
            flat[key] = value
    return flat


def _word(value: Any) -> str:
    """Write a value in few words; a component as Python calls it: SGD(learning_rate=0.1)."""
    if isinstance(value, tuple):
        name, arguments = value
        words = ", ".join(f"{key}={_word(argument)}" for key, argument in arguments.items())
        return f"{name}({words})" if words else str(name)
    if isinstance(value, list):
        return ", ".join(_word(split_component(item) or item) for item in value)
    if isinstance(value, dict):
        return _word(split_component(value)) if split_component(value) else str(value)
    return "–" if value is None else str(value)
