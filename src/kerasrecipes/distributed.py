"""One training in several processes, which share each batch.

Each reads its place among them from TF_CONFIG. Workers on this machine are started, watched, and
started again from the last checkpoint.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.interrupts import Interrupts, catching_signals
from kerasrecipes.memory import count_cores
from kerasrecipes.recipe import Recipe
from kerasrecipes.runs import list_runs_of
from kerasrecipes.training.team import ALONE, Team
from kerasrecipes.workers import GRACE_S, make_environment, start_process

_POLL_S = 0.1
N_RESTARTS = 3  # of all workers, after one is lost


def join_team(n_workers: int | None) -> Team:
    """Read this worker's place from TF_CONFIG, which may name this process alone.

    If a number of workers is given, TF_CONFIG must name as many.
    """
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return ALONE
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], (config["task"]["type"], int(config["task"]["index"]))
        if not cluster.keys() <= {"chief", "worker"}:
            raise ValueError(f"its tasks must be chief and worker, not {', '.join(cluster)}")
        places = [
            (kind, i) for kind in ("chief", "worker") for i, _ in enumerate(cluster.get(kind, ()))
        ]
        if n_workers not in (None, len(places)):
            raise ValueError(f"it names {len(places)} workers, and --workers {n_workers}")
        return Team(len(places), places.index(task))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"TF_CONFIG cannot be used ({type(error).__name__}: {error}). Unset it to train in one "
            'process, or set it as in {"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from error


def write_place(addresses: Sequence[str], number: int) -> str:
    """Write the TF_CONFIG of one of the workers at these addresses."""
    task = {"type": "worker", "index": number}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


def check_recipe(recipe: Recipe, n_workers: int) -> None:
    """Check that several workers would train a recipe as one process does."""
    if n_workers == 1:
        return
    reduction = recipe.loss.arguments.get("reduction", "sum_over_batch_size")
    if recipe.jit_compile is True:
        raise InputError("XLA cannot compile what workers exchange. Set jit_compile: false.")
    if reduction not in ("sum_over_batch_size", "mean"):
        raise InputError(
            f"Several workers need a loss that is a mean over rows (received: reduction="
            f"{reduction}). Set reduction: sum_over_batch_size."
        )
    if any(layer.arguments.get("synchronized") for layer in recipe.layers):
        raise InputError("BatchNormalization with synchronized: true needs MirroredStrategy.")
    Team(n_workers).check_batch(recipe.batch_size)


def train_here(
    arguments: Sequence[str], options: Sequence[str], n_workers: int, folder: Path, console: Console
) -> int:
    """Train in several processes on this machine, and return the exit code.

    Args:
        arguments: Of ``kerasrecipes``.
        options: With which ``train --resume`` continues a run after a worker was killed.
        folder: Where the recipe's runs are.
        console: Where a restart is reported.
    """
    folder.mkdir(parents=True, exist_ok=True)
    logs = [folder / f"worker-{number}.log" for number in range(n_workers)]
    for n_left in reversed(range(N_RESTARTS + 1)):
        with catching_signals(owns_process=True) as interrupts, interrupts.deferring():
            processes = _start_workers(arguments, logs)
            try:
                ended, code = _wait_for_end(processes, logs, interrupts)
            finally:
                for process in processes:
                    process.kill()
                    process.wait()
        if code >= 0:
            return code
        reason = f"Worker {ended} was ended by {signal.Signals(-code).name}."
        for run in list_runs_of(folder):
            is_ours = run.status in ("killed", "failed")
            if is_ours and run.info["process"]["pid"] == processes[0].pid:
                arguments = ["train", str(run.path), "--resume", *options]
        if n_left:
            text = f"warning  {reason} All workers begin again from the last checkpoint."
            console.print(text, style="yellow", soft_wrap=True)
    raise RunFailed(f"{reason} To continue: {shlex.join(['kerasrecipes', *arguments])}")


def _start_workers(arguments: Sequence[str], logs: Sequence[Path]) -> list[subprocess.Popen[bytes]]:
    """Start processes, each with cores and a GPU of its own; the first leads and prints."""
    processes, addresses = [], find_addresses(len(logs))
    environment = make_environment(max(1, count_cores() // len(logs)))
    n_gpus = len([*Path("/dev").glob("nvidia[0-9]*")])
    for number, log in enumerate(logs):
        environment["TF_CONFIG"] = write_place(addresses, number)
        if n_gpus and "CUDA_VISIBLE_DEVICES" not in os.environ:
            environment["CUDA_VISIBLE_DEVICES"] = str(number % n_gpus)
        with log.open("wb") as file:
            output = file if number else None
            code = "from kerasrecipes.cli.app import main; main()"
            process = start_process(code, arguments, stdout=output, stderr=output, env=environment)
        processes.append(process)
    return processes


def _wait_for_end(
    processes: Sequence[subprocess.Popen[bytes]], logs: Sequence[Path], interrupts: Interrupts
) -> tuple[int, int]:
    """Wait for the leader, or for another worker that fails; signals are passed on.

    Returns a worker and its exit code, negative if a signal ended it that is not ours.
    """
    ends_s, is_stopping = math.inf, False
    while True:
        if interrupts.number and not is_stopping:
            is_stopping, ends_s = True, min(ends_s, time.monotonic() + GRACE_S)
            for process in processes:
                process.send_signal(interrupts.number)
        codes = [process.poll() for process in processes]
        failed = [(number, code) for number, code in enumerate(codes) if code]
        killed = [(number, code) for number, code in failed if code < 0]
        if killed and ends_s == math.inf:
            return killed[0]
        if codes[0] is not None:
            return 0, codes[0] if codes[0] >= 0 else 128 - codes[0]
        if failed:
            ends_s = min(ends_s, time.monotonic() + GRACE_S)
        if time.monotonic() > ends_s:
            number, code = (failed or [(0, 1)])[0]
            print(f"Worker {number} failed: see {logs[number]}", file=sys.stderr)
            return number, max(code, 1)
        time.sleep(_POLL_S)


def find_addresses(n_workers: int, host: str = "127.0.0.1") -> list[str]:
    """Addresses of this machine with ports that are free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n_workers)]
        for each in sockets:
            each.bind((host, 0))
        return [f"{host}:{each.getsockname()[1]}" for each in sockets]
