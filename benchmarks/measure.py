"""Measurements: each in a process of its own, which tells what it saw or why it failed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.contenders.child import MARK

ROOT = Path(__file__).parent.parent

Figures = dict[str, Any]
"""Of one measurement: ``seconds`` by stage and ``wall_s``, memory in MB; or ``error``."""


def run_contender(
    module: str, settings: Mapping[str, Any], python: str = sys.executable
) -> Figures:
    """Run ``benchmarks.contenders.<module>`` with settings, and read the figures it prints."""
    started = time.perf_counter()
    done = subprocess.run(
        [python, "-m", f"benchmarks.contenders.{module}", json.dumps(dict(settings))],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - started
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            return {"wall_s": wall_s} | json.loads(line.removeprefix(MARK))
    return {"error": _last_line(done.stderr) or f"exit code {done.returncode}"}


def run_command(arguments: Sequence[str], cwd: Path = ROOT) -> Figures:
    """Run ``python -m kerasrecipes …`` as a person would.

    Peak memory is the system's count for the process. Linux lets a process begin with its
    parent's peak, so this module's own process must stay smaller than those that it measures.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "kerasrecipes", *arguments],
            cwd=cwd,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            return {"error": _last_line(errors.read()) or f"exit code {process.returncode}"}
    return {"wall_s": wall_s, "seconds": {}, "peak_mb": usage.ru_maxrss / 1024}


def run_train(recipe: Path | str, overrides: Sequence[str] = ()) -> Figures:
    """Run ``kerasrecipes train`` into a temporary folder, and read the files of the run."""
    with tempfile.TemporaryDirectory() as folder:
        figures = run_command(["train", str(recipe), *overrides, "--output-dir", folder])
        for file in Path(folder).glob("*/*/run.json"):
            figures["seconds"] = json.loads(file.read_text(encoding="utf-8")).get("seconds", {})
            scores = file.with_name("metrics.json")
            if scores.exists():
                test = json.loads(scores.read_text(encoding="utf-8"))["test"]
                figures["test_loss"] = test["loss"]
    return figures


@cache
def find_missing(modules: tuple[str, ...], python: str = sys.executable) -> tuple[str, ...]:
    """The modules that a Python cannot import."""
    code = (
        "import importlib.util, sys\n"
        "print(*[m for m in sys.argv[1:] if importlib.util.find_spec(m) is None])"
    )
    done = subprocess.run(
        [python, "-c", code, *modules], capture_output=True, text=True, check=True
    )
    return tuple(done.stdout.split())


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory and Python."""
    model = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": f"{n_cores} cores",
        "memory": f"{memory_gb:.0f} GB",
        "system": platform.system(),
        "python": f"Python {platform.python_version()}",
    }


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
