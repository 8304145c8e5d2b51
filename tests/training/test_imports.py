"""What a report needs is imported while a model trains."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kerasrecipes.training.imports import ImportMeanwhile


@pytest.fixture
def slow_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a_slow_module.py").write_text("import time\ntime.sleep(0.2)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_slow_module", raising=False)
    return "a_slow_module"


def wait_for(callback: ImportMeanwhile) -> None:
    callback._thread.join(10)


def test_nothing_is_imported_before_the_graphs_are_there(slow_module: str) -> None:
    callback = ImportMeanwhile(slow_module)
    callback.on_train_batch_end(0)
    assert slow_module not in sys.modules
    callback.on_train_batch_end(1)
    wait_for(callback)
    assert slow_module in sys.modules


def test_an_epoch_of_one_call_is_enough_and_later_ones_change_nothing(slow_module: str) -> None:
    callback, before_s = ImportMeanwhile(slow_module), sys.getswitchinterval()
    for epoch in range(3):
        callback.on_train_batch_end(0)
        callback.on_epoch_end(epoch)
    wait_for(callback)
    assert slow_module in sys.modules
    assert sys.getswitchinterval() == before_s
