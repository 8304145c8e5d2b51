"""Checkpoints: the whole state of a fit, written beside training and restored bit for bit.

A checkpoint is one ``.npz`` file: an array for every variable, and JSON for the rest. Nothing is
pickled. Its name gives the epoch and step to continue with, and the start of its content's SHA-256:

    checkpoints/000012-00000000-3f5a….npz
"""

from __future__ import annotations

import hashlib
import io
import json
import re
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
import tensorflow as tf

from kerasrecipes.durable import write_file
from kerasrecipes.interrupts import Interrupted, Interrupts
from kerasrecipes.training.team import ALONE, Team

INTERVAL_S = 60.0
"""Seconds between checkpoints."""

_N_KEPT = 2
_FACTS = "facts.json"
Arrays = dict[str, np.ndarray]
Facts = dict[str, Any]
_NAME = re.compile(r"(\d+)-(\d+)-([0-9a-f]{16})\.npz")


@dataclass(frozen=True)
class Checkpoint:
    """The state of a fit between two steps.

    Attributes:
        epoch: The epoch to continue with, from 0.
        step: The step of that epoch to continue with, from 0.
        arrays: Values of variables and of callbacks' arrays, by name.
        facts: All other state, as in JSON.
    """

    epoch: int
    step: int
    arrays: Arrays
    facts: Facts

    def fits(self, model: keras.Model) -> bool:
        """Whether a model has variables of the same shapes."""
        shapes = [tuple(variable.shape) for variable in model.variables]
        return [value.shape for value in self.list_values("model")] == shapes

    def list_values(self, group: str) -> list[np.ndarray]:
        """The values of the variables of "model", "metrics" or "optimizer", in their order."""
        return [self.arrays[f"{group}/{i}"] for i in range(self.facts["n_variables"][group])]


def find_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[Path]]:
    """Find the newest undamaged checkpoint in a folder.

    Returns:
        The checkpoint, or None, and the damaged ones that are newer.
    """
    damaged: list[Path] = []
    for file in reversed(_list_files(folder)):
        if checkpoint := _read(file):
            return checkpoint, damaged
        damaged.append(file)
    return None, damaged


def _list_files(folder: Path) -> list[Path]:
    """The checkpoints in a folder, oldest first."""
    return sorted(file for file in folder.glob("*.npz") if _NAME.fullmatch(file.name))


def _read(file: Path) -> Checkpoint | None:
    """Read a checkpoint; None if it is damaged."""
    epoch, step, digest = _NAME.fullmatch(file.name).groups()  # type: ignore[union-attr]
    try:
        content = file.read_bytes()
        if _digest(content) != digest:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            by_name = dict(arrays)
        facts = json.loads(by_name.pop(_FACTS).tobytes())
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return Checkpoint(int(epoch), int(step), by_name, facts)


