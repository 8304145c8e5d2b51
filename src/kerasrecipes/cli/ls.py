"""``kerasrecipes ls``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, get_args

import typer

from kerasrecipes.cli.arguments import OutputDir

_OF_KERAS = (
    *("layers", "optimizers", "losses", "metrics", "callbacks", "schedules"),
    *("initializers", "regularizers", "constraints", "activations"),
)
_LISTS = ("recipes", "datasets", "runs", *_OF_KERAS)


def ls(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(_LISTS)}.")] = "recipes",
    output_dir: OutputDir = Path("runs"),
) -> None:
    """List recipes, data sets, runs, or what the installed Keras offers."""
    from kerasrecipes.console import make_console
    from kerasrecipes.errors import InputError
    from kerasrecipes.recipe.suggest import suggest

    if what not in _LISTS:
        raise InputError(f"ls has no list '{what}'. {suggest(what, _LISTS)}")
    if what == "runs":
        _print_runs(output_dir)
        return
    console = make_console()
    for name in _list_names(what):
        console.print(name, soft_wrap=True)


def _list_names(what: str) -> Iterable[str]:
    if what == "recipes":  # those in ./configs, or else those that the package ships
        from kerasrecipes.recipe.load import list_shipped

        return sorted(map(str, Path("configs").glob("*.yaml"))) or [*list_shipped()]
    if what == "datasets":
        from kerasrecipes.recipe.schema import DatasetName

        return get_args(DatasetName)
    from kerasrecipes.recipe.components import REFUSED
    from kerasrecipes.recipe.keras_names import list_names

    category = "optimizers.schedules" if what == "schedules" else what
    return sorted(list_names(category).keys() - REFUSED.keys())


def _print_runs(output_dir: Path) -> None:
    from kerasrecipes.console import UNLIMITED, SafeConsole
    from kerasrecipes.errors import RunDamaged
    from kerasrecipes.report.tables import Table
    from kerasrecipes.report.words import name_score, write_epochs, write_number
    from kerasrecipes.runs import list_runs
    from kerasrecipes.terminal import print_table

    rows = []
    for run in list_runs(output_dir):
        try:
            info, scores = run.info, run.metrics.get("test", {})
        except RunDamaged as damaged:
            rows.append([str(run.path), "damaged", "", "", damaged.file.name])
            continue
        names = sorted(scores, key=lambda name: (name == "loss", not name.endswith("_units")))
        epochs = write_epochs(run.epochs_run, info.get("epochs", 0))
        data = info.get("dataset", {})
        score = (
            f"{name_score(names[0], data)} {write_number(scores[names[0]], 4)}" if scores else ""
        )
        rows.append([str(run.path), run.status, data.get("name", ""), epochs, score])
    console = SafeConsole(width=UNLIMITED)  # a path broken in two cannot be copied
    if not rows:
        console.print(f"There are no runs in {output_dir}.")
        return
    headings = {"Run": False, "Status": False, "Data": False, "Epochs": True, "Test score": False}
    print_table(console, Table(headings, rows))
