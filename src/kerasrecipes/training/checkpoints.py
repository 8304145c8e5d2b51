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
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from kerasrecipes.durable import write_file
from kerasrecipes.interrupts import Interrupts

INTERVAL_S = 60.0
"""Seconds between checkpoints."""

_N_KEPT = 2
_FACTS = "facts.json"
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
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]

    @property
    def is_stopped(self) -> bool:
        """Whether a callback has stopped the training, so that more epochs change nothing."""
        return bool(self.facts["stop_training"])

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
        folder: Where checkpoints go.
        callbacks: Those whose state is kept; the history is one more.
        start: The state to begin with; None begins with the model as it is.
        interrupts: A signal that arrives makes a checkpoint and ends the fit.
        interval_s: Seconds between checkpoints; the end of the fit writes one too.
        new_optimizer: Whether the optimizer begins anew, since it is not that of ``start``.
        warn: Called with a sentence about state that cannot be kept.
    """

    folder: Path
    callbacks: Sequence[keras.callbacks.Callback] = ()
    start: Checkpoint | None = None
    interrupts: Interrupts = field(default_factory=lambda: Interrupts(owns_process=False))
    interval_s: float = INTERVAL_S
    new_optimizer: bool = False
    warn: Callable[[str], None] = warnings.warn
    error: OSError | MemoryError | None = None
    has_begun: bool = False
    _written_s: float = field(default_factory=lambda: time.monotonic())
    _writer: threading.Thread | None = None

    def __enter__(self) -> Checkpointer:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def begin(self, model: keras.Model) -> tuple[int, int]:
        """Restore the state to begin with, after ``on_train_begin``.

        Returns:
            The epoch and the step to begin with, from 0.
        """
        self._model = model
        callbacks = [*self.callbacks, model.history]
        self._as_made = [(each, _keep_attributes(each, {}, {})) for each in callbacks]
        for each in callbacks:
            if any(_keep(value, {}) is _UNKEPT for value in _list_attributes(each).values()):
                self.warn(
                    f"A checkpoint cannot keep the state of {type(each).__name__}. If this run "
                    "is continued from a checkpoint, the callback begins anew."
                )
        if self.start:
            self._restore(self.start)
        self.has_begun = True
        if not self.start:
            return 0, 0
        return self.start.epoch, self.start.step

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
        if is_due or self.interrupts.number:
            self.write(epoch, step)
        if self.interrupts.number:
            self.close()
            self.interrupts.check()

    def write(self, epoch: int, step: int) -> None:
        """Write a checkpoint beside training; ``close`` waits for it."""
        self.close()
        self._written_s = time.monotonic()
        arrays, facts = self._capture()
        self._writer = threading.Thread(target=self._write, args=(epoch, step, arrays, facts))
        self._writer.start()

    def close(self) -> None:
        """Wait until the checkpoint in hand is written."""
        if self._writer:
            self._writer.join()
            self._writer = None

    def _capture(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays: dict[str, np.ndarray] = {}
        groups = _list_variables(self._model)
        for group, variables in groups.items():
            for i, variable in enumerate(variables):
                arrays[f"{group}/{i}"] = np.array(keras.ops.convert_to_numpy(variable))
        return arrays, {
            "stop_training": bool(self._model.stop_training),
            "n_variables": {group: len(variables) for group, variables in groups.items()},
            "callbacks": [
                [type(callback).__name__, _keep_attributes(callback, arrays, as_made)]
                for callback, as_made in self._as_made
            ],
        }

    def _write(
        self, epoch: int, step: int, arrays: dict[str, np.ndarray], facts: dict[str, Any]
    ) -> None:
        if not all(np.isfinite(v).all() for name, v in arrays.items() if name.startswith("model/")):
            return  # training has diverged: the last good checkpoint stays
        buffer = io.BytesIO()
        arrays[_FACTS] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        try:
            np.savez(buffer, allow_pickle=False, **arrays)
            content = buffer.getbuffer()
            name = f"{epoch:06d}-{step:08d}-{_digest(content)}.npz"
            self.folder.mkdir(exist_ok=True)
            write_file(self.folder / name, content)
            others = [file for file in _list_files(self.folder) if file.name != name]
            for old in others[: 1 - _N_KEPT]:
                old.unlink(missing_ok=True)
        except (OSError, MemoryError) as error:  # no reason to lose the training
            self.error = error

    def _restore(self, start: Checkpoint) -> None:
        for group, variables in _list_variables(self._model).items():
            values = start.list_values(group)
            is_same = [v.shape for v in values] == [tuple(v.shape) for v in variables]
            if not is_same or (group == "optimizer" and self.new_optimizer):
                continue
            for variable, value in zip(variables, values, strict=True):
                is_raw = value.dtype.kind == "V"  # NumPy has no bfloat16
                variable.assign(value.view(variable.dtype) if is_raw else value)
        for layer in self._model.layers:
            if hasattr(layer, "finalize_state"):  # Normalization keeps copies of its variables
                layer.finalize_state()
        self._model.stop_training = start.is_stopped
        kept = list(start.facts["callbacks"])
        for callback, _ in self._as_made:
            of_kind = [each for each in kept if each[0] == type(callback).__name__]
            if of_kind:
                kept.remove(of_kind[0])
                for name, value in of_kind[0][1].items():
                    setattr(callback, name, _load(value, start.arrays))


def _list_variables(model: keras.Model) -> dict[str, list[keras.Variable]]:
    return {
        "model": model.variables,  # with the states of random seeds, which weights lack
        "metrics": model.metrics_variables,
        "optimizer": model.optimizer.variables,
    }


_UNKEPT: Any = object()


def _list_attributes(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """A callback's attributes that can be state: not its model, nor functions given to it."""
    return {
        name: value
        for name, value in vars(callback).items()
        if name not in ("params", "_model") and (_is_operation(value) or not callable(value))
    }


