"""Which columns of a table are used, how each is taken, and what to check in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import raise_problems
from kerasrecipes.recipe.components import Component
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells
from kerasrecipes.rows.kinds import Column, DateColumn, NumberColumn, find_row_number, take_column
from kerasrecipes.rows.splits import read_times
from kerasrecipes.rows.target import ColumnsRead, Target
from kerasrecipes.rows.words import ask_meant, list_columns, list_some, write_use

if TYPE_CHECKING:
    from kerasrecipes.rows.table import LoadedTable

ROLES = {key: f"{key}s of the split" for key in ("group", "time")} | {"split": "names the part"}
"""Why a column is left out, by the key that names it."""

_FEWEST_ROWS = 5
_SAMPLE = 1_000
_GROUPS = re.compile(
    r"(?i:(?:.*[\W_])?(?:patient|subject|person|participant|respondent|user|customer|client|player|"
    r"driver|speaker|student|session|animal|device|machine|sensor|(?:household|family)(?=[\W_]))"
    r"(?:[\W_]?(?:id|no|nr|number|key|code))?|[ups]?id)|"
    r"(?:.*[\W_])?(?:환자|고객|사용자|학생|피험자)(?:[\W_]?(?:번호|아이디|코드|(?i:id)))?"
)
_CODES = re.compile(
    r"(?:.*[\W_])?(?i:id|code|zip|postcode|plz)|.*[a-z](?:I[Dd]|Code)|.*(?:우편번호|코드)"
)
_FEWEST_GROUPS, _FEWEST_TIMES = 10, 20
_LATE = 0.5


def find_columns(
    table: LoadedTable, spec: DatasetSpec, targets: Sequence[str], text: Component | None = None
) -> tuple[tuple[Column, ...], tuple[tuple[str, str], ...]]:
    """The columns that are used, and pairs of another column and why it is left out.

    ``features`` of the recipe wins, its names before its patterns; other columns are taken by their
    types and values. Columns of ``drop`` and targets are left aside. ``text`` says how a first
    layer takes columns of text; without it, free text is left out. DataError lists all problems.
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
            used.append(_take_as_set(table, name, features[name], text))
            continue
        finding = table.recognise(name)
        if finding.wrong:
            as_category = write_use(name, "string_categorical")
            remedy = f"and missing: median; to use categories: {as_category}"
            problems.append(f"column {name}: {finding.hint} {remedy}.")
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


def _take_as_set(table: LoadedTable, name: str, use: Component, text: Component | None) -> Column:
    """Take a column as set in ``features``; the reason is that of its values if they agree."""
    column = take_column(table.take_cells(name), use)
    if use is text:
        return replace(column, reason="the first layer vectorises texts")
    if column.kind == "date":  # which has its reason
        return column
    found = table.recognise(name).column or column
    is_same = found.arguments.items() <= column.arguments.items()
    is_same &= found.feature == column.feature
    return replace(column, reason=found.reason) if is_same else column


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
    weights = [spec.sample_weight] if spec.sample_weight else []
    roles = dict.fromkeys(weights, "sample_weight")
    roles |= {} if spec.timeseries else dict.fromkeys(targets, "target")
    free = [name for name in names if name not in roles and name not in spec.drop]
    named = [("target", targets), ("drop", spec.drop)]
    named += [("features", [*_expand_patterns(spec.features, free)])]
    named += [(key, [name]) for key, name in spec.roles.items()]
    named += [("sample_weight", weights), *(("crosses", c.feature_names) for c in spec.crosses)]
    for key, columns in named:
        for name in columns:
            if name not in names:
                # YAML reads 07 as the number 7.
                padded = [each for each in names if name.isdecimal() and each.lstrip("0") == name]
                meant = f" Put it in quotes: '{padded[0]}'." if padded else ask_meant(name, names)
                yield f"{key}: no column '{name}'.{meant} {list_columns(names)}"
            elif key != (role := roles.get(name, key)):
                yield f"{key}: '{name}' is the {role}. Remove it from {key}."
            elif key == "features" and name == spec.time:  # it may only say how dates are written
                continue
            elif key not in ("target", "drop", *spec.roles) and name in spec.drop:
                yield f"{key}: '{name}' is in drop too. Remove it from one of them."


def _check_used(
    used: Sequence[Column], left_out: Sequence[tuple[str, str]], spec: DatasetSpec
) -> Iterator[str]:
    if not used:
        why = "".join(f" {name} is left out: {reason}." for name, reason in left_out[:5])
        why = f"{why} Keep at least one." if why else " To predict a series, write timeseries."
        yield f"no column is left to learn from.{why}"
    categories = [column.name for column in used if column.kind == "category"]
    for name in dict.fromkeys(name for cross in spec.crosses for name in cross.feature_names):
        if name not in categories:
            use = write_use(name, "integer_categorical")
            yield f"crosses: '{name}' is not used as a category; to use it so: {use}."
    inputs = Counter(name for column in used for name in column.inputs)
    for name, n in inputs.items():
        if n > 1:
            yield f"{n} columns give an input '{name}'. Rename one, or leave it out with drop."


