from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.builtin import load_builtin
from kerasrecipes.rows.dataset import Part, Source
from kerasrecipes.rows.kinds import make_column
from kerasrecipes.rows.splits import compute_fingerprint, split_source


def make_spec(name: str = "wine", **keys: Any) -> DatasetSpec:
    return DatasetSpec.model_validate({"name": name, **keys})


def count_rows(source: Source, **keys: Any) -> dict[str, int]:
    parts = split_source("some", source, make_spec(**keys)).parts
    return {name: len(part) for name, part in parts.items()}


@pytest.mark.parametrize(
    ("name", "keys", "rows"),
    [
        ("boston_housing", {"drop": ["B"], "test_split": 0.3}, {"train": 354, "test": 152}),
        (
            "breast_cancer",
            {"test_split": 0.2, "validation_split": 0.2, "stratify": True},
            {"train": 364, "validation": 91, "test": 114},
        ),
        ("digits", {}, {"train": 1437, "test": 360}),
        ("iris", {}, {"train": 120, "test": 30}),
    ],
)
def test_parts_have_the_published_sizes(name: str, keys: Any, rows: dict[str, int]) -> None:
    spec = make_spec(name, **keys)
    dataset = split_source(name, load_builtin(spec), spec)
    assert {part: len(dataset.parts[part]) for part in dataset.parts} == rows


def test_the_default_is_train_test_split_as_everyone_writes_it() -> None:
    spec = make_spec("boston_housing")
    source = load_builtin(spec)
    assert isinstance(source.inputs, dict)
    X = np.stack(list(source.inputs.values()), axis=1)
    X_train, X_test, y_train, y_test = train_test_split(
        X, source.target, test_size=0.2, random_state=42
    )
    parts = split_source("boston_housing", source, spec).parts
    for part, X_part, y_part in (("train", X_train, y_train), ("test", X_test, y_test)):
        inputs = parts[part].inputs
        assert isinstance(inputs, dict)
        np.testing.assert_array_equal(np.stack(list(inputs.values()), axis=1), X_part)
        np.testing.assert_array_equal(parts[part].target, y_part)


def test_validation_rows_come_from_what_the_test_part_leaves(table: Source) -> None:
    parts = split_source("some", table, make_spec(validation_split=0.25)).parts
    rest, test = train_test_split(np.arange(10), test_size=0.2, random_state=42)
    train, validation = train_test_split(rest, test_size=0.25, random_state=42)
    expected = {"train": train, "validation": validation, "test": test}
    assert list(parts) == list(expected)
    for name, rows in expected.items():
        np.testing.assert_array_equal(parts[name].rows, rows)


def test_stratified_parts_keep_the_share_of_each_class(table: Source) -> None:
    parts = split_source("some", table, make_spec(test_split=0.5, stratify=True)).parts
    assert [np.bincount(part.target).tolist() for part in parts.values()] == [[4, 1], [4, 1]]


def test_split_seed_chooses_the_rows(table: Source) -> None:
    def hold_out(seed: int) -> list[int]:
        parts = split_source("some", table, make_spec(test_split=0.5, split_seed=seed)).parts
        return parts["test"].rows.tolist()

    assert hold_out(1) == hold_out(1) != hold_out(2)


def test_a_test_part_of_its_own_is_left_alone(images: Source) -> None:
    parts = split_source("some", images, make_spec(validation_split=0.5)).parts
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 3,
        "validation": 3,
        "test": 2,
    }
    np.testing.assert_array_equal(parts["test"].inputs, images.own_parts["test"].inputs)
    assert parts["test"].rows.tolist() == [0, 1]


def test_parts_that_the_data_bring_are_left_alone(images: Source) -> None:
    own = images.own_parts["test"]
    only = dataclasses.replace(images, own_parts={"validation": own})
    parts = split_source("some", only, make_spec()).parts
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }
    assert parts["validation"] is own
    with pytest.raises(DataError) as caught:
        split_source("some", only, make_spec(validation_split=0.2))
    assert caught.value.problems == (
        "validation_split: some has a validation part of its own, of 2 rows (received: "
        "validation_split=0.2). Remove validation_split.",
    )


def test_every_part_keeps_its_bytes_and_nothing_held_out_means_no_copy(images: Source) -> None:
    parts = split_source("some", images, make_spec(validation_split=0.5)).parts
    assert all(part.inputs.dtype == np.uint8 for part in parts.values())
    whole = split_source("some", images, make_spec()).parts
    assert np.shares_memory(whole["train"].inputs, images.inputs)
    assert np.shares_memory(whole["test"].inputs, images.own_parts["test"].inputs)


