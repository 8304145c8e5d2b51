"""Results of Keras 3.15 that are wrong, each with the issue that says so.

A test shows each fault in the installed Keras. When it fails, remove the rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.components import Components

LOST_ARGUMENTS: dict[str, dict[str, float]] = {
    "Huber": {"delta": 1.0},
    "CosineSimilarity": {"axis": -1},
    "SparseCategoricalCrossentropy": {"axis": -1},
}
"""Losses whose arguments are not saved with a compiled model (keras #23286), and the values that a
reloaded model has instead."""


def find_refused(recipe: Components) -> Iterator[tuple[KeyPath, str]]:
    """Settings that Keras cannot compute, or computes wrongly."""
    for i, metric in enumerate(recipe.metrics):
        if metric.name == "R2Score" and metric.arguments.get("num_regressors"):
            message = (
                "Keras 3.15 cannot compute the adjusted R² while it trains, and counts rows "
                "wrongly with several targets (keras #23334). Remove num_regressors."
            )
            yield ("metrics", i, "R2Score", "num_regressors"), message
    for i, layer in enumerate(recipe.layers):
        size = layer.arguments.get("output_size")
        is_one = size == 1 or (isinstance(size, list) and 1 in size)
        if layer.name.startswith("AdaptiveMaxPooling") and is_one:
            message = (
                "With an output_size of 1, TensorFlow 2.21 ends the process. Write "
                f"Global{layer.name[8:]} instead."
            )
            yield ("layers", i, layer.name, "output_size"), message


def find_doubtful(recipe: Components) -> Iterator[tuple[KeyPath, str]]:
    """Settings that Keras computes differently from its documentation."""
    loss, arguments = recipe.loss, recipe.loss.arguments
    if loss.name == "Tversky" and arguments.get("alpha", 0.5) != arguments.get("beta", 0.5):
        message = (
            "In Keras 3.15, alpha weighs false negatives and beta false positives, the reverse of "
            "its documentation (keras #23333). Exchange the two if you chose them by it."
        )
        yield ("loss", "Tversky"), message
    changed = [
        argument
        for argument, default in LOST_ARGUMENTS.get(loss.name, {}).items()
        if arguments.get(argument, default) != default
    ]
    for i, callback in enumerate(recipe.callbacks if changed else ()):
        if callback.name == "ModelCheckpoint" and not callback.arguments.get("save_weights_only"):
            message = (
                f"A model that ModelCheckpoint saves reloads with {loss.name}'s default "
                f"{changed[0]} (keras #23286). Before evaluating or training it further, compile "
                "it with this loss again. The run's own model is not affected."
            )
            yield ("callbacks", i, "ModelCheckpoint"), message
