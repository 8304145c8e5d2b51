"""Every shipped recipe: explains itself, trains, and in full lands where it landed before."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path

import pytest
import scipy.stats
from benchmarks.seeds_table import (
    TABLE,
    VALUES,
    describe_network,
    load_published,
    read_figure,
    write_table,
)

import kerasrecipes as kr

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = sorted(file.stem for file in CONFIGS.glob("*.yaml"))
FOUND = json.loads(VALUES.read_text(encoding="utf-8"))
WITH_A_BAND = [name for name in RECIPES if len(FOUND[name]["values"]) > 1]


def test_every_recipe_stands_in_the_table_of_published_figures() -> None:
    assert sorted(load_published()) == RECIPES
    assert sorted(FOUND) == RECIPES


def test_the_table_has_the_latest_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.seeds_table.TABLE", tmp_path / "README.md")
    write_table(load_published(), FOUND)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == TABLE.read_text(encoding="utf-8")


def test_what_is_measured_is_of_every_recipe_whose_data_were_there() -> None:
    for name, facts in load_published().items():
        n_values = len(FOUND[name]["values"])
        assert n_values == (0 if "no_data" in facts else facts.get("seeds", 5)), name


def test_a_convolutional_network_reaches_091_on_fashion_mnist() -> None:
    assert min(FOUND["fashion_cnn"]["values"]) >= 0.91


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
        (
            "fashion_cnn",
            "Conv2D 32 relu → MaxPooling2D → Conv2D 64 relu → MaxPooling2D → Dense 100 relu "
            "→ Dropout 0.4 → Dense 10 softmax",
            (48_000, 12_000, 10_000),
        ),
        (
            "fashion_300_100",
            "Dense 300 relu → Dense 100 relu → Dense 10 softmax",
            (55_000, 5_000, 10_000),
        ),
        ("boston_price", "Dense 64 relu → Dense 64 relu → Dense 1", (404, 102)),
    ],
)
def test_networks_and_parts_are_those_of_the_source(
    name: str, network: str, rows: tuple[int, ...]
) -> None:
    from rows.specs import load_dataset

    assert describe_network(name) == network
    dataset = load_dataset(kr.load_recipe(CONFIGS / f"{name}.yaml").dataset)
    assert tuple(len(part) for part in dataset.parts.values()) == rows


@pytest.mark.usefixtures("few_rows")
@pytest.mark.parametrize("name", RECIPES)
def test_recipe_trains(name: str, tmp_path: Path) -> None:
    overrides = ("epochs=2", "report=[]")
    run = kr.train(CONFIGS / f"{name}.yaml", *overrides, output_dir=tmp_path)
    assert run.info["status"] == "finished"
    assert run.info["parameters"] == FOUND[name]["parameters"]
    losses = run.history["loss"]
    assert len(losses) == 2
    assert all(math.isfinite(loss) for loss in losses)
    assert math.isfinite(read_figure(run, load_published()[name]["figure"]))
    n_test = run.info["dataset"]["rows"]["test"]
    assert len(run.predictions["row"]) == n_test


@pytest.mark.usefixtures("few_rows")
def test_raw_texts_are_predicted_and_scored(tmp_path: Path) -> None:
    run = kr.train(CONFIGS / "imdb_texts.yaml", "epochs=1", "report=[]", output_dir=tmp_path)
    texts = tmp_path / ".keras" / "datasets" / "aclImdb" / "test"
    answers = run.predict(texts / "neg" / "0_7.txt")
    assert [*answers] == ["file", "predicted", "probability_neg", "probability_pos"]
    assert run.evaluate(texts) == pytest.approx(run.metrics["test"], abs=1e-5)
    assert run.evaluate() == pytest.approx(run.metrics["test"], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_A_BAND)
def test_recipe_lands_where_several_seeds_landed(name: str, tmp_path: Path) -> None:
    """The recipe's own seed, new to the band, which is a 99.9% prediction interval.

    With the mean and the standard deviation sd of n earlier seeds, a new one falls within
    mean ± t(0.9995, n - 1) · sd · √(1 + 1/n) in 99.9% of cases, if figures scatter normally.
    A fiftieth of the figure is the least that counts: on small parts, sd can be 0 by chance.
    """
    figure = load_published()[name]["figure"]
    values = FOUND[name]["values"]
    mean, sd, n = statistics.mean(values), statistics.stdev(values), len(values)
    half_width = scipy.stats.t.ppf(0.9995, n - 1) * sd * math.sqrt(1 + 1 / n)

    run = kr.train(CONFIGS / f"{name}.yaml", "report=[]", output_dir=tmp_path)

    assert read_figure(run, figure) == pytest.approx(mean, abs=max(half_width, mean / 50))
