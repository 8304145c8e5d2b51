"""Scores and bins of predicted probabilities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.rows.dataset import sample_rows

_N_BINS = 10
_N_RESAMPLES = 200
_MOST_ROWS = 10_000  # of a resample

Numbers = NDArray[np.floating[Any]]
Truths = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """Predicted rows with their probabilities.

    Attributes:
        name: The label, or the second of two classes, or "all classes".
        y_true: Shape (n_samples,), class indices.
        y_pred: Shape (n_samples,), those that are predicted.
        y_prob: Shape (n_samples, n_classes).
        weights: Shape (n_samples,): how much each row counts.
    """

    name: str
    y_true: NDArray[np.int64]
    y_pred: NDArray[np.int64]
    y_prob: Numbers
    weights: Numbers

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

        Their 95% intervals are percentiles of a bootstrap of the rows of each class. Empty where
        all rows are of one class.
        """
        from sklearn.metrics import average_precision_score, roc_auc_score

        if not self.is_binary or len(np.unique(self.y_true[self.weights > 0])) < 2:
            return []
        given, shown = (self.happened, self.chances), sample_rows(len(self.y_true), _MOST_ROWS)
        shown = np.union1d(shown, np.unique(self.happened, return_index=True)[1])  # of both classes
        resampled = _resample_areas(self.happened[shown], self.chances[shown], self.weights[shown])
        ends = np.nanpercentile(resampled, (2.5, 97.5), axis=1).T
        return [
            f"{score(*given, sample_weight=self.weights):.3f} ({low:.3f}–{high:.3f})"
            for score, (low, high) in zip(
                (roc_auc_score, average_precision_score), ends, strict=True
            )
        ]

    def separate(self, number: int, name: str) -> Scored:
        """One class against all others, as two classes."""
        chances = self.y_prob[:, number]
        y_true, y_pred = ((each == number).astype(np.int64) for each in (self.y_true, self.y_pred))
        return Scored(name, y_true, y_pred, np.stack([1 - chances, chances], axis=1), self.weights)

    def uncalibrate(self, temperature: float) -> Scored:
        """The same with the probabilities before their logits were divided by a temperature."""
        from scipy.special import softmax

        logits = np.log(np.maximum(self.y_prob, 1e-37))
        return replace(
            self, name="before calibration", y_prob=softmax(temperature * logits, axis=1)
        )


def _resample_areas(happened: Truths, chances: Numbers, weights: Numbers) -> Numbers:
    """Areas under ROC and precision-recall curves of resamples, of shape (2, n_resamples)."""
    order = np.argsort(-chances)
    happened, weights, rng = happened[order], weights[order], np.random.default_rng(0)
    is_last = np.append(np.diff(chances[order]) < 0, True)  # of rows of equal probability
    counts = np.empty((_N_RESAMPLES, len(order)))
    for rows in map(np.flatnonzero, (happened, ~happened)):
        shares = np.full(len(rows), 1 / len(rows))
        counts[:, rows] = rng.multinomial(len(rows), shares, _N_RESAMPLES)
    counts *= weights
    hits, alarms = (
        np.cumsum(counts * which, axis=1)[:, is_last] for which in (happened, ~happened)
    )
    found = np.diff(hits, prepend=0)
    with np.errstate(invalid="ignore"):  # of rows without weight
        roc = (np.diff(alarms, prepend=0) * (hits - found / 2)).sum(axis=1)
        precision = np.nan_to_num(found * hits / (hits + alarms)).sum(axis=1)
        return np.stack([roc / (hits[:, -1] * alarms[:, -1]), precision / hits[:, -1]])
