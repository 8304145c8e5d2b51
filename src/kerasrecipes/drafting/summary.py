"""What a terminal says of a recipe that was drafted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kerasrecipes.drafting import Draft
from kerasrecipes.drafting.commented import make_printable
from kerasrecipes.drafting.plan import count_classes
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.words import count, list_some

_NAMES_SHOWN = 4


def print_draft(console: Console, draft: Draft) -> None:
    """Say what was found, what was chosen and why, and what to do next."""
    console.print(
        Text(str(draft.file), style="bold").append(
            f"  a recipe for {draft.found.path.name}", style="not bold dim"
        ),
        soft_wrap=True,
    )
    tables = (
        _make_facts(draft),
        _make_columns(draft.found.source.columns),
        _make_left_out(draft),
        _make_hints(draft.found.hints),
    )
    for table in tables:
        if table.row_count:
            console.print(Padding(table, (1, 0, 0, 0)))
    console.print()
    console.print(Text("Train it, or change it first: its comments say what is what.", style="dim"))
    file = shlex.quote(str(draft.file))
    console.print(Text(f"  kerasrecipes train {file}", style="bold"), soft_wrap=True)


def _make_facts(draft: Draft) -> Table:
    found, dataset = draft.found, draft.dataset
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    rows = ", ".join(f"{len(part):,} {name}" for name, part in dataset.parts.items())
    facts.add_row("rows", rows)
    if found.target:
        reason = found.target_reason
        chosen = f", chosen {reason} (another: --target)" if reason else ""
        target = Text(make_printable(found.target), style="bold")
        facts.add_row("target", target.append(chosen, style="not bold"))
    facts.add_row("task", Text(make_printable(_describe_task(draft))))
    if found.gaps or found.n_unanswered:
        facts.add_row("missing", Text(make_printable(_describe_gaps(draft))))
    if found.images and found.images.image_size:
        height, width = found.images.image_size
        facts.add_row("images", f"brought to {height}×{width}: {found.images.size_reason}")
    facts.add_row("layers", _describe_layers(draft))
    return facts


def _describe_layers(draft: Draft) -> str:
    sizes = (
        (layer.name, layer.arguments.get("units") or layer.arguments.get("filters"))
        for layer in draft.recipe.layers
    )
    return ", ".join(f"{name} {size}" for name, size in sizes if size)


def _describe_task(draft: Draft) -> str:
    source = draft.found.source
    if source.task == "regression":
        return f"regression: {source.target.min():,.6g} to {source.target.max():,.6g}"
    counts = [f"{name} {n:,}" for name, n in count_classes(draft.found).items()]
    return f"classification, {len(counts):,} classes: {list_some(counts)}"


def _describe_gaps(draft: Draft) -> str:
    found = draft.found
    texts = [f"{name} {n:,}" for name, n in [*found.gaps.items()][:_NAMES_SHOWN]]
    if len(found.gaps) > _NAMES_SHOWN:
        texts.append(f"and {len(found.gaps) - _NAMES_SHOWN:,} columns more")
    filled = [f"{', '.join(texts)}: filled by missing: median"] if texts else []
    n = found.n_unanswered
    unanswered = [f"{count(n, 'row')} without {found.target}: left out"] if n else []
    return "; ".join([*filled, *unanswered])


def _make_columns(columns: Sequence[Column]) -> Table:
    """How each column is taken; those that are taken alike share a line."""
    table = _make_table("column", "taken as", "why")
    alike: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        feature = ", ".join(column.parts) or column.feature
        alike.setdefault((feature, column.reason), []).append(column.name)
    for (feature, reason), names in alike.items():
        table.add_row(_show_names(names), Text(feature), Text(make_printable(reason)))
    return table


def _make_left_out(draft: Draft) -> Table:
    table = _make_table("left out", "why")
    alike: dict[str, list[str]] = {}
    for name, reason in draft.found.drop.items():
        alike.setdefault(reason.split("; to use it")[0], []).append(name)
    for reason, names in alike.items():
        table.add_row(_show_names(names), Text(make_printable(reason)))
    return table


def _make_hints(hints: Sequence[str]) -> Table:
    table = _make_table("look at this first")
    for hint in hints:
        table.add_row(Text(make_printable(hint)))
    return table


def _make_table(*headers: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for header in headers:
        table.add_column(header, style="dim" if header == "why" else None, overflow="fold")
    return table


def _show_names(names: Sequence[str]) -> Text:
    return Text(make_printable(list_some(names)))
