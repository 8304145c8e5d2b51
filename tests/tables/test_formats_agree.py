"""The same rows are the same, whatever holds them: columns, answers and scores are equal."""

from __future__ import annotations

import datetime
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import kerasrecipes as kr

N_ROWS = 60
RECIPE = """
name: {name}
dataset:
{source}  target: price
  missing: median
  standardize_target: true
  test_split: 0.25
layers: [Dense: {{units: 1}}]
loss: mse
report: []
"""
READ = {
    "area": ("number", ("area",)),
    "rooms": ("number", ("rooms",)),
    "town": ("category", ("town",)),
    "code": ("category", ("code",)),
    "garden": ("boolean", ("garden",)),
    "sold": ("date", ("sold (year)", "sold (month)", "sold (day)", "sold (weekday)")),
    "opens": ("date", ("opens (hour)", "opens (minute)")),
}


def make_rows() -> list[dict[str, Any]]:
    """Rows of every kind of value, as Python has them; None is missing."""
    rng = np.random.default_rng(3)
    rows = []
    for i in range(N_ROWS):
        area, rooms = round(float(rng.uniform(20, 120)), 1), int(rng.integers(1, 6))
        rows.append(
            {
                "area": None if i % 11 == 4 else area,
                "rooms": None if i % 13 == 5 else rooms,
                "town": None if i % 7 == 3 else ["Ulm", "Köln", "서울"][i % 3],
                "code": f"{i % 4:03}",
                "garden": None if i % 17 == 6 else i % 3 == 0,
                "sold": None
                if i % 19 == 7
                else datetime.date(2019, 1, 1) + datetime.timedelta(days=i * 17),
                "opens": datetime.time(6 + i % 12, i % 4 * 15),
                "price": round(area * 2 + rooms * 30, 2),
            }
        )
    return rows


ROWS = make_rows()


def make_texts() -> list[dict[str, Any]]:
    """The rows with dates and times as texts, as files without a type for them have them."""
    return [
        {
            **row,
            "sold": row["sold"] and row["sold"].isoformat(),
            "opens": row["opens"].isoformat("minutes"),
        }
        for row in ROWS
    ]


def make_frame() -> pd.DataFrame:
    frame = pd.DataFrame(make_texts())
    frame["rooms"] = frame["rooms"].astype("Int64")
    frame["garden"] = frame["garden"].astype("boolean")
    return frame


def write_delimited(path: Path, **how: Any) -> Path:
    make_frame().to_csv(path, index=False, **how)
    return path


def write_jsonl(path: Path) -> Path:
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in make_texts())
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_json(path: Path) -> Path:
    path.write_text(json.dumps(make_texts(), indent=1), encoding="utf-8")
    return path


def write_parquet(path: Path) -> Path:
    parquet.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def write_feather(path: Path) -> Path:
    feather.write_feather(pa.Table.from_pylist(ROWS), path)
    return path


def write_excel(path: Path) -> Path:
    pd.DataFrame(ROWS).to_excel(path, index=False)
    return path


def make_typed_frame(_: Path) -> pd.DataFrame:
    frame = make_frame().astype({"town": "category", "code": "string"})
    frame["sold"] = pd.to_datetime(frame["sold"])
    frame["opens"] = [row["opens"] for row in ROWS]
    return frame


def make_polars(_: Path) -> Any:
    import polars

    return polars.DataFrame(ROWS).rename(lambda name: f"{name} ")


FORMATS: dict[str, Callable[[Path], Any]] = {
    "rows.csv": write_delimited,
    "rows.tsv": lambda path: write_delimited(path, sep="\t"),
    "comma.csv": lambda path: write_delimited(path, sep=";", decimal=","),
    "korean.csv": lambda path: write_delimited(path, encoding="utf-16"),
    "rows.csv.gz": write_delimited,
    "rows.jsonl": write_jsonl,
    "rows.json": write_json,
    "rows.parquet": write_parquet,
    "rows.feather": write_feather,
    "rows.xlsx": write_excel,
    "DataFrame": make_typed_frame,
    "DataFrame of texts": lambda _: make_frame(),
    "padded DataFrame": lambda _: make_frame().rename(columns=lambda name: f" {name} "),
    "Polars": make_polars,
}
HAS_POLARS = importlib.util.find_spec("polars") is not None
each_format = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.skipif(not HAS_POLARS, reason="no Polars"))
        if name == "Polars"
        else name
        for name in FORMATS
    ],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("formats")


@pytest.fixture(scope="module")
def hold(folder: Path) -> Callable[[str], Any]:
    """The rows in a format: a file's path or a frame."""
    made: dict[str, Any] = {}

    def hold_once(name: str) -> Any:
        if name not in made:
            made[name] = FORMATS[name](folder / name)
        return made[name]

    return hold_once


@pytest.fixture(scope="module")
def train(folder: Path, hold: Callable[[str], Any]) -> Callable[[str], kr.TrainedRun]:
    """The run that was trained on the rows in a format."""
    runs: dict[str, kr.TrainedRun] = {}

    def train_once(name: str) -> kr.TrainedRun:
        if name not in runs:
            data = hold(name)
            is_file = isinstance(data, Path)
            source = f"  path: {data}\n" if is_file else ""
            recipe = folder / f"{name}.yaml"
            recipe.write_text(RECIPE.format(name="same", source=source), encoding="utf-8")
            rows = None if is_file else data
            runs[name] = kr.train(recipe, epochs=2, data=rows, output_dir=folder / "runs")
        return runs[name]

    return train_once


@each_format
def test_training_reads_every_format_alike(train, name: str) -> None:
    columns = train(name).info["dataset"]["columns"]
    found = {
        column["name"]: (
            column["kind"],
            tuple(f"{column['name']} ({part})" for part in column["parts"]) or (column["name"],),
        )
        for column in columns
    }
    assert found == READ


@each_format
def test_a_run_answers_and_scores_rows_in_every_format(train, hold, name: str) -> None:
    run, data = train("rows.csv"), hold(name)
    answers = run.predict(data)["predicted"]
    np.testing.assert_array_equal(answers, run.predict(hold("rows.csv"))["predicted"])
    assert len(answers) == N_ROWS
    assert run.evaluate(data) == run.evaluate(hold("rows.csv"))


@each_format
def test_a_run_trained_on_any_format_is_the_same(train, hold, name: str) -> None:
    run, usual = train(name), train("rows.csv")
    assert run.metrics["test"] == pytest.approx(usual.metrics["test"])
    answers = run.predict(hold("rows.csv"))["predicted"]
    expected = usual.predict(hold("rows.csv"))["predicted"]
    np.testing.assert_allclose(answers, expected, rtol=1e-6)
    assert run.evaluate(hold("rows.csv")) == pytest.approx(usual.evaluate(hold("rows.csv")))
