"""``kerasrecipes report``."""

from __future__ import annotations

from kerasrecipes.cli.arguments import RunFolder


def report(run: RunFolder) -> None:
    """Write a run's report again, from its files alone."""
    from kerasrecipes.console import echo, make_console
    from kerasrecipes.report import make_report
    from kerasrecipes.runs import check_network, find_run
    from kerasrecipes.terminal import print_warnings

    found = find_run(run)
    check_network(found)
    print_warnings(make_console(), make_report(found, found.info.get("plots", [])))
    echo(found.report_path)
