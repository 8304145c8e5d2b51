from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from kerasrecipes.data import load_dataset
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec


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


def test_a_misspelt_column_is_told_as_a_person_reads_it() -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(DatasetSpec(name="boston_housing", drop=["lsat"]))
    assert str(caught.value) == (
        "dataset boston_housing\n"
        "  drop: no column 'lsat'. Did you mean 'LSTAT'? The columns: CRIM, ZN, INDUS, CHAS, "
        "NOX, RM, AGE, DIS, RAD, TAX, PTRATIO, B, LSTAT."
    )


def test_a_column_that_is_crossed_and_dropped_is_told() -> None:
    spec = DatasetSpec.model_validate(
        {
            "name": "boston_housing",
            "drop": ["RAD"],
            "features": {"CHAS": "integer_categorical", "RAD": "integer_categorical"},
            "crosses": [{"feature_names": ["CHAS", "RAD"], "crossing_dim": 10}],
        }
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


def test_the_package_imports_numpy_and_nothing_heavy() -> None:
    code = (
        "import sys, kerasrecipes.data; "
        "print(*{'tensorflow', 'keras', 'sklearn', 'pandas', 'scipy', 'mlxtend', 'matplotlib'}"
        " & sys.modules.keys())"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (finished.stdout.strip(), finished.returncode) == ("", 0), finished.stderr
