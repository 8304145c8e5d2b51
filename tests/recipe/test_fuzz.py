"""Mutated recipes are accepted or refused with a message, and nothing else happens."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasrecipes.errors import InputError
from kerasrecipes.recipe import Recipe, load_recipe
from mutations import fuzzing
from recipe.mutations import mutated_texts, mutated_trees, overrides

SOURCES = mutated_texts() | mutated_trees()
CHANGES = st.just([]) | st.lists(overrides(), max_size=2)


def check(folder: Path, source: str | dict[str, Any], changes: list[str]) -> Recipe | None:
    """Load a recipe from a file or a mapping; what is accepted is written and read again."""
    given_: Any = source
    if isinstance(source, str):
        given_ = folder / "r.yaml"
        given_.write_text(source, encoding="utf-8", errors="surrogatepass")
    began_s = time.process_time()
    recipe: Recipe | None = None
    with suppress(InputError):
        recipe = load_recipe(given_, changes)
    assert time.process_time() - began_s < 5
    if recipe is None:
        return None
    assert load_recipe(recipe, []).to_yaml() == recipe.to_yaml()
    return recipe


def fuzz(folder: Path, n_cases: int) -> int:
    """Load recipes; returns how many were accepted."""
    n_accepted = 0

    @fuzzing(n_cases)
    @given(SOURCES, CHANGES)
    def run(source: str | dict[str, Any], changes: list[str]) -> None:
        nonlocal n_accepted
        n_accepted += check(folder, source, changes) is not None

    run()
    return n_accepted


@pytest.mark.reliability("fuzz")
@pytest.mark.parametrize("n_cases", [400, pytest.param(12_000, marks=pytest.mark.slow)])
def test_a_mutated_recipe_is_accepted_or_refused(
    tmp_path: Path, n_cases: int, record_property: Any
) -> None:
    assert 0 < fuzz(tmp_path, n_cases) < n_cases
    record_property("cases", n_cases)
