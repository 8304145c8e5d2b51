"""What a run says in a terminal: a header before it trains, a table of scores at its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kerasrecipes.runs import Run

PARTS = ("train", "validation", "test")
_MOST_CLASSES = 50


def print_header(console: Console, info: Mapping[str, Any]) -> None:
    """Say what is about to be trained: data, device, and the layers with their arithmetic."""
    console.print(Text(info["name"], style="bold"), end="")
    console.print(Text(f"  {info['description']}" if info["description"] else "", style="dim"))
    console.print(_facts(info))
    if columns := make_column_table(info["dataset"]):
        console.print(Padding(columns, (1, 0, 0, 0)))
    console.print(Padding(make_layer_table(info), (1, 0)))
    print_warnings(console, info["warnings"])


def print_warnings(console: Console, warnings: Iterable[str]) -> None:
    """Say what training can go on with, and a careful person would want to know."""
    for warning in warnings:
        console.print(Text(f"warning  {warning}", style="yellow"), soft_wrap=True)


def _facts(info: Mapping[str, Any]) -> Table:
    data = info["dataset"]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    rows = ", ".join(f"{n:,} {part}" for part, n in data["rows"].items())
    shape = (
        "×".join(map(str, data["shape"]))
        if "shape" in data
        else (f"{len(data['columns'])} columns")
    )
    classes = f", {len(data['class_names'])} classes" if data["class_names"] else ""
    facts.add_row("data", f"{data['name']}: {rows} rows of {shape}{classes}")
    facts.add_row("from", data["origin"])
    facts.add_row("device", info["device"])
    facts.add_row(
        "train",
        f"{info['optimizer']}, {info['loss']}, {info['epochs']:,} epochs in batches of "
        f"{info['batch_size']}, seed {info['seed']}",
    )
    return facts


def make_column_table(dataset: Mapping[str, Any]) -> Table | None:
    """How each column of a table was taken; None where all are plain numbers, or none has a name.

    Columns that are taken alike for the same reason share a line.
    """
    columns = dataset.get("columns", ())
    if all(column["feature"] == "float_normalized" and not column["reason"] for column in columns):
        return None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("column", "taken as", "why"):
        table.add_column(heading, overflow="fold")
    alike: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        feature = ", ".join(column["parts"]) or column["feature"]
        alike.setdefault((feature, column["reason"]), []).append(column["name"])
    for (feature, reason), names in alike.items():
        table.add_row(Text(", ".join(names)), feature, Text(reason, style="dim"))
    return table


def make_layer_table(info: Mapping[str, Any]) -> Group:
    """One line a layer: output shape, parameters as arithmetic, multiply-adds; then totals."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("layer")
    table.add_column("output", justify="right")
    table.add_column("parameters", justify="right")
    table.add_column("", justify="right", style="bold")
    table.add_column("multiply-adds", justify="right")
    for row in info["layers"]:
        named = row["name"] if row["name"].lower() != row["type"].lower() else ""
        layer = Text(row["type"])
        if named and not _is_automatic(named, row["type"]):
            layer.append(f" {named}", style="dim")
        table.add_row(
            layer,
            "×".join(map(str, row["output_shape"])),
            row["arithmetic"],
            f"{row['parameters']:,}" if row["parameters"] else "",
            "?"
            if row["multiply_adds"] is None
            else f"{row['multiply_adds'] or '':,}"
            if row["multiply_adds"]
            else "",
        )
    frozen = info["parameters"] - sum(row["trainable"] for row in info["layers"])
    totals = f"{info['parameters']:,} parameters"
    if frozen:
        totals += f" ({frozen:,} of them not trained)"
    totals += f", {_format_bytes(info['parameters_bytes'])}"
    if info["multiply_adds"]:
        totals += f", {info['multiply_adds']:,} multiply-adds a row"
    return Group(table, Text(totals, style="bold"))


