"""The steps of a run: data → model → fit → scores → predictions → report."""

from __future__ import annotations

import gc
import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasrecipes.console import redirect_stderr
from kerasrecipes.durable import replacing
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.interrupts import catching_signals
from kerasrecipes.memory import explaining_memory
from kerasrecipes.prediction.ready import check_ready, describe_unfinished
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.report import N_SAMPLES, choose_plots, choose_samples, keep_columns, make_report
from kerasrecipes.report.results import sort_residuals
from kerasrecipes.report.serving import add_thresholds
from kerasrecipes.resuming import Resumption
from kerasrecipes.rows import load_for
from kerasrecipes.rows.compatibility import find_doubts
from kerasrecipes.rows.dataset import take_rows
from kerasrecipes.rows.disk import are_on_disk
from kerasrecipes.rows.windows import name_simple_forecasts
from kerasrecipes.run_facts import describe_dataset, find_git_commit, find_versions
from kerasrecipes.run_files import hash_file
from kerasrecipes.runs import OWN_FILES, Run, RunWriter, create_run
from kerasrecipes.training.team import ALONE, Team

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from kerasrecipes.model.built import Built
    from kerasrecipes.training.checkpoints import Checkpoint
    from kerasrecipes.training.fit import Scorer


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
class Training:
    """One run, from a checked recipe to its folder."""

    recipe: Recipe
    output_dir: Path = Path("runs")
    listener: Listener = field(default_factory=Listener)
    command: Sequence[str] = ()
    data: pd.DataFrame | None = None  # in place of the rows that the recipe names
    callbacks: Sequence[keras.callbacks.Callback] = ()  # the caller's own
    owns_process: bool = False  # which does nothing else: it has its own threads, and a log
    profile: bool = False  # whether to say where the time of fit goes, and to write a trace
    checkpoint_every_s: float = 60.0
    resumption: Resumption | None = None  # the run to continue, and ``recipe`` again
    weights_from: Run | None = None  # layers of the same names and shapes begin with its weights
    team: Team = ALONE  # only the run of its leader is kept
    seconds: dict[str, float] = field(default_factory=dict)  # by stage

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(time.perf_counter() - started_s, 3)

    def _log(self) -> AbstractContextManager[None]:
        return redirect_stderr(self.run.log_path) if self.owns_process else nullcontext()

    def start(self) -> Run:
        """Read the data, take a run folder, and train in it."""
        resumption, team = self.resumption, self.team
        with (
            catching_signals(owns_process=self.owns_process) as self.interrupts,
            TemporaryDirectory() as scratch,
        ):
            if self.weights_from:
                check_ready(self.weights_from)
            with self.measure("data"):
                on_disk = resumption.stays_on_disk if resumption else None
                self.dataset = load_for(self.recipe, self.listener.note, self.data, stream=on_disk)
            n_rows = len(self.dataset.parts["train"])
            team.check_batch(min(self.recipe.batch_size, n_rows))
            if resumption:
                resumption.check_data(self.dataset, find_versions())
            started_at = datetime.now()
            if resumption and not resumption.changed and not team.number:
                self.run = RunWriter(resumption.run.path)
            else:
                folder = Path(scratch) if team.number else self.output_dir
                self.run = create_run(folder, make_folder_name(self.recipe.name), started_at)
            with self.run.holding():
                self._train_in_folder(started_at)
        return self.run

    def _train_in_folder(self, started_at: datetime) -> None:
        """Train and report, and note in run.json how the run ended."""
        run, recipe = self.run, self.recipe
        is_new = is_empty = not run.recipe_path.exists()
        try:
            if is_new:
                run.write_recipe(recipe.to_yaml())
                run.begin(
                    name=recipe.name,
                    description=recipe.description,
                    command=shlex.join(self.command),
                    seed=recipe.seed,
                    started_at=started_at.isoformat(timespec="seconds"),
                    git_commit=find_git_commit(),
                    epochs=recipe.epochs,
                    dataset=describe_dataset(recipe, self.dataset),
                )
            else:
                run.begin(address=None)
            is_empty = False
            with self._log(), explaining_memory():
                self._train()
            if self.team.number:
                return
            with self.measure("report"), self._log():
                remarks = make_report(run, run.info["plots"], "finished")
            warnings = [*run.info["warnings"], *remarks]
            run.update(status="finished", seconds=self.seconds, warnings=warnings)
        except OSError as error:  # the rows were read before
            kept = "Nothing of the training could be kept."
            if run.model_path.exists():
                kept = f"The model is saved: {run.model_path}"
            elif any(run.checkpoints_path.glob("*.npz")):
                kept = f"A checkpoint is kept: kerasrecipes train {run.path} --resume"
            where, why = error.filename or run.path, error.strerror or error
            failed = RunFailed(f"{where}: {why}. {kept}")
            if not is_empty:
                self._end_early(failed)
            raise failed from error
        except BaseException as error:
            is_refused = is_new and isinstance(error, InputError)
            if is_empty or (is_refused and "epochs_run" not in run.info):
                run.discard()  # nothing was trained
                raise
            self._end_early(error)
            raise
        self.listener.end(run, remarks)

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

    def _train(self) -> None:
        """Build, fit, save, score and predict."""
        built = self._build()
        with self.measure("encode"):
            fitted = [part for part in self.dataset.parts if part != "test"]
            encoded = {part: built.encode(self.dataset, part) for part in fitted}
        with self.measure("fit"):
            scorer = self._fit(built, encoded)
        if self.recipe.calibrate or self.recipe.threshold is not None:
            with self.measure("calibrate"):
                from kerasrecipes.model.built import calibrate

                built, warnings = calibrate(self.recipe, self.dataset, built)
            for warning in warnings:
                self._warn(warning)
            self.run.update(codec=built.codec.to_dict())
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
        if self.team.number:
            return
        with self.measure("predict"):
            self._predict_test(built, metrics, limit_s=0.1 * sum(self.seconds.values()))
        self.run.write_metrics(metrics)
        finished_at = datetime.now().isoformat(timespec="seconds")
        self.run.update(finished_at=finished_at, seconds=self.seconds)

    def _build(self) -> Built:
        recipe, dataset = self.recipe, self.dataset
        is_first = "keras" not in sys.modules
        with self.measure("import"), self.listener.wait("importing TensorFlow"):
            try:
                from kerasrecipes.model.built import build, weigh_classes
                from kerasrecipes.training.device import choose_device, needs_one_thread
            except Exception:  # native modules turn an interruption into an ImportError
                self.interrupts.check()
                raise
        if self.owns_process and is_first:
            gc.freeze()  # a collection need not examine what TensorFlow's import has made
        device, strategy, reason = choose_device(
            recipe.device,
            is_small=needs_one_thread(recipe, dataset),
            owns_process=self.owns_process,
            takes_all=self.team.size == 1,
        )
        work = recipe.to_dict()  # what must be the same on all workers
        work["dataset"] = work["dataset"] | {"path": ""}  # workers may find it elsewhere
        on_disk = are_on_disk(dataset.parts["train"].inputs)
        continued = self.resumption.run.path.name if self.resumption else ""
        self.team.connect(json.dumps([work, dataset.fingerprint, on_disk, continued], default=str))
        with self.measure("build"), strategy.scope():
            built = build(recipe, dataset, computes_once=not self.callbacks)
        warnings = [
            *[reason] * bool(reason),
            *map(str, recipe.warnings),
            *dataset.warnings,
            *dataset.checks,
            *find_doubts(recipe, dataset),
        ]
        plots = choose_plots(self.run.info["dataset"], is_array=bool(dataset.target_shape))
        self.run.update(
            device=device,
            workers=self.team.size,
            warnings=warnings,
            versions=find_versions(),
            plots=list(plots if recipe.report is None else recipe.report),
            codec=built.codec.to_dict(),
            rare_categories=dict(built.encoder.rare),
            **built.describe(recipe),
        )
        if (weights := weigh_classes(recipe, dataset)) is not None:
            self.run.update(class_weights=list(map(float, weights)))
        if built.codec.class_names != dataset.class_names:  # class numbers that no row has
            self.dataset = replace(dataset, class_names=built.codec.class_names)
            self.run.update(dataset=describe_dataset(recipe, self.dataset))
        self.listener.begin(self.run.info)
        source = self.weights_from
        origin = self.run.info.get("weights_from")
        if origin and not any(self.run.checkpoints_path.glob("*.npz")):
            source = Run(Path(origin["run"]))  # this run was stopped before its first checkpoint
        if source:
            self._copy_weights(built, source)
        return built

    def _copy_weights(self, built: Built, source: Run) -> None:
        """Begin with another run's weights; say of each layer where they come from."""
        from kerasrecipes.model.serving import copy_weights
        from kerasrecipes.prediction.model_file import load_run_model

        saved = load_run_model(source)
        lines = copy_weights(built.network, saved, source.model_path)
        self.run.update(weights_from={"run": str(source.path), "layers": lines})
        for line in describe_unfinished(source):
            self._warn(line)
        self.listener.note(f"weights of {source.path}:")
        for line in lines:
            self.listener.note(f"  {line}")

    def _fit(self, built: Built, encoded: Mapping[str, tuple[np.ndarray, ...]]) -> Scorer:
        """Fit, and save the history even if the fit fails."""
        from keras.callbacks import EarlyStopping
        from tensorflow.profiler.experimental import Profile  # for TensorBoard

        from kerasrecipes.model.build import build_callbacks, reporting_at
        from kerasrecipes.model.built import weigh_rows
        from kerasrecipes.training.checkpoints import Checkpointer
        from kerasrecipes.training.fit import Scorer, fit_model
        from kerasrecipes.training.progress import FitClock
        from kerasrecipes.training.steps import count_steps

        recipe, run = self.recipe, self.run
        steps = count_steps(len(encoded["train"][0]), recipe.batch_size)
        callbacks = [*build_callbacks(recipe, run.path, OWN_FILES, built.serving), *self.callbacks]
        checkpointer = Checkpointer(
            run.checkpoints_path,
            callbacks,
            self._find_checkpoint(built.model, steps),
            self.interrupts,
            self.checkpoint_every_s,
            new_optimizer=self.resumption is not None and "optimizer" in self.resumption.changed,
            warn=self._warn,
            team=self.team,
        )
        clocks = [FitClock()] * self.profile
        with self.team.explaining_loss(), reporting_at(recipe, ("layers",)):
            scorer = Scorer(built.model, encoded["train"], recipe.batch_size, self.team)
        try:
            with (
                Profile(str(run.profile_path)) if self.profile else nullcontext(),
                self.listener.show_fit(recipe.epochs, steps) as shown,
                self.interrupts.deferring(),
                self.team.explaining_loss(),
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
            for clock in clocks:
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
            if checkpointer.has_begun:
                history = built.model.history.history
                n_epochs = len(history.get("loss", ()))
                # A run that continues with other metrics or callbacks has shorter columns.
                run.write_history({name: v for name, v in history.items() if len(v) == n_epochs})
                stopped = (each for each in callbacks if getattr(each, "stopped_epoch", 0))
                stopped_by = next((type(each).__name__ for each in stopped), "")
                run.update(epochs_run=n_epochs, stopped_by=stopped_by)
        return scorer

    def _find_checkpoint(self, model: keras.Sequential, n_steps: int) -> Checkpoint | None:
        """The state to continue from, if a run is continued."""
        if not self.resumption:
            return None
        from kerasrecipes.training.checkpoints import find_checkpoint

        source, path = self.resumption.run, self.resumption.run.path
        is_same_data = source.info["dataset"]["fingerprint"] == self.dataset.fingerprint
        self.run.update(dataset=describe_dataset(self.recipe, self.dataset))
        found, damaged = find_checkpoint(source.checkpoints_path)
        for file in damaged:
            self._warn(f"{file} is damaged. Training continues from an earlier state.")
        if not found:
            self.listener.note(f"{path} has no checkpoint: training begins with the first epoch.")
            return None
        reason = ""
        changed = {"batch_size", "seed", "dataset"} & {*self.resumption.changed}
        if not found.fits(model):
            reason = "its layers have other shapes than those of this recipe"
        elif found.step and (changed or not is_same_data):
            reason = (
                "it stopped within an epoch, so batch_size, seed and dataset must stay the same"
            )
        elif found.epoch > self.recipe.epochs:
            reason = f"it has trained {found.epoch:,} epochs already. Give more epochs"
        if reason:
            raise InputError(
                f"{path} cannot be continued: {reason}. To begin a new run with its weights: "
                f"--from {path} (in Python, weights_from)"
            )
        where = f"after epoch {found.epoch:,} of {self.recipe.epochs:,}"
        if found.step:
            where = f"in epoch {found.epoch + 1:,}, after batch {found.step:,} of {n_steps:,}"
        self.listener.note(f"continues {path} {where}")
        continued = {"run": str(path), "epoch": found.epoch, "step": found.step}
        self.run.update(continued=[*self.run.info.get("continued", ()), continued])
        return found

    def _predict_test(
        self, built: Built, metrics: dict[str, dict[str, float]], limit_s: float
    ) -> None:
        """Predict raw rows, compare those of the saved model, and save the report's data.

        Scores in the user's units are added to those of each part. ``limit_s`` are the most seconds
        to spend on the importance of columns, or of places in images.
        """
        from kerasrecipes.model.serving import make_mask_reader, make_predictor, verify_saved
        from kerasrecipes.training.assessment import (
            fit_linear,
            measure_importance,
            occlude,
            rank_inputs,
            score_answers,
        )

        run, recipe, dataset, codec = self.run, self.recipe, self.dataset, built.codec
        plots, test = {*run.info["plots"]}, dataset.parts["test"]
        predict = make_predictor(built.serving, built.encoder)
        outputs = predict(test.inputs)
        verify_saved(run.model_path, built.encoder, test.inputs, outputs)
        columns = codec.decode(outputs)
        read_mask = make_mask_reader(built.network)
        known = {
            name: read_mask(built.encoder.encode(part.inputs)) if read_mask else None
            for name, part in dataset.parts.items()
        }
        actual = codec.name_actual(test.target, known["test"])
        period = run.info["dataset"].get("period", 0)
        simple = name_simple_forecasts(test.inputs, dataset.target_names, period)
        if dataset.is_table and {"importance", "residuals_by_column"} & plots:
            run.update(importance=measure_importance(built, predict, test, outputs, limit_s))
        kept = keep_columns(test, rank_inputs(run.info, built.encoder.columns))
        run.write_predictions({"row": test.rows} | actual | columns | simple | kept)
        if known["test"] is not None:  # now it is known which classes are counted
            run.update(dataset=describe_dataset(recipe, dataset, known))
        for name, part in dataset.parts.items() if dataset.task == "regression" else ():
            answers = outputs if part is test else predict(part.inputs)
            metrics[name] |= score_answers(codec, part.target, answers, known[name], part.weights)
            if name == "validation" and not codec.is_array:
                pair = (each.reshape(len(part), -1) for each in (part.target, answers))
                run.write_residuals(sort_residuals(*pair))
        run.update(linear_model=fit_linear(recipe, dataset, built, outputs))
        if run.info["dataset"].get("is_image") and dataset.task != "multilabel":
            positions = np.arange(min(N_SAMPLES, len(test)))
            if dataset.task == "classification" and not codec.is_array:
                is_correct = columns["predicted"] == actual["actual"]
                chances = [columns[f"probability_{name}"] for name in codec.class_names]
                positions = choose_samples(is_correct, np.max(chances, axis=0))
            images, drops = np.asarray(take_rows(test.inputs, positions)), {}
            if "occlusion" in plots and dataset.n_classes and not codec.is_array:
                drops["drops"] = occlude(predict, images, outputs[positions], limit_s)
            run.write_samples(images=images, positions=positions, **drops)

    def _warn(self, text: str) -> None:
        self.run.update(warnings=[*self.run.info["warnings"], text])
        self.listener.note(f"warning  {text}")

    def _save(self, built: Built) -> None:
        with replacing(self.run.model_path) as file:
            built.serving.save(file)
            add_thresholds(file, self.run.info["codec"])
        self.run.update(model_sha256=hash_file(self.run.model_path))


def train(
    recipe: Recipe,
    output_dir: Path = Path("runs"),
    listener: Listener | None = None,
    **options: Any,
) -> Run:
    """Train a recipe, and write a run folder with its report; see ``Training`` for the options.

    Errors are those of ``kerasrecipes.train``. After KeyboardInterrupt and exceptions of callbacks,
    the run folder has the model and the history so far, and a checkpoint to continue from.
    """
    return Training(recipe, output_dir, listener or Listener(), **options).start()
