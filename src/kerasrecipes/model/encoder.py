"""Encodes raw rows for the first layer: fitted on the training part alone, saved with the model.

The steps and their names are those of ``keras.utils.FeatureSpace``. FeatureSpace makes a layer for
each column, which takes seconds to adapt, and TensorFlow does not accept column names with spaces
as scopes; here all numbers go through one layer together, and columns are identified by position.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from kerasrecipes.memory import find_free_memory, make_aligned
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import Column, Dataset
from kerasrecipes.rows.dataset import Inputs, count_rows, take_rows
from kerasrecipes.rows.disk import DiskRows, are_on_disk
from kerasrecipes.rows.kinds import MODEL_INPUTS, find_fill, group_inputs, make_column
from kerasrecipes.rows.windows import Series, WindowArray

Raw = NDArray[Any] | dict[str, NDArray[Any]]
"""The inputs of a saved model: an array of shape (n_samples, ...). Of a table: numbers of shape
(n_samples, n_numbers), float32; categories or free texts of shape (n_samples, n_columns), text; or
several of these as {"numbers": ..., "categories": ..., "texts": ...}."""

ENCODER_NAME = "encode_columns"
ROWS_AT_ONCE = 65_536
"""Rows encoded by one call: many enough to hide its cost, few enough to need little memory."""

_VALUES_AT_ONCE = 16_000_000
"""Numbers that the widest layer may give in one call: 64 MB."""

_VALUES_IN_CACHE = 1 << 20
"""Values that are encoded at once: twice as fast as those that a processor's cache cannot hold."""

_TEXTS_AT_ONCE = 1024


