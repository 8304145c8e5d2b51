from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import take_rows

from .specs import load_dataset, read_spec


def test_a_recipe_s_dataset_comes_loaded_split_and_checked() -> None:
    spec = DatasetSpec(name="boston_housing", drop=["B"], test_split=0.3)
    dataset = load_dataset(spec)
    train = dataset.parts["train"]
    assert dataset.is_table
    assert isinstance(train.inputs, dict)
    assert len(train.inputs) == 12
    assert (len(train), len(dataset.parts["test"])) == (354, 152)
    assert (dataset.name, dataset.origin) == ("boston_housing", "embedded in mlxtend")
    assert dataset.warnings == ()


def test_a_column_is_dropped_where_features_are_set_too() -> None:
    spec = read_spec(name="boston_housing", drop=["B"], features={"RAD": "integer_categorical"})
    dataset = load_dataset(spec)
    assert len(dataset.columns) == 12
    assert "B" not in dataset.parts["train"].inputs


def test_tensorflow_can_use_the_rows_of_arrays_without_a_copy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.integers(0, 9, (50, 7, 3)), y=rng.integers(0, 2, 50))
    parts = load_dataset(DatasetSpec(path=str(tmp_path / "a.npz"), test_split=0.3)).parts.values()
    assert [part.inputs.ctypes.data % 64 for part in parts] == [0, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize("order", ["C", "F"])
def test_some_rows_are_taken_without_a_copy_of_all(order: Literal["C", "F"]) -> None:
    rows, some = np.zeros((1000, 1000), order=order), np.array([7, 3])
    rows[7, 2] = 5
    tracemalloc.start()
    taken = take_rows(rows, some)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(taken, rows[some])
    assert peak < rows.nbytes / 10


def test_a_misspelt_column_is_told_as_a_person_reads_it() -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(DatasetSpec(name="boston_housing", drop=["lsat"]))
    assert str(caught.value) == (
        "dataset boston_housing\n"
        "  drop: no column 'lsat'. Did you mean 'LSTAT'? The columns: CRIM, ZN, INDUS, CHAS, "
        "NOX, RM, AGE, DIS, RAD, TAX, PTRATIO, B, LSTAT."
    )


def test_a_column_that_is_crossed_and_dropped_is_told() -> None:
    spec = read_spec(
        name="boston_housing",
        drop=["RAD"],
        features={"CHAS": "integer_categorical", "RAD": "integer_categorical"},
        crosses=[{"feature_names": ["CHAS", "RAD"], "crossing_dim": 10}],
    )
    with pytest.raises(DataError) as caught:
        load_dataset(spec)
    assert caught.value.problems == (
        "features: 'RAD' is in drop too. Remove it from one of them.",
        "crosses: 'RAD' is in drop too. Remove it from one of them.",
    )


def test_rows_on_hand_are_not_called_as_the_recipe_s_data() -> None:
    frame = pd.DataFrame({"x": np.linspace(0, 1, 50), "y": np.linspace(1, 2, 50)})
    dataset = load_dataset(DatasetSpec(name="boston_housing", target="y"), data=frame)
    assert (dataset.name, dataset.origin) == ("DataFrame", "a DataFrame")


TABLE_KEYS = {
    "features": {"a": "float"},
    "crosses": [{"feature_names": ["a", "b"], "crossing_dim": 10}],
    "missing": "median",
    "missing_indicator": True,
    "missing_values": [-1],
}
FOR_TABLES = [(key, "tables") for key in TABLE_KEYS]
FOR_TEXT = ("csv", "delimited text such as CSV files")
FOR_IMAGES = [("image_size", "folders of images"), ("color_mode", "folders of images")]
IMAGE_KEYS = {"image_size": [2, 2], "color_mode": "rgb"}


@pytest.mark.parametrize(
    ("path", "keys", "unusable", "received"),
    [
        (
            "pets",
            {"target": "class", **TABLE_KEYS, "csv": {"decimal": ","}, **IMAGE_KEYS},
            [("target", "tables and arrays"), *FOR_TABLES, FOR_TEXT],
            "a folder of images",
        ),
        ("x.npz", {"target": "y", **TABLE_KEYS}, FOR_TABLES, "arrays of shape (2, 2)"),
        ("tables/*", {**IMAGE_KEYS, "csv": {"decimal": "."}}, [FOR_TEXT, *FOR_IMAGES], "*"),
        ("texts/*", {"csv": {"decimal": "."}, **IMAGE_KEYS}, FOR_IMAGES, "*"),
    ],
)
def test_keys_that_the_data_cannot_use_are_told_once_these_are_known(
    tmp_path: Path, path: str, keys: Any, unusable: list[tuple[str, str]], received: str
) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 2, 2)), y=[0, 1, 0, 1])
    for folder in ("pets/cat", "tables", "texts"):
        (tmp_path / folder).mkdir(parents=True)
    frame = pd.DataFrame({"a": [1, 2], "y": [1, 2]})
    frame.to_parquet(tmp_path / "tables" / "a.parquet")
    frame.to_csv(tmp_path / "texts" / "a.csv")
    spec = read_spec(path=str(tmp_path / path), **keys)
    with pytest.raises(DataError) as caught:
        load_dataset(spec)
    assert caught.value.dataset == Path(path).name
    assert sorted(caught.value.problems) == sorted(
        f"{key} is for {what} (received: {received}). Remove it." for key, what in unusable
    )


def test_keys_that_rows_on_hand_cannot_use_are_told() -> None:
    frame = pd.DataFrame({"x": np.linspace(0, 1, 50), "y": np.linspace(1, 2, 50)})
    csv, images = {"decimal": ","}, {"image_size": [2, 2]}
    with pytest.raises(DataError) as caught:
        load_dataset(DatasetSpec(target="y", **images), data=frame)
    assert caught.value.problems == (
        "image_size is for folders of images (received: a DataFrame). Remove it.",
    )
    # With csv predict reads files; and a recipe's keys are for its own data, where it names some.
    for keys in ({"csv": csv}, {"path": "pets", **images}):
        load_dataset(DatasetSpec.model_validate({"target": "y", **keys}), data=frame)


def test_keys_that_built_in_images_cannot_use_are_told() -> None:
    spec = read_spec(name="digits", features={"a": "float"})
    with pytest.raises(DataError) as caught:
        load_dataset(spec)
    assert caught.value.problems == (
        "features is for tables (received: arrays of shape (8, 8)). Remove it.",
    )


def test_columns_of_arrays_have_missing_values_too(tmp_path: Path) -> None:
    x, y = np.arange(40.0), np.linspace(0, 1, 40)
    np.savez(tmp_path / "x.npz", a=np.where(x == 3, -999, x), y=y)
    spec = DatasetSpec(
        path=str(tmp_path / "x.npz"), target="y", missing="drop", missing_values=[-999]
    )
    assert sum(map(len, load_dataset(spec).parts.values())) == 39


def test_the_package_imports_numpy_and_nothing_heavy() -> None:
    code = (
        "import sys, kerasrecipes.rows; "
        "print(*{'tensorflow', 'keras', 'sklearn', 'pandas', 'scipy', 'mlxtend', 'matplotlib'}"
        " & sys.modules.keys())"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (finished.stdout.strip(), finished.returncode) == ("", 0), finished.stderr
