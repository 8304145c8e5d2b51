"""Raw rows to what the layers see: fitted on the training part alone, saved with the model.

The steps are those of ``keras.utils.FeatureSpace``, in its words. FeatureSpace makes a layer for
each column, which takes seconds to adapt, and TensorFlow refuses column names with spaces as its
scopes; here all numbers go through one layer together, and columns are known by their place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from kerasrecipes.data import Column, Dataset
from kerasrecipes.data.dataset import Inputs, count_rows, take_rows
from kerasrecipes.recipe.schema import DatasetSpec

Raw = NDArray[Any] | dict[str, NDArray[Any]]
"""What a saved model takes: an array of shape (n_samples, ...). Of a table: (n_samples, n_numbers)
float32, or (n_samples, n_categories) text, or both as {"numbers": ..., "categories": ...}."""

ENCODER_NAME = "encode_columns"
ROWS_AT_ONCE = 65_536
"""Rows encoded by one call: many enough to hide its cost, few enough to need little memory."""


@dataclass(frozen=True)
class Encoder:
    """How raw inputs become the array that the recipe's first layer sees.

    Attributes:
        columns: A table's columns, in order; empty for an array, which passes unchanged.
        model: Keras layers that take what ``stack`` gives; None for an array.
    """

    columns: tuple[Column, ...] = ()
    model: keras.Model | None = None

    @property
    def numbers(self) -> list[str]:
        """The number inputs, in order; a date gives one for each of its parts."""
        return [name for column in self.columns for name in _list_number_inputs(column)]

    @property
    def categories(self) -> list[str]:
        """The category inputs, in order."""
        return [column.name for column in self.columns if column.kind == "category"]

    def stack(self, inputs: Inputs) -> Raw:
        """Raw rows as the saved model takes them."""
        if not isinstance(inputs, dict):
            return inputs
        stacks: dict[str, NDArray[Any]] = {}
        if self.numbers:
            stacks["numbers"] = _stack(inputs, self.numbers, np.dtype(np.float32))
        if self.categories:
            stacks["categories"] = _stack(inputs, self.categories, np.dtype(object))
        return stacks if len(stacks) == 2 else next(iter(stacks.values()))

    def encode(self, inputs: Inputs) -> NDArray[Any]:
        """Raw rows as the first layer of the recipe sees them, of shape (n_samples, ...)."""
        if not isinstance(inputs, dict) or self.model is None:
            return np.asarray(inputs)
        n_rows = count_rows(inputs)
        encoded = make_aligned((n_rows, *self.model.output_shape[1:]), np.dtype(np.float32))
        for start in range(0, n_rows, ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            encoded[rows] = self.model(to_tensors(self.stack(take_rows(inputs, rows))))
        return encoded


def to_tensors(raw: Raw) -> Any:
    """Raw rows as tensors, text included."""
    if isinstance(raw, dict):
        return {name: tf.constant(array) for name, array in raw.items()}
    return tf.constant(raw)


def make_aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array of zeros that begins where TensorFlow can use it without a copy."""
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    block = np.zeros(n_bytes + 64, np.uint8)
    start = -block.ctypes.data % 64
    return block[start : start + n_bytes].view(dtype).reshape(shape)


def fit_encoder(dataset: Dataset, spec: DatasetSpec) -> Encoder:
    """Fit an encoder to the training rows; nothing else is looked at.

    Args:
        dataset: A table, or an array.
        spec: Says what becomes of missing values, and which columns are crossed.
    """
    inputs = dataset.parts["train"].inputs
    if not isinstance(inputs, dict):
        return Encoder()
    columns = dataset.columns or tuple(Column(name) for name in inputs)
    # Without a name scope of its own, a saved model's inputs are named as its reader expects.
    made: dict[str, keras.KerasTensor] = {}
    outputs: list[keras.KerasTensor] = []
    encoder = Encoder(columns)
    if encoder.numbers:
        made["numbers"] = keras.Input((len(encoder.numbers),), name="numbers")
        outputs += _encode_numbers(made["numbers"], columns, inputs, spec)
    if encoder.categories:
        made["categories"] = keras.Input(
            (len(encoder.categories),), dtype="string", name="categories"
        )
        outputs += _encode_categories(made["categories"], columns, inputs, spec)
    output = ops.concatenate(outputs, axis=1) if len(outputs) > 1 else outputs[0]
    wanted = made if len(made) == 2 else next(iter(made.values()))
    return Encoder(columns, keras.Model(wanted, output, name=ENCODER_NAME))


def _list_number_inputs(column: Column) -> tuple[str, ...]:
    return () if column.kind == "category" else column.inputs


def _stack(inputs: Mapping[str, Any], names: Sequence[str], dtype: np.dtype[Any]) -> NDArray[Any]:
    stacked = np.empty((len(inputs[names[0]]), len(names)), dtype)
    for i, name in enumerate(names):
        stacked[:, i] = inputs[name]
    return stacked


