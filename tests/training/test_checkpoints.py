"""Checkpoints: all state of a fit, restored bit for bit; damaged ones are passed over."""

from __future__ import annotations

import signal
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasrecipes.interrupts import Interrupted, Interrupts
from kerasrecipes.training.checkpoints import Checkpointer, find_checkpoint
from kerasrecipes.training.fit import Scorer, fit_model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(86, 4)).astype(np.float32)
Y = (X[:, :1] - X[:, 1:2] + 0.1 * RNG.normal(size=(86, 1))).astype(np.float32)
N_EPOCHS, N_STEPS = 12, 10  # the last step has fewer rows


def make_model(optimizer: Any = "adam", dtype: str = "float32") -> keras.Sequential:
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.GaussianNoise(0.1),
            layers.Dense(16, activation="relu", dtype=dtype),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1, dtype="float32"),
        ]
    )
    model.compile(optimizer=optimizer, loss="mse", metrics=["mae"])
    return model


def fit(
    model: keras.Sequential,
    checkpointer: Checkpointer | None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    epochs: int = N_EPOCHS,
) -> dict[str, list[float]]:
    return fit_model(
        model,
        (X, Y),
        (X[:30], Y[:30]),
        epochs=epochs,
        batch_size=9,
        seed=5,
        scorer=Scorer(model, (X, Y), 32),
        callbacks=callbacks,
        checkpointer=checkpointer,
    )


@pytest.fixture
def write_at_once(monkeypatch) -> list[tuple[int, int]]:
    """Makes training wait for each checkpoint; the epochs and steps of those written."""
    written = []
    write = Checkpointer.write

    def note_and_write(self: Checkpointer, epoch: int, step: int) -> None:
        written.append((epoch, step))
        write(self, epoch, step)
        self.close()

    monkeypatch.setattr(Checkpointer, "write", note_and_write)
    return written


def make_callbacks() -> list[keras.callbacks.Callback]:
    return [
        keras.callbacks.EarlyStopping(patience=30, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5, min_delta=0.2),
    ]


class Stop(keras.callbacks.Callback):
    """Sends a signal in a batch of an epoch; both are counted from 0."""

    def __init__(self, interrupts: Interrupts, epoch: int, batch: int) -> None:
        super().__init__()
        self.interrupts, self.epoch, self.batch, self.now = interrupts, epoch, batch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch >= self.batch:
            with self.interrupts.deferring():
                self.interrupts.receive(signal.SIGTERM, None)


def interrupt(folder: Path, model, callbacks, epoch: int, batch: int) -> None:
    """Fit until a batch of an epoch, where a signal ends it after a checkpoint."""
    checkpointer = Checkpointer(folder, callbacks, interrupts=Interrupts(owns_process=True))
    stop = Stop(checkpointer.interrupts, epoch, batch)
    with pytest.raises(Interrupted):
        fit(model, checkpointer, [*callbacks, stop])


