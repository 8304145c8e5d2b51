"""The points that a sweep can try; Optuna chooses among them, and a journal keeps the results."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from kerasrecipes.comparison.contenders import read_score
from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.errors import KeyPath, Problem, RecipeError
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.load import Draft
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.recipe.schema import Range, SweepSpec, read_range
from kerasrecipes.report.words import name_score, write_number
from kerasrecipes.runs import list_runs_of
from kerasrecipes.workers import Outcome

if TYPE_CHECKING:
    import optuna

_N_CHECKS = 10  # of a training's scores, at equal distances, by which it may end early
_MOST_POINTS = 10_000  # that are tried one by one, except of a grid
_FEWEST_TRIALS = 20  # for the importance of ranges: two of them are the best tenth
_FEWEST_SCORES = 4  # different ones

Point = dict[str, Any]
"""By range, a number or the text of a value; ranges that do not apply are missing."""


class Space:
    """Ranges around a recipe.

    A range applies where its path leads into the recipe: ``optimizer.SGD.learning_rate`` only
    where another range has set the optimizer to SGD.
    """

    def __init__(self, base: Recipe, spec: SweepSpec) -> None:
        self.base, self.spec = base, spec
        ranges = [read_range(key, value) for key, value in spec.ranges.items()]
        self.ranges = sorted(ranges, key=lambda each: len(each.path))  # outer values come first

    def make(self, point: Mapping[str, Any], name: str) -> Recipe:
        """Make the recipe of a point, or raise RecipeError if its values do not go together."""
        return self._draft(point).finish(name)

    def list_points(
        self,
        choose: Callable[[Range], Iterable[Any]] = Range.list_all,
        point: Point | None = None,
        n_set: int = 0,
    ) -> Iterator[Point]:
        """List the points of all choices for the ranges that apply; by default, of all values."""
        point = point or {}
        if n_set == len(self.ranges):
            yield point
        elif self._applies(each := self.ranges[n_set], point):
            for choice in choose(each):
                yield from self.list_points(choose, {**point, each.key: choice}, n_set + 1)
        else:
            yield from self.list_points(choose, point, n_set + 1)

    @cached_property
    def endpoints(self) -> list[Recipe]:
        """The recipes of the ends of each range, or every problem of every one at its range."""
        recipes: dict[str, Recipe] = {}
        problems: list[Problem] = []
        for inner in self.ranges:
            path = inner.path  # with its ends go those of the ranges that set a value around it
            around = [each for each in self.ranges if path[: len(each.path)] == each.path != path]
            keys = [each.key for each in (*around, inner)]
            drafts: list[Draft] = []
            misfits: list[Problem] = []
            for ends in product(*(each.ends for each in (*around, inner))):
                try:
                    drafts.append(self._draft(dict(zip(keys, ends, strict=True))))
                except RecipeError as error:
                    misfits += error.problems
            problems += [] if drafts else misfits[:1]
            for draft in drafts:
                try:
                    recipe = draft.finish(self.base.name)
                    recipes[recipe.to_yaml()] = recipe
                except RecipeError as error:
                    problems += error.problems
        if problems:
            raise RecipeError([*dict.fromkeys(problems)])
        return [*recipes.values()]

    def _applies(self, inner: Range, point: Mapping[str, Any]) -> bool:
        """Whether a range applies at a point of the ranges before it."""
        try:
            self._draft({**point, inner.key: inner.ends[0]})
        except RecipeError:
            return False
        return True

    def _draft(self, point: Mapping[str, Any]) -> Draft:
        draft = Draft(self.base)
        for each in self.ranges:
            if each.key in point:
                place: KeyPath = ("sweep", "ranges", each.key)
                if each.values:
                    place = (*place, [*each.values].index(point[each.key]))
                draft.set(each.path, each.get_value(point[each.key]), place)
        return draft


@dataclass(frozen=True)
class Plan:
    """A recipe and its ranges, checked; the metric of validation rows; facts of the data."""

    space: Space
    metric: str
    higher_is_better: bool
    facts: Mapping[str, Any]

    @property
    def metric_name(self) -> str:
        """The metric as ``train`` names it: ``Accuracy``, ``MAE ($1000s)``."""
        return name_score(self.metric, self.facts)


@dataclass
class Search:
    """A search for the point with the best score of validation rows; the study has every trial."""

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
        space, spec = self.plan.space, self.plan.space.spec
        if not all(each.list_all() for each in space.ranges):
            return []
        is_grid = spec.strategy == "grid"
        most = spec.trials or (sys.maxsize - 1 if is_grid else _MOST_POINTS)
        found = list(islice(space.list_points(), most + 1))
        return found[:most] if is_grid or len(found) <= most else []

    @property
    def most(self) -> int | None:
        """How many trials there are at the most; None if only a clock ends them."""
        return len(self.points) or self.plan.space.spec.trials

    def measure_importance(self) -> dict[str, float]:
        """Measure which ranges decide whether a score is among the best, as shares of 1.

        The method is PED-ANOVA (Watanabe et al. 2023, doi:10.24963/ijcai.2023/488), which needs
        no forest and takes ranges that apply to some trials only.
        """
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

        scores = [trial.values[0] for trial in self.study.trials if trial.values]
        if len(scores) < _FEWEST_TRIALS or len({*scores}) < _FEWEST_SCORES:
            return {}
        with warnings.catch_warnings(action="ignore"):  # of few trials, as the page says
            return get_param_importances(self.study, evaluator=PedAnovaImportanceEvaluator())

    def run(self) -> None:
        """Train until the budget ends, or every point has been tried; or go on with that."""
        self.started_s = time.monotonic() - self.study.user_attrs.get("seconds", 0)
        watch = self._watch if self.plan.space.spec.prune else None
        ends = self.plan.space.endpoints
        self.trainer.run(self._list_jobs(), self._finish, ends, self.most, watch)

    def _list_jobs(self) -> Iterator[tuple[optuna.Trial, Recipe]]:
        """List trials to train: those of a process that was stopped, then new ones."""
        import optuna

        # Optuna documents no other way to go on with the trials of a process that has ended.
        trials = [
            optuna.Trial(self.study, each._trial_id)
            for each in self.study.get_trials(states=[optuna.trial.TrialState.RUNNING])
        ]
        while trial := trials.pop(0) if trials else self._ask():
            if recipe := self._make_recipe(trial):
                fingerprint = self.plan.facts["fingerprint"]
                self.trainer.fingerprints[recipe.name] = fingerprint
                yield trial, recipe

    def _ask(self) -> optuna.Trial | None:
        """Choose the next point; None at the end of the budget, or when all have been tried."""
        import numpy as np
        from optuna.samplers import RandomSampler, TPESampler
        from optuna.trial import TrialState

        n = sum(trial.state is not TrialState.WAITING for trial in self.study.trials)
        minutes = self.plan.space.spec.minutes
        is_late = minutes is not None and time.monotonic() - self.started_s > 60 * minutes
        if is_late or (self.most is not None and n >= self.most):
            return None
        # Each trial has random numbers of its own, so a resumed sweep chooses as it began.
        seed = int(np.random.SeedSequence([self.plan.space.base.seed, n]).generate_state(1)[0])
        make_sampler = TPESampler if self.plan.space.spec.strategy == "tpe" else RandomSampler
        self.study.sampler = make_sampler(seed=seed)
        if self.points:  # a process that was killed may have enqueued the point
            self.study.enqueue_trial(self.points[n], skip_if_exists=True)
        return self.study.ask()

    def _make_recipe(self, trial: optuna.Trial) -> Recipe | None:
        """Make the recipe of a trial's point, unless there is no need to train it."""
        (point,) = self.plan.space.list_points(lambda each: [_suggest(trial, each)])
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

    def _watch(
        self, trial: optuna.Trial, recipe: Recipe, epoch: int, logs: Mapping[str, float]
    ) -> bool:
        """Stop a training where its scores are worse than those of most others."""
        interval = -(-self.plan.space.base.epochs // _N_CHECKS)
        if epoch % interval or epoch >= recipe.epochs:
            return False
        if epoch not in self.study.trials[trial.number].intermediate_values:  # before it continued
            trial.report(logs[f"val_{find_logged(self.plan.metric)}"], epoch)
        if is_poor := trial.should_prune():
            trial.set_user_attr("stopped_after", epoch)
        return is_poor

    def _finish(self, trial: optuna.Trial, outcome: Outcome) -> tuple[int, str]:
        """Record the end of a trial, and describe it."""
        metric = self.plan.metric
        score = read_score(outcome.run, "validation", metric) if outcome.run else math.nan
        if is_finished := math.isfinite(score):
            state, note = "finished", ""
        elif epoch := trial.user_attrs.get("stopped_after"):
            state, note = "pruned", f"after epoch {epoch:,}"
        else:
            state, note = "failed", outcome.error or f"Its {metric} is not finite."
        self._end(trial, state, note, score if is_finished else None)
        self.study.set_user_attr("seconds", time.monotonic() - self.started_s)
        n_ended = sum(each.state.is_finished() for each in self.study.trials)
        return n_ended, f"{state}: {note}" if note else f"{metric} {write_number(score, 4)}"

    def _end(self, trial: optuna.Trial, state: str, note: str, score: float | None = None) -> None:
        """Record the end of a trial."""
        from optuna.trial import TrialState

        trial.set_user_attr("state", state)
        trial.set_user_attr("note", note)
        # Optuna's samplers overlook failed trials, and would return to values that always fail.
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
