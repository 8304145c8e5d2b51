"""A finished run's saved model, which predicts and is scored on raw rows. Imports TensorFlow."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.model.build import compile_model
from kerasrecipes.model.built import spread_weights
from kerasrecipes.model.encoder import ENCODER_NAME, Encoder
from kerasrecipes.model.serving import find_trained, make_mask_reader, make_predictor
from kerasrecipes.model.target import TargetCodec
from kerasrecipes.prediction.model_file import load_run_model
from kerasrecipes.prediction.ready import check_ready, describe_unfinished
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.report import keep_columns, make_report
from kerasrecipes.report.results import find_half_widths
from kerasrecipes.report.serving import list_inputs
from kerasrecipes.rows import Part, Piece, Schema, load_for, open_rows
from kerasrecipes.rows.compatibility import check_ids
from kerasrecipes.rows.dataset import Inputs, Source, count_classes
from kerasrecipes.rows.kinds import group_inputs, make_column
from kerasrecipes.rows.splits import compute_fingerprint
from kerasrecipes.rows.table import describe_left_out
from kerasrecipes.rows.target import Target
from kerasrecipes.rows.windows import join_pieces, name_simple_forecasts
from kerasrecipes.rows.words import count, list_some
from kerasrecipes.run_files import check_file, check_place, report_damage
from kerasrecipes.runs import RUN_JSON, Run, RunWriter, create_folder
from kerasrecipes.training.assessment import rank_inputs, score_answers
from kerasrecipes.training.fit import Scorer

if TYPE_CHECKING:
    import keras


PART = "evaluated"
_KEPT = (
    *("name", "description", "seed", "versions", "device", "loss", "optimizer", "parameters"),
    *("class_weights", "codec"),
)
_NOT_DRAWN = ("learning_curves", "samples", "importance", "occlusion")
_WORDS = {"classification": "string_categorical", "regression": "float", "multilabel": "boolean"}
"""How a target that is no column of a table is read, by the task."""


@dataclass(frozen=True)
class Saved:
    """A run's saved model with its encoder, codec and schema."""

    run: Run
    recipe: Recipe
    model: keras.Model  # takes raw rows
    encoder: Encoder
    codec: TargetCodec
    schema: Schema
    answer: Callable[[Inputs], NDArray[Any]]  # raw rows to answers of shape (n_samples, n_units)
    vocabularies: dict[str, set[str]]  # by column, the categories with a place of their own
    unplaced: dict[tuple[str, bool], Counter[str]] = field(default_factory=dict)
    """Categories in rows without one, by column and whether they were rare in training."""
    warnings: list[str] = field(default_factory=list)  # of changes to the rows

    def read(
        self, data: Any, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        """Read rows, a bounded number at once; see ``rows.open_rows`` and ``Rows.iterate``."""
        self.unplaced.clear()
        self.warnings.clear()
        schema, rare_by_column = self.schema, self.run.info.get("rare_categories", {})
        if ids and not schema.columns:
            rule = f"--id names columns of a table, and this run takes {schema.takes}"
            raise InputError(f"{rule}. Remove it.")
        rows = open_rows(data, DatasetSpec(path=schema.spec.path))
        n_kept, left_out = 0, Counter[str]()
        for piece in rows.iterate(schema, ids, with_target=with_target):
            for _, problem in check_ids(self.recipe, [piece], schema.columns):
                raise DataError(rows.name, [problem])
            inputs: Any = piece.inputs
            for column, known in self.vocabularies.items():
                rare = rare_by_column.get(column, ())
                for value, n in Counter(inputs[column].tolist()).items():
                    if value not in known:
                        self.unplaced.setdefault((column, value in rare), Counter())[value] += n
            self.warnings.extend(text for text in piece.warnings if text not in self.warnings)
            n_kept += len(piece.rows)
            left_out.update(piece.left_out)
            yield piece
        n_rows = n_kept + left_out.total()
        self.warnings.extend(describe_left_out(n, n_rows, reason) for reason, n in left_out.items())

    def predict(self, inputs: Inputs, interval: float | None = None) -> dict[str, NDArray[Any]]:
        """Predict raw rows; columns as in predictions.csv, without "row" and "actual".

        For numbers, ``interval`` is the level of intervals from "low" to "high".
        """
        codec, run = self.codec, self.run
        answers = codec.decode(self.answer(inputs))
        if interval is None:
            return answers
        is_number = self.schema.target.task == "regression" and not codec.is_array
        if not is_number or (residuals := run.residuals) is None:
            rule = "Intervals are for numbers, and are computed from the residuals of validation"
            remedy = "For numbers, set dataset.validation_split, such as 0.2, and train it again"
            command = f"kerasrecipes train {run.recipe_path}"
            raise InputError(f"{rule} rows, which {run.path} does not have. {remedy}: {command}")
        with report_damage(run.path / "residuals.npz"):
            if residuals.shape[1] != len(codec.names):
                raise ValueError(f"it has residuals of {residuals.shape[1]} targets")
        half_widths = find_half_widths(residuals, interval)
        for i, (values, half) in enumerate(zip([*answers.values()], half_widths, strict=True)):
            half = half.astype(values.dtype)
            answers[codec.name_column("low", i)] = values - half
            answers[codec.name_column("high", i)] = values + half
        return answers

    def list_warnings(self) -> list[str]:
        """Changes to the rows, and categories that the model cannot distinguish."""
        lines, recipe = [*describe_unfinished(self.run), *self.warnings], self.recipe
        is_chosen = self.codec.thresholds or self.run.status == "finished"
        if not is_chosen and (recipe.calibrate or recipe.threshold is not None):
            lines.append("This run ended before its threshold or temperature was chosen.")
        for (column, is_rare), counts in sorted(self.unplaced.items()):
            what = "was rare in training" if is_rare else "no training row had"
            effect = "rare ones share a place" if is_rare else "it is taken as unknown"
            shown = list_some([f"'{v}'" if v else "missing" for v, _ in counts.most_common()])
            rows = f"{count(counts.total(), 'row')} {'has' if counts.total() == 1 else 'have'}"
            lines.append(f"{column}: {rows} a category that {what} ({shown}); {effect}.")
        return lines


def load_saved(run: Run, encoding: str | None = None) -> Saved:
    """Load a run's saved model; texts to predict may have another encoding than in training."""
    check_ready(run)
    check_file(run.recipe_path)
    recipe = load_recipe(run.recipe_path, needs_source=False)
    model = load_run_model(run)
    with report_damage(run.path / RUN_JSON):
        facts, codec = run.info["dataset"], TargetCodec.from_dict(run.info["codec"])
        columns = tuple(make_column(**column) for column in facts.get("columns", ()))
        takes = {each.name: (each.dtype, *each.shape[1:]) for each in model.inputs}
        listed = {each.name: (each.dtype, *each.shape) for each in list_inputs(facts)}
        if takes != listed or model.output_shape[1:] != (*codec.steps, codec.n_units):
            raise ValueError("it describes another model than model.keras")
        codec.decode(np.zeros((1, *codec.steps, codec.n_units), np.float32))
        encoder = Encoder(columns, model.get_layer(ENCODER_NAME) if columns else None)
        names = enumerate(group_inputs(columns).get("categories", ()))
        layers = encoder.model.layers if encoder.model else ()
        # A hashed column has no vocabulary.
        found = {each.name: each for each in layers if hasattr(each, "get_vocabulary")}
        lookups = {name: found.get(f"category_{i}") for i, name in names}
        vocabularies = {
            name: {*each.get_vocabulary()} for name, each in lookups.items() if each is not None
        }
    task: Task = "classification" if codec.class_names else "regression"
    task = "multilabel" if codec.is_multilabel else task
    targets = [make_column(**column) for column in facts.get("target_columns", ())]
    targets = targets or [make_column(name, _WORDS[task]) for name in codec.names]
    target = Target(tuple(targets), task, codec.class_names, codec.class_type, codec.target_shape)
    shape, spec = () if columns else tuple(model.input_shape[1:]), recipe.dataset
    if encoding is not None:
        spec = spec.change_csv(encoding=encoding)
    schema = Schema(columns, target, shape, spec)
    answer = make_predictor(model, encoder)
    return Saved(run, recipe, model, encoder, codec, schema, answer, vocabularies)


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
    spec, facts = saved.recipe.dataset, saved.run.info["dataset"]
    if data is not None:
        read = join_pieces([*saved.read(data, with_target=True)])
        name = Path(data).name if isinstance(data, str) else type(data).__name__
        if read.values is None or not len(read.rows):
            raise InputError(f"{name} has no row with a target to compare with. Add some.")
        labelled = Part(read.inputs, read.values, read.rows, read.weights)
        labelled.check_weights(name, spec.sample_weight or "sample_weight")
        counts, n_rows = facts["rows"], len(labelled)
        task, targets = saved.schema.target.task, saved.codec.names
        rows = Source(**vars(labelled), task=task, target_names=targets)
        has_all = n_rows >= sum(counts.values())
        is_same = has_all and compute_fingerprint(rows) == facts.get("fingerprint")
        path = os.path.abspath(os.path.expanduser(data)) if isinstance(data, str) else ""
        has_trained = spec.path is not None and path == os.path.abspath(spec.path)
        if is_same or (has_trained and n_rows > counts.get("test", 0)):
            some = f"rows of {name}, unless they have been replaced"
            some = f"{counts['train']:,} of these {n_rows:,} rows" if is_same else some
            effect = "so these scores are probably too good. Evaluate other rows."
            saved.warnings.append(f"The model was trained on {some}, {effect}")
        return labelled, name
    remedy = "Give rows that have the target: --data FILE, or evaluate(data) in Python."
    if not (spec.name or spec.path or spec.openml or spec.sklearn):
        raise InputError(f"This run was trained on a DataFrame, which is not saved. {remedy}")
    dataset = load_for(saved.recipe)
    if dataset.fingerprint != facts["fingerprint"]:
        rule = f"{dataset.name} has changed since this run was trained, so it is not known which of"
        raise InputError(f"{rule} its rows were trained on. {remedy}")
    saved.warnings.clear()
    saved.unplaced.clear()
    return dataset.parts["test"], "the run's own test part"
