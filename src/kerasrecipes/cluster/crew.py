"""Trainings on a Ray cluster, as ``workers.Crew`` does them on one machine.

An actor on a node has a worker process as on a single machine, and sends the run's files here.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console

from kerasrecipes.distributed import find_addresses
from kerasrecipes.durable import PARTIAL, write_file
from kerasrecipes.errors import InputError, KerasRecipesError, RunDamaged
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.rows import read_for
from kerasrecipes.rows.disk import are_on_disk
from kerasrecipes.run_facts import GIT_COMMIT, find_git_commit, find_versions
from kerasrecipes.runs import LOCK, RUN_JSON, RunWriter, create_run, list_runs
from kerasrecipes.workers import Crew, Job, Outcome, Show

_TIMEOUT_S = 30
LOST = (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError)

Epoch = tuple[int, Mapping[str, float]]
Files = dict[str, bytes]
"""The files of a run, by their paths below its folder."""


@contextmanager
def connecting(address: str) -> Iterator[None]:
    """Connect to a cluster while the block lasts; a connection that exists is used and kept.

    The address is as ``ray.init`` takes it. Every node must have the versions of this machine.
    """
    was_connected, reasons = ray.is_initialized(), [f"no answer within {_TIMEOUT_S} s"]

    def connect() -> None:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            if address != "auto":
                socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S).close()
            if not was_connected:
                ray.init(address, log_to_driver=False, logging_level="CRITICAL")
            reasons.clear()
        except (OSError, RuntimeError, ValueError, OverflowError, SystemExit) as error:
            reasons[:] = [str(error).partition(".")[0]]

    # Ray itself tries for minutes; in the main thread it would also replace the signal handlers.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_TIMEOUT_S)
    if reasons:
        raise InputError(
            f"There is no Ray cluster at --address {address}: {reasons[0]}. Give auto or HOST:PORT "
            "on a machine of the cluster, and ray://HOST:PORT elsewhere."
        )
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))  # Ray would abort
    try:
        _check_versions()
        yield
    finally:
        if not was_connected:
            ray.shutdown()


def _check_versions() -> None:
    """Check that every node has the versions of this machine."""
    find, ours = ray.remote(num_cpus=0, max_retries=0)(find_versions), find_versions()
    nodes = [each for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU")]
    there = [NodeAffinitySchedulingStrategy(each["NodeID"], soft=False) for each in nodes]
    answers = [find.options(scheduling_strategy=each).remote() for each in there]
    for node, answer in zip(nodes, answers, strict=True):
        try:
            theirs = ray.get(answer)
        except ray.exceptions.RayTaskError:  # the package cannot be imported there
            theirs = {}
        except ray.exceptions.RayError:  # the node was lost a moment ago
            continue
        if theirs != ours:
            wanted, found = (
                ", ".join(f"{name} {version}" for name, version in versions.items())
                for versions in (ours, theirs)
            )
            raise InputError(
                f"Every node must have the versions of this machine: {wanted} (received from "
                f"{node['NodeManagerAddress']}: {found or 'no kerasrecipes'}). Install them there."
            )


@dataclass(frozen=True)
class Result:
    """The end of a training: the files of its run, and the reason why it has not finished."""

    files: Files
    error: str
    was_killed: bool | None  # as in an Outcome


class Seat:
    """An actor of Ray, which trains one recipe after another in a worker process."""

    def __init__(self, modules: Sequence[str], git_commit: str, n_threads: int = 1) -> None:
        os.environ[GIT_COMMIT] = git_commit
        self.crew = Crew(1, modules, n_threads=n_threads)
        self.messages: SimpleQueue[Epoch | None] = SimpleQueue()
        self.answers: SimpleQueue[bool] = SimpleQueue()
        self.output_dir, self.scratch = Path(), Path()
        self.milestones: set[Path] = set()

    def find_address(self) -> str:
        """An address of this node with a port that is free."""
        return find_addresses(1, ray.util.get_node_ip_address())[0]

    def start(self, job: Job, rows: object, unfinished: Files, place: str = "") -> None:
        """Begin to train a job, from the files of the run that it continues, at a TF_CONFIG."""
        if place:
            os.environ["TF_CONFIG"] = place
        self.training = self.crew.pool.submit(self._train, replace(job, rows=rows), unfinished)
        self.training.add_done_callback(lambda _: self.messages.put(None))

    def wait(self, answer: bool | None) -> Epoch | Result:
        """Wait for the newest epoch, or the result; answer whether to stop after the last epoch."""
        if answer is not None:
            self.answers.put(answer)
        message = self.messages.get()
        while message and not self.messages.empty():
            message = self.messages.get()
        return message or self.training.result()

    def wait_for_end(self) -> Result:
        """Wait for the result."""
        return self.training.result()

    def interrupt(self) -> None:
        """Stop as Ctrl-C does, with a checkpoint."""
        self.crew.close(interrupts=True)

    def _train(self, job: Job, unfinished: Files) -> Result:
        """Train in a temporary folder, which texts of the run do not name."""

        def show(epoch: int, logs: Mapping[str, float]) -> bool:
            self.messages.put((epoch, logs))
            return job.can_stop and self.answers.get()

        # Ray blocks signals in its threads, and workers would inherit that.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with TemporaryDirectory(prefix="kerasrecipes-") as scratch:
            self.scratch = Path(scratch)
            there = job.move(lambda folder: Path(f"{scratch}{folder}"))
            self.output_dir = there.output_dir
            if there.resumption:
                write_run(unfinished, there.resumption.run.path)
            outcome = self.crew.train(there, show)
            for run in list_runs(self.output_dir):
                if run.status == "killed":  # other hosts cannot find that out
                    RunWriter(run.path).update(status="killed")
            error = outcome.error.replace(scratch, "")
            error = error and f"On {platform.node()}: {error}"
            return Result(self._read_files(), error, outcome.was_killed)

    def _read_files(self) -> Files:
        """Read the files of the run, whose texts do not name the temporary folder."""
        files: Files = {}
        for run in list_runs(self.output_dir):
            files = read_run(run.path)
        for name in files.keys() & {RUN_JSON, "report.html", "log.txt"}:
            files[name] = files[name].replace(str(self.scratch).encode(), b"")
        return files

    def collect(self) -> list[Epoch | Files]:
        """Collect new epochs, and the run's files if its model or a checkpoint is new."""
        news: list[Epoch | Files] = []
        # A checkpoint may be replaced meanwhile, or the folder removed after the training.
        with suppress(FileNotFoundError, RunDamaged):
            runs = [run for run in list_runs(self.output_dir) if "layers" in run.info]
            files = [file for run in runs for file in run.checkpoints_path.glob("[!.]*.npz")]
            milestones = {*files, *(run.path for run in runs)}
            if milestones != self.milestones and (found := self._read_files()):
                news, self.milestones = [found], milestones
        while not self.messages.empty():
            if epoch := self.messages.get():
                news.append(epoch)
        return news


