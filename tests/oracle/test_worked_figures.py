"""The figures that the notes work out by hand, from the oracle and from Keras."""

import keras
import numpy as np
import pytest

from .numpy_network import inverse_sigmoid, sigmoid, softmax

SIGMOID_BY_HAND = [
    (0.9, 2.20),
    (0.8, 1.39),
    (0.7, 0.85),
    (0.5, 0.0),
    (0.2, -1.39),
    (0.1, -2.20),
]
SOFTMAX_BY_HAND = [
    ((2.20, 1.39, 0.85), (0.59, 0.26, 0.15)),
    ((0.0, -1.39, -2.20), (0.74, 0.18, 0.08)),
]


@pytest.mark.parametrize(("a", "z"), SIGMOID_BY_HAND)
def test_inverse_sigmoid(a, z):
    assert round(float(inverse_sigmoid(a)), 2) == z


@pytest.mark.parametrize(("a", "z"), SIGMOID_BY_HAND)
def test_sigmoid_leads_back(a, z):
    assert round(float(sigmoid(z)), 2) == a
    assert round(float(keras.ops.sigmoid(z)), 2) == a


@pytest.mark.parametrize(("z", "a"), SOFTMAX_BY_HAND)
def test_softmax(z, a):
    assert tuple(softmax(np.array(z)).round(2)) == a
    assert tuple(np.asarray(keras.ops.softmax(np.array(z))).round(2)) == a


def test_softmax_makes_two_networks_comparable():
    """Sigmoid outputs 0.9 and 0.5 do not tell which network is surer; softmax 0.59 and 0.74 do."""
    first, second = (inverse_sigmoid(np.array(a)) for a in [(0.9, 0.8, 0.7), (0.5, 0.2, 0.1)])
    assert softmax(first)[0] < softmax(second)[0]


@pytest.mark.parametrize(("hidden_units", "parameters"), [([], 31), ([10], 321)])
def test_parameters_of_the_single_and_the_dual_layer(hidden_units, parameters):
    layers = [keras.layers.Dense(units, activation="sigmoid") for units in [*hidden_units, 1]]
    assert keras.Sequential([keras.Input((30,)), *layers]).count_params() == parameters
