"""A search finds a lucky score; the confirmation on fresh seeds must not be fooled by it."""

from __future__ import annotations

import numpy as np
import pytest

from kerasrecipes.comparison.statistics import rank_scores
from kerasrecipes.recipe import Recipe
from kerasrecipes.sweeping.steps import proves_better
from sweeping.fake_trainings import make_search

SD = 0.01  # of the scores of one recipe's seeds


def find_claims(n_cases: int, gain: float, seed: int = 0) -> float:
    """The share of sweeps that claim a better recipe, where SGD is better by ``gain``."""
    rng = np.random.default_rng(seed)
    n_claims = 0
    for _ in range(n_cases):

        def draw(is_better: bool) -> float:
            return float(0.8 + gain * is_better + rng.normal(0, SD))

        def score(recipe: Recipe, epoch: int) -> float:
            return draw(recipe.optimizer.name == "SGD")

        search = make_search(score, {"strategy": "random", "trials": 8, "ranges": RANGES})
        search.run()
        best = max(search.rows, key=lambda row: row["score"])
        is_better = best["values"]["optimizer"] == "SGD"
        assert best["score"] > 0.8 + gain * is_better - SD  # the best of several: a lucky one
        fresh = {
            "base": [draw(False) for _ in range(5)],
            "best": [draw(is_better) for _ in range(5)],
        }
        n_claims += proves_better(rank_scores(fresh, "accuracy", higher_is_better=True), "best")
    return n_claims / n_cases


RANGES = {"optimizer": ["adam", "SGD"], "epochs": {"int": [1, 2]}, "batch_size": {"int": [8, 64]}}


@pytest.mark.parametrize("n_cases", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_range_that_holds_nothing_better_is_said_to_hold_nothing_better(n_cases: int) -> None:
    assert find_claims(n_cases, gain=0) <= 0.05


def test_a_range_that_holds_something_better_is_found() -> None:
    assert find_claims(40, gain=5 * SD) >= 0.9


def test_validation_scores_alone_would_claim_far_too_much() -> None:
    """The best of 8 lucky scores against 5 of the base: what the fresh seeds are for."""
    rng = np.random.default_rng(1)
    claims = [max(rng.normal(0, 1, 8)) > np.mean(rng.normal(0, 1, 5)) for _ in range(300)]
    assert np.mean(claims) > 0.9


@pytest.mark.parametrize(("best", "is_proven"), [(0.9, True), (0.8, False), (0.7, False)])
def test_only_a_proven_difference_counts(best: float, is_proven: bool) -> None:
    noise = np.array([0.01, -0.01, 0.02, 0, 0.005])
    scores = {"base": list(0.8 + noise), "best": list(best + noise[::-1])}
    assert proves_better(rank_scores(scores, "r2", higher_is_better=True), "best") is is_proven
