"""Suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_HABITS = {
    "lr": "learning_rate",
    "names": "name",
    "nodes": "units",
    "neurons": "units",
    "kernel": "kernel_size",
    "batch": "batch_size",
    "epoch": "epochs",
}
"""Words of other libraries, which are spelt too differently to be recognised."""


def find_meant(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most like a misspelt word, or None where none is similar."""
    choices = list(choices)
    if _HABITS.get(word) in choices:
        return _HABITS[word]
    # Keras has many names in two spellings: the one written like the word comes first.
    by_folded: dict[str, str] = {}
    for choice in sorted(choices, key=lambda choice: choice[:1].isupper() != word[:1].isupper()):
        by_folded.setdefault(fold(choice), choice)
    folded = fold(word)
    if folded in by_folded:
        return by_folded[folded]
    near = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.7)
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