def print_results(console: Console, run: Run) -> None:
    """The table of scores, where the time went, and where the report is."""
    info, metrics = run.info, run.metrics
    parts = [part for part in PARTS if part in metrics]
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("")
    for part in parts:
        table.add_column(part, justify="right")
    for name in dict.fromkeys(name for part in parts for name in metrics[part]):
        table.add_row(
            label_metric(name, info),
            *(_format_score(metrics[part].get(name)) for part in parts),
        )
    console.print(Padding(table, (1, 0)))
    seconds = info["seconds"]
    stages = ", ".join(f"{stage} {s:.1f}" for stage, s in seconds.items() if s >= 0.05)
    times = Text(f"{sum(seconds.values()):.1f} s: {stages}", style="dim")
    console.print(times, soft_wrap=not console.is_terminal)
    if "profile" in info:
        console.print(Text(info["profile"]), soft_wrap=not console.is_terminal)
        console.print(Text(f"trace   {run.profile_path}", style="dim"), soft_wrap=True)
    _print_report_path(console, run)


def print_evaluation(console: Console, run: Run) -> None:
    """The scores of a saved model on rows with known answers, by class where it tells classes."""
    info, (part, scores) = run.info, next(iter(run.metrics.items()))
    n_rows = info["dataset"]["rows"][part]
    rows = f"{n_rows:,} row{'s' if n_rows != 1 else ''} of {info['evaluated']}"
    title = Text(info["name"], style="bold").append(f"  {rows}", style="not bold dim")
    console.print(title, soft_wrap=True)
    table = Table(box=None, padding=(0, 3, 0, 0), show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for name, value in scores.items():
        table.add_row(label_metric(name, info), _format_score(value))
    console.print(Padding(table, (1, 0)))
    if classes := _make_class_table(run):
        console.print(Padding(classes, (0, 0, 1, 0)))
    print_warnings(console, info["warnings"])
    _print_report_path(console, run)


def _make_class_table(run: Run) -> Table | None:
    """Precision, recall and F1 of each class; None of too many classes, or of numbers."""
    from kerasrecipes.report.results import read_results
    from kerasrecipes.report.tables import score_classes

    rows = score_classes(read_results(run))
    if not 0 < len(rows) <= _MOST_CLASSES:
        return None
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("class", overflow="fold")
    for heading in ("precision", "recall", "F1", "rows"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        scores = ("–" if score is None else f"{score:.4f}" for score in row.scores)
        style = "dim" if row is rows[-1] else ""
        table.add_row(Text(row.name), *scores, f"{row.n_rows:,}", style=style)
    return table


def print_stopped(console: Console, run: Run) -> None:
    """What is left of a run that was interrupted or failed, and where its report is."""
    info = run.info
    epochs = f"{info.get('epochs_run', 0):,} of {info['epochs']:,} epochs"
    kept = " The model as it was then is kept." if run.model_path.exists() else ""
    console.print(Text(f"{info['status'].capitalize()} after {epochs}.{kept}"), soft_wrap=True)
    _print_report_path(console, run)


def _print_report_path(console: Console, run: Run) -> None:
    line = Text("report  ", style="dim").append(str(run.report_path), style="bold not dim")
    console.print(line, soft_wrap=True)  # a path broken in two cannot be clicked or copied


def label_metric(name: str, info: Mapping[str, Any]) -> str:
    """A metric's name with the unit that it is measured in."""
    data = info["dataset"]
    if name == "loss":
        unit = ", standardised" if data["standardized"] else ""
        return f"loss ({info['loss']}{unit})"
    if name.endswith("_original_units"):
        return f"{name.removesuffix('_original_units')} ({data['target_unit'] or 'original units'})"
    return name


def _is_automatic(name: str, layer_type: str) -> bool:
    """Whether Keras made the name up: "dense_1" of Dense, "conv2d" of Conv2D."""
    stem = name.rstrip("0123456789").rstrip("_").replace("_", "")
    return stem.lower() in (layer_type.lower(), layer_type.lower().rstrip("0123456789"))


def _format_score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def _format_bytes(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
