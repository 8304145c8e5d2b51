"""Names of a comparison in words."""

from __future__ import annotations

import pytest

from kerasrecipes.comparison.statistics import shorten_names


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["fashion_relu_adam", "fashion_relu_sgd"], ["adam", "sgd"]),
        (["fashion_sgd", "fashion_sgd_lr01"], ["sgd", "sgd_lr01"]),
        (["sgd", "sgd_lr01"], ["sgd", "sgd_lr01"]),
        (["sgd_", "sgd_lr01"], ["sgd_", "sgd_lr01"]),
        (["패션 모델 A", "패션 모델 B"], ["A", "B"]),
        (["adam", "adagrad"], ["adam", "adagrad"]),
        (["iris variant 1", "iris variant 2"], ["variant 1", "variant 2"]),
        (["a 20260131-120000", "a 20260131-120001"], ["a 20260131-120000", "a 20260131-120001"]),
    ],
)
def test_a_prefix_ends_where_a_word_ends_and_leaves_every_name_something(
    names: list[str], short: list[str]
) -> None:
    assert shorten_names(names) == short
