"""Runs without a model that can be used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kerasrecipes.errors import InputError
from kerasrecipes.prediction.saved import load_saved
from kerasrecipes.runs import RunWriter

CASES = [
    ("failed", "{run} has no saved model to use: it failed. Train it again: kerasrecipes train "
     "{run}/recipe.yaml"),
    ("interrupted", "{run} has no saved model to use: it stopped before the first epoch "
     "ended. Train it again: kerasrecipes train {run}/recipe.yaml"),
    ("running", "{run} has no saved model to use: it is still running. Wait for its end, or "
     "train it again: kerasrecipes train {run}/recipe.yaml"),
    ("finished", "{run} has no saved model to use: its file is gone. Train it again: kerasrecipes "
     "train {run}/recipe.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "message"), CASES)
def test_a_run_without_a_model(tmp_path: Path, status: str, message: str) -> None:
    run = RunWriter(tmp_path / "20260131-120000")
    run.path.mkdir()
    run.update(status=status)
    with pytest.raises(InputError) as caught:
        load_saved(run)
    assert str(caught.value) == message.replace("{run}", str(run.path))


def test_an_older_run_with_a_model_is_pointed_to(runs, tmp_path: Path) -> None:
    older = shutil.copytree(runs["houses"], tmp_path / "20260131-110000")
    run = RunWriter(tmp_path / "20260131-120000")
    run.path.mkdir()
    run.update(status="failed")
    with pytest.raises(InputError) as caught:
        load_saved(run)
    assert str(caught.value).endswith(f"\n  There is another run with a model: {older}")


def test_a_model_that_cannot_be_loaded(runs, tmp_path: Path) -> None:
    run = RunWriter(shutil.copytree(runs["houses"], tmp_path / "20260131-110000"))
    run.model_path.write_bytes(b"PK")
    with pytest.raises(InputError) as caught:
        load_saved(run)
    assert str(caught.value).startswith(f"{run.model_path} cannot be loaded: ")
    info = run.info
    del info["codec"]
    (run.path / "run.json").unlink()
    run.update(**info)
    with pytest.raises(InputError, match="an older version of kerasrecipes saved it"):
        load_saved(run)
