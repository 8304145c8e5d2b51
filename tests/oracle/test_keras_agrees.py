"""Keras, in float32, computes what the notes derive by hand.

Relative error means norm-wise, ‖keras − oracle‖ / ‖oracle‖: single entries near zero lose their
digits to cancellation in float32, whole arrays do not. The notes sum a loss over the m samples and
Keras takes the mean, so Keras's losses and gradients are multiplied by m before the comparison.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import train_test_split

from .numpy_network import (
    Network,
    Weights,
    relu,
    sigmoid,
    single_layer_gradients,
    softmax,
    softmax_jacobian,
)

FLOAT32_ERROR = 1e-5
TRAINED_ERROR = 1e-4  # after ten epochs, each step building on the rounding of those before
LOSSES = {
    "sigmoid": "binary_crossentropy",
    "softmax": "categorical_crossentropy",
    "linear": "mean_squared_error",
}
CASES = [Network(hidden, output) for hidden in ("sigmoid", "relu") for output in LOSSES]


def in_float32(array):
    """Rounded to what Keras will see, so that only the arithmetic differs."""
    return np.asarray(array, dtype=np.float32).astype(np.float64)


def relative_error(keras_array, oracle_array):
    difference = np.asarray(keras_array, dtype=np.float64) - oracle_array
    return np.linalg.norm(difference) / np.linalg.norm(oracle_array)


def max_relative_error(keras_arrays, oracle_arrays):
    return max(map(relative_error, keras_arrays, oracle_arrays))


def standardize(array):
    return in_float32((array - array.mean(axis=0)) / array.std(axis=0))


def load_cancer():
    """The 364 training rows of the notes' two stratified 80/20 splits, 30 columns."""
    X, y = load_breast_cancer(return_X_y=True)
    for _ in range(2):
        X, _, y, _ = train_test_split(X, y, test_size=0.2, stratify=y, random_state=42)
    return standardize(X), y.reshape(-1, 1).astype(float)


def load_ten_digits():
    X, y = load_digits(return_X_y=True)
    return in_float32(X[:400] / 16), np.eye(10)[y[:400]]


def load_progression():
    X, y = load_diabetes(return_X_y=True)
    return standardize(X), standardize(y.reshape(-1, 1))


DATA = {"sigmoid": load_cancer(), "softmax": load_ten_digits(), "linear": load_progression()}


def draw_weights(n_features, n_outputs, units=10):
    """Normal weights of LeCun's size, and biases that are not zero."""
    rng = np.random.default_rng(42)
    return Weights(
        W1=in_float32(rng.normal(size=(n_features, units)) / np.sqrt(n_features)),
        b1=in_float32(rng.normal(size=units)),
        W2=in_float32(rng.normal(size=(units, n_outputs)) / np.sqrt(units)),
        b2=in_float32(rng.normal(size=n_outputs)),
    )


def build_twin(network, weights, l2=0.0):
    """The same network as plain Keras, starting from the same weights."""
    n_features, units = weights.W1.shape
    regularizer = keras.regularizers.L2(l2) if l2 else None
    model = keras.Sequential(
        [
            keras.Input((n_features,)),
            keras.layers.Dense(units, network.hidden, kernel_regularizer=regularizer),
            keras.layers.Dense(len(weights.b2), network.output, kernel_regularizer=regularizer),
        ]
    )
    model.set_weights(weights)
    return model


@pytest.fixture(params=CASES, ids="-".join)
def case(request):
    """A network, its data and the weights that it and its twin start from."""
    network = request.param
    X, Y = DATA[network.output]
    return network, X, Y, draw_weights(X.shape[1], Y.shape[1])


def test_forward(case):
    network, X, _, weights = case
    _, A2 = network.forward(weights, X)
    assert relative_error(build_twin(network, weights)(X), A2) < FLOAT32_ERROR


def test_loss(case):
    network, X, Y, weights = case
    mean_loss = keras.losses.get(LOSSES[network.output])(Y, build_twin(network, weights)(X))
    assert relative_error(len(X) * np.mean(mean_loss), network.loss(weights, X, Y)) < FLOAT32_ERROR


def test_gradients(case):
    network, X, Y, weights = case
    model = build_twin(network, weights)
    with tf.GradientTape() as tape:
        mean_loss = tf.reduce_mean(keras.losses.get(LOSSES[network.output])(Y, model(X)))

    keras_gradients = [len(X) * g for g in tape.gradient(mean_loss, model.trainable_weights)]

    assert max_relative_error(keras_gradients, network.gradients(weights, X, Y)) < FLOAT32_ERROR


def draw_batches(n_samples, batch_size, epochs=10):
    """The rows of every batch, reshuffled for each epoch; an epoch's last batch may be short."""
    rng = np.random.default_rng(42)
    orders = [rng.permutation(n_samples) for _ in range(epochs)]
    starts = range(0, n_samples, batch_size)
    return [order[start : start + batch_size] for order in orders for start in starts]


