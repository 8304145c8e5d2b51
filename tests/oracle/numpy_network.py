"""The networks that the notes derive by hand, in float64 NumPy: what Keras has to agree with.

Symbols are the notes'; m samples, n features, h hidden units, k outputs::

    X ────────────► Z1 = X·W1 + b1 ────────► A1 ─────► Z2 = A1·W2 + b2 ────────► A2
    (m, n)          (m, h)   hidden          (m, h)    (m, k)   output           (m, k)

L is the *sum* of the samples' losses, and so are all gradients below. Keras reports the mean over
the batch: its loss and its gradients are these divided by m.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Weights(NamedTuple):
    """Kernels and biases in Keras's order; gradients come in the same four shapes."""

    W1: Array  # (n, h)
    b1: Array  # (h,)
    W2: Array  # (h, k)
    b2: Array  # (k,)


def sigmoid(z: Array) -> Array:
    """The logistic function, a = 1 / (1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def inverse_sigmoid(a: Array) -> Array:
    """The z whose sigmoid is a: z = −ln(1/a − 1)."""
    return -np.log(1 / a - 1)


def relu(z: Array) -> Array:
    """The rectified linear unit, a = max(0, z)."""
    return np.maximum(0, z)


def softmax(Z: Array) -> Array:
    """aᵢ = e^zᵢ / Σⱼ e^zⱼ in every row of Z (m, k)."""
    exponentials = np.exp(Z - Z.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def softmax_jacobian(z: Array) -> Array:
    """∂aᵢ/∂zᵢ = aᵢ(1 − aᵢ) and ∂aᵢ/∂zⱼ = −aᵢaⱼ, of one sample z (k,); shape (k, k)."""
    a = softmax(z)
    return np.diag(a) - np.outer(a, a)


def logistic_loss(Y: Array, A: Array) -> float:
    """L = −Σ (y·log a + (1 − y)·log(1 − a))."""
    return -float(np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)))


def cross_entropy(Y: Array, A: Array) -> float:
    """L = −Σ Σ_c y_c·log a_c, with one-hot rows in Y (m, k)."""
    return -float(np.sum(Y * np.log(A)))


def squared_error(Y: Array, A: Array) -> float:
    """L = Σ (a − y)², the outputs of one sample averaged."""
    return float(np.sum(np.mean((A - Y) ** 2, axis=1)))


def single_layer_gradients(w: Array, b: Array, X: Array, Y: Array) -> tuple[Array, Array]:
    """∂L/∂w = Xᵀ·(−(Y − A)) and ∂L/∂b = 1ᵀ·(−(Y − A)): one sigmoid unit, logistic loss.

    For one sample that is −(y − a)·x and −(y − a).

    Args:
        w: (n, 1).
        b: (1,).
        X: (m, n).
        Y: (m, 1), zeros and ones.
    """
    error = -(Y - sigmoid(X @ w + b))
    return X.T @ error, error.sum(axis=0)


class Hidden(NamedTuple):
    """An activation and its derivative, the latter as a function of A1 alone."""

    activation: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


class Output(NamedTuple):
    """An output's activation, the loss that belongs to it, and ∂L/∂Z2 of the two together."""

    activation: Callable[[Array], Array]
    loss: Callable[[Array, Array], float]
    error: Callable[[Array, Array], Array]


HIDDEN = {
    "sigmoid": Hidden(sigmoid, lambda A1: A1 * (1 - A1)),
    "relu": Hidden(relu, lambda A1: (A1 > 0).astype(A1.dtype)),
}
OUTPUT = {
    "sigmoid": Output(sigmoid, logistic_loss, lambda Y, A2: -(Y - A2)),
    "softmax": Output(softmax, cross_entropy, lambda Y, A2: -(Y - A2)),
    "linear": Output(lambda Z: Z, squared_error, lambda Y, A2: -2 * (Y - A2) / Y.shape[1]),
}


class Network(NamedTuple):
    """One hidden layer; both activations by Keras's names."""

    hidden: str
    output: str

    def forward(self, weights: Weights, X: Array) -> tuple[Array, Array]:
        """A1 (m, h) and A2 (m, k)."""
        W1, b1, W2, b2 = weights
        A1 = HIDDEN[self.hidden].activation(X @ W1 + b1)
        A2 = OUTPUT[self.output].activation(A1 @ W2 + b2)
        return A1, A2

    def loss(self, weights: Weights, X: Array, Y: Array) -> float:
        """L, summed over the samples."""
        _, A2 = self.forward(weights, X)
        return OUTPUT[self.output].loss(Y, A2)

    def gradients(self, weights: Weights, X: Array, Y: Array) -> Weights:
        """The four gradients of L, from the output layer back to the hidden layer.

        With a sigmoid or softmax output and a sigmoid hidden layer::

            ∂L/∂W2 = A1ᵀ·(−(Y − A2))
            ∂L/∂b2 = 1ᵀ·(−(Y − A2))
            ∂L/∂W1 = Xᵀ·(−(Y − A2)·W2ᵀ ⊙ A1 ⊙ (1 − A1))
            ∂L/∂b1 = 1ᵀ·(−(Y − A2)·W2ᵀ ⊙ A1 ⊙ (1 − A1))
        """
        A1, A2 = self.forward(weights, X)
        error = OUTPUT[self.output].error(Y, A2)  # ∂L/∂Z2 (m, k)
        error_to_hidden = error @ weights.W2.T * HIDDEN[self.hidden].derivative(A1)  # (m, h)
        return Weights(
            W1=X.T @ error_to_hidden,
            b1=error_to_hidden.sum(axis=0),
            W2=A1.T @ error,
            b2=error.sum(axis=0),
        )

    def descend(
        self, weights: Weights, X: Array, Y: Array, learning_rate: float, l2: float = 0.0
    ) -> Weights:
        """One step of gradient descent on L/m + l2·(ΣW1² + ΣW2²); biases bear no penalty."""
        slopes = Weights(*(gradient / len(X) for gradient in self.gradients(weights, X, Y)))
        slopes = slopes._replace(
            W1=slopes.W1 + 2 * l2 * weights.W1,
            W2=slopes.W2 + 2 * l2 * weights.W2,
        )
        return Weights(*(w - learning_rate * s for w, s in zip(weights, slopes, strict=True)))

    def fit(
        self,
        weights: Weights,
        X: Array,
        Y: Array,
        batches: Iterable[NDArray[np.intp]],
        learning_rate: float,
        l2: float = 0.0,
    ) -> Weights:
        """Mini-batch gradient descent: one step for each batch of row numbers, in their order."""
        for rows in batches:
            weights = self.descend(weights, X[rows], Y[rows], learning_rate, l2)
        return weights
