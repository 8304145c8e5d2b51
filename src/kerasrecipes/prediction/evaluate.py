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
from kerasrecipes.model.serving import find_trained, make_mask_reader
from kerasrecipes.prediction.saved import Saved
from kerasrecipes.report import keep_columns, make_report
from kerasrecipes.rows import Part, load_for
from kerasrecipes.rows.dataset import count_classes
from kerasrecipes.rows.windows import join_pieces, name_simple_forecasts
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

    ``data`` is as for ``rows.open_rows``, with the target; None takes the run's own test part.
    """
    started_at, facts, codec = datetime.now(), saved.run.info, saved.codec
    labelled, origin = _read_labelled(saved, data)
    target, weights = labelled.target, labelled.weights
    outputs, model = saved.answer(labelled.inputs), find_trained(saved.model)
    compile_model(saved.recipe, model, is_weighted=weights is not None)
    rows: tuple[NDArray[Any], ...] = saved.encoder.encode(labelled.inputs), codec.encode(target)
    if weights is not None:
        rows = (*rows, spread_weights(weights, model))
    metrics = Scorer(model, rows, saved.recipe.batch_size)(rows)
    read_mask = make_mask_reader(model)
    known = read_mask(rows[0]) if read_mask else None
    dataset = facts["dataset"] | {"origin": origin, "rows": {PART: len(target)}}
    dataset["weighted"] = weights is not None
    if saved.schema.target.task == "regression":
        if not np.isfinite(outputs).all():
            raise InputError(f"{saved.run.path} predicts NaN or infinity, which has no score.")
        metrics |= score_answers(codec, target, outputs, known, weights)
    else:
        counts = count_classes(target, len(codec.class_names), known)
        dataset["class_counts"] = {PART: counts}
    check_place(saved.run.path / "evaluations")
    run = RunWriter(create_folder(saved.run.path / "evaluations", started_at))
    if facts["dataset"].get("weighted") and weights is None:
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
    spec = saved.recipe.dataset
    if data is not None:
        read = join_pieces([*saved.read(data, with_target=True)])
        name = Path(data).name if isinstance(data, str) else type(data).__name__
        if read.values is None or not len(read.rows):
            raise InputError(f"{name} has no row with an answer to compare with. Add some.")
        labelled = Part(read.inputs, read.values, read.rows, read.weights)
        labelled.check_weights(name, spec.sample_weight or "sample_weight")
        return labelled, name
    remedy = "Give rows with known answers: --data FILE, or evaluate(data) in Python."
    if not (spec.name or spec.path or spec.openml or spec.sklearn):
        raise InputError(f"This run was trained on a DataFrame, which is not saved. {remedy}")
    dataset = load_for(saved.recipe)
    if dataset.fingerprint != saved.run.info["dataset"]["fingerprint"]:
        rule = f"{dataset.name} has changed since this run was trained, so it is not known which of"
        raise InputError(f"{rule} its rows were trained on. {remedy}")
    saved.warnings.clear()
    saved.unplaced.clear()
    return dataset.parts["test"], "the run's own test part"
