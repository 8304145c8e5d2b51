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
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue from the last checkpoint of RECIPE's newest unfinished run; RECIPE may "
            "be a run's folder.",
        ),
    ] = False,
    allow_changes: Annotated[
        bool,
        typer.Option("--allow-changes", help="Resume with a changed recipe, data or versions."),
    ] = False,
    weights_from: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Begin with the weights of a run, where layers have the same name and shapes.",
            show_default=False,
        ),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="The time between checkpoints.")
    ] = 60.0,
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
    resumption = None
    if resume:
        from kerasrecipes.resuming import plan_resumption

        resumption = plan_resumption(recipe, changes, output_dir, allow_changes=allow_changes)
        checked, output_dir = resumption.recipe, resumption.run.path.resolve().parents[1]
    else:
        checked = load_recipe(recipe, changes)

    from kerasrecipes import pipeline
    from kerasrecipes.console import dropping, echo, make_console
    from kerasrecipes.interrupts import Interrupted
    from kerasrecipes.runs import find_run
    from kerasrecipes.terminal import TerminalListener

    console = make_console(quiet=quiet or as_json)
    try:
        with dropping(console):
            run = pipeline.train(
                checked,
                output_dir,
                TerminalListener(console),
                command=["kerasrecipes", *sys.argv[1:]],
                owns_process=True,
                profile=profile,
                checkpoint_every_s=checkpoint_every,
                resumption=resumption,
                weights_from=find_run(weights_from) if weights_from else None,
            )
    except Interrupted as error:
        raise typer.Exit(error.exit_code) from None
    if as_json:
        facts = {"run": str(run.path), "scores": run.metrics, "warnings": run.info["warnings"]}
        echo(json.dumps(facts, indent=2, ensure_ascii=False))
    elif quiet:
        echo(run.path)
