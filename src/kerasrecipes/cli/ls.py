"""``kerasrecipes ls``."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from kerasrecipes.cli.arguments import OutputDir

if TYPE_CHECKING:
    from rich.console import Console


class What(StrEnum):
    """What can be listed."""

    RECIPES = "recipes"
    DATASETS = "datasets"
    RUNS = "runs"
    LAYERS = "layers"
    OPTIMIZERS = "optimizers"
    LOSSES = "losses"
    METRICS = "metrics"
    CALLBACKS = "callbacks"
    SCHEDULES = "schedules"
    INITIALIZERS = "initializers"
    REGULARIZERS = "regularizers"
    CONSTRAINTS = "constraints"
    ACTIVATIONS = "activations"


def ls(
    what: Annotated[What, typer.Argument(help="What to list.")] = What.RECIPES,
    output_dir: OutputDir = Path("runs"),
) -> None:
    """List recipes, data sets, runs, or what the installed Keras offers."""
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if what is What.RUNS:
        _print_runs(console, output_dir)
    elif what is What.RECIPES:
        _print_names(console, _find_recipes())
    elif what is What.DATASETS:
        from kerasrecipes.recipe.schema import DatasetName

        _print_names(console, get_args(DatasetName))
    else:
        from kerasrecipes.recipe.components import REFUSED
        from kerasrecipes.recipe.keras_names import list_names

        category = "optimizers.schedules" if what is What.SCHEDULES else what.value
        _print_names(console, sorted(list_names(category).keys() - REFUSED.keys()))


def _find_recipes() -> list[str]:
    """The recipes in ./configs, or else those that the installed package carries."""
    folders = (Path("configs"), Path(__file__).parents[1] / "configs")
    found = (sorted(map(str, folder.glob("*.yaml"))) for folder in folders)
    return next(filter(None, found), [])


def _print_names(console: Console, names: Iterable[str]) -> None:
    if console.is_terminal:
        from rich.columns import Columns

        console.print(Columns(names, padding=(0, 3), column_first=True))
    else:
        for name in names:
            console.print(name, soft_wrap=True)


def _print_runs(console: Console, output_dir: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from kerasrecipes.runs import list_runs

    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    for heading in ("run", "status", "data", "epochs"):
        table.add_column(heading)
    table.add_column("test", justify="right")
    for run in list_runs(output_dir):
        info = run.info
        scores = run.metrics.get("test", {}) if info["status"] == "finished" else {}
        name = next((name for name in scores if name != "loss"), "loss")
        table.add_row(
            Text(str(run.path), overflow="fold"),
            info["status"],
            info["dataset"]["name"],
            str(info.get("epochs_run", "")),
            f"{name} {scores[name]:.4f}" if scores else "",
        )
    console.print(table if table.row_count else Text(f"There are no runs in {output_dir}."))
