"""``fit`` is Keras's, only faster: same batches, same numbers, same callbacks."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from typing import Any

import keras
import numpy as np
import pytest

from kerasrecipes.errors import RunFailed
from kerasrecipes.model.encoder import make_aligned
from kerasrecipes.training import fit as fit_module
from kerasrecipes.training.batches import (
    count_steps,
    make_evaluation_batches,
    make_training_batches,
)
from kerasrecipes.training.fit import fit_model, make_scorer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype(np.float32)
Y = (X[:, :1] > 0).astype(np.float32)
TRAIN, VALIDATION = (X[:70], Y[:70]), (X[70:], Y[70:])
BATCH_SIZE = 8  # 9 steps an epoch, the last of 6 rows


def make_model(seed: int = 1, optimizer: Any = "adam", loss: str = "binary_crossentropy"):
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(6, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.get(optimizer), loss, metrics=["accuracy"])
    return model


def fit(model: keras.Sequential, *callbacks: Any, epochs: int = 3, seed: int = 1, **keys: Any):
    keys = {"train": TRAIN, "validation": VALIDATION, "batch_size": BATCH_SIZE} | keys
    return fit_model(
        model,
        keys.pop("train"),
        keys.pop("validation"),
        epochs=epochs,
        seed=seed,
        multiply_adds=30,
        callbacks=callbacks,
        **keys,
    )


def fit_as_keras_does(
    model: keras.Sequential, *callbacks: Any, epochs: int = 3, class_weight: Any = None
):
    return model.fit(
        make_training_batches(TRAIN, BATCH_SIZE, seed=1),
        epochs=epochs,
        steps_per_epoch=count_steps(len(X[:70]), BATCH_SIZE),
        validation_data=make_evaluation_batches(*VALIDATION, 1024),
        callbacks=list(callbacks),
        class_weight=class_weight,
        shuffle=False,
        verbose=0,
    ).history


def steps_in_one_call(monkeypatch: pytest.MonkeyPatch, n_steps: int) -> None:
    """Make fit_model choose so many steps per execution."""
    monkeypatch.setattr(fit_module, "_STEP_OVERHEAD_S", 1.0)
    monkeypatch.setattr(fit_module, "_CALLBACK_INTERVAL_S", float(n_steps))


class Recorder(keras.callbacks.Callback):
    """Every event with its number and the names in its logs."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, int | None, tuple[str, ...]]] = []

    def _record(self, event: str, number: int | None, logs: dict[str, Any] | None) -> None:
        self.events.append((event, number, tuple(sorted(logs or ()))))

    def on_train_begin(self, logs=None):
        self._record("train begins", None, logs)

    def on_train_end(self, logs=None):
        self._record("train ends", None, logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._record("epoch begins", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._record("epoch ends", epoch, logs)

    def on_test_begin(self, logs=None):
        self._record("test begins", None, logs)

    def on_test_end(self, logs=None):
        self._record("test ends", None, logs)

    def on_train_batch_begin(self, batch, logs=None):
        self._record("batch begins", batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._record("batch ends", batch, logs)

    def list_epoch_events(self):
        return [event for event in self.events if not event[0].startswith("batch")]


@pytest.fixture(scope="module")
def keras_run():
    """Weights, history and events of Keras's own fit on the same batches."""
    model, recorder = make_model(), Recorder()
    history = fit_as_keras_does(model, recorder)
    return model.get_weights(), history, recorder.list_epoch_events()


@pytest.mark.parametrize("weighs", [{0: 1.0, 1: 3.0}, {0: 0.2, 1: 0.9}])
def test_weighted_rows_count_as_keras_s_class_weight_does(weighs: dict[int, float]):
    theirs, ours, unweighted = make_model(), make_model(), make_model()
    expected = fit_as_keras_does(theirs, class_weight=weighs)
    weights = np.float32([weighs[int(label)] for label in TRAIN[1][:, 0]])
    history = fit(ours, row_weights=weights)
    assert history.keys() == expected.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6, atol=1e-6, err_msg=name)
    for our, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-6, atol=1e-6)
    assert fit(unweighted)["loss"] != history["loss"]


def test_weights_of_one_change_nothing():
    plain, weighted = make_model(), make_model()
    expected = fit(plain)
    history = fit(weighted, row_weights=np.ones(len(TRAIN[0]), np.float32))
    for name, values in history.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_steps", [4, 100])
def test_numbers_and_events_are_those_of_keras(monkeypatch, keras_run, n_steps: int):
    """4 does not divide the 9 steps of an epoch; 100 is more than there are."""
    steps_in_one_call(monkeypatch, n_steps)
    weights, keras_history, events = keras_run
    model, recorder = make_model(), Recorder()
    history = fit(model, recorder)
    assert history.keys() == keras_history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, keras_history[name], rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
    assert recorder.list_epoch_events() == events


def test_batch_events_come_in_groups(monkeypatch):
    steps_in_one_call(monkeypatch, 4)
    recorder = Recorder()
    fit(make_model(), recorder, epochs=2)
    groups = [event[:2] for event in recorder.events if event[0].startswith("batch")]
    epoch = [("begins", 0), ("ends", 3), ("begins", 4), ("ends", 7), ("begins", 8)]
    assert [(what.split()[1], n) for what, n in groups[:5]] == epoch
    assert groups[5][1] >= 8  # Keras counts a full group here; the progress line caps it
    assert groups[6:] == groups[:6]
    assert int(recorder.model.optimizer.iterations) == 18


def test_the_same_seed_gives_the_same_bits():
    def run(seed: int):
        model = make_model(seed)
        return fit(model, seed=seed), [weight.tobytes() for weight in model.get_weights()]

    first, again, other = run(1), run(1), run(2)
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_early_stopping_restores_the_best_weights():
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=1, restore_best_weights=True
    )
    model = make_model(optimizer=keras.optimizers.SGD(3.0))
    history = fit(model, stopping, epochs=60)
    n_epochs, best = len(history["loss"]), int(np.argmin(history["val_loss"]))
    assert n_epochs < 60
    assert best < n_epochs - 1
    assert make_scorer(model, VALIDATION)(VALIDATION)["loss"] == pytest.approx(
        history["val_loss"][best], rel=1e-5
    )


