"""``compare`` as a person and as another program call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """
dataset: {{name: {dataset}, validation_split: 0.3}}
layers:
  - Dense: {{units: 3, activation: softmax}}
optimizer: {{SGD: {{learning_rate: {rate}}}}}
loss: sparse_categorical_crossentropy
metrics: [accuracy]
epochs: 2
report: []
"""

Done = subprocess.CompletedProcess[str]


def compare(folder: Path, *words: str) -> Done:
    return subprocess.run(
        [sys.executable, "-m", "kerasrecipes", "compare", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=None,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compare")
    for name, dataset, rate in (("slow", "iris", 0.001), ("fast", "iris", 0.5), ("w", "wine", 1)):
        text = RECIPE.format(dataset=dataset, rate=rate)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first(folder: Path) -> Done:
    return compare(folder, "slow.yaml", "fast.yaml", "--seeds", "3")


def test_the_table_says_scores_differences_and_verdicts(first: Done, folder: Path) -> None:
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    lines = first.stdout.splitlines()
    assert lines[0].startswith("1 of 6  ")
    for words in (
        *("Accuracy", "95% interval", "fast", "slow", "SGD(learning_rate=0.5)"),
        *("In best", "In last", "Epochs", "Parameters", "Time to fit"),
    ):
        assert words in first.stdout
    assert "All runs share one split" in first.stdout
    page = folder / lines[-1].removeprefix("page  ")
    assert "2 recipes compared by validation accuracy</h1>" in page.read_text(encoding="utf-8")


def test_json_is_all_there_is_on_standard_output(first: Done, folder: Path) -> None:
    done = compare(folder, "slow.yaml", "fast.yaml", "--seeds", "3", "--json")
    assert "Reused 6 finished runs" in done.stderr
    found = json.loads(done.stdout)
    assert [row["rank"] for row in found["rows"]] == [1, 2]
    best = found["rows"][0]
    assert (best["recipe"], best["part"], best["metric"]) == ("fast", "validation", "accuracy")
    assert best["differs"] == {"optimizer": "SGD(learning_rate=0.5)"}
    assert len(found["comparison"]["standings"][0]["scores"]) == 3


def test_csv_and_markdown_have_a_column_for_each_difference(first: Done, folder: Path) -> None:
    csv = compare(folder, "runs/slow", "runs/fast", "--csv").stdout.splitlines()
    assert csv[0].startswith("rank,recipe,part,metric,seeds,mean,sd,")
    assert csv[0].endswith(",recipe.optimizer")
    assert len(csv) == 3
    markdown = compare(folder, "runs/slow", "runs/fast", "--markdown").stdout.splitlines()
    assert markdown[1] == "|" + " --- |" * len(csv[0].split(","))


def test_variants_of_one_recipe_are_named_by_what_they_change(folder: Path) -> None:
    words = ("optimizer.SGD.learning_rate=1", "optimizer=adam epochs=1")
    done = compare(
        folder, "slow.yaml", *words, "--seeds", "1", "--workers", "1", "--output-dir=variants"
    )
    assert done.returncode == 0, done.stderr
    for name in ("optimizer.SGD.learning_rate=1", "optimizer=adam epochs=1"):
        assert name in done.stdout
    found = {path.name for path in (folder / "variants").iterdir()}
    assert found == {
        *("comparisons", "slow_optimizer.SGD.learning_rate=1", "slow_optimizer=adam_epochs=1")
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["slow.yaml", "epochs=1"],
            "A comparison needs at least two contenders: recipes, finished runs, or variants of "
            "one recipe such as optimizer=sgd optimizer=adam. Beside variants, the unchanged "
            "recipe is not compared.",
        ),
        (
            ["slow.yaml", "slow.yaml"],
            "Two contenders are called 'slow'. Give each its own name.",
        ),
        (
            ["slow.yaml", "w.yaml"],
            "Only recipes with the same rows and target in each part can be compared: slow and w "
            "differ (received: dataset.name: iris and wine).",
        ),
        (
            ["slow.yaml", "fast.yaml", "--metric", "acuracy"],
            "slow has no metric 'acuracy'. Did you mean 'accuracy'?",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_before_training(
    folder: Path, words: list[str], message: str
) -> None:
    done = compare(folder, *words, "--output-dir", "none")
    assert done.returncode == 2
    assert done.stderr.strip() == message
    assert not (folder / "none").exists()