def _digest(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@dataclass
class Checkpointer:
    """Restores the state of a fit at its beginning, and writes checkpoints while it runs.

    Attributes:
        folder: Where checkpoints go; None writes none.
        callbacks: Those whose state is kept; the history is one more.
        start: The state to begin with; None begins with the model as it is.
        interrupts: A signal that arrives makes a checkpoint and ends the fit.
        interval_s: Seconds between checkpoints; the end of the fit writes one too.
        new_optimizer: Whether the optimizer begins anew, since it is not that of ``start``.
        warn: Called with a sentence about state that cannot be kept.
        team: Its leader writes checkpoints. A signal to one worker stops all.
    """

    folder: Path | None = None
    callbacks: Sequence[keras.callbacks.Callback] = ()
    start: Checkpoint | None = None
    interrupts: Interrupts = field(default_factory=lambda: Interrupts(owns_process=False))
    interval_s: float = INTERVAL_S
    new_optimizer: bool = False
    warn: Callable[[str], None] = warnings.warn
    team: Team = ALONE
    error: OSError | MemoryError | None = None
    has_begun: bool = False
    _written_s: float = field(default_factory=lambda: time.monotonic())
    _writer: threading.Thread | None = None
    _unkept: set[str] = field(default_factory=set)

    def begin(self, model: keras.Model) -> tuple[int, int]:
        """Restore the state to begin with, after ``on_train_begin``.

        Returns:
            The epoch and the step to begin with, from 0.
        """
        self._model = model
        callbacks = [*self.callbacks, model.history]
        self._as_made = [(each, self._keep_attributes(each, {}, {})) for each in callbacks]
        if self.start:
            self._restore(self.start)
        self.has_begun = True
        return (self.start.epoch, self.start.step) if self.start else (0, 0)

    def note(self, epoch: int, step: int) -> None:
        """Write a checkpoint if one is due or a signal has arrived.

        Args:
            epoch: The epoch to continue with, from 0.
            step: The step of that epoch to continue with, from 0.

        Raises:
            Interrupted: A signal has arrived.
        """
        is_writing = self._writer is not None and self._writer.is_alive()
        is_due = time.monotonic() - self._written_s >= self.interval_s and not is_writing
        is_due = is_due and self.team.number == 0
        agreed = self.team.agree(2 * self.interrupts.number + is_due)
        if agreed:
            self.write(epoch, step)
        if agreed > 1:
            self.close()
            raise Interrupted(agreed // 2)

    def write(self, epoch: int, step: int) -> None:
        """Write a checkpoint beside training; ``close`` waits for it."""
        if self.folder is None:
            return
        metrics = self.team.sum_metrics(self._model)
        if self.team.number:
            return
        self.close()
        self._written_s = time.monotonic()
        arrays, facts = self._capture(metrics)
        file = self.folder / f"{epoch:06d}-{step:08d}"
        self._writer = threading.Thread(target=self._write, args=(file, arrays, facts))
        self._writer.start()

    def close(self) -> None:
        """Wait until the checkpoint in hand is written."""
        if self._writer:
            self._writer.join()
            self._writer = None

    def _capture(self, metrics: list[Any]) -> tuple[Arrays, Facts]:
        arrays: Arrays = {}
        groups = _list_variables(self._model) | {"metrics": metrics}
        for group, variables in groups.items():
            for i, variable in enumerate(variables):
                arrays[f"{group}/{i}"] = np.array(keras.ops.convert_to_numpy(variable))
        return arrays, {
            "stop_training": bool(self._model.stop_training),
            "n_variables": {group: len(variables) for group, variables in groups.items()},
            "callbacks": [
                [type(callback).__name__, self._keep_attributes(callback, arrays, as_made)]
                for callback, as_made in self._as_made
            ],
        }

    def _keep_attributes(self, callback: Any, arrays: Arrays, as_made: Facts) -> Facts:
        """A callback's attributes other than those of ``as_made``; arrays go to ``arrays``."""
        kept = {}
        for name, value in _list_attributes(callback).items():
            n_arrays = len(arrays)
            found = _keep(value, arrays)
            is_setting = name in as_made and as_made[name] == found and len(arrays) == n_arrays
            if found is _UNKEPT:
                self._name_unkept(callback, name)
            elif not is_setting:
                kept[name] = found
        return kept

    def _name_unkept(self, callback: keras.callbacks.Callback, name: str) -> None:
        """Warn once of an attribute that begins anew in a continued run."""
        what = f"A checkpoint cannot keep '{name}' of {type(callback).__name__}."
        if what not in self._unkept:
            self._unkept.add(what)
            self.warn(f"{what} If this run is continued from a checkpoint, it begins anew.")

    def _write(self, start: Path, arrays: Arrays, facts: Facts) -> None:
        """Write a file whose name begins with ``start`` and ends with its digest."""
        if not all(np.isfinite(v).all() for name, v in arrays.items() if name.startswith("model/")):
            return  # training has diverged: the last good checkpoint stays
        buffer = io.BytesIO()
        arrays[_FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        try:
            np.savez(buffer, allow_pickle=False, **arrays)
            content = buffer.getbuffer()
            file = start.with_name(f"{start.name}-{_digest(content)}.npz")
            file.parent.mkdir(exist_ok=True)
            write_file(file, content)
            others = [each for each in _list_files(file.parent) if each != file]
            for old in others[: 1 - _N_KEPT]:
                old.unlink(missing_ok=True)
        except (OSError, MemoryError) as error:  # no reason to lose the training
            self.error = error

    def _restore(self, start: Checkpoint) -> None:
        for group, variables in _list_variables(self._model).items():
            if group != "optimizer" or not self.new_optimizer:
                _assign(variables, start.list_values(group))
        for layer in self._model.layers:
            if hasattr(layer, "finalize_state"):  # Normalization keeps copies of its variables
                layer.finalize_state()
        self._model.stop_training = bool(start.facts["stop_training"])
        kept = list(start.facts["callbacks"])
        for callback, _ in self._as_made:
            of_kind = [each for each in kept if each[0] == type(callback).__name__]
            if of_kind:
                kept.remove(of_kind[0])
                for name, value in of_kind[0][1].items():
                    if not isinstance(value, dict) or "variables" not in value:
                        setattr(callback, name, _load(value, start.arrays))
                        continue
                    held = _list_variables_of(getattr(callback, name, None)) or []
                    if not _assign(held, _load(value["variables"], start.arrays)):
                        self._name_unkept(callback, name)
        history = self._model.history
        for callback in filter(_is_csv_logger, self.callbacks):  # its file has begun anew
            for i, epoch in enumerate(history.epoch):
                logs = {name: v[i] for name, v in history.history.items() if len(v) > i}
                callback.on_epoch_end(epoch, logs)


def _list_variables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {
        "model": model.variables,  # with the states of random seeds, which weights lack
        "metrics": model.metrics_variables,
        "optimizer": model.optimizer.variables,
    }


def _assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> bool:
    """Assign values to variables; False, and nothing is done, if their shapes differ."""
    if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
        return False
    for variable, value in zip(variables, values, strict=True):
        is_raw = value.dtype.kind == "V"  # NumPy has no bfloat16
        dtype = keras.backend.standardize_dtype(variable.dtype)
        variable.assign(value.view(dtype) if is_raw else value)
    return True


def _is_csv_logger(callback: keras.callbacks.Callback) -> bool:
    """Whether the rows of the history are all that a callback has written to a file of its own."""
    return type(callback) is keras.callbacks.CSVLogger and not callback.append


_UNKEPT: Any = object()
_FUNCTIONS = (type, partial, np.ufunc)


def _list_attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """A callback's attributes that can be state: not its model, nor functions given to it."""
    left_out = ("params", "_model", *(("csv_file", "writer") if _is_csv_logger(callback) else ()))
    return {
        name: value
        for name, value in vars(callback).items()
        if name not in left_out
        and (_is_operation(value) or not (isroutine(value) or isinstance(value, _FUNCTIONS)))
    }


def _list_variables_of(value: Any) -> list[Any] | None:
    """The variables that an object of Keras consists of; None if it is none."""
    if isinstance(value, keras.Variable | tf.Variable):
        return [value]
    has_variables = keras.metrics.Metric | keras.layers.Layer | keras.optimizers.Optimizer
    return [*value.variables] if isinstance(value, has_variables) else None


def _is_operation(value: Any) -> bool:
    """Whether a value is such as ``keras.ops.less``, with which EarlyStopping compares scores."""
    return callable(value) and getattr(keras.ops, getattr(value, "__name__", ""), None) is value


def _keep(value: Any, arrays: Arrays, *, is_item: bool = False) -> Any:
    """A value as JSON; arrays are added to ``arrays``. ``_UNKEPT`` if it is neither.

    Variables of Keras's objects are kept, unless the object is an item or has yet to make them.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    variables = _list_variables_of(value)
    if variables is not None:
        if is_item or not variables or not getattr(value, "built", True):
            return _UNKEPT
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        return {"variables": _keep(values, arrays)}
    if isinstance(value, np.ndarray | np.generic) or keras.ops.is_tensor(value):
        array = np.array(value)
        if array.dtype.hasobject:
            return _UNKEPT
        name = f"callbacks/{len(arrays)}"
        arrays[name] = array
        return {"scalar" if isinstance(value, np.generic) else "array": name}
    if _is_operation(value):
        return {"operation": value.__name__}
    if type(value) is dict:  # a defaultdict would become another kind
        pairs = _keep([list(pair) for pair in value.items()], arrays)
        return _UNKEPT if pairs is _UNKEPT else {"dict": pairs}
    if type(value) in (list, tuple):
        items = [_keep(item, arrays, is_item=True) for item in value]
        if any(item is _UNKEPT for item in items):
            return _UNKEPT
        return items if isinstance(value, list) else {"tuple": items}
    return _UNKEPT


_LOADERS: dict[str, Callable[[Any], Any]] = {
    "dict": dict,
    "tuple": tuple,
    "operation": partial(getattr, keras.ops),
}


def _load(value: Any, arrays: Arrays) -> Any:
    """The value that ``_keep`` made JSON of."""
    if isinstance(value, list):
        return [_load(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in _LOADERS:
        return _LOADERS[kind](_load(content, arrays))
    return arrays[content][()] if kind == "scalar" else arrays[content]
