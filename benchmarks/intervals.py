"""Measures how many test rows prediction intervals cover, on public tables.

    python -m benchmarks.intervals [--splits 10]

Each table is trained with as many splits into training, validation and test rows, in temporary
folders. The coverage of split-conformal intervals is a mean over splits; a single split with few
rows lies some per cent above or below it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile

import numpy as np

import kerasrecipes as kr
from benchmarks.draft_tables import TABLES, load_table

NAMES = ("auto", "births", "carseats", "college", "concrete", "diabetes")
MOST_ROWS = 1000
RECIPE = {
    "layers": [{"Dense": {"units": 16, "activation": "relu"}}, {"Dense": {"units": 1}}],
    "optimizer": "adam",
    "loss": "mse",
    "epochs": 30,
    "report": ["learning_curves"],
}


def measure_coverage(name: str, split_seed: int, level: float = 0.9) -> float:
    """Train on one split of a table; the share of test rows inside their intervals."""
    frame = load_table(TABLES[name])
    frame = frame.sample(min(len(frame), MOST_ROWS), random_state=0).reset_index(drop=True)
    dataset = {
        "target": TABLES[name].target,
        "validation_split": 0.3,
        "test_split": 0.3,
        "split_seed": split_seed,
        "standardize_target": True,
        "missing": "median",
    }
    with tempfile.TemporaryDirectory() as folder:
        run = kr.train({"name": name, "dataset": dataset} | RECIPE, data=frame, output_dir=folder)
        test = frame.iloc[[int(row) for row in run.predictions["row"]]]
        answers = run.predict(test, interval=level)
    y_true = test[TABLES[name].target].to_numpy(float)
    return float(np.mean((answers["low"] <= y_true) & (y_true <= answers["high"])))


def main() -> None:
    """Print the mean coverage of each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=10)
    n_splits = parser.parse_args().splits
    print("table        coverage of 90% intervals, mean and sd over splits")
    for name in NAMES:
        shares = [measure_coverage(name, seed) for seed in range(n_splits)]
        print(f"{name:12} {statistics.mean(shares):.1%} ± {statistics.stdev(shares):.1%}")


if __name__ == "__main__":
    main()
