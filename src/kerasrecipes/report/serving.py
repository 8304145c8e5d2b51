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

_LOAD = 'model = keras.saving.load_model("model.keras", compile=False)'
_READ_NUMBERS = 'rows = pd.read_csv("rows.csv")'
_READ_TEXT = 'rows = pd.read_csv("rows.csv", dtype=dict.fromkeys({names}, str))'
_ARRAYS = {
    "numbers": 'rows[numbers].to_numpy("float32"){windows}',
    "categories": 'tf.constant(rows[categories].fillna("").to_numpy(str){windows})',
    "texts": 'tf.constant(rows[texts].fillna("").map(str.strip).to_numpy(object){windows})',
}
_PREDICT = "print(model.predict(inputs))"
_PREDICT_AND_COMPARE = """answers = model.predict(inputs)
print(answers, answers[:, -len(thresholds):] >= [*thresholds.values()])"""


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
    """Write Python code that predicts rows with a saved model, without this package.

    It reads rows.csv with pandas, or rows.npy with NumPy if the model takes an array.
    """
    inputs, predict = list_inputs(dataset), _PREDICT
    if thresholds := name_thresholds(codec or {}):
        predict = f"thresholds = {pformat(thresholds, width=80)}\n{_PREDICT_AND_COMPARE}"
    if not any(each.columns for each in inputs):
        shape = ", ".join(["n_rows", *map(str, dataset.get("shape", ()))])
        rows = [f'inputs = np.load("rows.npy")  # shape ({shape})']
        return "\n".join(["import keras", "import numpy as np", "", _LOAD, *rows, predict])
    names = {each.name: each.columns for each in inputs}
    n_steps, rate = dataset.get("n_steps"), dataset.get("sampling_rate", 1)
    windows = "[windows]" if n_steps else ""
    arrays = {name: _ARRAYS[name].format(windows=windows) for name in names}
    stacked = [f'    "{name}": {array},' for name, array in arrays.items()]
    of_text = " + ".join(name for name in names if name != "numbers")
    lines = [
        *("import keras", "import pandas as pd"),
        *["import tensorflow as tf"] * bool(of_text),
        "",
        *(
            f"{name} = {pformat([*columns], width=80, compact=True)}"
            for name, columns in names.items()
        ),
        "",
        _LOAD,
        _READ_TEXT.format(names=of_text) if of_text else _READ_NUMBERS,
        *(line for column in dataset["columns"] for line in _split_date(column)),
    ]
    if n_steps:
        n_rows, stride = (n_steps - 1) * rate, dataset.get("sequence_stride", 1)
        starts = f"np.arange(0, len(rows) - {n_rows}, {stride})[:, None]"
        lines.insert(1, "import numpy as np")
        lines.append(f"windows = {starts} + {rate} * np.arange({n_steps})  # rows of each")
    if len(arrays) == 1:
        return "\n".join([*lines, f"inputs = {next(iter(arrays.values()))}", predict])
    return "\n".join([*lines, "inputs = {", *stacked, "}", predict])


def _split_date(column: Mapping[str, Any]) -> list[str]:
    """Lines that give a date's parts, with pandas's names, which are ours; Monday is weekday 0."""
    if not column["parts"]:
        return []
    name, arguments = column["name"], column["arguments"]
    date_format, zone = arguments.get("format"), arguments.get("zone")
    options = f", format={date_format!r}" if date_format and "%q" not in date_format else ""
    to_zone = f".dt.tz_convert({zone!r})" if zone else ""
    options += ", utc=True" if zone else ""
    return [
        f"dates = pd.to_datetime(rows[{name!r}]{options}){to_zone}",
        *(f"rows[{f'{name} ({part})'!r}] = dates.dt.{part}" for part in column["parts"]),
    ]
