"""Checks that a run has the files for prediction; imports no TensorFlow."""

from __future__ import annotations

from os.path import expanduser, lexists
from pathlib import Path

from kerasrecipes.errors import InputError
from kerasrecipes.rows.files import expand, find_files
from kerasrecipes.runs import Run, check_network, find_run, list_runs_of


def find_ready(path: Path) -> tuple[Run, list[str]]:
    """Find the run at a path: its own folder, or in ``runs/<name>`` the newest finished one.

    Otherwise it is the newest with a model, or the newest. A line names a newer one.
    """
    newest = find_run(path)
    ready = [run for run in list_runs_of(path) if is_ready(run)]
    finished = [run for run in ready if run.status == "finished"]
    chosen = (finished or ready or [newest])[-1]
    if newest.path in (path, chosen.path):
        return newest, []
    why = "has no model" if not is_ready(newest) else f"is not finished ({newest.status})"
    return chosen, [f"{newest.path} {why}; using {chosen.path}"]


def describe_unfinished(run: Run) -> list[str]:
    """A line that says when the model of an unfinished run was saved; none if it is finished."""
    epochs = f"{run.info.get('epochs_run', 0):,} of {run.info.get('epochs', 0):,} epochs"
    line = f"{run.path} is not finished ({run.status}): its model was saved after {epochs}."
    return [] if run.status == "finished" else [line]


def is_ready(run: Run) -> bool:
    """Whether a run has a saved model that this version can load."""
    return run.status != "damaged" and lexists(run.model_path) and "codec" in run.info


def check_ready(run: Run) -> None:
    """Raise InputError unless ``is_ready``."""
    if is_ready(run):
        return
    check_network(run)
    status = run.status if run.info else ""  # a damaged run.json raises
    rule = f"{run.path} has no saved model that this version can use (status: {status})."
    remedy = "Train" if status == "finished" else "Continue it with --resume, or train"
    raise InputError(f"{rule} {remedy} it again: kerasrecipes train {run.recipe_path}")


def check_exists(data: str) -> None:
    """Raise DataError unless a file or folder is at a path that a person gave."""
    path = str(Path(expanduser(data)).absolute())
    if not any(map(lexists, expand(path))):
        find_files(path)
