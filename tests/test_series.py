"""``dataset.timeseries``: windows of a table's rows, from the recipe to plain Keras."""

from __future__ import annotations

import itertools
import tracemalloc
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import yaml

import kerasrecipes as kr
from kerasrecipes.errors import InputError
from kerasrecipes.prediction.predict import predict_file
from kerasrecipes.prediction.saved import load_saved
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.schema import DatasetSpec, TimeseriesSpec
from kerasrecipes.rows import load_for
from kerasrecipes.rows.windows import Series, WindowArray, Windows, find_period
from report.snippets import call_snippet, take_inputs
from rows.specs import load_dataset

N = 400


def make_rows(n_rows: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    hours = np.arange(n_rows)
    return pd.DataFrame(
        {
            "temperature": (10 + 5 * np.sin(hours / 4) + rng.normal(0, 0.1, n_rows)).round(3),
            "pressure": (1000 + rng.normal(0, 3, n_rows)).round(2),
            "wind": rng.choice(["N", "S", "W"], n_rows),
        }
    )


def write(folder: Path, timeseries: dict[str, int], **keys: Any) -> Path:
    make_rows().to_csv(folder / "weather.csv", index=False)
    dataset = {"path": "weather.csv", "target": "temperature", "timeseries": timeseries}
    recipe: dict[str, Any] = {
        "name": "weather",
        "dataset": dataset | {"validation_split": 0.2} | keys.pop("dataset", {}),
        "layers": [{"SimpleRNN": {"units": 6}}, {"Dense": {"units": 1}}],
        "loss": "mse",
        "epochs": 2,
        "report": [],
    }
    (folder / "weather.yaml").write_text(yaml.safe_dump(recipe | keys), encoding="utf-8")
    return folder / "weather.yaml"


@pytest.mark.parametrize(
    ("spec", "n_windows", "first_rows", "target"),
    [
        ({"sequence_length": 3}, 397, [0, 1, 2], 3),
        ({"sequence_length": 3, "delay": 5}, 393, [0, 1, 2], 7),
        ({"sequence_length": 3, "sampling_rate": 6, "delay": 2}, 386, [0, 6, 12], 14),
        ({"sequence_length": 3, "sequence_stride": 10}, 40, [0, 1, 2], 3),
        ({"sequence_length": 1}, 399, [0], 1),
    ],
)
def test_a_target_stands_so_many_rows_after_the_last_row_of_its_window(
    tmp_path: Path, spec: dict[str, int], n_windows: int, first_rows: list[int], target: int
):
    make_rows().to_csv(tmp_path / "weather.csv", index=False)
    dataset = load_dataset(
        DatasetSpec(
            path=str(tmp_path / "weather.csv"),
            target="temperature",
            timeseries=TimeseriesSpec(**spec),
        )
    )
    train, test = dataset.parts["train"], dataset.parts["test"]
    rows = make_rows()
    assert isinstance(train.inputs, Series)
    assert train.inputs["temperature"][first_rows] == pytest.approx(
        rows["temperature"][first_rows], rel=1e-6
    )
    assert train.inputs.windows[0].starts + train.inputs.windows.offsets == pytest.approx(
        first_rows
    )
    assert train.rows[0] == target
    np.testing.assert_allclose(test.target, rows["temperature"][test.rows], rtol=1e-6)
    reach = spec["sequence_length"] * spec.get("sampling_rate", 1) + spec.get("delay", 1)
    assert len(train) + len(test) <= n_windows
    assert test.rows.min() - train.rows.max() >= reach - spec.get("sampling_rate", 1)


def test_no_row_of_a_window_is_known_to_two_parts(tmp_path: Path):
    make_rows().to_csv(tmp_path / "weather.csv", index=False)
    spec = TimeseriesSpec(sequence_length=7, sampling_rate=3, sequence_stride=2, delay=4)
    dataset = load_dataset(
        DatasetSpec(
            path=str(tmp_path / "weather.csv"),
            target="temperature",
            timeseries=spec,
            validation_split=0.25,
        )
    )
    spans = [(part.rows.min() - 18 - 4, part.rows.max()) for part in dataset.parts.values()]
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end < start


def test_what_trains_predicts_and_is_scored(tmp_path: Path):
    timeseries = {"sequence_length": 8, "sampling_rate": 2, "delay": 3}
    recipe = write(tmp_path, timeseries, report=None)
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    assert run.evaluate() == pytest.approx(run.metrics["test"], rel=1e-4)
    answers = run.predict(make_rows())
    assert len(answers) == N - 14
    assert len(run.predict(make_rows().tail(15))) == 1
    np.testing.assert_allclose(
        answers["predicted"].iloc[-1],
        run.predict(make_rows().tail(15))["predicted"].iloc[0],
        rtol=1e-5,
    )
    test = run.predictions
    last = make_rows()["temperature"].to_numpy()[np.array(test["row"], int) - 3]
    np.testing.assert_allclose(np.array(test["last_value"], float), last, rtol=1e-6)
    page = run.report.read_text(encoding="utf-8")
    assert "last value would have an error of" in page
    assert "Actual and predicted outputs" in page


@pytest.mark.parametrize(
    "spec",
    [
        {"sequence_length": 8},
        {"sequence_length": 5, "sampling_rate": 20, "sequence_stride": 3, "delay": 4},
        {"sequence_length": 2, "sequence_stride": 70},
    ],
    ids=["short", "longer than a piece", "rows between windows"],
)
def test_a_file_of_many_pieces_is_one_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: dict[str, int]
):
    keys = {"validation_split": 0.0, "test_split": 0.4}
    run = kr.train(write(tmp_path, spec, dataset=keys), output_dir=tmp_path / "runs")
    rows = make_rows().assign(hour=np.arange(N)).replace({"wind": {"W": "NW"}})
    rows.to_csv(tmp_path / "new.csv", index=False)

    def answer() -> tuple[pd.DataFrame, pd.DataFrame, dict[str, float], list[str]]:
        saved = load_saved(run)
        with warnings.catch_warnings(record=True):
            predict_file(saved, str(tmp_path / "new.csv"), tmp_path / "new.parquet", ["hour"])
            frame, scores = run.predict(rows), run.evaluate(tmp_path / "new.csv")
        return pd.read_parquet(tmp_path / "new.parquet"), frame, scores, saved.list_warnings()

    whole = answer()
    monkeypatch.setattr("kerasrecipes.rows.table.ROWS_AT_ONCE", 50)
    for pieces, expected in zip(answer()[:2], whole[:2], strict=True):
        pd.testing.assert_frame_equal(pieces, expected, rtol=1e-5)
    assert answer()[2:] == whole[2:]
    assert len(whole[0]) == len(range(0, N - (spec["sequence_length"] - 1) * spec.get(
        "sampling_rate", 1), spec.get("sequence_stride", 1)))  # fmt: skip
    n_west = (rows["wind"] == "NW").sum()
    assert f"wind: {n_west} rows have a category that no training row had" in whole[3][0]


