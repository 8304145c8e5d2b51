"""A finished run's saved model, ready to predict raw rows. Imports TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, InputError
from kerasrecipes.model.encoder import ENCODER_NAME, Encoder
from kerasrecipes.model.serving import find_trained, make_predictor
from kerasrecipes.model.target import TargetCodec, name_column
from kerasrecipes.prediction.model_file import load_run_model
from kerasrecipes.prediction.ready import check_ready, describe_unfinished
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.report.results import find_half_widths
from kerasrecipes.report.serving import list_inputs
from kerasrecipes.rows import Piece, Schema, open_rows
from kerasrecipes.rows.compatibility import check_ids
from kerasrecipes.rows.dataset import Inputs
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.table import describe_left_out
from kerasrecipes.rows.target import Target
from kerasrecipes.rows.words import count, list_some
from kerasrecipes.run_files import check_file, report_damage
from kerasrecipes.runs import RUN_JSON, Run

if TYPE_CHECKING:
    import keras


_WORDS = {"classification": "string_categorical", "regression": "float", "multilabel": "boolean"}
"""How a target that is no column of a table is read, by the task."""


@dataclass(frozen=True)
class Saved:
    """A run's saved model with its encoder, codec and schema.

    Attributes:
        run: Where it was read from.
        recipe: The resolved recipe.
        model: Takes raw rows.
        encoder: Between raw rows and the recipe's first layer.
        codec: Between the last layer and the user's units or classes.
        schema: How rows are read.
        answer: From raw rows to answers of shape (n_samples, n_units).
        vocabularies: By category column, the categories that have a column of their own; a hashed
            column has none.
        unplaced: Categories in rows that have no place of their own, by column and whether they
            were rare in training.
        warnings: Changes to the rows.
    """

    run: Run
    recipe: Recipe
    model: keras.Model
    encoder: Encoder
    codec: TargetCodec
    schema: Schema
    answer: Callable[[Inputs], NDArray[Any]]
    vocabularies: dict[str, set[str]]
    unplaced: dict[tuple[str, bool], Counter[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def trained(self) -> keras.Sequential:
        """The recipe's own layers."""
        return find_trained(self.model)

    def read(
        self, data: Any, ids: Sequence[str] = (), *, with_target: bool = False
    ) -> Iterator[Piece]:
        """Read rows, a bounded number at once; see ``rows.open_rows`` and ``Rows.iterate``."""
        self.reset_warnings()
        schema = self.schema
        if ids and not schema.is_table:
            raise InputError(
                f"--id names columns of a table, and this run takes {schema.takes}. Remove it."
            )
        rows = open_rows(data, DatasetSpec(path=schema.spec.path))
        n_kept, left_out = 0, Counter[str]()
        for piece in rows.iterate(schema, ids, with_target=with_target):
            for _, problem in check_ids(self.recipe, [piece], schema.columns):
                raise DataError(rows.name, [problem])
            self._count_unplaced(piece.inputs)
            self.warnings.extend(text for text in piece.warnings if text not in self.warnings)
            n_kept += len(piece.rows)
            left_out.update(piece.left_out)
            yield piece
        n_rows = n_kept + left_out.total()
        self.warnings.extend(describe_left_out(n, n_rows, reason) for reason, n in left_out.items())

    def predict(self, inputs: Inputs, interval: float | None = None) -> dict[str, NDArray[Any]]:
        """Predict raw rows; columns as in predictions.csv, without "row" and "actual".

        Args:
            interval: The level of intervals "low" to "high" of numbers; None for no intervals.
        """
        answers = self.codec.decode(self.answer(inputs))
        if interval is not None:
            half_widths = self._find_half_widths(interval)
            for i, (values, half) in enumerate(zip([*answers.values()], half_widths, strict=True)):
                answers[name_column("low", self.codec.names, i)] = values - half
                answers[name_column("high", self.codec.names, i)] = values + half
        return answers

    def _find_half_widths(self, level: float) -> NDArray[np.float64]:
        """Half the width of each target's interval; raises InputError where there is none."""
        is_number = self.schema.target.task == "regression" and not self.codec.is_array
        if not is_number or (residuals := self.run.residuals) is None:
            raise InputError(
                "Intervals are for numbers, and are computed from the residuals of validation "
                f"rows, which {self.run.path} does not have. For numbers, set "
                "dataset.validation_split, such as 0.2, and train it again: kerasrecipes train "
                f"{self.run.recipe_path}"
            )
        with report_damage(self.run.path / "residuals.npz"):
            if residuals.shape[1] != len(self.codec.names):
                raise ValueError(f"it has residuals of {residuals.shape[1]} targets")
        return find_half_widths(residuals, level)

    def reset_warnings(self) -> None:
        """Reset the warnings and counts of rows that were read before."""
        self.unplaced.clear()
        self.warnings.clear()

    def list_warnings(self) -> list[str]:
        """Changes to the rows, and categories that the model cannot distinguish."""
        lines, recipe = [*describe_unfinished(self.run), *self.warnings], self.recipe
        is_chosen = self.codec.thresholds or self.run.status == "finished"
        if not is_chosen and (recipe.calibrate or recipe.threshold is not None):
            lines.append("This run ended before its threshold or temperature was chosen.")
        for column, is_rare in sorted(self.unplaced):
            counts = self.unplaced[column, is_rare]
            what = "was rare in training" if is_rare else "no training row had"
            effect = "rare ones share a place" if is_rare else "it is taken as unknown"
            shown = list_some([f"'{value}'" for value, _ in counts.most_common()])
            have = "has" if counts.total() == 1 else "have"
            lines.append(
                f"{column}: {count(counts.total(), 'row')} {have} a category that {what} "
                f"({shown}); {effect}."
            )
        return lines

    def _count_unplaced(self, inputs: Inputs) -> None:
        if not isinstance(inputs, dict):
            return
        rare_by_column = self.run.info.get("rare_categories", {})
        for column, known in self.vocabularies.items():
            rare = {*rare_by_column.get(column, ())}
            for value, n in Counter(inputs[column].tolist()).items():
                if value not in known:
                    self.unplaced.setdefault((column, value in rare), Counter())[value] += n


