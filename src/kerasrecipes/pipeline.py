"""The steps of a run: data → model → fit → scores → predictions → report."""

from __future__ import annotations

import errno
import importlib.metadata
import platform
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrecipes.durable import replacing
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.interrupts import Interrupts, catching_signals
from kerasrecipes.memory import explaining_memory
from kerasrecipes.native_log import redirect_stderr
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.report import N_SAMPLES, choose_plots, choose_samples, make_report
from kerasrecipes.report.serving import add_inputs
from kerasrecipes.resuming import Resumption
from kerasrecipes.rows import Dataset, load_for
from kerasrecipes.rows.compatibility import find_doubts
from kerasrecipes.rows.dataset import count_classes
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.windows import Series, name_last_value
from kerasrecipes.run_files import hash_file
from kerasrecipes.runs import OWN_FILES, Run, RunWriter, create_run

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from kerasrecipes.model.built import Built
    from kerasrecipes.training.checkpoints import Checkpoint
    from kerasrecipes.training.fit import Scorer

_STEPWISE = re.compile(r"LSTM|GRU|RNN|Bidirectional|TimeDistributed|1D")
"""Layers that take (steps, features)."""


class Listener:
    """Callbacks of ``train``; these do nothing. Override those that you need."""

    def note(self, text: str) -> None:
        """Show a step, such as a download, or the checkpoint from which a run continues."""

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
    interrupts: Interrupts
    interval_s: float
    resumption: Resumption | None
    weights_from: Run | None
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

    def run_all(self, command: Sequence[str], started_at: datetime) -> None:
        """Train and report, and note in run.json how the run ended."""
        run = self.run
        is_new = not run.recipe_path.exists()
        try:
            self._begin(command, started_at)
            with self.log(), explaining_memory():
                self.train()
            with self.measure("report"), self.log():
                remarks = make_report(run, run.info["plots"], "finished")
            warnings = [*run.info["warnings"], *remarks]
            run.update(status="finished", seconds=self.seconds, warnings=warnings)
        except OSError as error:  # the rows were read before
            if error.errno == errno.EMFILE:
                self._end_early(error)
                raise
            failed = RunFailed(self._describe_loss(error))
            self._end_early(failed)
            raise failed from error
        except BaseException as error:
            if is_new and isinstance(error, InputError) and "epochs_run" not in run.info:
                run.discard()  # nothing was trained
                raise
            self._end_early(error)
            raise
        self.listener.end(run, remarks)

    def _begin(self, command: Sequence[str], started_at: datetime) -> None:
        """Write the facts that are known before the model is built."""
        run, recipe = self.run, self.recipe
        if run.recipe_path.exists():  # it continues
            run.remove_partial_files()
            run.begin()
            return
        facts = {
            "name": recipe.name,
            "description": recipe.description,
            "command": shlex.join(command),
            "seed": recipe.seed,
            "started_at": started_at.isoformat(timespec="seconds"),
            "git_commit": _find_git_commit(),
            "epochs": recipe.epochs,
            "dataset": _describe_dataset(recipe, self.dataset),
        }
        run.write_recipe(recipe.to_yaml())
        run.begin(**facts)

    def _end_early(self, error: BaseException) -> None:
        """Note in run.json why the run ended, and report what there is."""
        run = self.run
        stopped = isinstance(error, KeyboardInterrupt)
        try:
            run.update(
                status="interrupted" if stopped else "failed",
                error="" if stopped else str(error) or type(error).__name__,
                seconds=self.seconds,
            )
            if "layers" in run.info:  # else libraries may be imported in part, too
                make_report(run, [])
            self.listener.end(run, ())
        except OSError as second:  # the disk is full: the run counts as killed
            raise error from second

    def _describe_loss(self, error: OSError) -> str:
        """Describe a file that could not be written, and what is kept."""
        kept = "Nothing of the training could be kept."
        if self.run.model_path.exists():
            kept = f"The model is saved: {self.run.model_path}"
        elif any(self.run.checkpoints_path.glob("*.npz")):
            kept = f"A checkpoint is kept: kerasrecipes train {self.run.path} --resume"
        return f"{error.filename or self.run.path}: {error.strerror or error}. {kept}"

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
        finished_at = datetime.now().isoformat(timespec="seconds")
        self.run.update(finished_at=finished_at, seconds=self.seconds)

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
        warnings += find_doubts(recipe, dataset)
        if recipe.precision == "mixed_float16" and device.description.startswith("CPU"):
            warnings.append("mixed_float16 is for GPUs: a CPU computes float16 many times slower.")
        self.run.update(
            device=device.description,
            warnings=warnings,
            versions=find_versions(),
            plots=list(recipe.report or self._choose_plots()),
            codec=built.codec.to_dict(),
            rare_categories=dict(built.encoder.rare),
            **built.describe(recipe),
        )
        if built.codec.class_names != dataset.class_names:  # class numbers that no row has
            self.dataset = replace(dataset, class_names=built.codec.class_names)
            self.run.update(dataset=_describe_dataset(recipe, self.dataset))
        self.listener.begin(self.run.info)
        source = self.weights_from
        origin = self.run.info.get("weights_from")
        if origin and not any(self.run.checkpoints_path.glob("*.npz")):
            source = Run(Path(origin["run"]))  # this run was stopped before its first checkpoint
        if source:
            self._copy_weights(built, source)
        return built

    def _choose_plots(self) -> Sequence[str]:
        dataset, is_image = self.dataset, _is_image(self.recipe, self.dataset)
        is_series = (
            isinstance(dataset.parts["train"].inputs, Series) and dataset.task != "multilabel"
        )
        is_array = bool(dataset.target_shape) or is_series
        return choose_plots(dataset.task, is_image, is_array=is_array)

    def _copy_weights(self, built: Built, source: Run) -> None:
        """Begin with another run's weights, and say of each layer where its weights come from."""
        from kerasrecipes.model.transfer import copy_weights, list_vocabularies
        from kerasrecipes.prediction.model_file import load_run_model

        saved = load_run_model(source)
        lines = copy_weights(built.model, saved, source.model_path)
        self.run.update(weights_from={"run": str(source.path), "layers": lines})
        self.listener.note(f"weights of {source.path}:")
        for line in lines:
            self.listener.note(f"  {line}")
        ours, theirs = (
            [column["name"] for column in run.info["dataset"].get("columns", ())]
            for run in (self.run, source)
        )
        if ours != theirs:
            self._warn(
                f"The columns of {source.path} are not those of this recipe, so weights of its "
                "first layer may be of other columns."
            )
        elif list_vocabularies(built.serving) != list_vocabularies(saved):
            self._warn(
                f"The words or categories of {source.path} are not those of these rows, so weights "
                "of its first layer may be of other ones."
            )

    def _fit(self, built: Built, encoded: Mapping[str, tuple[np.ndarray, ...]]) -> Scorer:
        """Fit, and save the history even if the fit fails."""
        from keras.callbacks import EarlyStopping

        from kerasrecipes.model.build import build_callbacks, call_keras
        from kerasrecipes.training.checkpoints import Checkpointer
        from kerasrecipes.training.fit import Scorer, fit_model
        from kerasrecipes.training.profile import FitClock, trace_into
        from kerasrecipes.training.steps import count_steps
        from kerasrecipes.training.weights import weigh_rows

        recipe, run = self.recipe, self.run
        steps = count_steps(len(encoded["train"][0]), recipe.batch_size)
        callbacks = [*build_callbacks(recipe, run.path, OWN_FILES, built.serving), *self.callbacks]
        checkpointer = Checkpointer(
            run.checkpoints_path,
            callbacks,
            self._find_checkpoint(built.model, steps),
            self.interrupts,
            self.interval_s,
            new_optimizer=self.resumption is not None and "optimizer" in self.resumption.changed,
            warn=self._warn,
        )
        clock = FitClock()
        clocks = [clock] if self.profile else []
        make_scorer = partial(Scorer, built.model, encoded["train"], recipe.batch_size)
        scorer = call_keras(recipe, ("layers",), make_scorer)
        try:
            with (
                trace_into(run.profile_path) if self.profile else nullcontext(),
                self.listener.show_fit(recipe.epochs, steps) as shown,
                self.interrupts.deferring(),
                checkpointer,
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
                    callbacks=[*callbacks, *clocks, *shown],
                    checkpointer=checkpointer,
                )
            self.interrupts.check()
            if checkpointer.error:
                self._warn(f"A checkpoint could not be written: {checkpointer.error}")
            for each in callbacks:
                if isinstance(each, EarlyStopping) and each.best_weights is not None:
                    run.update(weights_of_epoch=each.best_epoch + 1)
            if self.profile:
                run.update(profile=clock.describe())
        except RunFailed:  # the weights are NaN
            raise
        except BaseException as error:
            try:
                if checkpointer.has_begun:
                    self._save(built)
            except OSError as second:  # such as a full disk, which may be the first error, too
                raise error from second
            raise
        finally:
            # A model has its history once its first epoch has begun.
            history = built.model.history.history if hasattr(built.model, "history") else {}
            n_epochs = len(history.get("loss", ()))
            # A run that continues with other metrics or callbacks has shorter columns.
            history = {name: v for name, v in history.items() if len(v) == n_epochs}
            stopped = (each for each in callbacks if getattr(each, "stopped_epoch", 0))
            stopped_by = next((type(callback).__name__ for callback in stopped), "")
            if checkpointer.has_begun:
                run.write_history(history)
                run.update(epochs_run=n_epochs, stopped_by=stopped_by)
        return scorer

    def _find_checkpoint(self, model: keras.Sequential, n_steps: int) -> Checkpoint | None:
        """The state to continue from, if a run is continued."""
        if not self.resumption:
            return None
        from kerasrecipes.training.checkpoints import find_checkpoint

        path = self.resumption.run.path
        is_same_data = (
            self.resumption.run.info["dataset"]["fingerprint"] == self.dataset.fingerprint
        )
        self.run.update(dataset=_describe_dataset(self.recipe, self.dataset))
        found, damaged = find_checkpoint(self.resumption.run.checkpoints_path)
        for file in damaged:
            self._warn(f"{file} is damaged. Training continues from an earlier state.")
        if not found:
            self.listener.note(f"{path} has no checkpoint: training begins with the first epoch.")
            return None
        if not found.fits(model):
            raise InputError(
                f"The layers of {path} have other shapes than those of this recipe, so its state "
                "cannot be continued. To begin a new run with the weights of layers that are the "
                f"same: --from {path}"
            )
        changed = {"batch_size", "seed", "dataset"} & {*self.resumption.changed}
        if found.step and (changed or not is_same_data):
            raise InputError(
                f"{path} stopped within an epoch, which cannot continue with another batch_size, "
                "seed or dataset. Continue it without changes to the end of an epoch first."
            )
        if found.epoch > self.recipe.epochs:
            raise InputError(
                f"{path} has trained {found.epoch:,} epochs already (received: "
                f"epochs={self.recipe.epochs}). Give more epochs."
            )
        where = f"after epoch {found.epoch:,} of {self.recipe.epochs:,}"
        if found.step:
            where = f"in epoch {found.epoch + 1:,}, after batch {found.step:,} of {n_steps:,}"
        self.listener.note(f"continues {path} {where}")
        continued = {"run": str(path), "epoch": found.epoch, "step": found.step}
        self.run.update(continued=[*self.run.info.get("continued", ()), continued])
        return found

    def _warn(self, text: str) -> None:
        self.run.update(warnings=[*self.run.info["warnings"], text])
        self.listener.note(f"warning  {text}")

    def _save(self, built: Built) -> None:
        with replacing(self.run.model_path) as file:
            built.serving.save(file)
            add_inputs(file, self.run.info["dataset"])
        self.run.update(model_sha256=hash_file(self.run.model_path))

    def _predict(self, built: Built, metrics: dict[str, dict[str, float]]) -> None:
        """Predict raw rows, compare those of the saved model, and save the report's data."""
        from kerasrecipes.model.serving import make_mask_reader, make_predictor, verify_saved
        from kerasrecipes.training.scores import score_answers

        dataset, test = self.dataset, self.dataset.parts["test"]
        predict = make_predictor(built.serving, built.encoder)
        outputs = predict(test.inputs)
        verify_saved(self.run.model_path, built.encoder, test.inputs, outputs)
        columns = built.codec.decode(outputs)
        read_mask = make_mask_reader(built.model)
        known = {
            name: read_mask(built.encoder.encode(part.inputs)) if read_mask else None
            for name, part in dataset.parts.items()
        }
        actual = built.codec.name_actual(test.target, known["test"])
        last = name_last_value(test.inputs, dataset.target_names)
        self.run.write_predictions({"row": test.rows} | actual | columns | last)
        if known["test"] is not None:  # now it is known which classes are counted
            self.run.update(dataset=_describe_dataset(self.recipe, dataset, known))
        if dataset.task == "regression":
            for name, part in dataset.parts.items():
                answers = outputs if part is test else predict(part.inputs)
                scores = score_answers(built.codec, part.target, answers, known[name], part.weights)
                metrics[name] |= scores
        if _is_image(self.recipe, dataset) and dataset.task != "multilabel":
            positions = np.arange(min(N_SAMPLES, len(test)))
            if dataset.task == "classification" and not built.codec.is_array:
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
    checkpoint_every_s: float = 60.0,
    resumption: Resumption | None = None,
    weights_from: Run | None = None,
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
        checkpoint_every_s: Seconds between checkpoints.
        resumption: The run to continue, and ``recipe`` again; None begins anew.
        weights_from: A run whose weights the layers of the same names and shapes begin with.

    Raises:
        InputError: Recipe or data break a rule; no run folder is left behind.
        RunFailed: The loss became NaN, the saved model answers differently, or the disk is full.
        KeyboardInterrupt: The user stopped it. The run folder has the model and the history so far,
            as after an exception of a callback, and a checkpoint to continue from.
    """
    listener = listener or Listener()
    with catching_signals(owns_process=owns_process) as interrupts:
        started_s = time.perf_counter()
        dataset = load_for(recipe, listener.note, data)
        seconds = {"data": round(time.perf_counter() - started_s, 3)}
        if resumption:
            resumption.check_data(dataset, find_versions())
        started_at = datetime.now()
        if resumption and not resumption.changed:
            run = RunWriter(resumption.run.path)
        else:
            run = create_run(output_dir, make_folder_name(recipe.name), started_at)
        training = _Training(
            run,
            recipe,
            dataset,
            listener,
            callbacks,
            owns_process,
            profile,
            interrupts,
            checkpoint_every_s,
            resumption,
            weights_from,
            seconds,
        )
        with run.holding():
            training.run_all(command, started_at)
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


def _describe_dataset(
    recipe: Recipe, dataset: Dataset, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe the data for run.json.

    Args:
        known: By part, which steps no mask covers.
    """
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
        "weighted": dataset.parts["train"].weights is not None,
        "rows": {name: len(part) for name, part in dataset.parts.items()},
    }
    if isinstance(inputs, dict):
        columns = dataset.columns or map(make_column, inputs)
        facts["columns"] = [column.to_dict() for column in columns]
        facts["target_columns"] = [column.to_dict() for column in dataset.target_columns]
        if isinstance(inputs, Series):
            offsets = inputs.windows.offsets
            facts["n_steps"] = len(offsets)
            facts["sampling_rate"] = int(offsets[1]) if len(offsets) > 1 else 1
        facts["left_out"] = [list(pair) for pair in dataset.left_out]
    else:
        facts |= {"shape": list(inputs.shape[1:]), "is_image": _is_image(recipe, dataset)}
    if dataset.task != "regression":
        known = known or {}
        facts["class_counts"] = {
            name: count_classes(part.target, dataset.n_classes, known.get(name))
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