def read_state(model: keras.Sequential) -> list[np.ndarray]:
    return [np.asarray(v) for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("batch", [2, 9])
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.05, use_ema=True),
        lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    ],
)
def test_a_fit_continues_bit_for_bit(monkeypatch, tmp_path: Path, optimizer, batch: int):
    """Within an epoch, and where its validation had not begun."""
    monkeypatch.setattr("kerasrecipes.training.fit._Pace.note", lambda *_: None)  # one step a call
    whole, callbacks = make_model(optimizer()), make_callbacks()
    expected = fit(whole, None, callbacks)
    interrupt(tmp_path, make_model(optimizer()), make_callbacks(), 5, batch)
    start, damaged = find_checkpoint(tmp_path)
    assert start is not None
    assert (start.epoch, start.step, damaged) == (5, batch + 1, [])
    model, again = make_model(optimizer()), make_callbacks()
    history = fit(model, Checkpointer(tmp_path, again, start), again)
    assert history == expected
    for ours, theirs in zip(read_state(model), read_state(whole), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    for ours, theirs in zip(again, callbacks, strict=True):
        for name in ("wait", "best", "best_epoch", "cooldown_counter", "min_delta", "monitor_op"):
            assert getattr(ours, name, None) == getattr(theirs, name, None), name


def test_a_finished_fit_continues_as_a_longer_one(tmp_path: Path):
    """Although the end of a fit restored the best weights."""
    whole = make_model()
    expected = fit(whole, None, make_callbacks())
    callbacks = make_callbacks()
    fit(make_model(), Checkpointer(tmp_path, callbacks), callbacks, epochs=4)
    start, _ = find_checkpoint(tmp_path)
    model, callbacks = make_model(), make_callbacks()
    assert fit(model, Checkpointer(tmp_path, callbacks, start), callbacks) == expected
    for ours, theirs in zip(read_state(model), read_state(whole), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_a_stopped_fit_does_not_continue(tmp_path: Path):
    def stop() -> list[keras.callbacks.Callback]:
        return [keras.callbacks.EarlyStopping(patience=1, min_delta=10)]

    callbacks = stop()
    history = fit(make_model(), Checkpointer(tmp_path, callbacks), callbacks)
    start, _ = find_checkpoint(tmp_path)
    assert start is not None
    assert start.facts["stop_training"]
    callbacks = stop()
    assert fit(make_model(), Checkpointer(tmp_path, callbacks, start), callbacks) == history


def test_weights_of_16_bits_are_kept(tmp_path: Path):
    trained = make_model(dtype="bfloat16")
    fit(trained, Checkpointer(tmp_path), epochs=1)
    start, _ = find_checkpoint(tmp_path)
    model = make_model(dtype="bfloat16")
    model.optimizer.build(model.trainable_variables)
    checkpointer = Checkpointer(tmp_path, start=start)
    model.history = keras.callbacks.History()
    assert checkpointer.begin(model) == (1, 0)
    for ours, theirs in zip(read_state(model), read_state(trained), strict=True):
        assert ours.tobytes() == theirs.tobytes()


@pytest.mark.reliability("fault")
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign", "gone"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, damage: str):
    fit(make_model(), Checkpointer(tmp_path, interval_s=1e9), epochs=2)
    start, _ = find_checkpoint(tmp_path)
    fit(make_model(), Checkpointer(tmp_path, start=start, interval_s=1e9), epochs=3)
    before, newest = sorted(tmp_path.glob("*.npz"))
    content = newest.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    damaged = {"empty": b"", "cut": content[:middle], "flipped": flipped, "foreign": b"PK" * 99}
    newest.unlink()
    if damage in damaged:
        newest.write_bytes(damaged[damage])
    found, passed_over = find_checkpoint(tmp_path)
    assert found is not None
    assert before.name.startswith(f"{found.epoch:06d}-{found.step:08d}")
    assert passed_over == ([newest] if damage in damaged else [])


def test_without_checkpoints_there_is_none(tmp_path: Path):
    (tmp_path / "notes.npz").write_bytes(b"something else")
    assert find_checkpoint(tmp_path) == (None, [])


def test_at_most_one_in_the_interval_and_the_newest_two(tmp_path: Path, monkeypatch, write_at_once):
    now_s = 0.0
    monkeypatch.setattr("kerasrecipes.training.checkpoints.time.monotonic", lambda: now_s)

    class Pass(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            nonlocal now_s
            now_s += 10.0

    fit(make_model(), Checkpointer(tmp_path, interval_s=30), [Pass()], epochs=11)
    assert write_at_once == [(3, 0), (6, 0), (9, 0), (11, 0)]
    assert [int(file.name[:6]) for file in sorted(tmp_path.glob("*.npz"))] == [9, 11]


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path, write_at_once):
    class Spoil(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.layers[1].kernel.assign(np.full((4, 16), np.nan, np.float32))
                self.model.stop_training = True

    with pytest.raises(Exception, match="NaN or infinite"):
        fit(make_model(), Checkpointer(tmp_path, interval_s=0), [Spoil()])
    assert max(int(file.name[:6]) for file in tmp_path.glob("*.npz")) == 2


@pytest.mark.reliability("fault")
def test_a_full_disk_does_not_end_the_training(tmp_path: Path, monkeypatch):
    def refuse(file: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(file))

    monkeypatch.setattr("kerasrecipes.training.checkpoints.write_file", refuse)
    checkpointer = Checkpointer(tmp_path, interval_s=0)
    assert len(fit(make_model(), checkpointer)["loss"]) == N_EPOCHS
    assert checkpointer.error is not None
    assert checkpointer.error.errno == 28


class Keeper(keras.callbacks.Callback):
    """State of every kind that can be kept."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Any = None

    def on_epoch_end(self, epoch, logs=None):
        self.state = {
            "numbers": [1, 2.5, None, True, "text", float("inf")],
            "scalar": np.float32(0.1),
            "array": [np.arange(3), np.array(7.0)],
            "tensor": keras.ops.convert_to_tensor([1.0, 2.0]),
        }


def test_state_of_the_users_callbacks_is_kept(tmp_path: Path):
    callback = Keeper()
    fit(make_model(), Checkpointer(tmp_path, [callback]), [callback], epochs=1)
    start, _ = find_checkpoint(tmp_path)
    again = Keeper()
    fit(make_model(), Checkpointer(tmp_path, [again], start), [again], epochs=1)
    assert list(again.state) == ["numbers", "scalar", "array", "tensor"]
    assert again.state["numbers"] == [1, 2.5, None, True, "text", float("inf")]
    assert isinstance(again.state["scalar"], np.float32)
    np.testing.assert_array_equal(again.state["array"][0], [0, 1, 2])
    np.testing.assert_array_equal(again.state["tensor"], [1.0, 2.0])


class Lazy(keras.callbacks.Callback):
    """State that a checkpoint cannot keep, and functions and settings that are none."""

    def __init__(self) -> None:
        super().__init__()
        self.metric = keras.metrics.Mean()
        self.counts: dict[str, int] = defaultdict(int)
        self.texts, self.random = np.array(["a", None]), keras.random.SeedGenerator(1)
        self.less, self.mean, self.kind = min, partial(np.mean, axis=0), keras.metrics.Mean

    def on_epoch_end(self, epoch, logs=None):
        self.late = {epoch}


def test_state_that_cannot_be_kept_is_named(tmp_path: Path):
    """When training starts, or when it first appears."""
    callbacks = [Lazy(), *make_callbacks()]
    said: list[str] = []
    fit(make_model(), Checkpointer(tmp_path, callbacks, warn=said.append), callbacks, epochs=1)
    named = [line.partition(".")[0].removeprefix("A checkpoint cannot keep ") for line in said]
    names = ("metric", "counts", "texts", "random", "late")
    assert named == [f"'{name}' of Lazy" for name in names]
    assert said[0].endswith(" If this run is continued from a checkpoint, it begins anew.")
    start, _ = find_checkpoint(tmp_path)
    callbacks = [Lazy()]
    fit(make_model(), Checkpointer(tmp_path, callbacks, start, warn=said.append), callbacks)
    assert callbacks[0].counts["a"] == 0


def test_a_csv_file_has_the_rows_of_all_epochs_once(tmp_path: Path):
    """Also with rows of epochs that were trained after the checkpoint."""
    file = tmp_path / "log.csv"

    def make(file: Path) -> list[keras.callbacks.Callback]:
        """ReduceLROnPlateau adds a column to the history, after this one has been written."""
        return [keras.callbacks.CSVLogger(file), *make_callbacks()]

    expected = make(tmp_path / "whole.csv")
    fit(make_model(), Checkpointer(tmp_path / "whole", expected), expected)
    interrupt(tmp_path, make_model(), make(file), 5, 2)
    start, _ = find_checkpoint(tmp_path)
    for epochs in (8, N_EPOCHS):
        callbacks, said = make(file), []
        checkpointer = Checkpointer(tmp_path / "later", callbacks, start, warn=said.append)
        fit(make_model(), checkpointer, callbacks, epochs=epochs)
        assert said == []
    assert file.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(file.read_bytes().splitlines()) == 1 + N_EPOCHS


@pytest.mark.parametrize("new", [keras.optimizers.Adam, keras.optimizers.SGD])
def test_another_optimizer_begins_anew(tmp_path: Path, new):
    trained = make_model()
    fit(trained, Checkpointer(tmp_path), epochs=2)
    start, _ = find_checkpoint(tmp_path)
    model = make_model(new(0.5))
    fit(model, Checkpointer(tmp_path, start=start, new_optimizer=True), epochs=2)
    assert float(model.optimizer.learning_rate) == 0.5
    assert int(model.optimizer.iterations) == 0
    for ours, theirs in zip(model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
