"""What ``train`` and ``load_run`` give: a run's folder whose model is at hand."""

from __future__ import annotations

import html
import warnings
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrecipes.runs import Run, find_run

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from numpy.typing import NDArray

    from kerasrecipes.prediction.saved import Saved


class TrainedRun(Run):
    """A run that can predict and be scored; in a notebook it shows its report.

    Example:
        >>> run = kr.train("houses.yaml", epochs=50)
        >>> run.predict(pd.read_csv("new_houses.csv"))
    """

    def __repr__(self) -> str:
        return f"Trained{super().__repr__()}"

    @property
    def model(self) -> keras.Model:
        """The saved model: raw rows in, answers in the user's units or class chances out."""
        return self._saved.model

    @property
    def report(self) -> Path:
        """The report, one self-contained page."""
        return self.report_path

    def predict(self, data: pd.DataFrame | NDArray[Any] | str | Path) -> pd.DataFrame:
        """Answer raw rows.

        Args:
            data: Rows with the columns of training, in any order, others allowed; an array of
                shape (n_samples, ...), its columns in the order of training; or a file of either,
                or of images.

        Returns:
            A row for each, with ``data``'s index: "predicted", or "predicted_<target>" for each
            of several targets; for classes, which are texts, integers or truth values as in
            the training data, "probability_<class>" beside it.

        Raises:
            DataError: Columns are missing, or hold what the model cannot take.
        """
        from kerasrecipes.prediction.predict import predict_frame

        answers = predict_frame(self._saved, data)
        self._warn()
        return answers

    def evaluate(self, data: pd.DataFrame | str | Path | None = None) -> dict[str, float]:
        """Score the model on rows with known answers, and leave a report in the run's folder.

        Args:
            data: Rows or a file with the target's column; None takes the run's own test part.

        Returns:
            Metric values by name.

        Raises:
            DataError: The target's column is missing or holds what training did not have.
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
        page = html.escape(self.report_path.read_text(encoding="utf-8"), quote=True)
        name = html.escape(str(self.info.get("name", "")), quote=True)
        return (
            f'<iframe srcdoc="{page}" title="Report of {name}" sandbox="allow-scripts" '
            'style="width: 100%; height: 640px; border: 0"></iframe>'
        )


def load_run(path: str | Path) -> TrainedRun:
    """Load a run: its own folder, or the newest of ``runs/<name>``.

    Raises:
        RunNotFound: Neither holds a run.
    """
    return TrainedRun(find_run(Path(path)).path)
