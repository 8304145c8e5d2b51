"""Trains the recipes of a comparison, none of them twice, and shows their progress."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Trainer:
    """Trains recipes, several at once.

    Attributes:
        output_dir: The folder of all runs.
        console: Where progress goes.
        command: The command line that started the runs; empty in Python.
        workers: Processes; None means one per core, or one if there is a GPU to share.
        data: A DataFrame in place of the rows that the recipes name, or None.
        fingerprints: Of the data, by the recipe's name; without one, no finished run is reused.
        address: Of a Ray cluster to train on, or None for this machine.
    """

    output_dir: Path
    console: Console
    command: tuple[str, ...] = ()
    workers: int | None = None
    data: Any = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None

    def train(self, recipes: Sequence[Recipe]) -> list[Outcome]:
        """Train recipes, each with its own seed, unless there is a finished run of the same.

        A run that was interrupted or killed continues from its last checkpoint.

        Returns:
            An outcome per recipe, in their order. A run that fails does not stop the others.

        Raises:
            KeyboardInterrupt: A signal asked to stop; the unfinished runs can be continued.
        """
        finished = [self.find_same(recipe, "finished") for recipe in recipes]
        outcomes = {
            i: Outcome(recipes[i], run, was_reused=True) for i, run in enumerate(finished) if run
        }
        waiting = [i for i in range(len(recipes)) if i not in outcomes]
        crew = self.make_crew(recipes, len(waiting))
        lines = Lines(self.console, len(waiting))
        with catching_signals(owns_process=bool(self.command)), crew, lines.bars:
            futures = {}
            for i in waiting:
                show = partial(lines.show, recipes[i])
                futures[crew.pool.submit(self.train_one, crew, recipes[i], show)] = i
            unfinished = set(futures)
            while unfinished:
                # Without a timeout, Ctrl-C may wait until a run ends.
                done, unfinished = wait(unfinished, _POLL_S, FIRST_COMPLETED)
                for i in sorted(futures[future] for future in done):
                    lines.finish(recipes[i])
        outcomes |= {i: future.result() for future, i in futures.items()}
        return [outcomes[i] for i in range(len(recipes))]

    def make_crew(self, recipes: Sequence[Recipe], most: float = math.inf) -> Crew:
        """Make the workers for recipes: as many as were asked for, and ``most`` at the most."""
        modules = find_modules(recipes)
        if self.address and most:
            from kerasrecipes.cluster.crew import ClusterCrew

            address, size = self.address, self.workers
            return ClusterCrew(address, size, most, modules, self.data, self.console)
        return Crew(int(min(self.workers or count_workers(), most)), modules, self.data)

    def train_one(
        self, crew: Crew, recipe: Recipe, show: Show, *, can_stop: bool = False
    ) -> Outcome:
        """Train a recipe; once more if its worker is killed.

        Args:
            crew: Trains it.
            recipe: The recipe.
            show: Shows its epochs.
            can_stop: Whether the answer of ``show`` may stop it.
        """
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
        """Find the newest run of the same recipe, data and versions with one of the statuses."""
        wanted = self.fingerprints.get(recipe.name, ""), find_versions()
        for run in reversed(self._list_runs_of(recipe)):
            info = run.info
            found = info.get("dataset", {}).get("fingerprint"), info.get("versions")
            # A network of boosting's name may have been trained by itself.
            is_network = run.has_network == (recipe.name != BOOSTING)
            is_same = found == wanted and is_network and "weights_from" not in info
            if is_same and run.status in statuses:
                return run
        return None


class Lines:
    """A bar for all runs, with the newest epoch of any, and a line for each that has ended."""

    def __init__(self, console: Console, n_runs: int | None) -> None:
        self.console, self.n_runs, self.n_done = console, n_runs, 0
        self.bars = Progress(
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.bar = self.bars.add_task("starting", total=n_runs)

    def show(self, recipe: Recipe, epoch: int, logs: Mapping[str, float]) -> bool:
        """Show an epoch and its scores; the training goes on."""
        scores = "".join(f"  {name} {value:.4f}" for name, value in logs.items())
        text = f"{recipe.name}, seed {recipe.seed}: epoch {epoch:,} of {recipe.epochs:,}{scores}"
        self.bars.update(self.bar, description=text)
        return False

    def finish(self, recipe: Recipe, note: str = "") -> None:
        """Count a run that has ended."""
        self.n_done += 1
        self.bars.update(self.bar, completed=self.n_done)
        of_all = f" of {self.n_runs}" if self.n_runs else ""
        line = f"{self.n_done}{of_all}  {recipe.name}, seed {recipe.seed}  {note}".rstrip()
        self.console.print(line, style="dim", soft_wrap=True)
