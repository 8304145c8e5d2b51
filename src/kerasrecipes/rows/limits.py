"""Limits far beyond usual files, so that none fills the memory or is read without end."""

from __future__ import annotations

from kerasrecipes.errors import DataError
from kerasrecipes.memory import find_free_memory

MOST_UNPACKED, MOST_TIMES_PACKED = 128 << 20, 100
"""A file may unpack to so many bytes, or to so many times its size. A CSV file is usually 3 to 20
times as large as its .gz file; only files that repeat a few bytes reach 1,000."""

MOST_STREAMED = 2 << 30
"""Bytes of standard input, which is kept in a temporary file."""

LONGEST_LINE = 16 << 20
"""Bytes of one line of text."""

LONGEST_TEXT = 16 << 20
"""Bytes of a text file, and characters of a text in a table."""

MOST_COLUMNS = 50_000
"""Columns of text and of JSON; reading takes 20 kB for each, whatever the rows."""

MOST_PIXELS, MOST_PIXELS_KEPT = 1 << 26, 1 << 22
"""Pixels of an image file (cameras of 64 megapixels have fewer), and of an image as an input."""


def check_unpacked(
    n_unpacked: int, n_packed: int, dataset: str, remedy: str = "If this is right, unpack it first"
) -> None:
    """Raise DataError if a file takes too many bytes, once it is unpacked, for those it has."""
    if n_unpacked > max(MOST_UNPACKED, MOST_TIMES_PACKED * n_packed):
        received = f"{dataset} unpacks to over {n_unpacked // max(1, n_packed):,} times its size"
        allowed = f"{MOST_TIMES_PACKED} times or {MOST_UNPACKED >> 20} MB are allowed"
        raise DataError(dataset, [f"path: {received}; {allowed}. {remedy}."])


def check_line(n_bytes: int, line: int, dataset: str) -> None:
    """Raise DataError if a line of text is too long."""
    if n_bytes > LONGEST_LINE:
        problem = f"line {line} is longer than {LONGEST_LINE >> 20} MB. Write a line for each row."
        raise DataError(dataset, [problem])


def check_memory(n_bytes: int, dataset: str) -> None:
    """Raise DataError if memory has no room for rows that cannot stay on disk."""
    if n_bytes > (free := find_free_memory()):
        needed = f"texts and series must fit into memory (about {n_bytes / 1e9:,.1f} GB"
        raise DataError(dataset, [f"{needed}, free: {free / 1e9:,.1f} GB). Give fewer rows."])


def check_columns(n_columns: int, dataset: str) -> None:
    """Raise DataError if a table of text has too many columns."""
    if n_columns > MOST_COLUMNS:
        problem = (
            f"a file of text may have at most {MOST_COLUMNS:,} columns (received: {n_columns:,})."
        )
        raise DataError(dataset, [f"{problem} Save them as arrays: numpy.savez(path, x=…, y=…)."])
