"""In another process the saved model answers raw rows as the trained one did, for any table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kerasrecipes as kr

N_ROWS = 24
ANSWER = """
import sys
import kerasrecipes as kr
for line in sys.stdin:
    run, rows, answers = line.rstrip("\\n").split("\\t")
    kr.load_run(run).predict(rows).to_parquet(answers)
    print("done", flush=True)
"""

RECIPE = """
dataset:
  target: y
  missing: {missing}
  missing_indicator: {missing_indicator}
  test_split: 0.5
layers: [Dense: {{{output}}}]
loss: {loss}
report: []
"""

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12
).filter(lambda name: name.strip("'\"") and name not in ("x", "y"))
CATEGORIES = st.sampled_from(["서울", "Zürich", "a b", 'say "so"', "x,y", "#1", "ß", "😀", "=1+1"])


def lists_of(values: st.SearchStrategy) -> st.SearchStrategy[list]:
    return st.lists(values, min_size=N_ROWS, max_size=N_ROWS)


def or_missing(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(values, values, values, st.none())


NUMBERS = st.floats(-1e4, 1e4, width=32).map(float)
COLUMNS = st.one_of(
    lists_of(or_missing(NUMBERS)),
    lists_of(st.integers(-1000, 1000)),
    lists_of(or_missing(CATEGORIES)),
    lists_of(st.booleans()),
    lists_of(or_missing(st.dates().filter(lambda day: 1700 < day.year < 2200))),
    NUMBERS.map(lambda value: [value] * N_ROWS),
    CATEGORIES.map(lambda value: [value] * N_ROWS),
)
TABLES = st.dictionaries(NAMES, COLUMNS, min_size=1, max_size=6)


@pytest.fixture(scope="module")
def other_process() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", ANSWER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round_trip")


def make_frame(columns: dict[str, list]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    for name, values in columns.items():
        if any(hasattr(value, "year") for value in values):
            frame[name] = pd.to_datetime(frame[name])
    return frame


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    columns=TABLES,
    missing=st.sampled_from(["median", "mean", "most_frequent"]),
    missing_indicator=st.booleans(),
    suffix=st.sampled_from([".csv", ".parquet", ".jsonl"]),
    is_classes=st.booleans(),
)
def test_a_fresh_process_answers_raw_rows_alike(
    other_process: subprocess.Popen[str],
    folder: Path,
    columns: dict[str, list],
    missing: str,
    missing_indicator: bool,
    suffix: str,
    is_classes: bool,
) -> None:
    frame = make_frame(columns)
    # An input of numbers is always there, however few of the others are of use.
    frame["x"] = np.arange(N_ROWS) * 1.5
    rows = folder / f"rows{suffix}"
    if suffix == ".csv":
        frame.to_csv(rows, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(rows, index=False)
    else:
        frame.to_json(rows, orient="records", lines=True, force_ascii=False, date_format="iso")
    frame["y"] = np.where(frame["x"] > 17, "ja", "nein") if is_classes else frame["x"] ** 2
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        RECIPE.format(
            missing=missing,
            missing_indicator=str(missing_indicator).lower(),
            output="units: 2, activation: softmax" if is_classes else "units: 1",
            loss="sparse_categorical_crossentropy" if is_classes else "mse",
        ),
        encoding="utf-8",
    )
    run = kr.train(recipe, data=frame, output_dir=folder / "runs")
    answers_file = folder / "answers.parquet"
    assert other_process.stdin is not None
    assert other_process.stdout is not None
    other_process.stdin.write(f"{run.path}\t{rows}\t{answers_file}\n")
    other_process.stdin.flush()
    assert other_process.stdout.readline() == "done\n"
    answers = pd.read_parquet(answers_file)
    # What the trained model said of the test rows before its file was written.
    trained = pd.DataFrame(run.predictions)
    tested = answers.iloc[trained.pop("row").astype(int)].reset_index(drop=True)
    trained = trained[tested.columns].astype(tested.dtypes)
    pd.testing.assert_frame_equal(tested, trained, rtol=1e-5, atol=1e-5)
    assert len(answers) == N_ROWS
    assert np.isfinite(answers.select_dtypes("number")).all(axis=None)