def test_a_series_is_read_into_memory_to_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe = write(tmp_path, {"sequence_length": 8})
    monkeypatch.setattr("kerasrecipes.rows.limits.find_free_memory", lambda: 1000)
    with pytest.raises(InputError, match="texts and series must fit into memory"):
        kr.train(recipe, output_dir=tmp_path / "runs")


def test_losses_are_those_of_keras_on_the_same_windows(tmp_path: Path):
    recipe = write(
        tmp_path,
        {"sequence_length": 5, "delay": 2},
        batch_size=N,
        epochs=4,
        optimizer={"SGD": {"learning_rate": 0.01}},
        dataset={"drop": ["wind"], "validation_split": 0.0},
    )
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    first = kr.train(recipe, output_dir=tmp_path / "runs", epochs=1, name="first")
    n_train = run.info["dataset"]["rows"]["train"]
    block = make_rows().iloc[: n_train + 4]
    numbers = block[["temperature", "pressure"]].to_numpy(np.float32)
    numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    X = np.stack([numbers[start : start + 5] for start in range(n_train)])
    y = make_rows()["temperature"].to_numpy()[6 : 6 + n_train]
    model = keras.Sequential(
        [keras.Input((5, 2)), keras.layers.SimpleRNN(6), keras.layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    inner = next(each for each in first.model.layers if isinstance(each, keras.Sequential))
    model.set_weights(inner.get_weights())
    history = model.fit(X, y, batch_size=N, epochs=3, shuffle=False, verbose=0)
    assert run.history["loss"][1:] == pytest.approx(history.history["loss"], rel=1e-5)


def test_plain_keras_answers_the_windows_of_raw_rows(tmp_path: Path):
    spec = {"sequence_length": 8, "sampling_rate": 2, "sequence_stride": 3}
    run = kr.train(write(tmp_path, spec, epochs=3), output_dir=tmp_path / "runs")
    windows = np.arange(0, N - 14, 3)[:, None] + 2 * np.arange(8)
    inputs = take_inputs(run, make_rows())
    (alone,) = call_snippet(run, {name: x[windows] for name, x in inputs.items()}, tmp_path)
    np.testing.assert_allclose(alone[:, 0], run.predict(make_rows())["predicted"], rtol=1e-4)


def test_classes_of_a_series(tmp_path: Path):
    softmax = {"Dense": {"units": 3, "activation": "softmax"}}
    recipe = write(
        tmp_path,
        {"sequence_length": 4},
        dataset={"target": "wind"},
        layers=["Flatten", softmax],
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    assert {"predicted", "probability_N"} <= {*run.predict(make_rows())}
    assert "last_value" not in run.predictions


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path):
    recipe = write(tmp_path, {"sequence_length": 4})
    whole = kr.train(recipe, output_dir=tmp_path / "whole", epochs=4)
    kr.train(recipe, output_dir=tmp_path / "parts", epochs=2)
    longer = kr.train(recipe, output_dir=tmp_path / "parts", epochs=4, resume=True)
    assert longer.history == whole.history


def test_windows_are_gathered_when_they_are_taken():
    rows = np.zeros((200_000, 8), np.float32)
    tracemalloc.start()
    windows = Windows(np.arange(199_000), np.arange(1000))
    array = WindowArray(rows, windows)
    assert array.shape == (199_000, 1000, 8)
    assert array[:3].shape == (3, 1000, 8)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("timeseries", "dataset", "message"),
    [
        (
            {"sequence_length": 400},
            {},
            "need 401 rows (received: 400). Add rows, or make windows shorter.",
        ),
        ({"sequence_length": 4}, {"stratify": True}, "cannot be combined with timeseries"),
        ({"sequence_length": 4}, {"missing": "drop"}, "cannot be combined with timeseries"),
        ({"sequence_length": 4}, {"shuffle": True}, "cannot be combined with timeseries"),
        ({"sequence_length": 4}, {"stream": True}, "cannot be combined with timeseries"),
        ({"sequence_length": 0}, {}, "sequence_length"),
        ({"length": 4}, {}, "sequence_length"),
        ({"sequence_length": 300}, {"test_split": 0.5}, "leaves none to train on"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, timeseries: dict[str, int], dataset: dict[str, Any], message: str
):
    with pytest.raises(InputError) as caught:
        kr.train(write(tmp_path, timeseries, dataset=dataset), output_dir=tmp_path / "runs")
    assert message in str(caught.value)


def test_a_target_that_is_missing_breaks_a_series(tmp_path: Path):
    recipe = write(tmp_path, {"sequence_length": 4}, dataset={"missing": "median"})
    rows = make_rows()
    rows.loc[100, "temperature"] = np.nan
    rows.to_csv(tmp_path / "weather.csv", index=False)
    with pytest.raises(InputError, match="temperature is missing in 1 of 400 rows"):
        kr.train(recipe, output_dir=tmp_path / "runs")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ([], ""),
        ([100, 101, 250], "2 of 396 steps of time are longer than the others, such as 2024-01-05 "
         "03:00:00 to 2024-01-05 06:00:00. Windows reach over them: add the missing rows."),
        (range(5, N, 7), ""),  # one day of every week
    ],
)  # fmt: skip
def test_a_few_gaps_in_time_are_named(tmp_path: Path, missing: Sequence[int], said: str):
    recipe = write(tmp_path, {"sequence_length": 4}, dataset={"time": "when", "drop": ["when"]})
    rows = make_rows().assign(when=pd.date_range("2024-01-01", periods=N, freq="h"))
    rows.drop(index=[*missing]).to_csv(tmp_path / "weather.csv", index=False)
    remarks = load_for(load_recipe(recipe)).warnings
    assert [each for each in remarks if "of time" in each] == [said] * bool(said)


def test_rows_to_predict_must_be_in_the_order_of_time(tmp_path: Path):
    times = pd.date_range("2024-01-01", periods=N, freq="h")
    recipe = write(tmp_path, {"sequence_length": 4}, dataset={"time": "when", "drop": ["when"]})
    rows = make_rows().assign(when=times)
    rows.to_csv(tmp_path / "weather.csv", index=False)
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    answers = run.predict(rows)
    assert len(answers) == N - 3
    for each in (rows[::-1], rows[::-1].astype({"when": str})):
        with pytest.raises(InputError, match=r"time: a row of a series must be later"):
            run.predict(each)
        with pytest.raises(InputError, match=r"time: a row of a series must be later"):
            run.evaluate(each)
    # Without times, or where a few rows do not show how they are written, the order is trusted.
    few = rows.head(8)
    for when in (None, [f"0{i}/02/2024" for i in range(8, 0, -1)]):
        there = few.drop(columns="when") if when is None else few.assign(when=when)
        assert run.predict(there).equals(answers.head(5))


def test_too_few_rows_to_predict(tmp_path: Path):
    run = kr.train(write(tmp_path, {"sequence_length": 8}), output_dir=tmp_path / "runs")
    with pytest.raises(InputError, match="need 8 rows"):
        run.predict(make_rows().head(5))


def test_several_targets_of_a_series(tmp_path: Path):
    recipe = write(
        tmp_path,
        {"sequence_length": 4},
        dataset={"target": ["temperature", "pressure"]},
        layers=[{"SimpleRNN": {"units": 6}}, {"Dense": {"units": 2}}],
        report=None,
    )
    run = kr.train(recipe, output_dir=tmp_path / "runs")
    page = run.report.read_text(encoding="utf-8")
    assert page.count("Actual and predicted outputs") >= 2


def test_a_misspelt_key_is_suggested(tmp_path: Path):
    with pytest.raises(InputError, match="Did you mean 'sequence_length'"):
        kr.train(write(tmp_path, {"sequence_lenght": 4}), output_dir=tmp_path / "runs")


def test_missing_values_of_a_series_are_not_left_out(tmp_path: Path):
    recipe = write(tmp_path, {"sequence_length": 4})
    rows = make_rows()
    rows.loc[[7, 9], "pressure"] = np.nan
    rows.to_csv(tmp_path / "weather.csv", index=False)
    with pytest.raises(InputError) as caught:
        kr.train(recipe, output_dir=tmp_path / "runs")
    assert "Fill them with missing: median, or leave the columns out" in str(caught.value)
    assert "missing: drop" not in str(caught.value)


T = np.arange(600)
DAY = np.sin(2 * np.pi * T / 24)
NOISE = np.random.default_rng(3).normal(size=600)


@pytest.mark.parametrize(
    ("values", "period"),
    [
        (DAY + 0.3 * NOISE, 24),
        (0.01 * T + np.sin(2 * np.pi * T / 12), 12),
        (DAY + 2 * (T // 24 % 7 > 4), 168),
        (NOISE, 0),
        (np.cumsum(NOISE), 0),
        (T, 0),
        (T * 0, 0),
        (T[:2], 0),
    ],
    ids=["day", "trend and year", "week", "noise", "walk", "trend", "constant", "short"],
)
def test_a_period_is_found_where_values_repeat(values: np.ndarray, period: int):
    windows = Windows(np.arange(1), np.arange(2))
    series = Series({"y": np.asarray(values, np.float32)}, windows)
    assert find_period(series, ("y",)) == period


def test_a_forecast_is_compared_with_the_value_one_period_ago(tmp_path: Path):
    rows = pd.DataFrame({"y": 10 + DAY + 0.1 * NOISE})
    rows.to_csv(tmp_path / "day.csv", index=False)
    recipe = {
        "name": "day",
        "dataset": {
            "path": str(tmp_path / "day.csv"),
            "target": "y",
            "timeseries": {"sequence_length": 6, "delay": 30},
        },
        "layers": ["Flatten", {"Dense": {"units": 1}}],
        "loss": "mse",
    }
    run = kr.train(recipe, output_dir=tmp_path)
    assert run.info["dataset"]["period"] == 24
    test = run.predictions
    numbers = np.array(test["row"], int)
    found = np.array(test["one_period_ago"], float)
    is_known = np.isfinite(found)
    # 24 rows ago lies after the window, so it is two periods.
    np.testing.assert_allclose(found[is_known], rows["y"][numbers[is_known] - 48], rtol=1e-6)
    assert is_known.sum() == len(numbers) - (48 - 30 - 5)
    error = np.abs(np.array(test["actual"], float) - found)[is_known].mean()
    page = run.report.read_text(encoding="utf-8")
    assert f"the value one period ago (24 rows) would have an error of {error:.2g}" in page
