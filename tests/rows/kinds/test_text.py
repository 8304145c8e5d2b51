from __future__ import annotations

from typing import Any

import pytest

from kerasrecipes.recipe.components import FEATURES

from .columns import make_cells, recognise, take

REVIEWS = [f"this film number {i} is rather good, I say" for i in range(30)]


@pytest.mark.parametrize(
    "values",
    [
        REVIEWS,
        [f"이 영화는 정말 {i} 번 봐도 재미있다" for i in range(30)],
        [*REVIEWS, *REVIEWS[:15], None, ""],
    ],
)
def test_texts_of_many_words_that_hardly_recur_are_free_text(values: Any) -> None:
    finding = recognise(values)
    assert finding.column is not None
    assert (finding.column.kind, finding.column.feature) == ("text", "text")
    assert finding.reason.startswith("free text, ")
    assert finding.reason.endswith(" words on average")
    assert finding.hint == "to use it: features: {c: text}"


@pytest.mark.parametrize(
    "values",
    [
        REVIEWS[:19],
        REVIEWS[:10] * 3,
        [f"Family {i}, Mr. Name" for i in range(30)],
        [f"https://example.com/{i}" for i in range(30)],
    ],
)
def test_few_repeated_or_short_texts_are_not(values: Any) -> None:
    column = recognise(values).column
    assert column is None or column.kind == "category"


def test_a_missing_text_is_an_empty_one() -> None:
    column = take(REVIEWS, "text")
    (values,), problem = column.read(make_cells(["a b", None, " ", "NA", "a b"]))
    assert (values.tolist(), problem) == (["a b", "", "", "", "a b"], "")
    assert column.find_missing(values).tolist() == [False, True, True, True, False]


def test_numbers_are_no_text() -> None:
    _, problem = take(REVIEWS, "text").read(make_cells([1.5, 2.5]))
    assert problem == "column c must contain texts of at most 16 MB; its type is double."


def test_the_defaults_are_written_out() -> None:
    column = take(REVIEWS, "text", max_tokens=50)
    assert column.arguments == FEATURES["text"] | {"max_tokens": 50}
    assert column.inputs == ("c",)


def test_a_text_of_many_megabytes_is_refused() -> None:
    _, problem = take(REVIEWS, "text").read(make_cells(["a film", "x" * ((16 << 20) + 1)]))
    assert problem.startswith("column c must contain texts of at most 16 MB; 1 value is not: ")
    assert len(problem) < 300
