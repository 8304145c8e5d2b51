"""Commands that train nothing, and the arguments that several commands have."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.text import Text

from kerasrecipes.console import UNLIMITED, SafeConsole, echo, open_stream, redirect_stderr
from kerasrecipes.errors import InputError, RunDamaged
from kerasrecipes.recipe import Recipe, load_recipe
from kerasrecipes.recipe.components import REFUSED
from kerasrecipes.recipe.keras_names import CATEGORIES, list_names
from kerasrecipes.recipe.load import list_shipped
from kerasrecipes.recipe.names import suggest
from kerasrecipes.recipe.schema import DatasetName

if TYPE_CHECKING:
    from kerasrecipes.runs import Run

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A file, or a shipped recipe.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes, such as epochs=10.")
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run's folder, or runs/NAME for its newest run.")
]
OutputDir = Annotated[Path, typer.Option(help="The folder of all runs.")]
Encoding = Annotated[str | None, typer.Option(help="A CSV file's encoding, if not the recipe's.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON object: run, scores, warnings.")]

_CATEGORIES = {category.rpartition(".")[2]: category for category in CATEGORIES}
_LISTS = ("recipes", "datasets", "runs", *_CATEGORIES)


def init(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A table, arrays, images or texts.")],
    changes: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Such as excel.sheet=2.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="The column to predict; if not given, it is guessed.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The recipe file (default: named after DATA)."),
    ] = None,
) -> None:
    """Read your data, and write a commented recipe that trains on them."""
    from kerasrecipes.drafting import draft_recipe
    from kerasrecipes.terminal import print_warnings

    console = SafeConsole()
    with console.status(f"reading {data}"):
        draft = draft_recipe(data, target, output, changes or ())
    console.print(Text(draft.file.read_text(encoding="utf-8")), soft_wrap=True, end="")
    console.print()
    in_recipe = draft.found.source.warnings
    notes = [each for each in draft.dataset.warnings if each not in in_recipe]
    print_warnings(console, [*notes, *draft.dataset.checks])
    command = f"kerasrecipes train {shlex.quote(str(draft.file))}"
    console.print(Text(f"Train it, or change it first:  {command}", "bold"), soft_wrap=True)


def validate(
    recipes: Annotated[
        list[Path],
        typer.Argument(metavar="RECIPE", help="Recipe files, or names of shipped recipes."),
    ],
    build: Annotated[
        bool, typer.Option("--build", help="Also load the data and build the model (slower).")
    ] = False,
) -> None:
    """Check recipes, and that data files exist and have the columns; report every problem."""
    from kerasrecipes.rows import check_file
    from kerasrecipes.terminal import print_warnings

    console = SafeConsole()
    problems: list[str] = []
    for file in recipes:
        try:
            recipe = load_recipe(file)
            if recipe.dataset.path is not None:
                check_file(recipe)
            if recipe.sweep:
                from kerasrecipes.sweeping.search import Space

                _ = Space(recipe, recipe.sweep).endpoints  # raises
            warnings = build_quietly(recipe)[1] if build else [*map(str, recipe.warnings)]
        except InputError as error:
            problems.append(str(error))
            console.print(f"✗ {file}", style="red", soft_wrap=True)
        else:
            console.print(f"✓ {file}", soft_wrap=True)
            print_warnings(console, warnings)
    if problems:
        raise InputError("\n".join(problems))


def show(recipe: RecipeFile, overrides: Overrides = None) -> None:
    """Show a recipe's layers: shapes, parameters with their arithmetic, multiply-adds."""
    from kerasrecipes.report.tables import list_layers
    from kerasrecipes.terminal import print_table, print_warnings

    checked = load_recipe(recipe, overrides or ())
    console = SafeConsole()
    with console.status("importing TensorFlow"):
        info, warnings = build_quietly(checked)
    console.print(checked.name, style="bold")
    print_table(console, list_layers(info))
    print_warnings(console, warnings)


def build_quietly(recipe: Recipe) -> tuple[dict[str, Any], list[str]]:
    """Load the data and build the model: its description for run.json, and warnings."""
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


