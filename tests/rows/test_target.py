from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.rules import LossKind
from kerasrecipes.rows import target as target_module
from kerasrecipes.rows.cells import Cells, Notation
from kerasrecipes.rows.target import Target, find_target

NUMBERS, INTEGERS = LossKind.NUMBERS, LossKind.INTEGERS


def make_cells(values: Any, name: str = "y", has_types: bool = False, first_row: int = 0) -> Cells:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    notation = Notation(has_types=has_types)
    return Cells(name, pa.chunked_array([array]), notation, first_row, "mine")


def find(values: Any, task: Any = None, hint: Any = None, **keys: Any) -> tuple[Target, Any]:
    cells = make_cells(values, **keys)
    target, values, known = find_target([cells], task, hint, cells.is_known)
    return target, values[known]


def encode_array(values: Any, task: Any = None) -> tuple[Any, str, tuple[str, ...]]:
    cells = target_module.make_cells(values, "mine", "y")
    found, encoded, _ = find_target([cells], task, None, cells.is_known)
    return encoded, found.task, found.class_names


def find_problem(call: Any, *arguments: Any, **keys: Any) -> str:
    with pytest.raises(DataError) as caught:
        call(*arguments, **keys)
    assert caught.value.dataset == "mine"
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("values", "task", "codes", "class_names", "class_type"),
    [
        (["개", "고양이", "개"], None, [0, 1, 0], ("개", "고양이"), "text"),
        ([True, False, True], None, [1, 0, 1], ("False", "True"), "boolean"),
        (["TRUE", "false", "true"], None, [1, 0, 1], ("False", "True"), "boolean"),
        ([10, 2, 2, 10], None, [1, 0, 0, 1], ("2", "10"), "integer"),
        ([10.0, None, 2.0, 2.0, 10.0], None, [1, 0, 0, 1], ("2", "10"), "integer"),
        ([1.0, 0.5, 1.0], "classification", [1, 0, 1], ("0.5", "1"), "text"),
        (["1", "0", "1"], "classification", [1, 0, 1], ("0", "1"), "text"),
        (["007", "1", "007"], None, [0, 1, 0], ("007", "1"), "text"),
        (["a", "", None, "b", "a"], None, [0, 1, 0], ("a", "b"), "text"),
        (["18-25", "26+", "26+"], None, [0, 1, 1], ("18-25", "26+"), "text"),
        ([f"c{i % 10}" for i in range(20)], None, [*range(10)] * 2,
         tuple(f"c{i}" for i in range(10)), "text"),
        (pa.array(["b", "a", "b"]).dictionary_encode(), None, [1, 0, 1], ("a", "b"), "text"),
    ],
)  # fmt: skip
def test_classes(values: Any, task: Any, codes: Any, class_names: Any, class_type: Any) -> None:
    target, found = find(values, task)
    assert (found.tolist(), found.dtype) == (codes, np.int64)
    assert (target.task, target.class_names) == ("classification", class_names)
    assert target.class_type == class_type


@pytest.mark.parametrize(
    ("values", "task", "numbers"),
    [
        ([1.5, 2.0, 1.0, 2.0], None, [1.5, 2, 1, 2]),
        ([*range(21)] * 2, None, [*range(21)] * 2),
        ([1, 2, 3], None, [1, 2, 3]),
        ([1, 1, 2, 2], "regression", [1, 1, 2, 2]),
        ([True, False], "regression", [1, 0]),
        (["1", " 2.5 ", "1"], None, [1, 2.5, 1]),
        (["$1,200", "$900", "NA"], None, [1200, 900]),
        (["12,5 kg", "7 kg"], None, [12.5, 7]),
    ],
)
def test_numbers(values: Any, task: Any, numbers: Any) -> None:
    target, found = find(values, task)
    assert (found.tolist(), found.dtype) == (numbers, np.float32)
    assert (target.task, target.class_names, target.class_type) == ("regression", (), "text")


