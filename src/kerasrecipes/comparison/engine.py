"""Many trainings on one machine: worker processes that import TensorFlow once each.

Processes of one thread each train more models an hour than threads of one process, which share
the interpreter's lock between batches. Every worker computes with one thread, so that results do
not depend on the number of workers.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from kerasrecipes.comparison.contenders import is_usable
from kerasrecipes.errors import InputError, KerasRecipesError
from kerasrecipes.interrupts import catching_signals
from kerasrecipes.pipeline import Listener, find_versions, train
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.resuming import Resumption
from kerasrecipes.runs import Run, RunWriter, list_runs_of

if TYPE_CHECKING:
    import keras

_SERVE = (  # Ctrl-C ends a worker that has not begun, without a traceback
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "from kerasrecipes.comparison.engine import serve; serve(*map(int, sys.argv[1:]))"
)
_POLL_S = 0.2
_N_ATTEMPTS = 2
_ShowEpoch = Callable[[int, str], None]


@dataclass(frozen=True)
class Job:
    """A recipe to train, and where its run goes.

    Attributes:
        unfinished: The run to continue, or None for a new one.
    """

    recipe: Recipe
    output_dir: Path
    command: tuple[str, ...]
    unfinished: Run | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of one job: a run, or the reason why there is none."""

    recipe: Recipe
    run: Run | None
    error: str = ""
    was_reused: bool = False


@dataclass(frozen=True)
class Trainer:
    """Trains recipes, several at once.

    Attributes:
        output_dir: The folder of all runs.
        console: Where progress goes.
        command: The command line that started the runs; empty in Python.
        workers: Processes; None means one per core, or one if there is a GPU to share.
        data: A DataFrame in place of the rows that the recipes name, or None.
        fingerprints: Of the data, by the recipe's name; without one, no finished run is reused.
    """

    output_dir: Path
    console: Console
    command: tuple[str, ...] = ()
    workers: int | None = None
    data: Any = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)

    def train(self, recipes: Sequence[Recipe]) -> list[Outcome]:
        """Train recipes, each with its own seed, unless there is a finished run of the same.

        A run that was interrupted or killed continues from its last checkpoint.

        Returns:
            An outcome per recipe, in their order. A run that fails does not stop the others.

        Raises:
            KeyboardInterrupt: A signal asked to stop; the unfinished runs can be continued.
        """
        finished = [self._find_same(recipe, "finished") for recipe in recipes]
        outcomes = {
            i: Outcome(recipes[i], run, was_reused=True) for i, run in enumerate(finished) if run
        }
        waiting = [i for i in range(len(recipes)) if i not in outcomes]
        n_workers = min(self.workers or _count_workers(), len(waiting))
        crew = _Crew(n_workers, (_find_modules(recipes), self.data))
        lines = _Lines(self.console, len(waiting))
        with catching_signals(owns_process=bool(self.command)), crew, lines.bars:
            futures = {}
            for i in waiting:
                show = lines.add(recipes[i])
                futures[crew.pool.submit(self._train_one, crew, recipes[i], show)] = i
            unfinished = set(futures)
            while unfinished:
                # Without a timeout, Ctrl-C may wait until a run ends.
                done, unfinished = wait(unfinished, _POLL_S, FIRST_COMPLETED)
                for i in sorted(futures[future] for future in done):
                    lines.finish(recipes[i])
        outcomes |= {i: future.result() for future, i in futures.items()}
        return [outcomes[i] for i in range(len(recipes))]

    def _train_one(self, crew: _Crew, recipe: Recipe, show: _ShowEpoch) -> Outcome:
        """Train a recipe; once more if its worker is killed."""
        reason = ""
        for _ in range(_N_ATTEMPTS):
            unfinished = self._find_same(recipe, "killed", "interrupted")
            try:
                return crew.train(Job(recipe, self.output_dir, self.command, unfinished), show)
            except _WorkerEnded as error:
                reason = str(error)
                if not error.was_killed or crew.is_closing:
                    break
        for run in self._list_runs_of(recipe)[-1:]:
            if run.status == "killed":
                RunWriter(run.path).update(status="failed", error=reason)
            reason += f" Its log: {run.log_path}"
        return Outcome(recipe, None, reason)

    def _list_runs_of(self, recipe: Recipe) -> list[Run]:
        """The runs of the same resolved recipe, seed included, oldest first."""
        runs = list_runs_of(self.output_dir / make_folder_name(recipe.name))
        return [run for run in runs if is_usable(run) and run.recipe_text == recipe.to_yaml()]

    def _find_same(self, recipe: Recipe, *statuses: str) -> Run | None:
        """Find the newest run of the same recipe, data and versions with one of the statuses."""
        for run in reversed(self._list_runs_of(recipe)):
            info = run.info
            fingerprint = info.get("dataset", {}).get("fingerprint", "")
            is_same_data = fingerprint == self.fingerprints.get(recipe.name)
            is_same = is_same_data and info.get("versions") == find_versions()
            is_same = is_same and "weights_from" not in info
            if is_same and run.status in statuses:
                return run
        return None


