"""Standard streams: control characters are escaped, and what cannot be written may be dropped."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kerasrecipes.recipe.names import make_lines_printable

UNLIMITED = 1_000_000
"""The width of a console in which each row of a table is one line."""


class SafeConsole(Console):
    """A console that escapes control characters, and that never wraps in a file or pipe."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)
        if not (options.get("width") or self.is_jupyter or self.file.isatty()):
            self.width = UNLIMITED
        if not self.width:  # COLUMNS=0
            self.width = 80

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render to segments, of which rich's own control codes stay as they are."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else make_lines_printable(text), style, control)


def echo(text: object, end: str = "\n", file: IO[str] | None = None) -> None:
    """Print text, by default a result to standard output, with control characters escaped."""
    print(make_lines_printable(str(text)), end=end, file=file)


class _Dropping:
    """A stream that drops what cannot be written."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError, SystemExit):  # full, closed, or without a reader
            self._stream.write(text)
            self._stream.flush()
        return len(text)

    def flush(self) -> None:
        pass


@contextmanager
def dropping(console: Console) -> Iterator[None]:
    """Drop what the console cannot print for a while: that is no reason to lose a training."""
    stream = console.file
    is_standard = stream in (sys.stdout, sys.stderr)
    console.file = cast("IO[str]", _Dropping(stream))
    try:
        yield
    finally:
        console.file = cast("IO[str]", None if is_standard else stream)


class _Stream(io.FileIO):
    """A file descriptor that drops what cannot be written; of standard output, it raises once."""

    is_lost = False

    def write(self, data: Any, /) -> int:
        try:
            return len(data) if self.is_lost else super().write(data)
        except OSError as error:
            self.is_lost = True
            if self.fileno() != 1:
                return len(data)
            if error.errno == errno.EPIPE:  # nobody reads: end as ``cat`` does
                sys.exit(128 + signal.SIGPIPE)
            error.filename = "Standard output"
            raise


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
    sys.stdin = sys.stdin or os.fdopen(0)


@contextmanager
def redirect_stderr(log: str | Path = os.devnull) -> Iterator[None]:
    """Append to ``log`` what this process writes to standard error, C++ libraries included.

    TensorFlow writes its start-up notes past Python, to file descriptor 2, so that only
    replacing the descriptor catches them.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 2)
    os.close(target)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
