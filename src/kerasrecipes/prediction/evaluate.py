"""Scores a finished run's model on rows that have the target."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import InputError
from kerasrecipes.model.build import compile_model
from kerasrecipes.model.built import spread_weights
from kerasrecipes.model.serving import make_mask_reader
from kerasrecipes.prediction.saved import Saved
from kerasrecipes.report import keep_columns, make_report
from kerasrecipes.rows import Part, load_for
from kerasrecipes.rows.dataset import check_weights, count_classes
from kerasrecipes.rows.series import join_pieces
from kerasrecipes.rows.windows import name_simple_forecasts
from kerasrecipes.run_files import check_place
from kerasrecipes.runs import Run, RunWriter, create_folder
from kerasrecipes.training.assessment import rank_inputs, score_answers
from kerasrecipes.training.fit import Scorer

PART = "evaluated"

_KEPT = (
    *("name", "description", "seed", "versions", "device", "loss", "optimizer", "parameters"),
    *("class_weights", "codec"),
)
_NOT_DRAWN = ("learning_curves", "samples", "importance", "occlusion")


def evaluate(saved: Saved, data: Any = None, command: Sequence[str] = ()) -> Run:
    """Score a saved model, and write a small report: a run ``evaluations/<time>`` in its folder.

    Args:
        data: A file or rows with the target's column, see ``rows.open_rows``; None takes the run's
            own test part.
        command: The command line that started the evaluation.

    Raises:
        DataError: The target is missing, or rows break a rule of training.
        InputError: The run's own test part is not available.
    """
    started_at = datetime.now()
    labelled, origin = _read_labelled(saved, data)
    codec, target = saved.codec, labelled.target
    outputs = saved.answer(labelled.inputs)
    is_weighted = labelled.weights is not None
    compile_model(saved.recipe, saved.trained, is_weighted=is_weighted)
    rows: tuple[NDArray[Any], ...] = saved.encoder.encode(labelled.inputs), codec.encode(target)
    if labelled.weights is not None:
        rows = (*rows, spread_weights(labelled.weights, saved.trained))
    metrics = Scorer(saved.trained, rows, saved.recipe.batch_size)(rows)
    read_mask = make_mask_reader(saved.trained)
    known = read_mask(rows[0]) if read_mask else None
    if saved.schema.target.task == "regression":
        if not np.isfinite(outputs).all():
            raise InputError(f"{saved.run.path} predicts NaN or infinity, which has no score.")
        metrics |= score_answers(codec, target, outputs, known, labelled.weights)
    check_place(saved.run.path / "evaluations")
    run = RunWriter(create_folder(saved.run.path / "evaluations", started_at))
    facts = saved.run.info
    dataset = facts["dataset"] | {"origin": origin, "rows": {PART: len(target)}}
    dataset["weighted"] = is_weighted
    if saved.schema.target.task != "regression":
        counts = count_classes(target, len(codec.class_names), known)
        dataset["class_counts"] = {PART: counts}
    if facts["dataset"].get("weighted") and not is_weighted:
        saved.warnings.append("These rows have no sample_weight, so their scores are unweighted.")
    warnings = saved.list_warnings()
    run.update(
        **{key: facts[key] for key in _KEPT if key in facts},
        status="finished",
        evaluated=origin,
        command=shlex.join(command),
        dataset=dataset,
        started_at=started_at.isoformat(timespec="seconds"),
        warnings=warnings,
        plots=[name for name in facts["plots"] if name not in _NOT_DRAWN],
    )
    run.write_recipe(saved.run.recipe_text)
    answers = codec.name_actual(target, known) | codec.decode(outputs)
    answers |= name_simple_forecasts(labelled.inputs, codec.names, dataset.get("period", 0))
    kept = keep_columns(labelled, rank_inputs(facts, saved.encoder.columns))
    run.write_predictions({"row": labelled.rows} | answers | kept)
    if (residuals := saved.run.residuals) is not None:
        run.write_residuals(residuals)
    run.write_metrics({PART: metrics})
    remarks = make_report(run, run.info["plots"])
    run.update(warnings=[*warnings, *remarks])
    return run


def _read_labelled(saved: Saved, data: Any) -> tuple[Part, str]:
    """Rows with their answers, and where they came from in words."""
    if data is None:
        return _load_test_part(saved), "the run's own test part"
    read = join_pieces([*saved.read(data, with_target=True)])
    target: Any = read.values
    name = Path(data).name if isinstance(data, str) else type(data).__name__
    if not len(read.rows):
        raise InputError(f"{name} has no row with an answer to compare with. Add some.")
    check_weights(read.weights, name, saved.schema.spec.sample_weight or "sample_weight")
    return Part(read.inputs, target, read.rows, read.weights), name


def _load_test_part(saved: Saved) -> Part:
    spec, facts = saved.recipe.dataset, saved.run.info["dataset"]
    remedy = "Give rows with known answers: --data FILE, or evaluate(data) in Python."
    if not (spec.name or spec.path or spec.openml or spec.sklearn):
        raise InputError(f"This run was trained on a DataFrame, which is not saved. {remedy}")
    dataset = load_for(saved.recipe)
    if dataset.fingerprint != facts["fingerprint"]:
        raise InputError(
            f"{dataset.name} has changed since this run was trained, so it is not known which of "
            f"its rows were trained on. {remedy}"
        )
    saved.reset_warnings()
    return dataset.parts["test"]
