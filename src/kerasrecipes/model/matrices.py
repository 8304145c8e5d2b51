"""The matrix that an Embedding begins with: a ``.npy`` file, or vectors of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import RunFailed
from kerasrecipes.model.build import reporting_at
from kerasrecipes.recipe import Component, Recipe

_OF_WORDS = (".txt", ".vec")


def read_matrices(recipe: Recipe, encoder: keras.Model | None) -> tuple[Recipe, list[str]]:
    """Read the files that ``weights`` of an Embedding names.

    Args:
        encoder: Its last layer has the vocabulary where the recipe's first one is
            ``TextVectorization``.

    Returns:
        The recipe with the matrices in place of the files, and remarks.

    Raises:
        RecipeError: A file cannot be read, or has no vector for any word.
    """
    layers, remarks, words = [*recipe.layers], list[str](), list[str]()
    if encoder and recipe.layers[0].name == "TextVectorization":
        words = encoder.layers[-1].get_vocabulary()
    for i, layer in enumerate(recipe.layers):
        file = layer.arguments.get("weights")
        if layer.name != "Embedding" or not isinstance(file, str):
            continue
        with reporting_at(recipe, ("layers", i)):
            if not file.endswith(_OF_WORDS):
                matrix = _read_array(file)
            else:
                matrix, n_found = _read_vectors(Path(file), words, layer)
                remarks.append(
                    f"{n_found:,} of {len(words):,} words of the vocabulary have a vector in "
                    f"{file}; the others begin with zeros."
                )
        layers[i] = replace(layer, arguments=layer.arguments | {"weights": matrix})
    return recipe.model_copy(update={"layers": layers}), remarks


def _read_array(file: str) -> NDArray[np.float32]:
    """Read a matrix; Keras checks its shape."""
    try:
        return np.asarray_chkfinite(np.load(file, allow_pickle=False), np.float32)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise RunFailed(f"{file} is no .npy file of numbers: {error}.") from error


def _read_vectors(
    file: Path, words: Sequence[str], layer: Component
) -> tuple[NDArray[np.float32], int]:
    """Read vectors of words: a line for each, as GloVe and fastText publish them.

    Returns:
        A matrix of shape (input_dim, output_dim), of zeros for a word without a vector, and how
        many words have one.
    """
    n_rows, n_numbers = (int(layer.arguments[key]) for key in ("input_dim", "output_dim"))
    if not words:
        raise RunFailed(
            f"{file} has vectors of words, and no layer before this one has a vocabulary. Begin "
            "with TextVectorization, or save a matrix of shape (input_dim, output_dim) as .npy."
        )
    if n_rows < len(words):
        raise RunFailed(f"The vocabulary has {len(words):,} words (received: input_dim={n_rows}).")
    places = {word: i for i, word in enumerate(words) if word}
    matrix, n_found = np.zeros((n_rows, n_numbers), np.float32), 0
    try:
        with file.open(encoding="utf-8") as lines:
            first = next(lines, "")
            is_heading = len(first.split()) == 2  # the number of words, and of their numbers
            for number, line in enumerate(chain([first] * (not is_heading), lines)):
                word, *numbers = line.rstrip().rsplit(" ", n_numbers)
                if number == 0 and line and (found := len(line.split()) - 1) != n_numbers:
                    raise RunFailed(
                        f"{file} has vectors of {found} numbers (received: output_dim={n_numbers})."
                    )
                if word in places:
                    place = f"{file}, line {number + 1 + is_heading}"
                    matrix[places[word]] = _read_numbers(place, numbers, n_numbers)
                    n_found += 1
    except (OSError, UnicodeDecodeError) as error:
        raise RunFailed(f"{file} cannot be read as vectors of words: {error}.") from error
    if not n_found:
        raise RunFailed(f"{file} has no vector for any of the {len(words):,} words.")
    return matrix, n_found


def _read_numbers(place: str, numbers: Sequence[str], n_numbers: int) -> NDArray[np.float32]:
    """Read the numbers of one word."""
    try:
        vector = np.array(numbers, np.float32)
    except ValueError:
        vector = np.empty(0, np.float32)
    if vector.shape != (n_numbers,) or not np.isfinite(vector).all():
        received = " ".join(numbers)
        raise RunFailed(
            f"{place}: a word needs {n_numbers} finite numbers behind it (received: "
            f"{received:.60}). Correct or remove the line."
        )
    return vector
