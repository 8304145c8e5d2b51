"""What runs on a node: a worker process as on a single machine, and the way to it and back."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from kerasrecipes.durable import PARTIAL, write_file
from kerasrecipes.run_facts import GIT_COMMIT
from kerasrecipes.runs import LOCK, RUN_JSON, RunWriter, list_runs
from kerasrecipes.workers import Crew, Job, WorkerEnded

Epoch = tuple[int, Mapping[str, float]]
Files = dict[str, bytes]
"""The files of a run, by their paths below its folder."""


@dataclass(frozen=True)
class Result:
    """The end of a training.

    Attributes:
        files: Of its run; empty without a run.
        error: Why the run has not finished; empty if it has.
        was_killed: Of the worker process; None if it did not end.
    """

    files: Files
    error: str
    was_killed: bool | None


class Seat:
    """An actor of Ray, which trains one recipe after another in a worker process."""

    def __init__(self, modules: Sequence[str], git_commit: str, n_threads: int = 1) -> None:
        os.environ[GIT_COMMIT] = git_commit
        self.crew = Crew(1, modules, n_threads=n_threads)
        self.messages: SimpleQueue[Epoch | None] = SimpleQueue()
        self.answers: SimpleQueue[bool] = SimpleQueue()
        self.output_dir = self.scratch = Path()
        self.milestones: set[Path] = set()

    def start(self, job: Job, rows: object, unfinished: Files) -> None:
        """Begin to train a job, from the files of the run that it continues."""
        self.training = self.crew.pool.submit(self._train, replace(job, rows=rows), unfinished)
        self.training.add_done_callback(lambda _: self.messages.put(None))

    def wait(self, answer: bool | None) -> Epoch | Result:
        """Wait for the newest epoch, or the result.

        Args:
            answer: Whether to stop after the last epoch, if the job can stop.
        """
        if answer is not None:
            self.answers.put(answer)
        message = self.messages.get()
        while message and not self.messages.empty():
            message = self.messages.get()
        return message or self.training.result()

    def interrupt(self) -> None:
        """Stop as Ctrl-C does, with a checkpoint."""
        self.crew.__exit__(KeyboardInterrupt)

    def _train(self, job: Job, unfinished: Files) -> Result:
        """Train in a temporary folder, which texts of the run do not name."""

        def show(epoch: int, logs: Mapping[str, float]) -> bool:
            self.messages.put((epoch, logs))
            return job.can_stop and self.answers.get()

        # Ray blocks signals in its threads, and workers would inherit that.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with TemporaryDirectory(prefix="kerasrecipes-") as scratch:
            self.scratch, was_killed = Path(scratch), None
            there = job.move(lambda folder: Path(f"{scratch}{folder}"))
            self.output_dir = there.output_dir
            if there.resumption:
                write_run(unfinished, there.resumption.run.path)
            try:
                error = self.crew.train(there, show).error
            except WorkerEnded as ended:
                error, was_killed = str(ended), ended.was_killed
            for run in list_runs(self.output_dir):
                if run.status == "killed":  # other hosts cannot find that out
                    RunWriter(run.path).update(status="killed")
            error = error and f"On {platform.node()}: {error.replace(scratch, '')}"
            return Result(self.read_files(), error, was_killed)

    def read_files(self) -> Files:
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
        runs = [run for run in list_runs(self.output_dir) if "layers" in run.info]
        files = [file for run in runs for file in run.checkpoints_path.glob("[!.]*.npz")]
        milestones = {*files, *(run.path for run in runs)}
        if milestones != self.milestones:
            with suppress(FileNotFoundError):  # a checkpoint was replaced: read the next time
                if found := self.read_files():
                    news, self.milestones = [found], milestones
        while not self.messages.empty():
            if epoch := self.messages.get():
                news.append(epoch)
        return news


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
