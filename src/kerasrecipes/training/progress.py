"""Progress of training on the terminal."""

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
        self._task = self._bar.add_task(
            self._describe(1), total=epochs * steps_per_epoch, scores=""
        )
        self._epoch = self._first_epoch = 0
        self._started_s = self._last_line_s = 0.0

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
        scores = [f"{name} {_format_score(float(value))}" for name, value in (logs or {}).items()]
        name = self._describe(self._epoch)
        if self._is_live:
            done, shown = self._epoch * self._steps, "  ".join([*self._choose(scores), speed])
            self._bar.update(self._task, description=name, completed=done, scores=shown)
        else:
            self._console.print("  ".join([name, *scores, speed]), soft_wrap=True)
            self._last_line_s = now_s

    def _describe(self, epoch: int) -> str:
        return f"epoch {epoch:>{len(str(self._epochs))}}/{self._epochs}"

    def _choose(self, scores: list[str]) -> list[str]:
        """As many scores as leave room for the bar, the losses first."""
        room = self._console.width - 2 * len(str(self._epochs)) - _ROOM_BESIDE_SCORES
        chosen = []
        for score in sorted(scores, key=lambda score: "loss " not in score):
            room -= len(score) + 2
            if room >= 0:
                chosen.append(score)
        return chosen

    def stop(self) -> None:
        """Remove the live line, also after an exception."""
        self._bar.stop()


def _format_score(value: float) -> str:
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.2e}"
