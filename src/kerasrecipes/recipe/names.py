"""Names that file systems, Keras and terminals accept, and suggestions for misspelt ones."""

from __future__ import annotations

import difflib
import json
import os
import re
import unicodedata
from collections.abc import Iterable

_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
    r"\ud800-\udfff]"
)
"""Characters that a terminal obeys or hides, such as ESC, and those that reverse text."""

_HABITS = {
    "lr": "learning_rate",
    "nodes": "units",
    "neurons": "units",
    "sep": "delimiter",
    "randomstate": "split_seed",
    "rmse": "RootMeanSquaredError",
    "r2": "R2Score",
    "f1": "F1Score",
    "he": "he_normal",
    "xavier": "glorot_uniform",
}
"""Words of other libraries, which are spelt too differently to be recognised."""


def make_printable(text: str) -> str:
    """A text on one line, with control characters escaped as in JSON: ``\\n``, ``\\u001b``."""
    return make_lines_printable(text).replace("\n", "\\n")


def make_lines_printable(text: str) -> str:
    """A text whose control characters are escaped, except line breaks."""
    return _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], text)


def make_folder_name(words: str) -> str:
    """A folder's name in the same script; it cannot lead out of the folder it is put in."""
    name = re.sub(r"[^\w.+=,@-]+", "_", unicodedata.normalize("NFC", words)).strip("._")
    short = name.encode("utf-8")[:100].decode("utf-8", "ignore")
    # In a locale that is not UTF-8, the folder has the same bytes as in one that is.
    return os.fsdecode(short.encode("utf-8")) or "recipe"


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


def find_meant(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most like a misspelt word, or None where none is similar."""
    choices = list(choices)
    folded = fold(word)
    if _HABITS.get(folded) in choices:
        return _HABITS[folded]
    # Keras has many names in two spellings: the one written like the word comes first.
    by_folded: dict[str, str] = {}
    for choice in sorted(choices, key=lambda choice: choice[:1].isupper() != word[:1].isupper()):
        by_folded.setdefault(fold(choice), choice)
    if folded in by_folded:
        return by_folded[folded]
    near = [c for c in by_folded if sorted(c) == sorted(folded)]  # sdg for sgd
    near += difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.7)
    near += [c for c in by_folded if c.startswith(folded) and len(c) <= 2 * len(word)]  # BatchNorm
    return by_folded[near[0]] if near else None


def suggest(word: str, choices: Iterable[str]) -> str:
    """End a message with the most similar word, or with the choices if they are few."""
    choices = list(choices)
    meant = find_meant(word, choices)
    if meant:
        return f"Did you mean '{meant}'?"
    if 0 < len(choices) <= 20:
        return f"Choose from: {', '.join(sorted(choices))}."
    return ""


def fold(word: str) -> str:
    """Write ``MeanSquaredError``, ``mean_squared_error`` and ``mean-squared-error`` alike."""
    return word.lower().replace("_", "").replace("-", "")