def test_several_targets_stay_beside_their_rows(table: Source) -> None:
    target = np.stack([np.arange(10), np.arange(10) * 2], axis=1).astype(np.float32)
    source = dataclasses.replace(
        table, target=target, task="regression", target_names=("a", "b"), class_names=()
    )
    dataset = split_source("some", source, make_spec(validation_split=0.25))
    assert dataset.target_names == ("a", "b")
    for part in dataset.parts.values():
        np.testing.assert_array_equal(part.target, target[part.rows])


def test_what_is_known_of_the_columns_comes_along(table: Source) -> None:
    source = dataclasses.replace(
        table,
        columns=(make_column("width"), make_column("height", reason="a number")),
        left_out=(("id", "a row number"),),
        warnings=("3 rows are left out.",),
    )
    dataset = split_source("some", source, make_spec())
    assert [column.name for column in dataset.columns] == ["width", "height"]
    assert dataset.left_out == (("id", "a row number"),)
    assert dataset.warnings == ("3 rows are left out.",)


@pytest.mark.parametrize(
    ("names", "shape", "constant"),
    [
        (("price",), (), "price"),
        (("price", "rent"), (2,), "price, rent"),
        (("price", "rent"), (2,), "rent"),
        (("curve",), (5, 2), "curve"),
    ],
)
def test_a_constant_target_is_a_warning(table: Source, names: Any, shape: Any, constant: str):
    target = np.arange(10.0).reshape(10, *(1 for _ in shape)) + np.zeros((10, *shape))
    target[..., [each in constant for each in names] if len(names) > 1 else slice(None)] = 7.0
    keys = {"task": "regression", "class_names": (), "target_names": names}
    source = dataclasses.replace(table, target=target, **keys)
    assert split_source("some", source, make_spec()).warnings == (
        f"the target {constant} has only one value in all 8 training rows, so there is nothing to "
        "learn. Choose another target, or add rows with other values.",
    )
    target[:] = np.arange(target.size).reshape(target.shape)
    assert split_source("some", source, make_spec()).warnings == ()


def test_a_fold_replaces_test_split_and_says_so(table: Source) -> None:
    dataset = split_source("some", table, make_spec(folds=2, test_split=0.1))
    assert dataset.warnings == ("test_split is not used: the test part is a fold.",)
    assert len(dataset.parts["test"]) == 5
    assert split_source("some", table, make_spec(folds=2)).warnings == ()


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_part_without_weight_is_named_with_its_column(table: Source, part: str) -> None:
    spec = make_spec(validation_split=0.5, test_split=0.4, sample_weight="w")
    weights = np.ones(10, np.float32)
    weights[split_source("some", table, spec).parts[part].rows] = 0
    with pytest.raises(DataError) as caught:
        split_source("some", dataclasses.replace(table, weights=weights), spec)
    (problem,) = caught.value.problems
    assert problem == (f"sample_weight: all weights are 0 (w in the {part} part). Correct them.")


@pytest.mark.parametrize(
    ("source", "keys", "problems"),
    [
        (
            "images",
            {"test_split": 0.3},
            [
                "test_split: some has a test part of its own, of 2 rows "
                "(received: test_split=0.3). Remove test_split.",
            ],
        ),
        (
            "regression",
            {"stratify": True},
            [
                "stratify: keeps the share of each class, and the target kind is a number "
                "(received: stratify=true). Remove stratify."
            ],
        ),
        (
            "lone",
            {"stratify": True},
            ["stratify: 0.2 of 10 rows cannot be held out for test_split (The least populated"],
        ),
        (
            "table",
            {"stratify": True, "test_split": 0.5, "validation_split": 0.5},
            ["stratify: 0.5 of 5 rows cannot be held out for validation_split (The least"],
        ),
        (
            "table",
            {"stratify": True, "test_split": 0.1},
            ["stratify: 0.1 of 10 rows cannot be held out for test_split (The test_size = 1"],
        ),
    ],
)
def test_what_the_data_cannot_give_is_refused(
    source: str, keys: Any, problems: list[str], table: Source, images: Source
) -> None:
    sources = {
        "table": table,
        "images": images,
        "regression": dataclasses.replace(table, task="regression", class_names=()),
        "lone": dataclasses.replace(table, target=np.array([0] * 9 + [1])),
    }
    with pytest.raises(DataError) as caught:
        split_source("some", sources[source], make_spec(**keys))
    assert len(caught.value.problems) == len(problems)
    assert all(map(str.startswith, caught.value.problems, problems))


