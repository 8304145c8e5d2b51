"""Rows that are written otherwise than those of training."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest

import kerasrecipes as kr
from kerasrecipes.errors import InputError
from kerasrecipes.prediction.predict import predict_file, predict_frame
from kerasrecipes.prediction.saved import PART, Saved, evaluate, load_saved
from kerasrecipes.rows import table
from prediction.saved_runs import list_warnings

Frame = pd.DataFrame
INPUTS = ["rooms", "area", "town", "sold", "garden"]


def answer(saved: Saved, data: object) -> list[float]:
    pieces = saved.read(data)
    return [x for piece in pieces for x in saved.predict(piece.inputs)["predicted"].tolist()]


@pytest.fixture
def expected(load, houses: Frame) -> list[float]:
    return predict_frame(load("houses"), houses)["predicted"].tolist()


# ---- text ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_an_encoding_of_its_own(load, houses: Frame) -> None:
    houses = houses.replace({"town": {"서울": "Zürich"}})
    expected = predict_frame(load("houses"), houses)["predicted"].tolist()
    houses.to_csv("in.csv", index=False, encoding="cp850")
    saved = load_saved(load("houses").run, "cp850")
    predict_file(saved, "in.csv", Path("out.csv"), ["town"])
    assert saved.list_warnings() == [
        "town: 26 rows have a category that no training row had ('Zürich'); it is taken as unknown."
    ]
    answers = pd.read_csv("out.csv")
    assert answers["town"].tolist() == houses["town"].tolist()
    assert answers["predicted"].tolist() == pytest.approx(expected, rel=1e-5)
    wrongly_read = answer(load_saved(load("houses").run, "latin-1"), "in.csv")
    assert wrongly_read != pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("here")
def test_an_encoding_of_its_own_with_answers(load, houses: Frame) -> None:
    houses = houses.assign(town="Köln")
    houses.to_csv("in.csv", index=False, encoding="cp850")
    run = evaluate(load_saved(load("houses").run, "cp850"), "in.csv")
    assert run.metrics[PART] == pytest.approx(evaluate(load("houses"), houses).metrics[PART])
    assert run.info["warnings"] == []
    with pytest.raises(InputError, match=r"must be utf-8 .* cp1252 reads '.*K”l"):
        evaluate(load("houses"), "in.csv")


@pytest.mark.usefixtures("here")
def test_an_encoding_that_does_not_exist(load, houses: Frame) -> None:
    houses.to_csv("in.csv", index=False)
    with pytest.raises(InputError) as caught:
        answer(load_saved(load("houses").run, "utf-9"), "in.csv")
    assert str(caught.value) == (
        "dataset in.csv\n  csv.encoding: Python has no encoding of this name (received: "
        "'utf-9'). Usual ones: utf-8, cp949, cp1252."
    )


@pytest.mark.usefixtures("here")
def test_a_header_line_that_is_repeated_is_left_out_and_told(
    load, houses: Frame, expected: list[float]
) -> None:
    lines = houses.to_csv(index=False).splitlines(keepends=True)
    Path("in.csv").write_text("".join([*lines[:41], lines[0], *lines[41:]]))
    saved = load("houses")
    assert answer(saved, "in.csv") == pytest.approx(expected, rel=1e-5)
    told = ["rows that repeat the column names are left out, the first in line 42."]
    assert saved.list_warnings() == told
    assert list_warnings(evaluate(saved, "in.csv"))[:1] == told


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("above", ["Houses of a town, sold\n", "# rooms\n# area\n", "sep=,\n"])
def test_lines_above_the_names(load, houses: Frame, expected: list[float], above: str) -> None:
    Path("in.csv").write_text(above + houses.to_csv(index=False))
    assert answer(load("houses"), "in.csv") == pytest.approx(expected, rel=1e-5)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("format", [{"sep": ";", "decimal": ","}, {"sep": "\t"}, {"sep": "|"}])
def test_other_delimiters(load, houses: Frame, expected: list[float], format) -> None:
    houses.to_csv("in.csv", index=False, **format)
    assert answer(load("houses"), "in.csv") == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip", ".xlsx"])
def test_other_files(load, houses: Frame, expected: list[float], here: Path, suffix: str) -> None:
    write = houses.to_excel if suffix == ".xlsx" else houses.to_csv
    write(f"in{suffix}", index=False)
    assert answer(load("houses"), f"in{suffix}") == pytest.approx(expected, rel=1e-5)


def test_an_open_file(load, houses: Frame, expected: list[float]) -> None:
    for text in (houses.to_csv(index=False), houses.to_json(orient="records", lines=True)):
        stream = io.BytesIO(text.encode())
        assert answer(load("houses"), stream) == pytest.approx(expected, rel=1e-5)


RECIPE = """\
dataset: {{target: price, test_split: 0.25, {}}}
layers: [Dense: {{units: 1}}]
loss: mse
report: []
"""


def train(folder: Path, frame: Frame | None, keys: str) -> kr.TrainedRun:
    (folder / "recipe.yaml").write_text(RECIPE.format(keys))
    return kr.train(folder / "recipe.yaml", data=frame, output_dir=folder / "runs")


def test_numbers_are_read_as_they_were_written_or_plain(houses: Frame, here: Path) -> None:
    houses = houses[["area", "price"]].fillna(90) * 1000
    written = houses.assign(area=houses["area"].map("{:,.0f} m²".format))
    run = train(here, written, "missing: error")
    expected = run.predict(written)
    assert expected["predicted"].nunique() > 50
    for frame in (houses, houses.assign(area=houses["area"].map("{:.0f}".format))):
        pd.testing.assert_frame_equal(run.predict(frame), expected)


# ---- categories ---------------------------------------------------------------------------------


def test_rare_categories_are_told_apart_from_unseen_ones(houses: Frame, here: Path) -> None:
    houses["town"] = [*["Ulm", "Köln"] * 35, *["Bonn", "Kiel"] * 5]
    keys = "missing: median, features: {town: {string_categorical: {max_tokens: 2}}}"
    saved = load_saved(train(here, houses, keys))
    rows = houses.head(5).assign(town=["Bonn", "Kiel", "Kiel", "Rom", "Ulm"])
    answer(saved, rows)
    assert saved.list_warnings() == [
        "town: 1 row has a category that no training row had ('Rom'); it is taken as unknown.",
        "town: 3 rows have a category that was rare in training ('Kiel', 'Bonn'); rare ones share "
        "a place.",
    ]


# ---- rows without answers -----------------------------------------------------------------------


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("n_at_once", [1000, 32])
def test_evaluate_leaves_out_what_train_would_leave_out(
    load, houses: Frame, monkeypatch, n_at_once: int
) -> None:
    monkeypatch.setattr(table, "ROWS_AT_ONCE", n_at_once)
    houses.loc[[3, 79], "rent"] = None
    houses.to_csv("in.csv", index=False)
    run = evaluate(load("two"), "in.csv")
    assert run.info["warnings"] == [
        "2 of 80 rows are left out: target price, rent is missing.",
        "5 of 80 rows are left out: values are missing (area).",
    ]
    kept = [str(i) for i in range(80) if i % 17 and i not in (3, 79)]
    assert run.info["dataset"]["rows"] == {PART: len(kept)}
    assert run.predictions["row"] == kept


@pytest.mark.usefixtures("here")
def test_rows_of_which_none_has_an_answer(load, houses: Frame) -> None:
    houses.assign(price=None).to_csv("in.csv", index=False)
    with pytest.raises(InputError) as caught:
        evaluate(load("houses"), "in.csv")
    assert str(caught.value) == "in.csv has no row with a target to compare with. Add some."


# ---- rows in memory -----------------------------------------------------------------------------


def test_arrays_of_columns(load, houses: Frame, expected: list[float], here: Path) -> None:
    columns = {name: houses[name].to_numpy() for name in INPUTS}
    columns["town"], columns["sold"] = (columns[name].astype(str) for name in ("town", "sold"))
    np.savez("named.npz", **columns)
    fields = np.empty(80, [(name, columns[name].dtype) for name in reversed(INPUTS)])
    for name in INPUTS:
        fields[name] = columns[name]
    np.save("fields.npy", fields)
    in_order = houses[INPUTS].to_numpy()
    for data in ("named.npz", "fields.npy", fields, in_order):
        assert answer(load("houses"), data) == pytest.approx(expected, rel=1e-5)


def test_arrays_of_columns_with_answers(load, houses: Frame, here: Path) -> None:
    known = load("truths")
    x, y = np.linspace(-1, 1, 9), np.arange(9) % 2 == 0
    np.savez("named.npz", a=x, y=y)
    frame = evaluate(known, pd.DataFrame({"a": x, "y": y})).metrics
    assert evaluate(known, "named.npz").metrics == frame


def test_a_frame_without_rows(load, houses: Frame) -> None:
    answers = predict_frame(load("classes"), houses.head(0))
    assert [*answers] == ["predicted", "probability_cheap", "probability_dear"]
    assert len(answers) == 0


def test_a_frame_of_polars(load, houses: Frame, expected: list[float]) -> None:
    frame = polars.DataFrame(houses.replace({np.nan: None}).to_dict("list"), strict=False)
    assert answer(load("houses"), frame) == pytest.approx(expected, rel=1e-5)


def test_a_frame_that_hands_on_arrow_s_columns(load, houses: Frame, expected: list[float]) -> None:
    assert answer(load("houses"), pa.Table.from_pandas(houses)) == pytest.approx(expected, rel=1e-5)
