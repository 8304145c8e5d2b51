"""``init``, ``validate`` and ``show``: commands of a recipe that is not trained yet."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kerasrecipes.cli.arguments import Overrides, RecipeFile

if TYPE_CHECKING:
    from kerasrecipes.recipe import Recipe


def init(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A table, 'data/*.csv', an .npz file, or images.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="How to read it, such as excel.sheet=2."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column to predict; if not given, it is guessed.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The recipe to write.", show_default="named after DATA"
        ),
    ] = None,
) -> None:
    """Look at your data, and write a commented recipe that trains on them."""
    from rich.text import Text

    from kerasrecipes.console import SafeConsole
    from kerasrecipes.drafting import draft_recipe
    from kerasrecipes.terminal import print_warnings

    console = SafeConsole()
    with console.status(f"reading {data}"):
        draft = draft_recipe(data, target, output, changes or ())
    console.print(Text(draft.file.read_text(encoding="utf-8")), soft_wrap=True, end="")
    console.print()
    print_warnings(console, draft.dataset.checks)
    command = f"kerasrecipes train {shlex.quote(str(draft.file))}"
    console.print(Text(f"Train it, or change it first:  {command}", "bold"), soft_wrap=True)


def validate(
    recipes: Annotated[
        list[Path],
        typer.Argument(metavar="RECIPE...", help="Recipe files, or names of shipped recipes."),
    ],
    build: Annotated[
        bool, typer.Option("--build", help="Also load the data and build the model (slower).")
    ] = False,
) -> None:
    """Check recipes, and that data files exist and have the columns; report every problem."""
    from kerasrecipes.console import make_console
    from kerasrecipes.errors import InputError
    from kerasrecipes.terminal import print_warnings

    console = make_console()
    problems: list[str] = []
    for file in recipes:
        try:
            warnings = _check(file, build)
        except InputError as error:
            problems.append(str(error))
            console.print(f"✗ {file}", style="red", soft_wrap=True)
        else:
            console.print(f"✓ {file}", soft_wrap=True)
            print_warnings(console, warnings)
    if problems:
        raise InputError("\n".join(problems))


def _check(file: Path, build: bool) -> list[str]:
    """Check a recipe, and return its warnings."""
    from kerasrecipes.recipe import load_recipe

    recipe = load_recipe(file)
    if recipe.dataset.path is not None:
        from kerasrecipes.rows import check_file

        check_file(recipe)
    if recipe.sweep:
        from kerasrecipes.sweeping.search import Space

        _ = Space(recipe, recipe.sweep).endpoints  # raises
    return build_quietly(recipe)[1] if build else [*map(str, recipe.warnings)]


def show(recipe: RecipeFile, overrides: Overrides = None) -> None:
    """Show a recipe's layers: shapes, parameters with their arithmetic, multiply-adds."""
    from kerasrecipes.console import make_console
    from kerasrecipes.recipe import load_recipe
    from kerasrecipes.report.tables import list_layers
    from kerasrecipes.terminal import print_table, print_warnings

    checked = load_recipe(recipe, overrides or ())
    console = make_console()
    with console.status("importing TensorFlow"):
        info, warnings = build_quietly(checked)
    console.print(checked.name, style="bold")
    print_table(console, list_layers(info))
    print_warnings(console, warnings)


def build_quietly(recipe: Recipe) -> tuple[dict[str, Any], list[str]]:
    """Load the data and build the model, without TensorFlow's start-up messages.

    Returns:
        The description of the model for run.json, and warnings.
    """
    from kerasrecipes.native_log import redirect_stderr
    from kerasrecipes.rows import load_for
    from kerasrecipes.runs import OWN_FILES

    dataset = load_for(recipe)
    with redirect_stderr():
        from kerasrecipes.model.build import build_callbacks
        from kerasrecipes.model.built import build

        built = build(recipe, dataset)
        build_callbacks(recipe, Path("run"), OWN_FILES)  # only to find problems
    warnings = [*map(str, recipe.warnings), *dataset.warnings, *dataset.checks]
    return built.describe(recipe), warnings
