from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kerasrecipes.rows.kinds import make_column

from .columns import find_problem, make_cells, read, recognise, take

BOOLEAN = make_column("c", "boolean")


@pytest.mark.parametrize(
    "values", [[True, None], ["TRUE", "FALSE", "TRUE"], ["true", "False", ""], ["True", "True"]]
)
def test_true_and_false_are_recognised(values: Any) -> None:
    assert recognise(values).column == make_column("c", "boolean", reason="true or false")


@pytest.mark.parametrize("values", [["yes", "no"], ["Y", "N"], ["true", "false", "maybe"], [0, 1]])
def test_other_words_and_numbers_need_the_recipe_s_word(values: Any) -> None:
    assert recognise(values).column.kind != "boolean"
    assert take(values, "boolean").kind == "boolean"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False, None], [1.0, 0.0, None]),
        ([1, 0, None], [1.0, 0.0, None]),
        ([1.0, 0.0, float("nan")], [1.0, 0.0, None]),
        (["True", "no", " Y", "f", "1", "", "NA", None], [1.0, 0.0, 1.0, 0.0, 1.0] + [None] * 3),
        (["1.0", "0.0", ""], [1.0, 0.0, None]),
        ([None], [None]),
    ],
)
def test_truth_values_become_1_and_0(values: Any, expected: list[Any]) -> None:
    assert read(BOOLEAN, values) == expected
    (array,), _ = BOOLEAN.read(make_cells(values))
    assert array.dtype == np.float32


@pytest.mark.parametrize(
    ("values", "shown"), [([1, 2], "'2' (row 1)"), (["yes", "perhaps"], "'perhaps' (row 1)")]
)
def test_other_values_are_refused(values: Any, shown: str) -> None:
    assert find_problem(BOOLEAN, values) == (
        f"column c must contain true or false (or yes and no, 1 and 0); 1 value is not: {shown}. "
        "Fix it, or add it to missing_values."
    )
