"""Keras's download cache: where it stands, and Keras's own loaders called so that none hangs."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STALL_TIMEOUT_S = 15.0

Say = Callable[[str], None]
"""Takes one line about what is being done, for whoever is waiting."""


class AttemptFailed(Exception):
    """One way of getting a data set failed; the message says why, and others may be left."""


def say_nothing(line: str) -> None:
    """The Say of a caller who does not want to be told."""


def find_homes() -> tuple[Path, ...]:
    """The folders where Keras may have put downloads; it writes into the last one.

    The rule is Keras's own (``keras.utils.get_file``): ``$KERAS_HOME`` or ``~/.keras``, and
    ``/tmp/.keras`` where that cannot be written.
    """
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    existing = next(folder for folder in (home, *home.parents) if os.path.exists(folder))
    if os.access(existing, os.W_OK):
        return (home,)
    return (home, Path("/tmp" if os.path.isdir("/tmp") else tempfile.gettempdir(), ".keras"))


def call_loader(name: str, **arguments: Any) -> Any:
    """Call ``keras.datasets.<name>.load_data``, which downloads what its cache does not hold.

    Returns:
        What Keras returns: ``(x_train, y_train), (x_test, y_test)``.

    Raises:
        AttemptFailed: The download failed, stalled, or brought a wrong file.
    """
    import keras

    try:
        with _stall_timeout(), contextlib.redirect_stdout(io.StringIO()):
            return getattr(keras.datasets, name).load_data(**arguments)
    except Exception as error:  # get_file raises bare Exception
        raise AttemptFailed(str(error)) from error


def name_stand_in(stand_in: str) -> str:
    """The remedy that needs no network: train on an embedded data set instead."""
    return (
        f"train now, with no network, by adding dataset.name={stand_in} to the command: "
        "the same layer stack trains, because input shapes come from the data"
    )


@contextlib.contextmanager
def _stall_timeout() -> Iterator[None]:
    """Give up on a silent server: Keras's urlretrieve takes no timeout of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
