"""A recipe's model for its data: encoder, trained layers and the model that is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasrecipes.backend import import_keras
from kerasrecipes.errors import KeyPath
from kerasrecipes.model.build import (
    build_model,
    call_keras,
    compile_model,
    describe_layers,
    needs_adapting,
)
from kerasrecipes.model.checks import check_batch, check_output
from kerasrecipes.model.encoder import Encoder, fit_encoder
from kerasrecipes.model.randomness import seeding
from kerasrecipes.model.serving import make_serving_model
from kerasrecipes.model.target import TargetCodec, fit_target
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.directions import find_directions
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.dataset import take_rows


@dataclass(frozen=True)
class Built:
    """A model ready to fit.

    Attributes:
        model: The recipe's layers, compiled.
        serving: The model that is saved; it shares these layers.
        encoder: Encodes raw rows before these layers.
        codec: Encodes the target.
        layers: A row per layer, see ``describe_layers``.
    """

    model: keras.Sequential
    serving: keras.Model
    encoder: Encoder
    codec: TargetCodec
    layers: list[dict[str, Any]]

    def encode(self, dataset: Dataset, part: str) -> tuple[np.ndarray, ...]:
        """A part's rows as the model's own input and target, and their weights if there are any."""
        rows = dataset.parts[part]
        weights = () if rows.weights is None else (rows.weights,)
        return self.encoder.encode(rows.inputs), self.codec.encode(rows.target), *weights

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Facts for run.json: layers, sizes, and how the model is trained."""
        multiply_adds = [row["multiply_adds"] for row in self.layers]
        return {
            "layers": self.layers,
            "parameters": self.model.count_params(),
            "parameters_bytes": sum(
                int(np.prod(weight.shape)) * np.dtype(weight.dtype).itemsize
                for weight in self.model.weights
            ),
            "multiply_adds": None if None in multiply_adds else sum(multiply_adds),
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": recipe.optimizer.name,
            "loss": recipe.loss.name,
            "higher_is_better": find_directions(recipe.metrics),
        }


def build(recipe: Recipe, dataset: Dataset) -> Built:
    """Build and compile the recipe's model for its data.

    Raises:
        InputError: Keras rejects a part of the recipe, or has other settings in this process.
    """
    import_keras()
    with seeding(recipe.seed):
        train = dataset.parts["train"]
        takes_text = recipe.layers[0].name == "TextVectorization"
        place: KeyPath = ("layers", 0) if takes_text else ("dataset", "features")
        encoder = call_keras(recipe, place, lambda: fit_encoder(dataset, recipe.dataset))
        sees_all = any(map(needs_adapting, recipe.layers))
        inputs = encoder.encode(take_rows(train.inputs, slice(None if sees_all else 2)))
        model = build_model(recipe, inputs)
        check_output(recipe, dataset, model)
        *steps, n_units = model.output_shape[1:]
        codec = fit_target(recipe, dataset, n_units, tuple(steps))
        check_batch(recipe, model, inputs[:2], codec.encode(train.target[:2]))
        compile_model(recipe, model, is_weighted=train.weights is not None)
        serving = make_serving_model(model, encoder, codec, inputs.shape[1:])
        layers = describe_layers(recipe, model, encoder.model)
        return Built(model, serving, encoder, codec, layers)
