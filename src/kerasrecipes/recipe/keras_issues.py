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
        n_regressors = metric.arguments.get("num_regressors")
        if metric.name == "R2Score" and metric.is_valid and n_regressors:
            message = (
                "Keras 3.15 cannot compute the adjusted R² while it trains, and counts rows "
                "wrongly with several targets (keras #23334; received: num_regressors="
                f"{n_regressors}). Remove num_regressors."
            )
            yield ("metrics", i, "R2Score", "num_regressors"), message
    for i, layer in enumerate(recipe.layers):
        size = layer.arguments.get("output_size")
        is_one = size == 1 or (isinstance(size, list) and 1 in size)
        if layer.name.startswith("AdaptiveMaxPooling") and is_one:
            message = (
                "With an output_size of 1, Keras 3.15 pools over more steps than there are, at "
                f"which TensorFlow ends the process. Write Global{layer.name[8:]} instead."
            )
            yield ("layers", i, layer.name, "output_size"), message


def find_doubtful(recipe: Components) -> Iterator[tuple[KeyPath, str]]:
    """Settings that Keras computes differently from its documentation."""
    loss, arguments = recipe.loss, recipe.loss.arguments
    alpha, beta = arguments.get("alpha", 0.5), arguments.get("beta", 0.5)
    if loss.name == "Tversky" and alpha != beta:
        message = (
            "In Keras 3.15, alpha weighs false negatives and beta false positives, the reverse of "
            f"its documentation (keras #23333; received: alpha={alpha}, beta={beta}). Exchange the "
            "two values if you chose them by the documentation."
        )
        yield ("loss", "Tversky"), message
    saves_models = [
        i
        for i, callback in enumerate(recipe.callbacks)
        if callback.name == "ModelCheckpoint" and not callback.arguments.get("save_weights_only")
    ]
    for argument, default in LOST_ARGUMENTS.get(loss.name, {}).items() if saves_models else ():
        value = arguments.get(argument, default)
        if value != default:
            message = (
                f"A model that ModelCheckpoint saves reloads with {loss.name}'s default {argument}="
                f"{default} instead of {value} (keras #23286). Before evaluating or training it "
                "further, compile it with this loss again. The run's own model is not affected."
            )
            yield ("callbacks", saves_models[0], "ModelCheckpoint"), message
