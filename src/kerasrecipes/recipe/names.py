"""Makes names that file systems, Keras and terminals accept from any text."""

from __future__ import annotations

import json
import os
import re
import unicodedata

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
    r"\ud800-\udfff]"
)
"""Characters that a terminal obeys or hides, such as ESC, and those that reverse text."""


def make_printable(text: str) -> str:
    """A text on one line, with control characters escaped as in JSON: ``\\n``, ``\\u001b``."""
    return make_lines_printable(text).replace("\n", "\\n")


def make_lines_printable(text: str) -> str:
    """A text whose control characters are escaped, except line breaks."""
    return _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], text)


def make_folder_name(words: str) -> str:
    """A folder's name in the same script; it cannot lead out of the folder it is put in."""
    name = re.sub(r"[^\w.+=,@-]+", "_", unicodedata.normalize("NFC", words)).strip("._")
    while len(name.encode("utf-8")) > 100:
        name = name[:-1]
    # In a locale that is not UTF-8, the folder has the same bytes as in one that is.
    return os.fsdecode(name.encode("utf-8")) or "recipe"


def make_keras_name(words: str, default: str) -> str:
    """An ASCII name for a model or layer, since TensorFlow rejects others as names of scopes."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("_.-")
    return name or default


def to_snake_case(name: str) -> str:
    """A class's name as Keras writes it in logs, see keras/src/utils/naming.py."""
    name = re.sub(r"\W+", "", name.rpartition(">")[2])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