def predict(
    run: RunFolder,
    data: Annotated[
        str, typer.Option(help="A table, images or arrays; - reads CSV or JSON lines from stdin.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv, .parquet, .jsonl or .npz file.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", help="A column to copy to the predictions.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Add intervals (low, high) of this level, such as 0.9.")
    ] = None,
    encoding: Encoding = None,
) -> None:
    """Predict raw rows with a run's saved model."""
    from kerasrecipes.prediction.predict import check_output, predict_file
    from kerasrecipes.rows.words import count
    from kerasrecipes.terminal import print_path, print_warnings

    # Standard output is for predictions alone. TensorFlow's messages are dropped, ours are not.
    with open_stream(os.dup(2)) as stderr, redirect_stderr():
        console = SafeConsole(file=stderr)
        found = _find(run, data, console)
        check_output(output, data)
        with console.status("importing TensorFlow") as status:
            from kerasrecipes.prediction.saved import load_saved

            saved = load_saved(found, encoding)
            if output is None and sys.stdout.isatty():
                status.stop()  # it would appear among the predictions

            def show_progress(n: int) -> None:
                status.update(f"{count(n, 'row')} predicted")

            predict_file(saved, data, output, ids or (), show_progress, interval)
        print_warnings(console, saved.list_warnings())
        if output is not None:
            print_path(console, "predictions", output)


def evaluate(
    run: RunFolder,
    data: Annotated[
        str | None, typer.Option(help="Rows with the target (default: the run's test part).")
    ] = None,
    encoding: Encoding = None,
    as_json: AsJson = False,
) -> None:
    """Score a run's saved model on rows that have the target, and write a small report."""
    from kerasrecipes.terminal import print_evaluation, print_json

    console = SafeConsole(quiet=as_json)
    found = _find(run, data, console)
    with console.status("importing TensorFlow"), redirect_stderr():
        from kerasrecipes.prediction.saved import evaluate as evaluate_run
        from kerasrecipes.prediction.saved import load_saved

        saved = load_saved(found, encoding)
        evaluated = evaluate_run(saved, data, ["kerasrecipes", *sys.argv[1:]])
    if as_json:
        print_json(evaluated)
    print_evaluation(console, evaluated)


def report(run: RunFolder) -> None:
    """Write a run's report again, from its files alone."""
    from kerasrecipes.report import make_report
    from kerasrecipes.runs import check_network, find_run
    from kerasrecipes.terminal import print_warnings

    found = find_run(run)
    check_network(found)
    print_warnings(SafeConsole(), make_report(found, found.info.get("plots", [])))
    echo(found.report_path)


def _find(path: Path, data: str | None, console: Console) -> Run:
    """Find the run with a saved model that a path means; check that there are data at theirs."""
    from kerasrecipes.prediction.ready import check_exists, check_ready, find_ready
    from kerasrecipes.terminal import print_warnings

    found, notes = find_ready(path)
    check_ready(found)
    if data and data != "-":
        check_exists(data)
    print_warnings(console, notes)
    return found


def ls(
    what: Annotated[str, typer.Argument(help=f"One of: {', '.join(_LISTS)}.")] = "recipes",
    output_dir: OutputDir = Path("runs"),
) -> None:
    """List recipes, data sets, runs, or what the installed Keras offers."""
    names: Iterable[str] = ()
    match what:
        case "runs":
            _print_runs(output_dir)
        case "recipes":  # those in ./configs, or else those that the package ships
            names = sorted(map(str, Path("configs").glob("*.yaml"))) or list_shipped()
        case "datasets":
            names = sorted(get_args(DatasetName))
        case _ if what in _CATEGORIES:
            names = sorted(list_names(_CATEGORIES[what]).keys() - REFUSED.keys())
        case _:
            raise InputError(f"ls has no list '{what}'. {suggest(what, _LISTS)}")
    console = SafeConsole()
    for name in names:
        console.print(name, soft_wrap=True)


def _print_runs(output_dir: Path) -> None:
    from kerasrecipes.report.tables import Table
    from kerasrecipes.report.words import name_score, write_epochs, write_number
    from kerasrecipes.runs import list_runs
    from kerasrecipes.terminal import print_table

    rows = []
    for run in list_runs(output_dir):
        try:
            info, scores = run.info, run.metrics.get("test", {})
        except RunDamaged as damaged:
            rows.append([str(run.path), "damaged", "", "", damaged.file.name])
            continue
        names = sorted(scores, key=lambda name: (name == "loss", not name.endswith("_units")))
        epochs = write_epochs(run.epochs_run, info.get("epochs", 0))
        data = info.get("dataset", {})
        score = (
            f"{name_score(names[0], data)} {write_number(scores[names[0]], 4)}" if scores else ""
        )
        rows.append([str(run.path), run.status, data.get("name", ""), epochs, score])
    console = SafeConsole(width=UNLIMITED)  # a path broken in two cannot be copied
    if not rows:
        console.print(f"There are no runs in {output_dir}.")
        return
    headings = {"Run": False, "Status": False, "Data": False, "Epochs": True, "Test score": False}
    print_table(console, Table(headings, rows))
