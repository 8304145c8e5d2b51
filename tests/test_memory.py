"""Memory that is too small is found before it is taken, and named when it ends."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import kerasrecipes as kr
from kerasrecipes import memory
from kerasrecipes.errors import RecipeError, RunFailed
from kerasrecipes.memory import explaining_memory, find_free_memory
from kerasrecipes.model.build import build_model
from kerasrecipes.recipe import load_recipe
from kerasrecipes.runs import list_runs

pytestmark = pytest.mark.reliability("fault")

SOFTMAX = {"Dense": {"units": 3, "activation": "softmax"}}
RECIPE = {
    "dataset": {"name": "iris"},
    "layers": [SOFTMAX],
    "loss": "sparse_categorical_crossentropy",
}
T = 10**12


@pytest.mark.parametrize(
    ("layer", "needed"),
    [
        ({"Dense": {"units": T}}, "16 TB for weights of shape (4, 1000000000000)"),
        ({"Embedding": {"input_dim": T, "output_dim": 8}}, "32 TB for weights"),
        ({"LSTM": {"units": 10**6}}, "16 TB for weights of shape (1000000, 4000000)"),
        ({"Conv1D": {"filters": 10**13, "kernel_size": 3, "padding": "same"}}, "120 TB for"),
        ({"Conv1D": {"filters": 3, "kernel_size": T, "padding": "same"}}, "12 TB for weights"),
        ({"Bidirectional": {"layer": {"GRU": {"units": 3 * 10**6}}}}, "108 TB for weights"),
        ({"RepeatVector": {"n": T}}, "16 TB for the outputs of one row of shape"),
        ({"UpSampling1D": {"size": T}}, "16 TB for the outputs"),
        ({"ZeroPadding1D": {"padding": T}}, "8 TB for the outputs"),
        ({"Dense": {"units": 10**18}}, "16,000 PB for weights"),
        ({"Dense": {"units": 10**20}}, "Keras rejects this: Failed to convert"),
    ],
    ids=str,
)
def test_a_layer_that_is_too_large_is_named(layer: dict[str, Any], needed: str) -> None:
    needs_steps = next(iter(layer)) in ("LSTM", "Conv1D", "Bidirectional", "UpSampling1D")
    inputs = np.zeros((2, 4, 1) if needs_steps or "ZeroPadding1D" in layer else (2, 4), np.float32)
    recipe = load_recipe(RECIPE, layers=[{"Dropout": {"rate": 0.1}}, layer, SOFTMAX])
    with pytest.raises(RecipeError) as caught:
        build_model(recipe, inputs)
    assert needed in str(caught.value)
    assert [problem.path for problem in caught.value.problems] == [("layers", 1)]


def test_no_run_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="It needs 16 TB for weights"):
        kr.train(RECIPE, layers=[{"Dense": {"units": T}}, SOFTMAX], output_dir=tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_half_of_the_free_memory_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(RECIPE)
    monkeypatch.setattr(memory, "find_free_memory", lambda: 96)
    build_model(recipe, np.zeros((2, 4), np.float32))  # 4×3 weights of 4 bytes, twice
    monkeypatch.setattr(memory, "find_free_memory", lambda: 95)
    with pytest.raises(RecipeError, match=r"needs 48 B for weights") as caught:
        build_model(recipe, np.zeros((2, 4), np.float32))
    assert "95 B of memory are free" in str(caught.value)


class TestFreeMemory:
    def test_is_at_most_what_the_machine_has(self) -> None:
        assert 10**8 < find_free_memory() < 10**14

    def test_a_container_has_less(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "memory.max").write_text("5000000\n")
        (tmp_path / "memory.current").write_text("1000000\n")
        monkeypatch.setattr(memory, "_CGROUP", tmp_path)
        assert find_free_memory() == 4_000_000
        (tmp_path / "memory.max").write_text("max\n")
        assert find_free_memory() > 4_000_000

    def test_a_process_may_have_a_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        limit = (10**6, resource.RLIM_INFINITY)
        monkeypatch.setattr(resource, "getrlimit", lambda kind: limit)
        assert find_free_memory() == 0


def allocate() -> None:
    np.empty((10**8, 10**8), np.float64)


def allocate_tensor() -> None:
    tf.zeros((10**7, 10**8)) + 1.0


@pytest.mark.parametrize("allocate", [allocate, allocate_tensor])
def test_memory_that_ends_is_named(allocate: Any) -> None:
    with pytest.raises(RunFailed, match="Out of memory; "), explaining_memory():
        allocate()


def test_memory_that_ends_in_training_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from kerasrecipes.training import fit

    monkeypatch.setattr(fit, "make_train_function", lambda *_: lambda *_: allocate())
    with pytest.raises(RunFailed, match="Out of memory"):
        kr.train(RECIPE, output_dir=tmp_path)
    (run,) = list_runs(tmp_path)
    assert run.info["status"] == "failed"
