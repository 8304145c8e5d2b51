"""What a finished run has saved, ready to answer raw rows. Imports TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data import Column
from kerasrecipes.data.columns import read_columns
from kerasrecipes.data.dataset import Inputs
from kerasrecipes.data.images import ColorMode
from kerasrecipes.data.values import find_missing, show_rows
from kerasrecipes.errors import DataError, InputError
from kerasrecipes.model.encoder import ENCODER_NAME, Encoder
from kerasrecipes.model.serving import find_trained, load_model, make_predictor
from kerasrecipes.model.target import TargetCodec
from kerasrecipes.prediction.ready import check_ready
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.schema import Task
from kerasrecipes.runs import Run

if TYPE_CHECKING:
    import pyarrow as pa

VALUES_SHOWN = 5


@dataclass(frozen=True)
class Saved:
    """A run's saved model and what stands around it.

    Attributes:
        run: Where it was read from.
        recipe: The resolved recipe.
        model: Takes raw rows.
        encoder: Between raw rows and the recipe's first layer.
        codec: Between the last layer and the user's units or classes.
        answer: From raw rows to answers of shape (n_samples, n_units).
        vocabularies: By category column, what training had shown; a hashed column takes anything.
        unseen: By column, categories that the model does not know, and how often they were met.
    """

    run: Run
    recipe: Recipe
    model: keras.Model
    encoder: Encoder
    codec: TargetCodec
    answer: Callable[[Inputs], NDArray[Any]]
    vocabularies: dict[str, set[str]]
    unseen: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def trained(self) -> keras.Sequential:
        """The recipe's own layers."""
        return find_trained(self.model)

    @property
    def task(self) -> Task:
        """What the target asks for."""
        return "classification" if self.codec.class_names else "regression"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one raw row where the data are an array."""
        return tuple(self.model.input_shape[1:])

    @property
    def is_table(self) -> bool:
        """Whether the data are named columns rather than one array."""
        return self.encoder.model is not None

    @property
    def image_form(self) -> tuple[int, int, ColorMode]:
        """Height, width and colours of the images that the model takes; no height for others."""
        if len(self.shape) == 3 and self.shape[2] in (1, 3):
            return self.shape[0], self.shape[1], "rgb" if self.shape[2] == 3 else "grayscale"
        return (*self.shape, "grayscale") if len(self.shape) == 2 else (0, 0, "grayscale")

    @property
    def takes(self) -> str:
        """What it takes, in words: "the columns x, y", "images or arrays of shape (8, 8)"."""
        if self.is_table:
            return f"the columns {', '.join(column.name for column in self.encoder.columns)}"
        images = "images or " if self.image_form[0] else ""
        return f"{images}arrays of shape {self.shape}"

    def read_table(self, table: pa.Table, origin: str, first_row: int = 0) -> Inputs:
        """Read the columns that the model knows; others are left aside, their order is free.

        Args:
            table: Missing values are null.
            origin: The file's name, for messages.
            first_row: The number of the table's first row in its file, counted from 0.

        Raises:
            DataError: Columns are missing or hold other values than in training, or values are
                missing where the recipe fills none.
        """
        inputs = read_columns(table, self.encoder.columns, origin, first_row)
        self._check_values(inputs, origin, first_row)
        self._count_unseen(inputs)
        return inputs

    def predict(self, inputs: Inputs) -> dict[str, NDArray[Any]]:
        """Answer raw rows; columns as in predictions.csv, without "row" and "actual"."""
        return self.codec.decode(self.answer(inputs))

    def warn_of_unseen(self) -> list[str]:
        """A line for each column in which categories were met that the model does not know."""
        lines = []
        for column, counts in self.unseen.items():
            shown = ", ".join(f"'{value}'" for value, _ in counts.most_common(VALUES_SHOWN))
            more = f" and {len(counts) - VALUES_SHOWN:,} more" if len(counts) > VALUES_SHOWN else ""
            rows = "1 row has" if counts.total() == 1 else f"{counts.total():,} rows have"
            lines.append(
                f"{column}: {rows} a category that the model does not know ({shown}{more}); it is "
                "taken as unknown."
            )
        return lines

    def _check_values(self, inputs: Inputs, origin: str, first_row: int) -> None:
        """Hold values to what training held its own to."""
        if not isinstance(inputs, dict):
            return
        strategy = self.recipe.dataset.missing
        problems, gaps = [], []
        for column in self.encoder.columns:
            values = inputs[column.inputs[0]]
            if column.kind == "number" and len(rows := np.flatnonzero(np.isinf(values))):
                problems.append(
                    f"column {column.name}: no finite number in {show_rows(rows + first_row)}. "
                    "Mend or remove these rows."
                )
            if strategy in ("error", "drop") and len(rows := np.flatnonzero(find_missing(values))):
                gaps.append(f"{column.name} {len(rows):,} ({show_rows(rows + first_row)})")
        if gaps:
            problems.append(
                f"values are missing: {', '.join(gaps)}. The recipe's missing is {strategy}, so "
                "the model never learnt what to make of that. Fill or remove these rows, or train "
                "with missing: median."
            )
        if problems:
            raise DataError(origin, problems)

    def _count_unseen(self, inputs: Inputs) -> None:
        if not isinstance(inputs, dict):
            return
        for name, known in self.vocabularies.items():
            counts = Counter(inputs[name].tolist())
            new = Counter({value: n for value, n in counts.items() if value not in known})
            if new:
                self.unseen.setdefault(name, Counter()).update(new)


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
    columns = tuple(_read_column(facts) for facts in info["dataset"].get("columns", ()))
    encoder = Encoder(columns, model.get_layer(ENCODER_NAME) if columns else None)
    codec = TargetCodec.from_dict(info["codec"])
    recipe = load_recipe(run.recipe_path, needs_source=False)
    answer = make_predictor(model, encoder)
    return Saved(run, recipe, model, encoder, codec, answer, _read_vocabularies(encoder))


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


def _read_column(facts: dict[str, Any]) -> Column:
    return Column(**{**facts, "parts": tuple(facts["parts"])})
