"""Suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

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
    near = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.7)
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
