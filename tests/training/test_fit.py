"""``fit_model`` does what Keras's ``fit`` does: same batches, same numbers, same callbacks."""

from __future__ import annotations

import gc
import itertools
import json
import subprocess
import sys
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasrecipes.errors import RunFailed
from kerasrecipes.memory import make_aligned
from kerasrecipes.training import fit as fit_module
from kerasrecipes.training.fit import Scorer, fit_model

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
    train, validation = keys.pop("train"), keys.pop("validation")
    scorer = Scorer(model, train, keys["batch_size"])
    return fit_model(
        model,
        train,
        validation,
        epochs=epochs,
        seed=seed,
        scorer=scorer,
        callbacks=callbacks,
        **keys,
    )


def generate_batches(
    seed: int = 1, first_epoch: int = 0, train: tuple[np.ndarray, ...] = TRAIN
) -> Iterator[tuple[np.ndarray, ...]]:
    """The batches of an endless fit, each epoch in an order of (seed, epoch)."""
    for epoch in itertools.count(first_epoch):
        seeds = tf.constant([seed, epoch], tf.int64)
        rows = tf.range(len(train[0]))
        order = tf.random.experimental.stateless_shuffle(rows, seed=seeds).numpy()
        for start in range(0, len(order), BATCH_SIZE):
            yield tuple(array[order[start : start + BATCH_SIZE]] for array in train)


def fit_as_keras_does(
    model: keras.Sequential,
    *callbacks: Any,
    epochs: int = 3,
    first_epoch: int = 0,
    train: tuple[np.ndarray, ...] = TRAIN,
    validation: tuple[np.ndarray, ...] = VALIDATION,
    **keys: Any,
):
    shapes = tuple(tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in train)
    batches = tf.data.Dataset.from_generator(
        lambda: generate_batches(first_epoch=first_epoch, train=train), output_signature=shapes
    )
    return model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=9,
        validation_data=validation,
        validation_batch_size=1024,
        callbacks=list(callbacks),
        shuffle=False,
        verbose=0,
        **keys,
    ).history


def take_at_once(monkeypatch: pytest.MonkeyPatch, n_steps: int) -> None:
    """Make every call of the train function take so many steps."""
    pace = SimpleNamespace(n_steps=n_steps, note=lambda n_steps, seconds: None)
    monkeypatch.setattr(fit_module, "_Pace", lambda most: pace)


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
    return model.get_weights(), history, recorder


def test_weights_of_rows_count_as_keras_s_sample_weight_does():
    """In the loss, and in weighted_metrics, of training and validation rows."""
    rng = np.random.default_rng(7)
    train, validation = (
        (*rows, rng.exponential(size=len(rows[0])).astype(np.float32))
        for rows in (TRAIN, VALIDATION)
    )
    theirs, ours = make_model(), make_model()
    for model in (theirs, ours):
        model.compile("adam", model.loss, weighted_metrics=["accuracy"])
    expected = fit_as_keras_does(theirs, train=train, validation=validation)
    history = fit(ours, train=train, validation=validation)
    assert history.keys() == expected.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6, atol=1e-6, err_msg=name)
    assert fit(make_model())["val_accuracy"] != history["val_accuracy"]


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


@pytest.mark.parametrize("n_steps", [1, 4, 100])
def test_numbers_and_events_are_those_of_keras(monkeypatch, keras_run, n_steps: int):
    """4 does not divide the 9 steps of an epoch; 100 is more than there are."""
    take_at_once(monkeypatch, n_steps)
    weights, keras_history, recorded = keras_run
    model, recorder = make_model(), Recorder()
    history = fit(model, recorder)
    assert history.keys() == keras_history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(values, keras_history[name], rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
    assert recorder.list_epoch_events() == recorded.list_epoch_events()
    assert recorder.params == recorded.params
    if n_steps == 1:
        assert recorder.events == recorded.events


def test_steps_come_in_groups(monkeypatch):
    take_at_once(monkeypatch, 4)
    recorder = Recorder()
    fit(make_model(), recorder, epochs=2)
    groups = [event[:2] for event in recorder.events if event[0].startswith("batch")]
    epoch = [("begins", 0), ("ends", 3), ("begins", 4), ("ends", 7), ("begins", 8), ("ends", 8)]
    assert [(what.split()[1], n) for what, n in groups] == epoch * 2
    assert int(recorder.model.optimizer.iterations) == 18


def test_the_first_calls_measure_how_long_a_step_takes():
    """No layer, however little is known about it, keeps progress and Ctrl-C waiting."""
    pace = fit_module._Pace(most=1000)
    counts = []
    for step_s in (5.0, 0.02, 0.02, 0.02, 0.03, 1.0, 1.0):  # the first call builds the graph
        counts.append(pace.n_steps)
        pace.note(pace.n_steps, pace.n_steps * step_s)
    assert counts == [1, 1, 4, 5, 5, 3, 1]


def test_keras_s_own_fit_goes_on_where_ours_stopped():
    ours, theirs = make_model(), make_model()
    fit(ours, epochs=2)
    fit_as_keras_does(theirs, epochs=2)
    later = [fit_as_keras_does(model, epochs=1, first_epoch=2) for model in (ours, theirs)]
    for name, values in later[0].items():
        np.testing.assert_allclose(values, later[1][name], rtol=1e-6, atol=1e-7)


def test_layers_that_draw_random_numbers_when_scored_train_as_in_keras():
    """Keras's recurrent layers draw their dropout masks outside training, too."""

    def make() -> keras.Sequential:
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Reshape((4, 1)), keras.layers.LSTM(3, dropout=0.3)]
        model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    ours, theirs = make(), make()
    history = fit(ours)
    for name, values in fit_as_keras_does(theirs).items():
        np.testing.assert_allclose(history[name], values, rtol=1e-6, atol=1e-7)


