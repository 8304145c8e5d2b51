"""Standard output and error of the command line, in any encoding, with or without a reader."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from typing import Any


class OutputLost(OSError):
    """Standard output cannot be written: its reader has ended, or its disk is full."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"Standard output cannot be written: {error.strerror}.")
        self.exit_code = 128 + signal.SIGPIPE if error.errno == errno.EPIPE else 1  # as of cat


class _Stream(io.FileIO):
    """A file descriptor that drops what cannot be written; of standard output, it raises once."""

    is_lost = False

    def write(self, data: Any, /) -> int:
        try:
            return len(data) if self.is_lost else super().write(data)
        except OSError as error:
            self.is_lost = True
            if self.fileno() == 1:
                raise OutputLost(error) from error
            return len(data)


def open_stream(number: int, encoding: str = "utf-8") -> io.TextIOWrapper:
    """Open a file descriptor for text; characters that the encoding lacks are escaped."""
    raw = _Stream(number, "w", closefd=number > 2)
    at_once = number != 1 or raw.isatty()
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=at_once
    )


def open_standard_streams() -> None:
    """Replace this process's standard streams, and open those that were closed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
        if stream is getattr(sys, f"__{name}__") and number:  # else a test or a notebook reads it
            setattr(sys, name, open_stream(number, stream.encoding if stream else "utf-8"))
