"""A linear model beside the network: its scores are scikit-learn's, its verdict is statistics."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.preprocessing import StandardScaler

import kerasrecipes as kr
from kerasrecipes.report.results import read_results
from kerasrecipes.report.verdict import describe_linear, give_verdict
from kerasrecipes.rows import load_for
from kerasrecipes.training import assessment

TABLE = {"test_split": 0.3, "validation_split": 0.2}
LINEAR_CLASSES = {
    "layers": [{"Dense": {"units": 1, "activation": "sigmoid"}}],
    "loss": "binary_crossentropy",
    "metrics": ["accuracy", "AUC"],
}
DEEP_CLASSES = LINEAR_CLASSES | {
    "layers": [
        {"Dense": {"units": 32, "activation": "relu"}},
        {"Dense": {"units": 1, "activation": "sigmoid"}},
    ]
}
NUMBERS = {"layers": [{"Dense": {"units": 16, "activation": "relu"}}, {"Dense": {"units": 1}}]}


def make_rows(n_rows: int = 600) -> pd.DataFrame:
    """Two numbers, their sum with noise, which quadrant pair they are in, and a weight."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"a": rng.normal(size=n_rows), "b": rng.normal(size=n_rows)})
    rows["total"] = 3 * rows.a - rows.b + rng.normal(scale=0.3, size=n_rows)
    rows["side"] = np.where(rows.total > 0, "right", "left")
    rows["quadrants"] = np.where(rows.a * rows.b > 0, "same", "opposite")
    rows["weight"] = rng.integers(1, 4, n_rows)
    return rows


def train(tmp_path, target, rows=None, epochs=5, dataset=None, **keys):
    facts = TABLE | {"target": target} | (dataset or {})
    rows = make_rows() if rows is None else rows
    used = ["a", "b", *([target] if isinstance(target, str) else target)]
    weight = [facts["sample_weight"]] if "sample_weight" in facts else []
    recipe = {
        "name": "linear",
        "dataset": facts,
        "optimizer": {"Adam": {"learning_rate": 0.02}},
        "loss": "mse",
        "epochs": epochs,
        "report": [],
        **keys,
    }
    return kr.train(recipe, data=rows[[*used, *weight]], output_dir=tmp_path)


def read_parts(run, rows):
    """Each part's numbers and target, as the run saw them, and its weights."""
    recipe = kr.load_recipe(run.path / "recipe.yaml", needs_source=False)
    dataset = load_for(recipe, data=rows)
    return {
        name: (np.column_stack([part.inputs["a"], part.inputs["b"]]), part.target, part.weights)
        for name, part in dataset.parts.items()
    }


def fit_scikit_learn(estimator, parts):
    X, y, weights = parts["train"]
    scaler = StandardScaler().fit(X)
    estimator.fit(scaler.transform(X), y, sample_weight=weights)
    return lambda part: (estimator, scaler.transform(parts[part][0]))


class TestScores:
    @pytest.mark.parametrize("weights", [None, "weight"])
    def test_those_of_classes_are_scikit_learns_on_the_same_rows(self, tmp_path, weights):
        rows = make_rows()[["a", "b", "side", "weight"]]
        keys = {"sample_weight": weights} if weights else {}
        run = train(tmp_path, "side", rows, dataset=keys, **LINEAR_CLASSES)
        linear = run.info["linear_model"]
        parts = read_parts(run, rows if weights else rows.drop(columns="weight"))
        fitted = fit_scikit_learn(LogisticRegression(max_iter=1000), parts)
        for part in ("validation", "test"):
            model, X = fitted(part)
            _, y, weight = parts[part]
            accuracy = model.score(X, y, sample_weight=weight)
            assert linear["scores"][part]["accuracy"] == pytest.approx(accuracy, abs=1e-5)
        assert linear["error"] == pytest.approx(1 - (model.predict(X) == y).mean())
        assert linear["rows"] == linear["of_rows"] == len(parts["train"][0])

    @pytest.mark.parametrize("standardized", [False, True])
    def test_those_of_numbers_are_in_the_users_units(self, tmp_path, standardized):
        rows = make_rows()[["a", "b", "total"]] * [1, 1, 1000]
        run = train(
            tmp_path, "total", rows, dataset={"standardize_target": standardized}, **NUMBERS
        )
        linear = run.info["linear_model"]
        parts = read_parts(run, rows)
        model, X = fit_scikit_learn(RidgeCV((1, 30, 1000)), parts)("test")
        scores, y = linear["scores"]["test"], parts["test"][1]
        mae = "mae_original_units" if standardized else "mae"
        assert scores[mae] == pytest.approx(mean_absolute_error(y, model.predict(X)), rel=1e-4)
        assert scores["r2"] == pytest.approx(r2_score(y, model.predict(X)), abs=1e-4)
        assert scores.keys() == run.metrics["test"].keys()

    @pytest.mark.parametrize(
        ("units", "activation", "loss", "same"),
        [
            (1, "sigmoid", "binary_crossentropy", "BinaryCrossentropy"),
            (1, None, {"BinaryCrossentropy": {"from_logits": True}}, "BinaryCrossentropy"),
            (2, "softmax", "sparse_categorical_crossentropy", ""),
            (2, None, {"SparseCategoricalCrossentropy": {"from_logits": True}}, ""),
        ],
    )
    def test_the_loss_is_the_same_however_the_outputs_are_written(
        self, tmp_path, units, activation, loss, same
    ):
        layers = [{"Dense": {"units": units, "activation": activation}}]
        run = train(tmp_path, "side", layers=layers, loss=loss, metrics=["accuracy"])
        reference = train(tmp_path, "side", **LINEAR_CLASSES)
        expected = reference.info["linear_model"]["scores"]["test"]["loss"]
        found = run.info["linear_model"]["scores"]["test"]["loss"]
        assert found == pytest.approx(expected, rel=1e-3)

    def test_several_targets_and_labels_have_a_model_each(self, tmp_path):
        rows = make_rows().assign(other=lambda rows: rows.a + rows.b, one=1)
        rows["x"], rows["y"] = (rows.a > 0).astype(int), (rows.b > 0).astype(int)
        layers = [{"Dense": {"units": 2}}]
        numbers = train(tmp_path, ["total", "other"], rows, layers=layers)
        assert numbers.info["linear_model"]["scores"]["test"]["r2_other"] > 0.999
        layers = [{"Dense": {"units": 3, "activation": "sigmoid"}}]
        labels = train(
            tmp_path,
            ["x", "y", "one"],
            rows,
            dataset={"task": "multilabel"},
            layers=layers,
            loss="binary_crossentropy",
            metrics=["binary_accuracy"],
        )
        linear = labels.info["linear_model"]
        right = linear["scores"]["test"]["binary_accuracy"]
        assert right == pytest.approx(1 - linear["error"], abs=1e-5)
        assert right > 0.97


