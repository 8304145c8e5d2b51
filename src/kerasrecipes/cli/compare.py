"""``kerasrecipes compare``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from kerasrecipes.cli.arguments import OutputDir
from kerasrecipes.recipe import load_recipe
from kerasrecipes.runs import Run, find_run


def compare(
    contenders: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECIPE|RUN...",
            help="Recipe files, which are trained first, and folders of finished runs.",
            show_default=False,
        ),
    ],
    output_dir: OutputDir = Path("runs"),
) -> None:
    """Train recipes with one seed each and show them side by side, best first."""
    from kerasrecipes import pipeline
    from kerasrecipes.compare import check_comparable, make_comparison_table

    # All recipes are checked before the first is trained.
    recipes = {path: load_recipe(path) for path in contenders if not path.is_dir()}
    finished = {path: find_run(path) for path in contenders if path.is_dir()}
    check_comparable([*recipes.values(), *(load_recipe(r.recipe_path) for r in finished.values())])
    console = Console(highlight=False)
    command = ["kerasrecipes", *sys.argv[1:]]
    runs: list[Run] = []
    for i, recipe in enumerate(recipes.values(), 1):
        with console.status(f"{i} of {len(recipes)}: {recipe.name}"):
            runs.append(pipeline.train(recipe, output_dir, command=command))
        seconds = sum(runs[-1].info["seconds"].values())
        line = f"{i} of {len(recipes)}  {recipe.name}  {seconds:.1f} s  {runs[-1].report_path}"
        console.print(Text(line, style="dim"), soft_wrap=True)
    table, remark = make_comparison_table([*runs, *finished.values()])
    console.print(Padding(table, (1, 0)))
    if remark:
        console.print(Text(remark))
    console.print(
        "One seed each: train with others (--seed) before you believe a small difference.",
        style="dim",
    )
