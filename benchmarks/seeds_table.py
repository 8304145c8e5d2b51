"""Trains the shipped recipes with several seeds and writes configs/README.md.

    python -m benchmarks.seeds_table [--seeds 5] [--write-only]

Each run is a ``kerasrecipes.train`` without report. The split is the recipe's; weights and row
order vary with the seed. The values are written to tests/recipes/seeds.json, from which the slow
tests derive their bands. Seeds 1 to N are used; no recipe uses one of these itself. Recipes whose
data are a download are trained if they are named.
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
_SIZES = ("filters", "units", "output_dim", "num_tokens", "rate", "stddev", "activation")
"""The arguments that describe a layer."""


def load_published() -> dict[str, dict[str, Any]]:
    """The facts of each recipe, its "source" among them."""
    sources = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    return {
        name: {"source": source, **facts}
        for source, recipes in sources.items()
        for name, facts in recipes.items()
    }


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
    figure = load_published()[name]["figure"]
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
    published = load_published()
    n_seeds = {name: min(seeds, published[name].get("seeds", seeds)) for name in names}
    found: dict[str, Any] = {}
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        jobs = {
            name: [pool.submit(train_once, name, seed) for seed in range(1, n_seeds[name] + 1)]
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
        if layer.name in ("Rescaling", "Flatten", "Reshape"):
            continue
        arguments = list_arguments(layer)
        details = [arguments.get(size) for size in _SIZES]
        if dropout := arguments.get("dropout"):
            details.append(f"dropout {dropout}")
        words.append(" ".join(str(word) for word in (layer.name, *details) if word))
    return " → ".join(words)


def describe_source(source: str) -> str:
    """A link to a file on GitHub, "owner/repository path"; other sources as they are."""
    repository, _, path = source.partition(" ")
    if "/" not in repository:
        return source
    return f"[{repository}: {Path(path).stem}](https://github.com/{repository}/blob/HEAD/{path})"


def describe_values(values: list[float], facts: dict[str, Any]) -> str:
    """Mean and standard deviation, or why there are none."""
    if not values:
        return f"– (no {facts['no_data']})"
    if len(values) == 1:
        return f"{values[0]:.4f} (one seed)"
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def write_table(published: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Write configs/README.md.

    Returns:
        The recipes whose mean lies outside the band.
    """
    outside, rows = [], []
    for name, facts in published.items():
        ours = found[name]
        band = facts.get("band")
        verdict = "–"
        if band:
            verdict = f"{band[0]:g} to {band[1]:g}"
            if not band[0] <= statistics.mean(ours["values"]) <= band[1]:
                outside.append(name)
                verdict += ": **outside**"
        rows.append(
            f"| [`{name}`]({name}.yaml) | {describe_network(name)} | {ours['parameters']:,} "
            f"| {describe_source(facts['source'])} | {facts['figure']} "
            f"| {facts.get('published', '–')} | {describe_values(ours['values'], facts)} "
            f"| {verdict} | {ours.get('fit_s', '–')} |"
        )
    n_seeds = max(len(ours["values"]) for ours in found.values())
    TABLE.write_text(_PAGE.format(rows="\n".join(rows), n_seeds=n_seeds), encoding="utf-8")
    return outside


_PAGE = """\
# The recipes

The networks of the study notes on which this project is based, those of the two books that the
notes follow (*hg-mldl* and *do-it-dl*), and well-known ones of public tutorials.
`make seeds-table` trains each with seeds 1 to {n_seeds} and writes this page. The split is fixed;
initial weights and row order vary.

| recipe | network | parameters | source | figure | published | ours, mean ± sd | band | fit, s |
|---|---|---:|---|---|---:|---:|---|---:|
{rows}

- *Published* is the number that the source prints, of one run; TensorFlow's tutorials round it.
  *Band* is the range allowed for our mean; a dash means that no band was set.
- *Ours* is a dash where the data are a download that was not on the machine that wrote this page;
  `python -m benchmarks.seeds_table NAME` adds the values. Recipes that train for minutes have one
  seed.
- *boston*: test loss is the mean squared error of the standardised target. The notes standardise
  with all rows before they split, which leaks test rows into training; here only the training rows
  are used. Over ten splits without the leak the loss ranged from 0.092 to 0.215, so the published
  0.0958 comes from a lucky split.
- *training accuracy* is the value that `fit` prints for the last epoch, as in the notes.
- *fashion_relu_\\** without a published figure are for comparison with each other:
  `make optimizers`.
- *cancer*: the validation part has 91 rows, so one row changes the accuracy by 0.011.
- *fashion_denoising* is scored on clean images: `GaussianNoise` acts in training only.
- *imdb* of do-it-dl: the notebook leaves out the 20 most frequent words; these recipes keep them.
- *imdb_texts*: the example removes `<br />`, of which these texts keep the word `br`.
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
    published = load_published()
    found = json.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    if not arguments.write_only:
        have_data = [name for name, facts in published.items() if "no_data" not in facts]
        found |= train_all(arguments.recipes or have_data, arguments.seeds)
        VALUES.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    outside = write_table(published, found)
    for name in outside:
        print(f"outside its band: {name}", file=sys.stderr)
    return bool(outside)


if __name__ == "__main__":
    raise SystemExit(main())
