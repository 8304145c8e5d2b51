"""A finished run's model scored on rows with known answers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from kerasrecipes.model.build import compile_model
from kerasrecipes.prediction.labelled import read_labelled
from kerasrecipes.prediction.saved import Saved
from kerasrecipes.report import make_report
from kerasrecipes.runs import Run, create_folder
from kerasrecipes.training.fit import make_scorer
from kerasrecipes.training.scores import score_numbers

if TYPE_CHECKING:
    import pandas as pd

PART = "evaluated"

_KEPT = ("name", "description", "seed", "versions", "device", "loss", "optimizer", "parameters")
_NOT_DRAWN = ("learning_curves", "samples")


def evaluate(
    saved: Saved, data: str | pd.DataFrame | None = None, command: Sequence[str] = ()
) -> Run:
    """Score a saved model, and leave a small report inside its run's folder.

    Args:
        saved: The model.
        data: A file or rows with the target's column; None takes the run's own test part.
        command: The command line that asked for this.

    Returns:
        ``evaluations/<time>`` in the run's folder: metrics of the part "evaluated", predictions
        and a report, in the form of a run.

    Raises:
        DataError: The target is missing, or rows break a rule that held in training.
        InputError: The run's own test part is not to be had.
    """
    started_at = datetime.now()
    saved.unseen.clear()
    labelled = read_labelled(saved, data)
    codec, target = saved.codec, labelled.target
    columns = saved.predict(labelled.inputs)
    compile_model(saved.recipe, saved.trained)
    rows = saved.encoder.encode(labelled.inputs), codec.encode(target)
    metrics = make_scorer(saved.trained, rows)(rows)
    if not codec.class_names:
        suffix = "_original_units" if codec.mean else ""
        answers = np.column_stack([*columns.values()])
        metrics |= score_numbers(target, answers, codec.names, suffix)
    run = Run(create_folder(saved.run.path / "evaluations", started_at))
    facts = saved.run.info
    dataset = facts["dataset"] | {"origin": labelled.origin, "rows": {PART: len(target)}}
    if codec.class_names:
        counts = np.bincount(target.astype(np.int64), minlength=len(codec.class_names))
        dataset["class_counts"] = {PART: counts.tolist()}
    warnings = saved.warn_of_unseen()
    run.update(
        **{key: facts[key] for key in _KEPT if key in facts},
        status="finished",
        evaluated=labelled.origin,
        command=shlex.join(command),
        dataset=dataset,
        started_at=started_at.isoformat(timespec="seconds"),
        warnings=warnings,
        plots=[name for name in facts["plots"] if name not in _NOT_DRAWN],
    )
    run.write_recipe(saved.run.recipe_text)
    run.write_predictions({"row": labelled.rows} | codec.name_actual(target) | columns)
    run.write_metrics({PART: metrics})
    remarks = make_report(run, run.info["plots"])
    run.update(warnings=[*warnings, *remarks])
    return run
