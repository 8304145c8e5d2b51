"""Updates of a model's weights in place, bit for bit those of Keras's optimizers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

Update = Callable[[tf.Tensor, tf.Variable], object]
"""Changes a variable by its gradient."""


@contextmanager
def updating_in_place(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Let an optimizer write into its weights' own memory, as long as the block lasts.

    TensorFlow copies a variable before it changes it while an operation still reads it, and the
    gradient of a layer's inputs may read the layer's weights when their own gradient is there
    already. So no weight is changed before all gradients are known. SGD and Adam, which Keras
    writes as an operation for each sign of their formulas, get TensorFlow's kernels for them.

    It is for one device: several are updated by their strategy. Optimizers with a way of their own
    through the variables, such as Nadam, are left alone.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    if type(optimizer)._backend_update_step is not keras.optimizers.Optimizer._backend_update_step:
        yield
        return

    def update(gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        update_dense = _choose_kernel(optimizer, learning_rate)
        with tf.control_dependencies(gradients):
            known = [tf.identity(gradient) for gradient in gradients]
        for gradient, variable in zip(known, variables, strict=True):
            value = variable.value if isinstance(variable, keras.Variable) else variable
            is_dense = isinstance(gradient, tf.Tensor) and gradient.dtype == value.dtype
            if update_dense and is_dense and value.dtype == tf.float32:
                update_dense(gradient, value)
            else:
                optimizer.update_step(gradient, value, learning_rate)

    # Keras 3.15 updates all variables in this method (keras/src/backend/tensorflow/optimizer.py).
    optimizer._backend_update_step = update
    try:
        yield
    finally:
        del optimizer._backend_update_step


def _choose_kernel(optimizer: keras.optimizers.Optimizer, learning_rate: Any) -> Update | None:
    rate = tf.cast(learning_rate, tf.float32)
    if type(optimizer) is keras.optimizers.SGD:
        return _make_descent(optimizer, rate)
    is_adam = type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW)
    if is_adam and not optimizer.amsgrad:
        return _make_adam(optimizer, rate)
    return None


def _make_descent(optimizer: keras.optimizers.SGD, rate: tf.Tensor) -> Update:
    """Stochastic gradient descent, as ``keras.optimizers.SGD.update_step`` has it."""

    def descend(gradient: tf.Tensor, variable: tf.Variable) -> None:
        _subtract(variable, rate, gradient)

    def descend_with_momentum(gradient: tf.Tensor, variable: tf.Variable) -> None:
        momentum = optimizer.momentums[optimizer._get_variable_index(variable)].value
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=momentum.handle,
            lr=rate,
            grad=gradient,
            momentum=tf.constant(optimizer.momentum, tf.float32),
            use_nesterov=optimizer.nesterov,
        )

    return descend_with_momentum if optimizer.momentum else descend


def _make_adam(optimizer: keras.optimizers.Adam, rate: tf.Tensor) -> Update:
    """Adam, as ``keras.optimizers.Adam.update_step`` has it.

    TensorFlow's kernel subtracts each beta from 1 in float32, Keras in float64: of 0.999 that
    makes a difference in the fifth digit. So the moments are moved here, and the kernel, told that
    both betas are 1, leaves them as they are and moves the variable alone.
    """
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    beta_1, beta_2 = float(optimizer.beta_1), float(optimizer.beta_2)
    alpha = rate * tf.sqrt(1 - tf.pow(beta_2, step)) / (1 - tf.pow(beta_1, step))
    zero, one = tf.constant(0.0), tf.constant(1.0)

    def adapt(gradient: tf.Tensor, variable: tf.Variable) -> None:
        i = optimizer._get_variable_index(variable)
        mean, variance = optimizer._momentums[i].value, optimizer._velocities[i].value
        _subtract(mean, beta_1 - 1, gradient - mean)
        _subtract(variance, beta_2 - 1, tf.square(gradient) - variance)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=mean.handle,
            v=variance.handle,
            beta1_power=zero,
            beta2_power=zero,
            lr=alpha,
            beta1=one,
            beta2=one,
            epsilon=tf.constant(optimizer.epsilon, tf.float32),
            grad=gradient,
        )

    return adapt


def _subtract(variable: tf.Variable, factor: Any, delta: tf.Tensor) -> None:
    """Take factor * delta off a variable, in one pass over memory."""
    factor = tf.convert_to_tensor(factor, tf.float32)
    tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=factor, delta=delta)
