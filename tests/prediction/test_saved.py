"""Runs without a model that can be used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kerasrecipes.errors import InputError
from kerasrecipes.prediction.saved import load_saved
from kerasrecipes.runs import RunWriter


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        ("failed", "Continue it with --resume, or train"),
        ("interrupted", "Continue it with --resume, or train"),
        ("running", "Continue it with --resume, or train"),
        ("finished", "Train"),  # its last epoch is trained: there is nothing to continue
    ],
)
def test_a_run_without_a_model(tmp_path: Path, status: str, remedy: str) -> None:
    run = RunWriter(tmp_path / "20260131-120000")
    run.path.mkdir()
    run.update(status=status, layers=[])
    with pytest.raises(InputError) as caught:
        load_saved(run)
    assert str(caught.value) == (
        f"{run.path} has no saved model that this version can use (status: {run.status}). "
        f"{remedy} it again: kerasrecipes train {run.path}/recipe.yaml"
    )


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
    with pytest.raises(InputError, match="has no saved model that this version can use"):
        load_saved(run)
