"""The result of ``train`` and ``load_run``: a run folder with its loaded model."""

from __future__ import annotations

import html
import warnings
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrecipes.run_files import read_facts
from kerasrecipes.runs import RUN_JSON, Run

if TYPE_CHECKING:
    import keras
    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray

    from kerasrecipes.prediction.saved import Saved


class TrainedRun(Run):
    """A run that can predict and be scored; in a notebook it shows its report.

    Example:
        >>> run = kr.train("houses.yaml", epochs=50)
        >>> run.predict(pd.read_csv("new_houses.csv"))
    """

    def __fspath__(self) -> str:
        """The run's folder: a run can be given wherever a path of one can."""
        return str(self.path)

    @property
    def model(self) -> keras.Model:
        """The saved model: raw rows to predictions in the user's units or class probabilities."""
        return self._saved.model

    @property
    def report(self) -> Path:
        """The report, one self-contained page."""
        return self.report_path

    def predict(
        self,
        data: pd.DataFrame | pl.DataFrame | NDArray[Any] | str | Path,
        interval: float | None = None,
    ) -> pd.DataFrame | dict[str, NDArray[Any]]:
        """Predict raw rows.

        Args:
            data: Rows with the columns of training, in any order, others allowed; an array of
                shape (n_samples, ...), its columns in the order of training; or a file of either,
                or of images.
            interval: The level of prediction intervals "low" to "high" of numbers, such as 0.9.
                Their width comes from the residuals of validation rows.

        Returns:
            A row for each, with ``data``'s index: "predicted", or "predicted_<target>" for each
            of several targets; for classes, which are texts, integers or truth values as in
            the training data, "probability_<class>" next to it; for labels, "predicted_<label>"
            and "probability_<label>". If the target of a row is an array, a dict of arrays of
            shape (n_samples, ...): "predicted" and, for classes, "probability".

        Raises:
            DataError: Columns are missing, or contain values that the model does not accept.
        """
        from kerasrecipes.prediction.predict import predict_frame

        answers = predict_frame(self._saved, data, interval)
        self._warn()
        return answers

    def evaluate(
        self, data: pd.DataFrame | pl.DataFrame | str | Path | None = None
    ) -> dict[str, float]:
        """Score the model on rows that have the target, and write a report to the run's folder.

        Args:
            data: Rows or a file with the target's column; None takes the run's own test part.

        Returns:
            Metric values by name.

        Raises:
            DataError: The target's column is missing or contains values that training did not have.
        """
        from kerasrecipes.prediction.evaluate import PART, evaluate

        evaluated = evaluate(self._saved, str(data) if isinstance(data, Path) else data)
        self._warn()
        return evaluated.metrics[PART]

    @cached_property
    def _saved(self) -> Saved:
        from kerasrecipes.prediction.saved import load_saved

        return load_saved(self)

    def _warn(self) -> None:
        for line in self._saved.list_warnings():
            warnings.warn(line, stacklevel=3)

    def _repr_html_(self) -> str:
        """The report in a frame, for notebooks."""
        if not self.report_path.exists():
            return f"<code>{html.escape(repr(self))}</code>"
        from kerasrecipes.report.template import frame_page

        return frame_page(self.report_path, f"Report of {self.info.get('name', '')}")


def load_run(path: str | PathLike[str]) -> TrainedRun:
    """Load a run: its own folder, or in ``runs/<name>`` the newest with a model.

    Raises:
        RunNotFound: Neither contains a run.
        RunDamaged: run.json cannot be used.
    """
    from kerasrecipes.prediction.ready import find_ready

    found, notes = find_ready(Path(path))
    read_facts(found.path / RUN_JSON)
    for line in notes:
        warnings.warn(line, stacklevel=2)
    return TrainedRun(found.path)
