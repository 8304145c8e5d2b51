"""The public face fits one screen, and grows on purpose only."""

from __future__ import annotations

import inspect

import pytest

import kerasrecipes


def test_all_that_is_exported() -> None:
    assert kerasrecipes.__all__ == ["Recipe", "TrainedRun", "load_recipe", "load_run", "train"]
    assert dir(kerasrecipes) == sorted(kerasrecipes.__all__)


@pytest.mark.parametrize("name", kerasrecipes.__all__)
def test_every_export_is_there_and_says_what_it_does(name: str) -> None:
    assert inspect.getdoc(getattr(kerasrecipes, name))


def test_a_run_has_what_a_person_asks_it_for() -> None:
    for name in ("metrics", "history", "model", "report", "predict", "evaluate"):
        assert inspect.getdoc(getattr(kerasrecipes.TrainedRun, name))


def test_the_face_and_the_rooms_hold_the_same_things() -> None:
    from kerasrecipes import recipe, trained

    assert kerasrecipes.Recipe is recipe.Recipe
    assert kerasrecipes.load_recipe is recipe.load_recipe
    assert kerasrecipes.TrainedRun is trained.TrainedRun
    assert kerasrecipes.load_run is trained.load_run


def test_what_is_not_there_is_said_as_python_says_it() -> None:
    with pytest.raises(AttributeError, match="module 'kerasrecipes' has no attribute 'fit'"):
        _ = kerasrecipes.fit
