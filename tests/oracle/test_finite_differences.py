"""The oracle checks itself: its hand-derived gradients against central differences in float64."""

import numpy as np
import pytest

from .numpy_network import (
    HIDDEN,
    OUTPUT,
    Network,
    Weights,
    inverse_sigmoid,
    logistic_loss,
    sigmoid,
    single_layer_gradients,
    softmax,
    softmax_jacobian,
)

N_SAMPLES, N_FEATURES, N_HIDDEN = 7, 4, 3


def central_difference(function, x, step=1e-6):
    """(f(x + s) − f(x − s)) / 2s in every entry of x; its shape follows f's value, then x's."""
    columns = [
        (np.asarray(function(x + shift)) - np.asarray(function(x - shift))) / (2 * step)
        for shift in step * np.eye(x.size).reshape(-1, *x.shape)
    ]
    return np.stack(columns, axis=-1).reshape(*np.shape(function(x)), *x.shape)


def assert_is_slope(gradient, slope):
    np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-8)


def make_targets(output, rng):
    match output:
        case "sigmoid":
            return rng.integers(0, 2, size=(N_SAMPLES, 1)).astype(float)
        case "softmax":
            return np.eye(5)[rng.integers(0, 5, size=N_SAMPLES)]
        case "linear":
            return rng.normal(size=(N_SAMPLES, 2))


@pytest.mark.parametrize("output", OUTPUT)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_four_gradients_are_the_slopes_of_the_loss(hidden, output):
    rng = np.random.default_rng(42)
    network = Network(hidden, output)
    X, Y = rng.normal(size=(N_SAMPLES, N_FEATURES)), make_targets(output, rng)
    shapes = Weights((N_FEATURES, N_HIDDEN), (N_HIDDEN,), (N_HIDDEN, Y.shape[1]), (Y.shape[1],))
    weights = Weights(*(rng.normal(size=shape) for shape in shapes))

    gradients = network.gradients(weights, X, Y)

    for name in Weights._fields:
        slope = central_difference(
            lambda w, name=name: network.loss(weights._replace(**{name: w}), X, Y),
            getattr(weights, name),
        )
        assert_is_slope(getattr(gradients, name), slope)


def test_the_single_layer_gradients_are_the_slopes_of_the_logistic_loss():
    rng = np.random.default_rng(42)
    X, Y = rng.normal(size=(N_SAMPLES, N_FEATURES)), make_targets("sigmoid", rng)
    w, b = rng.normal(size=(N_FEATURES, 1)), rng.normal(size=1)

    w_gradient, b_gradient = single_layer_gradients(w, b, X, Y)

    w_slope = central_difference(lambda w: logistic_loss(Y, sigmoid(X @ w + b)), w)
    b_slope = central_difference(lambda b: logistic_loss(Y, sigmoid(X @ w + b)), b)
    assert_is_slope(w_gradient, w_slope)
    assert_is_slope(b_gradient, b_slope)


def test_the_softmax_jacobian_is_the_slope_of_softmax():
    z = np.array([2.20, 1.39, 0.85])
    assert_is_slope(softmax_jacobian(z), central_difference(softmax, z))


def test_inverse_sigmoid_undoes_sigmoid():
    z = np.linspace(-8, 8, 33)
    np.testing.assert_allclose(inverse_sigmoid(sigmoid(z)), z, rtol=1e-10, atol=1e-12)


def test_a_step_with_l2_descends_the_penalised_mean_loss():
    rng = np.random.default_rng(42)
    network, learning_rate, l2 = Network("sigmoid", "sigmoid"), 0.1, 0.01
    X, Y = rng.normal(size=(N_SAMPLES, N_FEATURES)), make_targets("sigmoid", rng)
    shapes = Weights((N_FEATURES, N_HIDDEN), (N_HIDDEN,), (N_HIDDEN, 1), (1,))
    weights = Weights(*(rng.normal(size=shape) for shape in shapes))

    def objective(weights):
        penalty = l2 * (np.sum(weights.W1**2) + np.sum(weights.W2**2))
        return network.loss(weights, X, Y) / N_SAMPLES + penalty

    stepped = network.descend(weights, X, Y, learning_rate, l2)

    for name, before, after in zip(Weights._fields, weights, stepped, strict=True):
        slope = central_difference(
            lambda w, name=name: objective(weights._replace(**{name: w})), before
        )
        assert_is_slope((before - after) / learning_rate, slope)
