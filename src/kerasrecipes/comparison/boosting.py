"""HistGradientBoosting of scikit-learn as a contender: a run of its own, without a network."""

from __future__ import annotations

import shlex
import time
from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.comparison.contenders import BOOSTING
from kerasrecipes.errors import InputError
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.recipe.rules import find_directions
from kerasrecipes.rows import Dataset, load_for
from kerasrecipes.rows.windows import Series
from kerasrecipes.run_facts import describe_dataset, find_versions
from kerasrecipes.runs import Run, create_run
from kerasrecipes.workers import Job, Show

_MOST_CATEGORIES = 255
"""Of a column; scikit-learn takes no more, and rarer ones count as missing."""


def check_boosting(dataset: Dataset) -> None:
    """Check that HistGradientBoosting takes a data set's rows.

    Raises:
        InputError: They are no table, or one with free texts.
    """
    inputs = dataset.parts["train"].inputs
    has_text = any(column.kind == "text" for column in dataset.columns)
    if has_text or isinstance(inputs, Series) or not isinstance(inputs, dict):
        raise InputError(
            f"{BOOSTING} takes tables of numbers and categories, neither texts, arrays nor windows "
            f"(received: {dataset.name}). Compare without --baselines."
        )


class BoostingJob(Job):
    """Fits HistGradientBoosting to a recipe's rows, and writes its scores as those of a run."""

    def make_run(self, data: Any, show: Show) -> Run:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        from kerasrecipes.model.built import build
        from kerasrecipes.training.assessment import fit_baseline, score_baseline

        recipe = self.recipe
        dataset, started_at = load_for(recipe, data=data), datetime.now()
        built = build(recipe, dataset)
        train: Any = dataset.parts["train"].inputs
        is_regression = dataset.task == "regression"
        make = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
        estimator = make(
            categorical_features=[values.dtype == object for values in train.values()],
            random_state=recipe.seed,
        )
        started_s = time.perf_counter()
        rows = np.arange(len(dataset.parts["train"]))
        predict = fit_baseline(estimator, _stack(train, train), rows, recipe, dataset, built)
        seconds = {"fit": round(time.perf_counter() - started_s, 3)}
        answers = {
            name: predict(_stack(part.inputs, train)) for name, part in dataset.parts.items()
        }
        metrics = score_baseline(recipe, dataset, built, answers)
        run = create_run(self.output_dir, make_folder_name(recipe.name), started_at)
        run.write_recipe(recipe.to_yaml())
        run.write_history({})
        run.write_metrics(metrics)
        run.update(
            status="finished",
            name=recipe.name,
            command=shlex.join(self.command),
            seed=recipe.seed,
            started_at=started_at.isoformat(timespec="seconds"),
            dataset=describe_dataset(recipe, dataset),
            versions=find_versions(),
            higher_is_better=find_directions(recipe.metrics),
            epochs_run=0,
            parameters=0,
            seconds=seconds,
        )
        return run


def _stack(inputs: Any, train: Any) -> NDArray[np.float64]:
    """Columns side by side: numbers as they are, categories as their places by frequency."""
    stacked = np.full((len(next(iter(inputs.values()))), len(inputs)), np.nan)
    for i, (name, values) in enumerate(inputs.items()):
        if values.dtype == object:
            common = Counter(filter(None, train[name])).most_common(_MOST_CATEGORIES)
            places = {category: place for place, (category, _) in enumerate(common)}
            values = [places.get(value, np.nan) for value in values]
        stacked[:, i] = values
    return stacked
