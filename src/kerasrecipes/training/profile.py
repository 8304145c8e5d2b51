"""Where the time of a fit goes, in one sentence."""

from __future__ import annotations

import time
from typing import Any

import keras


class FitClock(keras.callbacks.Callback):
    """Measures the seconds of a fit by what they were spent on.

    The first call of training and of validation builds its graph, and counts as tracing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = {"training steps": 0.0, "validation": 0.0, "tracing": 0.0}
        self._traced: set[str] = set()
        self._began_s = self._fit_began_s = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self._fit_began_s = time.perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._began_s = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._add("training steps")

    def on_test_begin(self, logs: Any = None) -> None:
        self._began_s = time.perf_counter()

    def on_test_end(self, logs: Any = None) -> None:
        self._add("validation")

    def on_train_end(self, logs: Any = None) -> None:
        total_s = time.perf_counter() - self._fit_began_s
        self.seconds["loop and callbacks"] = total_s - sum(self.seconds.values())

    def describe(self) -> str:
        """Describe the shares of the fit's time in a sentence, the largest first."""
        total_s = sum(self.seconds.values())
        ranked = sorted(self.seconds.items(), key=lambda item: -item[1])
        shares = [f"{s / total_s:.0%} {what}" for what, s in ranked if s >= 0.005 * total_s]
        return f"Of {total_s:.1f} s in fit: {', '.join(shares)}."

    def _add(self, what: str) -> None:
        stage = what if what in self._traced else "tracing"
        self._traced.add(what)
        self.seconds[stage] += time.perf_counter() - self._began_s
