"""A learning rate for each recipe, chosen on validation rows with the same budget for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

from kerasrecipes.comparison.comparable import read_score
from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.keras_names import find_canonical_name, find_definition

TUNING_FACTORS = tuple(10 ** (exponent / 2) for exponent in range(-3, 4))
"""Learning rates to try, as multiples of the recipe's own: from a 30th to 30 times of it."""

_SEED_OFFSET = 1_000_000
"""Separates the seed that chooses a learning rate from those that are compared."""


def tune_learning_rates(
    recipes: Sequence[Recipe], trainer: Trainer, metric: str, *, higher_is_better: bool
) -> list[Recipe]:
    """Train each recipe once with every rate, and return it with the best on validation rows.

    The seed is one that no comparison uses, and test rows are not used. A run that fails,
    such as by a loss of NaN, is never the best.

    Raises:
        InputError: A rate is a schedule; nothing was trained.
        RunFailed: A recipe trained with no rate.
    """
    budgets = [_list_rates(recipe) for recipe in recipes]
    jobs = [
        load_recipe(recipe, [rate, f"seed={recipe.seed + _SEED_OFFSET}"], needs_source=False)
        for recipe, rates in zip(recipes, budgets, strict=True)
        for rate in rates
    ]
    outcomes = iter(trainer.train(jobs))
    sign, tuned = (1 if higher_is_better else -1), []
    for recipe, rates in zip(recipes, budgets, strict=True):
        tried = [(next(outcomes), rate) for rate in rates]
        scores = {r: sign * read_score(o.run, "validation", metric) for o, r in tried if o.run}
        scores = {rate: score for rate, score in scores.items() if not math.isnan(score)}
        if not scores:
            raise RunFailed(f"{recipe.name} trained with no learning rate. {tried[0][0].error}")
        best = max(scores, key=lambda rate: scores[rate])
        tuned.append(load_recipe(recipe, [best], needs_source=False))
        rate = best.partition("=")[2]
        trainer.console.print(f"{recipe.name}: learning_rate {rate} of {len(rates)} tried")
    return tuned


def _list_rates(recipe: Recipe) -> list[str]:
    """List the overrides to try, around the recipe's learning rate or the optimizer's default."""
    optimizer = recipe.optimizer
    name = find_canonical_name("optimizers", optimizer.name) or optimizer.name
    default = find_definition("optimizers", name).arguments.get("learning_rate")
    rate = optimizer.arguments.get("learning_rate", default)
    key = ("optimizer", optimizer.name, "learning_rate")
    if not isinstance(rate, Real):
        message = "--tune needs a learning rate that is a number, not a schedule."
        raise InputError(str(recipe.problem(key, message)))
    return [f"{'.'.join(key)}={float(rate) * factor:.6g}" for factor in TUNING_FACTORS]
