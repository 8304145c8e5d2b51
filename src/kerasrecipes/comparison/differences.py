"""Differences between recipes by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kerasrecipes.recipe.components import PLACES, split_component

_LABELS = ("name", "description", "seed", "report")
"""Keys that name or show a run, and do not change what is trained."""


def find_differences(recipes: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Find the keys in which resolved recipes differ.

    Returns:
        By key, such as "optimizer" or "dataset.drop", each recipe's value in words.
    """
    flat = [_flatten(recipe) for recipe in recipes]
    keys = dict.fromkeys(key for recipe in flat for key in recipe if key not in _LABELS)
    columns = {key: [_word(recipe.get(key)) for recipe in flat] for key in keys}
    return {key: words for key, words in columns.items() if len(set(words)) > 1}


def _flatten(recipe: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in recipe.items():
        if key == "dataset":
            flat |= {f"dataset.{inner}": setting for inner, setting in value.items()}
        elif key in PLACES and not isinstance(value, list):
            flat[key] = split_component(value)
        else:
            flat[key] = value
    return flat


def _word(value: Any) -> str:
    """Write a value in few words; a component as Python calls it: SGD(learning_rate=0.1)."""
    if isinstance(value, tuple):
        name, arguments = value
        words = ", ".join(f"{key}={_word(argument)}" for key, argument in arguments.items())
        return f"{name}({words})" if words else str(name)
    if isinstance(value, list):
        return ", ".join(_word(split_component(item) or item) for item in value)
    if isinstance(value, dict):
        return _word(split_component(value)) if split_component(value) else str(value)
    return "–" if value is None else str(value)
