"""The steps of a run: data → model → fit → scores → predictions → report."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.native_log import redirect_stderr
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.report import choose_plots, choose_samples, make_report
from kerasrecipes.report.serving import add_inputs
from kerasrecipes.rows import Dataset, load_for
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.runs import OWN_FILES, Run, RunWriter, create_run, replacing

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from kerasrecipes.model.built import Built
    from kerasrecipes.training.fit import Scorer

_STEPWISE = re.compile(r"LSTM|GRU|RNN|Bidirectional|TimeDistributed|1D")
"""Layers that take (steps, features)."""


class Listener:
    """Callbacks of ``train``; these do nothing. Override those that you need."""

    def load(self, text: str) -> None:
        """Show a step of loading data, such as a download."""

    def wait(self, what: str) -> AbstractContextManager[object]:
        """Show the current work while the block lasts."""
        return nullcontext()

    def begin(self, info: Mapping[str, Any]) -> None:
        """Show data and model before training: run.json, once the model is built."""

    def show_fit(
        self, epochs: int, steps: int
    ) -> AbstractContextManager[Sequence[keras.callbacks.Callback]]:
        """Show the progress of a fit, of so many epochs and steps an epoch, by callbacks."""
        return nullcontext(())

    def end(self, run: Run, remarks: Sequence[str]) -> None:
        """Show the end of a run, finished or not, and its warnings."""


@dataclass
class _Training:
    """One run, from checked recipe and data to its folder."""

    run: RunWriter
    recipe: Recipe
    dataset: Dataset
    listener: Listener
    callbacks: Sequence[keras.callbacks.Callback]
    owns_process: bool
    profile: bool
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the seconds that the block takes to a stage."""
        started_s = time.perf_counter()
        try:
            yield
        finally:
            passed_s = time.perf_counter() - started_s
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + passed_s, 3)

    def log(self) -> AbstractContextManager[None]:
        """Send messages of native libraries to the run's log, in a process of our own."""
        return redirect_stderr(self.run.log_path) if self.owns_process else nullcontext()

    def train(self) -> None:
        """Build, fit, save, score and predict."""
        built = self._build()
        with self.measure("encode"):
            fitted = [part for part in self.dataset.parts if part != "test"]
            encoded = {part: built.encode(self.dataset, part) for part in fitted}
        with self.measure("fit"):
            scorer = self._fit(built, encoded)
        with self.measure("save"):
            self._save(built)
        with self.measure("evaluate"):
            # Free each part before encoding the next: encoded rows dominate a large run's memory.
            metrics = {
                part: scorer(
                    encoded.pop(part) if part in encoded else built.encode(self.dataset, part)
                )
                for part in self.dataset.parts
            }
        with self.measure("predict"):
            self._predict(built, metrics)
        self.run.write_metrics(metrics)
        self.run.update(
            status="finished",
            finished_at=datetime.now().isoformat(timespec="seconds"),
            seconds=self.seconds,
        )

    def _build(self) -> Built:
        recipe, dataset = self.recipe, self.dataset
        with self.measure("import"), self.listener.wait("importing TensorFlow"):
            from kerasrecipes.model.built import build
            from kerasrecipes.training.device import choose_device
            from kerasrecipes.training.threads import needs_one_thread
        device = choose_device(
            recipe.device,
            is_small=needs_one_thread(recipe, dataset),
            owns_process=self.owns_process,
        )
        with self.measure("build"), device.strategy.scope():
            built = build(recipe, dataset)
        warnings = [*map(str, recipe.warnings), *dataset.warnings, *device.warnings]
        if recipe.precision == "mixed_float16" and device.description.startswith("CPU"):
            warnings.append("mixed_float16 is for GPUs: a CPU computes float16 many times slower.")
        self.run.update(
            device=device.description,
            warnings=warnings,
            versions=find_versions(),
            plots=list(recipe.report or choose_plots(dataset.task, _is_image(recipe, dataset))),
            codec=built.codec.to_dict(),
            rare_categories=dict(built.encoder.rare),
            **built.describe(recipe),
        )
        self.listener.begin(self.run.info)
        return built

    def _fit(self, built: Built, encoded: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Scorer:
        """Fit, and save the history even if the fit fails."""
        from keras.callbacks import EarlyStopping

        from kerasrecipes.model.build import build_callbacks
        from kerasrecipes.training.fit import Scorer, fit_model
        from kerasrecipes.training.profile import FitClock, trace_into
        from kerasrecipes.training.steps import count_steps
        from kerasrecipes.training.weights import weigh_rows

        recipe, run = self.recipe, self.run
        steps = count_steps(len(encoded["train"][0]), recipe.batch_size)
        callbacks = [*build_callbacks(recipe, run.path, OWN_FILES), *self.callbacks]
        clock = FitClock()
        callbacks += [clock] if self.profile else []
        scorer = Scorer(built.model, encoded["train"], recipe.batch_size)
        try:
            with (
                trace_into(run.profile_path) if self.profile else nullcontext(),
                self.listener.show_fit(recipe.epochs, steps) as shown,
            ):
                fit_model(
                    built.model,
                    encoded["train"],
                    encoded.get("validation"),
                    epochs=recipe.epochs,
                    batch_size=recipe.batch_size,
                    seed=recipe.seed,
                    scorer=scorer,
                    row_weights=weigh_rows(recipe, self.dataset),
                    callbacks=[*callbacks, *shown],
                )
            for each in callbacks:
                if isinstance(each, EarlyStopping) and each.best_weights is not None:
                    run.update(weights_of_epoch=each.best_epoch + 1)
            if self.profile:
                run.update(profile=clock.describe())
        except RunFailed:  # the weights are NaN
            raise
        except BaseException:
            self._save(built)
            raise
        finally:
            # A model has its history once its first epoch has begun.
            history = built.model.history.history if hasattr(built.model, "history") else {}
            run.write_history(history)
            stopped = (each for each in callbacks if getattr(each, "stopped_epoch", 0))
            stopped_by = next((type(callback).__name__ for callback in stopped), "")
            run.update(epochs_run=len(history.get("loss", ())), stopped_by=stopped_by)
        return scorer

    def _save(self, built: Built) -> None:
        with replacing(self.run.model_path) as file:
            built.serving.save(file)
            add_inputs(file, self.run.info["dataset"])

    def _predict(self, built: Built, metrics: dict[str, dict[str, float]]) -> None:
        """Predict raw rows, compare those of the saved model, and save the report's data."""
        from kerasrecipes.model.serving import make_predictor, verify_saved
        from kerasrecipes.training.scores import score_numbers

        dataset, test = self.dataset, self.dataset.parts["test"]
        predict = make_predictor(built.serving, built.encoder)
        outputs = predict(test.inputs)
        verify_saved(self.run.model_path, built.encoder, test.inputs, outputs)
        columns = built.codec.decode(outputs)
        actual = built.codec.name_actual(test.target)
        self.run.write_predictions({"row": test.rows} | actual | columns)
        if dataset.task == "regression":
            suffix = "_original_units" if self.recipe.dataset.standardize_target else ""
            for name, part in dataset.parts.items():
                answers = outputs if part is test else predict(part.inputs)
                metrics[name] |= score_numbers(part.target, answers, dataset.target_names, suffix)
        elif _is_image(self.recipe, dataset):
            chances = [v for name, v in columns.items() if name.startswith("probability_")]
            is_correct = columns["predicted"] == actual["actual"]
            positions = choose_samples(is_correct, np.max(chances, axis=0))
            images = np.asarray(test.inputs)[positions]
            self.run.write_samples(images=images, positions=positions)


def train(
    recipe: Recipe,
    output_dir: Path = Path("runs"),
    listener: Listener | None = None,
    *,
    command: Sequence[str] = (),
    data: pd.DataFrame | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    owns_process: bool = False,
    profile: bool = False,
) -> Run:
    """Train a recipe, and write a run folder with its report.

    Args:
        recipe: A checked recipe.
        output_dir: The folder of all runs.
        listener: Shows progress; None shows nothing.
        command: The command line that started the run.
        data: Rows in memory, in place of those that the recipe names.
        callbacks: The caller's own, which run after the recipe's.
        owns_process: Whether the process trains this run and does nothing else. If so, TensorFlow
            gets the threads that suit this model, and what libraries print goes to the run's log.
        profile: Whether to measure where the time of fit goes, and to write a trace for
            TensorBoard.

    Raises:
        InputError: Recipe or data break a rule; no run folder is left behind.
        RunFailed: The loss became NaN, or the saved model answers differently.
        KeyboardInterrupt: The user stopped it. The run folder has the model and the history so far,
            as after an exception of a callback.
    """
    listener = listener or Listener()
    started_s = time.perf_counter()
    dataset = load_for(recipe, listener.load, data)
    seconds = {"data": round(time.perf_counter() - started_s, 3)}
    started_at = datetime.now()
    run = create_run(output_dir, make_folder_name(recipe.name), started_at)
    run.write_recipe(recipe.to_yaml())
    run.update(
        status="running",
        name=recipe.name,
        description=recipe.description,
        command=shlex.join(command),
        seed=recipe.seed,
        started_at=started_at.isoformat(timespec="seconds"),
        git_commit=_find_git_commit(),
        epochs=recipe.epochs,
        dataset=_describe_dataset(recipe, dataset),
    )
    training = _Training(run, recipe, dataset, listener, callbacks, owns_process, profile, seconds)
    try:
        with training.log():
            training.train()
    except BaseException as error:
        if isinstance(error, InputError) and "epochs_run" not in run.info:
            run.discard()  # nothing was trained
            raise
        stopped = isinstance(error, KeyboardInterrupt)
        run.update(
            status="interrupted" if stopped else "failed",
            error="" if stopped else str(error) or type(error).__name__,
            seconds=seconds,
        )
        if "layers" in run.info:  # else libraries may be imported in part, too
            make_report(run, [])
        listener.end(run, ())
        raise
    with training.measure("report"), training.log():
        remarks = make_report(run, run.info["plots"])
    run.update(seconds=seconds, warnings=[*run.info["warnings"], *remarks])
    listener.end(run, remarks)
    return run


def _is_image(recipe: Recipe, dataset: Dataset) -> bool:
    """Whether inputs are images: (height, width, 1 or 3), or (height, width) if likely.

    Arrays of shape (steps, features) have as many dimensions. They are neither bytes nor square, or
    a layer of the recipe reads them step by step.
    """
    inputs = dataset.parts["train"].inputs
    if isinstance(inputs, dict):
        return False
    if inputs.ndim == 4:
        return inputs.shape[-1] in (1, 3)
    reads_steps = any(_STEPWISE.search(layer.name) for layer in recipe.layers)
    is_square = inputs.ndim == 3 and inputs.shape[1] == inputs.shape[2]
    return inputs.ndim == 3 and not reads_steps and (is_square or inputs.dtype == np.uint8)


def _describe_dataset(recipe: Recipe, dataset: Dataset) -> dict[str, Any]:
    inputs = dataset.parts["train"].inputs
    facts: dict[str, Any] = {
        "name": dataset.name,
        "origin": dataset.origin,
        "task": dataset.task,
        "target": dataset.target_name,
        "targets": list(dataset.target_names),
        "target_unit": dataset.target_unit,
        "class_names": list(dataset.class_names),
        "fingerprint": dataset.fingerprint,
        "target_fingerprint": dataset.target_fingerprint,
        "standardized": recipe.dataset.standardize_target,
        "rows": {name: len(part) for name, part in dataset.parts.items()},
    }
    if isinstance(inputs, dict):
        columns = dataset.columns or map(make_column, inputs)
        facts["columns"] = [column.to_dict() for column in columns]
        facts["target_columns"] = [column.to_dict() for column in dataset.target_columns]
        facts["left_out"] = [list(pair) for pair in dataset.left_out]
    else:
        facts["shape"] = list(inputs.shape[1:])
    if dataset.class_names:
        facts["class_counts"] = {
            name: np.bincount(part.target.astype(np.int64), minlength=dataset.n_classes).tolist()
            for name, part in dataset.parts.items()
        }
    return facts


def find_versions() -> dict[str, str]:
    """The installed versions that results depend on."""
    packages = ("kerasrecipes", "tensorflow", "keras", "numpy")
    versions = {package: importlib.metadata.version(package) for package in packages}
    return versions | {"python": platform.python_version()}


def _find_git_commit() -> str | None:
    """The commit of the folder that the command ran in, or None outside a repository."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
