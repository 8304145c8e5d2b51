"""The commands, and how errors are printed."""

from __future__ import annotations

import errno
import io
import sys
from typing import Annotated, cast

import typer

from kerasrecipes.cli.commands import evaluate, init, ls, predict, report, show, validate
from kerasrecipes.cli.train import compare, sweep, train
from kerasrecipes.console import echo, open_standard_streams
from kerasrecipes.errors import KerasRecipesError
from kerasrecipes.memory import explaining_memory
from kerasrecipes.recipe.names import find_meant

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
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """YAML recipes that become trained, evaluated and reported Keras models."""


for command in (train, init, predict, evaluate, compare, sweep, validate, show, ls, report):
    app.command()(command)


_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.EISDIR)
"""Errors of the place that the user named, and not of a full disk or the like."""

_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])
"""The base of all usage errors, which typer takes from Click and does not export."""


def main() -> None:
    """Run the command line; our own errors are printed without a traceback."""
    open_standard_streams()
    try:
        with explaining_memory():
            code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except KerasRecipesError as error:
        echo(error, file=sys.stderr)
        code = error.exit_code
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        echo(f"{place}{error.strerror or error}.", file=sys.stderr)
        code = 2 if error.errno in _REFUSED else 1
    except _UsageError as error:
        usage = io.StringIO()
        error.show(usage)
        command = error.ctx.info_name if error.ctx else None
        if type(error).__name__ == "NoSuchOption" and command in ("train", "sweep", "show"):
            from kerasrecipes.recipe import Recipe

            option = getattr(error, "option_name", "").lstrip("-")
            if key := find_meant(option, Recipe.model_fields):
                usage.write(f"{key} is a key of the recipe. Write: {key}=VALUE")
        echo(usage.getvalue().rstrip(), file=sys.stderr)
        code = error.exit_code
    sys.exit(code)
