"""Printed output of a run: a header before training, a table of scores at the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from kerasrecipes.console import echo
from kerasrecipes.pipeline import Listener
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.report.results import read_results
from kerasrecipes.report.tables import Table, list_columns, list_layers, list_scores, score_classes
from kerasrecipes.report.verdict import describe_linear, describe_thresholds
from kerasrecipes.report.words import write_epochs, write_rows, write_seconds
from kerasrecipes.rows.words import count
from kerasrecipes.runs import Run

if TYPE_CHECKING:
    import keras

_LONGEST_WHOLE = 24  # of the names in a table's first column, which are then not broken
_LEAST_NAME = 12  # characters of a line of these names; a narrow terminal has smaller gaps instead
_MOST_CLASSES = 50
_MOST_NAMES = 20  # of columns in one row of the table


def print_table(console: Console, table: Table) -> None:
    """Print a table after an empty line."""
    widths: list[int] = []
    columns = zip(table.headings, *table.rows, *filter(None, [table.total]), strict=True)
    for column, is_number in zip(columns, table.headings.values(), strict=True):
        text, is_whole = "\n".join(column), is_number or not widths  # other texts break at spaces
        widths.append(max(map(cell_len, text.split("\n" if is_whole else None)), default=0))
    name_width, *others = widths
    least = console.width - sum(others) - min(name_width, _LEAST_NAME)
    gap = 3 if 3 * len(others) <= least else 1
    shown = RichTable(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="dim")
    room = console.width - sum(width + gap for width in others)  # where no word is broken
    keeps_names = name_width <= min(room, _LONGEST_WHOLE)
    for i, (heading, is_number) in enumerate(table.headings.items()):
        shown.add_column(
            heading,
            justify="right" if is_number else "left",
            overflow="ellipsis" if is_number else "fold",  # a number without its end is another
            no_wrap=is_number or (i == 0 and keeps_names),
        )
    for row in table.rows:
        shown.add_row(*[Text(make_printable(cell)) for cell in row])
    if table.total:
        shown.add_row(*table.total, style="bold")
    console.print()
    console.print(shown)


def print_warnings(console: Console, warnings: Iterable[str]) -> None:
    """Print warnings."""
    for warning in warnings:
        console.print(Text(f"warning  {warning}", style="yellow"), soft_wrap=True)


def print_evaluation(console: Console, run: Run) -> None:
    """Print the scores of a saved model on rows that have the target, and those of each class."""
    results = read_results(run)
    title = Text(results.info.get("name", ""), style="bold")
    console.print(
        title.append(f"  evaluation of {results.evaluated}", style="not bold dim"), soft_wrap=True
    )
    print_table(console, list_scores(results))
    if thresholds := describe_thresholds(results):
        console.print(Text(f"\n{thresholds}"), soft_wrap=True)
    classes = score_classes(results)
    if 0 < len(classes.rows) <= _MOST_CLASSES:
        print_table(console, classes)
    console.print()
    print_warnings(console, results.info["warnings"])
    print_path(console, "report", run.report_path)


def print_json(run: Run) -> None:
    """Print the facts of a run or an evaluation for programs."""
    facts = {"run": str(run.path), "scores": run.metrics, "warnings": run.info["warnings"]}
    echo(json.dumps(facts, indent=2, ensure_ascii=False))


def print_path(console: Console, what: str, path: object) -> None:
    """Print a path on one line: a path broken in two cannot be clicked or copied."""
    line = Text(f"{what}  ", style="dim").append(str(path), style="bold not dim")
    console.print(line, soft_wrap=True)


class TerminalListener(Listener):
    """Shows a training in a terminal or notebook, or line by line in a file or pipe."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        self._console.print(text, style="dim")

    def wait(self, what: str) -> AbstractContextManager[object]:
        # A live line needs ipywidgets in a notebook.
        return nullcontext() if self._console.is_jupyter else self._console.status(what)

    def begin(self, info: Mapping[str, Any]) -> None:
        console, data = self._console, info["dataset"]
        title = Text(info["name"], style="bold")
        console.print(title.append(f"  {info['description']}".rstrip(), style="not bold dim"))
        shape = "×".join(map(str, data["shape"])) if "shape" in data else ""
        classes = f", {count(len(data['class_names']), 'class')}" if data["class_names"] else ""
        if data["task"] == "multilabel":
            classes = f", {count(len(data['targets']), 'label')}"
        facts = {
            "data": f"{data['name']}: {write_rows(data['rows'])} rows of "
            f"{shape or count(len(data['columns']), 'column')}{classes}",
            "split": data.get("split"),
            "from": data["origin"],
            "device": info["device"],
            "train": f"{info['optimizer']}, {info['loss']}, {count(info['epochs'], 'epoch')} in "
            f"batches of {info['batch_size']}, seed {info['seed']}",
        }
        grid = RichTable.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        for name, fact in facts.items():
            if fact:
                grid.add_row(name, fact)
        console.print(grid)
        columns = list_columns(data, _MOST_NAMES, with_left_out=False)
        if len(columns.rows) > 1:
            print_table(console, columns)
        print_table(console, list_layers(info))
        console.print()
        print_warnings(console, info["warnings"])

    @contextmanager
    def show_fit(self, epochs: int, steps: int) -> Iterator[Sequence[keras.callbacks.Callback]]:
        from kerasrecipes.training.progress import ProgressLine

        progress = ProgressLine(self._console, epochs, steps)
        try:
            yield [progress]
        finally:
            progress.stop()

    def end(self, run: Run, remarks: Sequence[str]) -> None:
        console, info, facts = self._console, run.info, list[str]()
        if info["status"] != "finished":
            self._end_stopped(run)
            return
        print_warnings(console, remarks)
        results = read_results(run)
        if results.epochs_run < info["epochs"]:
            cause = f" ({info['stopped_by']})" if info.get("stopped_by") else ""
            epochs = write_epochs(results.epochs_run, info["epochs"])
            facts.append(f"stopped after epoch {epochs}{cause}")
        if "weights_of_epoch" in info:
            facts.append(f"the model has the weights of epoch {info['weights_of_epoch']:,}")
        if facts:
            console.print(Text("; ".join(facts)), soft_wrap=True)
        print_table(console, list_scores(results))
        for said in filter(None, (describe_thresholds(results), describe_linear(results))):
            console.print(Text(f"\n{said}"), soft_wrap=True)
        seconds = info["seconds"]
        stages = ", ".join(f"{stage} {s:.1f}" for stage, s in seconds.items() if s >= 0.05)
        console.print(Text(f"\n{write_seconds(sum(seconds.values()))}: {stages}", style="dim"))
        if "profile" in info:
            console.print(Text(info["profile"]))
            print_path(console, "trace", run.profile_path)
        print_path(console, "report", run.report_path)

    def _end_stopped(self, run: Run) -> None:
        console, info = self._console, run.info
        epochs = f"{run.epochs_run:,} of {count(info['epochs'], 'epoch')}"
        said = f"{info['status'].capitalize()} after {epochs}."
        if run.model_path.exists():
            said += " The model was saved with the weights at that moment."
        console.print(Text(said), soft_wrap=True)
        if any(run.checkpoints_path.glob("*.npz")):
            n_workers, address = info.get("workers", 1), info.get("address")
            command = f"kerasrecipes train {run.path} --resume"
            command += f" --workers {n_workers}" if n_workers > 1 or address else ""
            command += f" --address {address}" if address else ""
            console.print(Text(f"To continue: {command}"), soft_wrap=True)
        if run.report_path.exists():
            print_path(console, "report", run.report_path)