class _Lines:
    """A line for each run while it trains and one for all; plain lines without a terminal."""

    def __init__(self, console: Console, n_runs: int) -> None:
        self.console, self.n_runs, self.n_done = console, n_runs, 0
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[scores]}", style="dim", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.all_runs = self.bars.add_task("all", total=n_runs, scores="")

    def add(self, recipe: Recipe) -> _ShowEpoch:
        """Add a run; give the function that shows its epoch and scores until it has ended."""
        name = f"{recipe.name}, seed {recipe.seed}"
        task = self.bars.add_task(name, total=recipe.epochs, visible=False, scores="")

        def show(epoch: int, scores: str) -> None:
            self.bars.update(task, completed=epoch, scores=scores, visible=bool(scores))

        return show

    def finish(self, recipe: Recipe) -> None:
        """Count a run that has ended."""
        self.n_done += 1
        self.bars.update(self.all_runs, completed=self.n_done)
        if not self.console.is_terminal:
            line = f"{self.n_done} of {self.n_runs}  {recipe.name}, seed {recipe.seed}"
            self.console.print(line, style="dim", soft_wrap=True)


class _Crew:
    """Worker processes, and a thread of ours for each; leaving the block ends them all.

    If a worker process ends, only its run fails; the next run gets a new worker.
    """

    def __init__(self, size: int, beginning: tuple[list[str], Any]) -> None:
        self.pool = ThreadPoolExecutor(max(size, 1))
        self.beginning = beginning
        self.workers: list[_Worker] = []
        self.is_closing = False
        self.idle: SimpleQueue[_Worker | None] = SimpleQueue()  # None: a new one is to be made
        for _ in range(size):
            self.idle.put(None)

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.is_closing = True
        self.pool.shutdown(wait=False, cancel_futures=True)
        if kind and issubclass(kind, KeyboardInterrupt):  # runs in training are kept
            for worker in self.workers:
                worker.process.send_signal(signal.SIGINT)
        self.pool.shutdown()
        for worker in self.workers:
            worker.connection.close()
            worker.process.wait()

    def train(self, job: Job, show: _ShowEpoch) -> Outcome:
        """Train a job in an idle worker."""
        worker = self.idle.get()
        if worker is None:
            worker = _Worker(self.beginning)
            self.workers.append(worker)
        try:
            return worker.train(job, show)
        finally:
            show(0, "")
            self.idle.put(worker if worker.process.poll() is None else None)


