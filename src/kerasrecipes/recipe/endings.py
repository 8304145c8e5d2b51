"""Endings of files: how one says what a file is, before the file is looked at."""

from __future__ import annotations

from pathlib import PurePath

DELIMITED = (".csv", ".tsv", ".txt")
JSON_LINES = (".jsonl", ".ndjson")
PARQUET = (".parquet", ".pq")
ARROW = (".feather", ".arrow")
EXCEL = (".xlsx", ".xls")
TABLES = (*DELIMITED, *JSON_LINES, ".json", *PARQUET, *ARROW, *EXCEL)
ZIPPED = (*DELIMITED, *JSON_LINES, ".json")
"""What may end in .gz too."""
ARRAYS = (".npz", ".npy")


def find_ending(path: PurePath) -> str:
    """The ending of a file's name, in small letters; that of "houses.csv.gz" is ".csv"."""
    ending = path.suffix.lower()
    inner = PurePath(path.stem).suffix.lower()
    return inner if ending == ".gz" and inner in ZIPPED else ending


def has_arrays(path: PurePath) -> bool:
    """Whether a file's ending says that it holds NumPy arrays."""
    return find_ending(path) in ARRAYS
