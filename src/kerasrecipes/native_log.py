"""Redirects messages of native libraries from standard error to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
