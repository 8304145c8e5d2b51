"""A whole comparison, as Python callers make it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import kerasrecipes as kr
from kerasrecipes.comparison import comparison as steps
from kerasrecipes.errors import InputError, RecipeError, RunFailed
from kerasrecipes.recipe import load_recipe
from kerasrecipes.runs import list_runs, list_runs_of

ROADS = """
dataset: {target: accidents, validation_split: 0.3}
layers:
  - Dense: {units: 1}
optimizer: {SGD: {learning_rate: 0.1}}
loss: mse
metrics: [{MeanAbsoluteError: {name: mae_accidents}}]
epochs: 5
report: []
"""
SCRIPT = """
import pandas as pd
import kerasrecipes as kr
variants = (
    "epochs=5",
    "epochs=5 dataset.drop=[length]",
    "epochs=5 dataset.features={lanes: integer_categorical}",
)
recipe = {
    "name": "roads",
    "dataset": {"target": "accidents", "validation_split": 0.3},
    "layers": [{"Dense": {"units": 1}}],
    "optimizer": {"SGD": {"learning_rate": 0.1}},
    "loss": "mse",
    "metrics": [{"MeanAbsoluteError": {"name": "mae_accidents"}}],
    "report": [],
}
print(kr.compare(recipe, *variants, data=pd.read_csv("roads.csv"), seeds=2))
"""
NAMES = [
    *("roads epochs=5", "roads epochs=5 dataset.drop=[length]"),
    "roads epochs=5 dataset.features={lanes: integer_categorical}",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Accidents depend on length, and hardly on the lanes."""
    folder = tmp_path_factory.mktemp("roads")
    rng = np.random.default_rng(0)
    roads = pd.DataFrame({"length": rng.normal(size=100), "lanes": rng.integers(1, 4, 100)})
    roads["accidents"] = 3 * roads["length"] + rng.normal(0, 0.1, 100)
    roads.to_csv(folder / "roads.csv", index=False)
    (folder / "roads.yaml").write_text(ROADS, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    """What a script says that has no ``if __name__ == "__main__"``, and trains on its own rows."""
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.stderr == ""
    return done.stdout


def test_variants_that_use_other_columns_are_compared_on_rows_on_hand(
    said: str, folder: Path
) -> None:
    runs = list_runs(folder / "runs")
    assert sorted({run.info["name"] for run in runs}) == sorted(NAMES)
    assert len(runs) == 6
    assert said.startswith("epochs=5")


def test_the_name_of_a_metric_says_nothing_about_its_direction(said: str, folder: Path) -> None:
    folders = sorted(run.parent for run in folder.glob("runs/roads*/*"))
    comparison = kr.compare(*dict.fromkeys(folders), output_dir=folder / "runs")
    assert (comparison.ranking.metric, comparison.part) == ("mae_accidents", "validation")
    assert not comparison.ranking.higher_is_better
    assert comparison.contenders[-1].name == NAMES[1]
    assert comparison.contenders[0].runs[0].info["higher_is_better"] == {
        "loss": False,
        "mae_accidents": False,
    }
    assert comparison.page is not None
    assert comparison.page.read_text(encoding="utf-8").count("/report.html") == 6


def test_recipes_that_differ_only_by_name_and_seed_are_pointed_out(
    said: str, folder: Path, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO(), width=200)
    options: dict[str, Any] = {"data": pd.read_csv(folder / "roads.csv"), "output_dir": tmp_path}
    kr.compare(folder / "roads.yaml", "seed=1", "seed=2", seeds=1, console=console, **options)
    expected = "roads seed=1 and roads seed=2 are the same recipe, trained with the same seeds."
    assert expected in console.file.getvalue()
    console = Console(file=io.StringIO(), width=200)
    options["data"]["lanes"] += 1  # the same recipe of other rows
    recipe = load_recipe(folder / "roads.yaml", ["seed=1"], needs_source=False)
    (run,) = tmp_path.glob("roads_seed=1/*")
    kr.compare(recipe, run, seeds=np.int64(1), console=console, **options)
    assert "same recipe" not in console.file.getvalue()


def test_other_splits_of_data_with_parts_of_their_own_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(folder / "roads.csv")
    frame["part"] = (["train"] * 3 + ["validation", "test"]) * 20
    options: dict[str, Any] = {"data": frame, "output_dir": tmp_path, "splits": 2}
    variants = [f"dataset.split=part dataset.validation_split=0 epochs={n}" for n in (1, 2)]
    with pytest.raises(InputError, match="splits changes nothing: the data have parts of their"):
        kr.compare(folder / "roads.yaml", *variants, **options)


def test_only_draws_that_finished_runs_share_are_trained_for_them(
    said: str, folder: Path, tmp_path: Path
) -> None:
    frame = pd.read_csv(folder / "roads.csv")
    run = next(iter(folder.glob("runs/roads_epochs=5/*")))
    comparison = kr.compare(folder / "roads.yaml", run, data=frame, output_dir=tmp_path, seeds=9)
    seeds = [[run.info["seed"] for run in c.runs] for c in comparison.contenders]
    assert seeds[0] == seeds[1]
    assert len(list_runs(tmp_path)) == 1


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (["metrics=[Sum]", "epochs=2"], {"metric": "sum"}, "roads epochs=2 has no metric 'sum'"),
        (["metrics=[Sum]", "metrics=[Sum] epochs=2"], {}, "It is unknown whether higher values"),
        (["dataset.split_seed=1", "epochs=2"], {}, "differ (received: dataset.split_seed: 1 and"),
        (["loss=mae", "loss=mse"], {"metric": "loss"}, "Recipes with different losses"),
        (["epochs=2", "epochs=3"], {"part": "tests"}, "part must be one that all recipes have"),
        (["epochs=2", "epochs=3"], {"folds": "3"}, "from 2 on, and cannot be combined with splits"),
        (["epochs=2", "epochs=3"], {"seeds": 0}, "whole numbers from 1 on (received: 0)"),
        (
            ["epochs=2", "epochs=3"],
            {"seeds": [1, 2]},
            "whole numbers from 1 on (received: [1, 2])",
        ),
        (
            ["dataset.shuffle=false epochs=2", "dataset.shuffle=false epochs=3"],
            {"splits": 2},
            "splits draws rows at random (received: rows in order).",
        ),
        (["epochs=2", "epochs=3"], {"splits": 2, "folds": 2}, "cannot be combined with splits"),
        (["epochs=2", "epochs=3"], {"tune": "learning_rate", "folds": 2}, "of other splits"),
        (["epochs=2", "epochs=3"], {"tune": "learning_rate", "splits": 2}, "of other splits"),
        (["epochs=2", "epochs=3"], {"folds": 101}, "101 folds need more rows (received: 100)"),
        (
            ["dataset.time=lanes epochs=2", "dataset.time=lanes epochs=3"],
            {"splits": 2},
            "splits draws rows at random (received: rows in order). Use folds",
        ),
        (
            ["dataset.group=lanes epochs=2", "dataset.drop=[lanes] epochs=3"],
            {"folds": 3},
            "Only recipes with the same rows and target in each part can be compared",
        ),
        (["epochs=2", "epochs=3"], {"tune": "momentum"}, "tune must be 'learning_rate'"),
        (
            ["epochs=2 dataset.validation_split=0", "epochs=3 dataset.validation_split=0"],
            {"tune": "learning_rate"},
            "Set dataset.validation_split.",
        ),
        (["epochs=2", "layers.0.Dense.units=7"], {}, "units"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_the_first_training(
    folder: Path, tmp_path: Path, given: list[str], options: dict[str, Any], message: str
) -> None:
    frame = pd.read_csv(folder / "roads.csv")
    out = tmp_path / "runs"
    with pytest.raises(InputError) as caught:
        kr.compare(folder / "roads.yaml", *given, data=frame, output_dir=out, **options)
    assert message in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize("taken", ["runs", "runs/comparisons", "runs/roads_epochs=2"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_first_training(
    folder: Path, tmp_path: Path, taken: str
) -> None:
    frame, out = pd.read_csv(folder / "roads.csv"), tmp_path / "runs"
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("a file")
    with pytest.raises(InputError, match=rf"^No file can be made in {out}[^\n]*\.$"):
        kr.compare(folder / "roads.yaml", "epochs=2", "epochs=3", data=frame, output_dir=out)
    assert not [*tmp_path.rglob("run.json")]


def test_each_fold_is_the_test_part_once(folder: Path, tmp_path: Path) -> None:
    frame, given = pd.read_csv(folder / "roads.csv"), ["epochs=2", "epochs=2 dataset.drop=[lanes]"]
    options: dict[str, Any] = {"data": frame, "output_dir": tmp_path, "workers": 1}
    variants = [f"dataset.test_split=0.3 {one}" for one in given]
    comparison = kr.compare(folder / "roads.yaml", *variants, folds=4, **options)
    first, second = comparison.contenders
    ranking = comparison.ranking
    assert (comparison.part, ranking.draw_name, ranking.n) == ("test", "fold", 4)
    assert ranking.test_share == pytest.approx(25 / 52)  # 23 of the other 75 rows are validation
    assert "over 4 folds" in ranking.method
    for contender in comparison.contenders:
        rows = [row for run in contender.runs for row in run.predictions["row"]]
        assert sorted(map(int, rows)) == [*range(100)]
        assert [run.info["dataset"]["split"] for run in contender.runs] == [
            f"fold {i} of 4" for i in (1, 2, 3, 4)
        ]
        assert [run.info["seed"] for run in contender.runs] == [42, 43, 44, 45]
    page = comparison.page.read_text(encoding="utf-8")
    assert '<th scope="col">Fold</th>' in page
    assert "4 folds each" in page
    again = kr.compare(folder / "roads.yaml", *variants, folds=4, **options)
    assert {run.path for run in again.contenders[0].runs} == {run.path for run in first.runs}
    folders = [one.runs[0].path.parent for one in (first, second)]
    finished = kr.compare(*folders, output_dir=tmp_path)
    assert finished.ranking == ranking
    alone = kr.train(first.runs[1].recipe_path, data=frame, output_dir=tmp_path / "alone")
    assert alone.metrics == first.runs[1].metrics


def test_recipes_need_rows_from_somewhere(folder: Path) -> None:
    with pytest.raises(RecipeError):
        kr.compare(folder / "roads.yaml", "epochs=2", "epochs=3")


def test_runs_without_a_seed_in_common_are_refused(said: str, folder: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(folder / "roads.csv")
    with pytest.raises(InputError, match="share no seed and split with the others"):
        kr.compare(
            kr.load_recipe(folder / "roads.yaml", ["seed=7"], needs_source=False),
            folder / "runs" / "roads_epochs=5",
            data=frame,
            output_dir=tmp_path,
        )


def test_tuning_gives_every_recipe_the_same_budget_and_test_rows_judge(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "TUNING_FACTORS", (0.001, 1, 1e30))
    console = Console(file=io.StringIO())
    comparison = kr.compare(
        folder / "roads.yaml",
        *("name=a", "name=b batch_size=8"),
        seeds=1,
        tune="learning_rate",
        workers=1,
        data=pd.read_csv(folder / "roads.csv"),
        output_dir=tmp_path,
        console=console,
    )
    assert comparison.part == "test"
    for name in ("a", "b"):
        assert f"{name}: learning_rate 0.1 of 3 tried" in console.file.getvalue()
        tried = [run for run in list_runs_of(tmp_path / name) if run.info["seed"] == 1_000_042]
        statuses = {read_rate(run.recipe_path): run.info["status"] for run in tried}
        assert statuses == {0.0001: "finished", 0.1: "finished", 1e29: "failed"}
    assert [read_rate(c.runs[0].recipe_path) for c in comparison.contenders] == [0.1, 0.1]


def test_a_schedule_is_not_tuned(folder: Path, tmp_path: Path) -> None:
    schedule = "{CosineDecay: {initial_learning_rate: 0.1, decay_steps: 9}}"
    variants = ("epochs=2", f"optimizer.SGD.learning_rate={schedule}")
    frame, options = pd.read_csv(folder / "roads.csv"), {"tune": "learning_rate"}
    with pytest.raises(InputError, match="tune needs a learning rate that is a number"):
        kr.compare(folder / "roads.yaml", *variants, data=frame, output_dir=tmp_path, **options)
    assert not [*tmp_path.rglob("run.json")]


def read_rate(recipe: Path) -> float:
    loaded = load_recipe(recipe, needs_source=False)
    return float(loaded.optimizer.arguments["learning_rate"])


def test_a_run_that_fails_is_named_and_the_others_are_reused(folder: Path, tmp_path: Path) -> None:
    variants = ("name=good", "name=bad optimizer.SGD.learning_rate=1e30")
    options: dict[str, Any] = {"seeds": 1, "workers": 1, "output_dir": tmp_path}
    options["data"] = pd.read_csv(folder / "roads.csv")
    for _ in range(2):
        with pytest.raises(RunFailed) as caught:
            kr.compare(folder / "roads.yaml", *variants, **options)
        assert str(caught.value).startswith("bad, seed 42: ")
        assert str(caught.value).endswith("The other runs are kept and will be reused: 1 of 2.")
    assert len(list_runs_of(tmp_path / "good")) == 1


def test_rates_to_try_reach_from_a_30th_to_30_times_of_the_recipe_s_own() -> None:
    assert pytest.approx([0.0316, 0.1, 0.316, 1, 3.16, 10, 31.6], 2e-3) == steps.TUNING_FACTORS
