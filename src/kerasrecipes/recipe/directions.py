"""Whether higher values of a metric are better, by the Keras class behind its name in the logs."""

from __future__ import annotations

from collections.abc import Iterable

from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.keras_names import find_registered, list_aliases
from kerasrecipes.recipe.rules import gives_several, name_in_logs
from kerasrecipes.recipe.suggest import fold

_HIGHER = (
    *("Accuracy", "acc", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"),
    *("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"),
    *("AUC", "Precision", "Recall", "F1Score", "FBetaScore", "TruePositives", "TrueNegatives"),
    *("PrecisionAtRecall", "RecallAtPrecision"),
    *("SensitivityAtSpecificity", "SpecificityAtSensitivity"),
    *("IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),
    *("R2Score", "CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation"),
)
_LOWER = (
    *("MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError"),
    *("MeanSquaredLogarithmicError", "RootMeanSquaredError", "LogCoshError", "LogCosh", "Huber"),
    *("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
    *("BinaryFocalCrossentropy", "CategoricalFocalCrossentropy", "KLDivergence", "Poisson"),
    *("Hinge", "SquaredHinge", "CategoricalHinge", "FalsePositives", "FalseNegatives"),
)


_IS_HIGHER_BETTER = dict.fromkeys(map(fold, _HIGHER), True)
_IS_HIGHER_BETTER |= dict.fromkeys(map(fold, _LOWER), False)


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
    registered = find_registered("metrics", name)
    names = [base.__name__ for base in getattr(registered, "__mro__", ())]
    known = map(fold, names or [list_aliases("metrics").get(name, name)])
    return next((_IS_HIGHER_BETTER[each] for each in known if each in _IS_HIGHER_BETTER), None)
