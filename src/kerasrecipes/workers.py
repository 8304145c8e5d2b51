"""Many trainings on one machine: worker processes that import TensorFlow once each.

Processes of one thread each train more models an hour than threads of one process. Results do not
depend on the number of workers, since each has one thread.
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from kerasrecipes.errors import InputError, KerasRecipesError, RunFailed
from kerasrecipes.memory import count_cores, find_free_memory, find_used_memory
from kerasrecipes.pipeline import Listener, train
from kerasrecipes.recipe import Recipe
from kerasrecipes.resuming import Resumption
from kerasrecipes.runs import Run
from kerasrecipes.training.team import ALONE, Team, TeamLost

if TYPE_CHECKING:
    import keras

_BEGIN = (  # Ctrl-C ends a worker that has not begun, without a traceback
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "from kerasrecipes.workers import end_with, serve; end_with(int(sys.argv.pop(1))); "
)
GRACE_S = 60.0
"""How long a worker may go on after a signal, or after another has failed."""
_MOST_GROWTH = 1.0
"""Of a worker's memory after its first training: Keras keeps some of every model (keras #20552)."""

Show = Callable[[int, Mapping[str, float]], bool]
"""Shows an epoch, counted from 1, and its scores; returns whether training should stop now."""


@dataclass(frozen=True)
class Job:
    """A recipe to train, and where its run goes."""

    recipe: Recipe
    output_dir: Path
    command: tuple[str, ...] = ()
    resumption: Resumption | None = None
    can_stop: bool = False  # whether every epoch waits for the answer of ``show``
    rows: Any = None  # in place of those that the recipe names, or that the worker has
    team: Team = ALONE  # if another worker of it ends, this process ends, too
    interval_s: float = 60.0  # between checkpoints

    def train(self, data: Any, show: Show) -> Outcome:
        """Train in this process, which does nothing else."""
        try:
            rows = data if self.rows is None else self.rows
            return Outcome(self.recipe, self.make_run(rows, show))
        except TeamLost:
            os._exit(1)
        except KerasRecipesError as error:
            return Outcome(self.recipe, None, str(error))

    def make_run(self, data: Any, show: Show) -> Run:
        """Train, or raise what ends the run."""
        return train(
            self.recipe,
            self.output_dir,
            _EpochShower(show),
            command=self.command,
            data=data,
            owns_process=True,
            resumption=self.resumption,
            team=self.team,
            checkpoint_every_s=self.interval_s,
        )

    def move(self, move_folder: Callable[[Path], Path]) -> Self:
        """The same job with other folders."""
        resumption = self.resumption
        if resumption:
            resumption = replace(resumption, run=Run(move_folder(resumption.run.path)))
        return replace(self, output_dir=move_folder(self.output_dir), resumption=resumption)


@dataclass(frozen=True)
class Outcome:
    """The result of one job: a run, or the reason why there is none."""

    recipe: Recipe
    run: Run | None
    error: str = ""
    was_reused: bool = False
    was_killed: bool | None = None  # whether a signal ended the worker's process, if it has ended


class _EpochShower(Listener):
    """Shows every epoch, and ends the training if it should stop."""

    def __init__(self, show: Show) -> None:
        self._show, self._should_stop = show, False

    @contextmanager
    def show_fit(self, epochs: int, steps: int) -> Iterator[Sequence[keras.callbacks.Callback]]:
        from keras.callbacks import LambdaCallback

        yield [LambdaCallback(on_epoch_begin=self._check, on_epoch_end=self._show_epoch)]

    def _show_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        scores = {name: float(value) for name, value in logs.items()}
        self._should_stop = self._show(epoch + 1, scores)

    def _check(self, epoch: int, logs: Mapping[str, float]) -> None:
        if self._should_stop:  # the history has the epoch by now
            raise RunFailed(f"It was stopped after epoch {epoch:,}.")


