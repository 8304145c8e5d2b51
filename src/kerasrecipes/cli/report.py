"""``kerasrecipes report``."""

from __future__ import annotations

import typer

from kerasrecipes.cli.arguments import RunFolder


def report(run: RunFolder) -> None:
    """Write a run's report again, from its files alone."""
    from kerasrecipes.report import make_report
    from kerasrecipes.runs import find_run
    from kerasrecipes.terminal import make_console, print_warnings

    found = find_run(run)
    print_warnings(make_console(), make_report(found, found.info.get("plots", [])))
    typer.echo(found.report_path)
