"""Files that a reader never finds incomplete, even after a crash or a power cut."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"
"""The beginning of the name of a file that is not complete yet."""


def write_file(file: Path, content: bytes | memoryview) -> None:
    """Write a file so that a reader never finds it incomplete."""
    with replacing(file) as partial:
        partial.write_bytes(content)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a path to write to; on success it replaces ``file`` in one step.

    The suffix is kept, since Keras chooses its format by it.
    """
    # Nobody can have put a link in the place of a random name.
    partial = file.with_name(f"{PARTIAL}{secrets.token_hex(8)}-{file.name}")
    try:
        yield partial
        _flush(partial)
        os.replace(partial, file)
        _flush(file.parent)
    except OSError as error:
        if error.errno and error.filename in (None, str(partial)):
            error.filename = str(file)
        raise
    finally:
        if os.path.lexists(partial):  # unlink fails on a read-only disk even without a file
            partial.unlink()


def _flush(path: Path) -> None:
    """Wait until the disk has a file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
