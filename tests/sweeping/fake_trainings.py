"""A search whose trainings are a function, so that hundreds take seconds."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
from rich.console import Console

from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.sweeping.search import Plan, Search, Space
from kerasrecipes.workers import Outcome, Show

RECIPE = {
    "name": "iris",
    "dataset": {"name": "iris", "validation_split": 0.2},
    "layers": [{"Dense": {"units": 8}}, {"Dense": {"units": 3, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
    "epochs": 10,
}
RANGES = {"optimizer": ["adam", "SGD"], "optimizer.SGD.learning_rate": {"log_uniform": [1e-4, 1]}}
Score = Callable[[Recipe, int], float]
"""The score of a recipe after an epoch; raises what ends the process."""


class FakeCrew:
    is_closing = False

    def __init__(self) -> None:
        self.size, self.pool = 1, ThreadPoolExecutor(1)

    def __enter__(self) -> FakeCrew:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown()


class FakeTrainer(Trainer):
    """``data`` is the function that scores a recipe."""

    trained: list[Recipe]

    def make_crew(self, recipes: Sequence[Recipe], most: float = 0) -> Any:
        return FakeCrew()

    def train_one(self, crew: Any, recipe: Recipe, show: Show, can_stop: bool = False) -> Outcome:
        score = 0.0
        for epoch in range(1, recipe.epochs + 1):
            score = self.data(recipe, epoch)
            if show(epoch, {"val_accuracy": score}):
                return Outcome(recipe, None, f"It was stopped after epoch {epoch}.")
        run: Any = SimpleNamespace(
            path=Path("run"), metrics={"validation": {"accuracy": score}}, status="finished"
        )
        return Outcome(recipe, run)


def make_search(
    score: Score,
    sweep: Mapping[str, Any],
    storage: optuna.storages.BaseStorage | None = None,
    output: io.StringIO | None = None,
) -> Search:
    base = load_recipe(RECIPE, sweep={"ranges": RANGES, "trials": 12} | dict(sweep))
    assert base.sweep
    study = optuna.create_study(
        storage=storage, study_name="sweep", direction="maximize", load_if_exists=True
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    console = Console(file=output or io.StringIO(), width=200)
    trainer = FakeTrainer(Path("no such folder"), console, data=score)
    plan = Plan(Space(base, base.sweep), "accuracy", True, {"fingerprint": ""})
    return Search(plan, trainer, study)
