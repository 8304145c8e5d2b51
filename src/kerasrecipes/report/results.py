"""What a report knows about a run, read once from the run's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.runs import Run

T = TypeVar("T")
_NOT_METRICS = {"epoch", "learning_rate"}


@dataclass(frozen=True)
class Results:
    """The files of a run, or of an evaluation inside one; a file that is not there is empty.

    Attributes:
        info: What run.json says.
        history: Values by column, one an epoch.
        metrics: Metric values by name, by part.
        predictions: The predicted rows' columns, as text.
        samples: Images as in ``Run.samples``, or None.
        recipe: The resolved recipe, as YAML.
    """

    info: dict[str, Any]
    history: dict[str, list[float]]
    metrics: dict[str, dict[str, float]]
    predictions: dict[str, list[str]]
    samples: dict[str, Any] | None
    recipe: str

    @cached_property
    def dataset(self) -> dict[str, Any]:
        """What run.json says about the data."""
        return dict(self.info.get("dataset", {}))

    @property
    def name(self) -> str:
        """The recipe's name, in its author's words."""
        return str(self.info.get("name", ""))

    @property
    def evaluated(self) -> str:
        """Whose rows an evaluation scored, such as a file's name; empty for a run."""
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
    def target(self) -> str:
        """The target's name, or the names of several, or a word for it."""
        return str(self.dataset.get("target") or "the target")

    @property
    def targets(self) -> list[str]:
        """The target's name, or those of several."""
        return [str(name) for name in self.dataset.get("targets") or (self.target,)]

    @property
    def unit(self) -> str:
        """The unit of a regression target; empty where it has none."""
        return str(self.dataset.get("target_unit") or "")

    @property
    def noun(self) -> str:
        """What one sample is called."""
        return "row" if self.samples is None else "image"

    @cached_property
    def class_names(self) -> list[str]:
        """Names by class index."""
        return [str(name) for name in self.dataset.get("class_names", ())]

    @property
    def has_predictions(self) -> bool:
        """Whether any row was predicted whose answer is known, each target of several."""
        if len(self.targets) > 1:
            return all(each.has_predictions for each in self.split_targets())
        return bool(self.predictions.get("actual") and self.predictions.get("predicted"))

    @cached_property
    def y_true(self) -> NDArray[Any]:
        """Shape (n_samples,): class indices, or numbers in original units; of a single target."""
        return self._read_target("actual")

    @cached_property
    def y_pred(self) -> NDArray[Any]:
        """Shape (n_samples,): what the model predicted, as in ``y_true``."""
        return self._read_target("predicted")

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Shape (n_samples,): the probability of the predicted class; NaN where unknown."""
        columns = [self.predictions.get(f"probability_{name}") for name in self.class_names]
        if not columns or None in columns:
            return np.full(len(self.y_pred), np.nan)
        highest: NDArray[np.float64] = np.array(columns, dtype=float).max(axis=0)
        return highest

    @property
    def epochs_run(self) -> int:
        """How many epochs were finished."""
        return len(self.history.get("loss", ()))

    @property
    def curve_names(self) -> list[str]:
        """The loss, then the metrics, that history.csv follows."""
        return [
            name
            for name in self.history
            if not name.startswith("val_") and name not in _NOT_METRICS
        ]

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the lowest validation loss, counted from 1; None without validation."""
        losses = np.array(self.history.get("val_loss", ()), dtype=float)
        return int(np.nanargmin(losses)) + 1 if np.isfinite(losses).any() else None

    def split_targets(self) -> list[Results]:
        """The same for each of several targets by itself, as a run with that target has it."""
        if len(self.targets) == 1:
            return [self]
        return [
            replace(
                self,
                info=self.info | {"dataset": self.dataset | {"target": name, "targets": [name]}},
                predictions={
                    what: self.predictions.get(f"{what}_{name}", [])
                    for what in ("actual", "predicted")
                },
            )
            for name in self.targets
        ]

    def _read_target(self, column: str) -> NDArray[Any]:
        values = self.predictions[column]
        if not self.is_classification:
            return np.array(values, dtype=float)
        index = {name: i for i, name in enumerate(self.class_names)}
        return np.array([index[value] for value in values], dtype=np.int64)


def read_results(run: Run) -> Results:
    """Read a run's files."""
    return Results(
        info=run.info,
        history=_read(lambda: run.history, {}),
        metrics=_read(lambda: run.metrics, {}),
        predictions=_read(lambda: run.predictions, {}),
        samples=run.samples,
        recipe=_read(lambda: run.recipe_text, ""),
    )


def _read(reader: Callable[[], T], missing: T) -> T:
    try:
        return reader()
    except FileNotFoundError:
        return missing
