"""Checkpoints hardly hold up training."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kerasrecipes import pipeline
from kerasrecipes.recipe import load_recipe
from kerasrecipes.training.checkpoints import Checkpointer

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.reliability("overhead")
@pytest.mark.parametrize(
    ("name", "file", "changes"),
    [
        ("Boston, 500 epochs", "configs/boston.yaml", []),
        ("convolutional network, 5 epochs", "benchmarks/conv.yaml", ["epochs=5"]),
    ],
)
def test_training_waits_for_checkpoints_less_than_2_percent_of_the_fit(
    name: str, file: str, changes: list[str], tmp_path: Path, monkeypatch, record_property
):
    waited_s = depth = n_written = 0

    def time_method(method_name: str) -> None:
        method = getattr(Checkpointer, method_name)

        def call(*arguments):
            nonlocal waited_s, depth, n_written
            n_written += method_name == "write"
            depth += 1
            began_s = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                depth -= 1
                waited_s += 0 if depth else time.perf_counter() - began_s

        monkeypatch.setattr(Checkpointer, method_name, call)

    for method_name in ("begin", "note", "write", "close"):
        time_method(method_name)
    run = pipeline.train(load_recipe(ROOT / file, changes), tmp_path)
    fit_s = run.info["seconds"]["fit"]
    share = waited_s / fit_s
    row = f"| {name} | {fit_s:.1f} | {n_written} | {waited_s:.3f} | {share:.1%} |\n"
    record_property("overhead", row)
    assert n_written == 1 + fit_s // 60
    assert share <= 0.02