@pytest.mark.parametrize(
    ("values", "hint", "task"),
    [
        ([0, 1, 0, 1], NUMBERS, "regression"),
        ([*range(21)] * 2, INTEGERS, "classification"),
        ([0.5, 1.5, 0.5, 1.5], INTEGERS, "regression"),
        (["a", "b", "a", "b"], NUMBERS, "classification"),
        (["1", "0", "1", "0"], NUMBERS, "regression"),
    ],
)
def test_the_loss_decides_where_values_could_be_either(values: Any, hint: Any, task: Any) -> None:
    assert find(values, hint=hint, has_types=True)[0].task == task


def test_several_targets_are_columns_of_numbers() -> None:
    several = [make_cells([1, 2, None], "a"), make_cells(["3,5", "4,5", "5,5"], "b")]
    keep = np.array([True, True, False])
    target, values, known = find_target(several, None, None, keep)
    assert known.tolist() == keep.tolist()
    assert ([column.name for column in target.columns], target.task) == (["a", "b"], "regression")
    assert (values[known].tolist(), values.dtype) == ([[1, 3.5], [2, 4.5]], np.float32)


def test_a_number_that_float32_cannot_hold_is_refused() -> None:
    with pytest.raises(DataError, match=r"target y: no finite number in row 0\. Correct"):
        find([1e300, 0.5])


NUMBERS = [f"{i}.5" for i in range(30)]


@pytest.mark.parametrize(
    ("values", "task", "problem"),
    [
        (
            ["a", "a"],
            None,
            "target y must have 2 to 1,000 classes, with several rows of each (received: 1 class "
            "in 2 rows, such as 'a'). Choose another target.",
        ),
        (
            ["a", "b", "c"],
            None,
            "target y must have 2 to 1,000 classes, with several rows of each (received: 3 classes "
            "in 3 rows, such as 'a', 'b', 'c'). Choose another target.",
        ),
        (
            ["2024-01-05", "2024-02-06", "2024-03-07"],
            None,
            "target y must have 2 to 1,000 classes, with several rows of each (received: 3 classes "
            "in 3 rows, such as '2024-01-05', '2024-02-06', '2024-03-07'). Note: dates or times; "
            "to predict them, write numbers, such as days or seconds. Or choose another target.",
        ),
        (
            [1.5, 2.5],
            "classification",
            "target y must have 2 to 1,000 classes, with several rows of each (received: 2 classes "
            "in 2 rows, such as '1.5', '2.5'). Write task: regression if it is a number to "
            "predict, or choose another target.",
        ),
        (
            [*(f"name {i}" for i in range(10)), "name 0"],
            None,
            "target y must have 2 to 1,000 classes, with several rows of each (received: 10 "
            "classes in 11 rows, such as 'name 0', 'name 1', 'name 2'). Choose another target, or "
            "write task: classification if they are meant.",
        ),
        (
            [*range(1001), 0],
            "classification",
            "target y must have 2 to 1,000 classes, with several rows of each (received: 1,001 "
            "classes in 1,002 rows, such as '0', '1', '2'). Write task: regression if it is a "
            "number to predict, or choose another target.",
        ),
        (
            [*NUMBERS, "unknown"],
            None,
            "target y must contain numbers; 1 value is not: 'unknown' (row 40). Fix it, or add it "
            "to missing_values. If these are classes, write task: classification.",
        ),
        (
            [*NUMBERS, *"abcdef"],
            "regression",
            "target y must contain numbers; 6 values are not: 'a' (row 40), 'b' (row 41), 'c' (row "
            "42), 'd' (row 43), 'e' (row 44) and 1 more. Fix them, or add them to missing_values. "
            "If these are classes, write task: classification.",
        ),
        (
            ["cat", "dog", "cat"],
            "regression",
            "target y must contain numbers; 3 values are not: 'cat' (row 10), 'dog' (row 11), "
            "'cat' (row 12). Fix them, or add them to missing_values. If these are classes, write "
            "task: classification.",
        ),
    ],
)
def test_values_that_do_not_suit_the_task(values: Any, task: Any, problem: str) -> None:
    assert find_problem(find, values, task, first_row=10) == problem


