"""What a report says about calling model.keras: it must be true in a process without us."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import kerasrecipes as kr
from kerasrecipes.report.serving import ModelInput, add_inputs, list_inputs, write_snippet
from kerasrecipes.rows.kinds import make_column

TABLE = """\
name: flats
dataset: {path: flats.csv, target: rent, test_split: 0.2}
layers: [Dense: {units: 4}, Dense: {units: 1}]
loss: mse
epochs: 2
report: []
"""
ARRAYS = """\
name: shapes
dataset: {path: shapes.npz}
layers: [Flatten, Dense: {units: 3, activation: softmax}]
loss: sparse_categorical_crossentropy
epochs: 2
report: []
"""
WITHOUT_US = "import sys; sys.modules['kerasrecipes'] = None\n"


def call(run: kr.TrainedRun) -> np.ndarray:
    """Run the report's snippet in the run's folder, and return the answers that it prints."""
    code = WITHOUT_US + write_snippet(run.info["dataset"])
    code = code.replace("print(", "import numpy; numpy.save('answers.npy', ")
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=run.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return np.load(run.path / "answers.npy")


def make_flats(n_rows: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    size = rng.uniform(20, 120, n_rows).round(1)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, n_rows), unit="D")
    return pd.DataFrame(
        {
            'size "m²"': size,
            "built": days.strftime("%d.%m.%Y"),
            "city": rng.choice(["Seoul", "Busan", "Jeju"], n_rows),
            "balcony": rng.choice(["true", "false"], n_rows),
            "rent": 10 * size + rng.normal(0, 5, n_rows),
        }
    )


def test_the_snippet_answers_a_table_as_predict_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(TABLE, encoding="utf-8")
    flats = make_flats()
    flats.to_csv("flats.csv", index=False)
    run = kr.train("recipe.yaml")
    names = [column["name"] for column in run.info["dataset"]["columns"]]
    assert names == ['size "m²"', "built", "city", "balcony"]
    rows = flats.drop(columns="rent").head(7)
    rows.assign(balcony=(rows["balcony"] == "true").astype(int)).to_csv(
        run.path / "rows.csv", index=False
    )
    expected = run.predict(rows)["predicted"]
    np.testing.assert_allclose(call(run)[:, 0], expected, rtol=1e-5)


def test_the_snippet_answers_an_array_as_predict_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(ARRAYS, encoding="utf-8")
    rng = np.random.default_rng(6)
    images = rng.integers(0, 255, (60, 8, 8)).astype(np.uint8)
    np.savez("shapes.npz", X=images, y=np.arange(60) % 3)
    run = kr.train("recipe.yaml")
    np.save(run.path / "rows.npy", images[:5].astype(np.float32))
    expected = run.predict(images[:5]).filter(like="probability_")
    np.testing.assert_allclose(call(run), expected, atol=1e-6)


def column(name: str, feature: str, *parts: str, **arguments: object) -> dict[str, object]:
    return make_column(name, feature, arguments, parts).to_dict()


def test_inputs_are_listed_in_their_order() -> None:
    columns = [
        column("city", "string_categorical"),
        column("size", "float"),
        column("sold", "date", "year", "month"),
        column("garden", "boolean"),
    ]
    numbers = ("size", "sold (year)", "sold (month)", "garden")
    assert list_inputs({"columns": columns}) == [
        ModelInput("numbers", "float32", (4,), numbers),
        ModelInput("categories", "string", (1,), ("city",)),
    ]
    assert list_inputs({"columns": columns[:1]}) == [
        ModelInput("categories", "string", (1,), ("city",))
    ]
    assert list_inputs({"columns": [*columns, column("note", "text")]})[2:] == [
        ModelInput("texts", "string", (1,), ("note",))
    ]
    assert list_inputs({"shape": [28, 28]}) == [ModelInput("inputs", "float32", (28, 28))]
    assert list_inputs({}) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"format": "%Y-%m-%d"}, "pd.to_datetime(rows['sold'], format='%Y-%m-%d')"),
        ({"format": None}, "pd.to_datetime(rows['sold'])"),
        ({"format": "%YQ%q"}, "pd.to_datetime(rows['sold'])"),  # pandas has no %q
        (
            {"format": None, "zone": "Asia/Seoul"},
            "pd.to_datetime(rows['sold'], utc=True).dt.tz_convert('Asia/Seoul')",
        ),
    ],
)
def test_dates_are_read_as_training_read_them(arguments: dict[str, object], line: str) -> None:
    snippet = write_snippet({"columns": [column("sold", "date", "year", **arguments)]})
    assert f"dates = {line}\nrows['sold (year)'] = dates.dt.year\n" in snippet


def test_many_long_names_are_python_that_can_be_read() -> None:
    names = [f"a 'rather' \"long\" name of column {i}" for i in range(200)]
    snippet = write_snippet({"columns": [column(name, "float") for name in names]})
    assigned = re.search(r"^numbers = (\[.*?\])\n\n", snippet, re.MULTILINE | re.DOTALL)
    assert assigned is not None
    assert ast.literal_eval(assigned[1]) == names
    assert max(map(len, snippet.splitlines())) <= 100


def test_the_list_of_inputs_is_in_the_model_s_file(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,), name="numbers"), keras.layers.Dense(1)])
    model.save(file := tmp_path / "model.keras")
    columns = [{"name": name, "kind": "number", "parts": []} for name in ("키 (cm)", "age")]
    add_inputs(file, {"columns": columns}, {})
    with zipfile.ZipFile(file) as archive:
        (found,) = json.loads(archive.read("inputs.json"))
    assert found == {
        "name": "numbers",
        "dtype": "float32",
        "shape": [2],
        "columns": ["키 (cm)", "age"],
    }
    rows = np.ones((3, 2), np.float32)
    loaded = keras.saving.load_model(file)
    np.testing.assert_array_equal(loaded.predict(rows, verbose=0), model.predict(rows, verbose=0))
