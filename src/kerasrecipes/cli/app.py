"""The commands, and how errors are printed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kerasrecipes.cli.compare import compare
from kerasrecipes.cli.evaluate import evaluate
from kerasrecipes.cli.init import init
from kerasrecipes.cli.ls import ls
from kerasrecipes.cli.predict import predict
from kerasrecipes.cli.report import report
from kerasrecipes.cli.show import show
from kerasrecipes.cli.train import train
from kerasrecipes.cli.validate import validate
from kerasrecipes.errors import KerasRecipesError

app = typer.Typer(
    name="kerasrecipes",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:
    if value:
        from kerasrecipes import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """YAML recipes that become trained, evaluated and reported Keras models."""


app.command()(train)
app.command()(init)
app.command()(predict)
app.command()(evaluate)
app.command()(compare)
app.command()(validate)
app.command()(show)
app.command()(ls)
app.command()(report)


def main() -> None:
    """Run the command line; our own errors are printed without a traceback."""
    try:
        app()
    except KerasRecipesError as error:
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True).print(Text(str(error)), soft_wrap=True)
        sys.exit(error.exit_code)