def test_a_callback_can_stop_within_an_epoch(monkeypatch):
    take_at_once(monkeypatch, 1)

    class StopAtThird(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    ours, theirs = make_model(), make_model()
    histories = [fit(ours, StopAtThird()), fit_as_keras_does(theirs, StopAtThird())]
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-6, atol=1e-7)
    assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations) == 3


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
    assert Scorer(model, VALIDATION, BATCH_SIZE)(VALIDATION)["loss"] == pytest.approx(
        history["val_loss"][best], rel=1e-5
    )


def test_the_learning_rate_falls_on_a_plateau():
    falling = keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=10.0)
    model = make_model(optimizer=keras.optimizers.SGD(0.5))
    history = fit(model, falling, epochs=3)
    assert history["learning_rate"] == pytest.approx([0.5, 0.5, 0.05])


def test_a_schedule_counts_every_step(monkeypatch):
    take_at_once(monkeypatch, 4)
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


def make_exploding_model(learning_rate: float) -> keras.Sequential:
    model = make_model(optimizer=keras.optimizers.SGD(learning_rate), loss="mse")
    model.layers[-1].activation = keras.activations.linear
    return model


def test_a_loss_that_is_no_number_stops_the_run():
    with pytest.raises(RunFailed) as caught:
        fit(make_exploding_model(1e9), epochs=50)
    message = str(caught.value)
    assert "The loss became " in message
    assert " in epoch " in message
    assert "learning_rate (now 1e+09)" in message


def test_weights_that_the_last_update_makes_infinite_stop_the_run():
    """No loss shows them, since the model computes none afterwards."""
    rows = X[:70], Y[:70] * 1000
    with pytest.raises(RunFailed, match="Weights became NaN or infinite in the last epoch: the st"):
        fit(make_exploding_model(1e38), epochs=1, train=rows, validation=None, batch_size=70)


@pytest.mark.parametrize(
    "loss",
    [
        keras.losses.Dice,
        keras.losses.Tversky,
        lambda: keras.losses.BinaryCrossentropy(reduction="sum"),
    ],
)
def test_a_loss_that_is_no_mean_over_rows_is_scored_in_the_recipe_s_batches(loss):
    model = make_model(loss=loss())
    history = fit(model, epochs=1)
    expected = model.evaluate(*VALIDATION, batch_size=BATCH_SIZE, verbose=0, return_dict=True)
    assert history["val_loss"][0] == pytest.approx(expected["loss"], rel=1e-5)
    whole = model.evaluate(*VALIDATION, batch_size=1024, verbose=0, return_dict=True)
    assert whole["loss"] != pytest.approx(expected["loss"], rel=1e-3)


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
from kerasrecipes.training.fit import Scorer, fit_model

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
    scorer = Scorer(model, rows, 8)
    history = fit_model(model, rows, rows, epochs=3, batch_size=8, seed=1, scorer=scorer)
    results.append(
        {
            "replicas": strategy.num_replicas_in_sync,
            "history": history,
            "scores": scorer(rows),
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


def test_rows_are_freed_as_soon_as_they_were_fitted_and_scored():
    """The garbage collector may run much later, and rows may be most of the memory."""
    model = make_model()
    inputs = make_aligned(TRAIN[0].shape, np.dtype(np.float32))  # else TensorFlow has a copy
    inputs[:] = TRAIN[0]
    held = weakref.ref(inputs.base)
    gc.disable()
    try:
        fit(model, train=(inputs, TRAIN[1]), validation=(inputs, TRAIN[1]))
        score = Scorer(model, (inputs, TRAIN[1]), BATCH_SIZE)
        score((inputs, TRAIN[1]))
        del inputs
        assert held() is None
    finally:
        gc.enable()
    assert score(VALIDATION).keys() == {"loss", "accuracy"}


def test_the_garbage_collector_skips_what_was_there_before_only_while_fit_lasts():
    class Count(keras.callbacks.Callback):
        frozen = 0

        def on_epoch_end(self, epoch, logs=None):
            self.frozen = gc.get_freeze_count()

    count = Count()
    fit(make_model(), count)
    assert count.frozen > 10_000
    assert gc.get_freeze_count() == 0
