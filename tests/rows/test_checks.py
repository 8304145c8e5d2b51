from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.rows.checks import check_dataset
from kerasrecipes.rows.dataset import Dataset, Part

NAN, INF = float("nan"), float("inf")


def make_part(inputs: Any, target: Any, first_row: int = 0) -> Part:
    target = np.asarray(target)
    return Part(inputs, target, np.arange(first_row, first_row + len(target)))


def make_dataset(**parts: Part) -> Dataset:
    return Dataset("some", parts, "regression", ("price",), "$", (), "", "0" * 64)


def test_missing_values_that_are_filled_later_pass_but_nothing_else_does() -> None:
    inputs = {"size": np.array([1.0, NAN]), "town": np.array(["", "a"], object)}
    dataset = make_dataset(train=make_part(inputs, [1.0, 2.0]))
    assert check_dataset(dataset, fills_missing=True) == dataset
    with pytest.raises(DataError) as caught:
        check_dataset(
            make_dataset(train=make_part({"size": np.array([INF, NAN])}, [1.0, NAN])),
            fills_missing=True,
        )
    assert list(caught.value.problems) == [
        "column size has values that are not finite (train part: 1 infinite, in row 0). Correct or "
        "remove these rows, or leave it out with drop: [size].",
        "target price has values that are not finite (train part: 1 NaN, in row 1). Correct or "
        "remove these rows.",
    ]


def test_several_targets_are_told_by_row() -> None:
    part = make_part({"size": np.array([1.0, 2.0, 3.0])}, [[1.0, 2], [NAN, 1], [INF, NAN]])
    dataset = dataclasses.replace(make_dataset(train=part), target_names=("price", "rent"))
    with pytest.raises(DataError) as caught:
        check_dataset(dataset)
    assert list(caught.value.problems) == [
        "target price, rent has values that are not finite (train part: 2 NaN and 1 infinite, in "
        "rows 1, 2). Correct or remove these rows."
    ]


def check(**parts: Part) -> list[str]:
    with pytest.raises(DataError) as caught:
        check_dataset(make_dataset(**parts))
    return list(caught.value.problems)


def test_sound_data_pass_without_a_word() -> None:
    part = make_part({"size": np.array([1.0, 2.0]), "town": np.array(["a", "b"], object)}, [1, 2])
    dataset = make_dataset(train=part)
    assert check_dataset(dataset) == dataset


def test_every_place_is_named_with_its_rows_in_the_source() -> None:
    train = make_part({"size": np.array([1.0, NAN, INF]), "age": np.ones(3)}, [1.0, 2.0, NAN])
    test = make_part({"size": np.array([NAN, 1.0]), "age": np.array([1.0, -INF])}, [1.0, 2.0], 7)
    assert check(train=train, test=test) == [
        "column size has values that are not finite (train part: 1 NaN and 1 infinite, in rows "
        "1, 2; test part: 1 NaN, in row 7). Correct or remove these rows, or leave it out with "
        "drop: [size].",
        "target price has values that are not finite (train part: 1 NaN, in row 2). Correct or "
        "remove these rows.",
        "column age has values that are not finite (test part: 1 infinite, in row 8). Correct or "
        "remove these rows, or leave it out with drop: [age].",
    ]


def test_shuffled_rows_are_told_in_order_and_only_the_first_few() -> None:
    inputs = {"size": np.full(8, NAN)}
    part = Part(inputs, np.arange(8.0), np.array([9, 3, 5, 1, 7, 0, 2, 4]))
    (problem,) = check(train=part)
    assert "8 NaN, in rows 0, 1, 2, 3, 4 and 3 more" in problem


def test_arrays_are_told_by_row() -> None:
    images = np.zeros((4, 2, 2), np.float32)
    images[2, 0, 0] = images[2, 1, 1] = NAN
    assert check(train=make_part(images, [0, 1, 0, 1])) == [
        "inputs has values that are not finite (train part: 2 NaN, in row 2). Correct or remove "
        "these rows."
    ]


def test_an_empty_part_is_refused() -> None:
    assert check(train=make_part({"size": np.zeros(0)}, [])) == [
        "the train part has no rows. Add rows, or hold out fewer elsewhere."
    ]


def test_constant_columns_of_the_training_part_are_a_warning() -> None:
    inputs = {"size": np.array([1.0, 2.0]), "year": np.ones(2), "town": np.array(["a", "a"])}
    elsewhere = make_part({name: column[::-1] for name, column in inputs.items()}, [1.0, 2.0])
    checked = check_dataset(make_dataset(train=make_part(inputs, [1.0, 2.0]), test=elsewhere))
    assert checked.warnings == (
        "in all 2 training rows there is one value only of: year, town. A network learns "
        "nothing from that; leave it out with drop: [year, town].",
    )
