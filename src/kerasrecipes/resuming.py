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

_NOT_RESUMED = ("finished", "running", "damaged")


@dataclass(frozen=True)
class Resumption:
    """A run to continue.

    Attributes:
        run: It has the checkpoints.
        recipe: The recipe to continue with.
        changed: Top-level keys whose values differ from the run's own recipe. A run whose recipe
            is the same continues in its folder; otherwise a new run begins with its state.
        allow_changes: Whether other data and versions are accepted, too.
    """

    run: Run
    recipe: Recipe
    changed: tuple[str, ...] = ()
    allow_changes: bool = False

    @property
    def stays_on_disk(self) -> bool | None:
        """Whether inputs stay on disk, as when the run began; None means as the recipe says."""
        if self.recipe.dataset.stream is not None:
            return None
        on_disk: bool | None = self.run.info["dataset"].get("on_disk")
        return on_disk  # free memory may have changed

    def check_data(self, dataset: Dataset, versions: dict[str, str]) -> None:
        """Make sure that the run continues on the same rows, with the same packages.

        Raises:
            InputError: It would not.
        """
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
                "continue anyway: --allow-changes"
            )


def plan_resumption(
    source: str | PathLike[str] | Mapping[str, Any] | Recipe,
    words: Sequence[str],
    output_dir: Path,
    *,
    allow_changes: bool = False,
    is_joining: bool = False,
    **keys: Any,
) -> Resumption:
    """Find the run to continue, and check that it may.

    Args:
        source: A recipe or ``runs/NAME``, of which the newest unfinished run is meant, or with
            changes the newest one if it is finished; or a run's folder.
        words: Changes to the recipe, as ``key=value``; the folder of the run may come first.
        output_dir: The folder of all runs.
        allow_changes: Whether the recipe may have changed in other keys than those that are given.
        is_joining: Whether this worker joins others, one of which may have begun to continue it.
        keys: Top-level keys of a recipe, as for ``load_recipe``.

    Raises:
        InputError: There is no such run, it is finished or in training, or its recipe has changed.
    """
    folders = [Path(word) for word in words if "=" not in word]
    changes = [word for word in words if "=" in word]
    if isinstance(source, str | PathLike) and (is_run(Path(source)) or list_runs_of(Path(source))):
        run = _choose_run(Path(source), is_joining, bool(changes or keys))
        recipe = load_recipe(run.recipe_path, changes, needs_source=False, **keys)
    else:
        recipe = load_recipe(source, changes, needs_source=False, **keys)
        folder = folders[0] if folders else output_dir / make_folder_name(recipe.name)
        run = _choose_run(folder, is_joining, bool(changes or keys))
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
            "changed recipe, as a new run: --allow-changes"
        )
    stopped_by = run.info.get("stopped_by")
    if run.status == "finished" and stopped_by and "callbacks" not in changed:
        raise InputError(
            f"{stopped_by} stopped {run.path} after epoch {run.info['epochs_run']:,}, so more "
            f"epochs change nothing. Change the callbacks, too, such as callbacks='[]'."
        )
    averages = [each for each in recipe.callbacks if each.name == "SwapEMAWeights"]
    if run.status == "finished" and any(each.arguments.get("swap_on_epoch") for each in averages):
        raise InputError(
            f"SwapEMAWeights replaced the weights of {run.path} by their averages in the last "
            "epoch, so it cannot be trained longer as if it had not ended. To begin a new run "
            f"with its weights: --from {run.path}"
        )
    if run.status == "finished" and recipe.epochs <= run.info["epochs"]:
        raise InputError(
            f"{run.path} is finished: {run.info['epochs']:,} epochs. To train it longer, as a new "
            f"run: kerasrecipes train {run.path} --resume epochs={2 * run.info['epochs']}"
        )
    return Resumption(run, recipe, changed, allow_changes)


def _choose_run(path: Path, is_joining: bool, has_changes: bool) -> Run:
    """The run at a path, or the newest unfinished one of a ``runs/NAME``.

    Where a finished one is newer, changes such as more epochs are meant for that.
    """
    newest = find_run(path)
    others = {*_NOT_RESUMED} - ({"running"} if is_joining else set())
    unfinished = [run for run in list_runs_of(path) if run.status not in others]
    if not unfinished or (has_changes and newest.status == "finished"):
        return newest
    return unfinished[-1]
