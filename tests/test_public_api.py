"""The public face fits one screen, and grows on purpose only."""

from __future__ import annotations

import inspect

import pytest

import kerasrecipes


def test_all_that_is_exported() -> None:
    assert kerasrecipes.__all__ == ["Recipe", "Run", "find_run", "load_recipe", "train"]
    assert dir(kerasrecipes) == sorted(kerasrecipes.__all__)


@pytest.mark.parametrize("name", kerasrecipes.__all__)
def test_every_export_is_there_and_says_what_it_does(name: str) -> None:
    assert inspect.getdoc(getattr(kerasrecipes, name))


def test_the_face_and_the_rooms_hold_the_same_things() -> None:
    from kerasrecipes import recipe, runs

    assert kerasrecipes.Recipe is recipe.Recipe
    assert kerasrecipes.load_recipe is recipe.load_recipe
    assert kerasrecipes.Run is runs.Run
    assert kerasrecipes.find_run is runs.find_run


def test_what_is_not_there_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match="module 'kerasrecipes' has no attribute 'fit'"):
        _ = kerasrecipes.fit