def _keep_attributes(
    callback: keras.callbacks.Callback, arrays: dict[str, np.ndarray], as_made: dict[str, Any]
) -> dict[str, Any]:
    """A callback's attributes other than those of ``as_made``; arrays are added to ``arrays``."""
    kept = {}
    for name, value in _list_attributes(callback).items():
        n_arrays = len(arrays)
        found = _keep(value, arrays)
        is_setting = name in as_made and as_made[name] == found and len(arrays) == n_arrays
        if found is not _UNKEPT and not is_setting:
            kept[name] = found
    return kept


def _is_operation(value: Any) -> bool:
    """Whether a value is such as ``keras.ops.less``, with which EarlyStopping compares scores."""
    return callable(value) and getattr(keras.ops, getattr(value, "__name__", ""), None) is value


def _keep(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; arrays are added to ``arrays``. ``_UNKEPT`` if it is neither."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray | np.generic) or keras.ops.is_tensor(value):
        name = f"callbacks/{len(arrays)}"
        arrays[name] = np.array(value)
        return {"scalar" if isinstance(value, np.generic) else "array": name}
    if _is_operation(value):
        return {"operation": value.__name__}
    if isinstance(value, dict):
        pairs = _keep([list(pair) for pair in value.items()], arrays)
        return _UNKEPT if pairs is _UNKEPT else {"dict": pairs}
    if isinstance(value, list | tuple):
        items = [_keep(item, arrays) for item in value]
        if any(item is _UNKEPT for item in items):
            return _UNKEPT
        return items if isinstance(value, list) else {"tuple": items}
    return _UNKEPT


_LOADERS: dict[str, Callable[[Any], Any]] = {
    "dict": dict,
    "tuple": tuple,
    "operation": partial(getattr, keras.ops),
}


def _load(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """The value that ``_keep`` made JSON of."""
    if isinstance(value, list):
        return [_load(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind in _LOADERS:
        return _LOADERS[kind](_load(content, arrays))
    return arrays[content][()] if kind == "scalar" else arrays[content]
