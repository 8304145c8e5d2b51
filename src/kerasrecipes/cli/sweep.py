"""``kerasrecipes sweep``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import (
    Address,
    OutputDir,
    Overrides,
    RecipeFile,
    Workers,
    training,
)


def sweep(
    recipe: RecipeFile,
    overrides: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build the ends of each range; train nothing.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the newest unfinished sweep, or RECIPE's folder."),
    ] = False,
    workers: Workers = None,
    address: Address = None,
    output_dir: OutputDir = Path("runs"),
) -> None:
    """Search the ranges of a recipe's sweep, and test whether the best recipe is better."""
    from rich.padding import Padding
    from rich.text import Text

    from kerasrecipes import sweeping
    from kerasrecipes.console import SafeConsole
    from kerasrecipes.sweeping.page import list_trials
    from kerasrecipes.terminal import print_path, print_table

    console = SafeConsole()
    if dry_run:
        from kerasrecipes.cli.show import build_quietly
        from kerasrecipes.recipe import load_recipe

        ends = sweeping.plan_sweep(load_recipe(recipe, overrides or ())).space.endpoints
        for end in ends:
            build_quietly(end)
        console.print(f"{len(ends)} ends of ranges: every model builds.")
        return
    command = ["kerasrecipes", *sys.argv[1:]]
    words = [word for word in command if word != "--resume"]
    with training(console, shlex.join([*words, "--resume"])):
        found = sweeping.sweep(
            recipe,
            *(overrides or ()),
            resume=resume,
            workers=workers,
            address=address,
            output_dir=output_dir,
            console=console,
            command=command,
        )
    print_table(console, list_trials(found, most=5))
    console.print(Padding(Text(str(found)), (1, 0)))
    for what, file in (("best", found.best), ("page", found.page)):
        print_path(console, what, file)
