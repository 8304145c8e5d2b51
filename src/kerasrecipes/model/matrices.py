"""The matrix that an Embedding begins with: a ``.npy`` file, or vectors of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import RunFailed
from kerasrecipes.model.build import reporting_at
from kerasrecipes.recipe import Component, Recipe


def read_matrices(recipe: Recipe, encoder: keras.Model | None) -> Recipe:
    """Replace the files that ``weights`` of an Embedding names by their matrices.

    Args:
        encoder: Its last layer has the vocabulary where the recipe's first one is
            ``TextVectorization``.

    Raises:
        RecipeError: A file cannot be read, or has no vector for any word.
    """
    layers, words = [*recipe.layers], list[str]()
    if encoder and recipe.layers[0].name == "TextVectorization":
        words = encoder.layers[-1].get_vocabulary()
    for i, layer in enumerate(recipe.layers):
        file = layer.arguments.get("weights")
        if layer.name != "Embedding" or not isinstance(file, str):
            continue
        with reporting_at(recipe, ("layers", i)):
            try:
                if file.endswith((".txt", ".vec")):
                    matrix = _read_vectors(Path(file), words, layer)
                else:
                    loaded = np.load(file, allow_pickle=False)
                    matrix = np.asarray_chkfinite(loaded, np.float32)  # Keras checks its shape
            except (OSError, ValueError, TypeError, EOFError) as error:
                raise RunFailed(f"{file} gives no matrix of numbers: {error}.") from error
        layers[i] = replace(layer, arguments=layer.arguments | {"weights": matrix})
    return recipe.model_copy(update={"layers": layers})


def _read_vectors(file: Path, words: Sequence[str], layer: Component) -> NDArray[np.float32]:
    """Read vectors of words: a line for each, as GloVe and fastText publish them.

    Returns:
        A matrix of shape (input_dim, output_dim), of zeros for a word without a vector.

    Raises:
        ValueError: There is no vocabulary, or a word has other numbers.
    """
    n_rows, n_numbers = (int(layer.arguments[key]) for key in ("input_dim", "output_dim"))
    if not words or len(words) > n_rows:
        raise ValueError(
            f"vectors of words need TextVectorization as the first layer, and {n_rows:,} words or "
            f"fewer (received: {len(words):,})"
        )
    places = {word: i for i, word in enumerate(words) if word}
    matrix = np.zeros((n_rows, n_numbers), np.float32)
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            is_heading = number == 1 and len(line.split()) == 2  # how many words, how many numbers
            word, *numbers = line.rstrip().rsplit(" ", n_numbers)
            if word in places and not is_heading:
                vector = np.array(numbers, np.float32)
                if len(vector) != n_numbers or not np.isfinite(vector).all():
                    raise ValueError(f"line {number} needs {n_numbers} finite numbers")
                matrix[places[word]] = vector
    if not matrix.any():
        raise ValueError(f"no word of the vocabulary has a vector of {n_numbers} numbers")
    return matrix
