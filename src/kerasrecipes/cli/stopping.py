"""What a signal does to a command that trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console


@contextmanager
def training(console: Console, command: str = "") -> Iterator[None]:
    """Train in a block: a signal ends the command with its exit code.

    Args:
        console: What it cannot print is dropped.
        command: The command that continues, for a message; empty if the block prints its own.
    """
    from kerasrecipes.console import dropping
    from kerasrecipes.interrupts import Interrupted

    try:
        with dropping(console):
            yield
    except Interrupted as error:
        if command:
            console.print(f"Interrupted. To continue: {command}", soft_wrap=True)
        raise typer.Exit(error.exit_code) from None
