"""Checkpoints: the whole state of a fit, written in the background and restored bit for bit.

A checkpoint is one ``.npz`` file: an array for every variable, and JSON for the rest, each with the
checksum of a ZIP archive. Nothing is pickled. Its name gives the epoch and step to continue with:

    checkpoints/000012-00000000.npz
"""

from __future__ import annotations

import io
import json
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from inspect import isroutine
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from kerasrecipes.durable import write_file
from kerasrecipes.interrupts import Interrupted, Interrupts
from kerasrecipes.training.team import ALONE, Team

_N_KEPT = 2
_FACTS = "facts.json"
_NO_STATE = ("params", "_model", "monitor_op", "min_delta", "csv_file", "writer")
"""Attributes of Keras's callbacks that ``fit`` sets anew; the last two are of CSVLogger."""

Arrays = dict[str, np.ndarray]
Facts = dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a fit between two steps, and the epoch and step to continue with, from 0."""

    epoch: int
    step: int
    arrays: Arrays  # values of variables and of callbacks' arrays, by name
    facts: Facts  # all other state, as in JSON

    def fits(self, model: keras.Model) -> bool:
        """Whether a model has variables of the same shapes."""
        return _list_shapes(self.list_values("model")) == _list_shapes(model.variables)

    def list_values(self, group: str) -> list[np.ndarray]:
        """The values of the variables of "model", "metrics" or "optimizer", in their order."""
        return [self.arrays[f"{group}/{i}"] for i in range(self.facts["n_variables"][group])]


def find_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Find the newest undamaged checkpoint in a folder, or None, and the damaged newer ones."""
    damaged: list[Path] = []
    for file in reversed(_list_files(folder)):
        try:
            epoch, step = map(int, file.stem.split("-")[:2])
            with np.load(file, allow_pickle=False) as arrays:
                by_name = dict(arrays)
            facts = json.loads(by_name.pop(_FACTS).tobytes())
            if len(by_name) != facts["n_arrays"]:
                raise ValueError("some arrays are missing")
            return Checkpoint(epoch, step, by_name, facts), damaged
        except (OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, BadZipFile):
            damaged.append(file)
    return None, damaged


def _list_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*-[0-9]*.npz"))  # oldest first


