"""Which inputs a saved model takes, and a snippet that calls it in plain Keras."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pprint import pformat
from typing import Any

from kerasrecipes.rows.kinds import MODEL_INPUTS, group_inputs, make_column


@dataclass(frozen=True)
class ModelInput:
    """One input of ``model.keras``."""

    name: str
    dtype: str  # "float32" or "string"
    shape: tuple[int, ...]  # of one row
    columns: tuple[str, ...] = ()  # the values of a row, in order; empty for an array


def list_inputs(dataset: Mapping[str, Any]) -> list[ModelInput]:
    """List the inputs of a saved model, in order, from the facts about the data in run.json."""
    if "shape" in dataset:
        return [ModelInput("inputs", "float32", tuple(dataset["shape"]))]
    columns = (make_column(**each) for each in dataset.get("columns", ()))
    steps = [dataset["n_steps"]] if "n_steps" in dataset else []
    return [
        ModelInput(name, MODEL_INPUTS[name], (*steps, len(taken)), tuple(taken))
        for name, taken in group_inputs(columns).items()
    ]


def add_thresholds(file: Path, codec: Mapping[str, Any]) -> None:
    """Add thresholds.json to a saved model's archive if there are thresholds; Keras ignores it."""
    if thresholds := name_thresholds(codec):
        with zipfile.ZipFile(file, "a") as archive:
            text = json.dumps(thresholds, indent=2, ensure_ascii=False)
            archive.writestr("thresholds.json", text)


def name_thresholds(codec: Mapping[str, Any]) -> dict[str, float]:
    """The threshold of the second of two classes, or of each label, by name."""
    names = codec.get("names") if codec.get("is_multilabel") else codec.get("class_names", ())[1:]
    return dict(zip(names or (), codec.get("thresholds", ()), strict=False))


def write_snippet(dataset: Mapping[str, Any], codec: Mapping[str, Any] | None = None) -> str:
    """Write Python code that predicts a row with a saved model, without this package."""
    lines = [
        "import keras",
        "import tensorflow as tf",
        "",
        'model = keras.saving.load_model("model.keras", compile=False)',
        "inputs = {",
    ]
    for each in list_inputs(dataset):
        shape = (1, *each.shape)
        row = f"tf.zeros({shape})" if each.dtype == "float32" else f'tf.fill({shape}, "")'
        lines.append(f'    "{each.name}": {row},')
    lines += ["}", "answers = model.predict(inputs)", "print(answers)"]
    if thresholds := name_thresholds(codec or {}):
        lines.append(f"thresholds = {pformat(thresholds, width=80)}")
        lines.append("print(answers[:, -len(thresholds):] >= [*thresholds.values()])")
    return "\n".join(lines)
