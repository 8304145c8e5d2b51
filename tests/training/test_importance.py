"""Permutation importance: by how much predictions become worse without a column."""

import numpy as np
import pandas as pd
import pytest

import kerasrecipes as kr
from kerasrecipes.training import assessment

LAYERS = [{"Dense": {"units": 16, "activation": "relu"}}, {"Dense": {"units": 1}}]


def make_rows(n_rows: int = 400) -> pd.DataFrame:
    """One column decides, a date in part, and two are noise."""
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, n_rows), "D")
    rows = pd.DataFrame({"decides": rng.normal(size=n_rows), "noise": rng.normal(size=n_rows)})
    rows["when"] = pd.Series(days).dt.strftime("%Y-%m-%d")
    rows["group"] = rng.choice(["red", "green", "blue"], n_rows)
    rows["y"] = 10 * rows.decides + 3 * (pd.Series(days).dt.year - 2020)
    return rows


def train(tmp_path, rows, dataset=None, layers=None, **keys):
    recipe = {
        "name": "importance",
        "dataset": {
            "target": "y",
            "test_split": 0.3,
            "standardize_target": True,
            **(dataset or {}),
        },
        "layers": layers or LAYERS,
        "optimizer": {"Adam": {"learning_rate": 0.02}},
        "loss": "mse",
        "epochs": 100,
        "report": ["importance"],
        **keys,
    }
    return kr.train(recipe, data=rows, output_dir=tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs"), make_rows())


def test_the_informative_column_has_it_and_noise_has_none(run):
    columns = run.info["importance"]["columns"]
    assert max(columns, key=lambda name: columns[name][0]) == "decides"
    assert columns["decides"][1] > 5  # in the target's unit
    assert columns["when"][1] > 0.5
    for name in ("noise", "group"):
        mean, low, high = columns[name]
        assert abs(mean) < 0.2
        assert low <= mean <= high


def test_a_date_counts_as_one_column(run):
    assert {*run.info["importance"]["columns"]} == {"decides", "noise", "when", "group"}
    inputs = [column["parts"] for column in run.info["dataset"]["columns"]]
    assert any(len(parts) > 1 for parts in inputs)


def test_it_says_how_many_rows_were_used(run):
    facts = run.info["importance"]  # a busy machine can afford fewer
    assert 100 <= facts["rows"] <= facts["of_rows"] == 120
    assert 1 <= facts["repeats"] <= 5


def test_the_report_shows_it_under_a_question(run):
    page = run.report_path.read_text(encoding="utf-8")
    assert "<summary>Which columns are important?</summary>" in page
    assert (run.path / "plots" / "importance.png").exists()


def test_an_evaluation_shows_none(run):
    run.evaluate(make_rows(50))
    (evaluation,) = (run.path / "evaluations").iterdir()
    page = (evaluation / "report.html").read_text(encoding="utf-8")
    assert "Which columns are important?" not in page
    assert "linear model" not in page


def test_it_takes_a_tenth_of_the_run_at_most(tmp_path, monkeypatch):
    rows = make_rows(60)
    monkeypatch.setattr(assessment.time, "perf_counter", iter(range(1000)).__next__)  # 1 s a call
    run = train(tmp_path, rows, epochs=1)
    reason = "it would take more than a tenth of the time of the run"
    assert run.info["importance"] == {"left_out": reason}
    page = run.report_path.read_text(encoding="utf-8")
    assert f"The plot importance is left out: {reason}." in page


def test_a_column_of_a_series_is_shuffled_window_by_window(tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"lead": rng.normal(size=400), "noise": rng.normal(size=400)})
    rows["y"] = rows["lead"].shift(1, fill_value=0) * 5
    run = train(
        tmp_path,
        rows,
        dataset={"timeseries": {"sequence_length": 3}},
        layers=["Flatten", {"Dense": {"units": 1}}],
    )
    columns = run.info["importance"]["columns"]
    assert columns["lead"][1] > 3
    assert abs(columns["noise"][0]) < 0.3


def test_shuffling_within_the_column_gives_what_a_loop_over_rows_gives(tmp_path):
    rows = make_rows(60)
    run = train(tmp_path, rows, epochs=3)
    facts = run.info["importance"]
    test = rows.iloc[[int(row) for row in run.predictions["row"]]].reset_index(drop=True)
    generator = np.random.default_rng(0)
    places = np.arange(len(test))
    base = np.abs(test.y - run.predict(test).predicted).to_numpy()
    for column in ("decides", "noise", "when", "group"):
        rises = []
        for _ in range(facts["repeats"]):
            mixed = test[column].to_numpy()[generator.permutation(places)]
            shuffled = test.assign(**{column: mixed})
            rises.append(np.abs(test.y - run.predict(shuffled).predicted).to_numpy() - base)
        assert facts["columns"][column][0] == pytest.approx(np.mean(rises), rel=1e-3, abs=1e-4)