def _encode_numbers(
    raw: keras.KerasTensor, columns: Sequence[Column], inputs: Mapping[str, Any], spec: DatasetSpec
) -> list[keras.KerasTensor]:
    """Fill missing numbers, standardise, and cut into bins what the recipe wants in bins."""
    described = [(column, name) for column in columns for name in _list_number_inputs(column)]
    outputs = []
    filled, missing = raw, ops.isnan(raw)
    if spec.missing in ("median", "mean", "most_frequent"):
        fills = [_find_fill(inputs[name], spec.missing) for _, name in described]
        filled = ops.where(missing, np.array([fills], np.float32), raw)
    is_binned = [column.feature == "float_discretized" for column, _ in described]
    if not all(is_binned):
        places = [i for i, binned in enumerate(is_binned) if not binned]
        outputs.append(_standardize(_pick(filled, places), [described[i] for i in places], inputs))
    for i in np.flatnonzero(is_binned):
        column, name = described[i]
        values = inputs[name][np.isfinite(inputs[name])]
        quantiles = np.linspace(0, 1, column.arguments["num_bins"] + 1)[1:-1]
        bounds = np.unique(np.quantile(values, quantiles)) if len(values) else np.zeros(1)
        # Below the least value no training row would ever fall.
        bounds = bounds[bounds > values.min(initial=np.inf)]
        bins = keras.layers.Discretization(
            bin_boundaries=[float(bound) for bound in bounds],
            output_mode="one_hot",
            name=f"bins_{i}",
        )
        outputs.append(bins(filled[:, i : i + 1]))
    if spec.missing_indicator:
        places = [i for i, (_, name) in enumerate(described) if np.isnan(inputs[name]).any()]
        if places:
            outputs.append(ops.cast(_pick(missing, places), "float32"))
    return outputs


def _standardize(
    numbers: keras.KerasTensor,
    described: Sequence[tuple[Column, str]],
    inputs: Mapping[str, Any],
) -> keras.KerasTensor:
    """(x - centre) * factor + offset of all numbers at once.

    ``keras.layers.Normalization`` would lose the sign of a scale, and divides by 1e-7 at least.
    """
    centres, factors, offsets = np.zeros((3, 1, len(described)))
    factors += 1
    for i, (column, name) in enumerate(described):
        if column.feature == "float_rescaled":
            factors[0, i], offsets[0, i] = column.arguments["scale"], column.arguments["offset"]
        elif column.feature != "float":
            centres[0, i], variance = _find_moments(inputs[name])
            factors[0, i] = variance**-0.5
    return (numbers - np.float32(centres)) * np.float32(factors) + np.float32(offsets)


def _find_moments(values: NDArray[Any]) -> tuple[float, float]:
    """Mean and variance of the values that are there, in float64."""
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return 0.0, 1.0
    variance = float(known.var())
    # A constant column has nothing to say; divided by a deviation below float32's resolution
    # it would shout.
    resolution = float(np.square(np.finfo(np.float32).eps) * np.square(known).mean())
    return float(known.mean()), variance if variance > resolution else 1.0


def _find_fill(values: NDArray[Any], strategy: str) -> float:
    """What stands in for a missing number, by the words of scikit-learn's SimpleImputer."""
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return 0.0
    if strategy == "most_frequent":
        distinct, counts = np.unique(known, return_counts=True)
        return float(distinct[counts.argmax()])
    return float(np.median(known) if strategy == "median" else known.mean())


def _pick(tensor: keras.KerasTensor, places: Sequence[int]) -> keras.KerasTensor:
    """Some columns of a tensor of shape (n_samples, n_columns)."""
    if len(places) == tensor.shape[1]:
        return tensor
    return ops.take(tensor, np.array(places, np.int32), axis=1)


def _encode_categories(
    raw: keras.KerasTensor, columns: Sequence[Column], inputs: Mapping[str, Any], spec: DatasetSpec
) -> list[keras.KerasTensor]:
    """One-hot rows of every category column, and of crossed ones."""
    outputs, texts = [], {}
    for i, column in enumerate(column for column in columns if column.kind == "category"):
        texts[column.name] = text = raw[:, i : i + 1]
        if column.feature.endswith("_hashed"):
            hashing = keras.layers.Hashing(
                column.arguments["num_bins"], output_mode="one_hot", name=f"hash_{i}"
            )
            outputs.append(hashing(text))
        else:
            outputs.append(_look_up(text, column, inputs[column.name], spec, f"category_{i}"))
    for i, cross in enumerate(spec.crosses):
        crossing = keras.layers.HashedCrossing(
            cross.crossing_dim, output_mode="one_hot", name=f"cross_{i}"
        )
        outputs.append(crossing(tuple(texts[name] for name in cross.feature_names)))
    return [ops.cast(output, "float32") for output in outputs]


def _look_up(
    text: keras.KerasTensor,
    column: Column,
    values: NDArray[Any],
    spec: DatasetSpec,
    name: str,
) -> keras.KerasTensor:
    """One-hot rows with a place for each category that the training rows have.

    A place that no training row fills would keep its random first weights, so that what was never
    seen gives a row of zeros. Only where rare categories exceed the bound do they and the unseen
    share a place.
    """
    counts = Counter(values.tolist())
    n_missing = counts.pop("", 0)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    kept = ordered[: column.arguments["max_tokens"]]
    n_places = len(kept) + (len(ordered) > len(kept)) + (n_missing > 0)
    # Rows: unknown, each category, missing. StringLookup gives 0 to what it does not know.
    codes = np.zeros((len(kept) + 2, max(n_places, 1)), np.float32)
    codes[1:-1, : len(kept)] = np.eye(len(kept))
    if len(ordered) > len(kept):
        codes[0, len(kept)] = 1
    if n_missing:
        codes[-1, -1] = 1
    if spec.missing == "most_frequent" and kept:
        codes[-1] = codes[1]
        if n_missing and not spec.missing_indicator:
            codes = codes[:, :-1]
        elif n_missing:
            codes[-1, -1] = 1
    lookup = keras.layers.StringLookup(vocabulary=[*kept, ""], mask_token=None, name=name)
    return ops.take(codes, lookup(text)[:, 0], axis=0)
