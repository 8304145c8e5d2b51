"""Encodes the target for the loss and decodes the model's outputs into the user's units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.rules import LossKind, find_loss_kind, find_output_layer, has_logits
from kerasrecipes.rows import Dataset
from kerasrecipes.rows.target import ClassType


@dataclass(frozen=True)
class TargetCodec:
    """How a target is encoded for the loss, and the output layer's values are decoded.

    Attributes:
        mean: Of each target's training rows; empty where they are not standardised.
        scale: Their standard deviation.
        class_type: Type of the classes in the file; older runs do not record it.
        thresholds: The least probability at which the second of two classes, or each label, is
            predicted; empty means above 0.5.
        threshold_reason: How they were chosen, in words.
        temperature: Logits are divided by it; 1 where probabilities are not calibrated.
    """

    kind: LossKind
    class_names: tuple[str, ...]  # empty for numbers and labels
    n_units: int  # the size of the outputs' last axis
    names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    from_logits: bool = False
    class_type: ClassType = "text"
    steps: tuple[int, ...] = ()  # the sizes of the other axes, such as an image's height and width
    is_multilabel: bool = False  # whether a row may have several of the units
    thresholds: tuple[float, ...] = ()
    threshold_reason: str = ""
    temperature: float = 1.0

    @property
    def is_array(self) -> bool:
        """Whether an answer is an array of classes or of numbers."""
        if self.is_multilabel or len(self.names) > 1:
            return False
        return bool(self.steps) or (self.n_units > 1 and (self.is_binary or not self.class_names))

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Of a row's target, if it is an array."""
        if not self.is_array:
            return ()
        is_binary = self.kind is LossKind.BINARY and self.n_units > 1
        return (*self.steps, self.n_units) if is_binary or not self.class_names else self.steps

    @property
    def classes(self) -> NDArray[np.generic]:
        """The classes by their index, as the file has them: text, integers or truth values."""
        if self.class_type == "integer":
            return np.array([int(name) for name in self.class_names], np.int64)
        if self.class_type == "boolean":
            return np.array([name == "True" for name in self.class_names])
        return np.asarray(self.class_names)

    def encode(self, target: NDArray[np.generic]) -> NDArray[np.generic]:
        """Encode a target of shape (n_samples, ...).

        Class indices get shape (n_samples, ..., 1), one-hot rows (n_samples, ..., n_classes),
        numbers and labels that of the outputs.
        """
        if self.class_names and self.kind is LossKind.INTEGERS:
            return target.astype(np.int32)[..., None]
        if self.class_names and not self.is_binary:
            return np.eye(len(self.class_names), dtype=np.float32)[target.astype(np.int64)]
        numbers: NDArray[Any] = np.asarray(target).reshape(len(target), -1)
        if self.mean:
            dtype = np.float32 if self.is_array else np.float64  # arrays are large
            numbers = numbers.astype(dtype)
            numbers -= np.array(self.mean, dtype)
            numbers /= np.array(self.scale, dtype)
        return numbers.astype(np.float32).reshape(len(target), *self.steps, self.n_units)

    @property
    def is_binary(self) -> bool:
        """Whether each unit gives the probability of one class, or of one label."""
        return self.n_units == 1 or self.kind is LossKind.BINARY

    def find_logits(self, outputs: Any) -> Any:
        """Logits of the output layer's values; float32 has no number between 1 - 6e-8 and 1."""
        if self.from_logits:
            return outputs
        logits = ops.log(ops.maximum(outputs, 1e-37))
        return logits - ops.log(ops.maximum(1 - outputs, 1e-8)) if self.is_binary else logits

    def make_layers(self) -> list[Callable[[Any], Any]]:
        """Layers that turn logits into probabilities, and the output into the user's units.

        A temperature calibrates the probabilities, see Guo et al., arXiv:1706.04599.
        """
        layers: list[Callable[[Any], Any]] = []
        is_calibrated = self.temperature != 1
        if is_calibrated:
            scale = 1 / self.temperature
            layers += [self.find_logits, keras.layers.Rescaling(scale, name="temperature")]
        if self.from_logits or is_calibrated:
            activation = "sigmoid" if self.is_binary else "softmax"
            layers.append(keras.layers.Activation(activation, name="probabilities"))
        if self.mean:
            shape = () if self.is_array else (*self.steps, self.n_units)
            scale, mean = (np.reshape(each, shape).tolist() for each in (self.scale, self.mean))
            layers.append(keras.layers.Rescaling(scale, offset=mean, name="original_units"))
        return layers

    def decode(self, outputs: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Name the columns of a saved model's outputs, of shape (n_samples, ..., n_units).

        Columns of shape (n_samples,) are "predicted" in the user's units, or "predicted_<name>" for
        each of several targets; or "predicted" as classes, with one column "probability_<class>"
        each; or "predicted_<label>", 0 or 1, and "probability_<label>". Arrays are "predicted", of
        shape (n_samples, ...), and "probability", that of the predicted classes.
        """
        if self.is_multilabel:
            is_given = outputs > 0.5
            if self.thresholds:
                is_given = outputs >= np.array(self.thresholds, outputs.dtype)
            labels = self._name_columns("predicted", is_given.astype(int))
            return labels | self._name_columns("probability", outputs)
        if not self.class_names:
            return self._name_columns("predicted", outputs)
        if self.n_units == 1:
            outputs = np.concatenate([1 - outputs, outputs], axis=-1)
        elif self.kind is LossKind.BINARY:
            outputs = np.stack([1 - outputs, outputs], axis=-1)
        indices = outputs.argmax(axis=-1)
        if self.thresholds:
            indices = (outputs[:, 1] >= self.thresholds[0]).astype(int)
        columns = {"predicted": self.classes[indices]}
        if self.is_array:
            return columns | {"probability": outputs.max(axis=-1)}
        for i, name in enumerate(self.class_names):
            columns[f"probability_{name}"] = outputs[:, i]
        return columns

    def name_actual(
        self, target: NDArray[Any], known: NDArray[np.bool_] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Name the columns of a target as ``decode`` names those of the answers, "actual" first.

        ``known`` says which steps no mask covers, of shape (n_samples, n_steps).
        """
        if known is not None:
            actual = self.name_actual(target)["actual"]
            per_value = known.reshape(known.shape + (1,) * (actual.ndim - known.ndim))
            return {"actual": actual, "known": np.broadcast_to(per_value, actual.shape)}
        if self.class_names:
            return {"actual": self.classes[target.astype(np.int64)]}
        return self._name_columns("actual", target.astype(int) if self.is_multilabel else target)

    def _name_columns(self, what: str, values: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Numbers or labels: a column for each of several targets."""
        if self.is_array:
            return {what: values.reshape(len(values), *self.steps, self.n_units)}
        columns = values.reshape(len(values), max(1, len(self.names))).T
        return {self.name_column(what, i): column for i, column in enumerate(columns)}

    def name_column(self, what: str, i: int = 0) -> str:
        """The name of a column of predictions: of labels and of several targets, each has one."""
        is_named = self.is_multilabel or len(self.names) > 1
        return f"{what}_{self.names[i]}" if is_named else what

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for run.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> TargetCodec:
        """Read the values of ``to_dict``."""
        lists = {name: tuple(value) for name, value in facts.items() if isinstance(value, list)}
        return cls(**{**facts, **lists, "kind": LossKind(facts["kind"])})


def fit_target(
    recipe: Recipe, dataset: Dataset, n_units: int, steps: tuple[int, ...] = ()
) -> TargetCodec:
    """Choose the encoding that the recipe's loss requires; standardise by the training rows.

    Pixels as bytes are divided by 255 if the output layer gives numbers between 0 and 1, unless
    they are 0 and 1 themselves. Outputs of a row have shape (*steps, n_units).
    """
    mean, scale = tuple[float, ...](), tuple[float, ...]()
    target, output = dataset.parts["train"].target, find_output_layer(recipe.layers)
    is_binary = find_loss_kind(recipe.loss) is LossKind.BINARY
    gives_shares = is_binary or (output and output.activation == "sigmoid")
    if recipe.dataset.standardize_target:
        target = target.astype(np.float64).reshape(-1, len(dataset.target_names))
        mean = tuple(map(float, target.mean(axis=0)))
        scale = tuple(float(sd) or 1.0 for sd in target.std(axis=0))
    elif target.dtype == np.uint8 and target.max() > 1 and gives_shares:
        mean, scale = (0.0,), (255.0,)
    class_names = dataset.class_names
    if dataset.has_class_numbers and n_units > len(class_names) and not is_binary:
        class_names = tuple(map(str, range(n_units)))  # not every class number was in the rows
    return TargetCodec(
        kind=find_loss_kind(recipe.loss),
        class_names=class_names,
        n_units=n_units,
        names=dataset.target_names,
        mean=mean,
        scale=scale,
        from_logits=has_logits(recipe.loss),
        class_type=dataset.class_type,
        steps=steps,
        is_multilabel=dataset.task == "multilabel",
    )