def remark_on_columns(
    table: LoadedTable, columns: Sequence[Column], spec: DatasetSpec, targets: Sequence[str]
) -> Iterator[str]:
    """Find numbers that are probably codes, such as postcodes, and splits that prove little.

    Several rows of one person or thing, or rows in the order of time, make a score of a random
    split too good; so does a date that is later than a row's own time.
    """
    for column in columns:
        name = column.name
        is_number = isinstance(column, NumberColumn) and name not in spec.features
        if is_number and _CODES.fullmatch(name) and not _GROUPS.fullmatch(name):
            numbers = column.read_exact(table.take_cells(name))[0]
            if (numbers[~np.isnan(numbers)] % 1 == 0).all():
                yield (
                    f"{name} is used as a number, but its name suggests a code. If size has no "
                    f"meaning, write {write_use(name, 'integer_categorical')}."
                )
    dates = [each for each in columns if isinstance(each, DateColumn) and not each.is_time]
    if not spec.is_in_order and not spec.roles:  # at random
        for name in table.names:
            if name in targets or not _GROUPS.fullmatch(name):
                continue
            n_groups = len(table.take_cells(name).distinct)
            if _FEWEST_GROUPS <= n_groups <= len(table) / 2:
                yield (
                    f"{name} has {n_groups:,} values in {len(table):,} rows. A random split puts "
                    "rows of the same value into several parts, so the test score does not apply "
                    f"to new values. To split by value, write dataset: "
                    f"{write_value({'group': name})}, and leave it out of features."
                )
        yield from _find_order([(column, table.take_cells(column.name)) for column in dates])
    elif spec.time and dates:
        times = read_times(table.take_cells(spec.time), spec)
        for column in dates:
            if column.name != spec.time and times.dtype.kind == "M":
                yield from _find_late(column, table.take_cells(column.name), times, spec.time)
    elif spec.is_in_order and not spec.time:
        falls: dict[str, NDArray[Any]] = {}
        for each in [*dates, *(table.recognise(name).column for name in spec.drop)]:
            if isinstance(each, DateColumn) and not each.is_time:
                times, _ = each.read_exact(table.take_cells(each.name))
                if spec.timeseries or _is_in_order(times):
                    falls[each.name] = np.flatnonzero(times[1:] < times[:-1])
        name = min(falls, key=lambda name: len(falls[name]), default="")
        if name and len(falls[name]):
            yield (
                "The order of the rows is used as the order of time, but "
                f"{name} falls in {table.take_cells(name).locate(falls[name] + 1)}. Sort the file"
                f"{', and give each series a file of its own' if spec.timeseries else ''}."
            )


def remark_on_rows(
    read: ColumnsRead, columns: Sequence[Column], target: Target, targets: Sequence[Cells]
) -> Iterator[str]:
    """Find points to check in the target, and a first or last row that sums up all others."""
    numbers = {c.name: read.arrays[c.name] for c in columns if isinstance(c, NumberColumn)}
    for column, cells in zip(target.columns, targets, strict=True):
        if isinstance(column, NumberColumn):
            arrays, _ = column.read(cells)
            numbers[column.name] = arrays[0]
            yield from filter(None, [column.remark(cells, arrays)])
    if len(targets[0]) < _FEWEST_ROWS:
        return
    for which, row in (("first", 0), ("last", -1)):
        known = {name: each for name, each in numbers.items() if np.isfinite(each[row])}
        summed = [
            name
            for name, each in known.items()
            if each[row] and np.isclose(2 * each[row], np.nansum(each, dtype=np.float64), 1e-6)
        ]
        if summed and len(summed) == len(known):
            where = targets[0].locate(np.arange(len(targets[0]))[[row]])
            yield (
                f"The {which} row, {where}, looks like a total: {list_some(summed)} there is the "
                "sum of the other rows. Remove it from the file."
            )


def _find_order(columns: Sequence[tuple[DateColumn, Cells]]) -> Iterator[str]:
    """Warn of rows in the order of a column of dates, ascending or descending.

    Of several, the earliest counts: later dates may not be known then.
    """
    ordered = [
        (times[0], cells.name)
        for column, cells in columns
        # The first rows exclude most columns.
        if _is_in_order(column.read_exact(cells.head(_SAMPLE))[0])
        and _is_in_order(times := column.read_exact(cells)[0])
    ]
    if ordered:
        _, name = min(ordered)
        yield (
            f"The rows are in the order of {name}. After a random split, the test rows lie "
            "between training rows, so the test score does not apply to later rows. To test on "
            f"later rows, write dataset: {write_value({'time': name})}, and leave it out of "
            "features."
        )


def _is_in_order(times: NDArray[Any]) -> bool:
    steps = np.diff(times).astype(np.int64)
    is_in_order = bool((steps >= 0).all() or (steps <= 0).all())
    is_long = np.count_nonzero(steps) >= _FEWEST_TIMES
    return is_in_order and bool(is_long) and not bool(np.isnat(times).any())


def _find_late(column: DateColumn, cells: Cells, times: NDArray[Any], time: str) -> Iterator[str]:
    """Warn of dates that are later than a row's own time, when they may be unknown."""
    dates, _ = column.read_exact(cells)
    n_late = np.count_nonzero(dates > times)
    if n_late > _LATE * np.count_nonzero(~np.isnat(dates)):
        yield (
            f"{cells.name} is later than {time} in {n_late:,} of {len(times):,} rows, so it may "
            "not be known at that time. If so, leave it out with drop: "
            f"{write_value([cells.name])}."
        )
