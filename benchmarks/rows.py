"""The rows that contenders share: a recipe's own, encoded once; and generated tables."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from kerasrecipes.recipe import Component


def write_recipe_rows(recipe_file: str, overrides: list[str], folder: Path) -> None:
    """Write ``rows.npz``, the parts as the first layer sees them, and ``settings.json``."""
    import kerasrecipes as kr
    from kerasrecipes.model.built import build
    from kerasrecipes.rows import load_for

    recipe = kr.load_recipe(recipe_file, overrides)
    dataset = load_for(recipe)
    built = build(recipe, dataset)
    rows = {}
    for part in dataset.parts:
        rows[f"x_{part}"], rows[f"y_{part}"], *_ = built.encode(dataset, part)
    np.savez(folder / "rows.npz", **rows)
    settings = {
        "rows": str(folder / "rows.npz"),
        "recipe": recipe_file,
        "overrides": overrides,
        "layers": [[layer.name, list_arguments(layer)] for layer in recipe.layers],
        "optimizer": [recipe.optimizer.name, list_arguments(recipe.optimizer)],
        "loss": recipe.loss.name,
        "metrics": [metric.name for metric in recipe.metrics],
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "seed": recipe.seed,
        "n_train": len(rows["x_train"]),
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def list_arguments(component: Component) -> dict[str, Any]:
    """A component's arguments as plain values: of an activation, its name."""
    return {
        argument: value.name if isinstance(value, Component) else value
        for argument, value in component.arguments.items()
    }


def write_numbers(file: Path, n_rows: int, n_columns: int, with_target: bool = True) -> None:
    """Write a CSV of numbers, and a target ``y`` that a network can learn from them."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=n_columns) / np.sqrt(n_columns)
    names = [f"x{i}" for i in range(n_columns)] + ["y"] * with_target
    with file.open("w", encoding="utf-8") as text:
        text.write(",".join(names) + "\n")
        for start in range(0, n_rows, 100_000):
            x = rng.normal(size=(min(100_000, n_rows - start), n_columns))
            if with_target:
                y = np.tanh(x @ weights) + 0.1 * rng.normal(size=len(x))
                x = np.column_stack([x, y])
            np.savetxt(text, x, fmt="%.6g", delimiter=",")


def write_ids(file: Path) -> None:
    """Write 10,000 rows of 100 ids, of two classes: whether one of the first 50 is below 10."""
    ids = np.random.default_rng(0).integers(0, 500, (10_000, 100))
    np.savez(file, x=ids, y=(ids[:, :50] < 10).any(axis=1).astype(np.int64))


def write_mixed(file: Path, n_rows: int) -> None:
    """Write a CSV of 50 columns and a target ``y``.

    30 columns hold numbers, 8 whole numbers, 8 words, 3 true or false, and 1 a date.
    """
    import pandas as pd

    rng = np.random.default_rng(0)
    for start in range(0, n_rows, 100_000):
        n = min(100_000, n_rows - start)
        numbers = {f"number_{i}": rng.normal(10 * i, i + 1, n).round(4) for i in range(30)}
        counts = {f"count_{i}": rng.poisson(5 * i + 3, n) for i in range(8)}
        words = {
            f"word_{i}": rng.choice([f"kind {k}" for k in range(3 + 4 * i)], n) for i in range(8)
        }
        flags = {f"flag_{i}": rng.random(n) < 0.2 * (i + 1) for i in range(3)}
        days = np.datetime64("2020-01-01") + rng.integers(0, 2000, n).astype("timedelta64[D]")
        y = numbers["number_0"] + 2.0 * (words["word_0"] == "kind 1") + counts["count_0"] / 3
        table = pd.DataFrame(
            {**numbers, **counts, **words, **flags, "day": days, "y": y + rng.normal(0, 0.1, n)}
        )
        table.to_csv(file, mode="a" if start else "w", header=not start, index=False)


def main(arguments: list[str]) -> None:
    """Write the rows that a JSON argument describes; run it as a process, as it may grow large."""
    wanted: dict[str, Any] = json.loads(arguments[0])
    kind = wanted.pop("kind")
    for key in ("file", "folder"):
        if key in wanted:
            wanted[key] = Path(wanted[key])
    writers = {
        "recipe": write_recipe_rows,
        "numbers": write_numbers,
        "mixed": write_mixed,
        "ids": write_ids,
    }
    writers[kind](**wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
