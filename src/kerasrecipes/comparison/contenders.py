"""What is compared: recipes, variants of one, finished runs; and whether their scores can be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from os import PathLike
from pathlib import Path
from statistics import mean
from typing import Any

from kerasrecipes.errors import InputError, RunDamaged
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.components import split_component
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.rules import find_directions
from kerasrecipes.recipe.yaml_file import parse_yaml
from kerasrecipes.rows import Dataset
from kerasrecipes.run_facts import describe_dataset
from kerasrecipes.run_files import report_damage
from kerasrecipes.runs import RUN_JSON, Run, find_run, is_run, list_runs_of

Given = str | PathLike[str] | Mapping[str, Any] | Recipe
"""A recipe (its file, a mapping or a Recipe), a variant "key=value ...", or a run's folder."""

Draw = tuple[int, int, int, int]
"""The seed, split_seed, folds (or 0) and fold of a run: runs of the same draw are paired."""

BOOSTING = "HistGradientBoosting (scikit-learn)"
"""The name of the contender that has no network."""

_OF_NETWORKS = ("optimizer", "epochs", "batch_size")
_FACTS = ("epochs_run", "higher_is_better", "name", "parameters", "seed")
_DATA_FACTS = ("fingerprint", "rows", "target_fingerprint", "task")

_KEY_AND_EQUALS = r"[\w.\[\]]+="
_LONGEST_LABEL = 60  # of a variant, in characters; a longer one is called by its place

LABELS = ("name", "description", "seed", "report")
"""Keys that name or show a run, and do not change what is trained."""