class _WorkerEnded(Exception):
    """A worker's process ended while it trained."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(_describe_death(exit_code))
        self.was_killed = exit_code < 0 and exit_code != -signal.SIGINT


class _Worker:
    """A process that trains one recipe after another.

    It is no ``multiprocessing.Process``, which would run the caller's script once more. It has a
    process group of its own: Ctrl-C reaches it only through us, and so exactly once.
    """

    def __init__(self, beginning: tuple[list[str], Any]) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            number = theirs.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(number), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_make_environment(),
                pass_fds=[number],
                process_group=0,
            )
        self._send(beginning)

    def _send(self, message: Any) -> None:
        with suppress(ConnectionError):  # the process has ended, which train reports
            self.connection.send(message)

    def train(self, job: Job, show: _ShowEpoch) -> Outcome:
        """Train a job and show its epochs.

        Raises:
            _WorkerEnded: The process ended before.
        """
        self._send(job)
        try:
            while isinstance(message := self.connection.recv(), tuple):
                show(*message)
        except (EOFError, ConnectionError):
            raise _WorkerEnded(self.process.wait()) from None
        outcome: Outcome = message
        return outcome


def _find_modules(recipes: Sequence[Recipe]) -> list[str]:
    """Find the modules that register the caller's own classes, for workers to import.

    Raises:
        InputError: A class is defined in the caller's script, which workers do not run.
    """
    keras = sys.modules.get("keras")
    registered = keras.saving.get_custom_objects() if keras else {}
    text = "".join(recipe.to_yaml() for recipe in recipes)
    modules = {name: found.__module__ for name, found in registered.items() if name in text}
    for name, module in modules.items():
        if module == "__main__":
            raise InputError(
                f"A comparison trains in processes of its own, which cannot import {name} from "
                "your script. Put the class into a module, and import that."
            )
    return sorted({*modules.values()})


def _describe_death(exit_code: int) -> str:
    if exit_code >= 0:
        return f"Its process ended with exit code {exit_code}."
    killer = signal.Signals(-exit_code).name
    if killer != "SIGKILL":
        return f"Its process was ended by {killer}."
    return (
        "Its process was ended by SIGKILL, as the system does when memory runs out. Use fewer "
        "--workers, or a smaller batch_size."
    )


def _has_gpu() -> bool:
    return Path("/dev/nvidia0").exists()


def _count_workers() -> int:
    if _has_gpu():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make_environment() -> dict[str, str]:
    """Our environment, one thread for TensorFlow, and modules found where we find them."""
    names = ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"]
    if not _has_gpu():
        names.append("TF_NUM_INTEROP_THREADS")
    path = os.pathsep.join(filter(None, sys.path))
    return os.environ | dict.fromkeys(names, "1") | {"PYTHONPATH": path}


def serve(number: int, parent: int) -> None:
    """Train every job that arrives at a file descriptor, until its other end is closed.

    Args:
        number: The file descriptor.
        parent: The process that sends jobs. When it has ended, this one ends, too.
    """
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with Connection(number) as connection, suppress(EOFError):
        modules, data = connection.recv()
        for module in modules:
            importlib.import_module(module)
        while True:
            job = connection.recv()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                outcome = _train(job, data, connection)
            except KeyboardInterrupt:
                os._exit(130)  # TensorFlow's threads would delay a normal exit
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            connection.send(outcome)


def _end_with(parent: int) -> None:
    """Wait until the parent has ended; then end as SIGTERM ends a training, with a checkpoint."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


class _Sender(Listener):
    """Sends the scores of every epoch to the process that shows them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def show_fit(self, epochs: int, steps: int) -> Iterator[Sequence[keras.callbacks.Callback]]:
        from keras.callbacks import LambdaCallback

        yield [LambdaCallback(on_epoch_end=self._send)]

    def _send(self, epoch: int, logs: Mapping[str, float]) -> None:
        scores = "  ".join(f"{name} {float(value):.4f}" for name, value in logs.items())
        with suppress(BrokenPipeError):  # the parent has ended, and so does this process soon
            self._connection.send((epoch + 1, scores))


def _train(job: Job, data: Any, connection: Connection) -> Outcome:
    connection.send((0, "starting"))
    try:
        run = train(
            job.recipe,
            job.output_dir,
            _Sender(connection),
            command=job.command,
            data=data,
            owns_process=True,
            resumption=Resumption(job.unfinished, job.recipe) if job.unfinished else None,
        )
    except KerasRecipesError as error:
        return Outcome(job.recipe, None, str(error))
    return Outcome(job.recipe, run)
