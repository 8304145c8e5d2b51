"""Columns that decide which part a row belongs to, and the split of rows into parts."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import compress, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.errors import DataError, raise_problems
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.cells import Cells, is_usable
from kerasrecipes.rows.data_checks import check_parts
from kerasrecipes.rows.dataset import PART_NAMES, PARTS, Dataset, Facts, Part, Source
from kerasrecipes.rows.disk import DiskRows
from kerasrecipes.rows.kinds import DateColumn, NumberColumn, recognise_column, take_column
from kerasrecipes.rows.kinds.date import write_time
from kerasrecipes.rows.windows import count_overlapping
from kerasrecipes.rows.words import count, list_some, write_use

_TEST_SPLIT = 0.2
_N_DRAWS = 20  # of groups; the best one is used
_MANY_GROUPS = 1_000  # more are not stratified: StratifiedGroupKFold takes a millisecond for each

RowNumbers = NDArray[np.int64]


def add_roles(
    source: Source, cells_by_key: Mapping[str, Cells], spec: DatasetSpec, keep: NDArray[np.bool_]
) -> Source:
    """Add groups and times to rows, and make parts of those that ``dataset.split`` names.

    The cells are of every row, by the key of ``dataset``; ``source`` has those that are kept.
    """
    for key, cells in cells_by_key.items():
        if not is_usable(cells.type):
            problem = f"{key}: {cells.name} must contain values, not {cells.type}. Choose another."
            raise DataError(cells.dataset, [problem])
        is_known, values = cells.is_known, cells.codes
        if key == "time":
            values = read_times(cells, spec)
            is_known = ~np.isnat(values) if values.dtype.kind == "M" else np.isfinite(values)
        elif key == "split":
            found = [*(PART_NAMES.get(name.lower(), "") for name in cells.names), ""]
            if not all(found[:-1]):
                unknown = cells.show(np.array(found[:-1]) == "")
                problem = f"split: {cells.name} must contain train, validation or test; wrong: "
                raise DataError(cells.dataset, [f"{problem}{unknown}. Correct these rows."])
            values = np.array(found)[cells.codes]
        if len(rows := np.flatnonzero(keep & ~is_known)):
            problem = f"{key}: {cells.name} is missing in {count(len(rows), 'row')} "
            problem += f"({cells.locate(rows)}). Fill it in, or remove these rows."
            raise DataError(cells.dataset, [problem])
        values = values[keep]
        if key == "group":
            source = replace(source, groups=values.astype(np.int64))
        elif key == "time":
            source = replace(source, times=values)
        elif source.own_parts:
            raise DataError(cells.dataset, ["split: the data have their own parts. Remove split."])
        else:
            parts = {part: source.take(np.flatnonzero(values == part)) for part in PARTS}
            train = vars(parts.pop("train"))
            own = {name: part for name, part in parts.items() if part}
            source = replace(source, **train, own_parts=own)
    return source


def read_times(cells: Cells, spec: DatasetSpec) -> NDArray[Any]:
    """The time of each row, of shape (n_rows,), NaT or NaN where it is missing."""
    feature = spec.features.get(cells.name)
    column = take_column(cells, feature) if feature else recognise_column(cells).column
    if cells.is_number and not isinstance(column, DateColumn):
        column = NumberColumn.take(cells, "float", {})
    if not isinstance(column, DateColumn | NumberColumn) or getattr(column, "is_time", False):
        received = cells.show_first(np.arange(len(cells.distinct)) < 1)
        dates = DateColumn.take(cells, "date", {})
        likely = None if dates.is_time else dates.arguments["format"]
        use = write_use(cells.name, {"date": {"format": likely or "%d.%m.%Y"}})
        rule = f"time: {cells.name} must contain dates or numbers (received: {received})."
        remedy = f"Write how dates are written: {use}; add drop if it is no input."
        raise DataError(cells.dataset, [f"{rule} {remedy}"])
    if problem := column.read(cells)[1]:
        raise DataError(cells.dataset, [f"time: {problem}"])
    return column.read_exact(cells)[0]


def split_source(name: str, source: Source, spec: DatasetSpec) -> Dataset:
    """Hold out test rows, then hold out validation rows from what is left.

    The rows are those of ``sklearn.model_selection.train_test_split`` with
    ``random_state=split_seed``, in its order. Where nothing is held out, rows keep the
    source's order and are not copied. Without ``shuffle``, the last rows are held out; with
    ``time``, the latest ones. No group and no time is in two parts.
    """
    problems = []
    for key in ("test_split", "folds", "validation_split"):
        part = "test" if key == "folds" else key.removesuffix("_split")
        if part in source.own_parts and (value := getattr(spec, key)):
            own = f"{name} has a {part} part of its own, of {len(source.own_parts[part])} rows"
            problems.append(f"{key}: {own} (received: {key}={value:g}). Remove {key}.")
    if spec.stratify and source.task == "regression":
        what = f"the target {', '.join(source.target_names)} is a number"
        rule = f"stratify: keeps the share of each class, and {what}"
        problems.append(f"{rule} (received: stratify=true). Remove stratify.")
    raise_problems(name, problems)
    rows: RowNumbers = np.arange(len(source.target))
    rows = rows if source.times is None else source.times.argsort(kind="stable")
    gap, splitter = count_overlapping(source.inputs), _Splitter(name, source, spec)
    parts = dict(source.own_parts)
    for part in ("test", "validation"):
        if part not in parts:
            rows, held_out = splitter.hold_out(part, rows)
            if len(held_out) and spec.is_in_order:
                rows = rows[: max(len(rows) - gap, 0)]
            parts[part] = source.take(held_out)
    if not len(rows):
        problem = "no training row is left before the held-out rows and the gap in front of them."
        raise DataError(name, [f"{problem} Add rows, or hold out a smaller share."])
    parts["train"] = source.take(rows)
    parts = {part: parts[part] for part in PARTS if len(parts[part])}
    split = [f"fold {spec.fold} of {spec.folds}"] if spec.folds else []
    weight = spec.sample_weight or "sample_weight"
    for part, each in parts.items():
        each.check_weights(name, f"{weight} in the {part} part")
        times, groups = each.times, each.groups
        words = [] if times is None else [f"{write_time(times.min())} to {write_time(times.max())}"]
        words += [] if groups is None else [count(len(np.unique(groups)), "group")]
        split += [f"{part} {', '.join(words)}"] if words else []
    facts = {field.name: getattr(source, field.name) for field in fields(Facts)}
    digits = compute_fingerprint(source)
    dataset = Dataset(name=name, parts=parts, fingerprint=digits, split="; ".join(split), **facts)
    notes = _warn_of_split(dataset, source, spec, gap)
    not_random = [part for part in [*parts][1:] if spec.is_in_order or part in source.own_parts]
    checks = tuple(check_parts(dataset, spec, not_random))
    return replace(dataset, warnings=(*source.warnings, *notes), checks=checks)


def compute_fingerprint(source: Source) -> str:
    """SHA-256 over the names, types, shapes and bytes of every row.

    Bytes are taken in C order and little-endian, so that every machine gets the same digits.
    """
    digest, arrays = hashlib.sha256(), list[tuple[str, Any]]()
    parts: dict[str, Part] = {"rows": source, **source.own_parts}
    for name, part in parts.items():
        columns = part.inputs if isinstance(part.inputs, dict) else {"": part.inputs}
        arrays += [(f"{name}/{column}", values) for column, values in columns.items()]
        arrays.append((f"{name}/{', '.join(source.target_names)}", part.target))
        roles = {"sample_weight": part.weights, "group": part.groups, "time": part.times}
        arrays += [(f"{name}/{key}", each) for key, each in roles.items() if each is not None]
    for name, values in arrays:
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


def _warn_of_split(dataset: Dataset, source: Source, spec: DatasetSpec, gap: int) -> Iterator[str]:
    """Warn of windows in several parts, of rows in none, and of what is the same in training."""
    if spec.folds and spec.test_split:
        yield "test_split is not used: the test part is a fold."
    split = [part for name, part in dataset.parts.items() if name not in source.own_parts]
    if gap and len(split) > 1 and not spec.is_in_order:
        effect = "A random split scores the model on steps that it was trained on."
        what = f"Each row shares steps with the next {gap:,}, as windows of a series do. {effect}"
        yield f"{what} Write shuffle: false under dataset."
    elif n_left_out := len(source.target) - sum(map(len, split)):
        why = "their windows or groups overlap with another part, or they are later than the fold"
        yield f"{count(n_left_out, 'row')} left out of every part: {why}."
    train = dataset.parts["train"]
    values: Any = train.target.reshape(len(train), len(dataset.target_names), -1)
    is_same = (values == values[0]).all(axis=(0, 2))
    where = f"only one value in all {count(len(train), 'training row')}"
    if dataset.task != "classification" and is_same.any():
        names = list_some([*compress(dataset.target_names, is_same)])
        effect = f"the target {names} has {where}, so there is nothing to learn."
        yield f"{effect} Choose another target, or add rows with other values."
    columns: Any = train.inputs if dataset.is_table else {}
    is_constant = {name: (np.asarray(v) == v[0]).all() for name, v in columns.items()}
    constant = [each.name for each in dataset.columns if all(map(is_constant.get, each.inputs))]
    if constant:
        effect = f"{where}: {list_some(constant)}. A network learns nothing from such a column"
        yield f"{effect}; leave it out with drop: {write_value(constant)}."


@dataclass(frozen=True)
class _Splitter:
    """Splits row numbers into those kept and those held out."""

    name: str
    source: Source
    spec: DatasetSpec

    def hold_out(self, part: str, rows: RowNumbers) -> tuple[RowNumbers, RowNumbers]:
        """Hold out rows for a part."""
        spec, key = self.spec, f"{part}_split"
        if part == "test" and spec.folds:
            return self._hold_out_fold(rows, spec.folds)
        fraction = getattr(spec, key)
        if fraction == 0:
            return rows, rows[:0]
        fraction = fraction or _TEST_SPLIT
        n_held_out = math.ceil(fraction * len(rows))
        what = f"{fraction:g} of {count(len(rows), 'row')}"
        if n_held_out >= len(rows):
            problem = f"{key}: {what} leaves none to train on. Add rows, or choose less."
            raise DataError(self.name, [problem])
        if spec.is_in_order:
            return self._hold_out_block(key, [len(rows) - n_held_out], 1, rows)
        if self.source.groups is not None:
            return self._hold_out_groups(key, n_held_out, rows, self.source.groups[rows])
        if not spec.stratify:
            # train_test_split's own lines for this case: importing it takes longer than most fits.
            order = np.random.RandomState(spec.split_seed).permutation(len(rows))
            return rows[order[n_held_out:]], rows[order[:n_held_out]]
        from sklearn.model_selection import train_test_split

        labels, seed = self.source.target[rows], spec.split_seed
        try:
            kept, held_out = train_test_split(
                rows, test_size=fraction, random_state=seed, stratify=labels
            )
        except ValueError as error:
            problem = f"stratify: {what} cannot be held out for {key} ({error})."
            raise DataError(self.name, [f"{problem} Add rows, or remove stratify."]) from error
        return kept, held_out

    def _hold_out_groups(
        self, key: str, n_held_out: int, rows: RowNumbers, groups: NDArray[np.int64]
    ) -> tuple[RowNumbers, RowNumbers]:
        """Hold out random groups of about ``n_held_out`` rows and, if stratified, the same classes.

        scikit-learn's GroupShuffleSplit holds out a share of the groups, not of the rows. The best
        of several draws is used: Morgan and Rubin 2012, doi:10.1214/12-AOS1008.
        """
        _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        if len(sizes) < 2:
            left = f"all {count(len(rows), 'row')} left are of one {self.spec.group}"
            raise DataError(self.name, [f"{key}: {left}. Remove group."])
        strata = self.source.target[rows] if self.spec.stratify else np.zeros(len(rows))
        labels = np.unique(strata, axis=0, return_inverse=True)[1].reshape(-1)
        wanted = np.bincount(labels) * (n_held_out / len(rows))
        rng, least, best = np.random.RandomState(self.spec.split_seed), math.inf, rows > 0
        for _ in range(_N_DRAWS):
            order = rng.permutation(len(sizes))
            n_chosen = 1 + np.abs(sizes[order].cumsum()[:-1] - n_held_out).argmin()
            is_held_out = np.isin(np.arange(len(sizes)), order[:n_chosen])[place]
            counts = np.bincount(labels[is_held_out], minlength=len(wanted))
            if (off := np.abs(counts - wanted).sum()) < least:
                least, best = off, is_held_out
        return rows[~best], rows[best]

    def _hold_out_fold(self, rows: RowNumbers, folds: int) -> tuple[RowNumbers, RowNumbers]:
        """Hold out a fold: random, stratified, of whole groups; or in order, as in TimeSeriesSplit.

        In order, rows form folds + 1 blocks. Each block but the first is the test part of one fold,
        and the rows before it are trained on.
        """
        if self.spec.is_in_order:
            ends = [len(rows) * i / (folds + 1) for i in range(1, folds + 1)]
            return self._hold_out_block("folds", ends, self.spec.fold, rows)
        groups = None if self.source.groups is None else self.source.groups[rows]
        unit, n = ("row", len(rows)) if groups is None else ("group", len(np.unique(groups)))
        if n < folds:
            few = f"{folds} folds need more {unit}s (received: {n}). Choose fewer folds."
            raise DataError(self.name, [f"folds: {few}"])
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold

        labels, task = self.source.target[rows], self.source.task
        if task != "classification" or labels.ndim > 1 or np.bincount(labels).max() < folds:
            labels = np.zeros(len(rows), np.int64)
        grouped = GroupKFold if n > _MANY_GROUPS else StratifiedGroupKFold
        kind = StratifiedKFold if groups is None else grouped
        splitter = kind(folds, shuffle=True, random_state=self.spec.split_seed)
        with warnings.catch_warnings(action="ignore"):  # of classes with fewer rows than folds
            splits = splitter.split(rows, labels, groups)
            kept, held_out = next(islice(splits, self.spec.fold - 1, None))
        return rows[kept], rows[held_out]

    def _hold_out_block(
        self, key: str, ends: Sequence[float], block: int, rows: RowNumbers
    ) -> tuple[RowNumbers, RowNumbers]:
        """Cut rows in order into blocks, and hold out one after the first; rows before it are kept.

        A block has whole times, and about ``ends`` rows before it. A group is in the block in which
        it begins, and so is new to the model; later rows of earlier groups are in no part.
        """
        source = self.source
        times = begins = np.arange(len(rows)) if source.times is None else source.times[rows]
        if source.groups is not None:
            _, first, place = np.unique(source.groups[rows], return_index=True, return_inverse=True)
            begins = times[first][place]
        distinct, counts = np.unique(begins, return_counts=True)
        if len(distinct) <= len(ends):
            what = "rows" if source.times is None else "different times"
            rule = f"{key}: a split in order needs {len(ends) + 1} {what}"
            problem = f"{rule} (received: {len(distinct)}). Add rows, or choose fewer folds."
            raise DataError(self.name, [problem])
        n_before, cuts = counts.cumsum()[:-1], [0]
        for i, end in enumerate(ends, 1):
            nearest = 1 + int(np.abs(n_before - end).argmin())
            last = len(distinct) - 1 - (len(ends) - i)  # each later block needs a time
            cuts.append(min(max(nearest, cuts[-1] + 1), last))
        is_held_out = begins >= distinct[cuts[block]]
        if block < len(ends):
            is_held_out &= times < distinct[cuts[block + 1]]
        return rows[times < distinct[cuts[block]]], rows[is_held_out]
