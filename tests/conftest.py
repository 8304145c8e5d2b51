from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kerasrecipes.recipe import Recipe, load_recipe

MakeRecipe = Callable[..., Recipe]


def pytest_configure() -> None:
    """A shell's background jobs ignore Ctrl-C, and nohup SIGHUP; tests send both."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def make_recipe(tmp_path: Path) -> MakeRecipe:
    """Load a recipe from keys; a classifier of iris where they say nothing else."""

    def make(**keys: Any) -> Recipe:
        defaults = {
            "dataset": {"name": "iris"},
            "layers": [{"Dense": {"units": 3, "activation": "softmax"}}],
            "loss": "sparse_categorical_crossentropy",
        }
        file = tmp_path / "recipe.yaml"
        text = yaml.safe_dump(defaults | keys, allow_unicode=True, sort_keys=False)
        file.write_text(text, encoding="utf-8")
        return load_recipe(file)

    return make
