"""Trains many recipes at once, none of them twice, and shows their progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from kerasrecipes.comparison.boosting import BoostingJob
from kerasrecipes.comparison.contenders import BOOSTING, is_usable
from kerasrecipes.interrupts import catching_signals
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.resuming import Resumption
from kerasrecipes.run_facts import find_versions
from kerasrecipes.runs import Run, RunWriter, list_runs_of
from kerasrecipes.workers import Crew, Job, Outcome, Show, WorkerEnded, count_workers, find_modules

_POLL_S = 0.2
_N_ATTEMPTS = 2

_Key = TypeVar("_Key")
Watch = Callable[[_Key, Recipe, int, Mapping[str, float]], bool]
"""Looks at the scores of an epoch, counted from 1; returns whether the training should stop now."""
Finish = Callable[[_Key, Outcome], tuple[int, str]]
"""Records the end of a training; returns how many have ended, and a note about this one."""


@dataclass(frozen=True)
class Trainer:
    """Trains recipes, several at once.

    Attributes:
        output_dir: The folder of all runs.
        console: Where progress goes.
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
        reused = {i: run for i, each in enumerate(recipes) if (run := self.find_same(each))}
        outcomes = {i: Outcome(recipes[i], run, was_reused=True) for i, run in reused.items()}
        waiting = [(i, each) for i, each in enumerate(recipes) if i not in reused]

        def finish(i: int, outcome: Outcome) -> tuple[int, str]:
            outcomes[i] = outcome
            return len(outcomes) - len(reused), ""

        if waiting:
            self.run(iter(waiting), finish, recipes, len(waiting))
        return [outcomes[i] for i in range(len(recipes))]

    def run(
        self,
        jobs: Iterator[tuple[_Key, Recipe]],
        finish: Finish[_Key],
        recipes: Sequence[Recipe],
        n_jobs: int | None,
        watch: Watch[_Key] | None = None,
    ) -> None:
        """Train recipes, each taken from an iterator when a worker is free for it.

        Args:
            jobs: Recipes, each with the key that ``finish`` and ``watch`` get.
            finish: Called after each training.
            recipes: They have every class of the caller's own that the jobs need.
            n_jobs: How many there are at the most; None if that is not known.
            watch: Called after each epoch; None lets all trainings go on.

        Raises:
            KeyboardInterrupt: A signal asked to stop; the unfinished runs can be continued.
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

        def show(key: _Key, recipe: Recipe, epoch: int, logs: Mapping[str, float]) -> bool:
            scores = "".join(f"  {name} {value:.4f}" for name, value in logs.items())
            place = f"epoch {epoch:,} of {recipe.epochs:,}"
            text = f"{recipe.name}, seed {recipe.seed}: {place}{scores}"
            bars.update(bar, description=text)
            return bool(watch and epoch and watch(key, recipe, epoch, logs))

        crew = self.make_crew(recipes, n_jobs or math.inf)
        running: dict[Future[Outcome], _Key] = {}
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
            try:
                resumption = Resumption(unfinished, recipe) if unfinished else None
                job = make_job(recipe, self.output_dir, self.command, resumption, can_stop)
                show(0, {})
                return crew.train(job, show)
            except WorkerEnded as error:
                reason = str(error)
                if not error.was_killed or crew.is_closing:
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
