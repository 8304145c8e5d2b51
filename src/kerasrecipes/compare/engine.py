"""Many trainings on one machine: worker processes that import TensorFlow once each.

Processes of one thread each train more models an hour than threads in one process, which share
the interpreter's lock between batches. Every worker computes with one thread, however many
workers there are, so that results do not depend on how many ran at once.
"""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from kerasrecipes.errors import KerasRecipesError
from kerasrecipes.recipe import Recipe
from kerasrecipes.runs import Run, list_runs

_POLL_S = 0.1


@dataclass(frozen=True)
class Outcome:
    """What became of one recipe: a run, or the message of the error that ended it."""

    recipe: Recipe
    run: Run | None
    error: str = ""
    was_reused: bool = False


def train_many(
    recipes: Sequence[Recipe],
    output_dir: Path,
    console: Console,
    command: Sequence[str] = (),
    workers: int | None = None,
) -> list[Outcome]:
    """Train recipes, several at once; finished runs of the same recipe, data and seed are reused.

    Args:
        recipes: Each with its own seed.
        workers: Processes; None means one per core, or one where there is a GPU to share.

    Returns:
        An outcome per recipe, in their order. A run that fails does not stop the others.
    """
    outcomes = dict(_find_finished(recipes, output_dir))
    waiting = [i for i in range(len(recipes)) if i not in outcomes]
    if not waiting:
        return [outcomes[i] for i in range(len(recipes))]
    n_workers = min(workers or _count_workers(), len(waiting))
    context = get_context("spawn")
    with (
        SyncManager(ctx=context) as manager,
        _one_thread_each(),
        ProcessPoolExecutor(n_workers, mp_context=context, initializer=_ignore_interrupts) as pool,
    ):
        messages = manager.Queue()
        futures = {
            i: pool.submit(_train_one, i, recipes[i], output_dir, tuple(command), messages)
            for i in waiting
        }
        try:
            _show_progress(console, recipes, futures, messages)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            console.print("Interrupted: finished runs are kept, and will not be trained again.")
            raise
        for i, future in futures.items():
            found = future.result()
            if isinstance(found, Path):
                outcomes[i] = Outcome(recipes[i], Run(found))
            else:
                outcomes[i] = Outcome(recipes[i], None, error=found)
    return [outcomes[i] for i in range(len(recipes))]


def _train_one(
    number: int, recipe: Recipe, output_dir: Path, command: tuple[str, ...], messages: Any
) -> Path | str:
    """Train in a worker; give the run's folder, or the message of an error that is ours."""
    from kerasrecipes import pipeline

    def tell(epoch: int, logs: Mapping[str, float]) -> None:
        scores = "  ".join(f"{name} {float(value):.4f}" for name, value in logs.items())
        messages.put((number, epoch + 1, scores))

    messages.put((number, 0, "starting"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return pipeline.train(recipe, output_dir, command=command, on_epoch=tell).path
    except KerasRecipesError as error:
        return str(error)
    except KeyboardInterrupt:
        os._exit(130)  # the run is kept; the pool would go on and complain of a parent that left
    finally:
        _ignore_interrupts()


def _ignore_interrupts() -> None:
    """A worker that waits has nothing to keep, and Ctrl-C reaches it beside its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _find_finished(recipes: Sequence[Recipe], output_dir: Path) -> Iterator[tuple[int, Outcome]]:
    """Runs that need no training: same resolved recipe, seed included, same data and versions."""
    from kerasrecipes.pipeline import find_versions

    finished = {run.recipe_text: run for run in list_runs(output_dir) if _is_finished(run)}
    fingerprints: dict[str, str] = {}
    for i, recipe in enumerate(recipes):
        run = finished.get(recipe.to_yaml())
        if run is None:
            continue
        name = recipe.dataset.model_dump_json()
        if name not in fingerprints:
            from kerasrecipes.rows import load_for

            fingerprints[name] = load_for(recipe).fingerprint
        info = run.info
        is_same_data = info["dataset"]["fingerprint"] == fingerprints[name]
        if is_same_data and info["versions"] == find_versions():
            yield i, Outcome(recipe, run, was_reused=True)


def _is_finished(run: Run) -> bool:
    return run.info["status"] == "finished" and run.recipe_path.exists()


def _has_gpu() -> bool:
    return Path("/dev/nvidia0").exists()


def _count_workers() -> int:
    if _has_gpu():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Children inherit the environment, and TensorFlow reads it when it is imported."""
    names = ["TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"]
    if not _has_gpu():
        names.append("TF_NUM_INTEROP_THREADS")
    settings = dict.fromkeys(names, "1")
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _show_progress(
    console: Console,
    recipes: Sequence[Recipe],
    futures: Mapping[int, Future[Path | str]],
    messages: Any,
) -> None:
    """One line a run while it trains, and one for all; plain lines where there is no terminal."""
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[scores]}", style="dim", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    lines: dict[int, TaskID] = {}
    done: set[int] = set()
    with bars:
        total = bars.add_task("all", total=len(futures), scores="")
        while len(done) < len(futures):
            try:
                number, epoch, scores = messages.get(timeout=_POLL_S)
            except queue.Empty:
                pass
            else:
                if number not in lines and number not in done:
                    recipe = recipes[number]
                    name = f"{recipe.name}, seed {recipe.seed}"
                    lines[number] = bars.add_task(name, total=recipe.epochs, scores="")
                if number in lines:
                    bars.update(lines[number], completed=epoch, scores=scores)
            for number in [n for n, future in futures.items() if future.done() and n not in done]:
                done.add(number)
                if number in lines:
                    bars.remove_task(lines.pop(number))
                bars.update(total, completed=len(done))
                if not console.is_terminal:
                    recipe = recipes[number]
                    words = f"{len(done)} of {len(futures)}  {recipe.name}, seed {recipe.seed}"
                    console.print(words, style="dim", soft_wrap=True)
