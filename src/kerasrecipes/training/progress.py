"""What a person sees while a model trains."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressLine(keras.callbacks.Callback):
    """One live line in a terminal; plain lines, an epoch or a second apart, in a file or pipe.

    Args:
        console: Where to write.
        epochs: How many epochs there will be.
        steps_per_epoch: How many batches an epoch has.
    """

    def __init__(self, console: Console, epochs: int, steps_per_epoch: int) -> None:
        super().__init__()
        self._console = console
        self._epochs = epochs
        self._steps = steps_per_epoch
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]:>{task.fields[width]}}/{task.fields[epochs]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[scores]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            expand=True,
        )
        self._task = self._bar.add_task(
            "fit",
            total=epochs * steps_per_epoch,
            epoch=1,
            epochs=epochs,
            width=len(str(epochs)),
            scores="",
            speed="",
        )
        self._epoch = 0
        self._started_s = self._last_line_s = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._started_s = self._last_line_s = time.perf_counter()
        self._bar.start()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        done = self._epoch * self._steps + min(batch + 1, self._steps)
        self._bar.update(self._task, completed=done)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch + 1
        now_s = time.perf_counter()
        speed = f"{self._epoch / (now_s - self._started_s):.1f} epochs/s"
        scores = "  ".join(f"{name} {float(value):.4f}" for name, value in (logs or {}).items())
        self._bar.update(
            self._task,
            epoch=min(self._epoch + 1, self._epochs),
            completed=self._epoch * self._steps,
            scores=scores,
            speed=speed,
        )
        is_due = now_s - self._last_line_s >= 1 or self._epoch in (1, self._epochs)
        if not self._console.is_terminal and is_due:
            width = len(str(self._epochs))
            line = f"epoch {self._epoch:>{width}}/{self._epochs}  {scores}  {speed}"
            self._console.print(line, soft_wrap=True)
            self._last_line_s = now_s

    def stop(self) -> None:
        """Take the live line away, also after an exception."""
        self._bar.stop()
