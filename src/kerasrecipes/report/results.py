"""A run's results, read once from its files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import RunDamaged
from kerasrecipes.report import INPUT
from kerasrecipes.report.scored import Scored
from kerasrecipes.run_files import report_damage
from kerasrecipes.runs import Run

_FILES = {
    "history": "history.csv",
    "metrics": "metrics.json",
    "recipe": "recipe.yaml",
    "predictions": "predictions.csv",
    "residuals": "residuals.npz",
    "samples": "samples.npz",
}


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
    recipe: str = ""  # resolved, as YAML
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
        self.has_several = len(self.targets) > 1 or self.is_multilabel
        self.unit = self.dataset.get("target_unit") or ""

    @property
    def has_predictions(self) -> bool:
        """Whether any predicted row has a known target; of several targets, every one."""
        if self.has_several:
            return all(each.has_predictions for each in self.split_targets())
        return all(len(self.predictions.get(what, ())) for what in ("actual", "predicted"))

    @property
    def is_array(self) -> bool:
        """Whether the target of a row is an array."""
        return np.ndim(self.predictions.get("actual", ())) > 1

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

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Shape (n_samples,): the probability of the predicted class; NaN where unknown."""
        if not self.probabilities.size:
            return np.full(len(self.y_pred), np.nan)
        return self.probabilities[np.arange(len(self.y_pred)), self.y_pred]

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
            for each in self.split_targets()
            if self.has_predictions and not self.is_array and each.probabilities.size
        ]

    @property
    def columns(self) -> dict[str, list[str]]:
        """The inputs in predictions.csv, by the column's name."""
        kept = {name: values for name, values in self.predictions.items() if name.startswith(INPUT)}
        return {name.removeprefix(INPUT): values for name, values in kept.items()}

    @property
    def epochs_run(self) -> int:
        """How many epochs were finished."""
        return len(self.history.get("loss", ()))

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the lowest validation loss, counted from 1; None without validation."""
        losses = np.array(self.history.get("val_loss", ()), dtype=float)
        return int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else None

    def split_targets(self) -> list[Results]:
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
        """Check that every predicted row, and every image, has its numbers or classes.

        Raises:
            ValueError: A value is not a number, or not a finite one.
            LookupError: A class is unknown, or an image's row.
        """
        if not self.has_predictions:
            return
        for each in self.split_targets():
            if not np.isfinite([each.y_true, each.y_pred]).all():
                raise ValueError("it has predictions that are not finite")
        if self.residuals is not None and self.residuals.shape[1] != len(self.targets):
            raise ValueError(f"it has residuals of {self.residuals.shape[1]} targets")
        _ = self.scored
        if self.samples is not None and self.is_classification:
            self.confidence[self.samples["positions"]]

    def _read_target(self, column: str) -> Any:
        if self.has_several:
            return np.ma.stack([getattr(each, column) for each in self.split_targets()], axis=1)
        values = self.predictions[column]
        mask = ~self.predictions["known"] if "known" in self.predictions else False
        if not self.is_classification:
            return np.ma.array(values, float, mask=mask)
        index = {name: i for i, name in enumerate(self.class_names)}
        found, places = np.unique(values, return_inverse=True)
        indices = np.array([index[str(value)] for value in found], np.int64)
        return np.ma.array(indices[places].reshape(np.shape(values)), mask=mask)


def read_results(run: Run) -> Results:
    """Read a run's files; those that are damaged are left out, with a warning.

    Raises:
        RunDamaged: run.json cannot be used.
    """
    results = Results(run.info)
    for name, file in _FILES.items():
        try:
            content: Any = getattr(run, "recipe_text" if name == "recipe" else name)
            if content is not None and len(content):
                read = replace(results, **{name: content})
                with report_damage(run.path / file):
                    read.check()
                results = read
        except RunDamaged as damaged:
            warning = f"{damaged} The report is without it."
            results = replace(results, warnings=(*results.warnings, warning))
    return results
