"""Whether a run has what prediction needs; imports no TensorFlow."""

from __future__ import annotations

from kerasrecipes.errors import InputError
from kerasrecipes.runs import Run, list_runs_of

_REASONS = {
    "running": "it is still running, or was killed. Wait for its end, or train it again",
    "failed": "it failed. Train it again",
    "interrupted": "it was interrupted before it learnt anything. Train it again",
}


def check_ready(run: Run) -> None:
    """Make sure that a run has a saved model.

    Raises:
        InputError: It ended before it saved one, or an old version of kerasrecipes trained it.
    """
    info = run.info
    if run.model_path.exists() and "codec" in info:
        return
    reason = _REASONS.get(info.get("status", ""), "its file is gone. Train it again")
    if run.model_path.exists():
        reason = "an older version of kerasrecipes saved it. Train it again"
    others = [other for other in list_runs_of(run.path.parent) if other.model_path.exists()]
    older = [other.path for other in others if "codec" in other.info and other.path != run.path]
    hint = f"\n  There is another run with a model: {older[-1]}" if older else ""
    raise InputError(
        f"{run.path} has no saved model to use: {reason}: kerasrecipes train "
        f"{run.recipe_path}{hint}"
    )
