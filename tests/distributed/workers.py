"""Starts a script as several workers on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from kerasrecipes.distributed import find_addresses


def run_workers(folder: Path, script: str, n_workers: int = 2) -> list[Any]:
    """Run a script once as each worker; returns the JSON that each writes to its first argument."""
    addresses = find_addresses(n_workers)
    files = [folder / f"worker{i}.json" for i in range(n_workers)]
    logs = [folder / f"worker{i}.log" for i in range(n_workers)]
    processes = []
    for i, (file, log) in enumerate(zip(files, logs, strict=True)):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}}
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "TF_NUM_INTRAOP_THREADS": "1"}
        with log.open("wb") as output:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-c", script, str(file)],
                    env=environment,
                    stdout=output,
                    stderr=output,
                )
            )
    try:
        codes = [process.wait(timeout=900) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0] * n_workers, logs[0].read_text()[-3000:] + logs[1].read_text()[-3000:]
    return [json.loads(file.read_text()) for file in files]
