"""One training on several workers of a Ray cluster, by Ray Train.

Ray Train's ``TensorflowTrainer``, a public beta, starts the workers, gives each its place in
``TF_CONFIG``, and starts all of them again if one is lost. What the leader writes arrives
here through an actor on this machine: epochs at once, files at each checkpoint and at the end.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from kerasrecipes.cluster.connection import connecting
from kerasrecipes.cluster.seat import Epoch, Files, Result, Seat, read_run, write_run
from kerasrecipes.distributed.joined import join_team
from kerasrecipes.errors import InputError, RunFailed
from kerasrecipes.interrupts import Interrupts, catching_signals
from kerasrecipes.native_log import redirect_stderr
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

try:
    import ray.train
except ImportError:  # some of what it needs is missing
    raise InputError("--workers with --address needs Ray Train: pip install 'ray[train]'") from None

_N_RESTARTS = 3
_POLL_S = 0.2
_END_S = 10
_BEGUN = "begun"
Message = str | Epoch | Files | Result
"""That the leader has begun, an epoch, the newest files of the run, or how the training ended."""
_LOST = "warning  A worker was lost. All workers begin again from the last checkpoint."


class Relay:
    """An actor on this machine, between the workers and us."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.checkpoint: Files | None = None
        self.should_stop = False

    def begin(self, is_leader: bool) -> Files | None:
        """Begin a worker; returns the files of the newest checkpoint that arrived, if any did."""
        self.messages += [_BEGUN] * is_leader
        return self.checkpoint

    def send(self, messages: Sequence[Message] = ()) -> bool:
        """Send what there is; returns whether the workers should stop."""
        self.messages += messages
        for files in messages:
            if isinstance(files, dict) and any(name.startswith("checkpoints/") for name in files):
                self.checkpoint = files
        return self.should_stop

    def receive(self, should_stop: bool) -> list[Message]:
        """Receive what has arrived."""
        self.should_stop = should_stop
        messages, self.messages = self.messages, []
        return messages


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

    Args:
        recipe, output_dir, listener, command, checkpoint_every_s, resumption: As for that.
        address: As ``ray.init`` takes it.
        n_workers: They share each batch.

    Raises:
        InputError: There is no such cluster, or recipe or data break a rule.
        RunFailed: Workers were lost again and again, or the training failed.
        KeyboardInterrupt: The user stopped it; the run has a checkpoint to continue from.
    """
    with ExitStack() as stack:
        interrupts = stack.enter_context(catching_signals(owns_process=True))
        with listener.wait("connecting"):
            stack.enter_context(connecting(address))
        resources = _choose_resources(n_workers)
        rows = read_for(recipe, stream=resumption.stays_on_disk if resumption else None)
        dataset = load_for(recipe, listener.note, rows)
        Team(n_workers).check_batch(min(recipe.batch_size, len(dataset.parts["train"])))
        there = resumption
        if resumption:
            resumption.check_data(dataset, find_versions())
            there = replace(resumption, run=Run(resumption.run.path.resolve()))
        here = ray.get_runtime_context().get_node_id()
        relay = ray.remote(Relay).options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False)
        )
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
        task = {
            "job": Job(recipe, folder, tuple(command), there, interval_s=checkpoint_every_s),
            "run": Run(path),
            "relay": relay.remote(),
            "rows": None if are_on_disk(rows.inputs) else ray.put(rows),
            "unfinished": read_run(there.run.path) if there else {},
            "git_commit": find_git_commit() or "",
            "n_threads": resources["CPU"],
        }
        storage = stack.enter_context(TemporaryDirectory())
        with listener.wait("importing TensorFlow"), redirect_stderr(Path(os.devnull)):
            from ray.train.tensorflow import TensorflowTrainer
        trainer = TensorflowTrainer(
            _work,
            train_loop_config=task,
            scaling_config=ray.train.ScalingConfig(
                num_workers=n_workers,
                use_gpu="GPU" in resources,
                resources_per_worker=resources,
            ),
            run_config=ray.train.RunConfig(
                storage_path=storage,
                failure_config=ray.train.FailureConfig(
                    max_failures=_N_RESTARTS, controller_failure_limit=_N_RESTARTS
                ),
            ),
        )
        n_epochs = resumption.run.epochs_run if resumption else 0
        follower = _Follower(run, is_new, listener, interrupts, address, n_epochs)
        return follower.follow(trainer, task["relay"])


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
    return {"CPU": max(1, int(min(shares)))} | ({"GPU": 1} if kind == "GPU" else {})


def _work(task: Mapping[str, Any]) -> None:
    """Train as one of the workers, whose place Ray Train has written into TF_CONFIG."""
    os.environ.pop("TF_USE_LEGACY_KERAS", None)  # which Ray Train sets
    is_leader = ray.train.get_context().get_world_rank() == 0
    job, relay, unfinished = task["job"], task["relay"], task["unfinished"]
    job = replace(job, team=join_team(None))
    if newest := ray.get(relay.begin.remote(is_leader)):
        run, allow_changes = task["run"], job.resumption and job.resumption.allow_changes
        resumption = Resumption(run, job.recipe, allow_changes=bool(allow_changes))
        job = replace(job, output_dir=run.path.parents[1], resumption=resumption)
        unfinished = newest
    if ray.get(relay.send.remote()):  # stopped before the start
        return
    seat = Seat((), task["git_commit"], task["n_threads"])
    seat.start(job, task["rows"] and ray.get(task["rows"]), unfinished)
    while not wait([seat.training], timeout=_POLL_S).done:
        # The leader also stops the others.
        if is_leader and ray.get(relay.send.remote(seat.collect())):
            seat.interrupt()
    result = seat.training.result()
    should_stop = ray.get(relay.send.remote())
    if result.was_killed is not None and not should_stop:
        raise RuntimeError(result.error)  # so that all workers begin again
    if is_leader:
        ray.get(relay.send.remote([*seat.collect(), result]))
    elif result.error and not should_stop:
        time.sleep(_END_S / 2)  # the leader, if it ends by the same error, has the run's files
        ray.get(relay.send.remote([result]))


@dataclass
class _Follower:
    """Shows and keeps what arrives from the workers.

    Attributes:
        run: The run on this machine.
        is_new: Whether it began with this training.
        listener: Shows the training.
        interrupts: Signals that arrive here stop the workers.
        address: The cluster's.
        n_epochs: How many have ended before.
    """

    run: RunWriter
    is_new: bool
    listener: Listener
    interrupts: Interrupts
    address: str
    n_epochs: int
    warnings: Sequence[str] = ()
    progress: Sequence[Any] | None = None
    result: Result | None = None
    n_starts: int = 0

    def follow(self, trainer: Any, relay: Any) -> Run:
        """Start a training and follow it to its end."""
        reasons: list[str] = []

        def fit() -> None:
            try:
                trainer.fit()
            except ray.train.WorkerGroupError as error:  # its own text has tracebacks
                reasons.extend(map(str, error.worker_failures.values()))
            except (ray.train.TrainingFailedError, ray.exceptions.RayError) as error:
                reasons.append(str(error))

        # In the main thread, Ray would replace the signal handlers.
        thread = threading.Thread(target=fit, daemon=True)
        thread.start()
        self.listener.note("starting workers")
        is_alive, waits_until_s = True, math.inf
        with ExitStack() as stack:
            while is_alive and not self.result and time.monotonic() < waits_until_s:
                time.sleep(_POLL_S)
                is_alive = thread.is_alive()
                try:
                    messages = ray.get(relay.receive.remote(bool(self.interrupts.number)))
                except ray.exceptions.RayError:
                    reasons[:] = ["The connection to the cluster was lost."]
                    break
                for message in messages:
                    self._take(message, stack)
                if self.interrupts.number:
                    grace_s = GRACE_S if self.n_starts else 0.0
                    waits_until_s = min(waits_until_s, time.monotonic() + grace_s)
            if self.result:
                thread.join(_END_S)  # Ray Train ends its own actors
        return self._end(self.result or Result({}, "\n".join(reasons), was_killed=True))

    def _take(self, message: Message, stack: ExitStack) -> None:
        """Keep files that arrived, and show the epochs."""
        if isinstance(message, Result):
            self.result = self.result or message
        elif isinstance(message, dict):
            write_run(message, self.run.path)
            self.run.begin(address=self.address)
            if self.progress is None:
                self.progress = self._begin(stack)
        elif isinstance(message, tuple):
            epoch, logs = message
            for each in self.progress or ():
                each.on_epoch_end(epoch - 1, logs)
        else:
            self.n_starts += 1
            if self.n_starts > 1:
                self.listener.note(_LOST)

    def _begin(self, stack: ExitStack) -> Sequence[Any]:
        """Show the facts of the training, and its progress from then on."""
        info = self.run.info
        self.warnings = info["warnings"]
        self.listener.begin(info)
        progress = stack.enter_context(self.listener.show_fit(info["epochs"], 1))
        for each in progress:
            each.set_params({"initial_epoch": self.n_epochs})
            each.on_train_begin()
        return progress

    def _end(self, result: Result) -> Run:
        """Note how the run ended, or raise why."""
        run, is_refusal = self.run, self.is_new and result.was_killed is None
        if result.files:
            write_run(result.files, run.path)
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
