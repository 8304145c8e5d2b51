"""Prints a drafted recipe in a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kerasrecipes.drafting import Draft
from kerasrecipes.drafting.plan import describe_classes
from kerasrecipes.recipe.names import make_printable
from kerasrecipes.rows.words import count, list_some

_NAMES_SHOWN = 4


def print_draft(console: Console, draft: Draft) -> None:
    """Print the findings, the choices with their reasons, and the next commands."""
    found = draft.found
    heading = Text(str(draft.file), style="bold")
    heading.append(f"  a recipe for {found.path.name}", style="not bold dim")
    console.print(heading, soft_wrap=True)
    columns = [
        (column.name, ", ".join(column.parts) or column.feature, column.reason)
        for column in found.source.columns
    ]
    left_out = [(name, reason.split("; to use it")[0]) for name, reason in found.drop.items()]
    hints = Table("look at this first", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for hint in (*found.hints, *draft.dataset.checks):
        hints.add_row(_make_text(hint))
    for table in (
        _make_facts(draft),
        _make_table(("column", "taken as", "why"), columns),
        _make_table(("left out", "why"), left_out),
        hints,
    ):
        if table.row_count:
            console.print(Padding(table, (1, 0, 0, 0)))
    console.print()
    console.print(Text("Train it, or change it first: its comments explain it.", style="dim"))
    file = shlex.quote(str(draft.file))
    console.print(Text(f"  kerasrecipes train {file}", style="bold"), soft_wrap=True)


def _make_facts(draft: Draft) -> Table:
    found, source = draft.found, draft.found.source
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    parts = draft.dataset.parts.items()
    facts.add_row("rows", ", ".join(f"{len(part):,} {name}" for name, part in parts))
    if found.target:
        reason = found.target_reason
        chosen = f"  {reason} Choose another with --target." if reason else ""
        facts.add_row("target", _make_text(found.target, "bold").append(chosen, style="not bold"))
    what = f"{source.target.min():,.6g} to {source.target.max():,.6g}"
    if source.task == "classification":
        what = describe_classes(found)
    separator = ", " if source.task == "classification" else ": "
    facts.add_row("task", _make_text(f"{source.task}{separator}{what}"))
    if gaps := _describe_gaps(draft):
        facts.add_row("missing", _make_text(gaps))
    if found.images and found.images.image_size:
        height, width = found.images.image_size
        facts.add_row("images", f"resized to {height}×{width}: {found.images.size_reason}")
    sizes = [
        (layer.name, layer.arguments.get("units") or layer.arguments.get("filters"))
        for layer in draft.recipe.layers
    ]
    facts.add_row("layers", ", ".join(f"{name} {size}" for name, size in sizes if size))
    return facts


def _describe_gaps(draft: Draft) -> str:
    found = draft.found
    texts = [f"{name} {n:,}" for name, n in [*found.gaps.items()][:_NAMES_SHOWN]]
    if len(found.gaps) > _NAMES_SHOWN:
        texts.append(f"and {len(found.gaps) - _NAMES_SHOWN:,} columns more")
    kinds = {c.kind in ("category", "text") for c in found.source.columns if c.name in found.gaps}
    hows = ["filled with the median"] if False in kinds else []
    hows += ["a category of their own"] if True in kinds else []
    parts = [f"{', '.join(texts)}: {' or '.join(hows)} (missing: median)"] if texts else []
    if found.n_unanswered:
        parts.append(f"{count(found.n_unanswered, 'row')} without {found.target}: left out")
    return "; ".join(parts)


def _make_table(headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    """Names and what describes them; names with the same description share a line."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(heading, style="dim" if heading == "why" else None, overflow="fold")
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, *description in rows:
        alike.setdefault(tuple(description), []).append(name)
    for shared, names in alike.items():
        table.add_row(*map(_make_text, (list_some(names), *shared)))
    return table


def _make_text(text: str, style: str = "") -> Text:
    return Text(make_printable(text), style=style)
