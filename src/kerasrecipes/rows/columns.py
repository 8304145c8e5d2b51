"""Which columns of a table are used, and how each is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from kerasrecipes.errors import raise_problems
from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.kinds import Column, find_row_number, take_column
from kerasrecipes.rows.words import ask_meant, list_columns, write_use

if TYPE_CHECKING:
    from kerasrecipes.rows.table import LoadedTable

ROLES = {key: f"{key}s of the split" for key in ("group", "time")} | {"split": "names the part"}
"""Why a column is left out, by the key that names it."""


def find_columns(
    table: LoadedTable, spec: DatasetSpec, targets: Sequence[str], text: Component | None = None
) -> tuple[tuple[Column, ...], tuple[tuple[str, str], ...]]:
    """Decide which columns are used, and how each is taken.

    ``features`` of the recipe wins, its names before its patterns; other columns are taken by their
    types and values. Columns of ``drop`` and targets are left aside. ``text`` says how a first
    layer takes columns of text; without it, free text is left out.

    Returns:
        The columns that are used, in the table's order; and pairs of another column and the reason.

    Raises:
        DataError: The recipe does not fit the columns; it lists everything.
    """
    names = table.names
    # A series has its target's past among the inputs.
    aside = {*spec.drop, spec.sample_weight, *(() if spec.timeseries else targets)}
    reasons = {name: ROLES[key] for key, name in spec.roles.items() if name not in spec.features}
    aside |= {*reasons}
    free = [name for name in names if name not in aside]
    features = _expand_patterns(spec.features, free)
    if text:
        chosen = [name for name, use in features.items() if use.name == "text"]
        others = [name for name in free if name not in features and table.take_cells(name).is_text]
        features |= dict.fromkeys(chosen or others, text)
    spec = spec.model_copy(update={"features": features})
    raise_problems(table.name, check_names(names, spec, targets))
    problems: list[str] = []
    used: list[Column] = []
    numbered: dict[str, str] = {}
    for name in [name for name in names if name not in aside]:
        if name in features:
            column = _take_column(table, name, features[name])
            is_first = features[name] is text
            reason = "the first layer vectorises texts" if is_first else column.reason
            used.append(replace(column, reason=reason))
            continue
        finding = table.recognise(name)
        if finding.wrong:
            use = write_use(name, "string_categorical")
            problems.append(
                f"column {name}: {finding.hint} and missing: median; to use categories: {use}."
            )
        elif finding.column is None or finding.column.kind == "text":
            reasons[name] = "; ".join(filter(None, (finding.reason, finding.hint)))
        else:
            reason = "; ".join(filter(None, (finding.column.reason, finding.hint)))
            used.append(replace(finding.column, reason=reason))
            if start := find_row_number(table.take_cells(name)):
                numbered[name] = start
    # Where nothing else is there to learn from, 0, 1, 2, … is likely an x to draw a curve over.
    if len(numbered) < len(used):
        used = [column for column in used if column.name not in numbered]
        reasons |= numbered
    left_out = tuple((name, reasons[name]) for name in names if name in reasons)
    raise_problems(table.name, problems or _check_used(used, left_out, spec))
    return tuple(used), left_out


def _expand_patterns(features: Mapping[str, Component], names: Sequence[str]) -> dict[str, Any]:
    """Give each column that a pattern such as "pixel*" matches the pattern's feature."""
    expanded = dict(features)
    for pattern in features:
        matched = [name for name in names if fnmatchcase(name, pattern)]
        if pattern not in names and matched:
            feature = expanded.pop(pattern)
            expanded = dict.fromkeys(matched, feature) | expanded
    return expanded


def check_names(names: Sequence[str], spec: DatasetSpec, targets: Sequence[str]) -> Iterator[str]:
    """Check the columns that a recipe names, before their values are read."""
    named = [("target", targets), ("drop", spec.drop), ("features", spec.features)]
    named += [(key, [name]) for key, name in spec.roles.items()]
    weights = [spec.sample_weight] if spec.sample_weight else []
    named += [("sample_weight", weights), *(("crosses", c.feature_names) for c in spec.crosses)]
    roles = dict.fromkeys(weights, "sample_weight")
    roles |= {} if spec.timeseries else dict.fromkeys(targets, "target")
    for key, columns in named:
        for name in columns:
            if name not in names:
                yield f"{key}: no column '{name}'.{ask_meant(name, names)} {list_columns(names)}"
            elif key != (role := roles.get(name, key)):
                yield f"{key}: '{name}' is the {role}. Remove it from {key}."
            elif key == "features" and name == spec.time:  # it may only say how dates are written
                continue
            elif key not in ("target", "drop", *spec.roles) and name in spec.drop:
                yield f"{key}: '{name}' is in drop too. Remove it from one of them."


def _take_column(table: LoadedTable, name: str, feature: Component) -> Column:
    """Take a column as ``features`` says, with the reason that its values give for the same."""
    column = take_column(table.take_cells(name), feature)
    found = table.recognise(name).column if column.kind != "date" else None  # has its reason
    if found is None or found.feature != column.feature:
        return column
    is_same = found.arguments.items() <= column.arguments.items()
    return replace(column, reason=found.reason) if is_same else column


def _check_used(
    used: Sequence[Column], left_out: Sequence[tuple[str, str]], spec: DatasetSpec
) -> Iterator[str]:
    if not used:
        why = "".join(f" {name} is left out: {reason}." for name, reason in left_out[:5])
        yield f"no column is left to learn from.{why} Keep at least one."
    categories = [column.name for column in used if column.kind == "category"]
    for name in dict.fromkeys(name for cross in spec.crosses for name in cross.feature_names):
        if name not in categories:
            use = write_use(name, "integer_categorical")
            yield f"crosses: '{name}' is not used as a category; to use it so: {use}."
    inputs = Counter(name for column in used for name in column.inputs)
    for name, n in inputs.items():
        if n > 1:
            yield f"{n} columns give an input '{name}'. Rename one, or leave it out with drop."