def test_many_classes_of_few_rows_are_taken_where_the_recipe_says_so() -> None:
    values = [*(f"name {i}" for i in range(10)), "name 0"]
    assert len(find(values, "classification")[0].class_names) == 10


# Rows for a trained model.


@pytest.mark.parametrize(
    ("trained_on", "values", "codes"),
    [
        (["ant", "cat", "cat"], ["cat", "cat"], [1, 1]),
        ([10, 2, 2], [10, 2], [1, 0]),
        ([10, 2, 2], [2.0], [0]),
        ([10, 2, 2], ["10", "2.0"], [1, 0]),
        ([10.0, 2.0, 2.0], [10], [1]),
        ([True, False, True], ["TRUE"], [1]),
        (["ant", "cat", "cat"], pa.nulls(2), [0, 0]),
        (["ant", "cat", "cat"], pa.array([], pa.string()), []),
    ],
)
def test_classes_are_read_as_training_read_them(
    trained_on: Any, values: Any, codes: list[int]
) -> None:
    target, _ = find(trained_on, "classification")
    found, known = target.read([make_cells(values)])
    assert (found.tolist(), found.dtype) == (codes, np.int64)
    assert known.all() == make_cells(values).is_known.all()


def test_numbers_are_read_as_training_read_them() -> None:
    target, _ = find(["$1,200", "$900"])
    values, known = target.read([make_cells(["$3,000", None, "2500"])])
    assert (values.tolist(), known.tolist()) == ([3000, 0, 2500], [True, False, True])


def test_unknown_classes_are_refused_with_their_rows() -> None:
    target, _ = find(["cat", "dog", "cat"])
    values = make_cells(["cat", "doog", "dog", None, "cow"], first_row=5)
    assert find_problem(target.read, [values]) == (
        "target y has classes that the model was not trained on: 'doog' (row 6), 'cow' (row 9). "
        "Did you mean 'dog'? The classes: cat, dog."
    )


# Arrays.


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        (np.array([3, 1, 1, 3]), None, ([1, 0, 0, 1], "classification", ("1", "3"))),
        (np.array([3.0, 1.0, 1.0, 3.0]), None, ([1, 0, 0, 1], "classification", ("1", "3"))),
        (np.array([3.5, 1.0, 1.0, 3.5]), None, ([3.5, 1, 1, 3.5], "regression", ())),
        (np.array([3, 1, 1, 3]), "regression", ([3, 1, 1, 3], "regression", ())),
        (np.array([True, False]), None, None),
        (np.array(["b", "a", "b"]), None, ([1, 0, 1], "classification", ("a", "b"))),
        (np.array(["b", "a", "b"], object), None, ([1, 0, 1], "classification", ("a", "b"))),
        (np.array([2, 1, 2], ">i4"), "classification", ([1, 0, 1], "classification", ("1", "2"))),
    ],
)
def test_arrays(values: Any, task: Any, expected: Any) -> None:
    if expected is None:
        assert "2 classes in 2 rows" in find_problem(encode_array, values, task)
        return
    found, found_task, class_names = encode_array(values, task)
    assert (found.tolist(), found_task, class_names) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([2, 10]), "integer"),
        (np.array([2.0, -10.0]), "integer"),
        (np.array([0, 2**64 - 1], np.uint64), "text"),  # int64 cannot hold it
        (np.array([2.0, 1e300]), "text"),
        (np.array([0.5, 1.0]), "text"),
        (np.array([True, False]), "boolean"),
        (np.array(["2", "10"], object), "text"),
    ],
)
def test_what_classes_of_arrays_are(values: Any, expected: str) -> None:
    cells = target_module.make_cells(np.repeat(values, 2), "mine", "y")
    target, _, _ = find_target([cells], "classification", None, cells.is_known)
    assert target.class_type == expected
