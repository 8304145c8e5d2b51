"""Signals that ask this process to stop: Ctrl-C, SIGTERM and SIGHUP."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ASK_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to stop, and to exit with ``exit_code``."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class Interrupts:
    """The signals that arrived; each raises Interrupted, at once or when the caller is ready.

    In a process of our own, a second signal ends the process at once.
    """

    def __init__(self, owns_process: bool) -> None:
        self.number = 0
        self._owns_process = owns_process
        self._is_deferred = False

    def check(self) -> None:
        """Raise Interrupted if a signal has arrived."""
        if self.number:
            raise Interrupted(self.number)

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Only note the first signal while the block lasts; ``check`` raises it."""
        self._is_deferred = True
        try:
            yield
        finally:
            self._is_deferred = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal; see ``signal.signal``."""
        is_second, self.number = bool(self.number), number
        if is_second and self._owns_process:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if is_second or not self._is_deferred:
            self.check()


@contextmanager
def catching_signals(*, owns_process: bool) -> Iterator[Interrupts]:
    """Catch the signals that ask to stop, while the block lasts.

    A process of our own catches all three. In the caller's process only Ctrl-C is caught, where
    Python would raise KeyboardInterrupt. Signals that are ignored, as by ``nohup``, stay ignored.
    """
    interrupts = Interrupts(owns_process)
    is_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _ASK_TO_STOP if is_main}
    caught = [
        number
        for number, handler in before.items()
        if handler is signal.default_int_handler or (owns_process and handler is signal.SIG_DFL)
    ]
    for number in caught:
        signal.signal(number, interrupts.receive)
    try:
        yield interrupts
    finally:
        for number in caught:
            signal.signal(number, before[number])
