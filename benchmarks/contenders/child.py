"""What every contender does the same way: read settings and rows, time stages, tell the peak."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

MARK = "benchmark result: "


class Stages:
    """Seconds by stage, and how much memory the process needed beyond its imports."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._import_mb = read_memory_mb("VmRSS")

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Time a stage; memory is counted from the end of the one called "import"."""
        started = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - started
        if stage == "import":
            self._import_mb = read_memory_mb("VmRSS")

    def describe_memory(self) -> dict[str, float]:
        peak = read_memory_mb("VmHWM")
        return {"peak_mb": peak, "peak_above_import_mb": peak - self._import_mb}


def read_memory_mb(key: str) -> float:
    """Memory as Linux counts it: "VmRSS" is held now, "VmHWM" was held at most."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise LookupError(key)


def run(contend: Callable[[dict[str, Any], Stages], dict[str, Any]]) -> None:
    """Run a contender on the settings that the command line holds, and print its figures."""
    settings = json.loads(sys.argv[1])
    stages = Stages()
    found = contend(settings, stages)
    figures = {"seconds": stages.seconds, **stages.describe_memory(), **found}
    print(MARK + json.dumps(figures), flush=True)


def load_rows(settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """The encoded rows that all contenders share: ``x_train``, ``y_train`` and so on."""
    with np.load(settings["rows"], allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def find_versions(*packages: str) -> dict[str, str]:
    return {package: version(package) for package in packages}
