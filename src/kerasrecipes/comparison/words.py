"""Formats names and numbers of a comparison."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence


def find_prefix(names: Sequence[str]) -> str:
    """Find the common prefix of names, up to a space or mark: ``fashion_relu_``; may be empty."""
    first = names[0]
    prefixes = ["", *(first[: mark.end()] for mark in re.finditer(r"[\s_./:-]", first))]
    shared = (p for p in prefixes if all(name.startswith(p) and name != p for name in names))
    return max(shared, key=len, default="") if len(names) > 1 else ""


def choose_decimals(spreads: Iterable[float]) -> int:
    """Choose how many decimals show two digits of the smallest spread: 2 to 6."""
    seen = [spread for spread in spreads if math.isfinite(spread) and spread > 0]
    return min(max(1 - math.floor(math.log10(min(seen))), 2), 6) if seen else 4


def write_decimal(value: float, decimals: int, sign: bool = False) -> str:
    """Write a number with so many decimals, a true minus, and a plus if requested."""
    if not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign else ''},.{decimals}f}".replace("-", "−")


def lower_first(metric: str) -> str:
    """Write a metric's name as inside a sentence: ``accuracy``, but ``MAE``."""
    return metric[0].lower() + metric[1:] if metric[:2].istitle() else metric
