"""What a finished run has saved, ready to answer raw rows. Imports TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zipfile import BadZipFile

import keras
from numpy.typing import NDArray

from kerasrecipes.errors import InputError
from kerasrecipes.model.encoder import ENCODER_NAME, Encoder
from kerasrecipes.model.serving import find_trained, load_model, make_predictor
from kerasrecipes.model.target import TargetCodec
from kerasrecipes.prediction.ready import check_ready
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.rows import Piece, Schema, open_rows
from kerasrecipes.rows.dataset import Inputs
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.table import describe_left_out
from kerasrecipes.rows.target import Target
from kerasrecipes.rows.words import count, list_some
from kerasrecipes.runs import Run


@dataclass
class Met:
    """Categories of one column that were met in rows, and that have no place of their own.

    Attributes:
        unseen: No training row had them.
        rare: Training rows had them, too rarely to be told apart.
    """

    unseen: Counter[str] = field(default_factory=Counter)
    rare: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Saved:
    """A run's saved model and what belongs to it.

    Attributes:
        run: Where it was read from.
        recipe: The resolved recipe.
        model: Takes raw rows.
        encoder: Between raw rows and the recipe's first layer.
        codec: Between the last layer and the user's units or classes.
        schema: How rows are read.
        answer: From raw rows to answers of shape (n_samples, n_units).
        vocabularies: By category column, the categories that have a place of their own; a hashed
            column has none.
        met: By column, categories that have no place of their own.
        warnings: What was done to the rows.
    """

    run: Run
    recipe: Recipe
    model: keras.Model
    encoder: Encoder
    codec: TargetCodec
    schema: Schema
    answer: Callable[[Inputs], NDArray[Any]]
    vocabularies: dict[str, set[str]]
    met: dict[str, Met] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def trained(self) -> keras.Sequential:
        """The recipe's own layers."""
        return find_trained(self.model)

    def read(
        self,
        data: Any,
        ids: Sequence[str] = (),
        *,
        with_target: bool = False,
        encoding: str | None = None,
    ) -> Iterator[Piece]:
        """Read rows, a bounded number at once.

        Args:
            data: See ``rows.open_rows``.
            ids: Columns of a table to copy beside the answers.
            with_target: Whether to read the target too.
            encoding: Of delimited text, where it is not that of the training rows.

        Raises:
            DataError: Rows lack columns, or hold what the model cannot take.
            InputError: ``data`` are no rows.
        """
        self.met.clear()
        self.warnings.clear()
        schema, spec = self.schema, self.schema.spec
        if encoding is not None:
            csv = spec.csv.model_copy(update={"encoding": encoding})
            spec = spec.model_copy(update={"csv": csv})
            schema = replace(schema, spec=spec)
        rows = open_rows(data, DatasetSpec())
        n_kept, left_out = 0, Counter[str]()
        for piece in rows.iterate(schema, ids, with_target=with_target):
            self._count_met(piece.inputs)
            self.warnings.extend(text for text in piece.warnings if text not in self.warnings)
            n_kept += len(piece.rows)
            left_out.update(piece.left_out)
            yield piece
        n_rows = n_kept + left_out.total()
        self.warnings.extend(describe_left_out(n, n_rows, reason) for reason, n in left_out.items())

    def predict(self, inputs: Inputs) -> dict[str, NDArray[Any]]:
        """Answer raw rows; columns as in predictions.csv, without "row" and "actual"."""
        return self.codec.decode(self.answer(inputs))

    def list_warnings(self) -> list[str]:
        """What was done to the rows, and the categories that the model cannot tell apart."""
        lines = [*self.warnings]
        for column, met in self.met.items():
            for counts, what, effect in (
                (met.unseen, "no training row had", "it is taken as unknown"),
                (met.rare, "was rare in training", "rare ones share a place"),
            ):
                if n := counts.total():
                    lines.append(
                        f"{column}: {count(n, 'row')} {'has' if n == 1 else 'have'} a category "
                        f"that {what} ({_show(counts)}); {effect}."
                    )
        return lines

    def _count_met(self, inputs: Inputs) -> None:
        if not isinstance(inputs, dict):
            return
        for column in self.schema.columns:
            if column.name not in self.vocabularies:
                continue
            known = self.vocabularies[column.name]
            rare = set(self.run.info.get("rare_categories", {}).get(column.name, ()))
            for value, n in Counter(inputs[column.name].tolist()).items():
                if value not in known:
                    met = self.met.setdefault(column.name, Met())
                    (met.rare if value in rare else met.unseen)[value] += n


def load_saved(run: Run) -> Saved:
    """Load what a run has saved.

    Raises:
        InputError: The run ended before it saved a model, or the model cannot be loaded.
    """
    check_ready(run)
    info = run.info
    try:
        model = load_model(run.model_path)
    except (ValueError, OSError, BadZipFile) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise InputError(
            f"{run.model_path} cannot be loaded: {reason}. Train it again: kerasrecipes train "
            f"{run.recipe_path}"
        ) from error
    facts = info["dataset"]
    columns = tuple(make_column(**column) for column in facts.get("columns", ()))
    encoder = Encoder(columns, model.get_layer(ENCODER_NAME) if columns else None)
    codec = TargetCodec.from_dict(info["codec"])
    recipe = load_recipe(run.recipe_path, needs_source=False)
    task: Task = "classification" if codec.class_names else "regression"
    word = "string_categorical" if codec.class_names else "float"
    target_columns = tuple(
        make_column(**column) for column in facts.get("target_columns", ())
    ) or tuple(make_column(name, word) for name in codec.names)
    target = Target(target_columns, task, codec.class_names, codec.class_type)
    shape = () if columns else tuple(model.input_shape[1:])
    schema = Schema(columns, target, codec.names, shape, recipe.dataset)
    answer = make_predictor(model, encoder)
    return Saved(run, recipe, model, encoder, codec, schema, answer, _read_vocabularies(encoder))


def _read_vocabularies(encoder: Encoder) -> dict[str, set[str]]:
    if encoder.model is None:
        return {}
    lookups = {
        layer.name: layer
        for layer in encoder.model.layers
        if isinstance(layer, keras.layers.StringLookup)
    }
    return {
        name: {*lookups[f"category_{i}"].get_vocabulary(), ""}
        for i, name in enumerate(encoder.categories)
        if f"category_{i}" in lookups
    }


def _show(counts: Counter[str]) -> str:
    return list_some([f"'{value}'" for value, _ in counts.most_common()])
