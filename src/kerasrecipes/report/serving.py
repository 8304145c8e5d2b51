"""Which inputs a saved model takes, and a snippet that calls it in plain Keras."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pprint import pformat
from typing import Any

from kerasrecipes.rows.kinds import make_column


@dataclass(frozen=True)
class ModelInput:
    """One input of ``model.keras``.

    Attributes:
        name: Of the Keras input.
        dtype: "float32" or "string".
        shape: Of one row.
        columns: The values of a row, in order; empty for an array.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()


def list_inputs(dataset: Mapping[str, Any]) -> list[ModelInput]:
    """List the inputs of a saved model, in order, from the facts about the data in run.json.

    A table's numbers are one input, its categories another, and its free texts a third; a date
    gives a number for each of its parts.
    """
    if "shape" in dataset:
        return [ModelInput("inputs", "float32", tuple(dataset["shape"]))]
    inputs: dict[str, list[str]] = {"numbers": [], "categories": [], "texts": []}
    for column in (make_column(**each) for each in dataset.get("columns", ())):
        inputs[column.model_input] += column.inputs
    dtypes, steps = {"numbers": "float32"}, [dataset["n_steps"]] if "n_steps" in dataset else []
    return [
        ModelInput(name, dtypes.get(name, "string"), (*steps, len(columns)), tuple(columns))
        for name, columns in inputs.items()
        if columns
    ]


def add_inputs(file: Path, dataset: Mapping[str, Any], codec: Mapping[str, Any]) -> None:
    """Add inputs.json, and thresholds.json if there are thresholds, to a saved model's archive.

    Keras reads only the files of the archive that it wrote, and rejects other keys in config.json.

    Args:
        dataset: The facts about the data in run.json.
        codec: The facts about the target in run.json.
    """
    files = {"inputs": [*map(asdict, list_inputs(dataset))], "thresholds": name_thresholds(codec)}
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in files.items():
            if content:
                text = json.dumps(content, indent=2, ensure_ascii=False)
                archive.writestr(f"{name}.json", text)


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
