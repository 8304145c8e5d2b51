"""Calls the snippets of reports on rows, in a process that cannot import this package."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
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
    return call_snippets([(run, inputs)], folder)[0]


def call_snippets(
    cases: Sequence[tuple[Run, dict[str, np.ndarray]]], folder: Path
) -> list[list[np.ndarray]]:
    """What the snippet of each run prints for its rows, all in one process."""
    code = "import sys; sys.modules['kerasrecipes'] = None\nimport numpy as np\n"
    for i, (run, inputs) in enumerate(cases):
        np.savez(folder / f"rows{i}.npz", **inputs)
        snippet = write_snippet(run.info["dataset"], run.info["codec"])
        names = re.compile(r'^    "(.*)": tf\..*$', re.MULTILINE)
        assert names.findall(snippet) == [*inputs]
        snippet = names.sub(r'    "\1": tf.constant(rows["\1"]),', snippet)
        snippet = snippet.replace("print(", "printed.append(")
        snippet = snippet.replace('"model.keras"', repr(str(run.model_path.resolve())))
        code += f"rows, printed = np.load('rows{i}.npz'), []\n{snippet}\n"
        code += f"np.savez('printed{i}.npz', *printed)\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [[*np.load(folder / f"printed{i}.npz").values()] for i in range(len(cases))]
