"""``kerasrecipes ls``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from kerasrecipes.cli.arguments import OutputDir

if TYPE_CHECKING:
    from rich.console import Console


_LISTS = (
    *("recipes", "datasets", "runs"),
    *("layers", "optimizers", "losses", "metrics", "callbacks", "schedules"),
    *("initializers", "regularizers", "constraints", "activations"),
)


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

    console = make_console()
    if what == "runs":
        _print_runs(console, output_dir)
    elif what == "recipes":
        _print_names(console, _find_recipes())
    elif what == "datasets":
        from kerasrecipes.recipe.schema import DatasetName

        _print_names(console, get_args(DatasetName))
    else:
        from kerasrecipes.recipe.components import REFUSED
        from kerasrecipes.recipe.keras_names import list_names

        category = "optimizers.schedules" if what == "schedules" else what
        _print_names(console, sorted(list_names(category).keys() - REFUSED.keys()))


def _find_recipes() -> list[str]:
    """The recipes in ./configs, or else the names of those that the package ships."""
    from kerasrecipes.recipe.load import list_shipped

    return sorted(map(str, Path("configs").glob("*.yaml"))) or [*list_shipped()]


def _print_names(console: Console, names: Iterable[str]) -> None:
    if console.is_terminal:
        from rich.columns import Columns

        console.print(Columns(names, padding=(0, 3), column_first=True))
    else:
        for name in names:
            console.print(name)


def _print_runs(console: Console, output_dir: Path) -> None:
    from rich.cells import cell_len

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
    if not rows:
        console.print(f"There are no runs in {output_dir}.")
        return
    headings = {"Run": False, "Status": False, "Data": False, "Epochs": True, "Test score": False}
    columns = dict(zip(headings, zip(*rows, strict=True), strict=True))
    for heading in ("", "Data", "Epochs", "Status"):  # a path broken in two cannot be copied
        columns.pop(heading, None)
        widths = [max(map(cell_len, (name, *cells))) for name, cells in columns.items()]
        width = sum(widths) + 3 * (len(widths) - 1)
        if width <= console.width:
            break
    console.width = max(console.width, width)
    shown = {heading: headings[heading] for heading in columns}
    print_table(console, Table(shown, [*zip(*columns.values(), strict=True)]))
