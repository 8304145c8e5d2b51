"""``kerasrecipes train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import OutputDir, Overrides, RecipeFile


def train(
    recipe: RecipeFile,
    overrides: Overrides = None,
    seed: Annotated[int | None, typer.Option(help="Short for seed=N.", show_default=False)] = None,
    device: Annotated[
        str | None, typer.Option(help="Short for device=auto|cpu|gpu.", show_default=False)
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Say where fit's time goes; leave a trace of it.")
    ] = False,
    output_dir: OutputDir = Path("runs"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Train a recipe, score it, and write a report."""
    from rich.console import Console

    from kerasrecipes.recipe import load_recipe

    changes = list(overrides or ())
    changes += [f"seed={seed}"] if seed is not None else []
    changes += [f"device={device}"] if device is not None else []
    checked = load_recipe(recipe, changes)

    from kerasrecipes import pipeline

    command = ["kerasrecipes", *sys.argv[1:]]
    console = Console(quiet=quiet, highlight=False, markup=False)
    pipeline.train(checked, output_dir, console, command, owns_process=True, profile=profile)
