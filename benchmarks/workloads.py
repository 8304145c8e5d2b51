"""All workloads by name, and how one is measured: interleaved, in rounds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import fitting, growth, measure, startup, tables
from benchmarks.measure import Figures

Jobs = Mapping[str, Callable[[], Figures]]


@dataclass(frozen=True)
class Options:
    """What the command line says of a run."""

    rounds: int = 3
    is_quick: bool = False
    is_largest: bool = False
    torch_python: str = ""


@dataclass(frozen=True)
class Workload:
    """A section of the page.

    Attributes:
        title: Its heading.
        labels: By contender, as the page calls it; those left out are called by their key.
        prepare: Writes what is needed into a folder, and gives the contenders and facts.
        max_rounds: Long workloads are repeated less often.
    """

    title: str
    labels: Mapping[str, str]
    prepare: Callable[[Path, Options], tuple[Jobs, dict[str, Any]]]
    max_rounds: int = 99


def measure_workload(
    name: str, options: Options, only: Sequence[str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure every contender in every round; gives what is kept of it.

    Each round begins with another contender, so that none always follows a heavy one.
    """
    workload = WORKLOADS[name]
    rounds = 1 if options.is_quick else min(options.rounds, workload.max_rounds)
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-"))
    try:
        jobs, facts = workload.prepare(folder, options)
        keys = [key for key in jobs if not only or key in only]
        found: dict[str, list[Figures]] = {key: [] for key in keys}
        for i in range(rounds):
            start = i % len(keys)
            for key in [*keys[start:], *keys[:start]]:
                figures = jobs[key]()
                found[key].append(figures)
                say(f"{name} {i + 1}/{rounds}  {key}: {_tell(figures)}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": measure.describe_machine(),
        "is_quick": options.is_quick,
        "rounds": rounds,
        "facts": facts,
        "measurements": found,
    }


def _tell(figures: Figures) -> str:
    if "error" in figures:
        return figures["error"]
    fit = figures["seconds"].get("fit")
    return f"{figures['wall_s']:.2f} s" + (f", fit {fit:.2f} s" if fit is not None else "")


def _prepare_fit(
    workload: fitting.FitWorkload, folder: Path, options: Options
) -> tuple[Jobs, dict[str, Any]]:
    settings = fitting.prepare(workload, folder, options.is_quick)
    jobs: dict[str, Callable[[], Figures]] = {
        "import": lambda: measure.run_contender("importing", {})
    }
    for key, contender in workload.contenders.items():
        jobs[key] = partial(fitting.run_once, contender, settings, options.torch_python)
    return jobs, {"steps": fitting.count_all_steps(settings)}


def _make_fit_workload(workload: fitting.FitWorkload) -> Workload:
    labels = {key: contender.label for key, contender in workload.contenders.items()}
    return Workload(workload.title, labels, partial(_prepare_fit, workload))


def _without_facts(prepare: Callable[[Path, bool], Jobs]) -> Callable[..., Any]:
    return lambda folder, options: (prepare(folder, options.is_quick), {})


WORKLOADS: dict[str, Workload] = {
    **{name: _make_fit_workload(workload) for name, workload in fitting.FIT_WORKLOADS.items()},
    "startup": Workload("Start-up", startup.LABELS, _without_facts(startup.prepare)),
    "table": Workload(
        "Training on a table of 1,000,000 rows and 50 mixed columns",
        tables.TABLE_LABELS,
        _without_facts(tables.prepare_training),
        max_rounds=3,
    ),
    "predict": Workload(
        "Predicting 1,000,000 rows of 12 numbers from CSV",
        tables.PREDICT_LABELS,
        _without_facts(tables.prepare_prediction),
    ),
    "growth": Workload(
        "Cost as work grows",
        {},
        lambda folder, options: (
            growth.prepare(folder, options.is_quick, options.is_largest),
            growth.BASE,
        ),
        max_rounds=2,
    ),
}
