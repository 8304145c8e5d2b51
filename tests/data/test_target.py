from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kerasrecipes.data.target import (
    encode_numbers,
    encode_target,
    encode_with,
    find_class_type,
    read_target,
)
from kerasrecipes.errors import DataError


def make_array(values: Any) -> np.ndarray:
    return np.array(values, dtype=object if isinstance(values[0], str) else None)


def find_problem(call: Any, *arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("values", "task", "target", "class_names"),
    [
        (["개", "고양이", "개"], None, [0, 1, 0], ("개", "고양이")),
        ([True, False, True], None, [1, 0, 1], ("False", "True")),
        ([10, 2, 2, 10], None, [1, 0, 0, 1], ("2", "10")),
        ([1, 2, 3], "classification", None, None),
        ([1.0, 0.5, 1.0], "classification", [1, 0, 1], ("0.5", "1")),
        (["1", "0", "1"], "classification", [1, 0, 1], ("0", "1")),
    ],
)
def test_classes(values: Any, task: Any, target: Any, class_names: Any) -> None:
    if target is None:
        assert "as many classes as rows" in find_problem(
            encode_target, make_array(values), "mine", "kind", task
        )
        return
    codes, found, names = encode_target(make_array(values), "mine", "kind", task)
    assert (codes.tolist(), codes.dtype, found, names) == (
        target,
        np.int64,
        "classification",
        class_names,
    )


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([1.0, 2.0, 1.0, 2.0], None),
        ([*range(21)] * 2, None),
        ([1, 2, 3], None),
        ([1, 1, 2, 2], "regression"),
        ([True, False], "regression"),
        (["1", " 2.5 ", "1"], "regression"),
    ],
)
def test_numbers(values: Any, task: Any) -> None:
    target, found, names = encode_target(make_array(values), "mine", "price", task)
    assert (target.dtype, found, names) == (np.float32, "regression", ())
    assert target.tolist() == [float(value) for value in values]


def test_too_large_a_number_is_infinite_and_left_to_the_checks() -> None:
    assert np.isinf(encode_numbers(np.array([1e300]), "mine", "price")).all()


@pytest.mark.parametrize(
    ("values", "task", "problem"),
    [
        (
            ["a", "a"],
            None,
            "target y has one class only, 'a': there is nothing to tell apart. Add rows of other "
            "classes, or choose another target.",
        ),
        (
            ["a", "b", "c"],
            None,
            "target y has as many classes as rows, 3: none comes twice, so nothing can be "
            "learned. Choose another target.",
        ),
        (
            [1.5, 2.5],
            "classification",
            "target y has as many classes as rows, 2: none comes twice, so nothing can be "
            "learned. Write task: regression if it is a number to predict, or choose another "
            "target.",
        ),
        (
            [*range(1001), 0],
            "classification",
            "target y may have 1,000 classes at most (received: 1,001, such as '0', '1', '2'). "
            "Write task: regression if it is a number to predict, or choose another target.",
        ),
        (
            ["1", "abc", "2", "?"],
            "regression",
            "target y must hold numbers for regression; 2 values are none: 'abc' (row 11), '?' "
            "(row 13). Mend them, or write task: classification.",
        ),
    ],
)
def test_values_that_do_not_suit_the_task(values: Any, task: Any, problem: str) -> None:
    array = make_array(values)
    rows = np.arange(10, 10 + len(array))
    assert find_problem(encode_target, array, "mine", "y", task, rows) == problem


@pytest.mark.parametrize(
    ("values", "class_names", "codes"),
    [
        (["cat", "cat"], ("ant", "cat"), [1, 1]),
        ([10, 2], ("2", "10"), [1, 0]),
        ([2.0], ("2", "10"), [0]),
        (["10"], ("2", "10"), [1]),
        ([True], ("False", "True"), [1]),
    ],
)
def test_labels_of_known_classes(values: Any, class_names: Any, codes: list[int]) -> None:
    assert encode_with(make_array(values), class_names, "new", "kind").tolist() == codes


def test_no_labels_at_all() -> None:
    assert encode_with(np.empty(0, object), ("a", "b"), "new", "kind").tolist() == []


def test_unknown_labels_are_refused_with_their_rows() -> None:
    values = make_array(["cat", "doog", "dog", "cow"])
    rows = np.array([0, 2, 5, 9])
    assert find_problem(encode_with, values, ("cat", "dog"), "new", "kind", rows) == (
        "target kind must hold classes that the model knows; 2 labels are none: 'doog' (row 2), "
        "'cow' (row 9). Did you mean 'dog'? The classes: cat, dog."
    )


@pytest.mark.parametrize(
    ("values", "expected", "dtype", "known"),
    [
        ([1, None, 3], [1, 3], np.int64, [1, 0, 1]),
        ([True, None], [True], np.bool_, [1, 0]),
        ([1.5, float("nan"), None], [1.5], np.float64, [1, 0, 0]),
        (["a", "", None, "b"], ["a", "b"], np.object_, [1, 0, 0, 1]),
        (pa.array(["a", None]).dictionary_encode(), ["a"], np.object_, [1, 0]),
        (pa.array([4, 5]).dictionary_encode(), [4, 5], np.int64, [1, 1]),
        ([None, None], [], np.object_, [0, 0]),
    ],
)
def test_a_target_column_is_read_where_it_has_values(
    values: Any, expected: Any, dtype: Any, known: list[int]
) -> None:
    array, has_value = read_target(pa.table({"y": values}), "y", "mine")
    assert (array.tolist(), array.dtype) == (expected, dtype)
    assert has_value.tolist() == [bool(there) for there in known]


def test_dates_are_no_target() -> None:
    table = pa.table({"y": [dt.date(2024, 1, 1)]})
    assert find_problem(read_target, table, "y", "mine") == (
        "target y must hold numbers, texts or truth values; its type is date32[day]."
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2, 10], "integer"),
        ([2.0, -10.0], "integer"),
        (np.array([0, 2**64 - 1], np.uint64), "text"),  # int64 cannot hold it
        ([2.0, 1e300], "text"),
        ([0.5, 1.0], "text"),
        ([True, False], "boolean"),
        (["2", "10"], "text"),
    ],
)
def test_what_classes_are_in_the_file(values: Any, expected: str) -> None:
    assert find_class_type(make_array(values)) == expected
