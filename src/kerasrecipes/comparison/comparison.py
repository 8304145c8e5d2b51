"""The steps of a comparison, and the object that it returns."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations, islice
from numbers import Real
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Console

from kerasrecipes.comparison.contenders import (
    BOOSTING,
    Contender,
    Draw,
    Facts,
    Given,
    check_rows,
    choose_metric,
    describe_recipe,
    describe_run,
    find_differences,
    read_contenders,
    read_score,
)
from kerasrecipes.comparison.engine import Trainer, check_boosting
from kerasrecipes.comparison.page import make_rows, render_comparison, write_page
from kerasrecipes.comparison.statistics import Ranking, describe, lower_first, rank_scores
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.keras_names import find_definition
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.report.page import frame_page
from kerasrecipes.report.words import name_score
from kerasrecipes.rows import Dataset, load_for
from kerasrecipes.rows.compatibility import check_compatibility
from kerasrecipes.rows.words import count
from kerasrecipes.runs import check_writable, create_folder
from kerasrecipes.terminal import print_warnings

if TYPE_CHECKING:
    import pandas as pd

TUNING_FACTORS = tuple(10 ** (exponent / 2) for exponent in range(-3, 4))
"""Learning rates to try, as multiples of the recipe's own: from a 30th to 30 times of it."""
_DRAW_KEYS = ("seed", "dataset.split_seed", "dataset.folds", "dataset.fold")
_SEED_OFFSET = 1_000_000  # of the seed that chooses a learning rate, which no comparison uses