def test_too_few_rows_to_leave_any_for_training(table: Source) -> None:
    one_row = dataclasses.replace(
        table, inputs={"width": np.zeros(1, np.float32)}, target=np.zeros(1, np.int64)
    )
    with pytest.raises(DataError, match=r"test_split: 0\.2 of 1 row leaves none to train on"):
        split_source("some", one_row, make_spec())


def make_windows(n_steps: int = 5, n_rows: int = 100, **keys: Any) -> Source:
    series = np.random.default_rng(0).normal(size=n_rows + n_steps).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, n_steps)
    facts = {"task": "regression", "target_names": ("next",)} | keys
    return Source(windows[:-1], series[n_steps:], np.arange(n_rows), **facts)


def test_in_order_the_last_rows_are_held_out(table: Source) -> None:
    """As Keras's validation_split takes the last rows."""
    parts = split_source("some", table, make_spec(shuffle=False, validation_split=0.25)).parts
    assert {name: part.rows.tolist() for name, part in parts.items()} == {
        "train": [0, 1, 2, 3, 4, 5],
        "validation": [6, 7],
        "test": [8, 9],
    }


def test_in_order_no_window_shares_steps_with_another_part() -> None:
    spec = make_spec(shuffle=False, validation_split=0.25)
    dataset = split_source("some", make_windows(), spec)
    rows = {name: (part.rows[0], part.rows[-1]) for name, part in dataset.parts.items()}
    assert rows == {"train": (0, 52), "validation": (57, 75), "test": (80, 99)}
    steps = [np.unique(np.asarray(part.inputs)) for part in dataset.parts.values()]
    assert len(np.unique(np.concatenate(steps))) == sum(map(len, steps))
    assert dataset.warnings == (
        "8 rows left out of every part: their windows or groups overlap with another part, or they "
        "are later than the fold.",
    )


def test_windows_that_are_split_by_chance_are_pointed_out() -> None:
    windows = make_windows()
    (warning,) = split_source("some", windows, make_spec()).warnings
    assert warning.startswith("Each row shares steps with the next 4, as windows of a series do.")
    assert warning.endswith("Write shuffle: false under dataset.")
    own = {"test": Part(windows.inputs, windows.target, np.arange(100))}
    assert not split_source(
        "some", dataclasses.replace(windows, own_parts=own), make_spec()
    ).warnings


def test_in_order_training_rows_must_be_left() -> None:
    spec = make_spec(shuffle=False, test_split=0.5)
    with pytest.raises(DataError, match="no training row is left"):
        split_source("some", make_windows(n_steps=60), spec)


FINGERPRINT = "48fa28303c46ff6e2c85d254a0281e8a6189a98f48ee3b7979c7f6d750c508f4"


def test_the_fingerprint_is_the_same_on_every_machine(table: Source) -> None:
    assert compute_fingerprint(table) == FINGERPRINT
    big_endian = dataclasses.replace(table, target=table.target.astype(">i8"))
    assert compute_fingerprint(big_endian) == FINGERPRINT


def test_the_fingerprint_ignores_what_the_recipe_does_with_the_rows(table: Source) -> None:
    plain = split_source("some", table, make_spec())
    other = split_source("some", table, make_spec(test_split=0.5, split_seed=7))
    assert plain.fingerprint == other.fingerprint


def test_the_fingerprint_sees_every_value_name_type_and_shape(
    table: Source, images: Source
) -> None:
    assert isinstance(table.inputs, dict)
    pixels, target = images.own_parts["test"].inputs, images.own_parts["test"].target
    assert isinstance(pixels, np.ndarray)
    width, height = table.inputs["width"], table.inputs["height"]
    text = np.array(["a", "b"] * 5, dtype=object)
    variants = [
        table,
        dataclasses.replace(table, inputs={"width": width + 1, "height": height}),
        dataclasses.replace(table, inputs={"w": width, "height": height}),
        dataclasses.replace(table, inputs={"width": width.astype(np.float64), "height": height}),
        dataclasses.replace(table, inputs={"width": width, "height": text}),
        dataclasses.replace(table, inputs={"width": width, "height": text[::-1]}),
        dataclasses.replace(table, target=table.target[::-1]),
        images,
        dataclasses.replace(images, inputs=images.inputs.reshape(6, 4)),
        dataclasses.replace(images, own_parts={"test": Part(pixels[::-1], target, np.arange(2))}),
        dataclasses.replace(images, own_parts={"validation": images.own_parts["test"]}),
        dataclasses.replace(images, own_parts={}),
    ]
    assert len({compute_fingerprint(variant) for variant in variants}) == len(variants)
