"""Optuna chooses points, workers train their recipes, and a journal keeps the results."""

from __future__ import annotations

import math
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
from kerasrecipes.recipe.ranges import Range
from kerasrecipes.report.words import write_number
from kerasrecipes.runs import list_runs_of
from kerasrecipes.sweeping.space import Plan
from kerasrecipes.workers import Crew, Outcome, Show

if TYPE_CHECKING:
    import optuna

_POLL_S = 0.2
_N_CHECKS = 10  # of a training's scores, at equal distances, by which it may end early
_MOST_POINTS = 10_000  # that are counted
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
        for number, kept in enumerate(self._list_kept(), 1):
            name = make_folder_name(self._name(number))
            runs = list_runs_of(self.trainer.output_dir / name)
            rows.append(
                {
                    "trial": number,
                    "state": kept.user_attrs.get("state", "running"),
                    "score": kept.values[0] if kept.values else math.nan,
                    "note": kept.user_attrs.get("note", ""),
                    "run": str(runs[-1].path) if runs else "",
                    "values": kept.params,
                }
            )
        return rows

    @cached_property
    def n_points(self) -> int | None:
        """How many points there are; None if they cannot be counted, or are very many."""
        if not all(each.list_all() for each in self.plan.space.ranges):
            return None
        n = sum(1 for _ in islice(self.plan.space.list_points(), _MOST_POINTS + 1))
        return n if n <= _MOST_POINTS else None

    def measure_importance(self) -> dict[str, float]:
        """Measure which ranges decide whether a score is among the best, as shares of 1.

        The method is PED-ANOVA (Watanabe et al. 2023, doi:10.24963/ijcai.2023/488), which needs
        no forest and takes ranges that apply to some trials only.
        """
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        scores = {trial.values[0] for trial in self._list_kept() if trial.values}
        if len(scores) < _FEWEST_SCORES:
            return {}
        return get_param_importances(self.study, evaluator=PedAnovaImportanceEvaluator())

    def run(self) -> None:
        """Train until the budget ends, or every point has been tried.

        Raises:
            KeyboardInterrupt: A signal asked to stop; ``run`` continues the trials later.
        """
        self._take_up()
        lines = Lines(self.trainer.console, self._count_trials())
        crew = self.trainer.make_crew(self.plan.space.endpoints, lines.n_runs or math.inf)
        started_s = time.monotonic() - self.study.user_attrs.get("seconds", 0)
        running: dict[Future[Outcome], optuna.Trial] = {}
        with catching_signals(owns_process=bool(self.trainer.command)), crew, lines.bars:
            while True:
                while len(running) < crew.size and (asked := self._ask(started_s)):
                    trial, recipe = asked
                    show = self._watch(trial, recipe, lines.add(recipe))
                    running[crew.pool.submit(self._train, crew, recipe, show)] = trial
                if not running:
                    break
                # Without a timeout, Ctrl-C may wait until a run ends.
                done, _ = wait(running, _POLL_S, FIRST_COMPLETED)
                for future in done:
                    note = self._tell(running.pop(future), future.result())
                    lines.n_done = sum(each.state.is_finished() for each in self._list_kept()) - 1
                    lines.finish(future.result().recipe, note)
                    self.study.set_user_attr("seconds", time.monotonic() - started_s)

    def _list_kept(self) -> list[optuna.trial.FrozenTrial]:
        """Optuna's trials by our numbers; one that was continued replaces the one before."""
        kept = {trial.user_attrs.get("number"): trial for trial in self.study.trials}
        return [kept[number] for number in range(1, len(kept) + 1) if number in kept]

    def _count_trials(self) -> int | None:
        """How many trials there are at the most; None if only a clock ends them."""
        limits = [
            self.plan.spec.trials,
            self.n_points if self.plan.spec.strategy == "grid" else None,
        ]
        return min((limit for limit in limits if limit is not None), default=None)

    def _take_up(self) -> None:
        """Let the trials of a process that has ended be asked for again."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(states=[TrialState.RUNNING]):
            self.study.tell(trial.number, state=TrialState.FAIL)
            scores = {str(step): score for step, score in trial.intermediate_values.items()}
            if "number" in trial.user_attrs:
                attributes = trial.user_attrs | {"scores": scores}
                self.study.enqueue_trial(trial.params, attributes)

    def _ask(self, started_s: float) -> tuple[optuna.Trial, Recipe] | None:
        """Choose the next point that is to be trained, and make its recipe; None at the end."""
        from optuna.trial import TrialState

        while True:
            kept, most = self._list_kept(), self._count_trials()
            waiting = self.study.get_trials(deepcopy=False, states=[TrialState.WAITING])
            tried = {str(sorted(each.params.items())) for each in kept}
            passed_s = time.monotonic() - started_s
            is_late = self.plan.spec.minutes is not None and passed_s > 60 * self.plan.spec.minutes
            is_enough = is_late or (most is not None and len(kept) >= most)
            if not waiting and (is_enough or len(tried) == self.n_points):
                return None
            # Each trial has random numbers of its own, so a resumed sweep goes on as it began.
            self.study.sampler = self._make_sampler(len(kept))
            if self.plan.spec.strategy == "grid" and not waiting:
                (point,) = islice(self.plan.space.list_points(), len(kept), len(kept) + 1)
                self.study.enqueue_trial(point)
            trial = self.study.ask()
            trial.set_user_attr("number", trial.user_attrs.get("number", len(kept) + 1))
            for step, score in trial.user_attrs.get("scores", {}).items():
                trial.report(score, int(step))
            point = self.plan.space.choose(partial(_suggest, trial))
            same = [each for each in kept if each.params == point]
            if same and (same[0].values or not same[0].state.is_finished()):
                note = f"the point of trial {same[0].user_attrs['number']}"
                if same[0].values:
                    self._end(trial, "finished", note, same[0].values[0])
                else:  # it is in training
                    self._end(trial, "pruned", note)
                continue
            try:
                recipe = self.plan.space.make(point, self._name(trial.user_attrs["number"]))
                return trial, load_recipe(recipe, needs_source=False, report=[])  # draws no plots
            except RecipeError as error:  # values that do not go together
                self._end(trial, "failed", str(error))

    def _make_sampler(self, n: int) -> optuna.samplers.BaseSampler:
        import numpy as np
        from optuna.samplers import RandomSampler, TPESampler

        seed = int(np.random.SeedSequence([self.plan.space.base.seed, n]).generate_state(1)[0])
        return TPESampler(seed=seed) if self.plan.spec.strategy == "tpe" else RandomSampler(seed)

    def _watch(self, trial: optuna.Trial, recipe: Recipe, show: Show) -> Show:
        """Show a training, and stop it where its scores are worse than those of most others."""
        column = f"val_{find_logged(self.plan.metric)}"
        interval = -(-self.plan.space.base.epochs // _N_CHECKS)

        def show_and_check(epoch: int, logs: Mapping[str, float]) -> bool:
            show(epoch, logs)
            if not self.plan.spec.prune or not epoch or epoch % interval or epoch >= recipe.epochs:
                return False
            if str(epoch) not in trial.user_attrs.get("scores", {}):
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
        epoch = trial.user_attrs.get("stopped_after")
        if math.isfinite(score):
            self._end(trial, "finished", "", score)
            return f"{self.plan.metric} {write_number(score, 4)}"
        if epoch:
            self._end(trial, "pruned", f"after epoch {epoch:,}")
            return f"pruned after epoch {epoch:,}"
        note = outcome.error or f"Its {self.plan.metric} is not finite."
        self._end(trial, "failed", note)
        return f"failed: {note}"

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
        return f"{self.plan.space.base.name} trial {number}"


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
