"""A run's results, read once from its files, and what its predictions are worth."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import InputError, RunDamaged
from kerasrecipes.report import INPUT
from kerasrecipes.rows.dataset import sample_rows
from kerasrecipes.run_files import report_damage
from kerasrecipes.runs import Run

_FILES = {
    "history": "history.csv",
    "metrics": "metrics.json",
    "recipe_text": "recipe.yaml",
    "predictions": "predictions.csv",
    "residuals": "residuals.npz",
    "samples": "samples.npz",
}
_N_BINS = 10
_MOST_RESIDUALS = 10_000  # rows

Numbers = NDArray[np.floating[Any]]


@dataclass
class Scored:
    """Predicted rows with their probabilities: arrays of n_samples, in which classes are indices.

    ``chances`` are the probabilities of an event, and ``happened`` is whether it occurred: that a
    row is of the second of two classes, or that the likeliest of more is right.
    """

    name: str  # of the label, or of the second of two classes, or "all classes"
    y_true: NDArray[np.int64]
    y_pred: NDArray[np.int64]
    y_prob: Numbers  # of shape (n_samples, n_classes)
    weights: Numbers  # how much each row counts

    def __post_init__(self) -> None:
        self.is_binary = self.y_prob.shape[1] == 2
        self.chances = self.y_prob[:, 1] if self.is_binary else self.y_prob.max(axis=1)
        self.happened = self.y_true == (1 if self.is_binary else self.y_prob.argmax(axis=1))

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

        groups = (self.weights[which] for which in (self.happened, ~self.happened))
        n, n_other = (each.sum() ** 2 / ((each**2).sum() or 1) for each in groups)  # Kish
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

    def separate(self, number: int, name: str) -> Scored:
        """One class against all others, as two classes."""
        chances = self.y_prob[:, number]
        y_true, y_pred = ((each == number).astype(np.int64) for each in (self.y_true, self.y_pred))
        return Scored(name, y_true, y_pred, np.stack([1 - chances, chances], axis=1), self.weights)


@dataclass
class Results:
    """The files of a run, or of an evaluation inside one; files that are not written yet are empty.

    Predicted values have the shape (n_rows, ...): class indices, or numbers in original units.
    """

    info: dict[str, Any]  # the content of run.json
    history: dict[str, list[float]] = field(default_factory=dict)  # by column, one value an epoch
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)  # by name, by part
    predictions: dict[str, Any] = field(default_factory=dict)  # columns as in Run.predictions
    residuals: NDArray[np.float64] | None = None  # of validation rows, as in Run.residuals
    samples: dict[str, Any] | None = None  # images as in Run.samples
    recipe_text: str = ""  # resolved, as YAML
    warnings: tuple[str, ...] = ()  # one for each file that cannot be used

    def __post_init__(self) -> None:
        self.dataset: dict[str, Any] = self.info.get("dataset", {})
        self.codec: dict[str, Any] = self.info.get("codec", {})
        # The name of the rows that an evaluation scored, such as a file; empty for a run.
        self.evaluated = str(self.info.get("evaluated") or "")
        self.part = "evaluated" if self.evaluated else "test"  # whose rows were predicted
        self.is_classification = self.dataset.get("task") == "classification"
        self.is_multilabel = self.dataset.get("task") == "multilabel"  # of any number of labels
        # A value is right or wrong, instead of near or far.
        self.has_classes = self.is_classification or self.is_multilabel
        self.class_names: list[str] = self.dataset.get("class_names", [])
        self.target = self.dataset.get("target") or "the target"  # or the names of several
        self.targets: list[str] = self.dataset.get("targets") or [self.target]
        # A class, or a label of several, and the names of all.
        self.class_noun = "label" if self.is_multilabel else "class"
        self.names = self.targets if self.is_multilabel else self.class_names
        self.has_several = len(self.targets) > 1 or self.is_multilabel
        self.unit = self.dataset.get("target_unit") or ""
        # Whether the target of a row is an array, which no CSV file contains.
        self.is_array = getattr(self.predictions.get("actual"), "ndim", 1) > 1
        inputs = [name for name in self.predictions if name.startswith(INPUT)]
        self.columns = {name.removeprefix(INPUT): self.predictions[name] for name in inputs}
        self.epochs_run = len(self.history.get("loss", ()))
        losses = np.array(self.history.get("val_loss", ()), dtype=float)
        # The epoch of the lowest validation loss, counted from 1.
        self.best_epoch = int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else None

    @property
    def has_predictions(self) -> bool:
        """Whether any predicted row has a known target; of several targets, every one."""
        if self.has_several:
            return all(each.has_predictions for each in self.by_target)
        return all(len(self.predictions.get(what, ())) for what in ("actual", "predicted"))

    @cached_property
    def actual(self) -> Any:
        """A masked array: steps that the model masks are masked. Several labels are columns."""
        return self._read_target("actual")

    @cached_property
    def predicted(self) -> Any:
        """What the model predicted, as in ``actual``."""
        return self._read_target("predicted")

    @property
    def y_true(self) -> NDArray[Any]:
        """Shape (n_samples,): the actual values that are not masked."""
        return np.asarray(self.actual.compressed())

    @property
    def y_pred(self) -> NDArray[Any]:
        """Shape (n_samples,): what the model predicted."""
        return np.asarray(self.predicted.compressed())

    @cached_property
    def row_errors(self) -> NDArray[np.float64]:
        """Each row's absolute error, or share of wrong classes, of shape (n_rows,).

        Rows of arrays may have different numbers of values. Their errors are those of a ratio
        estimator: the mean is that of all values, and the scatter is that of the rows.
        """
        pair = self.actual, self.predicted
        errors = np.ma.not_equal(*pair) if self.has_classes else np.ma.abs(np.ma.subtract(*pair))
        if errors.ndim == 1:
            return np.asarray(errors, dtype=float)
        errors = errors.astype(float).reshape(len(errors), -1)
        sums, counts = errors.sum(axis=1).filled(0), errors.count(axis=1)
        pooled = sums.sum() / counts.sum()
        return np.asarray(pooled + (sums - pooled * counts) / counts.mean())

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Shape (n_samples, n_classes); empty where outputs are no probabilities, or unknown."""
        names = self.class_names if self.is_classification else ()
        columns = [self.predictions.get(f"probability_{name}", ()) for name in names]
        given = np.array(columns if all(map(len, columns)) else [], dtype=float).T
        are_shares = (given >= 0).all() and np.allclose(given.sum(axis=-1), 1, atol=0.01)
        return given if are_shares else given[:0]

    @cached_property
    def scored(self) -> list[Scored]:
        """The classes, or each label, with their probabilities; empty without these."""
        weights = np.array(self.predictions.get("sample_weight", 1), dtype=float)
        if not (weights >= 0).all() or not weights.any():
            raise ValueError("it has weights that are not numbers of 0 or more")
        is_binary = len(self.class_names) == 2
        of_classes = self.class_names[1] if is_binary else "all classes"
        return [
            Scored(
                each.target if self.is_multilabel else of_classes,
                each.y_true,
                each.y_pred,
                each.probabilities,
                np.broadcast_to(weights, len(each.y_true)),
            )
            for each in self.by_target
            if self.has_predictions and not self.is_array and each.probabilities.size
        ]

    @cached_property
    def by_target(self) -> list[Results]:
        """The results of each target alone; a label's are those of a class that is 0 or 1."""
        if not self.has_several:
            return [self]
        facts, several = self.dataset, []
        if self.is_multilabel:
            facts = facts | {"task": "classification", "class_names": ["0", "1"]}
        for name in self.targets:
            ends = "actual", "predicted"
            columns = {end: self.predictions.get(f"{end}_{name}", []) for end in ends}
            if chances := self.predictions.get(f"probability_{name}"):
                columns["probability_1"] = chances
                columns["probability_0"] = [1 - float(chance) for chance in chances]
            info = self.info | {"dataset": facts | {"target": name, "targets": [name]}}
            several.append(replace(self, info=info, predictions=columns))
        return several

    def check(self) -> None:
        """Raise ValueError or LookupError for a row or an image without its number or class."""
        if not self.has_predictions:
            return
        for each in self.by_target:
            if not np.isfinite([each.y_true, each.y_pred]).all():
                raise ValueError("it has predictions that are not finite")
        if self.residuals is not None and self.residuals.shape[1] != len(self.targets):
            raise ValueError(f"it has residuals of {self.residuals.shape[1]} targets")
        _ = self.scored
        if self.samples is not None and self.is_classification:
            self.y_true[self.samples["positions"]]

    def _read_target(self, column: str) -> Any:
        if self.has_several:
            return np.ma.stack([getattr(each, column) for each in self.by_target], axis=1)
        values = self.predictions[column]
        mask = ~self.predictions["known"] if "known" in self.predictions else False
        if not self.is_classification:
            return np.ma.array(values, float, mask=mask)
        index = {name: i for i, name in enumerate(self.class_names)}
        found, places = np.unique(values, return_inverse=True)
        indices = np.array([index[str(value)] for value in found], np.int64)
        return np.ma.array(indices[places].reshape(np.shape(values)), mask=mask)


def read_results(run: Run) -> Results:
    """Read a run's files; damaged ones are left out with a warning, but for run.json."""
    results = Results(run.info)
    for name, file in _FILES.items():
        try:
            content: Any = getattr(run, name)
            if content is not None and len(content):
                read = replace(results, **{name: content})
                with report_damage(run.path / file):
                    read.check()
                results = read
        except RunDamaged as damaged:
            warning = f"{damaged} The report is without it."
            results = replace(results, warnings=(*results.warnings, warning))
    return results


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
