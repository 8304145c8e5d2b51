"""The steps of a sweep, and the object that it returns."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from rich.console import Console

from kerasrecipes.comparison import Comparison, compare
from kerasrecipes.comparison.comparison import describe_recipes
from kerasrecipes.comparison.contenders import check_rows, choose_metric
from kerasrecipes.comparison.engine import Trainer
from kerasrecipes.comparison.page import write_page
from kerasrecipes.comparison.statistics import Ranking, Verdict
from kerasrecipes.durable import write_file
from kerasrecipes.errors import InputError, RecipeError, RunFailed
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.names import make_folder_name
from kerasrecipes.recipe.yaml_file import dump_yaml
from kerasrecipes.report.page import frame_page
from kerasrecipes.report.words import write_number
from kerasrecipes.run_facts import find_versions
from kerasrecipes.runs import create_folder
from kerasrecipes.sweeping.page import render_sweep
from kerasrecipes.sweeping.search import Plan, Search, Space, find_logged

if TYPE_CHECKING:
    import optuna
    import pandas as pd

_RECIPE, _BEST, _PAGE = "recipe.yaml", "best.yaml", "report.html"
_JOURNAL, _LOCK = "journal.log", ".lock"
_N_SEEDS = 5  # of the confirmation
_NO_BETTER = "The best recipe is not proven better than yours."


@dataclass(frozen=True)
class Sweep:
    """A finished sweep; in a notebook it shows its page.

    Example:
        >>> sweep = kr.sweep("boston.yaml")
        >>> print(sweep)
        >>> kr.train(sweep.best)

    Attributes:
        folder: The sweep's folder.
        plan: The recipe that it began with, the ranges, and the metric.
        rows: A mapping per trial: its number, state, score, note, run, and values by range.
        importance: How much each range affects the score, from 0 to 1; see ``Search``.
        command: The command that repeats it; empty in Python.
        comparison: The best recipe and the one that the sweep began with, on fresh seeds; None if
            both are the same, or a training failed.
        verdict: What the sweep found, a sentence per line.
    """

    folder: Path
    plan: Plan
    rows: list[dict[str, Any]]
    importance: Mapping[str, float]
    command: str = ""
    comparison: Comparison | None = None
    verdict: str = ""

    @property
    def best(self) -> Path:
        """The best recipe's file."""
        return self.folder / _BEST

    @property
    def page(self) -> Path:
        """The page's file."""
        return self.folder / _PAGE

    @property
    def ranking(self) -> list[dict[str, Any]]:
        """The finished trials, best first."""
        finished = [row for row in self.rows if row["state"] == "finished"]
        sign = -1 if self.plan.higher_is_better else 1
        return sorted(finished, key=lambda row: sign * row["score"])

    def __str__(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        return frame_page(self.page, "Sweep")


def plan_sweep(base: Recipe, data: Any = None) -> Plan:
    """Check a recipe's ``sweep``: the ends of each range as recipes, and with the data."""
    if base.sweep is None:
        message = f"{base.name} has no ranges. Add sweep: {{ranges: {{...}}, trials: 24}}."
        raise InputError(message)
    if find_spec("optuna") is None:
        raise InputError("A sweep needs Optuna: pip install 'kerasrecipes[sweep]'")
    space, spec = Space(base, base.sweep), base.sweep
    facts = [*describe_recipes([base, *space.endpoints], data)]
    check_rows(facts)
    try:
        metric, higher_is_better = choose_metric(facts, spec.metric)
    except InputError as error:
        raise RecipeError([base.problem(("sweep", "metric"), str(error))]) from None
    if "validation" not in facts[0].data["rows"]:
        message = f"A sweep chooses by validation rows: {base.name} has none. Set validation_split."
        raise RecipeError([base.problem(("dataset",), message)])
    logged = find_logged(metric)
    if spec.prune and any(logged not in one.directions for one in facts):
        message = f"prune needs {logged} after every epoch. Add it to the recipe's metrics."
        raise RecipeError([base.problem(("sweep", "prune"), message)])
    return Plan(space, metric, higher_is_better, facts[0].data)


def sweep(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *overrides: str,
    data: pd.DataFrame | None = None,
    resume: bool = False,
    workers: int | None = None,
    address: str | None = None,
    output_dir: str | Path = "runs",
    console: Console | None = None,
    command: Sequence[str] = (),
) -> Sweep:
    """Search the ranges of a recipe's ``sweep``, and test whether the best recipe is better.

    Args:
        recipe: A file, a mapping or a Recipe, with the key ``sweep``.
        overrides: Changes to the recipe, such as "sweep.trials=50".
        data: Rows to learn from, in place of those that the recipe names.
        resume: Whether to continue the newest unfinished sweep of the same recipe.
        workers: Trainings at once; None means one per core.
        address: The Ray cluster to train on, such as "auto" or "ray://host:10001".
        output_dir: The folder of all runs; a sweep has the folder sweeps/<name>/<time> in it.
        console: Where progress is printed; None prints nothing.
        command: The command line that started it, for runs and page.

    Raises:
        InputError: The recipe or a range is wrong; nothing was trained.
        RunFailed: Every trial failed; the message names the page that lists them.
        KeyboardInterrupt: Ctrl-C was pressed; ``resume`` continues the sweep.
    """
    console = console or Console(quiet=True, markup=False)
    base = load_recipe(recipe, overrides, needs_source=data is None)
    plan = plan_sweep(base, data)
    parent = Path(output_dir) / "sweeps" / make_folder_name(base.name)
    folder = _find_folder(plan, parent, resume)
    trainer = Trainer(folder / "trials", console, tuple(command), workers, data, address=address)
    with _opening_study(plan, folder) as study:
        search = Search(plan, trainer, study)
        search.run()
        importance = search.measure_importance()
        found = Sweep(folder, plan, search.rows, importance, shlex.join(command))
        found = _confirm(found, trainer)
        write_page(found.page, render_sweep(found), console)
    if not found.ranking:
        raise RunFailed(f"{found.verdict}\nAll trials: {found.page}")
    return found


def proves_better(ranking: Ranking, name: str) -> bool:
    """Whether a comparison has proven a recipe better than the others."""
    first = ranking.standings[0]
    return first.name == name and first.verdict is Verdict.BETTER


def _find_folder(plan: Plan, parent: Path, resume: bool) -> Path:
    """Make a folder, or find that of the newest unfinished sweep of the same recipe."""
    base = plan.space.base
    text = dump_yaml({**base.to_dict(), "sweep": base.written["sweep"]})
    if not resume:
        folder = create_folder(parent, datetime.now())
        write_file(folder / _RECIPE, text.encode("utf-8"))
        return folder
    for journal in sorted(parent.glob(f"*/{_JOURNAL}"), reverse=True):
        folder = journal.parent
        has_ended = (folder / _PAGE).exists()
        if not has_ended and (folder / _RECIPE).read_text(encoding="utf-8") == text:
            return folder
    raise InputError(
        f"{parent} has no unfinished sweep of this recipe. If the recipe has changed, continue "
        f"with its copy in the sweep's folder, {_RECIPE}. Without resume, a new sweep begins."
    )


@contextmanager
def _opening_study(plan: Plan, folder: Path) -> Iterator[optuna.Study]:
    """Open the journal of a sweep, and keep other processes from it while the block lasts."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        held = FileLock(folder / _LOCK).acquire(timeout=0)
    except Timeout:
        raise InputError(f"Another process runs {folder}. Wait until it ends.") from None
    with held:
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(folder / _JOURNAL))),
            study_name="sweep",
            direction="maximize" if plan.higher_is_better else "minimize",
            load_if_exists=True,
        )
        now = {"data": plan.facts["fingerprint"], "versions": find_versions()}
        if study.user_attrs.get("began_with", now) != now:
            raise InputError(
                f"Data or versions have changed since {folder} began. Leave out resume."
            )
        study.set_user_attr("began_with", now)
        yield study


def _confirm(found: Sweep, trainer: Trainer) -> Sweep:
    """Write the best recipe, and compare it with the one that the sweep began with.

    Validation rows chose the recipe, so its scores on them are too good: test rows and fresh seeds
    decide.
    """
    if not found.ranking:
        reasons = [f"Trial {row['trial']}: {row['note']}" for row in found.rows]
        return replace(found, verdict="\n".join(["No trial finished.", *reasons[:1]]))
    plan, base, best = found.plan, found.plan.space.base, found.ranking[0]
    winner = plan.space.make(best["values"], f"{base.name} best")
    score = f"{plan.metric} {write_number(best['score'], 4)}"
    origin = f"trial {best['trial']} of {len(found.rows)}, {found.folder}"
    written = {key: value for key, value in winner.written.items() if key != "sweep"}
    text = f"# {origin}\n# validation {score}, seed {winner.seed}\n{dump_yaml(written)}"
    write_file(found.best, text.encode("utf-8"))
    if winner.to_dict() == base.to_dict() | {"name": winner.name}:
        return replace(found, verdict="No trial has a better score than your recipe.")
    recipes = [
        load_recipe(one, [f"seed={base.seed + 1}"], needs_source=False, report=[])
        for one in (base, winner)
    ]
    has_test = "test" in plan.facts["rows"]
    try:
        comparison = compare(
            *recipes,
            seeds=_N_SEEDS,
            metric=plan.metric,
            part="test" if has_test else "validation",
            data=trainer.data,
            workers=trainer.workers,
            address=trainer.address,
            output_dir=found.folder / "confirmation",
            console=trainer.console,
            command=trainer.command,
        )
    except RunFailed as error:
        why = f"Trainings with fresh seeds failed, so no test shows whether it is better:\n{error}"
        return replace(found, verdict=f"The best recipe is in {found.best.name}. {why}")
    rows = "The scores are on test rows, which no trial used."
    if not has_test:
        rows = (
            "There are no test rows. Validation rows chose the recipe, so its scores are too good."
        )
    lines = [] if proves_better(comparison.ranking, winner.name) else [_NO_BETTER]
    lines += [str(comparison), rows]
    return replace(found, comparison=comparison, verdict="\n".join(lines))
