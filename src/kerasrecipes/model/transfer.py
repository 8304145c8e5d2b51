"""Weights of another run for the layers that are the same."""

from __future__ import annotations

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
    sources = {layer.name: layer for layer in find_trained(saved).layers}
    lines, n_copied = list[str](), 0
    for layer in model.layers:
        if not layer.weights:
            continue
        if hasattr(layer, "adapt"):
            lines.append(f"{layer.name}: new: adapted to these rows")
            continue
        other = sources.get(layer.name)
        here, there = _list_shapes(layer), _list_shapes(other) if other else ""
        reason = f"shapes differ, {there:.80} there" if there else "no layer of this name there"
        outcome = f"new: {reason}"
        if other and here == there:
            layer.set_weights(other.get_weights())
            outcome, n_copied = "copied", n_copied + 1
        lines.append(f"{layer.name} ({here:.80}): {outcome}")
    if not n_copied:
        described = "\n  ".join(lines)
        raise InputError(f"No layer begins with weights of {file}:\n  {described}")
    return lines


def _list_shapes(layer: keras.Layer) -> str:
    return ", ".join("×".join(map(str, weight.shape)) or "1" for weight in layer.weights)
