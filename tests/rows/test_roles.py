"""Columns that decide which part a row belongs to: how they are read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasrecipes.errors import DataError, RecipeError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows import load_for
from kerasrecipes.rows.dataset import Dataset

from .specs import load_dataset, read_spec

N_ROWS = 40
DAYS = pd.date_range("2024-01-01", periods=N_ROWS)


def make_frame(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    numbers = {"x": rng.normal(size=N_ROWS), "y": rng.normal(size=N_ROWS)}
    return pd.DataFrame(numbers | columns)


def load(tmp_path: Path, frame: pd.DataFrame, **keys: Any) -> Dataset:
    frame.to_csv(tmp_path / "rows.csv", index=False)
    spec = read_spec(**{"path": str(tmp_path / "rows.csv"), "target": "y", **keys})
    return load_dataset(spec)


def refuse(tmp_path: Path, frame: pd.DataFrame, **keys: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        load(tmp_path, frame, **keys)
    return list(caught.value.problems)


def test_they_are_no_inputs_and_the_reason_is_said(tmp_path: Path) -> None:
    frame = make_frame(who=np.arange(N_ROWS) // 4, when=DAYS)
    dataset = load(tmp_path, frame, group="who", time="when", drop=["who"])
    assert [column.name for column in dataset.columns] == ["x"]
    assert dataset.left_out == (("who", "groups of the split"), ("when", "times of the split"))
    assert dataset.warnings == ()
    dataset = load(tmp_path, make_frame(part="train"), split={"column": "part"})
    assert dataset.left_out == (("part", "names the part"),)


def test_features_makes_them_inputs_too(tmp_path: Path) -> None:
    frame = make_frame(who=np.arange(N_ROWS) // 4)
    dataset = load(tmp_path, frame, group="who", features={"who": "string_categorical"})
    assert [column.name for column in dataset.columns] == ["x", "who"]
    pattern = load(tmp_path, frame, group="who", features={"*": "float"})
    assert [column.name for column in pattern.columns] == ["x"]


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (DAYS.strftime("%Y-%m-%d"), "when"),
        (DAYS.strftime("%d.%m.%Y"), "when"),
        (DAYS.strftime("%b %d, %Y"), "when"),
        (DAYS.strftime("%Y%m%d"), "when"),
        (
            DAYS[:12].strftime("%m/%d/%Y").repeat(4)[:N_ROWS],
            {"format": "%m/%d/%Y"},
        ),
        (DAYS.strftime("%Y-%m-%dT%H:%M:%S+09:00"), "when"),
        (np.linspace(1980, 2020, N_ROWS), "when"),
        ([f"{n:,}" for n in range(990, 990 + N_ROWS)], "when"),
    ],
)
def test_times_are_dates_in_any_format_or_numbers(tmp_path: Path, written: Any, key: Any) -> None:
    order = np.random.default_rng(0).permutation(N_ROWS)
    frame = make_frame(when=np.asarray(written))
    use = {"drop": ["when"], "features": {"when": {"date": key}}} if isinstance(key, dict) else {}
    dataset = load(tmp_path, frame.iloc[order], time="when", validation_split=0.25, **use)
    assert [*dataset.parts["train"].inputs] == ["x"]
    found = np.concatenate([order[part.rows] for part in dataset.parts.values()])
    places = {text: i for i, text in enumerate(dict.fromkeys(frame["when"]))}
    times = [places[frame["when"][row]] for row in found]
    assert times == sorted(times)
    assert [len(part) for part in dataset.parts.values()] == [24, 8, 8]


def test_the_format_may_stand_in_features(tmp_path: Path) -> None:
    frame = make_frame(when=DAYS[:12].strftime("%m/%d/%Y").repeat(4)[:N_ROWS])
    (problem,) = refuse(tmp_path, frame, time="when")
    assert problem == (
        "time: when must contain dates or numbers (received: '01/01/2024' (line 2)). Write how "
        "dates are written: features: {when: {date: {format: '%d/%m/%Y'}}}; add drop if it is no "
        "input."
    )
    use = {"when": {"date": {"format": "%m/%d/%Y"}}}
    dataset = load(tmp_path, frame, time="when", features=use)
    assert dataset.split == "train 2024-01-01 to 2024-01-08; test 2024-01-09 to 2024-01-10"
    assert "when (day)" in dataset.parts["train"].inputs


@pytest.mark.parametrize(
    ("columns", "keys", "problems"),
    [
        ({}, {"group": "whoo"}, ["group: no column 'whoo'. The columns: x, y."]),
        ({}, {"time": "y"}, ["time: 'y' is the target. Remove it from time."]),
        (
            {"w": 1, "z": 1},
            {"split": {"column": "w"}, "sample_weight": "w"},
            ["split: 'w' is the sample_weight. Remove it from split."],
        ),
        (
            {"who": ["a", None, "b", "NA"] * 10},
            {"group": "who"},
            [
                "group: who is missing in 20 rows (lines 3, 5, 7, 9, 11 and 15 more). Fill it in, "
                "or remove these rows."
            ],
        ),
        (
            {"when": ["2024-01-01", "", "2024-01-03", "2024-01-04"] * 10},
            {"time": "when"},
            [
                "time: when is missing in 10 rows (lines 3, 7, 11, 15, 19 and 5 more). Fill it in, "
                "or remove these rows."
            ],
        ),
        (
            {"part": ["train", "TEST", "holdout", "val"] * 10},
            {"split": "part"},
            [
                "split: part must contain train, validation or test; wrong: 'holdout' (line 4), "
                "'holdout' (line 8), 'holdout' (line 12), 'holdout' (line 16), 'holdout' (line 20) "
                "and 5 more. Correct these rows."
            ],
        ),
        (
            {"when": ["monday", "tuesday", "2024-01-01", "later"] * 10},
            {"time": "when"},
            [
                "time: when must contain dates or numbers (received: 'monday' (line 2)). Write how "
                "dates are written: features: {when: {date: {format: '%d.%m.%Y'}}}; add drop if it "
                "is no input."
            ],
        ),
        (
            {"when": [*DAYS.strftime("%Y-%m-%d")[:-1], "soon"]},
            {"time": "when"},
            [
                "time: column when must contain dates, such as 2024-12-31; 1 value is not: 'soon' "
                "(line 41). Fix it, or add it to missing_values."
            ],
        ),
        (
            {"when": [f"{i % 24:02}:30" for i in range(N_ROWS)]},
            {"time": "when"},
            [
                "time: when must contain dates or numbers (received: '00:30' (line 2)). Write how "
                "dates are written: features: {when: {date: {format: '%d.%m.%Y'}}}; add drop if it "
                "is no input."
            ],
        ),
        (
            {"when": DAYS[::-1]},
            {"time": "when", "timeseries": {"sequence_length": 3}},
            [
                "time: a row of a series must be later than the one before (received: "
                "2024-02-09T00:00:00 and then 2024-02-08T00:00:00). Sort the file, and give each "
                "series a file of its own."
            ],
        ),
    ],
)
def test_what_cannot_be_read_is_refused(
    tmp_path: Path, columns: dict[str, Any], keys: dict[str, Any], problems: list[str]
) -> None:
    assert refuse(tmp_path, make_frame(**columns), **keys) == problems


def test_rows_that_are_left_out_may_lack_a_group(tmp_path: Path) -> None:
    frame = make_frame(who=np.r_[np.nan, np.arange(1, N_ROWS)])
    frame.loc[0, "x"] = np.nan
    dataset = load(tmp_path, frame, group="who", missing="drop")
    assert sum(map(len, dataset.parts.values())) == N_ROWS - 1
    assert len(np.unique(dataset.parts["test"].groups)) == len(dataset.parts["test"])


def test_the_parts_of_a_column_are_kept_to(tmp_path: Path) -> None:
    part = np.array(["Training", "val", "TEST", "train"])[np.arange(N_ROWS) % 4]
    dataset = load(tmp_path, make_frame(part=part), split="part")
    rows = {name: sorted(part.rows % 4) for name, part in dataset.parts.items()}
    assert rows == {"train": [0] * 10 + [3] * 10, "validation": [1] * 10, "test": [2] * 10}
    (problem,) = refuse(tmp_path, make_frame(part=part), split="part", test_split=0.1)
    assert problem.startswith("test_split: rows.csv has a test part of its own, of 10 rows")


def test_parts_that_no_row_has_are_split_from_the_training_rows(tmp_path: Path) -> None:
    part = np.where(np.arange(N_ROWS) % 2, "test", "train")
    dataset = load(tmp_path, make_frame(part=part), split="part", validation_split=0.2)
    assert [len(part) for part in dataset.parts.values()] == [16, 4, 20]
    (problem,) = refuse(tmp_path, make_frame(part="test"), split="part")
    assert problem.startswith("no training row is left")


def test_arrays_have_groups_times_and_parts_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(N_ROWS, 3)), "y": rng.normal(size=N_ROWS)}
    who, when = rng.integers(0, 9, N_ROWS).astype(str), DAYS.to_numpy()[::-1]
    part = np.where(np.arange(N_ROWS) < 10, "dev", "train")
    np.savez(tmp_path / "rows.npz", **arrays, who=who, when=when, part=part)

    def load(**keys: Any) -> Dataset:
        return load_dataset(DatasetSpec.model_validate({"path": f"{tmp_path}/rows.npz", **keys}))

    dataset = load(group="who")
    assert not {*dataset.parts["train"].groups} & {*dataset.parts["test"].groups}
    assert dataset.warnings == (
        "arrays not used: when, part. A part is a pair, such as x_test and y_test.",
    )
    assert [*load(time="when").parts["test"].rows] == [*range(7, -1, -1)]
    assert [*load(split="part").parts["validation"].rows] == [*range(10)]
    for keys in ({"group": "y"}, {"time": "y"}, {"sample_weight": "y"}):
        (key,) = keys
        with pytest.raises(DataError, match=f"{key}: 'y' is the target. Remove it from {key}."):
            load(**keys)
    with pytest.raises(DataError, match=r"group: no array 'whom' of shape \(40,\)\."):
        load(group="whom")
    np.savez(tmp_path / "rows.npz", **arrays, x_test=arrays["x"], y_test=arrays["y"], who=who)
    dataset = load(group="who", validation_split=0.2)
    assert not {*dataset.parts["train"].groups} & {*dataset.parts["validation"].groups}
    assert dataset.parts["test"].groups is None
    part = np.full(N_ROWS, "train")
    np.savez(tmp_path / "rows.npz", **arrays, x_test=arrays["x"], y_test=arrays["y"], part=part)
    with pytest.raises(DataError, match="split: the data have their own parts"):
        load(split="part")


def test_bad_keys_have_their_place_in_the_recipe(make_recipe, tmp_path: Path) -> None:
    make_frame(who=1).to_csv(tmp_path / "rows.csv", index=False)
    layers = {"layers": [{"Dense": {"units": 1}}], "loss": "mse"}
    recipe = make_recipe(dataset={"path": "rows.csv", "target": "y", "group": "wo"}, **layers)
    with pytest.raises(DataError, match=r"recipe\.yaml:\d+:\d+  dataset rows"):
        load_for(recipe)
    with pytest.raises(RecipeError, match="group is for data of your own; iris has its own"):
        make_recipe(dataset={"name": "iris", "group": "who"})
