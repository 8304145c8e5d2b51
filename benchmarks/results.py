"""Kept measurements, and what is computed from them: medians, and ratios within a round."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import ROOT, Figures

FOLDER = ROOT / "benchmarks" / "results"
"""One file for each workload; not in git."""

Read = Callable[[Figures], float]


@dataclass(frozen=True)
class Results:
    """The measurements of one workload.

    Attributes:
        run: Tells which of them were measured by one command; empty where several were needed.
    """

    run: str
    date: str
    machine: dict[str, str]
    is_quick: bool
    rounds: int
    facts: dict[str, Any]
    measurements: dict[str, list[Figures]]

    def list_values(self, key: str, read: Read) -> list[float | None]:
        """A contender's value in every round; None where it failed or has no such value."""
        return [_try_to_read(figures, read) for figures in self.measurements.get(key, ())]

    def find_median(self, key: str, read: Read) -> float | None:
        """The median over rounds, or None without any."""
        values = [value for value in self.list_values(key, read) if value is not None]
        return statistics.median(values) if values else None

    def find_ratio(self, key: str, other: str, read: Read) -> float | None:
        """The median over rounds of one contender's value divided by another's."""
        pairs = zip(self.list_values(key, read), self.list_values(other, read), strict=False)
        ratios = [a / b for a, b in pairs if a is not None and b]
        return statistics.median(ratios) if ratios else None

    def find_error(self, key: str) -> str | None:
        """The reason why a contender has no figures, if it has none."""
        figures = self.measurements[key]
        errors = [one["error"] for one in figures if "error" in one]
        return errors[0] if len(errors) == len(figures) else None

    def find_fastest(self, keys: tuple[str, ...], read: Read) -> str | None:
        """The contender with the smallest median."""
        medians = {key: self.find_median(key, read) for key in keys}
        known = {key: median for key, median in medians.items() if median is not None}
        return min(known, key=known.__getitem__, default=None)


def keep(name: str, found: dict[str, Any]) -> None:
    """Store a workload's measurements; keep those of contenders that were not measured now."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.json"
    if file.exists():
        before = json.loads(file.read_text(encoding="utf-8"))
        others = before["measurements"].keys() - found["measurements"].keys()
        if others and before["is_quick"] == found["is_quick"]:
            found["measurements"] = before["measurements"] | found["measurements"]
            found["run"] = ""
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def load_all() -> dict[str, Results]:
    """The stored measurements, by workload."""
    return {
        file.stem: Results(**json.loads(file.read_text(encoding="utf-8")))
        for file in sorted(FOLDER.glob("*.json"))
    }


def read_fit(figures: Figures) -> float:
    return figures["seconds"]["fit"]


def read_wall(figures: Figures) -> float:
    return figures["wall_s"]


def read_peak(figures: Figures) -> float:
    return figures["peak_mb"]


def _try_to_read(figures: Figures, read: Read) -> float | None:
    try:
        return None if "error" in figures else read(figures)
    except KeyError:
        return None
