"""The recipes, variants of one recipe, and finished runs to compare."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from kerasrecipes.errors import InputError, RunDamaged
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.yaml_file import parse_yaml
from kerasrecipes.run_files import report_damage
from kerasrecipes.runs import Run, find_run, is_run, list_runs_of

Given = str | PathLike[str] | Mapping[str, Any] | Recipe
"""A recipe (its file, a mapping or a Recipe), a variant "key=value ...", or a run's folder."""

Draw = tuple[int, int, int, int]
"""The seed, split_seed, folds (or 0) and fold of a run: runs of the same draw are paired."""

BOOSTING = "HistGradientBoosting (scikit-learn)"
"""The name of the contender that has no network."""

_OF_NETWORKS = ("optimizer", "epochs", "batch_size")
_FACTS = {"epochs_run", "higher_is_better", "name", "parameters", "seed", "started_at", "versions"}
_DATA_FACTS = {"fingerprint", "rows", "target_fingerprint", "task"}

_KEY_AND_EQUALS = r"[\w.\[\]]+="


@dataclass(frozen=True)
class Contender:
    """A recipe and its finished runs.

    Attributes:
        name: The recipe's name; no two contenders share one.
        runs: One per draw; paired runs have the same index.
    """

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


def read_settings(run: Run) -> dict[str, Any]:
    """Read a run's resolved recipe, without checking it against the installed Keras."""
    with report_damage(run.recipe_path):
        settings = parse_yaml(run.recipe_text, str(run.recipe_path)).value
        if not (isinstance(settings, dict) and isinstance(settings["dataset"], dict)):
            raise ValueError("it is not a resolved recipe")
        return settings | {"loss": settings["loss"]}


def has_facts(info: Mapping[str, Any]) -> bool:
    """Whether run.json has the facts that a comparison needs; older versions recorded fewer."""
    data, seconds = info.get("dataset", {}), info.get("seconds", {})
    return info.keys() >= _FACTS and data.keys() >= _DATA_FACTS and "fit" in seconds


def is_usable(run: Run) -> bool:
    """Whether a run is not damaged, and if it is finished, has what a comparison needs."""
    try:
        has_all = has_facts(run.info) and run.recipe_text and run.history and run.metrics
    except RunDamaged:
        return False
    return bool(has_all) or run.status != "finished"


def read_contenders(
    given: Sequence[Given], needs_source: bool = True, baselines: bool = False
) -> tuple[list[Recipe], list[Contender]]:
    """Separate recipes and their variants from the folders of finished runs.

    Args:
        given: In any order.
        needs_source: Whether recipes must say where their rows come from.
        baselines: Whether BOOSTING takes part, too.

    Returns:
        Recipes to train, and finished runs.

    Raises:
        InputError: A recipe is wrong, a folder contains no finished run, or two names are the same.
    """
    variants, finished, sources = [], [], []
    for one in given:
        if isinstance(one, str) and _is_variant(one):
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
    if variants:
        base = recipes[0].name
        changes = [_split(variant, base) for variant in variants]
        recipes = [load_recipe(sources[0], words, needs_source=needs_source) for words in changes]
    names = [recipe.name for recipe in recipes]
    if BOOSTING in names:
        raise InputError(f"'{BOOSTING}' is the name of --baselines. Give the recipe another name.")
    names += [*(each.name for each in finished), *[BOOSTING] * baselines]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"Two contenders are called '{name}'. Give each its own name.")
    if baselines and not recipes:
        raise InputError("--baselines needs a recipe, whose rows it takes.")
    if len(names) < 2:
        alone = " Beside variants, the recipe without changes takes no part." if variants else ""
        raise InputError(
            "A comparison needs at least two contenders: recipes, finished runs, or variants of "
            f"one recipe such as optimizer=sgd optimizer=adam.{alone}"
        )
    return recipes, finished


def _is_variant(text: str) -> bool:
    return bool(re.match(_KEY_AND_EQUALS, text.strip())) and not Path(text).exists()


def _split(variant: str, base: str) -> list[str]:
    """The changes of a variant, its name included."""
    changes = re.split(rf"\s+(?={_KEY_AND_EQUALS})", variant)
    if any(change.startswith("name=") for change in changes):
        return changes
    return [*changes, f"name={json.dumps(f'{base} {variant}', ensure_ascii=False)}"]


def _read_finished(path: Path) -> Contender:
    """Read a run, or every finished run of ``runs/<name>`` with the newest's recipe and data."""
    named = find_run(path)
    runs = [named] if is_run(path) else list_runs_of(path)
    finished = [run for run in runs if run.status == "finished"]
    if not finished:
        status = named.info["status"]  # raises if it is damaged
        raise InputError(f"{named.path} is not finished (status: {status}).")
    newest = finished[-1]
    same = (run for run in finished if _read_identity(run) == _read_identity(newest))
    return Contender(newest.info.get("name", ""), tuple(same))


def _read_identity(run: Run) -> tuple[str, str]:
    alike = re.sub(r"^seed:.*\n|\bfold: \d+|\s", "", run.recipe_text, flags=re.MULTILINE)
    return alike, run.info.get("dataset", {}).get("fingerprint", "")
