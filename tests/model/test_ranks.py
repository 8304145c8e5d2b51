"""Layers that take another number of dimensions: named at their lines, with what to write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasrecipes.errors import RecipeError
from kerasrecipes.model.build import build_model

DENSE = {"Dense": {"units": 3, "activation": "softmax"}}
CONV = {"Conv2D": {"filters": 2, "kernel_size": 3}}


def refuse(make_recipe: Any, shape: tuple[int, ...], *layers: Any) -> list[tuple[int, str]]:
    with pytest.raises(RecipeError) as caught:
        build_model(make_recipe(layers=[*layers, DENSE]), np.zeros((2, *shape), np.float32))
    return [(int(problem.path[1]), problem.message) for problem in caught.value.problems]


def test_images_without_a_channel_and_a_forgotten_flatten_come_together(make_recipe):
    assert refuse(make_recipe, (8, 8), CONV) == [
        (
            0,
            "Conv2D takes images of height × width × channels (received: 8×8, without a channel). "
            "Put Reshape: {target_shape: [8, 8, 1]} before it.",
        ),
        (
            1,
            "The last layer must give a row of numbers for each example (received: an output of "
            "6×6×3). Put Flatten before it.",
        ),
    ]


@pytest.mark.parametrize(
    ("shape", "layer", "says"),
    [
        (
            (4,),
            {"LSTM": {"units": 2}},
            "LSTM takes steps × features (received: 4 numbers, with one dimension too few). "
            "Put Reshape: {target_shape: [4, 1]} before it.",
        ),
        (
            (4,),
            CONV,
            "Conv2D takes images of height × width × channels (received: 4 numbers). Put a Reshape "
            "before it that gives them, or remove the layer that flattens them.",
        ),
        (
            (8, 8),
            {"MaxPooling2D": {}},
            "MaxPooling2D takes images of height × width × channels (received: 8×8, without a "
            "channel). Put Reshape: {target_shape: [8, 8, 1]} before it.",
        ),
        (
            (8, 8, 2),
            "GlobalMaxPooling1D",
            "GlobalMaxPooling1D takes steps × features (received: 8×8×2). Use GlobalMaxPooling2D.",
        ),
        (
            (2, 8, 8, 1),
            CONV,
            "Conv2D takes images of height × width × channels (received: 2×8×8×1). Use Conv3D.",
        ),
        (
            (8, 8, 1),
            {"ConvLSTM2D": {"filters": 2, "kernel_size": 3}},
            "ConvLSTM2D takes volumes of depth × height × width × channels (received: 8×8×1, with "
            "one dimension too few). Put Reshape: {target_shape: [8, 8, 1, 1]} before it.",
        ),
        (
            (4,),
            {"Permute": {"dims": [1, 2, 3]}},
            "Permute takes 3 dimensions (received: 4 numbers). Put a Reshape before it that gives "
            "them, or remove the layer that flattens them.",
        ),
        (
            (8, 6, 2),
            {"GRU": {"units": 2}},
            "GRU takes steps × features (received: 8×6×2). Put Reshape: {target_shape: [8, 12]} "
            "before it.",
        ),
        (
            (1, 4),
            {"AdaptiveMaxPooling1D": {"output_size": 2}},
            "Keras 3.15 pools over more steps than there are (received: 1×4), at which TensorFlow "
            "ends the process. Remove AdaptiveMaxPooling1D, since one step needs no pooling.",
        ),
        (
            (2, 8, 1),
            CONV,
            "Conv2D needs 3×3 or more (received: 2×8×1 with the channels). Make kernel_size "
            "smaller, write padding: same, or remove a pooling before it.",
        ),
        (
            (8, 2),
            {"MaxPooling1D": {"pool_size": 9}},
            "MaxPooling1D needs 9 or more (received: 8×2 with the channels). Make pool_size "
            "smaller, write padding: same, or remove a pooling before it.",
        ),
    ],
)
def test_a_layer_with_the_wrong_number_of_dimensions(make_recipe, shape, layer, says):
    assert refuse(make_recipe, shape, layer)[0] == (0, says)


@pytest.mark.parametrize(
    "recurrent",
    [{"LSTM": {"units": 4}}, {"Bidirectional": {"layer": {"GRU": {"units": 2}}}}],
)
def test_recurrent_layers_on_each_other_need_all_steps(make_recipe, recurrent):
    says = (
        " takes steps × features (received: 4 numbers). Write return_sequences: true in the "
        "recurrent layer before it."
    )
    for name, layer in (
        ("LSTM", {"LSTM": {"units": 2}}),
        ("TimeDistributed", {"TimeDistributed": {"layer": {"Dense": {"units": 2}}}}),
    ):
        layers = [recurrent, {"Dropout": {"rate": 0.2}}, layer]
        assert refuse(make_recipe, (8, 3), *layers)[0] == (2, f"{name}{says}")


@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        ((2, 8, 1), [{"Conv2D": {**CONV["Conv2D"], "padding": "same"}}, "Flatten"]),
        ((8, 8), [{"Reshape": {"target_shape": [8, 8, 1]}}, CONV, "Flatten"]),
        ((8, 8), [{"LSTM": {"units": 2}}]),
        ((8, 8), ["Flatten"]),
        ((2, 4), [{"AdaptiveMaxPooling1D": {"output_size": 2}}, "Flatten"]),
        ((4,), [{"Reshape": {"target_shape": [4, 1]}}, {"LSTM": {"units": 2}}]),
        ((8, 8, 3), [CONV, "GlobalAveragePooling2D", {"RepeatVector": {"n": 2}}, "Flatten"]),
        ((4,), [{"Embedding": {"input_dim": 9, "output_dim": 2}}, {"GRU": {"units": 2}}]),
    ],
)
def test_what_was_advised_is_built(make_recipe, shape, layers):
    model = build_model(make_recipe(layers=[*layers, DENSE]), np.zeros((2, *shape), np.float32))
    assert model.output_shape == (None, 3)
