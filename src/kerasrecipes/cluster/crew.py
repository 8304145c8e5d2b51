"""Trainings on a Ray cluster, as ``workers.Crew`` does them on one machine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import ray
from rich.console import Console

from kerasrecipes.cluster.connection import connecting
from kerasrecipes.cluster.seat import Result, Seat, read_run, write_run
from kerasrecipes.errors import InputError, KerasRecipesError
from kerasrecipes.recipe import Recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.rows import read_for
from kerasrecipes.rows.disk import are_on_disk
from kerasrecipes.run_facts import find_git_commit
from kerasrecipes.runs import Run, RunWriter, create_run
from kerasrecipes.workers import Crew, Job, Outcome, Show, WorkerEnded

_LOST = (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError)


class ClusterCrew(Crew):
    """Worker processes on a Ray cluster; an actor holds each, and a CPU or, if there are, a GPU.

    If a node is lost, its trainings raise ``WorkerEnded``, and actors begin where there is room.

    Args:
        address: As ``ray.init`` takes it.
        size: Trainings at once; None means one for each CPU or GPU.
        most: The most trainings at once that are of use.
        modules, data: As a ``Crew`` takes them.
        console: Shows which trainings have lost their node.
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

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.is_closing = True
        self.pool.shutdown(wait=False, cancel_futures=True)
        if kind and issubclass(kind, KeyboardInterrupt):  # runs in training are kept
            for actor in self.workers:
                actor.interrupt.remote()
        self.pool.shutdown()
        for actor in self.workers:
            ray.kill(actor)
        self.stack.close()

    def train(self, job: Job, show: Show) -> Outcome:
        """Train a job on a node, and write its run here once it has ended.

        Raises:
            WorkerEnded: The worker's process ended before, or its node was lost.
        """
        started_at = datetime.now()
        resumed = job.resumption and RunWriter(job.resumption.run.path)
        try:
            with resumed.holding() if resumed else nullcontext():
                rows, actor = self._send_rows(job.recipe), self._find_actor()
                try:
                    result = _follow(actor, job, rows, show)
                except _LOST:
                    ray.kill(actor)
                    actor = None
                    name = f"{job.recipe.name}, seed {job.recipe.seed}"
                    self.console.print(f"The node of {name} was lost.", markup=False)
                    raise WorkerEnded("Its node was lost.", was_killed=True) from None
                finally:
                    self.idle.put(actor)
                run = _write_run(result, job, started_at)
        except (KerasRecipesError, OSError) as error:
            reason = getattr(error, "cause", error)  # of an error on the node
            return Outcome(job.recipe, None, str(reason))
        if result.was_killed is not None:
            raise WorkerEnded(result.error, was_killed=result.was_killed)
        return Outcome(job.recipe, None if result.error else run, result.error)

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
        """Find an idle actor that is alive and has its CPU."""
        while not self.is_closing:
            actor = self.idle.get()
            if actor is None:
                actor = self.actor.remote(self.beginning[0], find_git_commit() or "")
                self.workers.append(actor)
            try:
                if ray.wait([answer := actor.__ray_ready__.remote()], timeout=1)[0]:
                    ray.get(answer)
                    return actor
            except _LOST:
                actor = None
            self.idle.put(actor)  # it waits for room, and another may be idle by now
        raise WorkerEnded("It was stopped.", was_killed=False)


def _follow(actor: Any, job: Job, rows: Any, show: Show) -> Result:
    """Train a job in an actor, and show its epochs."""
    files = read_run(job.resumption.run.path) if job.resumption else {}
    ray.get(actor.start.remote(job.move(Path.absolute), rows, files))
    answer = None
    while isinstance(message := ray.get(actor.wait.remote(answer)), tuple):
        should_stop = show(*message)
        answer = should_stop if job.can_stop else None
    result: Result = message
    return result


def _write_run(result: Result, job: Job, started_at: datetime) -> Run | None:
    """Write the files of a run where a training on this machine writes them."""
    if not result.files:
        return None
    if job.resumption:
        write_run(result.files, job.resumption.run.path)
        return job.resumption.run
    run = create_run(job.output_dir, make_folder_name(job.recipe.name), started_at)
    with run.holding():
        write_run(result.files, run.path)
    return run
