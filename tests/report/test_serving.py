"""What a report says about calling model.keras: it must be true in a process without us."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kerasrecipes as kr
from kerasrecipes.report.serving import ModelInput, list_inputs
from kerasrecipes.rows.kinds import make_column

from .snippets import call_snippets, take_inputs

FLATS = """\
name: flats
dataset: {path: flats.csv, target: rent, test_split: 0.2}
layers: [Dense: {units: 4}, Dense: {units: 1}]
loss: mse
epochs: 2
report: []
"""
SHAPES = """\
name: shapes
dataset: {path: shapes.npz}
layers: [Flatten, Dense: {units: 3, activation: softmax}]
loss: sparse_categorical_crossentropy
epochs: 2
report: []
"""
DATE = ("year", "month", "day", "weekday", "hour", "minute")


def test_the_snippet_calls_the_saved_model_without_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flats.yaml").write_text(FLATS, encoding="utf-8")
    Path("shapes.yaml").write_text(SHAPES, encoding="utf-8")
    rng, n_rows = np.random.default_rng(5), 90
    images = rng.integers(0, 255, (n_rows, 8, 8)).astype(np.uint8)
    np.savez("shapes.npz", X=images, y=np.arange(n_rows) % 3)
    numbers = rng.integers(0, 700, n_rows)
    days = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(numbers, unit="D"))
    columns = {
        'size "m²"': rng.uniform(20, 120, n_rows),
        "built": days.dt.strftime("%d.%m.%Y"),
        "city": rng.choice(["Seoul", "Busan", "Jeju"], n_rows),
        "rent": rng.normal(500, 50, n_rows),
    }
    pd.DataFrame(columns).to_csv("flats.csv", index=False)
    of_table, of_array = kr.train("flats.yaml"), kr.train("shapes.yaml")
    rows = pd.DataFrame(columns).head(7)
    parts = {f"built ({part})": getattr(days.dt, part) for part in DATE}
    cases = [
        (of_table, take_inputs(of_table, rows.assign(**parts))),
        (of_array, {"inputs": images[:5].astype(np.float32)}),
    ]
    (numbers, *_), (chances, *_) = call_snippets(cases, tmp_path)
    np.testing.assert_allclose(numbers, of_table.predict(rows)[["predicted"]], rtol=1e-4)
    expected = of_array.predict(images[:5]).filter(like="probability_")
    np.testing.assert_allclose(chances, expected, rtol=1e-4)


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