@dataclass(frozen=True)
class Encoder:
    """How raw inputs become the array that the recipe's first layer sees.

    An array has no columns and passes unchanged. ``model`` takes what ``stack`` gives. ``rare`` are
    the categories of a column that are too rare in training rows to get a column each.
    """

    columns: tuple[Column, ...] = ()
    model: keras.Model | None = None
    rare: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def stack(self, inputs: Inputs) -> Raw:
        """Raw rows as the saved model takes them."""
        if not isinstance(inputs, dict):
            return inputs
        stacks = {}
        for name, taken in group_inputs(self.columns).items():
            dtype = np.float32 if name == "numbers" else object
            columns = [inputs[each] for each in taken]
            stacks[name] = np.stack(columns, axis=1, dtype=dtype, casting="unsafe")
        if isinstance(inputs, Series):
            stacks = {name: inputs.windows.gather(rows) for name, rows in stacks.items()}
        return stacks if len(stacks) > 1 else next(iter(stacks.values()))

    def encode(self, inputs: Inputs) -> Any:
        """Raw rows as the first layer of the recipe sees them, of shape (n_samples, ...).

        Windows of a series are gathered, and rows on a disk are encoded, when some are taken.
        """
        if isinstance(inputs, Series):
            return WindowArray(self.encode(dict(inputs)), inputs.windows)
        if not isinstance(inputs, dict) or self.model is None:
            return inputs if are_on_disk(inputs) else np.asarray(inputs)
        n_rows = count_rows(inputs)
        shape = (n_rows, *self.model.output_shape[1:])
        if are_on_disk(inputs):
            dtype = np.dtype(np.float32)
            return DiskRows(lambda rows: self.encode(take_rows(inputs, rows)), shape, dtype)
        if 4 * math.prod(shape) > find_free_memory():
            raise MemoryError(f"an array of shape {shape}")
        encoded = make_aligned(shape, np.dtype(np.float32))
        n_at_once = min(count_rows_at_once(self.model), max(_VALUES_IN_CACHE // len(inputs), 256))
        for start in range(0, n_rows, n_at_once):
            rows = slice(start, start + n_at_once)
            raw = tf.nest.map_structure(tf.constant, self.stack(take_rows(inputs, rows)))
            encoded[rows] = self.model(raw)
        return encoded


def count_rows_at_once(model: keras.Model) -> int:
    """How many rows one call may take, so that its widest array stays within bounds."""
    shapes = [tensor.shape[1:] for tensor in model.inputs]
    inner = (layer.layers if hasattr(layer, "inputs") else [layer] for layer in model.layers)
    shapes += [layer.output.shape[1:] for layers in inner for layer in layers]
    widest = max(int(np.prod([size or 1 for size in shape])) for shape in shapes)
    return int(np.clip(_VALUES_AT_ONCE // max(widest, 1), 32, ROWS_AT_ONCE))


def fit_encoder(dataset: Dataset, spec: DatasetSpec) -> Encoder:
    """Fit an encoder to the training rows; no other rows are used."""
    inputs = dataset.parts["train"].inputs
    if not isinstance(inputs, dict):
        return Encoder()
    columns = dataset.columns or tuple(map(make_column, inputs))
    # Without a name scope of its own, a saved model's inputs are named as its reader expects.
    made = {
        name: keras.Input((len(taken),), dtype=MODEL_INPUTS[name], name=name)
        for name, taken in group_inputs(columns).items()
    }
    outputs: list[keras.KerasTensor] = []
    rare: dict[str, list[str]] = {}
    numeric, categories, texts = (
        [column for column in columns if column.model_input == name] for name in MODEL_INPUTS
    )
    if numeric:
        outputs += _encode_numbers(made["numbers"], numeric, inputs, spec)
    if categories:
        encoded, rare = _encode_categories(made["categories"], categories, inputs, spec)
        outputs += encoded
    for i, column in enumerate(texts):
        vectorization = _fit_vectorization(column, i, np.asarray(inputs[column.name]))
        # Keras 3.15 finds the shape of split texts only where these have no axis of 1.
        is_split = column.arguments.get("split", "whitespace")
        outputs.append(vectorization(made["texts"][:, i if is_split else slice(i, i + 1)]))
    output = ops.concatenate(outputs, axis=1) if len(outputs) > 1 else outputs[0]
    wanted = made if len(made) > 1 else next(iter(made.values()))
    return Encoder(columns, keras.Model(wanted, output, name=ENCODER_NAME), rare)


def _encode_numbers(
    raw: keras.KerasTensor, columns: Sequence[Column], inputs: Mapping[str, Any], spec: DatasetSpec
) -> list[keras.KerasTensor]:
    """Fill missing numbers, standardise, and discretize columns set to ``float_discretized``."""
    described = [(column, name) for column in columns for name in column.inputs]
    codes = [column.fit_numbers(np.asarray(inputs[name])) for column, name in described]
    outputs = []
    filled, missing = raw, ops.isnan(raw)
    if spec.missing in ("median", "mean", "most_frequent"):
        fills = [find_fill(np.asarray(inputs[name]), spec.missing) for _, name in described]
        filled = ops.where(missing, np.array([fills], np.float32), raw)
    if places := [i for i, code in enumerate(codes) if code.bounds is None]:
        # keras.layers.Normalization would lose the sign of a scale, and divides by 1e-7 at least.
        centres, factors, offsets = (
            np.array([[getattr(codes[i], what) for i in places]], np.float32)
            for what in ("centre", "factor", "offset")
        )
        outputs.append((_pick(filled, places) - centres) * factors + offsets)
    for i, code in enumerate(codes):
        if code.bounds is not None:
            bins = keras.layers.Discretization(
                bin_boundaries=list(code.bounds), output_mode="one_hot", name=f"bins_{i}"
            )
            outputs.append(bins(filled[:, i : i + 1]))
    if spec.missing_indicator:
        places = [i for i, (_, name) in enumerate(described) if np.isnan(inputs[name]).any()]
        if places:
            outputs.append(ops.cast(_pick(missing, places), "float32"))
    return outputs


def _pick(tensor: keras.KerasTensor, places: Sequence[int]) -> keras.KerasTensor:
    """Some columns of a tensor of shape (n_samples, n_columns)."""
    if len(places) == tensor.shape[1]:
        return tensor
    return ops.take(tensor, np.array(places, np.int32), axis=1)


def _encode_categories(
    raw: keras.KerasTensor, columns: Sequence[Any], inputs: Mapping[str, Any], spec: DatasetSpec
) -> tuple[list[keras.KerasTensor], dict[str, list[str]]]:
    """One-hot rows of category columns and of crossed ones; and the rare categories by column."""
    outputs, texts, rare = [], {}, {}
    for i, column in enumerate(columns):
        text = raw[:, i : i + 1]
        texts[column.name] = text
        if column.feature.endswith("_hashed"):
            hashing = keras.layers.Hashing(
                column.arguments["num_bins"], output_mode="one_hot", name=f"hash_{i}"
            )
            outputs.append(hashing(text))
            continue
        code = column.fit_categories(np.asarray(inputs[column.name]), spec)
        if code.rare:
            rare[column.name] = code.rare
        lookup = keras.layers.StringLookup(
            vocabulary=code.vocabulary, mask_token=None, name=f"category_{i}"
        )
        outputs.append(ops.take(code.rows, lookup(text)[:, 0], axis=0))
    for i, cross in enumerate(spec.crosses):
        crossing = keras.layers.HashedCrossing(
            cross.crossing_dim, output_mode="one_hot", name=f"cross_{i}"
        )
        outputs.append(crossing(tuple(texts[name] for name in cross.feature_names)))
    return [ops.cast(output, "float32") for output in outputs], rare


def _fit_vectorization(
    column: Column, place: int, texts: NDArray[Any]
) -> keras.layers.TextVectorization:
    """A layer with the vocabulary of the training rows' texts.

    Keras saves what ``adapt`` finds as lines of a file, and splits tokens at characters such as
    U+2028 when it reads them. A vocabulary that is given is saved as it is.
    """
    unused = ("name", "ragged", "sparse")
    arguments = {key: value for key, value in column.arguments.items() if key not in unused}
    if isinstance(arguments.get("ngrams"), list):
        arguments["ngrams"] = tuple(arguments["ngrams"])
    layer = keras.layers.TextVectorization(**arguments)
    starts = range(0, len(texts), _TEXTS_AT_ONCE)
    batches = [texts[start : start + _TEXTS_AT_ONCE, np.newaxis] for start in starts]
    if arguments.get("vocabulary") is None:
        layer.adapt(iter(batches))
        weights: dict[str, NDArray[Any]] = {}
        layer.save_own_variables(weights)  # idf_weights, for output_mode: tf_idf
        arguments |= {name: array.tolist() for name, array in weights.items()}
        arguments["vocabulary"] = layer.get_vocabulary()
    if arguments["output_mode"] != "int":
        # A graph, in which saved models are checked, has no size of a vocabulary.
        if not arguments.get("pad_to_max_tokens"):
            arguments |= {"max_tokens": layer.vocabulary_size(), "pad_to_max_tokens": True}
    elif not arguments.get("output_sequence_length"):
        # Otherwise the answer to a text would depend on the longest one beside it.
        arguments["output_sequence_length"] = max(layer(batch).shape[1] for batch in batches)
    name = f"text_vectorization_{place}" if place else "text_vectorization"
    return keras.layers.TextVectorization(**arguments, name=name)
