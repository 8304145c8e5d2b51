from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kerasrecipes.runs import Run

from .saved_runs import make_houses, train_runs


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return train_runs(tmp_path_factory.getbasetemp() / "saved_runs")


@pytest.fixture(scope="session")
def load(runs: dict[str, Path]) -> Callable:
    """Load a run's saved model by the run's name."""
    from kerasrecipes.prediction.saved import load_saved

    loaded: dict[str, object] = {}

    def load_once(name: str) -> object:
        if name not in loaded:
            loaded[name] = load_saved(Run(runs[name]))
        return loaded[name]

    return load_once


@pytest.fixture
def houses() -> pd.DataFrame:
    return make_houses()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
