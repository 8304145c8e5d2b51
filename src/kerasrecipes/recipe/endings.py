"""Endings of files: the type of a file, before it is opened."""

from __future__ import annotations

from pathlib import PurePath

DELIMITED = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
JSON = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
ARROW = (".feather", ".arrow")
EXCEL = (".xlsx", ".xls")
TABLES = (*DELIMITED, *JSON, *PARQUET, *ARROW, *EXCEL)
ZIPPED = (*DELIMITED, *JSON)
"""Formats that may be compressed, with a second ending."""
COMPRESSED = (".gz", ".bz2", ".zst", ".xz", ".zip")
ARRAYS = (".npz", ".npy")
IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")


def find_ending(path: PurePath) -> str:
    """The ending of a file's name, in small letters; that of "houses.csv.gz" is ".csv"."""
    ending = path.suffix.lower()
    inner = PurePath(path.stem).suffix.lower()
    return inner if ending in COMPRESSED and inner in ZIPPED else ending


def has_arrays(path: PurePath) -> bool:
    """Whether a file's ending is that of NumPy arrays."""
    return find_ending(path) in ARRAYS