@dataclass(frozen=True)
class Comparison:
    """Recipes from best to worst; in a notebook it shows its page.

    Example:
        >>> comparison = kr.compare("iris.yaml", "optimizer=sgd", "optimizer=adam", seeds=5)
        >>> print(comparison)
        >>> pd.DataFrame(comparison.rows)

    Attributes:
        contenders: The recipes with their runs, best first.
        ranking: Ranks and results of the tests.
        part: Which rows were scored: "validation" or "test".
        page: The page's file.
        command: The command that repeats it; empty in Python.
    """

    contenders: tuple[Contender, ...]
    ranking: Ranking
    part: str
    page: Path
    command: str = ""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A mapping per recipe, best first: scores, differences, verdict, sizes and seconds."""
        return make_rows(self)

    @property
    def metric_name(self) -> str:
        """The metric as ``train`` names it: ``Accuracy``, ``MAE ($1000s)``."""
        return name_score(self.ranking.metric, self.contenders[0].runs[0].info["dataset"])

    def __str__(self) -> str:
        metric = f"{self.part} {lower_first(self.metric_name)}"
        return describe(replace(self.ranking, metric=metric))

    def __repr__(self) -> str:
        names = ", ".join(contender.name for contender in self.contenders)
        return f"Comparison({names} by {self.part} {self.ranking.metric}, page={str(self.page)!r})"

    def _repr_html_(self) -> str:
        """The page in a frame, for notebooks."""
        return frame_page(self.page, "Comparison")


def compare(
    *recipes: Given,
    seeds: int = 3,
    splits: int | None = None,
    folds: int | None = None,
    metric: str | None = None,
    tune: str | None = None,
    baselines: bool = False,
    data: pd.DataFrame | None = None,
    part: Literal["validation", "test"] | None = None,
    workers: int | None = None,
    address: str | None = None,
    output_dir: str | Path = "runs",
    console: Console | None = None,
    command: Sequence[str] = (),
) -> Comparison:
    """Train recipes with several seeds each, and test which differences are significant.

    Args:
        recipes: Recipes (files, mappings or Recipes), folders of finished runs, or one recipe and
            variants of it, such as "optimizer=sgd batch_size=64".
        seeds: Trainings of each recipe, on one split.
        splits: The number of splits, each with its own seed; replaces ``seeds``.
        folds: The number of folds, each the test part once with its own seed; replaces ``seeds``.
        metric: The metric used for ranking; None means the first metric that all share.
        tune: "learning_rate": tune that of each recipe on validation rows, compare on test rows.
        baselines: Whether scikit-learn's HistGradientBoosting takes part, on the raw columns of the
            first recipe.
        data: Rows to learn from, in place of those that the recipes name.
        part: The rows that are scored; None means validation rows, if all recipes have any and
            nothing was chosen by them.
        workers: Trainings at once; None means one per core.
        address: The Ray cluster to train on, such as "auto" or "ray://host:10001".
        output_dir: The folder of all runs, and of the comparison's page.
        console: Where progress is printed; None prints nothing.
        command: The command line that started it, for runs and page.

    Raises:
        InputError: A recipe is wrong, or the recipes cannot be compared; nothing was trained.
        RunFailed: A run failed; the others are kept and will be reused.
    """
    console = console or Console(quiet=True, markup=False)
    _check_options(seeds, splits, folds, tune)
    candidates, finished = read_contenders(recipes, data is None, baselines)
    draws = _plan_draws(candidates, finished, seeds, splits, folds)
    finished = [each.take(draws) for each in finished]
    keys = _DRAW_KEYS[: 4 if folds else 2 if splits else 1]
    changes = [[f"{key}={value}" for key, value in zip(keys, d, strict=False)] for d in draws]
    facts = [
        *describe_recipes([_change(c, changes[0]) for c in candidates], data, baselines),
        *(replace(describe_run(each.runs[0]), name=each.name) for each in finished),
    ]
    draw_name = _name_draws(draws)
    check_rows(facts)
    if candidates and draw_name == "split":
        _check_splits(_change(candidates[0], changes[-1]), data, facts[0])
    scored = _choose_part(facts, part, tune, draw_name)
    metric, higher_is_better = choose_metric(facts, metric)
    _warn_of_equals(facts, console)
    folder = Path(output_dir)
    for name in ("comparisons", *(make_folder_name(each.name) for each in candidates)):
        check_writable(folder / name)
    fingerprints = {one.name: one.data["fingerprint"] for one in facts}
    trainer = Trainer(folder, console, tuple(command), workers, data, fingerprints, address)
    if tune:
        candidates = _tune_learning_rates(candidates, trainer, metric, higher_is_better)
    if baselines:
        candidates.append(_change(candidates[0], [f"name={BOOSTING}"]))
        fingerprints[BOOSTING] = facts[0].data["fingerprint"]
    contenders = [*_train(candidates, changes, trainer), *finished]
    ranked, ranking = rank_contenders(contenders, scored, metric, higher_is_better, draw_name)
    file = create_folder(folder / "comparisons", datetime.now()) / "report.html"
    comparison = Comparison(ranked, ranking, scored, file, shlex.join(command))
    write_page(file, render_comparison(comparison), console)
    return comparison


def _check_options(seeds: int, splits: int | None, folds: int | None, tune: str | None) -> None:
    if tune not in (None, "learning_rate"):
        raise InputError(f"tune must be 'learning_rate' (received: {tune!r}).")
    if not hasattr(n := splits or seeds, "__index__") or n < 1:
        raise InputError(f"seeds and splits must be whole numbers from 1 on (received: {n!r}).")
    if folds is not None and (splits or not hasattr(folds, "__index__") or folds < 2):
        rule = "folds must be a whole number from 2 on, and cannot be combined with splits"
        raise InputError(f"{rule} (received: folds={folds!r}, splits={splits!r}).")
    if tune and (splits or folds):
        problem = "tune would choose by rows that are test rows of other splits or folds."
        raise InputError(f"{problem} Use seeds in their place.")


def _check_splits(last: Recipe, data: Any, first: Facts) -> None:
    """Check that the last split of a recipe has other rows than the first one."""
    (facts,) = describe_recipes([last], data)
    if facts.data["target_fingerprint"] == first.data["target_fingerprint"]:
        raise InputError("splits changes nothing: the data have parts of their own. Use seeds.")


def _choose_part(facts: Sequence[Facts], part: str | None, tune: str | None, draw_name: str) -> str:
    """Choose the rows that are scored: test rows if validation rows are missing, or chose."""
    if part and any(part not in one.data["rows"] for one in facts):
        raise InputError(f"part must be one that all recipes have (received: {part!r}).")
    lacking = [one.name for one in facts if "validation" not in one.data["rows"]]
    if tune and lacking:
        problem = f"tune chooses on validation rows: {lacking[0]} has none."
        raise InputError(f"{problem} Set dataset.validation_split.")
    return part or ("test" if lacking or tune or draw_name == "fold" else "validation")


def _warn_of_equals(facts: Sequence[Facts], console: Console) -> None:
    """Point out the first two recipes that differ in nothing; ten of them make 45 pairs."""
    for one, other in combinations(facts, 2):
        has_same_rows = one.data["fingerprint"] == other.data["fingerprint"]
        if has_same_rows and not find_differences([one.settings, other.settings]):
            same = f"{one.name} and {other.name} are the same recipe, trained with the same seeds."
            print_warnings(console, [f"{same} To train more, set seeds."])
            return


def _change(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    return load_recipe(recipe, changes, needs_source=False)


def _plan_draws(
    candidates: Sequence[Recipe],
    finished: Sequence[Contender],
    seeds: int,
    splits: int | None,
    folds: int | None,
) -> list[Draw]:
    """Plan the draws of every recipe: those of the first one that all finished runs have."""
    theirs = [contender.by_draw.keys() for contender in finished]
    if candidates:
        first, spec = candidates[0], candidates[0].dataset
        if splits and spec.is_in_order:
            raise InputError("splits draws rows at random (received: rows in order). Use folds.")
        seed, split_seed, fold = first.seed, spec.split_seed, (spec.folds or 0, spec.fold)
        planned = [
            (seed + i, split_seed + (i if splits else 0), *((folds, i + 1) if folds else fold))
            for i in range(folds or splits or seeds)
        ]
    else:
        planned = sorted(theirs[0])
    draws = [draw for draw in planned if all(draw in known for known in theirs)]
    if not draws:
        names = ", ".join(contender.name for contender in finished)
        raise InputError(
            f"The finished runs of {names} share no seed and split with the others. Compare their "
            "recipes instead of their folders: they are then trained with the same seeds."
        )
    return draws


def _name_draws(draws: Sequence[Draw]) -> str:
    """Name what varies between the runs of a recipe: a fold, a split, or the seed alone."""
    _, split_seeds, _, folds = zip(*draws, strict=True)
    return "fold" if len({*folds}) > 1 else "split" if len({*split_seeds}) > 1 else "seed"


def describe_recipes(
    recipes: Sequence[Recipe], data: Any, baselines: bool = False
) -> Iterator[Facts]:
    """Load each recipe's rows, once for all with the same ``dataset``, and gather its facts."""
    loaded: tuple[str, Dataset] | None = None
    for recipe in recipes:
        key = f"{recipe.loss.name} {recipe.dataset.model_dump_json()}"
        if loaded is None or loaded[0] != key:
            loaded = key, load_for(recipe, data=data)
        check_compatibility(recipe, loaded[1])
        if baselines and recipe is recipes[0]:
            check_boosting(loaded[1])
        yield describe_recipe(recipe, loaded[1])