def test_the_learning_rate_falls_on_a_plateau():
    falling = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=10.0)
    model = make_model(optimizer=keras.optimizers.SGD(0.5))
    history = fit(model, falling, epochs=3)
    assert history["learning_rate"] == pytest.approx([0.5, 0.5, 0.05])


def test_a_schedule_counts_every_step(monkeypatch):
    steps_in_one_call(monkeypatch, 4)
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, decay_steps=36, end_learning_rate=0)
    model = make_model(optimizer=keras.optimizers.SGD(schedule))
    fit(model, epochs=2)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.SGD(0.1),
        lambda: keras.optimizers.SGD(0.1, momentum=0.5, nesterov=True),
        lambda: keras.optimizers.Adam(0.01),
    ],
)
def test_xla_computes_the_same(optimizer):
    histories = []
    for is_compiled in (False, True):
        keras.utils.set_random_seed(1)
        # No Dropout, of which XLA draws other numbers.
        layers = [keras.layers.Dense(6, activation="relu"), keras.layers.Dense(1, "sigmoid")]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile(optimizer(), "binary_crossentropy", jit_compile=is_compiled)
        histories.append(fit(model, epochs=4))
    plain, compiled = histories
    np.testing.assert_allclose(compiled["loss"], plain["loss"], rtol=1e-4)
    assert compiled["loss"][-1] < compiled["loss"][0]


def test_without_validation_nothing_is_validated():
    assert fit(make_model(), validation=None, epochs=1).keys() == {"accuracy", "loss"}


def test_a_loss_that_is_no_number_stops_the_run():
    model = make_model(optimizer=keras.optimizers.SGD(1e9), loss="mse")
    model.layers[-1].activation = keras.activations.linear
    with pytest.raises(RunFailed) as caught:
        fit(model, epochs=50)
    said = str(caught.value)
    assert "The loss became " in said
    assert " in epoch " in said
    assert "learning_rate (now 1e+09)" in said


class InterruptAt(keras.callbacks.Callback):
    """A person pressing Ctrl-C at the beginning of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_an_interrupted_fit_keeps_the_finished_epochs():
    model, whole = make_model(), make_model()
    with pytest.raises(KeyboardInterrupt):
        fit(model, InterruptAt(2), epochs=5)
    expected = fit(whole, epochs=2)
    assert model.history.history == expected
    for ours, theirs in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


TWO_DEVICES = """
import json, sys
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from kerasrecipes.training.fit import fit_model, make_scorer

rng = np.random.default_rng(0)
X = rng.normal(size=(73, 4)).astype(np.float32)  # the last batch has one row, for two devices
rows = (X, (X[:, :1] > 0).astype(np.float32))
results = []
for strategy in (tf.distribute.get_strategy(), tf.distribute.MirroredStrategy()):
    with strategy.scope():
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Dense(6, activation="relu"), keras.layers.Dense(1, "sigmoid")]
        model = keras.Sequential([keras.Input((4,)), *layers])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy", "AUC"])
    history = fit_model(
        model, rows, rows, epochs=3, batch_size=8, seed=1, multiply_adds=30
    )
    results.append(
        {
            "replicas": strategy.num_replicas_in_sync,
            "steps_per_execution": model.steps_per_execution,
            "history": history,
            "scores": make_scorer(model, rows)(rows),
        }
    )
json.dump(results, open(sys.argv[1], "w"))
"""


def test_two_devices_share_the_work_and_report_alike(tmp_path):
    file = tmp_path / "results.json"
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = json.loads(file.read_text())
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert two["steps_per_execution"] == 10
    for name, values in one["history"].items():
        np.testing.assert_allclose(two["history"][name], values, rtol=5e-3, err_msg=name)
    assert two["scores"] == pytest.approx(one["scores"], rel=5e-3)


def test_metrics_that_are_objects_begin_every_epoch_anew():
    """Plain SGD and a metric object make no variable while the step is traced."""

    def make() -> keras.Sequential:
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
        auc = keras.metrics.AUC(curve="PR", name="auc")
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=[auc])
        return model

    expected = fit_as_keras_does(make())
    history = fit(make())
    assert history.keys() == expected.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6, atol=1e-6, err_msg=name)


def test_rows_are_let_go_at_once_when_they_were_fitted_and_scored():
    """The garbage collector may run much later, and rows may be most of the memory."""
    model = make_model()
    inputs = make_aligned(TRAIN[0].shape, np.dtype(np.float32))  # else TensorFlow has a copy
    inputs[:] = TRAIN[0]
    held = weakref.ref(inputs.base)
    gc.disable()
    try:
        fit(model, train=(inputs, TRAIN[1]), validation=(inputs, TRAIN[1]))
        assert (model.train_function, model.test_function) == (None, None)
        score = make_scorer(model, (inputs, TRAIN[1]))
        score((inputs, TRAIN[1]))
        del inputs
        assert held() is None
    finally:
        gc.enable()
    assert score(VALIDATION).keys() == {"loss", "accuracy"}
