"""Every feature of a recipe is one of a kind of column, which describes it."""

from __future__ import annotations

from kerasrecipes.recipe.components import DATE_DIRECTIVES, FEATURES
from kerasrecipes.rows.kinds import KINDS, make_column
from kerasrecipes.rows.kinds.date import _DIRECTIVES


def test_every_feature_belongs_to_one_kind_and_is_described() -> None:
    words = [word for kind in KINDS for word in kind.words]
    assert sorted(words) == sorted(FEATURES)
    described = {word: make_column("x", word).taken_as for word in words}
    assert described["float_normalized"] == "number, standardised"
    assert described["integer_hashed"] == "category, hashed to 32 values"
    assert make_column("x", "float_rescaled", {"scale": 0.5}).taken_as == (
        "number, times 0.5 plus 0"
    )


def test_every_directive_of_a_date_has_a_pattern() -> None:
    assert {*_DIRECTIVES} == {f"%{directive}" for directive in DATE_DIRECTIVES}
