"""A recipe compared with itself, by real trainings: seeds are no reason to prefer it to itself."""

from __future__ import annotations

import numpy as np
import pytest

from kerasrecipes.comparison.statistics import Verdict, rank_scores
from kerasrecipes.recipe import load_recipe

RECIPE = """
dataset: {name: digits, validation_split: 0.3}
layers:
  - Rescaling: {scale: 1/16}
  - Flatten
  - Dense: {units: 10, activation: softmax}
optimizer: {SGD: {learning_rate: 0.2}}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
batch_size: 64
"""
N_TRAININGS = 24
N_SEEDS = 5
N_COMPARISONS = 1000


@pytest.fixture(scope="module")
def accuracies(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Validation accuracies after one epoch, one per seed."""
    from kerasrecipes.model.built import build
    from kerasrecipes.rows import load_dataset
    from kerasrecipes.training.fit import Scorer, fit_model

    file = tmp_path_factory.mktemp("recipes") / "digits.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    dataset = load_dataset(load_recipe(file).dataset)
    found = []
    for seed in range(N_TRAININGS):
        recipe = load_recipe(file, [f"seed={seed}"])
        built = build(recipe, dataset)
        rows = built.encode(dataset, "train")
        scorer = Scorer(built.model, rows, 64)
        fit_model(built.model, rows, None, epochs=1, batch_size=64, seed=seed, scorer=scorer)
        scores = scorer(built.encode(dataset, "validation"))
        found.append(scores["accuracy"])
    return np.asarray(found)


def test_seeds_scatter(accuracies: np.ndarray) -> None:
    assert accuracies.std() > 0.003
    assert accuracies.min() > 0.3


def test_a_recipe_is_rarely_better_or_worse_than_itself(accuracies: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    n_wrong = 0
    for _ in range(N_COMPARISONS):
        drawn = rng.choice(accuracies, size=(2, N_SEEDS), replace=False)
        comparison = rank_scores(
            {"a": drawn[0].tolist(), "b": drawn[1].tolist()}, "accuracy", higher_is_better=True
        )
        verdicts = {standing.verdict for standing in comparison.standings}
        n_wrong += bool(verdicts & {Verdict.BETTER, Verdict.WORSE})
    # Comparisons share trainings, so their count scatters more than a binomial one's would.
    assert n_wrong / N_COMPARISONS <= 0.06


def test_a_difference_of_two_standard_deviations_is_found(accuracies: np.ndarray) -> None:
    """Two standard deviations of the paired difference, as one pair of seeds shows it."""
    rng = np.random.default_rng(1)
    shift = 2 * np.sqrt(2) * accuracies.std(ddof=1)
    n_found = 0
    for _ in range(N_COMPARISONS):
        drawn = rng.choice(accuracies, size=(2, N_SEEDS), replace=False)
        comparison = rank_scores(
            {"a": drawn[0].tolist(), "b": (drawn[1] + shift).tolist()},
            "accuracy",
            higher_is_better=True,
        )
        n_found += comparison.standings[0].verdict is Verdict.BETTER
    assert n_found / N_COMPARISONS >= 0.8
