"""Imports that take seconds, made while a model trains."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from typing import Any

import keras

_SWITCH_INTERVAL_S = 1e-4
"""How long an import may keep Keras's loop waiting; Python's own 5 ms are longer than an epoch."""


class ImportMeanwhile(keras.callbacks.Callback):
    """Imports a module in a thread, once the graphs are there: until then fit needs Python itself.

    That is at the second call of the train function, or at the end of the first epoch. What goes
    wrong is left to whoever imports the module next.

    Args:
        module: Its full name.
    """

    def __init__(self, module: str) -> None:
        super().__init__()
        self._thread = threading.Thread(target=self._import, args=(module,), daemon=True)
        self._n_calls = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._n_calls += 1
        if self._n_calls == 2:
            self._start()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start()

    def _start(self) -> None:
        if self._thread.ident is None:
            self._thread.start()

    @staticmethod
    def _import(module: str) -> None:
        before_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        try:
            import_module(module)
        finally:
            sys.setswitchinterval(before_s)
