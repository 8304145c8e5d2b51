"""Every shipped recipe: explains itself, trains, and in full lands where it landed before."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import pytest
import scipy.stats
import yaml
from benchmarks.seeds_table import PUBLISHED, VALUES, describe_network, read_figure

import kerasrecipes as kr

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = sorted(file.stem for file in CONFIGS.glob("*.yaml"))
BRIEFLY = {"boston": 2, "cancer": 2, "fashion": 1}
"""Epochs in the ordinary test run, by family."""


def test_every_recipe_stands_in_the_table_of_published_figures() -> None:
    assert sorted(yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))) == RECIPES
    assert sorted(json.loads(VALUES.read_text(encoding="utf-8"))) == RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_opens_with_its_command_and_what_it_teaches(name: str) -> None:
    command, sentence, *_ = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8").split("\n")
    assert command == f"# python -m kerasrecipes train configs/{name}.yaml"
    assert sentence.startswith("# ")
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("name", "network", "rows"),
    [
        ("boston", "Dense 200 relu → Dense 1000 relu → Dense 1", (354, 152)),
        ("fashion_softmax", "Dense 10 softmax", (48_000, 12_000, 10_000)),
        ("fashion_named", "Dense 100 sigmoid → Dense 10 softmax", (48_000, 12_000, 10_000)),
        ("cancer_dual", "Dense 10 sigmoid → Dense 1 sigmoid", (364, 91, 114)),
    ],
)
def test_networks_and_parts_are_those_of_the_notes(
    name: str, network: str, rows: tuple[int, ...]
) -> None:
    from kerasrecipes.rows import load_dataset

    assert describe_network(name) == network
    dataset = load_dataset(kr.load_recipe(CONFIGS / f"{name}.yaml").dataset)
    assert tuple(len(part) for part in dataset.parts.values()) == rows


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_trains(name: str, tmp_path: Path) -> None:
    epochs = BRIEFLY[name.partition("_")[0]]
    overrides = (f"epochs={epochs}", "report=[]")
    run = kr.train(CONFIGS / f"{name}.yaml", *overrides, output_dir=tmp_path)
    assert run.info["status"] == "finished"
    assert run.info["parameters"] == json.loads(VALUES.read_text())[name]["parameters"]
    losses = run.history["loss"]
    assert len(losses) == epochs
    assert all(math.isfinite(loss) for loss in losses)
    n_test = run.info["dataset"]["rows"]["test"]
    assert len(run.predictions["predicted"]) == n_test


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_recipe_lands_where_several_seeds_landed(name: str, tmp_path: Path) -> None:
    """The recipe's own seed, new to the band, which is a 99.9% prediction interval.

    With the mean and the standard deviation sd of n earlier seeds, a new one falls within
    mean ± t(0.9995, n - 1) · sd · √(1 + 1/n) in 99.9% of cases, if figures scatter normally.
    A fiftieth of the figure is the least that counts: on small parts, sd can be 0 by chance.
    """
    figure = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))[name]["figure"]
    values = json.loads(VALUES.read_text(encoding="utf-8"))[name]["values"]
    mean, sd, n = statistics.mean(values), statistics.stdev(values), len(values)
    half_width = scipy.stats.t.ppf(0.9995, n - 1) * sd * math.sqrt(1 + 1 / n)

    run = kr.train(CONFIGS / f"{name}.yaml", "report=[]", output_dir=tmp_path)

    assert read_figure(run, figure) == pytest.approx(mean, abs=max(half_width, mean / 50))