@dataclass(frozen=True)
class Contender:
    """A recipe and its finished runs, one per draw; paired runs have the same index."""

    name: str
    runs: tuple[Run, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """The resolved recipe of the first run, which may have no network."""
        run = self.runs[0]
        instead = {"layers": [self.name]} | dict.fromkeys(_OF_NETWORKS, "none")
        return read_settings(run) | ({} if run.has_network else instead)

    @property
    def by_draw(self) -> dict[Draw, Run]:
        """The runs by draw."""
        found = {}
        for run in self.runs:
            data = {"split_seed": 0, "folds": 0, "fold": 1} | read_settings(run)["dataset"]
            seeds = run.info.get("seed") or 0, data["split_seed"]
            found[*seeds, data["folds"] or 0, data["fold"]] = run
        return found

    def take(self, draws: Sequence[Draw]) -> Contender:
        """The same recipe with the runs of these draws."""
        found = self.by_draw
        return replace(self, runs=tuple(found[draw] for draw in draws))


def read_settings(run: Run) -> dict[str, Any]:
    """Read a run's resolved recipe, without checking it against the installed Keras."""
    with report_damage(run.recipe_path):
        settings = parse_yaml(run.recipe_text, str(run.recipe_path)).value
        if not (isinstance(settings, dict) and isinstance(settings["dataset"], dict)):
            raise ValueError("it is not a resolved recipe")
        return settings | {"loss": settings["loss"]}


def read_facts(run: Run) -> dict[str, Any]:
    """Read a finished run's run.json, or raise RunDamaged if it lacks what a comparison needs."""
    with report_damage(run.path / RUN_JSON):
        info = run.info
        of_data, seconds = info["dataset"], info["seconds"]
        for facts, keys in ((info, _FACTS), (of_data, _DATA_FACTS), (seconds, ["fit"])):
            itemgetter(*keys)(facts)
        return info


def is_usable(run: Run) -> bool:
    """Whether a run is not damaged, and if it is finished, has what a comparison needs."""
    try:
        is_whole = run.recipe_text and run.history and run.metrics
        return run.info["status"] != "finished" or bool(is_whole and read_facts(run))
    except RunDamaged:
        return False


def read_contenders(
    given: Sequence[Given], needs_source: bool = True, baselines: bool = False
) -> tuple[list[Recipe], list[Contender]]:
    """Separate recipes to train, with the variants of one, from the folders of finished runs."""
    variants, finished, sources = [], [], []
    for one in given:
        is_path = isinstance(one, str | PathLike) and Path(one).exists()
        if isinstance(one, str) and re.match(_KEY_AND_EQUALS, one.strip()) and not is_path:
            variants.append(one.strip())
        elif isinstance(one, str | PathLike) and Path(one).is_dir():
            finished.append(_read_finished(Path(one)))
        else:
            sources.append(one)
    recipes = [load_recipe(source, needs_source=needs_source) for source in sources]
    if variants and len(sources) != 1:
        raise InputError(
            f"Variants such as optimizer=sgd change one recipe (received: {len(sources)} recipes)."
        )
    changed = []
    for i, variant in enumerate(variants, 1):
        words = re.split(rf"\s+(?={_KEY_AND_EQUALS})", variant)
        if not any(word.startswith("name=") for word in words):
            label = variant if len(variant) <= _LONGEST_LABEL else f"variant {i}"
            name = json.dumps(f"{recipes[0].name} {label}", ensure_ascii=False)
            words.append(f"name={name}")
        changed.append(load_recipe(sources[0], words, needs_source=needs_source))
    recipes = changed or recipes
    names = [recipe.name for recipe in recipes]
    if BOOSTING in names:
        raise InputError(f"'{BOOSTING}' is the name of --baselines. Give the recipe another name.")
    names += [BOOSTING] * baselines
    taken = [*names, *(each.name for each in finished)]
    for i, each in enumerate(finished):
        if taken.count(each.name) > 1:  # runs of one recipe with other overrides
            finished[i] = replace(each, name=f"{each.name} {each.runs[-1].path.name}")
    names += [each.name for each in finished]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two contenders are called '{name}'. Give each its own name.")
    if baselines and not recipes:
        raise InputError("--baselines needs a recipe: it is trained on the rows of the first one.")
    if len(names) < 2:
        alone = " Beside variants, the unchanged recipe is not compared." if variants else ""
        raise InputError(
            "A comparison needs at least two contenders: recipes, finished runs, or variants of "
            f"one recipe such as optimizer=sgd optimizer=adam.{alone}"
        )
    return recipes, finished


def _read_finished(path: Path) -> Contender:
    """Read a run, or every finished run of ``runs/<name>`` with the newest's recipe and data."""
    named = find_run(path)
    runs = [named] if is_run(path) else list_runs_of(path)
    alike: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        if run.status == "finished":
            recipe = re.sub(r"^seed:.*\n|\bfold: \d+|\s", "", run.recipe_text, flags=re.MULTILINE)
            key = recipe, run.info.get("dataset", {}).get("fingerprint", "")
            alike[key] = [*alike.pop(key, ()), run]  # that of the newest run comes last
    if not alike:
        status = named.info["status"]  # raises if it is damaged
        raise InputError(f"{named.path} is not finished (status: {status}).")
    *_, same = alike.values()
    return Contender(same[-1].info.get("name", ""), tuple(same))


@dataclass(frozen=True)
class Facts:
    """Facts that decide whether scores can be compared."""

    name: str
    settings: Mapping[str, Any]  # the resolved recipe
    data: Mapping[str, Any]  # as run.json has them, and whether the target is an array
    directions: Mapping[str, bool | None]  # whether higher is better, by metric

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
    """Gather the facts of a finished run."""
    info = read_facts(run)
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
    """Check that all are scored on the same rows, or raise InputError with what differs."""
    first = facts[0]
    for other in facts[1:]:
        both = f"{first.name} and {other.name}"
        if first.masks != other.masks:
            raise InputError(
                f"Scores leave out masked steps, and the masks of {both} differ (received: "
                f"{first.masks} and {other.masks}). Mask the same steps in both."
            )
        if first.data["target_fingerprint"] != other.data["target_fingerprint"]:
            differences = find_differences([first.settings, other.settings]).items()
            words = {key: " and ".join(values) for key, values in differences}
            received = [f"{key}: {w}" for key, w in words.items() if key.startswith("dataset.")]
            unknown = "data that have changed since; train again"
            raise InputError(
                f"Only recipes with the same rows and target in each part can be compared: {both} "
                f"differ (received: {', '.join(received) or unknown})."
            )


def choose_metric(facts: Sequence[Facts], wanted: str | None) -> tuple[str, bool]:
    """Choose the metric for ranking, and whether higher is better.

    It is the first that all share and that is not the loss, or else the loss.
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
    """By key that differs, such as "dataset.drop", the value of each resolved recipe in words."""
    flat: list[dict[str, Any]] = []
    for recipe in recipes:
        inner = {f"dataset.{key}": value for key, value in recipe["dataset"].items()}
        flat.append(inner | {key: value for key, value in recipe.items() if key != "dataset"})
    keys = dict.fromkeys(key for recipe in flat for key in recipe if key not in LABELS)
    columns = {key: [_word(recipe.get(key)) for recipe in flat] for key in keys}
    return {key: words for key, words in columns.items() if len(set(words)) > 1}


def _word(value: Any) -> str:
    """Write a value in few words; a component as Python calls it: SGD(learning_rate=0.1)."""
    if isinstance(value, list):
        return ", ".join(map(_word, value))
    if component := split_component(value):
        name, arguments = component
        words = ", ".join(f"{key}={_word(argument)}" for key, argument in arguments.items())
        return f"{name}({words})" if words else str(name)
    return "–" if value is None else str(value)
