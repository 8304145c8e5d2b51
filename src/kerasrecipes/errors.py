"""Every error that kerasrecipes raises on purpose.

    KerasRecipesError         a message for the user: the command line shows it without a traceback
    ├── InputError            the user's input is wrong                      (exit code 2)
    │   ├── RecipeError       a recipe or an override; carries every Problem found
    │   ├── DataError         the data break a rule; carries every broken rule
    │   ├── DataUnavailable   a data set is not available; carries the attempts
    │   ├── RunNotFound       no such run folder
    │   └── RunDamaged        a file of a run folder cannot be used
    └── RunFailed             the run itself went wrong                        (exit code 1)

Anything else that escapes is a bug, and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_PROBLEMS = 100
"""How many problems of a recipe a message lists."""

KeyPath = tuple[str | int, ...]
"""The place of a value in a recipe: ``("layers", 2, "Dense", "units")``."""


class KerasRecipesError(Exception):
    """Base of every error with a message for the user."""

    exit_code = 1


class InputError(KerasRecipesError):
    """The user's input is wrong; the message gives the place, the rule and the fix."""

    exit_code = 2


@dataclass(frozen=True)
class Location:
    """A place: a file's line and column, or the command line."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True)
class Problem:
    """One broken rule of a recipe, and the place of the value."""

    path: KeyPath
    message: str  # the rule, what was received, and the remedy
    location: Location | None = None  # None if the value is not from a file

    def __str__(self) -> str:
        head = "  ".join(str(part) for part in (self.location, format_path(self.path)) if part)
        body = self.message[:3000].replace("\n", "\n  ")
        return f"{head[:1000]}\n  {body}" if head else body


def format_path(path: KeyPath) -> str:
    """Write a key path as text: ``layers[2].Dense.units``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(eq=False)
class RecipeError(InputError):
    """A recipe breaks one or more rules."""

    problems: Sequence[Problem]  # in the order of the file

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:MAX_PROBLEMS]]
        if len(self.problems) > MAX_PROBLEMS:
            lines.append(f"There are more than {MAX_PROBLEMS} problems. Fix these first.")
        return "\n".join(lines)


@dataclass(eq=False)
class DataError(InputError):
    """The data set of this name breaks one or more rules that are checked before training."""

    dataset: str
    problems: Sequence[str]  # each names columns and rows
    locations: Sequence[Location | None] = ()  # in the recipe, of each problem

    def __post_init__(self) -> None:
        self.problems = tuple(self.problems)

    def __str__(self) -> str:
        places = self.locations or [None] * len(self.problems)
        lines = []
        for place, problem in zip(places, self.problems, strict=True):
            head = f"{place}  " if place else ""
            lines.append(f"{head}dataset {self.dataset}\n  {problem}")
        return "\n".join(lines)


def raise_problems(dataset: str, problems: Iterable[str]) -> None:
    """Raise DataError if there are problems."""
    if found := [*problems]:
        raise DataError(dataset, found)


@dataclass(eq=False)
class DataUnavailable(InputError):
    """The data set of this name is not on this machine, and every source failed."""

    dataset: str
    attempts: Sequence[tuple[str, str]]  # a source, and why it failed
    remedies: Sequence[str]  # best first

    def __str__(self) -> str:
        lines = [f"dataset {self.dataset} is not available. Tried:"]
        lines += [f"  {i}. {what}: {why}" for i, (what, why) in enumerate(self.attempts, 1)]
        lines += ["What you can do:", *(f"  - {remedy}" for remedy in self.remedies)]
        return "\n".join(lines)


class RunNotFound(InputError):
    """There is no run folder at the given path."""


@dataclass(eq=False)
class RunDamaged(InputError):
    """A file of a run folder is damaged, or is not what a run writes."""

    file: Path
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.file} cannot be used: {self.reason}. Restore the file, or train the recipe "
            "again."
        )


class RunFailed(KerasRecipesError):
    """The run itself failed: the loss became NaN, or the saved model differs."""
