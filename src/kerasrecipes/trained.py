"""What Python callers do: train a recipe, load a run, and ask it for predictions and scores."""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasrecipes import pipeline
from kerasrecipes.console import SafeConsole, dropping
from kerasrecipes.errors import InputError
from kerasrecipes.prediction.ready import find_ready
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.resuming import plan_resumption
from kerasrecipes.runs import Run
from kerasrecipes.terminal import TerminalListener

if TYPE_CHECKING:
    import keras
    import pandas as pd
    import polars as pl
    from numpy.typing import NDArray
    from rich.console import Console

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
        from kerasrecipes.prediction.saved import PART, evaluate

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
        if not self.report_path.exists():
            return f"<code>{html.escape(repr(self))}</code>"
        from kerasrecipes.report.page import frame_page

        return frame_page(self.report_path, f"Report of {self.info.get('name', '')}")


def load_run(path: str | PathLike[str]) -> TrainedRun:
    """Load a run: its own folder, or in ``runs/<name>`` the newest with a model.

    Raises:
        RunNotFound: Neither contains a run.
        RunDamaged: run.json cannot be used.
    """
    found, notes = find_ready(Path(path))
    run = TrainedRun(found.path)
    _ = run.info  # raises if it cannot be used
    for line in notes:
        warnings.warn(line, stacklevel=2)
    return run


def train(
    recipe: str | PathLike[str] | Mapping[str, Any] | Recipe,
    *overrides: str,
    data: pd.DataFrame | pl.DataFrame | None = None,
    output_dir: str | Path = "runs",
    console: Console | None = None,
    callbacks: keras.callbacks.Callback | Iterable[keras.callbacks.Callback] | None = (),
    resume: bool = False,
    allow_changes: bool = False,
    weights_from: str | PathLike[str] | None = None,
    **keys: Any,
) -> TrainedRun:
    """Train a recipe, and write a run folder with its report.

    Args:
        recipe: A recipe file, the name of a recipe that the package ships, a mapping with a
            recipe's keys, or a Recipe; with ``resume``, a file or the folder of a run.
        overrides: Changes to it, such as "layers.0.Dense.units=10".
        data: A pandas or Polars DataFrame to learn from, in place of the rows that the recipe's
            ``dataset`` names.
        output_dir: The folder of all runs.
        console: Where progress and warnings are printed; None prints them in notebooks only, and
            elsewhere gives the warnings to Python's ``warnings``.
        callbacks: Keras's callbacks or your own, which run after those that the recipe names.
        resume: Whether to continue the newest unfinished run of the recipe, or the named run, from
            its last checkpoint.
        allow_changes: Whether to resume although recipe, data or versions have changed.
        weights_from: A run whose weights layers of the same name and shapes begin with.
        keys: The recipe's own top-level keys, such as ``epochs=10``.

    Raises:
        InputError: Recipe or data break a rule; no run folder is created.
        RunFailed: The loss became NaN, the saved model predicts differently, or the disk is full.
        KeyboardInterrupt: Ctrl-C was pressed; ``resume=True`` continues the run.
    """
    if data is not None and not hasattr(data, "columns"):
        raise InputError(
            f"data must be a pandas or Polars DataFrame (received: {type(data).__name__}). Make "
            "one with pandas.DataFrame(data), or name a file in the recipe: dataset: {path: "
            "data.npz}. Save arrays to one with numpy.savez('data.npz', x=x, y=y)."
        )
    if not isinstance(resume, bool):
        raise InputError(
            f"resume is True or False (received: {resume!r}). To continue a run, give its folder "
            "in place of the recipe."
        )
    options: dict[str, Any] = {"data": data, "callbacks": _check_callbacks(callbacks)}
    folder, notes = Path(output_dir), list[str]()
    if resume:
        plan = plan_resumption(recipe, overrides, folder, allow_changes=allow_changes, **keys)
        options["resumption"], checked = plan, plan.recipe
    else:
        checked = load_recipe(recipe, overrides, needs_source=data is None, **keys)
    if weights_from:
        options["weights_from"], notes = find_ready(Path(weights_from))
    if console is None and (notebook := SafeConsole()).is_jupyter:
        console = notebook
    listener = TerminalListener(console) if console else None
    with dropping(console) if console else nullcontext():
        run = pipeline.train(checked, folder, listener, **options)
    for line in [*notes, *run.info["warnings"]] if console is None else notes:
        warnings.warn(line, stacklevel=2)
    return TrainedRun(run.path)


def _check_callbacks(callbacks: Any) -> list[keras.callbacks.Callback]:
    """Return callbacks as a list, as Keras's ``fit`` takes one or several."""
    if callbacks is None:  # as in Keras's fit
        return []
    is_one = isinstance(callbacks, str) or not isinstance(callbacks, Iterable)
    several = [callbacks] if is_one else [*callbacks]
    for each in several:
        is_callback = hasattr(each, "set_model") and not isinstance(each, type)
        if not is_callback or type(each).__name__ == "BackupAndRestore":
            raise InputError(
                "callbacks takes objects of keras.callbacks.Callback, except BackupAndRestore, "
                f"which cannot resume a run (received: {each!r}). Name callbacks of Keras in the "
                "recipe, or in an override: 'callbacks=[EarlyStopping]'."
            )
    return several
