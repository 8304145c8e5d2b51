"""The way of a run: recipe → data → model → fit → evaluate → predict → run folder → report."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from kerasrecipes import terminal
from kerasrecipes.errors import InputError, KerasRecipesError
from kerasrecipes.native_log import redirect_stderr
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.report import choose_plots, choose_samples, make_report
from kerasrecipes.rows import Dataset, load_for
from kerasrecipes.rows.dataset import take_rows
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.runs import OWN_FILES, Run, create_run, replacing

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from kerasrecipes.model.encoder import Encoder
    from kerasrecipes.model.target import TargetCodec


OnEpoch = Callable[[int, Mapping[str, float]], None]


@dataclass
class Stopwatch:
    """Seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the seconds that the block takes to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - started
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + passed, 3)


@dataclass
class Built:
    """A model ready to fit, and what stands around it."""

    model: keras.Sequential
    serving: keras.Model
    encoder: Encoder
    codec: TargetCodec
    layers: list[dict[str, Any]]

    def encode(self, dataset: Dataset, part: str) -> tuple[np.ndarray, np.ndarray]:
        """A part's rows as the model's own input and target."""
        rows = dataset.parts[part]
        return self.encoder.encode(rows.inputs), self.codec.encode(rows.target)


def train(
    recipe: Recipe,
    output_dir: Path = Path("runs"),
    console: Console | None = None,
    command: Sequence[str] = (),
    on_epoch: OnEpoch | None = None,
    data: pd.DataFrame | None = None,
    owns_process: bool = False,
    profile: bool = False,
) -> Run:
    """Train a recipe, and leave a run folder with its report.

    Args:
        recipe: A checked recipe.
        output_dir: The folder of all runs.
        console: Where progress goes; None keeps quiet.
        command: The command line that asked for this run.
        on_epoch: Told of every finished epoch: its number, counted from 0, and Keras's logs.
        data: Rows on hand, in place of those that the recipe names.
        owns_process: Whether nothing else computes with TensorFlow in this process, so that its
            threads may be counted for this model alone.
        profile: Whether to say where the time of fit goes, and to leave a trace for TensorBoard.

    Raises:
        InputError: Recipe or data break a rule; no run folder is left behind.
        RunFailed: The loss became NaN, or the saved model answers differently.
        KeyboardInterrupt: The user stopped it; the run folder keeps what was learnt.
    """
    console = console or Console(quiet=True, markup=False)
    watch = Stopwatch()
    with watch.measure("data"):
        dataset = load_for(recipe, lambda text: console.print(text, style="dim"), data)
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
    try:
        with redirect_stderr(run.log_path):
            _train_into(run, recipe, dataset, console, watch, on_epoch, owns_process, profile)
    except InputError:
        run.discard()
        raise
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        run.update(
            status="interrupted" if stopped else "failed",
            error="" if stopped else str(error) or type(error).__name__,
            seconds=watch.seconds,
        )
        if stopped or isinstance(error, KerasRecipesError):
            make_report(run, [])
            terminal.print_stopped(console, run)
        raise
    with watch.measure("report"), redirect_stderr(run.log_path):
        remarks = make_report(run, run.info["plots"])
    run.update(seconds=watch.seconds)
    terminal.print_warnings(console, remarks)
    terminal.print_results(console, run)
    return run


def _train_into(
    run: Run,
    recipe: Recipe,
    dataset: Dataset,
    console: Console,
    watch: Stopwatch,
    on_epoch: OnEpoch | None,
    owns_process: bool,
    profile: bool,
) -> None:
    """The run itself, once its folder stands."""
    with watch.measure("import"), console.status("importing TensorFlow"):
        from kerasrecipes.training.device import choose_device
        from kerasrecipes.training.fit import make_scorer
        from kerasrecipes.training.threads import needs_one_thread
        from kerasrecipes.training.weights import weigh_rows
    device = choose_device(
        recipe.device, one_thread=owns_process and needs_one_thread(recipe, dataset)
    )
    with watch.measure("build"), device.strategy.scope():
        built = build(recipe, dataset)
    warnings = [*map(str, recipe.warnings), *dataset.warnings]
    warnings += [device.warning] if device.warning else []
    if recipe.precision == "mixed_float16" and device.description.startswith("CPU"):
        warnings.append("mixed_float16 is for GPUs: a CPU computes float16 many times slower.")
    run.update(
        device=device.description,
        warnings=warnings,
        versions=find_versions(),
        plots=_choose_plots(recipe, dataset),
        codec=built.codec.to_dict(),
        rare_categories=dict(built.encoder.rare),
        **describe_model(recipe, built),
    )
    terminal.print_header(console, run.info)

    with watch.measure("encode"):
        fitted = [part for part in dataset.parts if part != "test"]
        encoded = {part: built.encode(dataset, part) for part in fitted}
    with watch.measure("fit"):
        weights = weigh_rows(recipe, dataset)
        _fit(run, recipe, encoded, weights, built, console, on_epoch, profile)
    with watch.measure("save"), replacing(run.model_path) as file:
        built.serving.save(file)
    with watch.measure("evaluate"):
        score = make_scorer(built.model, encoded["train"])
        # Free each part before encoding the next: encoded rows dominate a large run's memory.
        metrics = {
            part: score(encoded.pop(part) if part in encoded else built.encode(dataset, part))
            for part in dataset.parts
        }
    with watch.measure("predict"):
        _predict(run, recipe, dataset, built, metrics)
    run.write_metrics(metrics)
    run.update(
        status="finished",
        finished_at=datetime.now().isoformat(timespec="seconds"),
        seconds=watch.seconds,
    )


