"""Optuna chooses points, workers train their recipes, and a journal keeps the results."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from kerasrecipes.comparison.comparable import read_score
from kerasrecipes.comparison.engine import Lines, Trainer
from kerasrecipes.errors import RecipeError
from kerasrecipes.interrupts import catching_signals
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.recipe.schema import Range
from kerasrecipes.report.words import write_number
from kerasrecipes.runs import list_runs_of
from kerasrecipes.sweeping.space import Plan, Point
from kerasrecipes.workers import Crew, Outcome, Show

if TYPE_CHECKING:
    import optuna

_POLL_S = 0.2
_N_CHECKS = 10  # of a training's scores, at equal distances, by which it may end early
_MOST_POINTS = 10_000  # that are tried one by one, except of a grid
_FEWEST_SCORES = 4  # for the importance of ranges


@dataclass
class Search:
    """A search for the point with the best score of validation rows.

    Attributes:
        plan: The points, and how they are chosen.
        trainer: Trains the recipe of each trial.
        study: Optuna's, which keeps every trial.
    """

    plan: Plan
    trainer: Trainer
    study: optuna.Study

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A mapping per trial: its number, state, score, note, folder of its run, and values."""
        rows = []
        for trial in self.study.trials:
            name = make_folder_name(self._name(trial.number))
            runs = list_runs_of(self.trainer.output_dir / name)
            rows.append(
                {
                    "trial": trial.number + 1,
                    "state": trial.user_attrs.get("state", "running"),
                    "score": trial.values[0] if trial.values else math.nan,
                    "note": trial.user_attrs.get("note", ""),
                    "run": str(runs[-1].path) if runs else "",
                    "values": trial.params,
                }
            )
        return rows

    @cached_property
    def points(self) -> list[Point]:
        """All points, to be tried one by one: those of a grid, or if there are trials for all."""
        spec, space = self.plan.spec, self.plan.space
        if not all(each.list_all() for each in space.ranges):
            return []
        is_grid = spec.strategy == "grid"
        most = spec.trials or (sys.maxsize - 1 if is_grid else _MOST_POINTS)
        found = list(islice(space.list_points(), most + 1))
        return found[:most] if is_grid or len(found) <= most else []

    @property
    def most(self) -> int | None:
        """How many trials there are at the most; None if only a clock ends them."""
        return len(self.points) or self.plan.spec.trials

    def measure_importance(self) -> dict[str, float]:
        """Measure which ranges decide whether a score is among the best, as shares of 1.

        The method is PED-ANOVA (Watanabe et al. 2023, doi:10.24963/ijcai.2023/488), which needs
        no forest and takes ranges that apply to some trials only.
        """
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        scores = {trial.values[0] for trial in self.study.trials if trial.values}
        if len(scores) < _FEWEST_SCORES:
            return {}
        return get_param_importances(self.study, evaluator=PedAnovaImportanceEvaluator())

    def run(self) -> None:
        """Train until the budget ends, or every point has been tried.

        Raises:
            KeyboardInterrupt: A signal asked to stop; ``run`` continues the trials later.
        """
        import optuna

        # Optuna documents no other way to go on with the trials of a process that has ended.
        waiting = [
            optuna.Trial(self.study, each._trial_id)
            for each in self.study.get_trials(states=[optuna.trial.TrialState.RUNNING])
        ]
        lines = Lines(self.trainer.console, self.most)
        crew = self.trainer.make_crew(self.plan.space.endpoints, lines.n_runs or math.inf)
        started_s = time.monotonic() - self.study.user_attrs.get("seconds", 0)
        running: dict[Future[Outcome], optuna.Trial] = {}
        with catching_signals(owns_process=bool(self.trainer.command)), crew, lines.bars:
            while True:
                while len(running) < crew.size:
                    passed_s = time.monotonic() - started_s
                    trial = waiting.pop(0) if waiting else self._ask(passed_s)
                    if trial is None:
                        break
                    if recipe := self._make_recipe(trial):
                        show = self._watch(trial, recipe, partial(lines.show, recipe))
                        running[crew.pool.submit(self._train, crew, recipe, show)] = trial
                if not running:
                    break
                # Without a timeout, Ctrl-C may wait until a run ends.
                done, _ = wait(running, _POLL_S, FIRST_COMPLETED)
                for future in done:
                    note = self._tell(running.pop(future), future.result())
                    lines.n_done = sum(each.state.is_finished() for each in self.study.trials) - 1
                    lines.finish(future.result().recipe, note)
                    self.study.set_user_attr("seconds", time.monotonic() - started_s)

    def _ask(self, passed_s: float) -> optuna.Trial | None:
        """Choose the next point; None at the end of the budget, or when all have been tried."""
        from optuna.trial import TrialState

        n = sum(trial.state is not TrialState.WAITING for trial in self.study.trials)
        minutes = self.plan.spec.minutes
        is_late = minutes is not None and passed_s > 60 * minutes
        if is_late or (self.most is not None and n >= self.most):
            return None
        # Each trial has random numbers of its own, so a resumed sweep chooses as it began.
        self.study.sampler = self._make_sampler(n)
        if self.points:  # a process that was killed may have enqueued the point
            self.study.enqueue_trial(self.points[n], skip_if_exists=True)
        return self.study.ask()

    def _make_recipe(self, trial: optuna.Trial) -> Recipe | None:
        """Make the recipe of a trial's point, unless there is no need to train it."""
        point = self.plan.space.choose(partial(_suggest, trial))
        for other in self.study.trials:
            if other.params == point and other.number < trial.number and other.values:
                note = f"the point of trial {other.number + 1}"
                self._end(trial, "finished", note, other.values[0])
                return None
        try:
            recipe = self.plan.space.make(point, self._name(trial.number))
            return load_recipe(recipe, needs_source=False, report=[])  # draws no plots
        except RecipeError as error:  # values that do not go together
            self._end(trial, "failed", str(error))
            return None

    def _make_sampler(self, n: int) -> optuna.samplers.BaseSampler:
        import numpy as np
        from optuna.samplers import RandomSampler, TPESampler

        seed = int(np.random.SeedSequence([self.plan.space.base.seed, n]).generate_state(1)[0])
        return TPESampler(seed=seed) if self.plan.spec.strategy == "tpe" else RandomSampler(seed)

    def _watch(self, trial: optuna.Trial, recipe: Recipe, show: Show) -> Show:
        """Show a training, and stop it where its scores are worse than those of most others."""
        column = f"val_{find_logged(self.plan.metric)}"
        interval = -(-self.plan.space.base.epochs // _N_CHECKS)
        reported = self.study.trials[trial.number].intermediate_values  # before it was stopped

        def show_and_check(epoch: int, logs: Mapping[str, float]) -> bool:
            show(epoch, logs)
            if not self.plan.spec.prune or not epoch or epoch % interval or epoch >= recipe.epochs:
                return False
            if epoch not in reported:
                trial.report(logs[column], epoch)
            if is_poor := trial.should_prune():
                trial.set_user_attr("stopped_after", epoch)
            return is_poor

        return show_and_check

    def _train(self, crew: Crew, recipe: Recipe, show: Show) -> Outcome:
        """Train a recipe, unless it was trained before the sweep was interrupted."""
        trainer = replace(self.trainer, fingerprints={recipe.name: self.plan.facts["fingerprint"]})
        if run := trainer.find_same(recipe, "finished"):
            return Outcome(recipe, run, was_reused=True)
        return trainer.train_one(crew, recipe, show, can_stop=self.plan.spec.prune)

    def _tell(self, trial: optuna.Trial, outcome: Outcome) -> str:
        """Record the end of a trial, and describe it."""
        score = read_score(outcome.run, "validation", self.plan.metric) if outcome.run else math.nan
        if math.isfinite(score):
            self._end(trial, "finished", "", score)
            return f"{self.plan.metric} {write_number(score, 4)}"
        epoch = trial.user_attrs.get("stopped_after")
        state = "pruned" if epoch else "failed"
        note = outcome.error or f"Its {self.plan.metric} is not finite."
        self._end(trial, state, f"after epoch {epoch:,}" if epoch else note)
        return f"{state}: {note}"

    def _end(self, trial: optuna.Trial, state: str, note: str, score: float | None = None) -> None:
        """Record the end of a trial.

        A failed one counts as pruned for Optuna: its samplers overlook failed trials, and would
        return to values that always fail.
        """
        from optuna.trial import TrialState

        trial.set_user_attr("state", state)
        trial.set_user_attr("note", note)
        self.study.tell(trial, score, TrialState.PRUNED if score is None else None)

    def _name(self, number: int) -> str:
        return f"{self.plan.space.base.name} trial {number + 1}"


def find_logged(metric: str) -> str:
    """The metric of every epoch that orders recipes as a score in the target's units does."""
    return metric.removesuffix("_original_units")


def _suggest(trial: optuna.Trial, each: Range) -> Any:
    if each.values:
        return trial.suggest_categorical(each.key, list(each.values))
    if each.is_int:
        low, high, step = int(each.low), int(each.high), int(each.step or 1)
        return trial.suggest_int(each.key, low, high, step=step, log=each.is_log)
    return trial.suggest_float(each.key, each.low, each.high, step=each.step, log=each.is_log)
