"""Weights updated in place are, bit for bit, those that Keras's optimizers give."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrecipes.training.updates import updating_in_place

RNG = np.random.default_rng(0)
X = RNG.integers(0, 20, size=(8, 3))
Y = RNG.normal(size=(8, 4)).astype(np.float32)


def make_model(optimizer: Any) -> keras.Sequential:
    """Its Embedding has sparse gradients, its last layer weights that are kept within bounds."""
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Embedding(20, 5),
        keras.layers.Flatten(),
        keras.layers.Dense(6, activation="relu", kernel_regularizer="l2"),
        keras.layers.Dense(4, kernel_constraint=keras.constraints.MaxNorm(0.5)),
    ]
    model = keras.Sequential([keras.Input((3,), dtype="int32"), *layers])
    model.compile(optimizer, "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def take_steps(model: keras.Sequential, n_steps: int = 7) -> list[np.ndarray]:
    """Everything that a few steps in a graph leave, the optimizer's own variables included."""
    take_step = tf.function(model.train_step)
    for _ in range(n_steps):
        take_step((X, Y))
    return [variable.numpy() for variable in model.variables + model.optimizer.variables]


SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
OPTIMIZERS = {
    "plain": lambda: SGD(0.3),
    "momentum": lambda: SGD(0.3, momentum=0.9),
    "nesterov": lambda: SGD(0.3, momentum=0.9, nesterov=True),
    "schedule": lambda: SGD(keras.optimizers.schedules.ExponentialDecay(0.3, 3, 0.5)),
    "clipped": lambda: SGD(0.3, momentum=0.5, clipnorm=0.1),
    "decayed": lambda: SGD(0.3, weight_decay=0.1),
    "averaged": lambda: SGD(0.3, use_ema=True, ema_overwrite_frequency=3),
    "accumulated": lambda: SGD(0.3, momentum=0.9, gradient_accumulation_steps=2),
    "Adam": lambda: Adam(0.1),
    "Adam, no mean": lambda: Adam(0.1, beta_1=0),
    "Adam, accumulated": lambda: Adam(0.1, gradient_accumulation_steps=3, global_clipnorm=0.1),
    "Adam, schedule": lambda: Adam(keras.optimizers.schedules.CosineDecay(0.1, 5)),
    "Adam, other moments": lambda: Adam(0.1, beta_1=0.7, beta_2=0.99, epsilon=1e-4),
    "AMSGrad": lambda: Adam(0.1, amsgrad=True),
    "AdamW": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.05, clipvalue=0.1),
    "NAdam": lambda: keras.optimizers.Nadam(0.1),
    "RMSprop": lambda: keras.optimizers.RMSprop(0.1, momentum=0.5),
    "scaled loss": lambda: keras.optimizers.LossScaleOptimizer(SGD(0.3), initial_scale=8.0),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bits_are_those_of_keras(name: str):
    ours, theirs = make_model(OPTIMIZERS[name]()), make_model(OPTIMIZERS[name]())
    before = [weight.copy() for weight in ours.get_weights()]
    with updating_in_place(ours.optimizer):
        found = take_steps(ours)
    expected = take_steps(theirs)
    assert len(found) == len(expected)
    for mine, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, wanted)
    assert any((a != b).any() for a, b in zip(before, ours.get_weights(), strict=True))


def test_afterwards_the_optimizer_is_keras_s_own_again():
    model = make_model(SGD(0.3))
    with updating_in_place(model.optimizer):
        assert "_backend_update_step" in vars(model.optimizer)
    assert "_backend_update_step" not in vars(model.optimizer)


def list_operations(optimizer: Any) -> list[str]:
    model = make_model(optimizer)
    with updating_in_place(model.optimizer):
        graph = tf.function(model.train_step).get_concrete_function((X, Y)).graph
    return [operation.type for operation in graph.get_operations()]


def test_sgd_takes_one_operation_for_each_dense_weight():
    operations = list_operations(SGD(0.3))
    assert operations.count("ResourceApplyGradientDescent") == 4
    assert operations.count("AssignSubVariableOp") == 0
    assert list_operations(SGD(0.3, momentum=0.9)).count("ResourceApplyKerasMomentum") == 4


def test_no_weight_is_changed_before_all_gradients_are_known():
    """Or TensorFlow copies a weight that the gradient of a layer's inputs still reads."""
    model = make_model(SGD(0.3))
    with updating_in_place(model.optimizer):
        graph = tf.function(model.train_step).get_concrete_function((X, Y)).graph
    updates = [op for op in graph.get_operations() if op.type == "ResourceApplyGradientDescent"]
    assert len(updates) == 4
    for update in updates:
        gradient = update.inputs[2].op
        waits_for = {*gradient.control_inputs, *(tensor.op for tensor in gradient.inputs)}
        assert len(waits_for) == len(model.trainable_variables)


def test_adam_takes_three():
    operations = list_operations(Adam(0.1))
    assert operations.count("ResourceApplyAdam") == 4
    assert operations.count("ResourceApplyGradientDescent") == 8


def test_a_kind_of_sgd_of_the_user_s_own_is_left_alone():
    class Halved(SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate / 2)

    assert "ResourceApplyGradientDescent" not in list_operations(Halved(0.3))


def test_a_scaled_loss_has_the_kernels_too():
    scaled = keras.optimizers.LossScaleOptimizer(SGD(0.3))
    with updating_in_place(scaled):
        assert "_backend_update_step" in vars(scaled.inner_optimizer)
    assert "_backend_update_step" not in vars(scaled.inner_optimizer)
