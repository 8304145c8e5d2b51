"""The commands, and how errors are printed."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Annotated, cast

import typer

from kerasrecipes.cli.compare import compare
from kerasrecipes.cli.evaluate import evaluate
from kerasrecipes.cli.init import init
from kerasrecipes.cli.ls import ls
from kerasrecipes.cli.predict import predict
from kerasrecipes.cli.report import report
from kerasrecipes.cli.show import show
from kerasrecipes.cli.streams import OutputLost, open_standard_streams
from kerasrecipes.cli.sweep import sweep
from kerasrecipes.cli.train import train
from kerasrecipes.cli.validate import validate
from kerasrecipes.errors import KerasRecipesError
from kerasrecipes.memory import explaining_memory
from kerasrecipes.recipe.names import make_lines_printable

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


for command in (train, init, predict, evaluate, compare, sweep, validate, show, ls, report):
    app.command()(command)


_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])
"""The base of all usage errors, which typer takes from Click and does not export."""


def main() -> None:
    """Run the command line; our own errors are printed without a traceback."""
    open_standard_streams()
    try:
        os.getcwd()
    except FileNotFoundError:
        sys.exit("The current folder does not exist any more. Change to another one.")
    try:
        with explaining_memory():
            code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except KerasRecipesError as error:
        _print_error(str(error))
        code = error.exit_code
    except OutputLost as error:
        if error.exit_code == 1:
            _print_error(str(error))
        code = error.exit_code
    except OSError as error:
        is_refused = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        if error.errno == errno.EMFILE:
            _print_error("Too many files are open. Raise the limit: ulimit -n 1024")
        elif is_refused or error.errno in (errno.ENOSPC, errno.EFBIG):
            _print_error(f"{error.filename}: {error.strerror}.")
        else:
            raise
        code = 2 if is_refused else 1
    except _UsageError as error:
        usage = io.StringIO()
        error.show(usage)
        is_unknown = hasattr(error, "option_name") and not getattr(error, "possibilities", None)
        parameters = error.ctx.command.params if error.ctx else ()
        if is_unknown and any(parameter.name == "overrides" for parameter in parameters):
            usage.write("Keys of the recipe are written without dashes, such as epochs=10.")
        _print_error(usage.getvalue().rstrip())
        code = error.exit_code
    sys.exit(code)


def _print_error(text: str) -> None:
    print(make_lines_printable(text), file=sys.stderr)
