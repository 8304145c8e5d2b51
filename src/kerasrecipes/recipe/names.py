"""Makes names that file systems and Keras accept from any text."""

from __future__ import annotations

import re
import unicodedata


def make_folder_name(words: str) -> str:
    """A folder's name in the same script; it cannot lead out of the folder it is put in."""
    name = re.sub(r"[^\w.+=,@-]+", "_", unicodedata.normalize("NFC", words)).strip("._")
    while len(name.encode("utf-8")) > 100:
        name = name[:-1]
    return name or "recipe"


def make_keras_name(words: str, default: str) -> str:
    """An ASCII name for a model or layer.

    TensorFlow rejects others as the scope in which operations are traced ("not a valid root
    scope name"), so Keras 3.15 cannot train a model that is called ``패션 MNIST 모델``.
    """
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("_.-")
    return name or default


def to_snake_case(name: str) -> str:
    """A class's name as Keras writes it in logs, see keras/src/utils/naming.py."""
    name = re.sub(r"\W+", "", name.rpartition(">")[2])
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