class TestVerdict:
    def test_on_linear_data_the_network_is_not_clearly_better(self, tmp_path):
        run = train(tmp_path, "side", epochs=30, **DEEP_CLASSES)
        assert "the network is not clearly better" in describe_linear(read_results(run))

    def test_on_quadrants_it_is(self, tmp_path):
        run = train(tmp_path, "quadrants", epochs=60, **DEEP_CLASSES)
        linear = run.info["linear_model"]
        results = read_results(run)
        theirs = linear["error"]
        ours = float(results.row_errors.mean())
        assert linear["gain"][0] == pytest.approx(theirs - ours)
        sentence = describe_linear(results)
        assert "the network is better (difference" in sentence
        assert any(sentence in note for note in give_verdict(results))

    def test_a_network_that_has_not_learned_is_worse(self, tmp_path):
        run = train(tmp_path, "total", epochs=1, **NUMBERS)
        assert "it is better than the network" in describe_linear(read_results(run))

    def test_the_interval_is_that_of_a_paired_t_test(self):
        values = np.random.default_rng(0).normal(size=20)
        interval = ttest_1samp(values, 0).confidence_interval(0.95)
        found = assessment.find_interval(values)
        assert found == pytest.approx((values.mean(), interval.low, interval.high))


class TestWhatIsLeftOut:
    def test_rows_beyond_the_work_of_a_second_are_sampled_and_counted(self, tmp_path, monkeypatch):
        monkeypatch.setattr(assessment, "_WORK", 30 * 2 * 2 * 150)
        run = train(tmp_path, "side", epochs=1, **LINEAR_CLASSES)
        linear = run.info["linear_model"]
        assert (linear["rows"], linear["of_rows"]) == (150, 336)
        assert "fitted to 150 rows" in describe_linear(read_results(run))

    def test_large_rows_have_no_model(self, tmp_path, monkeypatch):
        monkeypatch.setattr(assessment, "_WORK", 1)
        run = train(tmp_path, "side", epochs=1, **LINEAR_CLASSES)
        assert run.info["linear_model"] == {"left_out": "2 values of a row take too long"}
        assert describe_linear(read_results(run)) == ""

    def test_ids_are_no_numbers(self, tmp_path):
        rows = pd.DataFrame({"word": np.arange(60) % 10, "y": np.arange(60) % 10 * 1.5})
        recipe = {
            "name": "ids",
            "dataset": {"target": "y", "features": {"word": "float"}},
            "layers": [
                {"Embedding": {"input_dim": 10, "output_dim": 2}},
                "Flatten",
                {"Dense": {"units": 1}},
            ],
            "optimizer": "sgd",
            "loss": "mse",
            "epochs": 1,
            "report": [],
        }
        run = kr.train(recipe, data=rows, output_dir=tmp_path)
        assert run.info["linear_model"] == {"left_out": "ids are no numbers"}


def test_training_is_the_same_with_and_without(tmp_path, monkeypatch):
    first = train(tmp_path, "side", **DEEP_CLASSES)
    monkeypatch.setattr("kerasrecipes.training.assessment.fit_linear", lambda *_: {})
    second = train(tmp_path, "side", **DEEP_CLASSES)
    assert first.metrics == second.metrics
    assert first.history == second.history
