"""From a table to a source: the target, the columns, and the rows where something is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.data.columns import check_names, infer_columns, list_columns, read_columns
from kerasrecipes.data.dataset import Column, Source
from kerasrecipes.data.precision import Merged, describe_merged, find_merged, find_merged_values
from kerasrecipes.data.target import (
    encode_numbers,
    encode_target,
    find_class_type,
    read_target,
)
from kerasrecipes.data.values import find_missing, show_rows
from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec, Task
from kerasrecipes.recipe.yaml_file import write_value

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class _Gap:
    """Missing values of one column: how many, and in words which rows lack one."""

    name: str
    count: int
    rows: str


def make_source(
    table: pa.Table,
    spec: DatasetSpec,
    dataset: str,
    origin: str,
    hint: Task | None = None,
    default_target: str | None = None,
) -> Source:
    """Make a source of a table's rows.

    Each Arrow column is let go once it has been read: to save memory, callers keep no reference
    to the table.

    Args:
        table: Every row; what is missing is null.
        spec: The recipe's ``dataset``.
        dataset: The data set's name, for messages.
        origin: Where the rows came from, in words.
        hint: What the recipe's loss asks for; see ``encode_target``.
        default_target: The target where the recipe names none.

    Returns:
        Every row with a target, or with ``missing: drop`` every complete row.

    Raises:
        DataError: The recipe and the table do not fit; it lists everything.
    """
    import pyarrow as pa

    targets = _choose_targets(table, spec, dataset, default_target)
    columns, left_out = infer_columns(table, spec, targets, dataset)
    problems: list[str] = []
    raw_targets: list[tuple[NDArray[Any], NDArray[np.bool_]]] = []
    for name in targets:
        with _collecting(problems):
            raw_targets.append(read_target(table, name, dataset))
    inputs: dict[str, NDArray[Any]] = {}
    merged: dict[str, Merged] = {}
    for column in columns:
        with _collecting(problems):
            inputs |= read_columns(table.select([column.name]), [column], dataset)
        if column.kind == "number" and (found := find_merged(table.column(column.name))):
            merged[column.name] = found
        table = table.drop_columns([column.name])
    pa.default_memory_pool().release_unused()  # or Arrow keeps for itself what it read into
    if len(raw_targets) < len(targets):
        raise DataError(dataset, problems)
    known = np.logical_and.reduce([has_value for _, has_value in raw_targets])
    gaps, complete = _find_gaps(inputs, columns, len(known))
    keep = known & complete if spec.missing == "drop" else known
    problems += _check_gaps(spec, known, keep, gaps, targets)
    kept = [values[keep[has_value]] for values, has_value in raw_targets]
    with _collecting(problems):
        encoded = _encode_targets(kept, targets, dataset, spec.task, hint, keep)
    if problems:
        raise DataError(dataset, problems)
    if not keep.all():
        for name in inputs:
            inputs[name] = inputs[name][keep]
    return Source(
        inputs=inputs,
        target=encoded[0],
        task=encoded[1],
        target_names=targets,
        class_names=encoded[2],
        origin=origin,
        rows=None if keep.all() else np.flatnonzero(keep),
        columns=columns,
        left_out=left_out,
        warnings=(
            *_warn_of_columns(left_out),
            *_warn_of_rows(known, keep, gaps, targets),
            *_warn_of_merged(merged, {} if encoded[2] else dict(zip(targets, kept, strict=True))),
        ),
        class_type=find_class_type(kept[0]) if encoded[2] else "text",
    )


def _choose_targets(
    table: pa.Table, spec: DatasetSpec, dataset: str, default: str | None
) -> tuple[str, ...]:
    names = [spec.target] if isinstance(spec.target, str) else spec.target
    names = names or ([default] if default else [])
    problems = []
    if not names:
        problems += [
            "dataset needs target: which column is to be predicted. "
            + list_columns(table.column_names),
            *check_names(table.column_names, spec, ()),
        ]
    if not len(table):
        problems.append("there are no rows. Add some.")
    if problems:
        raise DataError(dataset, problems)
    return tuple(dict.fromkeys(names))


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    """Go on after a ``DataError``, so that all problems are told together."""
    try:
        yield
    except DataError as error:
        problems += error.problems


def _encode_targets(
    values: Sequence[NDArray[Any]],
    names: Sequence[str],
    dataset: str,
    task: Task | None,
    hint: Task | None,
    keep: NDArray[np.bool_],
) -> tuple[NDArray[Any], Task, tuple[str, ...]]:
    rows = np.flatnonzero(keep)
    if not len(rows):
        return rows, "regression", ()  # That no row is left is told already.
    if len(names) == 1:
        return encode_target(values[0], dataset, names[0], task, rows, hint)
    problems: list[str] = []
    if task == "classification":
        problems.append(
            f"target: several targets are numbers, and classification has one target (received: "
            f"{', '.join(names)}). Keep one of them, or ask for regression."
        )
        raise DataError(dataset, problems)
    numbers = []
    for name, column in zip(names, values, strict=True):
        with _collecting(problems):
            numbers.append(encode_numbers(column, dataset, name, rows))
    if problems:
        raise DataError(dataset, problems)
    return np.column_stack(numbers), "regression", ()


def _find_gaps(
    inputs: dict[str, NDArray[Any]], columns: Sequence[Column], n_rows: int
) -> tuple[list[_Gap], NDArray[np.bool_]]:
    """The columns with missing values, and which rows have none."""
    complete = np.ones(n_rows, dtype=bool)
    gaps = []
    for column in columns:
        if column.inputs[0] not in inputs:
            continue  # It could not be read, which is told already.
        is_missing = find_missing(inputs[column.inputs[0]])
        if is_missing.any():
            rows = np.flatnonzero(is_missing)
            gaps.append(_Gap(column.name, len(rows), show_rows(rows)))
            complete &= ~is_missing
    return gaps, complete


def _check_gaps(
    spec: DatasetSpec,
    known: NDArray[np.bool_],
    keep: NDArray[np.bool_],
    gaps: Sequence[_Gap],
    targets: Sequence[str],
) -> Iterator[str]:
    if spec.missing == "error":
        yield from _describe_gaps(gaps, known, targets)
    elif not keep.any():
        yield _describe_nothing_left(known, gaps, targets)


def _describe_gaps(
    gaps: Sequence[_Gap], known: NDArray[np.bool_], targets: Sequence[str]
) -> Iterator[str]:
    rows = np.flatnonzero(~known)
    if len(rows):
        yield (
            f"{_name_targets(targets)} missing in {len(rows):,} of {len(known):,} rows "
            f"({show_rows(rows)}). Fill it in, or leave these rows out with missing: drop."
        )
    if gaps:
        counts = ", ".join(f"{gap.name} {gap.count:,} ({gap.rows})" for gap in gaps)
        yield (
            f"values are missing: {counts}. Fill them with missing: median, "
            "leave these rows out with missing: drop, or leave the columns out with drop: "
            f"{write_value([gap.name for gap in gaps], 200)}."
        )


def _describe_nothing_left(
    known: NDArray[np.bool_], gaps: Sequence[_Gap], targets: Sequence[str]
) -> str:
    if not known.any():
        return f"{_name_targets(targets)} missing in every row. Choose another target."
    worst = max(gaps, key=lambda gap: gap.count)
    return (
        f"missing: drop leaves no row, as each lacks a value; most are missing in {worst.name}, "
        f"{worst.count:,} of {len(known):,}. Leave it out with drop: {write_value([worst.name])}, "
        "or write missing: median."
    )


def _name_targets(targets: Sequence[str]) -> str:
    return f"target {targets[0]} is" if len(targets) == 1 else f"one of {', '.join(targets)} is"


def _warn_of_columns(left_out: Sequence[tuple[str, str]]) -> Iterator[str]:
    names_by_reason: dict[str, list[str]] = {}
    for name, reason in left_out:
        names_by_reason.setdefault(reason, []).append(name)
    for reason, names in names_by_reason.items():
        noun = f"column {names[0]} is" if len(names) == 1 else f"columns {', '.join(names)} are"
        yield f"{noun} left out: {reason}."


def _warn_of_rows(
    known: NDArray[np.bool_],
    keep: NDArray[np.bool_],
    gaps: Sequence[_Gap],
    targets: Sequence[str],
) -> Iterator[str]:
    n_rows, n_unknown = len(known), int((~known).sum())
    if n_unknown:
        yield f"{n_unknown:,} of {n_rows:,} rows are left out: {_name_targets(targets)} missing."
    n_dropped = int((known & ~keep).sum())
    if n_dropped:
        counts = ", ".join(f"{gap.name} {gap.count:,}" for gap in gaps)
        yield f"{n_dropped:,} of {n_rows:,} rows are left out: values are missing ({counts})."


def _warn_of_merged(
    columns: dict[str, Merged], targets: Mapping[str, NDArray[Any]]
) -> Iterator[str]:
    if columns:
        names = write_value([*columns], 200)
        yield describe_merged(columns, f", or leave these columns out with drop: {names}")
    found = {f"target {name}": find_merged_values(values) for name, values in targets.items()}
    if merged := {name: counts for name, counts in found.items() if counts}:
        yield describe_merged(merged)
