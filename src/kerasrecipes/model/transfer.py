"""Weights of another run for the layers that are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras

from kerasrecipes.errors import InputError
from kerasrecipes.model.serving import find_trained


def copy_weights(model: keras.Sequential, saved: keras.Model, file: Path) -> list[str]:
    """Copy the weights of a saved model to the layers of the same names and shapes.

    Args:
        model: It gets the weights.
        saved: A run's model.
        file: Its ``model.keras``, for messages.

    Returns:
        A line for each layer with weights, which says where they come from.

    Raises:
        InputError: No layer has the same name and shapes.
    """
    lines = dict(_copy_each(model, find_trained(saved)))
    if not any(lines.values()):
        described = "\n  ".join(lines)
        raise InputError(f"No layer begins with weights of {file}:\n  {described}")
    return list(lines)


def list_vocabularies(model: keras.Model) -> list[list[str]]:
    """The vocabularies of a saved model's encoder."""
    layers = [inner for layer in model.layers for inner in getattr(layer, "layers", ())]
    return [layer.get_vocabulary() for layer in layers if hasattr(layer, "get_vocabulary")]


def _copy_each(model: keras.Sequential, source: keras.Model) -> Iterator[tuple[str, bool]]:
    """Copy weights layer by layer; give a line for each, and whether they were copied."""
    sources = {layer.name: layer for layer in source.layers}
    for layer in model.layers:
        if not layer.weights:
            continue
        if hasattr(layer, "adapt"):
            yield f"{layer.name}: new: adapted to these rows", False
            continue
        other = sources.get(layer.name)
        here, there = _list_shapes(layer), _list_shapes(other) if other else ""
        if other and here == there:
            layer.set_weights(other.get_weights())
        reason = f"shapes differ, {there:.80} there" if there else "no layer of this name there"
        outcome = "copied" if here == there else f"new: {reason}"
        yield f"{layer.name} ({here:.80}): {outcome}", here == there


def _list_shapes(layer: keras.Layer) -> str:
    return ", ".join("×".join(map(str, weight.shape)) or "1" for weight in layer.weights)
