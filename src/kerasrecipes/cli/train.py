"""``kerasrecipes train``."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import Address, AsJson, OutputDir, Overrides, RecipeFile, training


def train(
    recipe: RecipeFile,
    overrides: Overrides = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Say where the time of fit goes, and save a trace.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run: RECIPE's newest unfinished, or RUN.")
    ] = False,
    allow_changes: Annotated[
        bool,
        typer.Option("--allow-changes", help="Resume with a changed recipe, data or versions."),
    ] = False,
    weights_from: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Begin with the weights of a run's layers."),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="The time between checkpoints.")
    ] = 60.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that share each batch.")
    ] = None,
    address: Address = None,
    output_dir: OutputDir = Path("runs"),
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the run's folder, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a recipe, score it, and write a report."""
    from kerasrecipes.distributed import check_recipe, join_team
    from kerasrecipes.errors import InputError
    from kerasrecipes.recipe import load_recipe
    from kerasrecipes.training.team import Team

    if address and (not workers or weights_from or profile or os.environ.get("TF_CONFIG")):
        raise InputError(
            "--address needs the number of workers, such as --workers 2, and cannot be combined "
            "with --from, --profile or the environment variable TF_CONFIG."
        )
    team = join_team(workers)
    resumption = None
    if resume:
        from kerasrecipes.resuming import plan_resumption

        resumption = plan_resumption(
            recipe,
            overrides or (),
            output_dir,
            allow_changes=allow_changes,
            is_joining=team.number > 0,
        )
        checked, output_dir = resumption.recipe, resumption.run.path.resolve().parents[1]
    else:
        checked = load_recipe(recipe, overrides or ())
    n_workers = workers or team.size
    if n_workers > 1:
        check_recipe(checked)
        Team(n_workers).check_batch(checked.batch_size)

    from kerasrecipes import pipeline
    from kerasrecipes.console import echo, make_console
    from kerasrecipes.prediction.ready import find_ready
    from kerasrecipes.terminal import TerminalListener, print_json, print_warnings

    console = make_console(quiet=quiet or as_json or team.number > 0)
    if n_workers > team.size and not address:
        from kerasrecipes.distributed import train_here
        from kerasrecipes.recipe.names import make_folder_name

        options = [f"--workers={n_workers}", f"--checkpoint-every={checkpoint_every}"]
        options += ["--quiet"] * quiet + ["--json"] * as_json + ["--profile"] * profile
        folder = output_dir / make_folder_name(checked.name)
        raise typer.Exit(train_here(sys.argv[1:], options, n_workers, folder, console))
    source, notes = find_ready(weights_from) if weights_from else (None, [])
    print_warnings(console, notes)
    start = partial(
        pipeline.train, owns_process=True, profile=profile, weights_from=source, team=team
    )
    if address:
        from kerasrecipes.cluster.trainer import train_on_cluster

        start = partial(train_on_cluster, address=address, n_workers=n_workers)
    with training(console):
        run = start(
            checked,
            output_dir,
            TerminalListener(console),
            command=["kerasrecipes", *sys.argv[1:]],
            checkpoint_every_s=checkpoint_every,
            resumption=resumption,
        )
    if team.number:
        return
    if as_json:
        print_json(run)
    elif quiet:
        echo(run.path)
