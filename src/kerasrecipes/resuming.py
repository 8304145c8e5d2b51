"""Continuing a run from its checkpoints: which run, and whether it may continue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from kerasrecipes.errors import InputError
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.rows import Dataset
from kerasrecipes.runs import Run, check_network, describe_holder, find_run, is_run, list_runs_of


@dataclass(frozen=True)
class Resumption:
    """A run that continues in its folder or, with another recipe, a new one with its state."""

    run: Run
    recipe: Recipe
    changed: tuple[str, ...] = ()  # top-level keys whose values differ from the run's own recipe
    allow_changes: bool = False  # of data and versions, too

    @property
    def stays_on_disk(self) -> bool | None:
        """Whether inputs stay on disk, as when the run began; None means as the recipe says."""
        on_disk: bool | None = self.run.info["dataset"].get("on_disk")
        return on_disk if self.recipe.dataset.stream is None else None  # memory may have changed

    def check_data(self, dataset: Dataset, versions: dict[str, str]) -> None:
        """Raise InputError if rows or packages are not those that the run began with."""
        info = self.run.info
        differences = []
        if info["dataset"]["fingerprint"] != dataset.fingerprint:
            differences.append("its data have changed since")
        trained_with = info.get("versions", versions)
        differences += [
            f"it was trained with {name} {trained_with.get(name)}, and this is {version}"
            for name, version in versions.items()
            if trained_with.get(name) != version
        ]
        if differences and not self.allow_changes:
            raise InputError(
                f"{self.run.path} would not continue as it began: {'; '.join(differences)}. To "
                "continue anyway: --allow-changes (in Python, allow_changes=True)"
            )


def plan_resumption(
    source: str | PathLike[str] | Mapping[str, Any] | Recipe,
    changes: Sequence[str],
    output_dir: Path,
    *,
    allow_changes: bool = False,
    is_joining: bool = False,
    **keys: Any,
) -> Resumption:
    """Find the run to continue; InputError if there is none, or it may not.

    Args:
        source: A recipe or ``runs/NAME``, of which the newest unfinished run is meant, or with
            changes the newest one if it is finished; or a run's folder.
        allow_changes: Whether the recipe may have changed in other keys than those that are given.
        is_joining: Whether this worker joins others, one of which may have begun to continue it.
    """
    has_changes = bool(changes or keys)
    if isinstance(source, str | PathLike) and (is_run(Path(source)) or list_runs_of(Path(source))):
        run = _choose_run(Path(source), is_joining, has_changes)
        recipe = load_recipe(run.recipe_path, changes, needs_source=False, **keys)
    else:
        recipe = load_recipe(source, changes, needs_source=False, **keys)
        run = _choose_run(output_dir / make_folder_name(recipe.name), is_joining, has_changes)
    if run.status == "running" and not is_joining:
        raise InputError(describe_holder(run))
    check_network(run)
    before = load_recipe(run.recipe_path, needs_source=False).to_dict()
    after = recipe.to_dict()
    changed = tuple(key for key in before | after if before.get(key) != after.get(key))
    given = {*keys, *(re.split(r"[.=\[]", change)[0] for change in changes)}
    unnamed = [key for key in changed if key not in given]
    if unnamed and not allow_changes:
        raise InputError(
            f"The recipe has changed since {run.path} began: {', '.join(unnamed)}. To continue "
            f"with its own recipe: kerasrecipes train {run.path} --resume. To continue with the "
            "changed recipe, as a new run: --allow-changes (in Python, allow_changes=True)"
        )
    if run.status == "finished":
        stopped_by, n = run.info.get("stopped_by"), run.info["epochs"]
        averages = [each for each in recipe.callbacks if each.name == "SwapEMAWeights"]
        reason = ""
        if stopped_by and "callbacks" not in changed:
            reason = (
                f"{stopped_by} would stop it again: change the callbacks, such as callbacks='[]'"
            )
        elif any(each.arguments.get("swap_on_epoch") for each in averages):
            reason = "SwapEMAWeights has replaced its weights by their averages"
        elif recipe.epochs <= n:
            reason = f"has trained all {n:,} epochs: give more, such as epochs={2 * n}"
        if reason:
            raise InputError(
                f"{run.path} is finished, and {reason}. To begin a new run with its weights: "
                f"--from {run.path} (in Python, weights_from)"
            )
    return Resumption(run, recipe, changed, allow_changes)


def _choose_run(path: Path, is_joining: bool, has_changes: bool) -> Run:
    """The run at a path, or the newest unfinished one of a ``runs/NAME``."""
    newest = find_run(path)
    ended = {"finished", "damaged"} | (set() if is_joining else {"running"})
    unfinished = [run for run in list_runs_of(path) if run.status not in ended]
    if not unfinished or (has_changes and newest.status == "finished"):  # such as more epochs
        return newest
    return unfinished[-1]
