"""Trains every recipe of the notes with several seeds and writes configs/README.md.

    python -m benchmarks.seeds_table [--seeds 5] [--write-only]

Each run is a ``kerasrecipes.train`` without report. The split is the recipe's; weights and row
order vary with the seed. The values are written to tests/recipes/seeds.json, from which the slow
tests derive their bands. Seeds 1 to N are used; no recipe uses one of these itself.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

import kerasrecipes as kr
from benchmarks.rows import list_arguments

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "benchmarks" / "published.yaml"
VALUES = ROOT / "tests" / "recipes" / "seeds.json"
TABLE = ROOT / "configs" / "README.md"


def read_figure(run: kr.Run, figure: str) -> float:
    """The score of a run that is compared with the published one.

    "training accuracy" is what ``fit`` logs in the last epoch, as the notes print it: an average
    over the epoch's batches, while weights still change.
    """
    part, metric = figure.split()
    if part == "training":
        return run.history[metric][-1]
    return run.metrics[part][metric]


def train_once(name: str, seed: int) -> dict[str, Any]:
    """Train one recipe with one seed in a temporary folder."""
    figure = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))[name]["figure"]
    with tempfile.TemporaryDirectory() as folder:
        overrides = (f"seed={seed}", "report=[]")
        run = kr.train(ROOT / "configs" / f"{name}.yaml", *overrides, output_dir=folder)
        info = run.info
        return {
            "value": read_figure(run, figure),
            "parameters": info["parameters"],
            "fit_s": info["seconds"]["fit"],
        }


def train_all(names: list[str], seeds: int) -> dict[str, Any]:
    """Train every recipe with every seed, two runs at a time, one thread each."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    found: dict[str, Any] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {
            name: [pool.submit(train_once, name, seed) for seed in range(1, seeds + 1)]
            for name in names
        }
        for name, futures in jobs.items():
            runs = [future.result() for future in futures]
            found[name] = {
                "values": [round(run["value"], 5) for run in runs],
                "parameters": runs[0]["parameters"],
                "fit_s": round(statistics.median(run["fit_s"] for run in runs), 1),
            }
            print(name, found[name], flush=True)
    return found


def describe_network(name: str) -> str:
    """A recipe's layers in short: "Dense 100 relu → Dense 10 softmax"."""
    words = []
    for layer in kr.load_recipe(ROOT / "configs" / f"{name}.yaml").layers:
        if layer.name in ("Rescaling", "Flatten"):
            continue
        arguments = list_arguments(layer)
        details = [arguments.get("units"), arguments.get("activation")]
        words.append(" ".join(str(word) for word in (layer.name, *details) if word))
    return " → ".join(words)


def write_table(published: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Write configs/README.md.

    Returns:
        The recipes whose mean lies outside the band.
    """
    outside, rows = [], []
    for name, facts in published.items():
        ours = found[name]
        mean, sd = statistics.mean(ours["values"]), statistics.stdev(ours["values"])
        band = facts.get("band")
        verdict = "–"
        if band:
            verdict = f"{band[0]:g} to {band[1]:g}"
            if not band[0] <= mean <= band[1]:
                outside.append(name)
                verdict += ": **outside**"
        rows.append(
            f"| [`{name}`]({name}.yaml) | {describe_network(name)} | {ours['parameters']:,} "
            f"| {facts['figure']} | {facts.get('published', '–')} | {mean:.4f} ± {sd:.4f} "
            f"| {verdict} | {ours['fit_s']} |"
        )
    n_seeds = len(next(iter(found.values()))["values"])
    TABLE.write_text(_PAGE.format(rows="\n".join(rows), n_seeds=n_seeds), encoding="utf-8")
    return outside


_PAGE = """\
# The recipes

All networks of the study notes on which this project is based. `make seeds-table` trains each with
seeds 1 to {n_seeds} and writes this page. The split is fixed; initial weights and row order vary.

| recipe | network | parameters | figure | published | ours, mean ± sd | band | fit, s |
|---|---|---:|---|---:|---:|---|---:|
{rows}

- *Published* are the numbers that the notes, and the notebooks of the books they follow, print:
  one run each. *Band* is the range allowed for our mean; a dash means that no band was set.
- *boston*: test loss is the mean squared error of the standardised target. The notes standardise
  with all rows before they split, which leaks test rows into training; here only the training rows
  are used. Over ten splits without the leak the loss ranged from 0.092 to 0.215, so the published
  0.0958 comes from a lucky split.
- *training accuracy* is the value that `fit` prints for the last epoch, as in the notes.
- *fashion_relu_\\** without a published figure are for comparison with each other:
  `make optimizers`.
- *cancer*: the validation part has 91 rows, so one row changes the accuracy by 0.011.
- *fit, s* is the median time of `fit`, with two runs at a time on a machine with two cores, one
  thread each.
"""


def main() -> int:
    """Train, write, and fail where a mean lies outside its band."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", help="train only these; the others keep their values")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write-only", action="store_true", help="train nothing, write the page")
    arguments = parser.parse_args()
    published = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    found = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    if not arguments.write_only:
        found |= train_all(arguments.recipes or list(published), arguments.seeds)
        VALUES.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    outside = write_table(published, found)
    for name in outside:
        print(f"outside its band: {name}", file=sys.stderr)
    return bool(outside)


if __name__ == "__main__":
    raise SystemExit(main())
