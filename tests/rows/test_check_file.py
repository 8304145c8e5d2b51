"""What ``validate`` checks of a recipe's data without reading rows."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe import Component, Recipe, load_recipe
from kerasrecipes.rows import check_file, load_for

FRAME = pd.DataFrame({"rooms": [3, 4, 5, 6, 7], "price": [1.0, 2.0, 3.0, 4.0, 5.0]})


def make(path: str, target: str | int = "prise") -> Recipe:
    keys = {"layers": [{"Dense": {"units": 1}}], "loss": "mse"}
    return load_recipe({"dataset": {"path": path, "target": target}, **keys})


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FRAME.to_csv("a.csv", index=False)
    FRAME.to_csv("b.csv.gz", index=False)
    FRAME.to_parquet("a.parquet")
    FRAME.to_feather("a.feather")
    FRAME.rename(columns={"price": " price "}).to_parquet("padded.parquet")
    FRAME.set_index(pd.Index(range(5, 10))).to_parquet("index.parquet")
    FRAME.to_json("a.jsonl", orient="records", lines=True)
    FRAME.to_excel("a.xlsx", index=False)
    np.savez("a.npz", x=np.zeros((5, 2)), y=np.zeros(5))


@pytest.mark.parametrize(
    "path",
    ["a.csv", "b.csv.gz", "*.csv*", "a.parquet", "index.parquet", "padded.parquet", "a.feather"],
)
def test_a_misnamed_column_is_found_where_a_format_has_a_header(path: str) -> None:
    with pytest.raises(DataError) as caught:
        check_file(make(path))
    assert caught.value.problems == (
        "target: no column 'prise'. Did you mean 'price'? The columns: rooms, price.",
    )
    check_file(make(path, "price"))


@pytest.mark.parametrize("path", ["a.jsonl", "a.xlsx", "a.npz"])
def test_no_rows_are_read_for_it_elsewhere(path: str) -> None:
    check_file(make(path))


@pytest.mark.parametrize("path", ["c.csv", "c.npz", "nowhere/*.csv", "nowhere/a.xlsx"])
def test_a_file_that_is_not_there_is_found_in_every_format(path: str) -> None:
    with pytest.raises(DataError, match="path: "):
        check_file(make(path))


def test_a_pattern_is_no_misnamed_column() -> None:
    recipe = make("a.csv", "price")
    for pattern, is_valid in {"r*": True, "x*": False, "p*": False}.items():
        features = {pattern: Component("features", "float")}
        spec = recipe.dataset.model_copy(update={"features": features})
        with nullcontext() if is_valid else pytest.raises(DataError, match="no column"):
            check_file(recipe.model_copy(update={"dataset": spec}))


def test_a_number_that_yaml_reads_without_its_zero_is_put_in_quotation_marks() -> None:
    FRAME.rename(columns={"price": "07"}).to_csv("zero.csv", index=False)
    with pytest.raises(DataError) as caught:
        check_file(make("zero.csv", 7))
    (problem,) = caught.value.problems
    assert "no column '7'. Put it in quotes: '07'." in problem


def test_data_without_a_file_are_left_alone() -> None:
    keys = {"layers": [{"Dense": {"units": 1}}], "loss": "mse"}
    check_file(load_recipe({"dataset": {"openml": "nothing", "target": "y"}, **keys}))


def test_problems_of_data_name_the_line_of_their_key(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(
        "dataset:\n  path: a.csv\n  target: price\n  drop: [x]\nlayers: [Dense: {units: 1}]\n"
        "loss: mse\n"
    )
    for check in (check_file, load_for):
        with pytest.raises(DataError) as caught:
            check(load_recipe(file))
        assert str(caught.value) == (
            f"{file}:4:9  dataset a.csv\n  drop: no column 'x'. The columns: rooms, price."
        )
