"""The key ``sweep`` of a recipe: which values a sweep tries, how, and how many."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from kerasrecipes.errors import KeyPath
from kerasrecipes.recipe.schema import Model, Name
from kerasrecipes.recipe.yaml_file import write_value

_FORMS = ("int", "log_int", "uniform", "log_uniform")
_RULE = (
    "must be a list of different values, or {uniform: [low, high]}, {int: [low, high]}, "
    "{log_uniform: [low, high]} or {log_int: [low, high]} with low < high, above 0 for a log; a "
    "third number is the step of uniform or int"
)
_NOT_SWEPT = ("extends", "name", "description", "seed", "device", "report", "sweep")
_DATASET = ("features", "crosses", "drop", "missing_indicator", "standardize_target")
"""Keys of ``dataset`` that change the inputs of rows, but neither rows, parts nor target."""
_DIGITS = 4  # of numbers that are tried, so that a recipe with them is easy to read


class SweepSpec(Model):
    """How a sweep searches: ``ranges`` by the path of a value, as in overrides."""

    ranges: dict[str, Any] = Field(min_length=1)
    strategy: Literal["grid", "random", "tpe"] = "tpe"
    metric: Name | None = None  # of validation rows; None: the first metric
    trials: int | None = Field(default=None, ge=1)
    # No further training begins after so many minutes.
    minutes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    # A training ends if its score is worse than the median of the others.
    prune: bool = False


@dataclass(frozen=True)
class Range:
    """The values that a sweep tries at one place of a recipe: a list, or else from low to high."""

    key: str  # as it is written, such as "optimizer.SGD.learning_rate"
    values: dict[str, Any] = field(default_factory=dict)  # by their texts
    low: float = 0
    high: float = 0
    step: float | None = None
    is_int: bool = False
    is_log: bool = False

    @property
    def path(self) -> KeyPath:
        """Where the values go in a recipe."""
        return parse_path(self.key)

    @property
    def ends(self) -> list[Any]:
        """The texts of a list, or the lowest and the highest number."""
        return [*self.values] or [self.low, self.high]

    def list_all(self) -> list[Any]:
        """The texts of a list, or all numbers; empty if they cannot be counted."""
        if self.values or self.step is None:
            return [*self.values]
        n_steps = math.floor((self.high - self.low) / self.step + 1e-9)
        return [self.low + i * self.step for i in range(n_steps + 1)]

    def get_value(self, choice: Any) -> Any:
        """The recipe's value for a text or a number."""
        if self.values:
            return self.values[choice]
        return choice if self.is_int else float(f"{choice:.{_DIGITS}g}")


def parse_path(key: str) -> KeyPath:
    """Read a path such as ``layers.2.Dense.units`` or ``layers[2].Dense.units``."""
    return tuple(
        int(part) if i and re.fullmatch("[0-9]{1,9}", part) else part
        for i, part in enumerate(re.findall(r"[^.\[\]]+", key.strip()))
    )


def read_range(key: str, value: Any) -> Range:
    """Read a range; raise ValueError with the rule where it is none."""
    if isinstance(value, list):
        values = {v if isinstance(v, str) else write_value(v, 1000): v for v in value}
        if not 0 < len(values) == len(value):
            raise ValueError(_RULE)
        return Range(key, values)
    form, numbers = next(iter(value.items())) if isinstance(value, dict) and value else ("", None)
    if form not in _FORMS or len(value) > 1 or not isinstance(numbers, list):
        raise ValueError(_RULE)
    is_int, is_log = form.endswith("int"), form.startswith("log_")
    kinds = (int,) if is_int else (int, float)
    are_numbers = all(type(n) in kinds and math.isfinite(n) for n in numbers)
    if not are_numbers or len(numbers) not in (2, 3):
        raise ValueError(_RULE)
    low, high, *steps = numbers
    are_in_order = low < high and all(0 < step <= high - low for step in steps)
    if not are_in_order or (is_log and (steps or low <= 0)):
        raise ValueError(_RULE)
    step = steps[0] if steps else 1 if form == "int" else None
    found = Range(key, {}, low, high, step, is_int, is_log)
    return Range(key, {}, low, found.list_all()[-1], step, is_int) if step else found


def check_sweep(sweep: Any) -> Iterator[tuple[KeyPath, str]]:
    """Check the ranges of ``sweep``, and that it ends; yield the path and problem of a key."""
    if not isinstance(sweep, dict) or not isinstance(sweep.get("ranges"), dict):
        return
    for key, value in sweep["ranges"].items():
        place, path = ("sweep", "ranges", key), parse_path(key)
        if not path or path[0] in _NOT_SWEPT:
            yield place, f"A sweep does not vary {key or 'an empty key'}. Remove it."
        elif path[0] == "dataset" and path[1:2] and path[1] not in _DATASET:
            yield place, f"Trials have the same rows, so a sweep does not vary {key}. Remove it."
        try:
            is_countable = bool(read_range(key, value).list_all())
        except ValueError as error:
            yield place, f"{key} {error} (received: {write_value(value)})."
        else:
            if sweep.get("strategy") == "grid" and not is_countable:
                yield place, f"A grid needs values that can be counted. Write {key} as a list."
    if sweep.get("strategy") != "grid" and not (sweep.get("trials") or sweep.get("minutes")):
        yield ("sweep",), "A sweep needs an end. Write trials: 24, or minutes: 30."
