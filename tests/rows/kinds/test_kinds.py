"""Every feature of a recipe is one of a kind of column, which describes it."""

from __future__ import annotations

from kerasrecipes.recipe.features import FEATURES
from kerasrecipes.rows.kinds import KINDS, make_column


def test_every_feature_belongs_to_one_kind_and_is_described() -> None:
    words = [word for kind in KINDS for word in kind.words]
    assert sorted(words) == sorted(FEATURES)
    described = {word: make_column("x", word).taken_as for word in words}
    assert described["float_normalized"] == "number, standardised"
    assert described["integer_hashed"] == "category, hashed to 32 values"
    assert make_column("x", "float_rescaled", {"scale": 0.5}).taken_as == (
        "number, times 0.5 plus 0"
    )
