"""Names and numbers of a comparison as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from kerasrecipes.compare.statistics import Comparison
from kerasrecipes.report.words import name_metric


def find_prefix(names: Sequence[str]) -> str:
    """Find what all names begin with, up to a space or a mark: ``fashion_relu_``; may be empty."""
    first = names[0]
    prefixes = ["", *(first[: mark.end()] for mark in re.finditer(r"[\s_./:-]", first))]
    shared = (p for p in prefixes if all(name.startswith(p) and name != p for name in names))
    return max(shared, key=len, default="") if len(names) > 1 else ""


def shorten(text: str, length: int) -> str:
    """Cut out a text's middle if it is longer than so many characters; names differ at the ends."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def choose_decimals(spreads: Iterable[float]) -> int:
    """Choose how many decimals show two digits of the smallest spread: 2 to 6."""
    seen = [spread for spread in spreads if math.isfinite(spread) and spread > 0]
    return min(max(1 - math.floor(math.log10(min(seen))), 2), 6) if seen else 4


def write_decimal(value: float, decimals: int, *, sign: bool = False) -> str:
    """Write a number with so many decimals, a true minus, and a plus if asked for."""
    if not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign else ''},.{decimals}f}".replace("-", "−")


def name_scores(comparison: Comparison, part: str, unit: str) -> str:
    """Name what is compared: ``validation accuracy``, ``test MAE ($1000s)``."""
    metric = name_metric(comparison.metric, unit)
    is_word = metric[:2].istitle()  # "Accuracy", not "MAE"
    return f"{part} {metric[0].lower() if is_word else metric[0]}{metric[1:]}"


def name_draw(comparison: Comparison) -> str:
    """Name what sets a contender's runs apart: a seed, or a split (and a seed)."""
    return "seed" if comparison.test_share is None else "split"