def assert_ten_epochs_agree(network, X, Y, batch_size, l2=0.0, learning_rate=0.1):
    start = draw_weights(X.shape[1], Y.shape[1])
    batches = draw_batches(len(X), batch_size)

    model = build_twin(network, start, l2)
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss=LOSSES[network.output])
    pairs = ((X[rows], Y[rows]) for rows in batches)
    model.fit(pairs, steps_per_epoch=len(batches), shuffle=False, verbose=0)

    trained = network.fit(start, X, Y, batches, learning_rate, l2)
    assert max_relative_error(model.get_weights(), trained) < TRAINED_ERROR
    assert network.loss(trained, X, Y) < network.loss(start, X, Y)


@pytest.mark.parametrize("network", CASES, ids="-".join)
def test_ten_epochs_of_mini_batches(network):
    """None of the tables divides into 32 rows: a short last batch is the mean of its own rows."""
    assert_ten_epochs_agree(network, *DATA[network.output], batch_size=32)


def test_ten_epochs_of_stochastic_and_of_batch_gradient_descent():
    """A batch of one row, and a batch of all rows."""
    X, Y = DATA["sigmoid"]
    network = Network("sigmoid", "sigmoid")
    assert_ten_epochs_agree(network, X[:32], Y[:32], batch_size=1)
    assert_ten_epochs_agree(network, X, Y, batch_size=len(X))


def test_ten_epochs_with_l2():
    assert_ten_epochs_agree(Network("sigmoid", "sigmoid"), *DATA["sigmoid"], batch_size=32, l2=0.01)


def test_single_layer():
    """∂L/∂w = −(y − a)·x and ∂L/∂b = −(y − a), summed over the samples."""
    X, Y = DATA["sigmoid"]
    w, b, *_ = draw_weights(X.shape[1], n_outputs=1, units=1)
    model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(1, "sigmoid")])
    model.set_weights([w, b])
    with tf.GradientTape() as tape:
        loss = keras.losses.BinaryCrossentropy(reduction="sum")(Y, model(X))

    keras_gradients = tape.gradient(loss, model.trainable_weights)

    assert max_relative_error(keras_gradients, single_layer_gradients(w, b, X, Y)) < FLOAT32_ERROR


def keras_gradient(function, x):
    x = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.gradient(y, x)


def test_chain_rule_of_the_logistic_loss():
    """∂L/∂a = −y/a + (1 − y)/(1 − a), ∂a/∂z = a(1 − a), and their product −(y − a).

    The last step's line in the notes lost an a: −y(1 − a) + a(1 − y) is −y + ya + a − ya.
    """
    y, z = np.array([1.0, 0.0, 1.0, 0.0]), in_float32([2.20, 1.39, -0.85, -2.20])
    a = in_float32(sigmoid(z))
    loss = keras.losses.BinaryCrossentropy(reduction="sum")
    logistic = keras.activations.sigmoid

    dL_da = keras_gradient(lambda a: loss(y[:, None], a[:, None]), a)
    da_dz = keras_gradient(logistic, z)
    dL_dz = keras_gradient(lambda z: loss(y[:, None], logistic(z)[:, None]), z)

    assert relative_error(dL_da, -y / a + (1 - y) / (1 - a)) < FLOAT32_ERROR
    assert relative_error(da_dz, a * (1 - a)) < FLOAT32_ERROR
    assert relative_error(dL_dz, -(y - a)) < FLOAT32_ERROR


@pytest.mark.parametrize("from_logits", [True, False])
def test_softmax_and_cross_entropy(from_logits):
    """∂L/∂z = −(y − a), whether Keras is given z or a."""
    rng = np.random.default_rng(42)
    Z, Y = in_float32(rng.normal(size=(50, 3))), np.eye(3)[rng.integers(0, 3, size=50)]
    loss = keras.losses.CategoricalCrossentropy(from_logits, reduction="sum")
    activation = keras.activations.linear if from_logits else keras.activations.softmax

    dL_dZ = keras_gradient(lambda Z: loss(Y, activation(Z)), Z)

    assert relative_error(dL_dZ, -(Y - softmax(Z))) < FLOAT32_ERROR


def test_softmax_derivative():
    """∂a₁/∂z₁ = a₁(1 − a₁) and ∂a₂/∂z₁ = −a₂a₁: row i of the Jacobian is the gradient of aᵢ."""
    z = in_float32([2.20, 1.39, 0.85])
    rows = [keras_gradient(lambda z, i=i: keras.activations.softmax(z)[i], z) for i in range(3)]
    assert relative_error(rows, softmax_jacobian(z)) < FLOAT32_ERROR


def test_relu():
    """The slope of max(0, z) is 0 up to z = 0, and 1 beyond."""
    z = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    assert list(keras.ops.relu(z)) == list(relu(z)) == [0, 0, 0, 0.5, 2]
    assert list(keras_gradient(keras.activations.relu, z)) == [0, 0, 0, 1, 1]


def test_mean_squared_error():
    """The mean of (prediction − target)², and its gradient 2(prediction − target)/m."""
    target, prediction = np.array([1.0, 2.0, 3.0]), np.array([1.5, 1.0, 5.0])
    mse = keras.losses.mean_squared_error
    assert float(mse(target, prediction)) == 1.75
    gradient = keras_gradient(lambda prediction: mse(target, prediction), prediction)
    assert relative_error(gradient, 2 * (prediction - target) / 3) < FLOAT32_ERROR
