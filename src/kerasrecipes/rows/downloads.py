"""Common code of downloads, and the folders of Keras's own downloads."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from kerasrecipes.errors import DataUnavailable

STALL_TIMEOUT_S = 15.0

Say = Callable[[str], None]
"""Receives one line about the current work, such as a download."""


def say_nothing(line: str) -> None:
    """A Say that ignores every line."""


def find_homes() -> tuple[Path, ...]:
    """Return the folders where Keras may have put downloads; it writes into the last one.

    The rule is Keras's own (``keras.utils.get_file``): ``$KERAS_HOME`` or ``~/.keras``, and
    ``/tmp/.keras`` where that is not writable.
    """
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    existing = next(folder for folder in (home, *home.parents) if os.path.exists(folder))
    if os.access(existing, os.W_OK):
        return (home,)
    return (home, Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), ".keras"))


def name_stand_in(override: str) -> str:
    """Word the remedy that needs no network: an override such as dataset.name=digits."""
    return (
        f"to train without network, add {override} to the command: the same layers work, "
        "because the input shape comes from the data"
    )


@contextlib.contextmanager
def downloading(
    name: str, source: str, remedies: Sequence[str], *errors: type[Exception]
) -> Iterator[None]:
    """Report a failed download; set a timeout, because the loaders have no timeout argument.

    Args:
        name: The data set's name.
        source: Where the loader looks for it.
        remedies: Ways to fix it, best first.
        errors: Exceptions of the loader if a download fails; raised again as DataUnavailable.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_TIMEOUT_S)
    try:
        yield
    except errors as error:
        raise DataUnavailable(name, [(source, str(error))], remedies) from error
    finally:
        socket.setdefaulttimeout(before)