def build(recipe: Recipe, dataset: Dataset) -> Built:
    """Build and compile the recipe's model for its data; imports TensorFlow.

    Raises:
        RecipeError: Keras refuses a part of the recipe.
    """
    import keras

    from kerasrecipes.model.build import (
        build_model,
        compile_model,
        describe_layers,
        needs_adapting,
    )
    from kerasrecipes.model.checks import check_batch, check_output
    from kerasrecipes.model.encoder import fit_encoder
    from kerasrecipes.model.serving import make_serving_model
    from kerasrecipes.model.target import fit_target

    keras.utils.clear_session()  # layers are named alike, however many models were built before
    keras.utils.set_random_seed(recipe.seed)
    train_part = dataset.parts["train"]
    encoder = fit_encoder(dataset, recipe.dataset)
    sees_all = any(map(needs_adapting, recipe.layers))
    inputs = encoder.encode(take_rows(train_part.inputs, slice(None if sees_all else 2)))
    model = build_model(recipe, inputs)
    check_output(recipe, dataset, model)
    codec = fit_target(recipe, dataset, int(model.output_shape[-1]))
    check_batch(recipe, model, inputs[:2], codec.encode(train_part.target[:2]))
    compile_model(recipe, model)
    serving = make_serving_model(model, encoder, codec, inputs.shape[1:])
    return Built(model, serving, encoder, codec, describe_layers(recipe, model))


def describe_model(recipe: Recipe, built: Built) -> dict[str, Any]:
    """Facts of a built model for run.json: layers, sizes, and how it is trained."""
    multiply_adds = [row["multiply_adds"] for row in built.layers]
    return {
        "layers": built.layers,
        "parameters": built.model.count_params(),
        "parameters_bytes": sum(
            int(np.prod(weight.shape)) * np.dtype(weight.dtype).itemsize
            for weight in built.model.weights
        ),
        "multiply_adds": None if None in multiply_adds else sum(multiply_adds),
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "optimizer": recipe.optimizer.name,
        "loss": recipe.loss.name,
    }


def _fit(
    run: Run,
    recipe: Recipe,
    encoded: Mapping[str, tuple[np.ndarray, np.ndarray]],
    row_weights: np.ndarray | None,
    built: Built,
    console: Console,
    on_epoch: OnEpoch | None,
    profile: bool,
) -> None:
    """Fit, and keep the history however the fit ends."""
    import keras

    from kerasrecipes.model.build import build_callbacks
    from kerasrecipes.training.batches import count_steps
    from kerasrecipes.training.fit import fit_model
    from kerasrecipes.training.imports import ImportMeanwhile
    from kerasrecipes.training.profile import FitClock, trace_into
    from kerasrecipes.training.progress import ProgressLine

    steps = count_steps(len(encoded["train"][0]), recipe.batch_size)
    progress = ProgressLine(console, recipe.epochs, steps)
    callbacks = [*build_callbacks(recipe, run.path, OWN_FILES), progress]
    callbacks.append(ImportMeanwhile("kerasrecipes.report.plots"))
    if on_epoch:
        callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=on_epoch))
    clock = FitClock()
    callbacks += [clock] if profile else []
    known = [row["multiply_adds"] or 0 for row in built.layers]
    try:
        with trace_into(run.profile_path) if profile else nullcontext():
            fit_model(
                built.model,
                encoded["train"],
                encoded.get("validation"),
                epochs=recipe.epochs,
                batch_size=recipe.batch_size,
                seed=recipe.seed,
                multiply_adds=sum(known),
                row_weights=row_weights,
                callbacks=callbacks,
            )
        if profile:
            run.update(profile=clock.describe())
    except KeyboardInterrupt:
        with replacing(run.model_path) as file:
            built.serving.save(file)
        raise
    finally:
        progress.stop()
        # Keras gives a model its history at the end of the first epoch.
        history = built.model.history.history if hasattr(built.model, "history") else {}
        run.write_history(history)
        run.update(epochs_run=len(history.get("loss", ())))


def _predict(
    run: Run,
    recipe: Recipe,
    dataset: Dataset,
    built: Built,
    metrics: dict[str, dict[str, float]],
) -> None:
    """Predict raw rows, hold the saved model to it, and keep what the report needs."""
    from kerasrecipes.model.serving import make_predictor, verify_saved
    from kerasrecipes.training.scores import score_numbers

    test = dataset.parts["test"]
    predict = make_predictor(built.serving, built.encoder)
    outputs = predict(test.inputs)
    verify_saved(run.model_path, built.encoder, test.inputs, outputs)
    columns = built.codec.decode(outputs)
    run.write_predictions({"row": test.rows} | built.codec.name_actual(test.target) | columns)
    if dataset.task == "regression":
        suffix = "_original_units" if recipe.dataset.standardize_target else ""
        for name, part in dataset.parts.items():
            answers = outputs if part is test else predict(part.inputs)
            metrics[name] |= score_numbers(part.target, answers, dataset.target_names, suffix)
    if dataset.task == "classification" and _is_image(dataset):
        actual = built.codec.name_actual(test.target)["actual"]
        likeliest = np.max([v for k, v in columns.items() if k.startswith("probability_")], axis=0)
        positions = choose_samples(columns["predicted"] == actual, likeliest)
        run.write_samples(images=np.asarray(test.inputs)[positions], positions=positions)


def _choose_plots(recipe: Recipe, dataset: Dataset) -> list[str]:
    if recipe.report is not None:
        return list(recipe.report)
    return list(choose_plots(dataset.task, _is_image(dataset)))


def _is_image(dataset: Dataset) -> bool:
    """Whether the inputs can be drawn: (height, width) or (height, width, 1 or 3)."""
    inputs = dataset.parts["train"].inputs
    if isinstance(inputs, dict):
        return False
    return inputs.ndim == 3 or (inputs.ndim == 4 and inputs.shape[-1] in (1, 3))


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