class Crew:
    """Worker processes, and a thread of ours for each; leaving the block ends them all.

    If a worker process ends, only its run fails; the next run gets a new worker, as after a run
    that left a worker with much more memory than its first one did. Workers import modules first;
    data, if there are any, take the place of the rows that recipes name.
    """

    def __init__(
        self, size: int, modules: Sequence[str] = (), data: Any = None, n_threads: int = 1
    ) -> None:
        self.size, self.n_threads = max(size, 1), n_threads
        self.pool = ThreadPoolExecutor(self.size)
        self.beginning = list(modules), data
        self.workers: list[Any] = []
        self.is_closing = False
        self.idle: SimpleQueue[Any] = SimpleQueue()  # None: a new worker is to be made
        for _ in range(self.size):
            self.idle.put(None)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.close(interrupts=bool(kind and issubclass(kind, KeyboardInterrupt)))

    def close(self, *, interrupts: bool) -> None:
        """Begin no further training, interrupt the others or wait for them, and end the workers."""
        self.is_closing = True
        self.pool.shutdown(wait=False, cancel_futures=True)
        if interrupts:  # runs in training are kept
            self.interrupt()
        self.pool.shutdown()
        self.end()

    def interrupt(self) -> None:
        """Stop the trainings as Ctrl-C does, with a checkpoint."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """End the workers, which are idle."""
        for worker in self.workers:
            worker.end()

    def train(self, job: Job, show: Show) -> Outcome:
        """Train a job in an idle worker."""
        worker = self.idle.get()
        if worker is None:
            worker = _Worker(self.beginning, self.n_threads)
            self.workers.append(worker)
        try:
            return worker.train(job, show)
        finally:
            growth = worker.memory[-1] - worker.memory[0] if worker.memory else 0
            if growth and growth > min(_MOST_GROWTH * worker.memory[0], find_free_memory()):
                worker.end()
            self.idle.put(worker if worker.process.poll() is None else None)


class _Worker:
    """A process that trains one recipe after another.

    It is no ``multiprocessing.Process``, which would run the caller's script once more.
    """

    def __init__(self, beginning: tuple[list[str], Any], n_threads: int) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            number = theirs.fileno()
            self.process = start_process(
                "serve(int(sys.argv[1]))",
                [str(number)],
                stdout=subprocess.DEVNULL,
                env=make_environment(n_threads),
                pass_fds=[number],
            )
        self._send(beginning)
        self.memory: list[int] = []  # after each training, in bytes

    def _send(self, message: Any) -> None:
        with suppress(ConnectionError):  # the process has ended, which train reports
            self.connection.send(message)

    def train(self, job: Job, show: Show) -> Outcome:
        """Train a job and show its epochs."""
        self._send(job)
        try:
            while isinstance(message := self.connection.recv(), tuple):
                should_stop = show(*message)
                if job.can_stop:
                    self._send(should_stop)
            self.memory.append(self.connection.recv())
        except (EOFError, ConnectionError):
            code = self.process.wait()
            was_killed = code < 0 and code != -signal.SIGINT
            message = Outcome(job.recipe, None, _describe_death(code), was_killed=was_killed)
        outcome: Outcome = message
        return outcome

    def end(self) -> None:
        """End the process once it is idle, and wait for that."""
        self.connection.close()
        self.process.wait()


def find_modules(recipes: Sequence[Recipe]) -> list[str]:
    """Find the modules that register the caller's own classes, for workers to import."""
    keras = sys.modules.get("keras")
    registered = keras.saving.get_custom_objects() if keras else {}
    text = "".join(recipe.to_yaml() for recipe in recipes)
    modules = {name: found.__module__ for name, found in registered.items() if name in text}
    for name, module in modules.items():
        if module == "__main__":
            raise InputError(
                f"Recipes train in processes of their own, which cannot import {name} from "
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


def count_workers() -> int:
    """One for each core, or one if there is a GPU to share."""
    return 1 if _has_gpu() else count_cores()


def make_environment(n_threads: int = 1) -> dict[str, str]:
    """Our environment, threads for TensorFlow, and modules found where we find them."""
    names = ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"]
    if not _has_gpu():
        names.append("TF_NUM_INTEROP_THREADS")
    path = os.pathsep.join(filter(None, sys.path))
    return os.environ | dict.fromkeys(names, str(n_threads)) | {"PYTHONPATH": path}


def start_process(code: str, arguments: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that runs Python code, and ends once this one has ended."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{_BEGIN}{code}", str(os.getpid()), *arguments],
        stdin=subprocess.DEVNULL,
        process_group=0,  # Ctrl-C reaches it through us, and so exactly once
        **options,
    )


def serve(number: int) -> None:
    """Train every job that arrives at a file descriptor, until its other end is closed."""

    def show(job: Job, epoch: int, logs: Mapping[str, float]) -> bool:
        with suppress(BrokenPipeError, EOFError):  # the parent has ended
            connection.send((epoch, logs))
            return bool(job.can_stop and connection.recv())
        return False

    with Connection(number) as connection, suppress(EOFError, ConnectionError):
        modules, data = connection.recv()
        for module in modules:
            importlib.import_module(module)
        while True:
            job = connection.recv()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                outcome = job.train(data, partial(show, job))
            except KeyboardInterrupt:
                os._exit(130)  # TensorFlow's threads would delay a normal exit
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            connection.send(outcome)
            connection.send(find_used_memory())


def end_with(parent: int) -> None:
    """End this process once its parent has ended, as SIGTERM does, with a checkpoint."""

    def wait() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os._exit(128 + signal.SIGTERM)  # it waits for another process that has ended

    threading.Thread(target=wait, daemon=True).start()
