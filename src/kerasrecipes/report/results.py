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

_NOT_METRICS = {"epoch", "learning_rate"}
_NOUNS = {2: "step", 3: "pixel"}
"""Words for one value of an array, by its dimensions with the batch."""
_FILES = {
    "history": "history.csv",
    "metrics": "metrics.json",
    "recipe": "recipe.yaml",
    "predictions": "predictions.csv",
    "residuals": "residuals.npz",
    "samples": "samples.npz",
}


@dataclass(frozen=True)
class Results:
    """The files of a run, or of an evaluation inside one; files that are not written yet are empty.

    Attributes:
        info: The content of run.json.
        history: Values by column, one an epoch.
        metrics: Metric values by name, by part.
        predictions: The predicted rows' columns, as text, or arrays; see ``Run.predictions``.
        residuals: Of validation rows, as in ``Run.residuals``, or None.
        samples: Images as in ``Run.samples``, or None.
        recipe: The resolved recipe, as YAML.
        warnings: A line for each file that is left out, because it cannot be used.
    """

    info: dict[str, Any]
    history: dict[str, list[float]] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    predictions: dict[str, Any] = field(default_factory=dict)
    residuals: NDArray[np.float64] | None = None
    samples: dict[str, Any] | None = None
    recipe: str = ""
    warnings: tuple[str, ...] = ()

    @cached_property
    def dataset(self) -> dict[str, Any]:
        """The facts about the data in run.json."""
        return dict(self.info.get("dataset", {}))

    @property
    def name(self) -> str:
        """The recipe's name, in its author's words."""
        return str(self.info.get("name", ""))

    @property
    def evaluated(self) -> str:
        """The name of the rows that an evaluation scored, such as a file; empty for a run."""
        return str(self.info.get("evaluated") or "")

    @property
    def part(self) -> str:
        """The part whose rows were predicted."""
        return "evaluated" if self.evaluated else "test"

    @property
    def is_classification(self) -> bool:
        """Whether the target is a class."""
        return bool(self.dataset.get("task") == "classification")

    @property
    def is_multilabel(self) -> bool:
        """Whether a row has any number of labels."""
        return bool(self.dataset.get("task") == "multilabel")

    @property
    def is_array(self) -> bool:
        """Whether the target of a row is an array."""
        return np.ndim(self.predictions.get("actual", ())) > 1

    @property
    def target(self) -> str:
        """The target's name, or the names of several, or a word for it."""
        return str(self.dataset.get("target") or "the target")

    @property
    def targets(self) -> list[str]:
        """The target's name, or those of several."""
        return [str(name) for name in self.dataset.get("targets") or (self.target,)]

    @property
    def unit(self) -> str:
        """The unit of a regression target; empty if it has none."""
        return str(self.dataset.get("target_unit") or "")

    @property
    def noun(self) -> str:
        """The word for one sample."""
        return "row" if self.samples is None else "image"

    @property
    def value_noun(self) -> str:
        """The word for one predicted value: of arrays, a step, a pixel or a value."""
        if not self.is_array:
            return self.noun
        is_named = self.is_classification and self.predictions["actual"].ndim < 4
        return _NOUNS[self.predictions["actual"].ndim] if is_named else "value"

    @cached_property
    def class_names(self) -> list[str]:
        """Names by class index."""
        return [str(name) for name in self.dataset.get("class_names", ())]

    @property
    def has_predictions(self) -> bool:
        """Whether any predicted row has a known target; of several targets, every one."""
        if len(self.targets) > 1 or self.is_multilabel:
            return all(each.has_predictions for each in self.split_targets())
        return all(len(self.predictions.get(what, ())) for what in ("actual", "predicted"))

    @cached_property
    def known(self) -> NDArray[np.bool_] | slice:
        """Which values of arrays no mask covers."""
        return self.predictions.get("known", slice(None))

    @cached_property
    def row_errors(self) -> NDArray[np.float64]:
        """Each row's absolute error, or share of wrong classes, of shape (n_rows,).

        Rows of arrays may have different numbers of values. Their errors are those of a ratio
        estimator: the mean is that of all values, and the scatter is that of the rows.
        """
        if not self.is_array:
            return _compare(self.y_true, self.y_pred, self.is_classification)
        actual, predicted = self.predictions["actual"], self.predictions["predicted"]
        errors = _compare(actual, predicted, self.is_classification)
        known = np.broadcast_to(self.predictions.get("known", True), errors.shape)
        axes = tuple(range(1, errors.ndim))
        sums, counts = np.where(known, errors, 0).sum(axis=axes), known.sum(axis=axes)
        pooled = sums.sum() / counts.sum()
        return pooled + (sums - pooled * counts) / counts.mean()

    @cached_property
    def y_true(self) -> NDArray[Any]:
        """Class indices, or numbers in original units, of a single target.

        Shape (n_samples,); of arrays, a sample is a value, such as a step or a pixel.
        """
        return self._read_target("actual")

    @cached_property
    def y_pred(self) -> NDArray[Any]:
        """Shape (n_samples,): what the model predicted, as in ``y_true``."""
        return self._read_target("predicted")

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Shape (n_samples,): the probability of the predicted class; NaN where unknown."""
        given = self._read_outputs()
        if not given.size:
            return np.full(len(self.y_pred), np.nan)
        return given[np.arange(len(self.y_pred)), self.y_pred]

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Shape (n_samples, n_classes); empty where outputs are no probabilities, or unknown."""
        given = self._read_outputs()
        are_shares = (given >= 0).all() and np.allclose(given.sum(axis=-1), 1, atol=0.01)
        return given if are_shares else given[:0]

    def _read_outputs(self) -> NDArray[np.float64]:
        """Shape (n_samples, n_classes); empty where unknown."""
        names = self.class_names if self.is_classification else ()
        columns = [self.predictions.get(f"probability_{name}", ()) for name in names]
        return np.array(columns if all(map(len, columns)) else [], dtype=float).T

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
    def separated(self) -> list[Scored]:
        """The second of two classes, each of more against all others, or each label."""
        scored = self.scored
        if len(scored) != 1 or scored[0].is_binary:
            return scored
        return [scored[0].separate(i, name) for i, name in enumerate(self.class_names)]

    @property
    def columns(self) -> dict[str, list[str]]:
        """The inputs in predictions.csv, by the column's name."""
        kept = {name: values for name, values in self.predictions.items() if name.startswith(INPUT)}
        return {name.removeprefix(INPUT): values for name, values in kept.items()}

    @property
    def codec(self) -> dict[str, Any]:
        """The facts in run.json about the target's encoding, with thresholds and temperature."""
        return dict(self.info.get("codec", {}))

    @property
    def has_ink(self) -> bool:
        """Whether high values of images are ink on paper."""
        return self.dataset.get("name") in ("digits", "fashion_mnist", "mnist")

    @property
    def epochs_run(self) -> int:
        """How many epochs were finished."""
        return len(self.history.get("loss", ()))

    @property
    def curve_names(self) -> list[str]:
        """The loss and the metrics of history.csv, without validation."""
        names = [name for name in self.history if not name.startswith("val_")]
        return [name for name in names if name not in _NOT_METRICS]

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the lowest validation loss, counted from 1; None without validation."""
        losses = np.array(self.history.get("val_loss", ()), dtype=float)
        return int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else None

    def split_targets(self) -> list[Results]:
        """The results of each of several targets, as those of a run with this target alone.

        A label's are those of a classification with the classes 0 and 1.
        """
        if len(self.targets) == 1 and not self.is_multilabel:
            return [self]
        facts = self.dataset
        if self.is_multilabel:
            facts = facts | {"task": "classification", "class_names": ["0", "1"]}
        return [
            replace(
                self,
                info=self.info | {"dataset": facts | {"target": name, "targets": [name]}},
                predictions=self._split_predictions(name),
            )
            for name in self.targets
        ]

    def _split_predictions(self, name: str) -> dict[str, Any]:
        columns = {
            what: self.predictions.get(f"{what}_{name}", []) for what in ("actual", "predicted")
        }
        if chances := self.predictions.get(f"probability_{name}"):
            columns["probability_1"] = chances
            columns["probability_0"] = [1 - float(chance) for chance in chances]
        return columns

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

    def _read_target(self, column: str) -> NDArray[Any]:
        values = self.predictions[column]
        return self.encode(values[self.known].reshape(-1) if self.is_array else values)

    def encode(self, values: Any) -> NDArray[Any]:
        """Classes as their indices; numbers as they are."""
        if not self.is_classification:
            return np.array(values, dtype=float)
        index = {name: i for i, name in enumerate(self.class_names)}
        found, places = np.unique(values, return_inverse=True)
        indices = np.array([index[str(value)] for value in found], np.int64)
        return indices[places].reshape(np.shape(values))


def _compare(
    actual: NDArray[Any], predicted: NDArray[Any], are_classes: bool
) -> NDArray[np.float64]:
    if are_classes:
        return (actual != predicted).astype(float)
    return np.abs(actual.astype(float) - predicted)


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
