"""Keras runs on TensorFlow with its own defaults, whatever the environment asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest

import kerasrecipes as kr
from kerasrecipes.backend import import_keras
from kerasrecipes.errors import InputError, KerasRecipesError

pytestmark = pytest.mark.reliability("fault")

SCRIPT = """
import gc, os
from kerasrecipes.backend import import_keras
before, frozen = dict(os.environ), gc.get_freeze_count()
import_keras()
assert gc.isenabled() and gc.get_freeze_count() == frozen
assert dict(os.environ).items() >= before.items()
assert os.environ.get("KERAS_BACKEND") == before.get("KERAS_BACKEND")
import json, keras
names = ("backend", "floatx", "epsilon", "image_data_format", "max_epochs", "max_steps_per_epoch")
print(json.dumps([getattr(keras.config, name)() for name in names]))
"""
DEFAULTS = ["tensorflow", "float32", 1e-7, "channels_last", None, None]
RECIPE = {
    "dataset": {"name": "iris"},
    "layers": [{"Dense": {"units": 3, "activation": "softmax"}}],
    "loss": "sparse_categorical_crossentropy",
}


def run(script: str, home: Path, settings: Any, **environment: str) -> str:
    (home / "keras.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"KERAS_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout or done.stderr


def test_keras_json_and_the_environment_change_nothing(tmp_path: Path) -> None:
    asked = {
        "backend": "torch",
        "floatx": "float64",
        "epsilon": 0.01,
        "image_data_format": "channels_first",
    }
    variables = {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"}
    assert json.loads(run(SCRIPT, tmp_path, asked, **variables)) == DEFAULTS


@pytest.mark.parametrize("asked", [[], {"floatx": "float8"}, {"epsilon": "1e-7"}])
def test_a_broken_keras_json_is_named(tmp_path: Path, asked: Any) -> None:
    said = run(SCRIPT, tmp_path, asked)
    assert "InputError: Keras cannot read its settings: " in said
    assert said.endswith(" Remove ~/.keras/keras.json.\n")


@pytest.fixture
def settings() -> Iterator[Any]:
    names = ("floatx", "epsilon", "image_data_format", "max_epochs", "max_steps_per_epoch")
    before = {name: getattr(keras.config, name)() for name in names}
    yield keras.config
    for name, value in before.items():
        getattr(keras.config, f"set_{name}")(value)
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("floatx", "float64"),
        ("epsilon", 0.01),
        ("image_data_format", "channels_first"),
        ("max_epochs", 1),
        ("max_steps_per_epoch", 1),
        ("dtype_policy", "mixed_float16"),
    ],
)
def test_settings_of_the_caller_are_refused(
    settings: Any, tmp_path: Path, name: str, value: Any
) -> None:
    getattr(settings, f"set_{name}")(value)
    with pytest.raises(InputError, match=rf"keras\.config\.{name}\(\)") as caught:
        kr.train(RECIPE, output_dir=tmp_path)
    assert f"keras.config.set_{name}(" in str(caught.value)
    assert [*tmp_path.iterdir()] == []


def test_another_backend_of_the_caller_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(InputError, match=r"Recipes need 'tensorflow' .*received: 'jax'") as caught:
        kr.train(RECIPE, output_dir=tmp_path)
    assert "KERAS_BACKEND=tensorflow" in str(caught.value)


def test_a_tensorflow_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(KerasRecipesError, match="TensorFlow and Keras cannot be imported: "):
        import_keras()
