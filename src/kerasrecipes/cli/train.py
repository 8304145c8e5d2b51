"""``kerasrecipes train``."""

from __future__ import annotations

import json
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
        bool, typer.Option("--profile", help="Measure fit by stage, and save a trace of it.")
    ] = False,
    output_dir: OutputDir = Path("runs"),
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the run's folder, and nothing else.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: run, scores, warnings.")
    ] = False,
) -> None:
    """Train a recipe, score it, and write a report."""
    from kerasrecipes.recipe import load_recipe

    changes = list(overrides or ())
    changes += [f"seed={seed}"] if seed is not None else []
    changes += [f"device={device}"] if device is not None else []
    checked = load_recipe(recipe, changes)

    from kerasrecipes import pipeline
    from kerasrecipes.terminal import TerminalListener, make_console

    run = pipeline.train(
        checked,
        output_dir,
        TerminalListener(make_console(quiet=quiet or as_json)),
        command=["kerasrecipes", *sys.argv[1:]],
        owns_process=True,
        profile=profile,
    )
    if as_json:
        facts = {"run": str(run.path), "scores": run.metrics, "warnings": run.info["warnings"]}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    elif quiet:
        typer.echo(run.path)
