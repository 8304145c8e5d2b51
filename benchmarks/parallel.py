"""Trainings at once on one machine: threads of one process against processes of one thread each.

    python -m benchmarks.parallel [--fits 4] [--rounds 3]

Both make the same fits of configs/fashion_relu_adam.yaml, as many at once as there are cores. What
is timed begins when every worker has imported TensorFlow, built a model and fitted it once, so that
neither imports nor tracing count.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parent.parent / "configs" / "fashion_relu_adam.yaml"
N_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Trainer:
    """A model and its rows, fitted again and again."""

    def __init__(self, epochs: int) -> None:
        import kerasrecipes as kr
        from kerasrecipes.model.built import build
        from kerasrecipes.rows import load_for

        self.recipe = kr.load_recipe(CONFIG, [f"epochs={epochs}"])
        dataset = load_for(self.recipe)
        self.built = build(self.recipe, dataset)
        self.rows = self.built.encode(dataset, "train")

    def fit(self) -> None:
        from kerasrecipes.training.fit import Scorer, fit_model

        fit_model(
            self.built.model,
            self.rows,
            None,
            epochs=self.recipe.epochs,
            batch_size=self.recipe.batch_size,
            seed=self.recipe.seed,
            scorer=Scorer(self.built.model, self.rows, self.recipe.batch_size),
        )


def time_threads(fits: int, epochs: int, intra_op_threads: int) -> float:
    """Seconds for all fits, in threads of this process."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(intra_op_threads)
    trainers = [Trainer(epochs) for _ in range(N_CORES)]
    with ThreadPoolExecutor(N_CORES) as pool:
        list(pool.map(Trainer.fit, trainers))
        started = time.perf_counter()
        list(pool.map(Trainer.fit, (trainers * fits)[:fits]))
        return time.perf_counter() - started


def work(fits: int, epochs: int, start: Any, done: Any) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    trainer = Trainer(epochs)
    trainer.fit()
    done.put("ready")
    start.wait()
    for _ in range(fits):
        trainer.fit()
    done.put("done")


def time_processes(fits: int, epochs: int) -> float:
    """Seconds for all fits, in as many processes as there are cores."""
    context = multiprocessing.get_context("spawn")
    start, done = context.Event(), context.Queue()
    workers = [
        context.Process(target=work, args=(fits // N_CORES, epochs, start, done))
        for _ in range(N_CORES)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        done.get()
    started = time.perf_counter()
    start.set()
    for _ in workers:
        done.get()
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    return seconds


def measure_apart(queue: Any, function: Any, arguments: tuple[Any, ...]) -> None:
    queue.put(function(*arguments))


def main() -> None:
    """Time both in turn and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=2 * N_CORES)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    fits = options.fits - options.fits % N_CORES
    times: dict[str, list[float]] = {}
    context = multiprocessing.get_context("spawn")
    for _ in range(options.rounds):
        for threads in (1, N_CORES):
            # In a process of its own: TensorFlow's threads cannot be set twice.
            queue = context.Queue()
            arguments = (fits, options.epochs, threads)
            apart = context.Process(target=measure_apart, args=(queue, time_threads, arguments))
            apart.start()
            label = f"{N_CORES} threads of one process, {threads} for each operation"
            times.setdefault(label, []).append(queue.get())
            apart.join()
        label = f"{N_CORES} processes of one thread"
        times.setdefault(label, []).append(time_processes(fits, options.epochs))
    best = statistics.median(times[f"{N_CORES} processes of one thread"])
    print(f"| {fits} fits of {options.epochs} epochs | median, s | of the processes' |")
    print("|---|---:|---:|")
    for label, seconds in times.items():
        median = statistics.median(seconds)
        print(f"| {label} | {median:.1f} | {median / best:.2f} |")


if __name__ == "__main__":
    main()
