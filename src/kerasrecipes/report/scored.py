"""What finished predictions are worth: scores of probabilities, and intervals of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import InputError
from kerasrecipes.rows.dataset import sample_rows

_N_BINS = 10
_MOST_RESIDUALS = 10_000  # rows

Numbers = NDArray[np.floating[Any]]
Truths = NDArray[np.bool_]


def sort_residuals(y_true: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.float64]:
    """Sort the absolute residuals of each target; of many rows, those of a random sample.

    Both arrays have the shape (n_samples, n_targets), the result (n_rows, n_targets).
    """
    chosen = sample_rows(len(y_true), _MOST_RESIDUALS)
    return np.sort(np.abs(y_true[chosen].astype(float) - y_pred[chosen]), axis=0)


def find_half_widths(residuals: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Find the half-width of each target's prediction interval, in the target's unit.

    Split conformal prediction, from the sorted residuals of validation rows: an interval covers a
    new row with at least the probability of its level if both come from the same source. Lei et
    al. 2018, doi:10.1080/01621459.2017.1307116.

    Raises:
        InputError: The level is not between 0 and 1, or needs more rows than there are.
    """
    if not 0 < level < 1:
        raise InputError(f"interval must be between 0 and 1, such as 0.9 (received: {level!r}).")
    place = math.ceil(round((len(residuals) + 1) * level, 9))
    if place > len(residuals):
        raise InputError(
            f"Intervals of {level:g} need {math.ceil(round(level / (1 - level), 9)):,} validation "
            f"rows (this run has {len(residuals):,}). Use a lower level, or train with more."
        )
    return residuals[place - 1]


@dataclass(frozen=True)
class Scored:
    """Predicted rows with their probabilities; classes are indices."""

    name: str  # of the label, or of the second of two classes, or "all classes"
    y_true: NDArray[np.int64]  # of shape (n_samples,), as y_pred
    y_pred: NDArray[np.int64]
    y_prob: Numbers  # of shape (n_samples, n_classes)
    weights: Numbers  # of shape (n_samples,): how much each row counts

    @property
    def is_binary(self) -> bool:
        """Whether there are two classes, 0 and 1."""
        return self.y_prob.shape[1] == 2

    @cached_property
    def happened(self) -> Truths:
        """Shape (n_samples,): whether the event whose probability is ``chances`` occurred."""
        return self.y_true == (1 if self.is_binary else self.y_prob.argmax(axis=1))

    @cached_property
    def chances(self) -> Numbers:
        """Shape (n_samples,): the probability of the second of two classes, the highest of more."""
        return self.y_prob[:, 1] if self.is_binary else self.y_prob.max(axis=1)

    @cached_property
    def bins(self) -> Numbers:
        """Bins of rows of similar probability: ten of equally many rows, fewer with many ties.

        Shape (3, n_bins): mean probabilities, observed frequencies, and shares of all rows.
        """
        edges = np.unique(np.quantile(self.chances, np.arange(1, _N_BINS) / _N_BINS))
        _, bins = np.unique(np.searchsorted(edges, self.chances), return_inverse=True)
        sizes = np.maximum(np.bincount(bins, self.weights), 1e-12)
        of_rows = (self.chances, self.happened)
        means, shares = (np.bincount(bins, self.weights * each) / sizes for each in of_rows)
        return np.stack([means, shares, sizes / sizes.sum()])

    @cached_property
    def areas(self) -> list[str]:
        """The areas under the ROC and the precision-recall curve: ``0.912 (0.871–0.944)``.

        Their 95% intervals are Hanley and McNeil's (1982, doi:10.1148/radiology.143.1.7063747), and
        that of a share of the event's rows (Boyd et al. 2013, doi:10.1007/978-3-642-40994-3_29).
        Weighted rows count as fewer rows of equal weight. Empty where all rows are of one class.
        """
        from sklearn.metrics import average_precision_score, roc_auc_score

        n, n_other = (self._count_rows(which) for which in (self.happened, ~self.happened))
        if not (self.is_binary and n and n_other):
            return []
        given = {"sample_weight": self.weights}
        roc = roc_auc_score(self.happened, self.chances, **given)
        precision = average_precision_score(self.happened, self.chances, **given)
        scatter = (n - 1) * (roc / (2 - roc) - roc**2)
        scatter += (n_other - 1) * (2 * roc**2 / (1 + roc) - roc**2)
        of_roc = (roc * (1 - roc) + scatter) / (n * n_other)
        of_precision = precision * (1 - precision) / n
        texts = []
        for area, variance in ((roc, of_roc), (precision, of_precision)):
            half = 1.96 * math.sqrt(max(variance, 0))
            texts.append(f"{area:.3f} ({max(area - half, 0):.3f}–{min(area + half, 1):.3f})")
        return texts

    def _count_rows(self, which: Truths) -> float:
        """The number of rows of equal weight that are as good as these (Kish)."""
        weights = self.weights[which]
        return float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0

    def separate(self, number: int, name: str) -> Scored:
        """One class against all others, as two classes."""
        chances = self.y_prob[:, number]
        y_true, y_pred = ((each == number).astype(np.int64) for each in (self.y_true, self.y_pred))
        return Scored(name, y_true, y_pred, np.stack([1 - chances, chances], axis=1), self.weights)
