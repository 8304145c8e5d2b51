"""Text on standard output: printable, on whole lines in a file or pipe, dropped where it may be."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, cast

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from kerasrecipes.recipe.names import make_lines_printable

_UNLIMITED = 1_000_000  # columns: in a file or pipe, each row of a table is one line


class SafeConsole(Console):
    """A console that prints text as it is, with control characters escaped."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)
        if not self.width:  # COLUMNS=0
            self.width = 80

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render to segments, of which rich's own control codes stay as they are."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else make_lines_printable(text), style, control)


def make_console(file: IO[str] | None = None, *, quiet: bool = False) -> Console:
    """Make a console that never wraps in a file or pipe.

    Args:
        file: Where to print; None is standard output.
        quiet: Whether nothing is printed.
    """
    width = None if (file or sys.stdout).isatty() else _UNLIMITED
    return SafeConsole(file=file, quiet=quiet, width=width)


def echo(text: object, end: str = "\n") -> None:
    """Print a result for programs to standard output, with control characters escaped."""
    print(make_lines_printable(str(text)), end=end)


class _Dropping:
    """A stream that drops what cannot be written."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # full, without a reader, or closed
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


def make_notebook_console() -> Console | None:
    """Make a console for a notebook's output; None outside notebooks."""
    console = SafeConsole()
    return console if console.is_jupyter else None
