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
    with updating_in_place(ours):
        found = take_steps(ours)
    expected = take_steps(theirs)
    assert len(found) == len(expected)
    for mine, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, wanted)
    assert any((a != b).any() for a, b in zip(before, ours.get_weights(), strict=True))


def test_afterwards_the_optimizer_is_keras_s_own_again():
    model = make_model(SGD(0.3, momentum=0.9))
    with updating_in_place(model):
        take_steps(model, 1)
        assert {"apply", "update_step"} <= vars(model.optimizer).keys()
    assert not {"apply", "update_step"} & vars(model.optimizer).keys()


@pytest.mark.parametrize("change", ["formula", "order of variables", "missing variables"])
def test_a_keras_that_updates_in_another_way_is_left_alone(monkeypatch, caplog, change: str):
    """As a later Keras may: the kernel is compared with it first, and not used."""

    class Other(Adam):
        def build(self, variables):
            super().build(variables)
            if change == "order of variables":
                self._momentums, self._velocities = self._velocities, self._momentums
            if change == "missing variables":
                self._velocities = self._momentums

        def update_step(self, gradient, variable, learning_rate):
            rate = learning_rate * 1.001 if change == "formula" else learning_rate
            super().update_step(gradient, variable, rate)

    monkeypatch.setattr(keras.optimizers, "Adam", Other)
    ours, theirs = make_model(Other(0.1)), make_model(Other(0.1))
    with updating_in_place(ours):
        found = take_steps(ours)
    for mine, wanted in zip(found, take_steps(theirs), strict=True):
        np.testing.assert_array_equal(mine, wanted)
    assert "own updates, which are slower." in caplog.text


def list_operations(optimizer: Any) -> list[str]:
    model = make_model(optimizer)
    with updating_in_place(model):
        graph = tf.function(model.train_step).get_concrete_function((X, Y)).graph
    return [operation.type for operation in graph.get_operations()]


def test_momentum_takes_one_operation_for_each_dense_weight():
    assert list_operations(SGD(0.3, momentum=0.9)).count("ResourceApplyKerasMomentum") == 4


def test_no_weight_is_changed_before_all_gradients_are_computed():
    """Or TensorFlow copies a weight that the gradient of a layer's inputs still reads."""
    model = make_model(SGD(0.3, momentum=0.9))
    with updating_in_place(model):
        graph = tf.function(model.train_step).get_concrete_function((X, Y)).graph
    updates = [op for op in graph.get_operations() if op.type == "ResourceApplyKerasMomentum"]
    assert len(updates) == 4
    gradients = {update.inputs[3].op for update in updates}
    for update in updates:
        assert gradients <= find_all_before(update)


def find_all_before(operation: tf.Operation) -> set[tf.Operation]:
    found, waiting = set(), [operation]
    while waiting:
        last = waiting.pop()
        before = {*last.control_inputs, *(tensor.op for tensor in last.inputs)} - found
        found |= before
        waiting += before
    return found


def test_adam_takes_three():
    operations = list_operations(Adam(0.1))
    assert operations.count("ResourceApplyAdam") == 4
    assert operations.count("ResourceApplyGradientDescent") == 8


def test_a_kind_of_sgd_of_the_user_s_own_is_left_alone():
    class Halved(SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate / 2)

    assert "ResourceApplyKerasMomentum" not in list_operations(Halved(0.3, momentum=0.9))


def test_a_scaled_loss_has_the_kernels_too():
    model = make_model(keras.optimizers.LossScaleOptimizer(SGD(0.3, momentum=0.9)))
    scaled = model.optimizer
    with updating_in_place(model):
        assert "apply" in vars(scaled.inner_optimizer)
    assert "apply" not in vars(scaled.inner_optimizer)
