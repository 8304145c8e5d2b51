"""Splits rows into training, validation and test parts, on row numbers."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import compress, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.data_checks import check_parts
from kerasrecipes.rows.dataset import Dataset, Facts, Part, Source, check_weights
from kerasrecipes.rows.disk import DiskRows
from kerasrecipes.rows.kinds.date import write_time
from kerasrecipes.rows.windows import count_overlapping
from kerasrecipes.rows.words import count, list_some

DEFAULT_TEST_SPLIT = 0.2
_N_DRAWS = 20  # of groups; the best one is used
_MANY_GROUPS = 1_000  # more are not stratified: StratifiedGroupKFold takes a millisecond for each

RowNumbers = NDArray[np.int64]


def split_source(name: str, source: Source, spec: DatasetSpec) -> Dataset:
    """Hold out test rows, then hold out validation rows from what is left.

    The rows are those of ``sklearn.model_selection.train_test_split`` with
    ``random_state=split_seed``, in its order. Where nothing is held out, rows keep the
    source's order and are not copied. Without ``shuffle``, the last rows are held out; with
    ``time``, the latest ones. No group and no time is in two parts.

    Args:
        spec: The recipe's ``dataset``. ``test_split`` defaults to 0.2 where the source has no
            test part of its own; ``validation_split`` is a fraction of the rows left by it.

    Raises:
        DataError: The data lack what the recipe requires; all problems are listed.
    """
    raise_problems(name, _check_splits(name, source, spec))
    rows: RowNumbers = np.arange(len(source.target))
    rows = rows if source.times is None else source.times.argsort(kind="stable")
    fractions = {
        "test": DEFAULT_TEST_SPLIT if spec.test_split is None else spec.test_split,
        "validation": spec.validation_split,
    }
    gap = count_overlapping(source.inputs)
    parts = dict(source.own_parts)
    for part, fraction in fractions.items():
        if part not in parts:
            if part == "test" and spec.folds:
                rows, held_out = _hold_out_fold(name, rows, source, spec)
            else:
                rows, held_out = _hold_out(name, f"{part}_split", fraction, rows, source, spec)
            if len(held_out) and spec.is_in_order:
                rows = rows[: max(len(rows) - gap, 0)]
            parts[part] = source.take(held_out)
    if not len(rows):
        problem = "no training row is left before the rows held out and the gap to them."
        raise DataError(name, [f"{problem} Add rows, or hold out a smaller share."])
    parts["train"] = source.take(rows)
    parts = {key: parts[key] for key in ("train", "validation", "test") if len(parts[key])}
    for key, each in parts.items():
        place = f"{spec.sample_weight or 'sample_weight'} in the {key} part"
        check_weights(each.weights, name, place)
    facts = {field.name: getattr(source, field.name) for field in fields(Facts)}
    notes = *_warn_of_order(source, parts, spec, gap), *_find_constant(parts["train"], source)
    facts["warnings"] = (*source.warnings, *notes)
    facts["split"] = _describe_parts(parts, spec)
    not_random = [
        part for part in parts if part != "train" and (spec.is_in_order or part in source.own_parts)
    ]
    checks = tuple(check_parts(parts, source, spec, not_random))
    fingerprint = compute_fingerprint(source)
    return Dataset(name=name, parts=parts, fingerprint=fingerprint, checks=checks, **facts)


def _describe_parts(parts: Mapping[str, Part], spec: DatasetSpec) -> str:
    """Describe the fold, and the times and the number of groups of each part."""
    words = [f"fold {spec.fold} of {spec.folds}"] if spec.folds else []
    for name, part in parts.items():
        times, groups = part.times, part.groups
        facts = [] if times is None else [f"{write_time(times.min())} to {write_time(times.max())}"]
        facts += [] if groups is None else [count(len(np.unique(groups)), "group")]
        words += [f"{name} {', '.join(facts)}"] if facts else []
    return "; ".join(words)


def compute_fingerprint(source: Source) -> str:
    """SHA-256 over the names, types, shapes and bytes of every row.

    Bytes are taken in C order and little-endian, so that every machine gets the same digits.
    """
    digest = hashlib.sha256()
    for name, values in _name_arrays(source):
        pieces = values.iterate() if isinstance(values, DiskRows) else iter([values])
        if values.dtype.kind in "OUS":
            digest.update(f"{name} text {values.shape}\n[".encode())
            for i, piece in enumerate(pieces):
                digest.update(", "[: 2 * i].encode() + json.dumps(piece.tolist())[1:-1].encode())
            digest.update(b"]\n")
            continue
        kind = values.dtype.newbyteorder("<")
        digest.update(f"{name} {kind.str} {values.shape}\n".encode())
        for piece in pieces:
            piece = piece.astype(kind, order="C", copy=False)
            digest.update(piece.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _name_arrays(source: Source) -> Iterator[tuple[str, Any]]:
    parts: dict[str, Part] = {"rows": source, **source.own_parts}
    for name, part in parts.items():
        columns = part.inputs if isinstance(part.inputs, dict) else {"": part.inputs}
        for column, values in (*columns.items(), (", ".join(source.target_names), part.target)):
            yield f"{name}/{column}", values
        roles = {"sample_weight": part.weights, "group": part.groups, "time": part.times}
        yield from ((f"{name}/{key}", each) for key, each in roles.items() if each is not None)


def _check_splits(name: str, source: Source, spec: DatasetSpec) -> Iterator[str]:
    for part, own in source.own_parts.items():
        for key in (f"{part}_split", *(["folds"] if part == "test" else [])):
            if value := getattr(spec, key):
                yield (
                    f"{key}: {name} has a {part} part of its own, of {len(own)} rows "
                    f"(received: {key}={value:g}). Remove {key}."
                )
    if spec.stratify and source.task == "regression":
        yield (
            "stratify: keeps the share of each class, and the target "
            f"{', '.join(source.target_names)} is a number (received: stratify=true). "
            "Remove stratify."
        )


def _find_constant(train: Part, facts: Facts) -> Iterator[str]:
    """Find targets and columns that are the same in all training rows."""
    values: Any = train.target.reshape(len(train), len(facts.target_names), -1)
    is_same = (values == values[0]).all(axis=(0, 2))
    there_is = f"in all {count(len(train), 'training row')} there is one value only of"
    if facts.task != "classification" and is_same.any():
        yield (
            f"{there_is} the target {list_some([*compress(facts.target_names, is_same)])}, so "
            "there is nothing to learn. Choose another target, or add rows with other values."
        )
    columns: Any = train.inputs if isinstance(train.inputs, dict) else {}
    is_constant = {name: (np.asarray(v) == v[0]).all() for name, v in columns.items()}
    names = [each.name for each in facts.columns if all(map(is_constant.get, each.inputs))]
    if names:
        yield (
            f"{there_is}: {list_some(names)}. A network learns nothing from that; leave it out "
            f"with drop: {write_value(names)}."
        )


def _warn_of_order(
    source: Source, parts: Mapping[str, Part], spec: DatasetSpec, gap: int
) -> Iterator[str]:
    """Warn of windows that share steps with those of other parts, and of rows in no part."""
    if spec.folds and spec.test_split:
        yield "test_split is not used: the test part is a fold."
    split = {name: part for name, part in parts.items() if name not in source.own_parts}
    if gap and len(split) > 1 and not spec.is_in_order:
        yield (
            f"Each row shares steps with the next {gap:,}, as windows of a series do. A random "
            "split scores the model on steps that it was trained on. Write shuffle: false under "
            "dataset."
        )
    elif n_left_out := len(source.target) - sum(map(len, split.values())):
        yield (
            f"{count(n_left_out, 'row')} left out of every part: their windows or groups overlap "
            "with another part, or they are later than the fold."
        )


def _hold_out(
    name: str, key: str, fraction: float, rows: RowNumbers, source: Source, spec: DatasetSpec
) -> tuple[RowNumbers, RowNumbers]:
    """Split row numbers into those kept and those held out."""
    if not fraction:
        return rows, rows[:0]
    n_held_out = math.ceil(fraction * len(rows))
    what = f"{fraction:g} of {count(len(rows), 'row')}"
    if n_held_out >= len(rows):
        raise DataError(name, [f"{key}: {what} leaves none to train on. Add rows, or choose less."])
    if spec.is_in_order:
        return _hold_out_block(name, key, [len(rows) - n_held_out], 1, rows, source)
    if source.groups is not None:
        return _hold_out_groups(name, key, n_held_out, rows, source, spec)
    if not spec.stratify:
        # train_test_split's own lines for this case: importing it takes longer than most fits.
        order = np.random.RandomState(spec.split_seed).permutation(len(rows))
        return rows[order[n_held_out:]], rows[order[:n_held_out]]
    from sklearn.model_selection import train_test_split

    try:
        kept, held_out = train_test_split(
            rows, test_size=fraction, random_state=spec.split_seed, stratify=source.target[rows]
        )
    except ValueError as error:
        problem = f"stratify: {what} cannot be held out for {key} ({error}). Add rows, or remove"
        raise DataError(name, [f"{problem} stratify."]) from error
    return kept, held_out


def _hold_out_groups(
    name: str, key: str, n_held_out: int, rows: RowNumbers, source: Source, spec: DatasetSpec
) -> tuple[RowNumbers, RowNumbers]:
    """Hold out random groups of about ``n_held_out`` rows and, if stratified, the same classes.

    scikit-learn's GroupShuffleSplit holds out a share of the groups, not of the rows. The best of
    several draws is used: Morgan and Rubin 2012, doi:10.1214/12-AOS1008.
    """
    groups: Any = source.groups
    _, place, sizes = np.unique(groups[rows], return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        problem = (
            f"{key}: all {count(len(rows), 'row')} left are of one {spec.group}. Remove group."
        )
        raise DataError(name, [problem])
    strata = source.target[rows] if spec.stratify else np.zeros(len(rows))
    labels = np.unique(strata, axis=0, return_inverse=True)[1].reshape(-1)
    wanted = np.bincount(labels) * (n_held_out / len(rows))
    rng, least, best = np.random.RandomState(spec.split_seed), math.inf, rows > 0
    for _ in range(_N_DRAWS):
        order = rng.permutation(len(sizes))
        n_chosen = 1 + np.abs(sizes[order].cumsum()[:-1] - n_held_out).argmin()
        is_held_out = np.isin(np.arange(len(sizes)), order[:n_chosen])[place]
        counts = np.bincount(labels[is_held_out], minlength=len(wanted))
        if (off := np.abs(counts - wanted).sum()) < least:
            least, best = off, is_held_out
    return rows[~best], rows[best]


def _hold_out_fold(
    name: str, rows: RowNumbers, source: Source, spec: DatasetSpec
) -> tuple[RowNumbers, RowNumbers]:
    """Hold out a fold: random, stratified, of whole groups; or in order, as in TimeSeriesSplit.

    In order, rows form folds + 1 blocks. Each block but the first is the test part of one fold, and
    the rows before it are trained on.
    """
    folds, fold = spec.folds or 2, spec.fold or 1
    if spec.is_in_order:
        ends = [len(rows) * i / (folds + 1) for i in range(1, folds + 1)]
        return _hold_out_block(name, "folds", ends, fold, rows, source)
    groups = None if source.groups is None else source.groups[rows]
    unit, n = ("row", len(rows)) if groups is None else ("group", len(np.unique(groups)))
    if n < folds:
        few = f"{folds} folds need more {unit}s (received: {n}). Choose fewer folds."
        raise DataError(name, [f"folds: {few}"])
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

    labels = source.target[rows]
    if source.task != "classification" or labels.ndim > 1 or np.bincount(labels).max() < folds:
        labels = np.zeros(len(rows), np.int64)
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    kind = GroupKFold if groups is not None and n > _MANY_GROUPS else kind
    splitter = kind(folds, shuffle=True, random_state=spec.split_seed)
    with warnings.catch_warnings(action="ignore"):  # of classes with fewer rows than folds
        kept, held_out = next(islice(splitter.split(rows, labels, groups), fold - 1, None))
    return rows[kept], rows[held_out]


def _hold_out_block(
    name: str, key: str, ends: Sequence[float], block: int, rows: RowNumbers, source: Source
) -> tuple[RowNumbers, RowNumbers]:
    """Cut rows in order into blocks, and hold out one after the first; rows before it are kept.

    A block has whole times. A group is in the block in which it begins, and so is new to the model;
    later rows of earlier groups are in no part.

    Args:
        ends: How many rows should stand before each cut.
        block: The place of the block, counted from 0.
    """
    times = begins = np.arange(len(rows)) if source.times is None else source.times[rows]
    if source.groups is not None:
        _, first, place = np.unique(source.groups[rows], return_index=True, return_inverse=True)
        begins = times[first][place]
    distinct, counts = np.unique(begins, return_counts=True)
    if len(distinct) <= len(ends):
        what = "rows" if source.times is None else "different times"
        problem = f"{key}: a split in order needs {len(ends) + 1} {what} (received: "
        raise DataError(name, [f"{problem}{len(distinct)}). Add rows, or choose fewer folds."])
    n_before, cuts = counts.cumsum()[:-1], [0]
    for i, end in enumerate(ends, 1):
        nearest = 1 + int(np.abs(n_before - end).argmin())
        last = len(distinct) - 1 - (len(ends) - i)  # each later block needs a time
        cuts.append(min(max(nearest, cuts[-1] + 1), last))
    is_held_out = begins >= distinct[cuts[block]]
    if block < len(ends):
        is_held_out &= times < distinct[cuts[block + 1]]
    return rows[times < distinct[cuts[block]]], rows[is_held_out]
