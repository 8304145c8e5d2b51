"""Formats numbers, names and counts for pages and terminals."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from operator import eq
from typing import Any

_METRIC_WORDS = {"r2": "R²"} | {
    name: name.upper() for name in ("auc", "mae", "mape", "mse", "rmse")
}
_CURRENCY_SIGNS = ("$", "£", "¥", "€", "₩")
_SCORES_BY_TARGET = ("mae", "r2", "rmse")


def shorten(text: str, length: int) -> str:
    """Cut the middle out of a text longer than so many characters: ``a rather…long name``."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def shorten_each(names: Iterable[str], length: int) -> list[str]:
    """Shorten names that differ; those that become equal lose their common beginning instead.

    If this does not tell them apart, they get their numbers: ``a…b (2)``.
    """
    names = [*names]
    alike, cut = defaultdict[str, list[str]](list), dict[str, str]()
    for name in dict.fromkeys(names):
        alike[shorten(name, length)].append(name)
    for short_name, group in alike.items():
        n_same = sum(takewhile(bool, map(eq, min(group), max(group))))  # letters that begin all
        start = n_same - length // 4
        for name in group:
            cut[name] = shorten(f"…{name[start:]}", length) if len(group) > 1 else short_name
    short = [cut[name] for name in names]
    counts = Counter(short)
    return [f"{name} ({i})" if counts[name] > 1 else name for i, name in enumerate(short, 1)]


def write_number(value: float, digits: int = 3, *, pad: bool = False) -> str:
    """Write a number with so many significant digits, and thousands set apart: ``1,234``.

    Padded numbers keep zeros at the end, so that those of a column line up.
    """
    if not math.isfinite(value):
        return "not finite"
    if abs(value) >= 10 ** (digits + 3):
        value = float(f"{value:.{digits}g}")
    if 10 ** (digits - 1) <= abs(value) < 1e9:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:{'#' * pad}.{digits}g}".rstrip(".").replace("-", "−")


def write_rows(rows: Mapping[str, int]) -> str:
    """Write how many rows each part has: ``283 train, 71 validation, 152 test``."""
    return ", ".join(f"{n:,} {part}" for part, n in rows.items())


def write_with_unit(value: float, unit: str) -> str:
    """Write a number and its unit, which may be empty: ``$22,983``, ``2.41 ($1000s)``, ``3 mm``."""
    number = write_number(value)
    if unit in _CURRENCY_SIGNS:
        return f"−{unit}{number[1:]}" if number.startswith("−") else f"{unit}{number}"
    if any(character.isdigit() for character in unit):  # 2.41 $1000s would be two numbers
        return f"{number} ({unit})"
    return f"{number} {unit}".rstrip()


def write_seconds(seconds: float) -> str:
    """Write a duration: ``0.42 s``, ``12.3 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds >= 0.01 else "under 0.01 s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def write_shape(shape: Sequence[int | None]) -> str:
    """Write a shape: ``28 × 28``, or ``any × 28`` if the first size may vary."""
    return " × ".join("any" if size is None else str(size) for size in shape)


def write_epochs(n_epochs: int, planned: int) -> str:
    """Write how many epochs ran: ``33``, or ``33 of 200`` if training ended early."""
    return f"{n_epochs:,} of {planned:,}" if planned > n_epochs else f"{n_epochs:,}"


def name_metric(key: str, unit: str = "") -> str:
    """Name a metric: ``mae_original_units`` is ``MAE ($1000s)``, ``r2_rent`` is ``R² of rent``."""
    base = key.removesuffix("_original_units")
    score, _, target = base.partition("_")
    if target and score in _SCORES_BY_TARGET and not base.startswith("r2_score"):
        words = f"{_METRIC_WORDS[score]} of {target}"
    else:
        words = _METRIC_WORDS.get(base, base.replace("io_u", "IoU").replace("_", " "))
        words = words[:1].upper() + words[1:]
    return words if base == key else f"{words} ({unit or 'original units'})"


def name_score(key: str, dataset: Mapping[str, Any], loss: str = "") -> str:
    """Name a metric, with what its value is measured in: ``Loss (mse, standardised)``.

    The name of the loss is added where it is scored; the facts about the data are run.json's.
    """
    facts = [loss] if key == "loss" and loss else []
    if dataset.get("standardized") and not key.endswith("_original_units"):
        facts += ["standardised"] * (not key.startswith("r2"))
    words = f" ({', '.join(facts)})" if facts else ""
    return f"{name_metric(key, dataset.get('target_unit') or '')}{words}"
