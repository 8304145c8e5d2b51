"""Numbers and metric names as people write them."""

from __future__ import annotations

import math

_METRIC_WORDS = {
    "auc": "AUC",
    "mae": "MAE",
    "mape": "MAPE",
    "mse": "MSE",
    "r2": "R²",
    "rmse": "RMSE",
}
_SCORES_BY_TARGET = ("mae", "r2", "rmse")


def shorten(name: str, n_characters: int) -> str:
    """Cut a name that is too long for its place, and say so: ``a rather long n…``."""
    return name if len(name) <= n_characters else f"{name[: n_characters - 1]}…"


def write_number(value: float, digits: int = 3) -> str:
    """Write a number with so many significant digits, and thousands set apart: ``1,234``."""
    if not math.isfinite(value):
        return "not finite"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")


def write_percent(share: float) -> str:
    """Write a share from 0 to 1 as a percentage with one decimal: ``87.2%``."""
    return f"{share:.1%}"


def write_count(n: int, noun: str) -> str:
    """Write a count and its noun: ``1 row``, ``1,200 rows``, ``2 classes``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def write_with_unit(value: float, unit: str) -> str:
    """Write a number and its unit, which may be empty: ``2.41 ($1000s)``."""
    return f"{write_number(value)} ({unit})" if unit else write_number(value)


def write_bytes(n_bytes: int) -> str:
    """Write a size in powers of 1,000: ``818 kB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{write_number(n_bytes / size)} {unit}"
    return f"{n_bytes} B"


def write_seconds(seconds: float) -> str:
    """Write a duration: ``0.42 s``, ``12.3 s``, ``4 min 10 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds >= 0.01 else "under 0.01 s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def name_metric(key: str, unit: str = "") -> str:
    """Name a metric: ``mae_original_units`` is ``MAE ($1000s)``, ``r2_rent`` is ``R² of rent``."""
    base = key.removesuffix("_original_units")
    score, _, target = base.partition("_")
    if target and score in _SCORES_BY_TARGET:
        words = f"{_METRIC_WORDS[score]} of {target}"
    else:
        words = _METRIC_WORDS.get(base, base.replace("_", " ").capitalize())
    return words if base == key else f"{words} ({unit or 'original units'})"
