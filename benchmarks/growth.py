"""Cost as work grows: rows, columns, epochs and layers of ``train`` on a CSV."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import measure
from benchmarks.fitting import run_rows
from benchmarks.measure import Figures
from benchmarks.tables import write_recipe

BASE = {"rows": 1000, "columns": 10, "epochs": 1, "layers": 2}
"""The sizes that stay fixed while one of them grows."""

SIZES = {
    "rows": (1000, 10_000, 100_000, 1_000_000),
    "columns": (10, 30, 100, 300, 1000),
    "epochs": (1, 10, 100, 1000),
    "layers": (1, 2, 4, 8, 16, 32, 64),
}


def prepare(
    folder: Path, is_quick: bool, largest: bool = False
) -> dict[str, Callable[[], Figures]]:
    """Write tables and recipes; returns a training for each size, by "rows=1000" and so on.

    Args:
        largest: Whether to go on to 10 million rows, a CSV of about 1 GB.
    """
    jobs = {}
    for what, sizes in SIZES.items():
        if is_quick:
            sizes = sizes[:2]
        elif largest and what == "rows":
            sizes = (*sizes, 10_000_000)
        for size in sizes:
            work = BASE | {what: size}
            table = folder / f"{work['rows']}x{work['columns']}.csv"
            if not table.exists():
                run_rows(
                    {
                        "kind": "numbers",
                        "file": str(table),
                        "n_rows": work["rows"],
                        "n_columns": work["columns"],
                    }
                )
            recipe = write_recipe(
                folder / f"{what}_{size}.yaml",
                table,
                units=(32,) * work["layers"],
                epochs=work["epochs"],
                batch_size=32,
            )
            jobs[f"{what}={size}"] = partial(measure.run_train, recipe)
    return {"import": lambda: measure.run_contender("importing", {})} | jobs


def find_slope(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of cost over size, both as logarithms: 1 is ten times as much for ten times.

    The costs should be free of what every command pays, or small sizes flatten the slope.
    """
    if len(sizes) < 2 or min(costs) <= 0:
        return math.nan
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