def load_saved(run: Run, encoding: str | None = None) -> Saved:
    """Load a run's saved model.

    Args:
        encoding: Of delimited text to predict, where it is not that of the training rows.

    Raises:
        InputError: The run ended before it saved a model, or the model cannot be loaded.
    """
    check_ready(run)
    check_file(run.recipe_path)
    recipe = load_recipe(run.recipe_path, needs_source=False)
    model = load_run_model(run)
    with report_damage(run.path / RUN_JSON):
        info = run.info
        facts = info["dataset"]
        columns = tuple(make_column(**column) for column in facts.get("columns", ()))
        encoder = Encoder(columns, model.get_layer(ENCODER_NAME) if columns else None)
        codec = TargetCodec.from_dict(info["codec"])
        _check_fit(model, facts, codec)
        vocabularies = _read_vocabularies(encoder)
    task: Task = "classification" if codec.class_names else "regression"
    task = "multilabel" if codec.is_multilabel else task
    target_columns = [make_column(**column) for column in facts.get("target_columns", ())]
    if not target_columns:
        target_columns = [make_column(name, _WORDS[task]) for name in codec.names]
    target = Target(
        tuple(target_columns), task, codec.class_names, codec.class_type, codec.target_shape
    )
    shape, spec = () if columns else tuple(model.input_shape[1:]), recipe.dataset
    if encoding is not None:
        csv = spec.csv.model_copy(update={"encoding": encoding})
        spec = spec.model_copy(update={"csv": csv})
    schema = Schema(columns, target, shape, spec)
    answer = make_predictor(model, encoder)
    return Saved(run, recipe, model, encoder, codec, schema, answer, vocabularies)


def _check_fit(model: keras.Model, facts: Mapping[str, Any], codec: TargetCodec) -> None:
    """Check that a model takes and gives what run.json describes.

    Raises:
        ValueError: It does not.
    """
    takes = {each.name: (each.dtype, *each.shape[1:]) for each in model.inputs}
    listed = {each.name: (each.dtype, *each.shape) for each in list_inputs(facts)}
    if takes != listed or model.output_shape[1:] != (*codec.steps, codec.n_units):
        raise ValueError("it describes another model than model.keras")
    codec.decode(np.zeros((1, *codec.steps, codec.n_units), np.float32))


def _read_vocabularies(encoder: Encoder) -> dict[str, set[str]]:
    layers = encoder.model.layers if encoder.model else ()
    lookups = {layer.name: layer for layer in layers if hasattr(layer, "get_vocabulary")}
    return {
        name: {*lookups[f"category_{i}"].get_vocabulary(), ""}
        for i, name in enumerate(encoder.inputs.get("categories", ()))
        if f"category_{i}" in lookups
    }
