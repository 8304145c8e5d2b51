"""How long ``fit`` takes: the notes' own Keras code against ours, in turn, in one process.

    python -m benchmarks [--rounds 3]

Both train the same network on the same rows with the same optimizer, batch size and epochs.
Absolute times depend on the machine and on what else it does; the ratio of times taken in turn
does so less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import kerasrecipes as kr

CONFIGS = Path(__file__).parent.parent / "configs"
WORKLOADS = {"boston": ["epochs=100"], "fashion_relu_adam": ["epochs=2"]}
"""Recipes, and the changes that keep a round short."""


def make_contenders(name: str, overrides: list[str]) -> dict[str, Callable[[], float]]:
    """The notes' ``fit`` on arrays and ours, each giving the seconds that it took."""
    from kerasrecipes import pipeline
    from kerasrecipes.data import load_dataset
    from kerasrecipes.training.fit import fit_model

    recipe = kr.load_recipe(CONFIGS / f"{name}.yaml", overrides)
    dataset = load_dataset(recipe.dataset)

    def prepare() -> tuple[pipeline.Built, list[tuple[np.ndarray, np.ndarray]]]:
        built = pipeline.build(recipe, dataset)
        parts = [part for part in ("train", "validation") if part in dataset.parts]
        return built, [built.encode(dataset, part) for part in parts]

    def fit_as_in_the_notes() -> float:
        built, (train, *validation) = prepare()
        if train[0].dtype == np.uint8:
            # The notes divide by 255 beforehand, which makes float64 rows.
            train, *validation = [(rows[0] / 255.0, rows[1]) for rows in (train, *validation)]
            built.model.layers[0].scale = 1.0
        started = time.perf_counter()
        built.model.fit(
            *train,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            validation_data=validation[0] if validation else None,
            verbose=0,
        )
        return time.perf_counter() - started

    def fit_as_we_do() -> float:
        built, (train, *validation) = prepare()
        multiply_adds = sum(row["multiply_adds"] for row in built.layers)
        started = time.perf_counter()
        fit_model(
            built.model,
            train,
            validation[0] if validation else None,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
            multiply_adds=multiply_adds,
        )
        return time.perf_counter() - started

    return {"notes": fit_as_in_the_notes, "ours": fit_as_we_do}


def main() -> None:
    """Time every workload and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    print("| fit | notes, s | ours, s | notes / ours |\n|---|---:|---:|---:|")
    for name, overrides in WORKLOADS.items():
        contenders = make_contenders(name, overrides)
        times: dict[str, list[float]] = {label: [] for label in contenders}
        for _ in range(rounds):
            for label, fit in contenders.items():
                times[label].append(fit())
        ratios = [a / b for a, b in zip(times["notes"], times["ours"], strict=True)]
        notes, ours = (statistics.median(times[label]) for label in ("notes", "ours"))
        what = f"{name} {' '.join(overrides)}"
        print(
            f"| {what} | {notes:.2f} | {ours:.2f} | {statistics.median(ratios):.1f} |", flush=True
        )


if __name__ == "__main__":
    main()
