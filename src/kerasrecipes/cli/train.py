"""``train``, ``compare`` and ``sweep``: commands that train."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from kerasrecipes.cli.commands import AsJson, OutputDir, Overrides, RecipeFile, build_quietly
from kerasrecipes.console import SafeConsole, dropping, echo
from kerasrecipes.errors import InputError
from kerasrecipes.interrupts import Interrupted
from kerasrecipes.recipe import load_recipe
from kerasrecipes.recipe.names import make_folder_name

Address = Annotated[str | None, typer.Option(help="A Ray cluster: auto, HOST:PORT or ray://...")]
Workers = Annotated[int | None, typer.Option(min=1, help="Trainings at once (default: the cores).")]


def train(
    recipe: RecipeFile,
    overrides: Overrides = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Measure where the time of fit goes; save a trace.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a run: RECIPE's newest unfinished, or RUN.")
    ] = False,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Resume with another recipe, data or versions.")
    ] = False,
    weights_from: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Begin with the weights of a run.")
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
    from kerasrecipes.distributed import check_recipe, join_team, train_here

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
        if allow_changes:
            raise InputError("--allow-changes is an option of --resume. Add --resume.")
        checked = load_recipe(recipe, overrides or ())
    n_workers = workers or team.size
    check_recipe(checked, n_workers)

    from kerasrecipes import pipeline
    from kerasrecipes.prediction.ready import find_ready
    from kerasrecipes.terminal import TerminalListener, print_json, print_warnings

    console = SafeConsole(quiet=quiet or as_json or team.number > 0)
    if n_workers > team.size and not address:
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
    with _training(console):
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


def compare(
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE|RUN|KEY=VALUE",
            help="Recipe files, which are trained, and folders of finished runs. KEY=VALUE "
            "is a variant of the one recipe: optimizer=sgd 'optimizer=adam epochs=20'.",
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe, on one split.")] = 3,
    splits: Annotated[
        int | None, typer.Option(min=2, help="Trainings on other splits, in place of --seeds.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Folds of a cross-validation, in place of --seeds.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The metric used for ranking (default: the first metric).")
    ] = None,
    tune: Annotated[
        str | None, typer.Option(metavar="learning_rate", help="First tune it on validation rows.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Add scikit-learn's HistGradientBoosting.")
    ] = False,
    workers: Workers = None,
    address: Address = None,
    output_dir: OutputDir = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV only.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown only.")] = False,
) -> None:
    """Train recipes with several seeds each, and test which differences are significant."""
    from kerasrecipes import comparison
    from kerasrecipes.comparison import page
    from kerasrecipes.terminal import print_path, print_table

    # With a format of other programs, nothing else goes to standard output.
    console = SafeConsole(stderr=as_json or as_csv or as_markdown)
    command = ["kerasrecipes", *sys.argv[1:]]
    with _training(console, shlex.join(command)):
        found = comparison.compare(
            *recipes,
            seeds=seeds,
            splits=splits,
            folds=folds,
            metric=metric,
            tune=tune,
            baselines=baselines,
            workers=workers,
            address=address,
            output_dir=output_dir,
            console=console,
            command=command,
        )
    if as_json:
        echo(page.to_json(found))
    elif as_csv:
        echo(page.to_csv(found), end="")
    elif as_markdown:
        echo(page.to_markdown(found), end="")
    else:
        for each in page.make_tables(found).values():
            if len(each.headings) > 1:
                print_table(console, each)
        console.print(f"\n{found}\n")
    print_path(console, "page", found.page)


def sweep(
    recipe: RecipeFile,
    overrides: Overrides = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Build a model for the ends of each range; do not train."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the newest unfinished sweep of RECIPE.")
    ] = False,
    workers: Workers = None,
    address: Address = None,
    output_dir: OutputDir = Path("runs"),
) -> None:
    """Search the ranges of a recipe's sweep, and test whether the best recipe is better."""
    from kerasrecipes import sweeping
    from kerasrecipes.sweeping.page import list_trials
    from kerasrecipes.terminal import print_path, print_table

    console = SafeConsole()
    if dry_run:
        ends = sweeping.plan_sweep(load_recipe(recipe, overrides or ())).space.endpoints
        for end in ends:
            build_quietly(end)
        console.print(f"Models were built for all {len(ends)} ends of ranges.")
        return
    command = ["kerasrecipes", *(word for word in sys.argv[1:] if word != "--resume")]
    with _training(console, shlex.join([*command, "--resume"])):
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
    console.print(f"\n{found}\n")
    for what, file in (("best", found.best), ("page", found.page)):
        print_path(console, what, file)


@contextmanager
def _training(console: Console, command: str = "") -> Iterator[None]:
    """Train in a block, which a signal ends with its exit code and the command that continues."""
    try:
        with dropping(console):
            yield
    except Interrupted as error:
        if command:
            console.print(f"Interrupted. To continue: {command}", soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
