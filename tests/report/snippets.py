"""Calls the report's snippet on rows, in a process that cannot import this package."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from kerasrecipes.report.serving import list_inputs, write_snippet
from kerasrecipes.runs import Run


def take_inputs(run: Run, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """The arrays that a model of a table takes, by input."""
    inputs = {}
    for each in list_inputs(run.info["dataset"]):
        columns = table[[*each.columns]]
        is_text = each.dtype == "string"
        inputs[each.name] = columns.fillna("").to_numpy(str) if is_text else columns.to_numpy("f4")
    return inputs


def call_snippet(run: Run, inputs: dict[str, np.ndarray], folder: Path) -> list[np.ndarray]:
    """What the snippet prints for these rows instead of its own."""
    np.savez(folder / "rows.npz", **inputs)
    code = write_snippet(run.info["dataset"], run.info["codec"])
    assert re.findall(r'^    "(.*)": tf\.', code, re.MULTILINE) == [*inputs]
    code = re.sub(r'^    "(.*)": tf\..*$', r'    "\1": tf.constant(rows["\1"]),', code, flags=re.M)
    start = "import sys; sys.modules['kerasrecipes'] = None\nimport numpy as np\n"
    start += "rows, printed = np.load('rows.npz'), []\n"
    code = start + code.replace("print(", "printed.append(")
    code = code.replace('"model.keras"', repr(str(run.model_path.resolve())))
    code += "\nnp.savez('printed.npz', *printed)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "printed.npz") as printed:
        return [*printed.values()]
