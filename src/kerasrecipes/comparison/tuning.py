"""A learning rate for each recipe, chosen on validation rows with the same budget for all."""

from __future__ import annotations

import math
from collections.abc import Mapping

from kerasrecipes.comparison.comparable import read_score
from kerasrecipes.comparison.contenders import Candidate
from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition
from kerasrecipes.workers import Outcome

TUNING_FACTORS = tuple(10 ** (exponent / 2) for exponent in range(-3, 4))
"""Learning rates to try, as multiples of the recipe's own: from a 30th to 30 times of it."""

_SEED_OFFSET = 1_000_000
"""Separates the seed that chooses a learning rate from those that are compared."""


def tune_learning_rates(
    candidates: Mapping[str, Candidate], trainer: Trainer, metric: str, *, higher_is_better: bool
) -> dict[str, str]:
    """Train each recipe once with every rate, and keep the best on validation rows.

    The seed is one that no comparison uses, and test rows are not used. A run that fails,
    such as by a loss of NaN, is never the best.

    Returns:
        By recipe, the override that sets its rate.

    Raises:
        InputError: A rate is a schedule; nothing was trained.
        RunFailed: A recipe trained with no rate.
    """
    recipes = {name: candidate.load() for name, candidate in candidates.items()}
    tried = {name: _list_rates(recipe) for name, recipe in recipes.items()}
    jobs = [
        candidates[name].load(rate, f"seed={recipes[name].seed + _SEED_OFFSET}")
        for name, rates in tried.items()
        for rate in rates
    ]
    outcomes = iter(trainer.train(jobs))

    def score(outcome: Outcome) -> float:
        value = read_score(outcome.run, "validation", metric) if outcome.run else math.nan
        return -math.inf if math.isnan(value) else value if higher_is_better else -value

    found = {}
    for name, rates in tried.items():
        best = max(((next(outcomes), rate) for rate in rates), key=lambda pair: score(pair[0]))
        if best[0].run is None:
            raise RunFailed(f"{name} trained with no learning rate. {best[0].error}")
        found[name] = best[1]
        rate = best[1].partition("=")[2]
        trainer.console.print(f"{name}: learning_rate {rate} of {len(rates)} tried")
    return found


def _list_rates(recipe: Recipe) -> list[str]:
    """List the overrides to try, around the recipe's learning rate or the optimizer's default."""
    name = find_canonical_name("optimizers", recipe.optimizer.name) or recipe.optimizer.name
    default = find_definition("optimizers", name).arguments.get("learning_rate")
    rate = recipe.optimizer.arguments.get("learning_rate", default)
    key = ("optimizer", recipe.optimizer.name, "learning_rate")
    if not isinstance(rate, int | float):
        message = "--tune needs a learning rate that is a number, not a schedule."
        raise InputError(str(recipe.problem(key, message)))
    return [f"{'.'.join(key)}={rate * factor:.6g}" for factor in TUNING_FACTORS]
