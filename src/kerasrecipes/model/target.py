"""The target as the loss wants it, and the model's answers as people want them."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data import Dataset
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.rules import LossKind, find_loss_kind, has_logits


@dataclass(frozen=True)
class TargetCodec:
    """How a target is encoded for the loss, and the output layer's answers are decoded.

    Attributes:
        kind: What the loss wants.
        class_names: By class index; empty for regression.
        n_units: Units of the output layer.
        mean: Of the training target; 0 where it is not standardised.
        scale: Standard deviation of the training target; 1 where it is not standardised.
        from_logits: Whether the output layer gives logits.
    """

    kind: LossKind
    class_names: tuple[str, ...]
    n_units: int
    mean: float = 0.0
    scale: float = 1.0
    from_logits: bool = False

    def encode(self, target: NDArray[np.generic]) -> NDArray[np.generic]:
        """Encode a target of shape (n_samples,).

        Returns:
            Class indices or numbers of shape (n_samples, 1), or one-hot rows of shape
            (n_samples, n_classes).
        """
        if not self.class_names:
            standardized = (np.asarray(target, np.float64) - self.mean) / self.scale
            return standardized.astype(np.float32)[:, None]
        if self.kind is LossKind.INTEGERS:
            return target.astype(np.int32)[:, None]
        if self.n_units == 1:
            return target.astype(np.float32)[:, None]
        return np.eye(len(self.class_names), dtype=np.float32)[target.astype(np.int64)]

    def make_layers(self) -> list[keras.Layer]:
        """Layers that turn the output into the user's units, or logits into probabilities."""
        if not self.class_names:
            if (self.mean, self.scale) == (0.0, 1.0):
                return []
            return [keras.layers.Rescaling(self.scale, offset=self.mean, name="original_units")]
        if not self.from_logits:
            return []
        activation = "sigmoid" if self.n_units == 1 else "softmax"
        return [keras.layers.Activation(activation, name="probabilities")]

    def decode(self, outputs: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        """Name the columns of a saved model's outputs, of shape (n_samples, n_units).

        Returns:
            Columns of shape (n_samples,): "predicted" in the user's units, or as class names
            with one column "probability_<class>" each.
        """
        if not self.class_names:
            return {"predicted": outputs[:, 0]}
        if self.n_units == 1:
            outputs = np.column_stack([1 - outputs[:, 0], outputs[:, 0]])
        names = np.asarray(self.class_names)
        columns: dict[str, NDArray[np.generic]] = {"predicted": names[outputs.argmax(axis=1)]}
        for i, name in enumerate(self.class_names):
            columns[f"probability_{name}"] = outputs[:, i]
        return columns


def fit_target(recipe: Recipe, dataset: Dataset, n_units: int) -> TargetCodec:
    """Choose the encoding that the recipe's loss wants; standardise by the training rows."""
    loss = {recipe.loss.name: recipe.loss.arguments}
    mean, scale = 0.0, 1.0
    if recipe.dataset.standardize_target:
        target = dataset.parts["train"].target.astype(np.float64)
        mean, scale = float(target.mean()), float(target.std()) or 1.0
    return TargetCodec(
        find_loss_kind(loss), dataset.class_names, n_units, mean, scale, has_logits(loss)
    )
