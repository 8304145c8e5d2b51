"""A recipe's model for its data: encoder, trained layers and the model that is saved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerasrecipes.backend import import_keras
from kerasrecipes.errors import KeyPath
from kerasrecipes.model.build import (
    build_model,
    compile_model,
    describe_layers,
    needs_adapting,
    reporting_at,
)
from kerasrecipes.model.checks import check_batch, check_output
from kerasrecipes.model.encoder import Encoder, fit_encoder
from kerasrecipes.model.matrices import read_matrices
from kerasrecipes.model.randomness import seeding
from kerasrecipes.model.serving import make_predictor, make_serving_model
from kerasrecipes.model.target import TargetCodec, fit_target
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.rules import find_directions
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.dataset import Weights, sample_rows, take_rows
from kerasrecipes.rows.disk import are_on_disk

_ROWS_ADAPTED = 1000
"""Of rows on a disk, a sample that layers such as Normalization are adapted to."""


@dataclass(frozen=True)
class Built:
    """A model ready to fit.

    Attributes:
        model: The layers to train, compiled: all, or those after a frozen pretrained model.
        network: All of the recipe's layers.
        serving: The model that is saved; it shares these layers.
        encoder: Encodes raw rows before these layers.
        codec: Encodes the target.
        layers: A row per layer, see ``describe_layers``.
        remarks: On the files that the recipe's layers read.
        compute_features: From encoded rows to the inputs of ``model``, where these differ.
    """

    model: keras.Sequential
    serving: keras.Model
    encoder: Encoder
    codec: TargetCodec
    layers: list[dict[str, Any]]
    network: keras.Sequential
    remarks: list[str]
    compute_features: Callable[[Any], Any] | None = None

    def encode(self, dataset: Dataset, part: str) -> tuple[Any, ...]:
        """A part's rows as the model's own input and target, and their weights if there are any."""
        rows = dataset.parts[part]
        weights = () if rows.weights is None else (spread_weights(rows.weights, self.network),)
        inputs = self.encoder.encode(rows.inputs)
        if self.compute_features:
            inputs = self.compute_features(inputs)
        return inputs, self.codec.encode(rows.target), *weights

    def describe(self, recipe: Recipe) -> dict[str, Any]:
        """Facts for run.json: layers, sizes, and how the model is trained."""
        multiply_adds = [row["multiply_adds"] for row in self.layers]
        return {
            "layers": self.layers,
            "parameters": self.network.count_params(),
            "parameters_bytes": sum(
                int(np.prod(weight.shape)) * np.dtype(weight.dtype).itemsize
                for weight in self.network.weights
            ),
            "multiply_adds": None if None in multiply_adds else sum(multiply_adds),
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": recipe.optimizer.name,
            "loss": recipe.loss.name,
            "higher_is_better": find_directions(recipe.metrics),
        }


def build(recipe: Recipe, dataset: Dataset, *, computes_once: bool = True) -> Built:
    """Build and compile the recipe's model for its data.

    Args:
        computes_once: Whether the outputs of a frozen pretrained model may be computed once for all
            epochs. The model that callbacks get then takes these.

    Raises:
        InputError: Keras rejects a part of the recipe, or has other settings in this process.
    """
    import_keras()
    with seeding(recipe.seed):
        train = dataset.parts["train"]
        takes_text = recipe.layers[0].name == "TextVectorization"
        place: KeyPath = ("layers", 0) if takes_text else ("dataset", "features")
        with reporting_at(recipe, place):
            encoder = fit_encoder(dataset, recipe.dataset)
        sees_all = any(map(needs_adapting, recipe.layers))
        seen: Any = slice(None if sees_all else 2)
        if sees_all and are_on_disk(train.inputs):
            seen = np.sort(sample_rows(len(train), _ROWS_ADAPTED))
        inputs = encoder.encode(take_rows(train.inputs, seen))
        recipe, remarks = read_matrices(recipe, encoder.model)
        if len(inputs) < len(train) and sees_all:
            remarks.append(f"Layers were adapted to {len(inputs):,} random training rows.")
        network = model = build_model(recipe, inputs, has_array_target=bool(dataset.target_shape))
        check_output(recipe, dataset, network)
        *steps, n_units = network.output_shape[1:]
        codec = fit_target(recipe, dataset, n_units, tuple(steps))
        check_batch(recipe, network, inputs[:2], codec.encode(train.target[:2]))
        compute_features = None
        if computes_once and (n_frozen := _count_frozen(network)):
            first = keras.Input(inputs.shape[1:])
            frozen = keras.Sequential([first, *network.layers[:n_frozen]])
            compute_features = make_predictor(frozen, Encoder())
            rest = network.layers[n_frozen:]
            model = keras.Sequential([keras.Input(frozen.output_shape[1:]), *rest])
            model.dtype_policy = network.dtype_policy
        compile_model(recipe, model, is_weighted=train.weights is not None)
        serving = make_serving_model(network, encoder, codec, inputs.shape[1:])
        layers = describe_layers(recipe, network, encoder.model)
        return Built(model, serving, encoder, codec, layers, network, remarks, compute_features)


def _count_frozen(network: keras.Sequential) -> int:
    """How many of the first layers give a row the same outputs in every epoch.

    0 unless a pretrained model is among them, since other layers cost little, and 0 if these
    outputs are larger than the inputs.
    """
    n_frozen = 0
    for layer in network.layers[:-1]:
        is_random = len(layer.variables) > len(layer.weights)  # these have no states of seeds
        has_statistics = layer.trainable and layer.weights and not hasattr(layer, "adapt")
        if is_random or has_statistics or layer.trainable_weights:
            break
        n_frozen += 1
    frozen = network.layers[:n_frozen]
    if not any(hasattr(layer, "inputs") for layer in frozen):
        return 0
    is_small = math.prod(frozen[-1].output.shape[1:]) <= math.prod(network.input_shape[1:])
    return n_frozen if is_small else 0


def spread_weights(weights: Weights, network: keras.Sequential) -> Weights:
    """The weights of rows, for every step or pixel of the outputs.

    Keras would take weights of shape (n_samples,) for those of the last axis, such as an image's
    columns.

    Returns:
        Shape (n_samples, ...), that of the outputs without their last axis.
    """
    shape = network.output_shape[1:-1]
    each = weights.reshape(-1, *[1] * len(shape))
    return np.broadcast_to(each, (len(weights), *shape))
