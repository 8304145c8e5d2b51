"""Values changed at random, for tests of files that anybody may have edited."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings

VALUES: tuple[Any, ...] = (
    *(None, True, "", "x", "<b>", "/etc/hostname", "Dense", "float16"),
    *(0, -1, 3, 2.5, 10**6, 10**30, 1e308, float("nan"), float("inf")),
    *([], {}, [[]], [None], ["x"], [1], [{}], {"a": 1}, {"x": {}}),
    {"class_name": "Dense", "module": "keras.layers", "config": {"units": 3}},
)

KeyPath = tuple[str | int, ...]


def fuzzing(n_cases: int) -> settings:
    """The same cases in every run of the tests, however long each takes."""
    return settings(
        max_examples=n_cases,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def find_paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """The place of every value, the whole included; of lists, the first three items."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from find_paths(value[key], (*path, key))
    elif isinstance(value, list):
        for i in range(min(len(value), 3)):
            yield from find_paths(value[i], (*path, i))


def mutate(value: Any, n: int, seed: int) -> Iterator[tuple[str, Any]]:
    """Give mutants of a value, each with a description."""
    rng = random.Random(seed)
    paths = [*find_paths(value)]
    for _ in range(n):
        path, new = rng.choice(paths), copy.deepcopy(rng.choice(VALUES))
        if not path:
            yield f"all = {new!r}", new
            continue
        mutant = copy.deepcopy(value)
        inner = mutant
        for key in path[:-1]:
            inner = inner[key]
        if rng.random() < 0.15:
            del inner[path[-1]]
            yield f"without {path}", mutant
        else:
            inner[path[-1]] = new
            yield f"{path} = {new!r}", mutant
