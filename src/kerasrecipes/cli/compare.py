"""``kerasrecipes compare``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from kerasrecipes.cli.arguments import OutputDir

if TYPE_CHECKING:
    from kerasrecipes.compare import Comparison, Contender


class Tunable(StrEnum):
    """What ``--tune`` can choose."""

    LEARNING_RATE = "learning_rate"


def compare(
    contenders: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECIPE|RUN...",
            help="Recipe files, which are trained first, and folders of finished runs.",
            show_default=False,
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each recipe, on one split.")] = 3,
    splits: Annotated[
        int | None,
        typer.Option(
            min=2, help="Instead: a split and a seed for each training.", show_default=False
        ),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What decides; else the first metric.", show_default=False)
    ] = None,
    tune: Annotated[
        Tunable | None,
        typer.Option(help="First let each find its own, on validation rows.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Trainings at once.", show_default="one per core")
    ] = None,
    output_dir: OutputDir = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV only.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown only.")] = False,
) -> None:
    """Train recipes with several seeds each, and say what the differences prove."""
    from kerasrecipes import compare as comparing

    # With a format for other programs, nothing else goes to standard output.
    is_for_programs = as_json or as_csv or as_markdown
    console = Console(highlight=False, markup=False, stderr=is_for_programs)
    command = ["kerasrecipes", *sys.argv[1:]]
    recipes, ready = comparing.load_contenders(contenders, metric)
    overrides = {}
    if tune and recipes:
        overrides = comparing.tune_learning_rates(
            recipes, metric, output_dir, console, command, workers
        )
    if recipes:
        first = next(iter(recipes.values()))
        draws = comparing.make_draws(first.seed, first.dataset.split_seed, seeds, splits)
        ready = [
            *comparing.train_contenders(
                recipes, overrides, draws, output_dir, console, command, workers
            ),
            *ready,
        ]
    paired, comparison, part = comparing.compare_contenders(
        ready, metric, splits is not None, was_tuned=bool(overrides)
    )
    rows = comparing.make_rows(paired, comparison, part)
    if as_json:
        typer.echo(comparing.to_json(rows, comparison))
    elif as_csv:
        typer.echo(comparing.to_csv(rows), nl=False)
    elif as_markdown:
        typer.echo(comparing.to_markdown(rows), nl=False)
    else:
        console.print(Padding(comparing.make_table(rows, is_wide=console.width >= 120), (1, 0)))
        console.print(Text(comparing.describe(comparison)))
        console.print(Padding(comparing.make_differences(rows), (1, 0)))
    page = _write_page(paired, comparison, part, output_dir, shlex.join(command), console)
    console.print(
        Text("page  ", style="dim").append(str(page), style="bold not dim"), soft_wrap=True
    )


def _write_page(
    paired: Sequence[Contender],
    comparison: Comparison,
    part: str,
    output_dir: Path,
    command: str,
    console: Console,
) -> Path:
    from kerasrecipes.compare import render_comparison
    from kerasrecipes.runs import create_folder, write_file
    from kerasrecipes.terminal import print_warnings

    html, warnings = render_comparison(paired, comparison, part, command)
    print_warnings(console, warnings)
    page = create_folder(output_dir / "comparisons", datetime.now()) / "report.html"
    write_file(page, html.encode("utf-8"))
    return page
