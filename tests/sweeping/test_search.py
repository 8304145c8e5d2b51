"""The search: which points are trained, how trials end, and that it continues as it began."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import optuna
import pytest

from kerasrecipes.recipe import Recipe
from sweeping.fake_trainings import make_search


def score_rate(recipe: Recipe, epoch: int) -> float:
    """Best for SGD with a learning rate of 0.01."""
    rate = recipe.optimizer.arguments.get("learning_rate", 1e-4)
    return 0.9 - 0.05 * abs(math.log10(rate) + 2) - 0.1 / epoch


def list_points(search: Any) -> list[Any]:
    return [(row["values"], row["score"], row["state"]) for row in search.rows]


def test_a_grid_trains_every_point_once() -> None:
    trained: list[str] = []

    def score(recipe: Recipe, epoch: int) -> float:
        if epoch == 1:
            trained.append(recipe.to_yaml())
        return 0.5

    ranges = {"optimizer": ["adam", "SGD"], "optimizer.SGD.momentum": [0, 0.9], "epochs": [2, 3]}
    search = make_search(score, {"ranges": ranges, "strategy": "grid", "trials": None})
    search.run()
    assert len(trained) == len({*trained}) == 6
    assert [row["state"] for row in search.rows] == ["finished"] * 6
    few = make_search(score, {"ranges": ranges, "strategy": "grid", "trials": 4})
    few.run()
    assert [row["values"] for row in few.rows] == [row["values"] for row in search.rows[:4]]


@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_a_search_is_repeated_by_its_seed(strategy: str) -> None:
    searches = [make_search(score_rate, {"strategy": strategy, "trials": 16}) for _ in range(2)]
    for search in searches:
        search.run()
    first, second = map(list_points, searches)
    assert first == second
    assert len(first) == 16
    assert len({str(values) for values, _, _ in first if len(values) == 2}) > 4


def test_a_point_that_was_tried_is_not_trained_again() -> None:
    n_trained = 0

    def score(recipe: Recipe, epoch: int) -> float:
        nonlocal n_trained
        n_trained += epoch == 1
        return 0.5

    search = make_search(
        score, {"ranges": {"batch_size": [8, 16, 32, 64]}, "strategy": "random", "trials": 60}
    )
    search.run()
    assert n_trained == 4
    assert len(search.rows) == 4
    few = make_search(
        score, {"ranges": {"batch_size": [*range(1, 11)]}, "strategy": "random", "trials": 9}
    )
    few.run()
    repeated = [row for row in few.rows if row["note"]]
    assert n_trained == 4 + 9 - len(repeated)
    assert repeated[0]["note"].startswith("the point of trial ")


def test_a_failed_trial_is_recorded_and_the_search_goes_on() -> None:
    def score(recipe: Recipe, epoch: int) -> float:
        return math.nan if recipe.optimizer.name == "adam" else 0.5

    search = make_search(score, {})
    search.run()
    states = {row["values"]["optimizer"]: row["state"] for row in search.rows}
    assert states == {"adam": "failed", "SGD": "finished"}
    notes = {row["note"] for row in search.rows if row["state"] == "failed"}
    assert notes == {"Its accuracy is not finite."}


def test_a_search_leaves_values_that_always_fail() -> None:
    def score(recipe: Recipe, epoch: int) -> float:
        rate = recipe.optimizer.arguments.get("learning_rate", 0)
        return math.nan if rate > 0.1 else score_rate(recipe, epoch)

    search = make_search(score, {"trials": 40})
    search.run()
    states = [row["state"] for row in search.rows if len(row["values"]) == 2]
    assert "failed" in states[:8]
    assert states[-10:].count("failed") <= 3


def test_values_that_do_not_go_together_are_a_failed_trial() -> None:
    ranges = {
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "metrics": [["AUC"], ["accuracy"]],
    }
    search = make_search(score_rate, {"ranges": ranges, "strategy": "grid", "trials": None})
    search.run()
    assert len(search.rows) == 4


def test_a_poor_training_ends_early() -> None:
    output, n_epochs = io.StringIO(), 0

    def score(recipe: Recipe, epoch: int) -> float:
        nonlocal n_epochs
        n_epochs += 1
        return score_rate(recipe, epoch)

    search = make_search(score, {"prune": True, "trials": 20}, output=output)
    search.run()
    pruned = [row for row in search.rows if row["state"] == "pruned"]
    finished = [row for row in search.rows if row["state"] == "finished"]
    assert pruned
    assert all(row["note"].startswith("after epoch ") for row in pruned)
    assert n_epochs < 10 * 20
    assert max(finished, key=lambda row: row["score"])["score"] > 0.85
    assert output.getvalue().splitlines()[-1].startswith("20 of 20  iris trial ")


def test_minutes_end_a_search_between_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100_000, 25))  # seconds
    monkeypatch.setattr("kerasrecipes.sweeping.search.time.monotonic", lambda: next(clock))
    search = make_search(score_rate, {"minutes": 3, "trials": None})
    search.run()
    assert 1 < len([row for row in search.rows if not row["note"]]) < 8


@pytest.mark.parametrize("prune", [False, True])
def test_a_search_that_was_killed_goes_on_as_it_began(tmp_path: Path, prune: bool) -> None:
    class KilledError(BaseException):
        pass

    n_epochs = 0

    def score(recipe: Recipe, epoch: int) -> float:
        nonlocal n_epochs
        n_epochs += 1
        if n_epochs in (47, 93):
            raise KilledError
        return score_rate(recipe, epoch)

    def open_storage() -> Any:
        backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
        return optuna.storages.JournalStorage(backend)

    sweep = {"prune": prune, "trials": 16}
    for _ in range(2):
        with pytest.raises(KilledError):
            make_search(score, sweep, open_storage()).run()
    resumed = make_search(score, sweep, open_storage())
    resumed.run()
    whole = make_search(score_rate, sweep)
    whole.run()
    assert list_points(resumed) == list_points(whole)


def test_importance_needs_many_scores_that_differ() -> None:
    search = make_search(score_rate, {"trials": 20})
    search.run()
    importance = search.measure_importance()
    assert set(importance) == {"optimizer", "optimizer.SGD.learning_rate"}
    assert sum(importance.values()) == pytest.approx(1)
    few = make_search(score_rate, {"trials": 12})
    few.run()
    assert few.measure_importance() == {}
    equal = make_search(lambda recipe, epoch: 0.5, {})
    equal.run()
    assert equal.measure_importance() == {}