def _train(
    candidates: Sequence[Recipe], changes: Sequence[Sequence[str]], trainer: Trainer
) -> list[Contender]:
    """Train every recipe once per draw."""
    recipes = [_change(recipe, change) for recipe in candidates for change in changes]
    outcomes = trainer.train(recipes)
    if n_reused := sum(outcome.was_reused for outcome in outcomes):
        text = f"Reused {count(n_reused, 'finished run')} of the same recipe, data and seed."
        trainer.console.print(text, style="dim")
    runs = [outcome.run for outcome in outcomes if outcome.run]
    if len(runs) < len(outcomes):
        failed = [outcome for outcome in outcomes if outcome.run is None]
        reasons = [f"{o.recipe.name}, seed {o.recipe.seed}: {o.error}" for o in failed]
        kept = f"The other runs are kept and will be reused: {len(runs)} of {len(outcomes)}."
        raise RunFailed("\n".join([*reasons, kept]))
    in_order = iter(runs)
    return [Contender(each.name, tuple(islice(in_order, len(changes)))) for each in candidates]


def rank_contenders(
    contenders: Sequence[Contender], part: str, metric: str, higher_is_better: bool, draw_name: str
) -> tuple[tuple[Contender, ...], Ranking]:
    """Rank contenders by a score of their paired runs, and put them in that order."""
    rows = [run.info["dataset"]["rows"] for run in contenders[0].runs]
    ranking = rank_scores(
        {c.name: [read_score(run, part, metric) for run in c.runs] for c in contenders},
        metric,
        higher_is_better=higher_is_better,
        test_share=None if draw_name == "seed" else mean(n[part] / n["train"] for n in rows),
        draw_name=draw_name,
    )
    by_name = {contender.name: contender for contender in contenders}
    return tuple(by_name[standing.name] for standing in ranking.standings), ranking


def _tune_learning_rates(
    recipes: Sequence[Recipe], trainer: Trainer, metric: str, higher_is_better: bool
) -> list[Recipe]:
    """Train each recipe once with every rate, and return it with the best on validation rows."""
    budgets = [_list_rates(recipe) for recipe in recipes]
    jobs = [
        _change(recipe, [rate, f"seed={recipe.seed + _SEED_OFFSET}"])
        for recipe, rates in zip(recipes, budgets, strict=True)
        for rate in rates
    ]
    outcomes = trainer.train(jobs)
    found = [read_score(o.run, "validation", metric) if o.run else math.nan for o in outcomes]
    scores = np.reshape(found, (len(recipes), -1)) * (1 if higher_is_better else -1)
    tuned = []
    for i, (recipe, rates) in enumerate(zip(recipes, budgets, strict=True)):
        if np.isnan(scores[i]).all():
            error = outcomes[i * len(rates)].error
            raise RunFailed(f"{recipe.name} trained with no learning rate. {error}")
        best = rates[np.nanargmax(scores[i])]
        tuned.append(_change(recipe, [best]))
        rate = best.partition("=")[2]
        trainer.console.print(f"{recipe.name}: learning_rate {rate} of {len(rates)} tried")
    return tuned


def _list_rates(recipe: Recipe) -> list[str]:
    """List the overrides to try, around the recipe's learning rate or the optimizer's default."""
    optimizer = recipe.optimizer
    default = find_definition("optimizers", optimizer.name).arguments.get("learning_rate")
    rate = optimizer.arguments.get("learning_rate", default)
    key = ("optimizer", optimizer.name, "learning_rate")
    if not isinstance(rate, Real):
        message = "tune needs a learning rate that is a number, not a schedule."
        raise InputError(str(recipe.problem(key, message)))
    return [f"{'.'.join(key)}={float(rate) * factor:.6g}" for factor in TUNING_FACTORS]
