"""``kerasrecipes train``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kerasrecipes.cli.arguments import Address, AsJson, OutputDir, Overrides, RecipeFile
from kerasrecipes.cli.stopping import training


def train(
    recipe: RecipeFile,
    overrides: Overrides = None,
    seed: Annotated[int | None, typer.Option(help="Short for seed=N.")] = None,
    device: Annotated[str | None, typer.Option(help="Short for device=auto|cpu|gpu.")] = None,
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
        ),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="The time between checkpoints.")
    ] = 60.0,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that share each batch: on this machine, on the cluster of --address, "
            "or those that TF_CONFIG names.",
        ),
    ] = None,
    address: Address = None,
    output_dir: OutputDir = Path("runs"),
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the run's folder, and nothing else.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a recipe, score it, and write a report."""
    from kerasrecipes.distributed.joined import check_recipe, join_team
    from kerasrecipes.recipe import load_recipe
    from kerasrecipes.training.team import Team

    if address:
        _check_address_alone(workers, {"--from": weights_from})
    team = join_team(workers)
    changes = list(overrides or ())
    changes += [f"seed={seed}"] if seed is not None else []
    changes += [f"device={device}"] if device is not None else []
    resumption = None
    if resume:
        from kerasrecipes.resuming import plan_resumption

        resumption = plan_resumption(
            recipe, changes, output_dir, allow_changes=allow_changes, is_joining=team.number > 0
        )
        checked, output_dir = resumption.recipe, resumption.run.path.resolve().parents[1]
    else:
        checked = load_recipe(recipe, changes)
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
        from kerasrecipes.distributed.local import train_here
        from kerasrecipes.recipe.names import make_folder_name

        options = [f"--workers={n_workers}", f"--checkpoint-every={checkpoint_every}"]
        flags = {"--quiet": quiet, "--json": as_json}
        options += [flag for flag, is_set in flags.items() if is_set]
        folder = output_dir / make_folder_name(checked.name)
        raise typer.Exit(train_here(sys.argv[1:], options, n_workers, folder, console))
    source, notes = find_ready(weights_from) if weights_from else (None, [])
    print_warnings(console, notes)
    start = partial(pipeline.train, owns_process=True, weights_from=source, team=team)
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


def _check_address_alone(workers: int | None, others: Mapping[str, object]) -> None:
    """Check that ``--address`` has the number of workers, and no option that it cannot take."""
    from kerasrecipes.errors import InputError

    if not workers:
        raise InputError("--address needs the number of workers, such as --workers 2.")
    given = [name for name, value in others.items() if value]
    given += ["the environment variable TF_CONFIG"] if os.environ.get("TF_CONFIG") else []
    if given:
        raise InputError(f"--address cannot be combined with {' and '.join(given)}.")
