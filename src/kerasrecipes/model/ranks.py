"""Layers and the number of dimensions that reach them: misfits and their fixes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import keras

Shape = tuple[int, ...]
_TAKES = {
    3: "steps × features",
    4: "images of height × width × channels",
    5: "volumes of depth × height × width × channels",
}
"""Inputs of recurrent layers and those named 1D, 2D or 3D, by dimensions with the batch."""


@dataclass(frozen=True)
class Misfit:
    """A layer that takes another number of dimensions than those that reach it.

    Attributes:
        message: The problem and its fix.
        shape: The shape, without the batch, in which the layer would take them, or None.
    """

    message: str
    shape: Shape | None


def find_misfit(
    layer: keras.Layer, shape: Shape, before: Sequence[keras.Layer] = ()
) -> Misfit | None:
    """Compare what a layer takes with what reaches it.

    Args:
        layer: A layer that is not built.
        shape: Of one example.
        before: The layers before it.
    """
    name = type(layer).__name__
    if name.startswith("AdaptiveMaxPooling") and 1 in shape[:-1]:
        message = (
            f"Keras 3.15 pools over more steps than there are (received: {show_shape(shape)}), at "
            f"which TensorFlow ends the process. Remove {name}, since one step needs no pooling."
        )
        return Misfit(message, None)
    spec, rank = layer.input_spec, len(shape) + 1
    if isinstance(layer, keras.layers.TimeDistributed):  # has none until it is built
        spec = keras.InputSpec(min_ndim=3)
    if not isinstance(spec, keras.InputSpec) or (spec.ndim is None and spec.min_ndim is None):
        return None
    wanted = spec.ndim or spec.min_ndim
    has_any_more = spec.ndim is None and not re.search("Conv[123]D", name)
    if rank == wanted or (has_any_more and rank > wanted):
        return _find_large_window(layer, shape)
    takes = f"{wanted - 1} dimensions"
    if re.search("[123]D", name) or isinstance(
        layer, keras.layers.RNN | keras.layers.TimeDistributed
    ):
        takes = _TAKES.get(wanted, takes)
    start = f"{name} takes {takes} (received: {show_shape(shape)})."
    sibling = name.replace(f"{wanted - 2}D", f"{rank - 2}D")
    if rank > wanted and sibling != name and hasattr(keras.layers, sibling):
        return Misfit(f"{start} Use {sibling}.", None)
    if rank + 1 < wanted:
        remedy = "Put a Reshape before it that gives them, or remove the layer that flattens them."
        return Misfit(f"{start} {remedy}", None)
    reduced = [each for each in before if getattr(each, "return_sequences", None) is False]
    if rank < wanted and reduced and reduced[-1].output.shape[1:] == shape:
        remedy = "Write return_sequences: true in the recurrent layer before it."
        return Misfit(f"{start} {remedy}", (*shape, 1))
    if rank < wanted:
        fitting = (*shape, 1)
        what = "without a channel" if wanted == 4 else "with one dimension too few"
        start = f"{name} takes {takes} (received: {show_shape(shape)}, {what})."
    else:
        fitting = (*shape[: wanted - 2], math.prod(shape[wanted - 2 :]))
    remedy = f"Put Reshape: {{target_shape: [{', '.join(map(str, fitting))}]}} before it."
    return Misfit(f"{start} {remedy}", fitting)


def _find_large_window(layer: keras.Layer, shape: Shape) -> Misfit | None:
    """Find a kernel, or a window to pool, that is larger than what reaches its layer."""
    name = type(layer).__name__
    argument = "pool_size" if hasattr(layer, "pool_size") else "kernel_size"
    window, rates = getattr(layer, argument, ()), getattr(layer, "dilation_rate", None)
    is_valid = getattr(layer, "padding", "") == "valid" and "Transpose" not in name
    is_usual = getattr(layer, "data_format", "") == "channels_last" and isinstance(window, tuple)
    if not is_valid or not is_usual or len(window) != len(shape) - 1:
        return None
    spans = [rate * (n - 1) + 1 for n, rate in zip(window, rates or [1] * len(window), strict=True)]
    if all(span <= size for span, size in zip(spans, shape, strict=False)):
        return None
    message = (
        f"{name} needs {'×'.join(map(str, spans))} or more (received: {show_shape(shape)} with the "
        f"channels). Make {argument} smaller, write padding: same, or remove a pooling before it."
    )
    return Misfit(message, None)


def describe_output_rank(shape: Shape) -> str:
    """Describe an output that is not a row of numbers for each example; empty if it is one."""
    if len(shape) == 1:
        return ""
    return (
        "The last layer must give a row of numbers for each example (received: an output of "
        f"{show_shape(shape)}). Put Flatten before it."
    )


def show_shape(shape: Shape) -> str:
    """Write the shape of one example: ``28×28``, ``12 numbers``."""
    return "×".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} numbers"
