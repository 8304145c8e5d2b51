"""Encodes the target for the loss and decodes the model's outputs into the user's units."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.rules import LossKind, find_loss_kind, has_logits
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.target import ClassType


@dataclass(frozen=True)
class TargetCodec:
    """How a target is encoded for the loss, and the output layer's values are decoded.

    Attributes:
        kind: The target format that the loss requires.
        class_names: By class index; empty for regression.
        n_units: Units of the output layer.
        names: The target's name, or those of several.
        mean: Of each target's training rows; empty where they are not standardised.
        scale: Their standard deviation.
        from_logits: Whether the output layer gives logits.
        class_type: Type of the classes in the file; older runs do not record it.
    """

    kind: LossKind
    class_names: tuple[str, ...]
    n_units: int
    names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    from_logits: bool = False
    class_type: ClassType = "text"

    @property
    def classes(self) -> NDArray[np.generic]:
        """The classes by their index, as the file has them: text, integers or truth values."""
        if self.class_type == "integer":
            return np.array([int(name) for name in self.class_names], np.int64)
        if self.class_type == "boolean":
            return np.array([name == "True" for name in self.class_names])
        return np.asarray(self.class_names)

    def encode(self, target: NDArray[np.generic]) -> NDArray[np.generic]:
        """Encode a target of shape (n_samples,) or (n_samples, n_targets).

        Returns:
            Class indices of shape (n_samples, 1), numbers of shape (n_samples, n_targets), or
            one-hot rows of shape (n_samples, n_classes).
        """
        if not self.class_names:
            numbers = np.asarray(target, np.float64).reshape(len(target), -1)
            if self.mean:
                numbers = (numbers - self.mean) / self.scale
            return numbers.astype(np.float32)
        if self.kind is LossKind.INTEGERS:
            return target.astype(np.int32)[:, None]
        if self.n_units == 1:
            return target.astype(np.float32)[:, None]
        return np.eye(len(self.class_names), dtype=np.float32)[target.astype(np.int64)]

    def make_layers(self) -> list[keras.Layer]:
        """Layers that turn the output into the user's units, or logits into probabilities."""
        if not self.class_names:
            if not self.mean:
                return []
            scale, mean = list(self.scale), list(self.mean)
            return [keras.layers.Rescaling(scale, offset=mean, name="original_units")]
        if not self.from_logits:
            return []
        activation = "sigmoid" if self.n_units == 1 else "softmax"
        return [keras.layers.Activation(activation, name="probabilities")]

    def decode(self, outputs: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        """Name the columns of a saved model's outputs, of shape (n_samples, n_units).

        Returns:
            Columns of shape (n_samples,): "predicted" in the user's units, or "predicted_<name>"
            for each of several targets; or "predicted" as classes, with one column
            "probability_<class>" each.
        """
        if not self.class_names:
            answers = (name_column("predicted", self.names, i) for i in range(self.n_units))
            return dict(zip(answers, outputs.T, strict=True))
        if self.n_units == 1:
            outputs = np.column_stack([1 - outputs[:, 0], outputs[:, 0]])
        columns = {"predicted": self.classes[outputs.argmax(axis=1)]}
        for i, name in enumerate(self.class_names):
            columns[f"probability_{name}"] = outputs[:, i]
        return columns

    def name_actual(self, target: NDArray[np.generic]) -> dict[str, NDArray[np.generic]]:
        """Name the columns of a target as ``decode`` names those of the answers, "actual" first."""
        if self.class_names:
            return {"actual": self.classes[target.astype(np.int64)]}
        numbers = target.reshape(len(target), -1)
        columns = (name_column("actual", self.names, i) for i in range(numbers.shape[1]))
        return dict(zip(columns, numbers.T, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for run.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> TargetCodec:
        """Read the values of ``to_dict``."""
        lists = {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
        return cls(**{**facts, **lists, "kind": LossKind(facts["kind"])})


def name_column(what: str, names: tuple[str, ...], i: int = 0) -> str:
    """The name of a column of predictions: of several targets, each has its own."""
    return f"{what}_{names[i]}" if len(names) > 1 else what


def fit_target(recipe: Recipe, dataset: Dataset, n_units: int) -> TargetCodec:
    """Choose the encoding that the recipe's loss requires; standardise by the training rows."""
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    if recipe.dataset.standardize_target:
        target = dataset.parts["train"].target.astype(np.float64)
        target = target.reshape(len(target), -1)
        mean = tuple(map(float, target.mean(axis=0)))
        scale = tuple(float(sd) or 1.0 for sd in target.std(axis=0))
    return TargetCodec(
        kind=find_loss_kind(recipe.loss),
        class_names=dataset.class_names,
        n_units=n_units,
        names=dataset.target_names,
        mean=mean,
        scale=scale,
        from_logits=has_logits(recipe.loss),
        class_type=dataset.class_type,
    )
