"""Names and numbers of a comparison in words."""

from __future__ import annotations

import math

import pytest

from kerasrecipes.comparison.words import choose_decimals, find_prefix, write_decimal


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["fashion_relu_adam", "fashion_relu_sgd"], "fashion_relu_"),
        (["fashion_sgd", "fashion_sgd_lr01"], "fashion_"),
        (["sgd", "sgd_lr01"], ""),
        (["sgd_", "sgd_lr01"], ""),
        (["패션 모델 A", "패션 모델 B"], "패션 모델 "),
        (["adam", "adagrad"], ""),
        (["alone_here"], ""),
    ],
)
def test_a_prefix_ends_where_a_word_ends_and_leaves_every_name_something(
    names: list[str], prefix: str
) -> None:
    assert find_prefix(names) == prefix


@pytest.mark.parametrize(
    ("spreads", "decimals"),
    [([0.0021, 0.01], 4), ([12.0, 3.4], 2), ([1e-9], 6), ([math.nan], 4), ([0.0, 0.02], 3)],
)
def test_decimals_show_two_digits_of_the_smallest_spread(
    spreads: list[float], decimals: int
) -> None:
    assert choose_decimals(spreads) == decimals


def test_numbers_have_a_true_minus_and_nothing_for_nothing() -> None:
    assert write_decimal(-0.01239, 4, sign=True) == "−0.0124"
    assert write_decimal(0.5, 2, sign=True) == "+0.50"
    assert write_decimal(1234.5, 1) == "1,234.5"
    assert write_decimal(math.nan, 2) == "–"
