"""``compare`` and ``sweep``: commands that train many times."""

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


def compare(
    recipes: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE|RUN|KEY=VALUE...",
            help="Recipe files, which are trained first, and folders of finished runs. KEY=VALUE "
            "is a variant of the one recipe: optimizer=sgd 'optimizer=adam epochs=20'.",
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe, on one split.")] = 3,
    splits: Annotated[
        int | None,
        typer.Option(min=2, help="Another split for each training, in place of --seeds."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="Folds of a cross-validation, in place of --seeds.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="The metric used for ranking (default: the first metric).")
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(
            metavar="learning_rate", help="First tune it for each recipe, on validation rows."
        ),
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
    from kerasrecipes.console import SafeConsole, echo
    from kerasrecipes.terminal import print_path, print_table

    # With a format of other programs, nothing else goes to standard output.
    console = SafeConsole(stderr=as_json or as_csv or as_markdown)
    command = ["kerasrecipes", *sys.argv[1:]]
    with training(console, shlex.join(command)):
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
            print_table(console, each)
        console.print(f"\n{found}\n")
    print_path(console, "page", found.page)


def sweep(
    recipe: RecipeFile,
    overrides: Overrides = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build the ends of each range; train nothing.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the newest unfinished sweep of RECIPE."),
    ] = False,
    workers: Workers = None,
    address: Address = None,
    output_dir: OutputDir = Path("runs"),
) -> None:
    """Search the ranges of a recipe's sweep, and test whether the best recipe is better."""
    from kerasrecipes import sweeping
    from kerasrecipes.console import SafeConsole
    from kerasrecipes.sweeping.steps import list_trials
    from kerasrecipes.terminal import print_path, print_table

    console = SafeConsole()
    if dry_run:
        from kerasrecipes.cli.recipes import build_quietly
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
    console.print(f"\n{found}\n")
    for what, file in (("best", found.best), ("page", found.page)):
        print_path(console, what, file)
