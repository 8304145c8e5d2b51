"""Updates of a model's weights in place, bit for bit those of Keras's optimizers.

A new Keras could change the formulas of its optimizers (read in Keras 3.15.1) or the order of their
variables. So updates of toy variables are compared with Keras's own before the first step.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Update = Callable[..., None]  # changes a variable by its gradient: (gradient, variable, *slots)
Kernel = Callable[[Any], Update]  # makes one once a step, from the optimizer


@contextmanager
def updating_in_place(model: keras.Model) -> Iterator[None]:
    """Make a model's built optimizer write into the weights' own memory, while the block lasts.

    TensorFlow copies a variable before it changes it while an operation still reads it, and the
    gradient of a layer's inputs may read the layer's weights when their own gradient is there
    already. So no weight is changed before all gradients are computed. Momentum and Adam, which
    Keras writes as an operation for each sign of their formulas, get TensorFlow's kernels. Several
    devices are updated by their strategy instead.
    """
    if model.distribute_strategy.num_replicas_in_sync > 1:
        yield
        return
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # of a scaled loss
    kind = type(optimizer)
    kernel: Kernel | None = None
    if kind is keras.optimizers.SGD and optimizer.momentum:
        kernel = _make_momentum
    elif kind in (keras.optimizers.Adam, keras.optimizers.AdamW) and not optimizer.amsgrad:
        kernel = _make_adam
    if kernel and not _gives_the_bits_of_keras(optimizer, kernel):
        logging.getLogger(__name__).warning(
            "Keras %s computes %s in another way than TensorFlow's kernel. Training uses Keras's "
            "own updates, which are slower.",
            keras.__version__,
            kind.__name__,
        )
        kernel = None
    with _replacing_apply(optimizer, model.trainable_variables, kernel):
        yield


@contextmanager
def _replacing_apply(
    optimizer: Any, variables: Sequence[keras.Variable], kernel: Kernel | None
) -> Iterator[None]:
    apply, update_step = optimizer.apply, optimizer.update_step
    # The optimizer's last variables, variable by variable.
    n_slots = 2 if kernel is _make_adam else 1
    slots = [slot.value for slot in optimizer.variables[-n_slots * len(variables) :]]
    slots_of = {
        variable.value.ref(): slots[i * n_slots : (i + 1) * n_slots]
        for i, variable in enumerate(variables)
    }

    def apply_in_place(gradients: Sequence[Any], trainable_variables: Any = None) -> None:
        computed = [gradient for gradient in gradients if gradient is not None]
        with tf.control_dependencies([tf.group(*computed)]):
            if kernel:
                optimizer.update_step = partial(update, kernel(optimizer))
            apply(gradients, trainable_variables)

    def update(update_dense: Update, gradient: Any, variable: tf.Variable, rate: Any) -> None:
        if isinstance(gradient, tf.Tensor) and gradient.dtype == variable.dtype == tf.float32:
            update_dense(gradient, variable, *slots_of[variable.ref()])
        else:
            update_step(gradient, variable, rate)

    optimizer.apply = apply_in_place
    try:
        yield
    finally:
        for name in ("apply", "update_step"):
            vars(optimizer).pop(name, None)


def _make_momentum(optimizer: keras.optimizers.SGD) -> Update:
    """Gradient descent with momentum, as ``keras.optimizers.SGD.update_step`` has it."""
    rate = tf.cast(optimizer.learning_rate, tf.float32)

    def update(gradient: tf.Tensor, variable: tf.Variable, momentum: tf.Variable) -> None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=momentum.handle,
            lr=rate,
            grad=gradient,
            momentum=tf.constant(optimizer.momentum, tf.float32),
            use_nesterov=optimizer.nesterov,
        )

    return update


def _make_adam(optimizer: keras.optimizers.Adam) -> Update:
    """Adam, as ``keras.optimizers.Adam.update_step`` has it.

    TensorFlow's kernel subtracts each beta from 1 in float32, Keras in float64: for 0.999 that
    makes a difference in the fifth digit. So the moments are updated here. The kernel gets 1 for
    both betas, leaves the moments as they are and updates the variable alone.
    """
    rate = tf.cast(optimizer.learning_rate, tf.float32)
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    beta_1, beta_2 = float(optimizer.beta_1), float(optimizer.beta_2)
    alpha = rate * tf.sqrt(1 - tf.pow(beta_2, step)) / (1 - tf.pow(beta_1, step))
    zero, one = tf.constant(0.0), tf.constant(1.0)

    def update(
        gradient: tf.Tensor, variable: tf.Variable, mean: tf.Variable, variance: tf.Variable
    ) -> None:
        moments = ((mean, beta_1, gradient), (variance, beta_2, tf.square(gradient)))
        for moment, beta, value in moments:  # in one pass over memory each
            factor = tf.constant(beta - 1, tf.float32)
            delta = value - moment
            tf.raw_ops.ResourceApplyGradientDescent(var=moment.handle, alpha=factor, delta=delta)
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

    return update


def _gives_the_bits_of_keras(optimizer: keras.optimizers.Optimizer, kernel: Kernel) -> bool:
    """Compare updates of toy variables by the kernel with Keras's own."""
    rng = np.random.default_rng(0)
    shapes = (2, 3), (3,)
    gradients = [[rng.normal(size=s).astype(np.float32) for s in shapes] for _ in range(2)]
    results = []
    try:
        for tried in (None, kernel):
            twin = type(optimizer).from_config(optimizer.get_config())
            variables = [keras.Variable(np.ones(shape, np.float32)) for shape in shapes]
            twin.build(variables)
            with _replacing_apply(twin, variables, tried):
                for step in gradients:
                    twin.apply([tf.constant(gradient) for gradient in step], variables)
            results.append([np.asarray(v) for v in (*variables, *twin.variables)])
    except (AttributeError, KeyError, TypeError, ValueError, tf.errors.OpError):
        return False
    return all(map(np.array_equal, *results))
