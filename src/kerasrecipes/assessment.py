"""Predictions after the fit, and scores in the user's units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kerasrecipes.recipe import Recipe
from kerasrecipes.report import N_SAMPLES, choose_samples, keep_columns
from kerasrecipes.report.results import sort_residuals
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.dataset import take_rows
from kerasrecipes.rows.windows import name_simple_forecasts
from kerasrecipes.run_facts import describe_dataset, is_image
from kerasrecipes.runs import RunWriter

if TYPE_CHECKING:
    from kerasrecipes.model.built import Built


def predict_test(
    run: RunWriter,
    recipe: Recipe,
    dataset: Dataset,
    built: Built,
    metrics: dict[str, dict[str, float]],
    limit_s: float,
) -> None:
    """Predict raw rows, compare those of the saved model, and save the report's data.

    Args:
        run: Where predictions and samples are written.
        metrics: By part, the scores so far; those in the user's units are added.
        limit_s: The most seconds to spend on the importance of columns, or of places in images.
    """
    from kerasrecipes.model.serving import make_mask_reader, make_predictor, verify_saved
    from kerasrecipes.training.baselines import fit_linear
    from kerasrecipes.training.importance import measure_importance, occlude, rank_inputs
    from kerasrecipes.training.scores import score_answers

    test = dataset.parts["test"]
    predict = make_predictor(built.serving, built.encoder)
    outputs = predict(test.inputs)
    verify_saved(run.model_path, built.encoder, test.inputs, outputs)
    columns = built.codec.decode(outputs)
    read_mask = make_mask_reader(built.network)
    known = {
        name: read_mask(built.encoder.encode(part.inputs)) if read_mask else None
        for name, part in dataset.parts.items()
    }
    actual = built.codec.name_actual(test.target, known["test"])
    period = run.info["dataset"].get("period", 0)
    simple = name_simple_forecasts(test.inputs, dataset.target_names, period)
    if dataset.is_table and {"importance", "residuals_by_column"} & {*run.info["plots"]}:
        run.update(importance=measure_importance(built, predict, test, outputs, limit_s))
    kept = keep_columns(test, rank_inputs(run.info, built.encoder.columns))
    run.write_predictions({"row": test.rows} | actual | columns | simple | kept)
    if known["test"] is not None:  # now it is known which classes are counted
        run.update(dataset=describe_dataset(recipe, dataset, known))
    if dataset.task == "regression":
        for name, part in dataset.parts.items():
            answers = outputs if part is test else predict(part.inputs)
            scores = score_answers(built.codec, part.target, answers, known[name], part.weights)
            metrics[name] |= scores
            if name == "validation" and not built.codec.is_array:
                pair = (each.reshape(len(part), -1) for each in (part.target, answers))
                run.write_residuals(sort_residuals(*pair))
    run.update(linear_model=fit_linear(recipe, dataset, built, outputs))
    if is_image(recipe, dataset) and dataset.task != "multilabel":
        positions = np.arange(min(N_SAMPLES, len(test)))
        if dataset.task == "classification" and not built.codec.is_array:
            is_correct = columns["predicted"] == actual["actual"]
            chances = [columns[f"probability_{name}"] for name in built.codec.class_names]
            positions = choose_samples(is_correct, np.max(chances, axis=0))
        images, drops = np.asarray(take_rows(test.inputs, positions)), {}
        if "occlusion" in run.info["plots"] and dataset.n_classes and not built.codec.is_array:
            drops["drops"] = occlude(predict, images, outputs[positions], limit_s)
        run.write_samples(images=images, positions=positions, **drops)
