"""A recipe compared with itself, by real trainings: seeds are no reason to prefer it to itself."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kerasrecipes.comparison.statistics import Verdict, rank_scores
from kerasrecipes.model.built import build
from kerasrecipes.recipe import load_recipe
from rows.specs import load_dataset

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
    """Validation accuracies after one epoch, one per seed; all in one graph of plain Keras."""
    file = tmp_path_factory.mktemp("recipes") / "digits.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    dataset = load_dataset(load_recipe(file).dataset)
    built = build(load_recipe(file), dataset)
    train, validation = (built.encode(dataset, part) for part in ("train", "validation"))
    found = []
    for seed in range(N_TRAININGS):
        start = build(load_recipe(file, [f"seed={seed}"]), dataset).model.get_weights()
        built.model.set_weights(start)
        keras.utils.set_random_seed(seed)
        built.model.fit(*train, epochs=1, batch_size=64, verbose=0)
        found.append(built.model.evaluate(*validation, verbose=0, return_dict=True)["accuracy"])
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
