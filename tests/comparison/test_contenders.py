"""What can be given to a comparison, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kerasrecipes.comparison.contenders import read_contenders
from kerasrecipes.errors import InputError
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.runs import RunWriter

from .fake_contenders import write_contender

RECIPE = """
dataset: {name: iris, validation_split: 0.2}
layers:
  - Dense: {units: 3, activation: softmax}
loss: sparse_categorical_crossentropy
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "iris.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    return file


def test_each_key_and_value_is_a_variant_of_the_one_recipe(recipe: Path) -> None:
    found, finished = read_contenders([str(recipe), "optimizer=sgd", " optimizer=adam epochs=3"])
    assert finished == []
    names = ["iris optimizer=sgd", "iris optimizer=adam epochs=3"]
    sgd, adam = found
    assert [(r.optimizer.name, r.epochs) for r in (sgd, adam)] == [("sgd", 1), ("adam", 3)]
    assert [r.name for r in (sgd, adam)] == names
    assert make_folder_name(adam.name) == "iris_optimizer=adam_epochs=3"


def test_a_value_of_a_variant_may_hold_spaces(recipe: Path) -> None:
    variant = "optimizer={SGD: {learning_rate: 0.5, momentum: 0.9}} layers.0.Dense.units=3"
    found, _ = read_contenders([str(recipe), variant, "optimizer=sgd"])
    loaded = found[0]
    assert loaded.optimizer.arguments == {"learning_rate": 0.5, "momentum": 0.9}


def test_a_variant_may_have_a_name_of_its_own(recipe: Path) -> None:
    found, _ = read_contenders([str(recipe), "epochs=2 name=two", "epochs=3"])
    assert [each.name for each in found] == ["two", "iris epochs=3"]


def test_a_long_variant_is_called_by_its_place(recipe: Path) -> None:
    long = f"layers=[{', '.join(['{Dense: {units: 3, activation: softmax}}'] * 2)}]"
    found, _ = read_contenders([str(recipe), "epochs=2", long, f"name=own {long}"])
    assert [each.name for each in found] == ["iris epochs=2", "iris variant 2", "own"]


def test_a_file_whose_name_has_an_equals_sign_is_a_recipe(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(recipe.parent)
    recipe.rename("lr=1.yaml")
    Path("b.yaml").write_text(RECIPE, encoding="utf-8")
    found, _ = read_contenders(["lr=1.yaml", "b.yaml"])
    assert [each.name for each in found] == ["lr=1", "b"]


def test_folders_are_finished_runs_in_the_order_of_their_start(tmp_path: Path) -> None:
    contender = write_contender(tmp_path, "adam", n_seeds=2)
    _, (found, other) = read_contenders(
        [contender.runs[0].path.parent, write_contender(tmp_path / "b", "sgd").runs[0].path]
    )
    assert list(found.by_draw) == [(42, 42, 0, 1), (43, 42, 0, 1)]
    assert list(other.by_draw) == [(42, 42, 0, 1)]


def test_runs_of_other_data_or_recipes_than_the_newest_are_left_out(tmp_path: Path) -> None:
    runs = write_contender(tmp_path, "adam", n_seeds=3).runs
    RunWriter(runs[0].path).update(dataset=runs[0].info["dataset"] | {"fingerprint": "0"})
    RunWriter(runs[1].path).write_recipe(runs[1].recipe_text.replace("0.001", "0.002"))
    folders = [runs[0].path.parent, write_contender(tmp_path / "b", "sgd").runs[0].path]
    _, (found, _) = read_contenders(folders)
    assert [run.path for run in found.runs] == [runs[2].path]


def test_finished_runs_of_one_name_are_called_by_their_folders(
    recipe: Path, tmp_path: Path
) -> None:
    runs = [write_contender(tmp_path, "iris", kind, n_seeds=1).runs[0] for kind in ("adam", "sgd")]
    runs.append(write_contender(tmp_path, "other", "adagrad", n_seeds=1).runs[0])
    names = [f"iris {run.path.name}" for run in runs[:2]]
    runs[1].path.rename(runs[1].path.with_name("later"))
    folders = [runs[0].path, runs[1].path.with_name("later"), runs[2].path]
    found, finished = read_contenders([str(recipe), *folders])
    assert [each.name for each in (*found, *finished)] == ["iris", names[0], "iris later", "other"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["iris.yaml"], "A comparison needs at least two contenders"),
        (
            ["iris.yaml", "optimizer=sgd"],
            "Beside variants, the unchanged recipe is not compared.",
        ),
        (["iris.yaml", "iris.yaml"], "Two contenders are called 'iris'."),
        (["iris.yaml", "epochs=1", "epochs=1"], "Two contenders are called 'iris epochs=1'."),
        (
            ["epochs=1", "epochs=2"],
            "Variants such as optimizer=sgd change one recipe (received: 0 recipes).",
        ),
        (["iris.yaml", "name=a", "name=a epochs=2"], "Two contenders are called 'a'."),
        (["iris.yaml", "epoch=1", "epochs=2"], "Did you mean 'epochs'?"),
    ],
)
def test_what_makes_no_comparison(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(recipe.parent)
    with pytest.raises(InputError) as caught:
        read_contenders(words)
    assert message in str(caught.value)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    run = write_contender(tmp_path, "adam", n_seeds=1).runs[0]
    run.update(status="failed")
    with pytest.raises(InputError, match=r"is not finished \(status: failed\)"):
        read_contenders([run.path, "iris"])
