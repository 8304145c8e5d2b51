"""Trains many recipes at once, none of them twice, and HistGradientBoosting beside them."""

from __future__ import annotations

import math
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from kerasrecipes.comparison.contenders import BOOSTING, is_usable
from kerasrecipes.errors import InputError
from kerasrecipes.interrupts import catching_signals
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.recipe.rules import find_directions
from kerasrecipes.resuming import Resumption
from kerasrecipes.rows import Dataset, load_for
from kerasrecipes.rows.windows import Series
from kerasrecipes.run_facts import describe_dataset, find_versions
from kerasrecipes.runs import Run, RunWriter, create_run, list_runs_of
from kerasrecipes.workers import Crew, Job, Outcome, Show, count_workers, find_modules

_POLL_S = 0.2
_N_ATTEMPTS = 2
_MOST_CATEGORIES = 255
"""Of a column; scikit-learn takes no more, and rarer ones count as missing."""


@dataclass(frozen=True)
class Trainer:
    """Trains recipes, several at once.

    Attributes:
        command: The command line that started the runs; empty in Python.
        workers: Processes; None means one per core, or one if there is a GPU to share.
        data: A DataFrame in place of the rows that the recipes name, or None.
        fingerprints: Of the data, by the recipe's name; without one, no run is reused or continued.
        address: Of a Ray cluster to train on, or None for this machine.
    """

    output_dir: Path
    console: Console
    command: tuple[str, ...] = ()
    workers: int | None = None
    data: Any = None
    fingerprints: dict[str, str] = field(default_factory=dict)
    address: str | None = None

    def train(self, recipes: Sequence[Recipe]) -> list[Outcome]:
        """Train recipes, each with its own seed, unless there is a finished run of the same.

        Returns an outcome per recipe, in their order. A run that fails does not stop the others.
        """
        outcomes: dict[int, Outcome] = {}

        def finish(i: int, outcome: Outcome) -> tuple[int, str]:
            outcomes[i] = outcome
            return len(outcomes), "reused" if outcome.was_reused else ""

        self.run(enumerate(recipes), finish, recipes, len(recipes))
        return [outcomes[i] for i in range(len(recipes))]

    def run(
        self,
        jobs: Iterator[tuple[Any, Recipe]],
        finish: Callable[[Any, Outcome], tuple[int, str]],
        recipes: Sequence[Recipe],
        n_jobs: int | None,
        watch: Callable[[Any, Recipe, int, Mapping[str, float]], bool] | None = None,
    ) -> None:
        """Train recipes, each taken from an iterator when a worker is free for it.

        Args:
            jobs: At most ``n_jobs`` recipes, with the keys that ``finish`` and ``watch`` get.
            finish: Called after each training; returns how many have ended, and a note on it.
            recipes: They have every class of the caller's own that the jobs need.
            watch: Called with the scores of each epoch; returns whether the training should stop.
        """
        bars = Progress(
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        bar = bars.add_task("starting", total=n_jobs)

        def show(key: Any, recipe: Recipe, epoch: int, logs: Mapping[str, float]) -> bool:
            scores = "".join(f"  {name} {value:.4f}" for name, value in logs.items())
            place = f"epoch {epoch:,} of {recipe.epochs:,}"
            text = f"{recipe.name}, seed {recipe.seed}: {place}{scores}"
            bars.update(bar, description=text)
            return bool(watch and epoch and watch(key, recipe, epoch, logs))

        crew = self.make_crew(recipes, n_jobs or math.inf)
        running: dict[Future[Outcome], Any] = {}
        with catching_signals(owns_process=bool(self.command)), crew, bars:
            while True:
                while len(running) < crew.size and (job := next(jobs, None)):
                    report, can_stop = partial(show, *job), watch is not None
                    future = crew.pool.submit(self.train_one, crew, job[1], report, can_stop)
                    running[future] = job[0]
                if not running:
                    break
                # Without a timeout, Ctrl-C may wait until a run ends.
                for future in wait(running, _POLL_S, FIRST_COMPLETED).done:
                    outcome = future.result()
                    n_done, note = finish(running.pop(future), outcome)
                    bars.update(bar, completed=n_done)
                    place = f"{n_done} of {n_jobs}" if n_jobs else f"{n_done}"
                    line = f"{place}  {outcome.recipe.name}, seed {outcome.recipe.seed}  {note}"
                    self.console.print(line.rstrip(), style="dim", soft_wrap=True)

    def make_crew(self, recipes: Sequence[Recipe], most: float) -> Crew:
        """Make the workers for recipes: as many as were asked for, and ``most`` at the most."""
        modules = find_modules(recipes)
        if self.address:
            from kerasrecipes.cluster.crew import ClusterCrew

            address, size = self.address, self.workers
            return ClusterCrew(address, size, most, modules, self.data, self.console)
        return Crew(int(min(self.workers or count_workers(), most)), modules, self.data)

    def train_one(self, crew: Crew, recipe: Recipe, show: Show, can_stop: bool) -> Outcome:
        """Train a recipe, or continue its unfinished run; once more if its worker is killed."""
        if finished := self.find_same(recipe):
            return Outcome(recipe, finished, was_reused=True)
        make_job = BoostingJob if recipe.name == BOOSTING else Job
        reason = ""
        for _ in range(_N_ATTEMPTS):
            unfinished = self.find_same(recipe, "killed", "interrupted")
            resumption = Resumption(unfinished, recipe) if unfinished else None
            job = make_job(recipe, self.output_dir, self.command, resumption, can_stop)
            show(0, {})
            outcome = crew.train(job, show)
            if outcome.was_killed is None:
                return outcome
            reason = outcome.error
            if not outcome.was_killed or crew.is_closing:
                break
        for run in self._list_runs_of(recipe)[-1:]:
            if run.status == "killed":
                RunWriter(run.path).update(status="failed", error=reason)
            reason += f" Its log: {run.log_path}"
        return Outcome(recipe, None, reason)

    def _list_runs_of(self, recipe: Recipe) -> list[Run]:
        """The runs of the same resolved recipe, seed included, oldest first."""
        runs = list_runs_of(self.output_dir / make_folder_name(recipe.name))
        return [run for run in runs if is_usable(run) and run.recipe_text == recipe.to_yaml()]

    def find_same(self, recipe: Recipe, *statuses: str) -> Run | None:
        """Find the newest run of the same recipe, data and versions; a finished one by default."""
        wanted = self.fingerprints.get(recipe.name, ""), find_versions()
        for run in reversed(self._list_runs_of(recipe)):
            info = run.info
            found = info.get("dataset", {}).get("fingerprint"), info.get("versions")
            # A network of boosting's name may have been trained by itself.
            is_network = run.has_network == (recipe.name != BOOSTING)
            is_same = found == wanted and is_network and "weights_from" not in info
            if is_same and run.status in (statuses or ("finished",)):
                return run
        return None


def check_boosting(dataset: Dataset) -> None:
    """Check that HistGradientBoosting takes a data set's rows: a table without free texts."""
    inputs = dataset.parts["train"].inputs
    has_text = any(column.kind == "text" for column in dataset.columns)
    if has_text or isinstance(inputs, Series) or not isinstance(inputs, dict):
        raise InputError(
            f"{BOOSTING} takes tables of numbers and categories, neither texts, arrays nor windows "
            f"(received: {dataset.name}). Compare without --baselines."
        )


class BoostingJob(Job):
    """Fits HistGradientBoosting to a recipe's rows, and writes its scores as those of a run."""

    def make_run(self, data: Any, show: Show) -> Run:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        from kerasrecipes.model.built import build
        from kerasrecipes.training.assessment import fit_baseline, score_baseline

        recipe = self.recipe
        dataset, started_at = load_for(recipe, data=data), datetime.now()
        built = build(recipe, dataset)
        train: Any = dataset.parts["train"].inputs
        is_regression = dataset.task == "regression"
        make = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
        estimator = make(
            categorical_features=[values.dtype == object for values in train.values()],
            random_state=recipe.seed,
        )
        started_s = time.perf_counter()
        rows = np.arange(len(dataset.parts["train"]))
        predict = fit_baseline(estimator, _stack(train, train), rows, recipe, dataset, built)
        seconds = {"fit": round(time.perf_counter() - started_s, 3)}
        parts = dataset.parts.items()
        answers = {name: predict(_stack(part.inputs, train)) for name, part in parts}
        run = create_run(self.output_dir, make_folder_name(recipe.name), started_at)
        run.write_recipe(recipe.to_yaml())
        run.write_history({})
        run.write_metrics(score_baseline(recipe, dataset, built, answers))
        run.update(
            status="finished",
            name=recipe.name,
            command=shlex.join(self.command),
            seed=recipe.seed,
            started_at=started_at.isoformat(timespec="seconds"),
            dataset=describe_dataset(recipe, dataset),
            versions=find_versions(),
            higher_is_better=find_directions(recipe.metrics),
            epochs_run=0,
            parameters=0,
            seconds=seconds,
        )
        return run


def _stack(inputs: Any, train: Any) -> NDArray[np.float64]:
    """Columns side by side: numbers as they are, categories as their places by frequency."""
    stacked = np.full((len(next(iter(inputs.values()))), len(inputs)), np.nan)
    for i, (name, values) in enumerate(inputs.items()):
        if values.dtype == object:
            common = Counter(filter(None, train[name])).most_common(_MOST_CATEGORIES)
            places = {category: place for place, (category, _) in enumerate(common)}
            values = [places.get(value, np.nan) for value in values]
        stacked[:, i] = values
    return stacked
