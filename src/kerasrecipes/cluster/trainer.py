"""One training on several workers of a Ray cluster, followed from this machine.

An actor holds each worker. If one is lost, all of them begin again from the last checkpoint. Epochs
arrive here at once, the run's files at each checkpoint and at the end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import ray

from kerasrecipes.cluster import crew
from kerasrecipes.console import redirect_stderr
from kerasrecipes.distributed import N_RESTARTS, write_place
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.interrupts import Interrupts, catching_signals
from kerasrecipes.pipeline import Listener
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.resuming import Resumption
from kerasrecipes.rows import load_for, read_for
from kerasrecipes.rows.disk import are_on_disk
from kerasrecipes.run_facts import find_git_commit, find_versions
from kerasrecipes.runs import Run, RunWriter, create_run, is_run
from kerasrecipes.training.team import Team
from kerasrecipes.workers import GRACE_S, Job

_POLL_S = 0.2
_END_S = 5
_RESTART = "warning  A worker was lost. All workers begin again from the last checkpoint."


def train_on_cluster(
    recipe: Recipe,
    output_dir: Path,
    listener: Listener,
    *,
    address: str,
    n_workers: int,
    command: Sequence[str] = (),
    checkpoint_every_s: float = 60.0,
    resumption: Resumption | None = None,
) -> Run:
    """Train a recipe on several workers of a Ray cluster, as ``pipeline.train`` does here.

    The workers share each batch. If they are lost again and again, the run fails.
    """
    with ExitStack() as stack:
        interrupts = stack.enter_context(catching_signals(owns_process=True))
        with listener.wait("connecting"):
            stack.enter_context(crew.connecting(address))
        resources = _choose_resources(n_workers)
        rows = read_for(recipe, stream=resumption.stays_on_disk if resumption else None)
        dataset = load_for(recipe, listener.note, rows)
        Team(n_workers).check_batch(min(recipe.batch_size, len(dataset.parts["train"])))
        there = resumption
        if resumption:
            resumption.check_data(dataset, find_versions())
            there = replace(resumption, run=Run(resumption.run.path.resolve()))
        stack.enter_context(interrupts.deferring())
        is_new = not resumption or bool(resumption.changed)
        if resumption and not is_new:
            run = RunWriter(resumption.run.path)
        else:
            run = create_run(output_dir, make_folder_name(recipe.name), datetime.now())
        stack.enter_context(run.holding())
        path = run.path.resolve()
        # On a node, a new run has a folder of its own, without the run that it continues.
        folder = path.parents[1] if there and there.run.path == path else path
        job = Job(recipe, folder, tuple(command), there, interval_s=checkpoint_every_s)
        sent = None if are_on_disk(rows.inputs) else ray.put(rows)
        training = _Training(
            job, sent, n_workers, resources, run, is_new, listener, interrupts, address
        )
        return training.train()


def _choose_resources(n_workers: int) -> dict[str, int]:
    """The CPUs of a worker, as many as leave room for all on every node, and a GPU if there are."""
    kind = "GPU" if ray.cluster_resources().get("GPU") else "CPU"
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes = [node for node in nodes if node.get("CPU") and node.get(kind)]
    total = int(sum(node[kind] for node in nodes))
    if total < n_workers:
        raise InputError(
            f"Each worker needs a {kind} of the cluster (received: --workers {n_workers}, and "
            f"{total} {kind}s). Use fewer workers."
        )
    n_per_node = -(-n_workers // len(nodes))
    shares = [node["CPU"] // (n_per_node if kind == "CPU" else node["GPU"]) for node in nodes]
    return {"num_cpus": max(1, int(min(shares))), "num_gpus": int(kind == "GPU")}


@dataclass
class _Training:
    """Starts the workers, and shows and keeps what arrives from them."""

    job: Job
    rows: Any  # sent to the cluster, or None if each worker reads them
    n_workers: int  # the first of them leads: it alone writes the run
    resources: dict[str, int]  # of a worker
    run: RunWriter
    is_new: bool  # whether the run began with this training
    listener: Listener
    interrupts: Interrupts
    address: str
    warnings: Sequence[str] = ()
    progress: Sequence[Any] | None = None

    def train(self) -> Run:
        """Train to the end, up to the last restart."""
        # Ray may choose a lost node before it knows that. With restarts, it then chooses another.
        actor = ray.remote(crew.Seat).options(
            **self.resources,
            max_concurrency=4,
            max_restarts=N_RESTARTS,
            scheduling_strategy="SPREAD",
        )
        commit, n_threads = find_git_commit() or "", self.resources["num_cpus"]
        n_left = N_RESTARTS
        self.listener.note("starting workers")
        with ExitStack() as stack:
            while True:
                seats = [actor.remote((), commit, n_threads) for _ in range(self.n_workers)]
                try:
                    result = self._follow(seats, stack)
                except crew.LOST:
                    result = crew.Result({}, "The node of a worker was lost.", was_killed=True)
                except ray.exceptions.RayError as error:
                    reason = getattr(error, "cause", "The connection to the cluster was lost.")
                    result, n_left = crew.Result({}, str(reason), was_killed=True), 0
                for seat in seats:
                    with suppress(ray.exceptions.RayError):
                        ray.kill(seat)
                if result.was_killed is None or self.interrupts.number or not n_left:
                    break
                n_left -= 1
                self.listener.note(_RESTART)
        return self._end(result)

    def _follow(self, seats: Sequence[Any], stack: ExitStack) -> crew.Result:
        """Start a worker in each actor, and follow them until one has ended the training."""
        addresses = [seat.find_address.remote() for seat in seats]
        while ray.wait(addresses, num_returns=len(seats), timeout=_POLL_S)[1]:  # no room yet
            if self.interrupts.number:
                return crew.Result({}, "It was stopped.", was_killed=True)
        # An actor that began on a node that was lost meanwhile has another address now.
        addresses = ray.get([seat.find_address.remote() for seat in seats])
        job, path = self.job, self.run.path.resolve()
        if any(path.glob("checkpoints/[!.]*.npz")):
            changes = bool(job.resumption and job.resumption.allow_changes)
            resumption = Resumption(Run(path), job.recipe, allow_changes=changes)
            job = replace(job, output_dir=path.parents[1], resumption=resumption)
        files = crew.read_run(job.resumption.run.path) if job.resumption else {}
        beginnings = []
        for number, seat in enumerate(seats):
            mine = replace(job, team=Team(self.n_workers, number))
            place = write_place(addresses, number)
            beginnings.append(seat.start.remote(mine, self.rows, files, place))
        ray.get(beginnings)
        leader, result = seats[0], crew.Result({}, "It was stopped.", was_killed=True)
        endings = {seat.wait_for_end.remote(): seat for seat in seats}
        waits_until_s, is_stopping = math.inf, False
        while time.monotonic() < waits_until_s:
            ended, _ = ray.wait([*endings], timeout=_POLL_S)
            for message in ray.get(leader.collect.remote()):
                self._take(message, stack)
            for each in ended:
                seat, found = endings.pop(each), ray.get(each)
                is_lost = found.was_killed is not None and not self.interrupts.number
                if is_lost:
                    return replace(found, files={})
                if seat is leader:
                    return found
                if found.error and not self.interrupts.number:  # the leader may end by the same
                    result, waits_until_s = found, time.monotonic() + _END_S
            if self.interrupts.number and not is_stopping:  # the leader stops the others
                is_stopping, waits_until_s = True, time.monotonic() + GRACE_S
                leader.interrupt.remote()
        return result

    def _take(self, message: crew.Epoch | crew.Files, stack: ExitStack) -> None:
        """Keep files that arrived, and show the epochs."""
        if isinstance(message, tuple):
            epoch, logs = message
            for each in self.progress or ():
                each.on_epoch_end(epoch - 1, logs)
            return
        n_epochs = self.job.resumption.run.epochs_run if self.job.resumption else 0
        crew.write_run(message, self.run.path)
        self.run.begin(address=self.address)
        if self.progress is None:
            info = self.run.info
            self.warnings = info["warnings"]
            self.listener.begin(info)
            with redirect_stderr():  # the progress line imports TensorFlow
                self.progress = stack.enter_context(self.listener.show_fit(info["epochs"], 1))
            for each in self.progress:
                each.set_params({"initial_epoch": n_epochs})
                each.on_train_begin()

    def _end(self, result: crew.Result) -> Run:
        """Note how the run ended, or raise why."""
        run, is_refusal = self.run, self.is_new and result.was_killed is None
        if result.files:
            crew.write_run(result.files, run.path)
            run.update(address=self.address)
        elif not is_run(run.path) or (is_refusal and not run.epochs_run):
            run.discard()  # as the leader did with its own
            self.interrupts.check()
            raise InputError(result.error)
        else:
            status = "interrupted" if self.interrupts.number else "failed"
            run.update(status=status, error=result.error)
        late = [each for each in run.info["warnings"] if each not in self.warnings]
        self.listener.end(run, late)
        self.interrupts.check()
        if result.error:
            raise RunFailed(result.error)
        return run
