"""``kerasrecipes report``."""

from __future__ import annotations

from kerasrecipes.cli.arguments import RunFolder


def report(run: RunFolder) -> None:
    """Draw a run's report again, from its files alone."""
    from rich.console import Console
    from rich.text import Text

    from kerasrecipes.report import make_report
    from kerasrecipes.runs import find_run
    from kerasrecipes.terminal import print_warnings

    found = find_run(run)
    console = Console(highlight=False, markup=False)
    print_warnings(console, make_report(found, found.info.get("plots", [])))
    console.print(Text(str(found.report_path)), soft_wrap=True)
