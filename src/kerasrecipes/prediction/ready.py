"""Checks that a run has the files for prediction; imports no TensorFlow."""

from __future__ import annotations

from pathlib import Path

from kerasrecipes.errors import InputError
from kerasrecipes.runs import Run, find_run, list_runs_of

_REASONS = {
    "running": "it is still running, or was killed. Wait for its end, or train it again",
    "failed": "it failed. Train it again",
    "interrupted": "it stopped before the first epoch ended. Train it again",
}


def find_ready(path: Path) -> tuple[Run, list[str]]:
    """Find the run at a path: its own folder, or in ``runs/<name>`` the newest with a model.

    Returns:
        The run, which is the newest where none has a model, and a line that names a newer one.

    Raises:
        RunNotFound: Neither holds a run.
    """
    newest = find_run(path)
    ready = [run for run in list_runs_of(path) if is_ready(run)]
    if newest.path == path or not ready or ready[-1].path == newest.path:
        return newest, []
    return ready[-1], [f"{newest.path} has no model; using {ready[-1].path}"]


def is_ready(run: Run) -> bool:
    """Whether a run has a saved model that this version can load."""
    return run.model_path.exists() and "codec" in run.info


def check_ready(run: Run) -> None:
    """Make sure that a run has a saved model.

    Raises:
        InputError: It ended before it saved one, or an old version of kerasrecipes trained it.
    """
    if is_ready(run):
        return
    reason = _REASONS.get(run.info.get("status", ""), "its file is gone. Train it again")
    if run.model_path.exists():
        reason = "an older version of kerasrecipes saved it. Train it again"
    others = [other.path for other in list_runs_of(run.path.parent) if is_ready(other)]
    hint = f"\n  There is another run with a model: {others[-1]}" if others else ""
    raise InputError(
        f"{run.path} has no saved model to use: {reason}: kerasrecipes train "
        f"{run.recipe_path}{hint}"
    )
