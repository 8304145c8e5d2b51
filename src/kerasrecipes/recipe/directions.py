"""Whether higher values of a metric are better, by the Keras class behind its name in the logs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.keras_names import find_registered, list_aliases
from kerasrecipes.recipe.rules import gives_several, name_in_logs
from kerasrecipes.recipe.suggest import fold

_HIGHER = re.compile(
    "accuracy|^acc$|auc|precision|recall|f1score|fbetascore|^true|sensitivity|specificity|iou"
    "|r2score|similarity|correlation"
)
_LOWER = re.compile("error|entropy|hinge|huber|logcosh|divergence|poisson|^false")
"""Names of Keras's classes; a test compares each with what the class computes."""


def find_directions(metrics: Iterable[Component]) -> dict[str, bool | None]:
    """Find whether higher is better, for the loss and a recipe's metrics.

    Returns:
        By name in the logs; None for a class without a known direction, such as ``Sum``. A class
        that the caller registered has the direction of the Keras class it descends from. Metrics
        that give several numbers are left out.
    """
    single = [metric for metric in metrics if not gives_several(metric)]
    return {"loss": False} | {name_in_logs(m): _find_direction(m.name) for m in single}


def _find_direction(name: str) -> bool | None:
    names = [list_aliases("metrics").get(name, name)]
    if registered := find_registered("metrics", name):
        bases = getattr(registered, "__mro__", ())
        names = [base.__name__ for base in bases if base.__module__.startswith("keras.")]
    for each in map(fold, names):
        if _HIGHER.search(each):
            return True
        if _LOWER.search(each):
            return False
    return None
