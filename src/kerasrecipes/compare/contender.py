"""What is compared: a recipe and the runs that it was trained in."""

from __future__ import annotations

from dataclasses import dataclass

from kerasrecipes.runs import Run


@dataclass(frozen=True)
class Contender:
    """A recipe and its finished runs.

    Attributes:
        name: The recipe's name, in its author's words; no two contenders share one.
        runs: One per seed, in the order of the seeds.
    """

    name: str
    runs: tuple[Run, ...]