class ClusterCrew(Crew):
    """Worker processes on a Ray cluster; an actor holds each, and a CPU or, if there are, a GPU.

    If a node is lost, its trainings count as killed, and actors begin where there is room.

    Without a size, there is a training for each CPU or GPU, and ``most`` at the most.
    """

    def __init__(
        self,
        address: str,
        size: int | None,
        most: float,
        modules: Sequence[str],
        data: Any,
        console: Console,
    ) -> None:
        self.stack, self.console = ExitStack(), console
        self.stack.enter_context(connecting(address))
        resources = ray.cluster_resources()
        kind = "GPU" if resources.get("GPU") else "CPU"
        super().__init__(int(min(size or resources.get(kind, 1), most)), modules, data)
        self.actor = ray.remote(Seat).options(
            num_cpus=1, num_gpus=int(kind == "GPU"), max_concurrency=3, scheduling_strategy="SPREAD"
        )
        self.rows: dict[str, Any] = {}
        self.lock = threading.Lock()

    def interrupt(self) -> None:
        for actor in self.workers:
            actor.interrupt.remote()

    def end(self) -> None:
        for actor in self.workers:
            ray.kill(actor)
        self.stack.close()

    def train(self, job: Job, show: Show) -> Outcome:
        """Train a job on a node, and write its run here once it has ended."""
        started_at, name = datetime.now(), make_folder_name(job.recipe.name)
        try:
            with ExitStack() as stack:
                run = RunWriter(job.resumption.run.path) if job.resumption else None
                if run:
                    stack.enter_context(run.holding())
                result = self._train_there(job, read_run(run.path) if run else {}, show)
                if result.files and not run:
                    run = create_run(job.output_dir, name, started_at)
                    stack.enter_context(run.holding())
                if result.files and run:
                    write_run(result.files, run.path)
        except (KerasRecipesError, OSError) as error:
            reason = getattr(error, "cause", error)  # of an error on the node
            return Outcome(job.recipe, None, str(reason))
        found = None if result.error else run
        return Outcome(job.recipe, found, result.error, was_killed=result.was_killed)

    def _train_there(self, job: Job, unfinished: Files, show: Show) -> Result:
        """Train a job in an actor, and show its epochs."""
        rows, actor, answer = self._send_rows(job.recipe), self._find_actor(), None
        if actor is None:
            return Result({}, "It was stopped.", was_killed=False)
        try:
            ray.get(actor.start.remote(job.move(Path.absolute), rows, unfinished))
            while isinstance(message := ray.get(actor.wait.remote(answer)), tuple):
                should_stop = show(*message)
                answer = should_stop if job.can_stop else None
        except LOST:
            ray.kill(actor)
            actor = None
            text = f"The node of {job.recipe.name}, seed {job.recipe.seed} was lost."
            self.console.print(text, markup=False)
            return Result({}, "Its node was lost.", was_killed=True)
        finally:
            self.idle.put(actor)
        result: Result = message
        return result

    def _send_rows(self, recipe: Recipe) -> Any:
        """Send a recipe's rows, once for all recipes that differ in other keys or in the split."""
        spec = recipe.dataset.model_dump_json(exclude={"split_seed", "folds", "fold"})
        has_text = recipe.layers[0].name == "TextVectorization"
        key = f"{spec} {recipe.loss} {recipe.layers if has_text else ''}"
        with self.lock:
            if key not in self.rows:
                rows = read_for(recipe, self.beginning[1])
                if are_on_disk(rows.inputs):
                    raise InputError(
                        "--address sends rows that fit into memory (received: rows that stay on "
                        "disk). Train without --address."
                    )
                self.rows[key] = ray.put(rows)
            return self.rows[key]

    def _find_actor(self) -> Any:
        """Find an idle actor that is alive and has its CPU; None if the crew is closing."""
        while not self.is_closing:
            actor = self.idle.get()
            if actor is None:
                actor = self.actor.remote(self.beginning[0], find_git_commit() or "")
                self.workers.append(actor)
            try:
                if ray.wait([answer := actor.__ray_ready__.remote()], timeout=1)[0]:
                    ray.get(answer)
                    return actor
            except LOST:
                actor = None
            self.idle.put(actor)  # it waits for room, and another may be idle by now
        return None


def read_run(folder: Path) -> Files:
    """Read the files of a run."""
    files = (file for file in folder.rglob("*") if file.is_file() and file.name != LOCK)
    whole = (file for file in files if not file.name.startswith(PARTIAL))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in whole}


def write_run(files: Files, folder: Path) -> None:
    """Write the files of a run, and remove others; run.json comes last, and makes it a run."""
    for name in sorted(files, key=lambda name: name == RUN_JSON):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_file(folder / name, files[name])
    for name in read_run(folder).keys() - files.keys():
        (folder / name).unlink()
