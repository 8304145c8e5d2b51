"""compare --baselines: scikit-learn's HistGradientBoosting on the same rows, splits and seeds."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, roc_auc_score

import kerasrecipes as kr
from kerasrecipes.cli.commands import report as write_report
from kerasrecipes.comparison.contenders import BOOSTING
from kerasrecipes.comparison.page import to_csv, to_json
from kerasrecipes.errors import InputError
from kerasrecipes.rows import load_for

LAYERS = [{"Dense": {"units": 8, "activation": "relu"}}, {"Dense": {"units": 1}}]
NUMBERS = {
    "name": "numbers",
    "dataset": {"target": "y", "missing": "median", "validation_split": 0.2},
    "layers": LAYERS,
    "optimizer": "adam",
    "loss": "mse",
    "epochs": 1,
    "report": [],
}


def make_rows(n_rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=n_rows), "c": rng.choice(["x", "y", "z"], n_rows)})
    rows["y"] = np.where(rows.c == "x", 1, -1) * rows.a + rng.normal(scale=0.1, size=n_rows)
    rows.loc[::7, "a"] = np.nan
    return rows


def read_columns(part, train):
    """As HistGradientBoosting takes them: missing numbers as NaN, categories as codes."""
    frame = pd.DataFrame(dict(part.inputs))
    categories = pd.Series(train.inputs["c"]).value_counts().index
    return frame.assign(c=pd.Categorical(frame.c, categories=categories).codes)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    return kr.compare(
        NUMBERS, "optimizer=sgd", "optimizer=adam", baselines=True, splits=2, data=make_rows(),
        workers=1, output_dir=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip


def test_its_scores_are_scikit_learns_on_the_same_rows(comparison):
    assert comparison.contenders[0].name == BOOSTING
    for i, score in enumerate(comparison.ranking.standings[0].scores):
        changes = [f"dataset.split_seed={42 + i}", f"seed={i}"]
        dataset = load_for(kr.load_recipe(NUMBERS, changes, needs_source=False), data=make_rows())
        train, validation = dataset.parts["train"], dataset.parts["validation"]
        model = HistGradientBoostingRegressor(categorical_features=[False, True], random_state=0)
        model.fit(read_columns(train, train), train.target)
        predicted = model.predict(read_columns(validation, train))
        assert score == pytest.approx(mean_absolute_error(validation.target, predicted), rel=1e-5)


def test_it_is_ranked_tested_and_listed_with_the_recipes(comparison):
    names = [standing.name for standing in comparison.ranking.standings]
    assert names[0] == BOOSTING
    assert len(names) == 3
    facts = json.loads(to_json(comparison))["rows"]
    assert facts[0]["parameters"] == facts[0]["epochs"] == 0
    assert facts[0]["linear_model"] is None
    assert facts[0]["differs"] == {"optimizer": "–"}
    assert facts[1]["linear_model"] > facts[0]["mean"]
    assert to_csv(comparison).count("\n") == 4
    page = comparison.page.read_text(encoding="utf-8")
    assert page.count(BOOSTING) > 5
    assert f"How each recipe differs from {names[1]}:" in page
    assert page.count('class="diff"') == 1


def test_another_comparison_uses_its_runs_again(comparison):
    runs = comparison.contenders[0].runs
    again = kr.compare(
        NUMBERS, "optimizer=sgd", "optimizer=adam", baselines=True, splits=2, data=make_rows(),
        output_dir=runs[0].path.parent.parent,
    )  # fmt: skip
    assert [run.path for run in again.contenders[0].runs] == [run.path for run in runs]


def test_any_metric_of_the_recipe_is_computed_by_keras(tmp_path):
    rows = make_rows().assign(k=lambda rows: np.where(rows.y > 0, "up", "down"))
    layers = [LAYERS[0], {"Dense": {"units": 1, "activation": "sigmoid"}}]
    recipe = NUMBERS | {"name": "classes", "layers": layers, "loss": "binary_crossentropy"}
    recipe["dataset"] = NUMBERS["dataset"] | {"target": "k", "drop": ["y"]}
    recipe["metrics"] = [{"AUC": {"num_thresholds": 2000}}]
    found = kr.compare(
        recipe, "epochs=1", "epochs=2", baselines=True, seeds=1, data=rows, workers=1,
        output_dir=tmp_path,
    )  # fmt: skip
    dataset = load_for(kr.load_recipe(recipe, needs_source=False), data=rows)
    train, part = dataset.parts["train"], dataset.parts["validation"]
    model = HistGradientBoostingClassifier(categorical_features=[False, True], random_state=0)
    model.fit(read_columns(train, train), train.target)
    auc = roc_auc_score(part.target, model.predict_proba(read_columns(part, train))[:, 1])
    scores = {s.name: s.scores[0] for s in found.ranking.standings}
    assert scores[BOOSTING] == pytest.approx(auc, abs=2e-3)


class TestRefusals:
    """All come before the first training."""

    def test_arrays(self, tmp_path):
        np.savez(tmp_path / "data.npz", x=np.zeros((30, 2), np.float32), y=np.arange(30.0))
        recipe = NUMBERS | {"dataset": {"path": str(tmp_path / "data.npz")}}
        with pytest.raises(InputError, match="takes tables of numbers and categories") as error:
            kr.compare(recipe, "epochs=1", "epochs=2", baselines=True, output_dir=tmp_path / "runs")
        assert "Compare without --baselines." in str(error.value)
        assert not (tmp_path / "runs").exists()

    def test_windows_of_a_series(self, tmp_path):
        dataset = {"target": "y", "drop": ["c"], "timeseries": {"sequence_length": 3}}
        recipe = NUMBERS | {"dataset": dataset, "layers": ["Flatten", *LAYERS]}
        rows = make_rows().ffill().bfill()
        with pytest.raises(InputError, match="windows"):
            kr.compare(recipe, "epochs=1", "epochs=2", baselines=True, data=rows,
                       output_dir=tmp_path)  # fmt: skip

    def test_finished_runs_alone(self, tmp_path):
        first, second = (
            kr.train(NUMBERS, f"name={name}", data=make_rows(), output_dir=tmp_path)
            for name in ("one", "two")
        )
        with pytest.raises(InputError, match="--baselines needs a recipe"):
            kr.compare(first.path, second.path, baselines=True, output_dir=tmp_path)


def test_its_run_is_never_taken_for_that_of_a_network(comparison):
    """Nor a network's run for its own, where the recipe in its folder was trained."""
    run = comparison.contenders[0].runs[0]
    rows, output_dir = make_rows(), run.path.parent.parent
    for use in (
        lambda: kr.load_run(run.path).predict(rows),
        lambda: kr.train(run.path, resume=True, data=rows),
        lambda: kr.train(NUMBERS, data=rows, weights_from=run.path, output_dir=output_dir),
        lambda: write_report(run.path),
    ):
        with pytest.raises(InputError, match="whose model is not saved"):
            use()
    kr.train(run.recipe_path, data=rows, output_dir=output_dir)
    again = kr.compare(
        NUMBERS, "optimizer=sgd", "optimizer=adam", baselines=True, splits=2, data=rows,
        workers=1, output_dir=output_dir,
    )  # fmt: skip
    assert again.ranking.standings[0].scores == comparison.ranking.standings[0].scores


def test_no_recipe_has_its_name():
    with pytest.raises(InputError, match=r"is the name of --baselines\. Give the recipe another"):
        kr.compare(NUMBERS | {"name": BOOSTING}, NUMBERS, data=make_rows())
