"""Workloads on large tables of one's own: training, and predicting with a saved run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks import measure
from benchmarks.fitting import run_rows
from benchmarks.measure import Figures

UNITS = (64, 32)
N_COLUMNS = 12
"""Of the table that is predicted."""


def write_recipe(
    file: Path, table: Path, units: Sequence[int] = UNITS, epochs: int = 1, batch_size: int = 256
) -> Path:
    """Write a regression recipe for a CSV whose target is ``y``."""
    layers: list[dict[str, Any]] = [{"Dense": {"units": n, "activation": "relu"}} for n in units]
    recipe = {
        "name": file.stem,
        "seed": 42,
        "dataset": {"path": str(table), "target": "y", "test_split": 0.2, "split_seed": 42},
        "layers": [*layers, {"Dense": {"units": 1}}],
        "optimizer": "adam",
        "loss": "mse",
        "epochs": epochs,
        "batch_size": batch_size,
    }
    file.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return file


def prepare_training(folder: Path, is_quick: bool) -> dict[str, Callable[[], Figures]]:
    """A million rows of 50 mixed columns; gives the contenders by key."""
    table = folder / "mixed.csv"
    run_rows({"kind": "mixed", "file": str(table), "n_rows": 20_000 if is_quick else 1_000_000})
    recipe = write_recipe(folder / "mixed.yaml", table)
    settings = {"file": str(table), "units": UNITS, "epochs": 1, "batch_size": 256}
    return {
        "import": lambda: measure.run_contender("importing", {}),
        "command": lambda: measure.run_train(recipe),
        "plain": lambda: measure.run_contender("plain_table", settings),
    }


def prepare_prediction(folder: Path, is_quick: bool) -> dict[str, Callable[[], Figures]]:
    """A million rows of 12 numbers, and a run trained on few; gives the contenders by key."""
    small, large = folder / "small.csv", folder / "large.csv"
    n_rows = 50_000 if is_quick else 1_000_000
    run_rows({"kind": "numbers", "file": str(small), "n_rows": 5000, "n_columns": N_COLUMNS})
    run_rows(
        {
            "kind": "numbers",
            "file": str(large),
            "n_rows": n_rows,
            "n_columns": N_COLUMNS,
            "with_target": False,
        }
    )
    recipe = write_recipe(folder / "small.yaml", small)
    runs, out = folder / "runs", folder / "ours.csv"
    trained = measure.run_command(["train", str(recipe), "--output-dir", str(runs)])

    def predict() -> Figures:
        if "error" in trained:
            return trained
        run = str(runs / "small")
        return measure.run_command(["predict", run, "--data", str(large), "-o", str(out)])

    settings = {
        "file": str(large),
        "folder": str(folder),
        "n_columns": N_COLUMNS,
        "units": UNITS,
    }
    return {
        "import": lambda: measure.run_contender("importing", {}),
        "command": predict,
        "plain": lambda: measure.run_contender("plain_predict", settings),
    }


TABLE_LABELS = {
    "import": "importing TensorFlow, and nothing else",
    "command": "kerasrecipes train",
    "plain": "by hand: pandas, ColumnTransformer, model.fit",
}
PREDICT_LABELS = TABLE_LABELS | {
    "command": "kerasrecipes predict",
    "plain": "pandas.read_csv, model.predict",
}
