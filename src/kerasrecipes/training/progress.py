"""Callbacks that watch a fit: progress on the terminal, and where its time goes."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

_ROOM_BESIDE_SCORES = 40
"""Columns of "epoch /", a bar of ten, the speed and the time that remains."""


class ProgressLine(keras.callbacks.Callback):
    """One live line in a terminal; plain lines, a second or more apart, in a file or notebook."""

    def __init__(self, console: Console, epochs: int, steps_per_epoch: int) -> None:
        super().__init__()
        self._console, self._epochs, self._steps = console, epochs, steps_per_epoch
        self._is_live = console.is_terminal and not console.is_jupyter
        self._bar = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4)),
            TextColumn("{task.fields[scores]}", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not self._is_live,
            expand=True,
        )
        total = epochs * steps_per_epoch
        self._task = self._bar.add_task(self._describe(1), total=total, scores="")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._started_s = self._last_line_s = time.perf_counter()
        self._epoch = self._first_epoch = (self.params or {}).get("initial_epoch", 0)
        self._bar.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._is_live:
            done = self._epoch * self._steps + min(batch + 1, self._steps)
            self._bar.update(self._task, completed=done)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch + 1
        now_s = time.perf_counter()
        is_due = now_s - self._last_line_s >= 1 or epoch in (self._first_epoch, self._epochs - 1)
        if not (self._is_live or is_due):
            return
        epoch_s = (now_s - self._started_s) / (self._epoch - self._first_epoch)
        speed = f"{epoch_s:.1f} s/epoch" if epoch_s > 1 else f"{1 / epoch_s:.1f} epochs/s"
        scores = []
        for metric, value in (logs or {}).items():
            number = float(value)  # comparing tensors takes longer
            is_plain = number == 0 or 1e-3 <= abs(number) < 1e5
            scores.append(f"{metric} {number:.4f}" if is_plain else f"{metric} {number:.2e}")
        name = self._describe(self._epoch)
        if not self._is_live:
            self._console.print("  ".join([name, *scores, speed]), soft_wrap=True)
            self._last_line_s = now_s
            return
        room = self._console.width - 2 * len(str(self._epochs)) - _ROOM_BESIDE_SCORES
        chosen = []  # as many scores as leave room for the bar, the losses first
        for score in sorted(scores, key=lambda score: "loss " not in score):
            room -= len(score) + 2
            if room >= 0:
                chosen.append(score)
        done, shown = self._epoch * self._steps, "  ".join([*chosen, speed])
        self._bar.update(self._task, description=name, completed=done, scores=shown)

    def _describe(self, epoch: int) -> str:
        return f"epoch {epoch:>{len(str(self._epochs))}}/{self._epochs}"

    def stop(self) -> None:
        """Remove the live line, also after an exception."""
        self._bar.stop()


class FitClock(keras.callbacks.Callback):
    """Measures the seconds of a fit by what they were spent on.

    The first call of training and of validation builds its graph, and counts as tracing.
    """

    def __init__(self) -> None:
        super().__init__()
        stages = ("training steps", "validation", "tracing", "loop and callbacks")
        self.seconds = dict.fromkeys(stages, 0.0)
        self._traced = {"loop and callbacks"}

    def on_train_begin(self, logs: Any = None) -> None:
        self._noted_s = time.perf_counter()

    def on_train_batch_begin(self, batch: int = 0, logs: Any = None) -> None:
        self._note("loop and callbacks")

    on_test_begin = on_train_end = on_train_batch_begin

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._note("training steps")

    def on_test_end(self, logs: Any = None) -> None:
        self._note("validation")

    def _note(self, what: str) -> None:
        now_s = time.perf_counter()
        self.seconds[what if what in self._traced else "tracing"] += now_s - self._noted_s
        self._traced.add(what)
        self._noted_s = now_s

    def describe(self) -> str:
        """Describe the shares of the fit's time in a sentence, the largest first."""
        total_s = sum(self.seconds.values())
        ranked = sorted(self.seconds.items(), key=lambda item: -item[1])
        shares = [f"{s / total_s:.0%} {what}" for what, s in ranked if s >= 0.005 * total_s]
        return f"Of {total_s:.1f} s in fit: {', '.join(shares)}."