@dataclass
class Checkpointer:
    """Restores the state of a fit at its beginning, and writes checkpoints while it runs."""

    folder: Path | None = None  # None writes none
    callbacks: Sequence[keras.callbacks.Callback] = ()  # whose state is kept; the history's is, too
    start: Checkpoint | None = None  # None begins with the model as it is
    interrupts: Interrupts = field(default_factory=lambda: Interrupts(owns_process=False))
    interval_s: float = 60.0  # between checkpoints; the end of the fit writes one, too
    new_optimizer: bool = False  # whether it begins anew, since it is not that of ``start``
    warn: Callable[[str], None] = warnings.warn  # of state that cannot be kept
    team: Team = ALONE  # its leader writes checkpoints, and a signal to one worker stops all
    error: OSError | MemoryError | None = None
    has_begun: bool = False
    _written_s: float = field(default_factory=lambda: time.monotonic())
    _writer: threading.Thread | None = None
    _unkept: set[str] = field(default_factory=set)

    def begin(self, model: keras.Model) -> tuple[int, int]:
        """Restore the state to begin with, after ``on_train_begin``; return its epoch and step."""
        self._model = model
        callbacks = [*self.callbacks, model.history]
        self._as_made = [(each, self._keep_attributes(each, {}, {})) for each in callbacks]
        if self.start:
            self._restore(self.start)
        self.has_begun = True
        return (self.start.epoch, self.start.step) if self.start else (0, 0)

    def note(self, epoch: int, step: int) -> None:
        """Write a checkpoint if one is due or a signal has arrived, which raises Interrupted."""
        is_free = self.team.number == 0 and not (self._writer and self._writer.is_alive())
        is_due = is_free and time.monotonic() - self._written_s >= self.interval_s
        agreed = self.team.agree(2 * self.interrupts.number + is_due)
        if agreed:
            self.write(epoch, step)
        if agreed > 1:
            self.close()
            raise Interrupted(agreed // 2)

    def write(self, epoch: int, step: int) -> None:
        """Write a checkpoint in the background; ``close`` waits for it."""
        if self.folder is None:
            return
        metrics = self.team.sum_metrics(self._model)
        if self.team.number:
            return
        self.close()
        self._written_s = time.monotonic()
        arrays: Arrays = {}
        groups = _list_variables(self._model) | {"metrics": metrics}
        for group, variables in groups.items():
            for i, variable in enumerate(variables):
                arrays[f"{group}/{i}"] = np.array(keras.ops.convert_to_numpy(variable))
        facts = {
            "stop_training": bool(self._model.stop_training),
            "n_variables": {group: len(variables) for group, variables in groups.items()},
            "callbacks": [
                [type(callback).__name__, self._keep_attributes(callback, arrays, as_made)]
                for callback, as_made in self._as_made
            ],
        }
        file = self.folder / f"{epoch:06d}-{step:08d}.npz"
        self._writer = threading.Thread(target=self._write, args=(file, arrays, facts))
        self._writer.start()

    def close(self) -> None:
        """Wait until the checkpoint in hand is written."""
        if self._writer:
            self._writer.join()
            self._writer = None

    def _keep_attributes(self, callback: Any, arrays: Arrays, as_made: Facts) -> Facts:
        """A callback's attributes other than those of ``as_made``; arrays go to ``arrays``."""
        kept = {}
        for name, value in vars(callback).items():
            if name in _NO_STATE or isroutine(value) or isinstance(value, type | partial):
                continue
            try:
                found = _keep(value, arrays)
            except TypeError:
                what = f"A checkpoint cannot keep '{name}' of {type(callback).__name__}."
                if what not in self._unkept:
                    self._unkept.add(what)
                    self.warn(f"{what} If this run is continued from a checkpoint, it begins anew.")
                continue
            if name not in as_made or as_made[name] != found:
                kept[name] = found
        return kept

    def _write(self, file: Path, arrays: Arrays, facts: Facts) -> None:
        if not all(np.isfinite(v).all() for name, v in arrays.items() if name.startswith("model/")):
            return  # training has diverged: the last good checkpoint stays
        buffer = io.BytesIO()
        facts["n_arrays"] = len(arrays)
        arrays[_FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        try:
            np.savez(buffer, allow_pickle=False, **arrays)
            file.parent.mkdir(exist_ok=True)
            write_file(file, buffer.getbuffer())
            others = [each for each in _list_files(file.parent) if each != file]
            for old in others[: 1 - _N_KEPT]:
                old.unlink(missing_ok=True)
        except (OSError, MemoryError) as error:  # no reason to lose the training
            self.error = error

    def _restore(self, start: Checkpoint) -> None:
        for group, variables in _list_variables(self._model).items():
            values = start.list_values(group)
            is_new = group == "optimizer" and self.new_optimizer
            if not is_new and _list_shapes(variables) == _list_shapes(values):
                for variable, value in zip(variables, values, strict=True):
                    is_raw = value.dtype.kind == "V"  # NumPy has no bfloat16
                    variable.assign(value.view(variable.dtype) if is_raw else value)
        for layer in self._model.layers:
            if hasattr(layer, "finalize_state"):  # Normalization keeps copies of its variables
                layer.finalize_state()
        self._model.stop_training = bool(start.facts["stop_training"])
        kept = list(start.facts["callbacks"])
        for callback, _ in self._as_made:
            name = type(callback).__name__
            if of_kind := [each for each in kept if each[0] == name]:
                kept.remove(of_kind[0])
                for attribute, value in of_kind[0][1].items():
                    setattr(callback, attribute, _load(value, start.arrays))
        history = self._model.history
        for callback in self.callbacks:
            if isinstance(callback, keras.callbacks.CSVLogger) and not callback.append:
                for i, epoch in enumerate(history.epoch):  # its file has begun anew
                    logs = {name: v[i] for name, v in history.history.items() if len(v) > i}
                    callback.on_epoch_end(epoch, logs)


def _list_variables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {
        "model": model.variables,  # with the states of random seeds, which weights lack
        "metrics": model.metrics_variables,
        "optimizer": model.optimizer.variables,
    }


def _list_shapes(arrays: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(array.shape) for array in arrays]


def _keep(value: Any, arrays: Arrays) -> Any:
    """A value as JSON; arrays are added to ``arrays``. TypeError is raised if it is neither."""
    if isinstance(value, np.ndarray | np.generic) or keras.ops.is_tensor(value):
        array = np.array(value)
        if array.dtype.hasobject:
            raise TypeError(array.dtype)
        name = f"callbacks/{len(arrays)}"
        arrays[name] = array
        return {"array": name}
    if type(value) is list:
        return [_keep(item, arrays) for item in value]
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: _keep(item, arrays) for key, item in value.items()}}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(type(value))


def _load(value: Any, arrays: Arrays) -> Any:
    """The value that ``_keep`` made JSON of."""
    if isinstance(value, list):
        return [_load(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]][()]
    return {key: _load(item, arrays) for key, item in value["dict"].items()}
