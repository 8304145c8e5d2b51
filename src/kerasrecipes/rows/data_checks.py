"""Checks parts for faults of the data that make their scores misleading."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.recipe.yaml_file import write_value
from kerasrecipes.rows.dataset import Dataset, Inputs, count_classes, sample_rows, take_rows
from kerasrecipes.rows.disk import DiskRows
from kerasrecipes.rows.kinds import Column
from kerasrecipes.rows.windows import Series
from kerasrecipes.rows.words import count, list_some

_ODD = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: an odd factor that changes all bits

_FEWEST_COPIES, _COPIES = 3, 0.01  # fewer, or a smaller share, do not matter
_DISTINCT = 0.5  # equal rows of a table are chance unless a column has this share of distinct ones
_CHANCE_PAIRS = 0.5  # and if so many pairs are expected where columns are independent
_MOST_PLACES = 64  # values of an array's rows that are read to expect this
_SAME_TARGET = 0.9  # rows of equal inputs are copies if this share has equal targets, too
_CONTRADICTIONS = 0.02
_FEWEST_OF_CLASS = 5
_TREE_ROWS, _FEWEST_TREE_ROWS = 1000, 50
_TREE_VALUES = 200_000  # rows × columns that one-column trees read
_SKILL, _VARIANCE = 0.98, 0.995  # a column alone removes this share of the errors, or variance
_DRIFT = 0.75  # the AUC with which a classifier separates two parts


def check_parts(dataset: Dataset, spec: DatasetSpec, not_random: Collection[str]) -> Iterator[str]:
    """Check the parts of a data set; ``not_random`` are those not chosen at random."""
    train = dataset.parts["train"]
    inputs: Any = train.inputs
    has_classes = dataset.task != "regression" and not dataset.target_shape
    if has_classes:
        yield from _find_few(dataset, spec, not_random)
    if isinstance(inputs, Series) or getattr(inputs, "is_decoded", False):
        return
    if _is_detailed(inputs, len(train)):
        keys = _hash_rows(inputs)
        known, first, groups = np.unique(keys, return_index=True, return_inverse=True)
        yield from _find_copies(dataset, known, first)
        if has_classes:
            yield from _find_contradictions(dataset, groups)
    if dataset.is_table:
        columns = [column for column in dataset.columns if column.kind != "text"]
        if train.target.ndim == 1:
            yield from _find_deciding(dataset, columns)
        names = [name for column in columns for name in column.inputs]
        yield from _find_drift(dataset, names, not_random)


def _find_few(dataset: Dataset, spec: DatasetSpec, not_random: Collection[str]) -> Iterator[str]:
    """Find classes or labels of no or few training rows, and those that a held-out part lacks."""
    n_classes = dataset.n_classes
    counts = {
        name: np.array(count_classes(part.target.reshape(len(part), -1), n_classes))
        for name, part in dataset.parts.items()
    }
    names = np.array(dataset.class_names or dataset.target_names, dtype=object)
    noun = "class" if n_classes else "label"
    can_stratify = n_classes and not spec.stratify and not not_random
    remedy = "Write stratify: true, or add rows of it" if can_stratify else "Add rows of it"
    exists = sum(counts.values()) > 0
    for name, n_rows in counts.items():
        part = "the model cannot predict" if name == "train" else "its scores do not include"
        if (absent := exists & (n_rows == 0)).any():
            what = f"The {name} part has no row of {noun} {list_some(names[absent])}"
            yield f"{what}, so {part} it. {remedy}."
    few = (counts["train"] > 0) & (counts["train"] < _FEWEST_OF_CLASS)
    if few.any():
        listed = list_some([f"{names[i]} ({counts['train'][i]})" for i in np.flatnonzero(few)])
        what = f"Fewer than {_FEWEST_OF_CLASS} training rows are of {noun} {listed}"
        remedy = "Add rows, or leave rare ones out of the target"
        yield f"{what}: their scores depend on chance. {remedy}."


def _hash_rows(inputs: Inputs) -> NDArray[np.uint64]:
    """Give equal rows the same number, and others nearly always different ones."""
    if not isinstance(inputs, dict):
        rows: Any = inputs
        pieces = rows.iterate() if isinstance(rows, DiskRows) else [rows]
        hashes = [hash(row.tobytes()) for piece in pieces for row in piece]
        return np.array(hashes, np.int64).view(np.uint64)
    from pandas.util import hash_array

    keys = np.zeros(len(next(iter(inputs.values()))), np.uint64)
    for values in map(np.asarray, inputs.values()):  # one by one, as they may be on a disk
        is_text = values.dtype == object
        keys *= np.uint64(_ODD)
        keys += hash_array(values) if is_text else values.view(f"u{values.itemsize}")
    return keys


def _is_detailed(inputs: Inputs, n_rows: int) -> bool:
    """Whether equal rows are copies, and not chance as for rows of a few categories."""
    some = take_rows(inputs, sample_rows(n_rows, _TREE_ROWS))
    _, distinct = np.unique(_hash_rows(some), return_index=True)
    if isinstance(some, dict):
        columns = [_number(values) for values in some.values()]
        if max(len(np.unique(values)) for values in columns) < _DISTINCT * len(columns[0]):
            return False
    else:
        flat = some.reshape(len(some), math.prod(some.shape[1:]))
        columns = [*flat[:, :: -(-flat.shape[1] // _MOST_PLACES)].T]
    n_pairs, n_distinct = n_rows * (n_rows - 1) / 2, len(distinct)
    for values in columns:
        _, counts = np.unique(values[distinct], return_counts=True)
        n_pairs *= (counts * (counts - 1)).sum() / max(n_distinct * (n_distinct - 1), 1)
    return n_pairs < _CHANCE_PAIRS


def _find_copies(
    dataset: Dataset, known: NDArray[np.uint64], first: NDArray[np.intp]
) -> Iterator[str]:
    """Find rows of the test part, or else of the validation part, that are training rows, too.

    ``known`` are the hashes of the training rows, ascending, and ``first`` the first row of each.
    """
    train = dataset.parts["train"]
    for name, part in reversed([*dataset.parts.items()][1:]):
        keys = _hash_rows(part.inputs)
        places = np.searchsorted(known, keys).clip(max=len(known) - 1)
        rows = np.flatnonzero(known[places] == keys)
        twins = first[places[rows]]
        is_equal = part.target[rows] == train.target[twins]
        is_copy = is_equal.all(axis=tuple(range(1, is_equal.ndim)))
        n_copies = int(is_copy.sum())
        is_chance = n_copies < _SAME_TARGET * len(rows)
        if is_chance or n_copies < max(_FEWEST_COPIES, _COPIES * len(part)):
            continue
        here = dataset.locate(part.rows[rows[is_copy][0]])
        there = dataset.locate(train.rows[twins[is_copy][0]])
        some = f"{n_copies:,} of {count(len(part), f'{name} row')} ({n_copies / len(part):.0%})"
        what = f"are training rows, too: {here} ({name}) equals {there} (train)."
        effect = f"The {name} score is too good, because the model was trained on these rows."
        yield f"{some} {what} {effect} Remove the copies."
        return


def _find_contradictions(dataset: Dataset, groups: NDArray[np.intp]) -> Iterator[str]:
    """Find training rows of equal inputs, which form a group, and different classes or labels."""
    train = dataset.parts["train"]
    if groups.max() + 1 == len(groups):
        return
    columns = {str(i): each for i, each in enumerate(train.target.reshape(len(train), -1).T)}
    _, classes = np.unique(_hash_rows(columns), return_inverse=True)
    n_classes = classes.max() + 1
    pairs, first, counts = np.unique(
        groups * n_classes + classes, return_index=True, return_counts=True
    )
    most = np.zeros(len(groups), np.int64)
    np.maximum.at(most, pairs // n_classes, counts)
    n_wrong = len(train) - int(most.sum())
    if n_wrong < max(_FEWEST_COPIES, _CONTRADICTIONS * len(train)):
        return
    i = np.flatnonzero(np.diff(pairs // n_classes) == 0)[0]
    here, there = (dataset.locate(train.rows[row]) for row in sorted(first[i : i + 2]))
    what = f"Training rows of equal inputs have different targets, such as {here} and {there}"
    effect = f"no model can be right for more than {1 - n_wrong / len(train):.1%} of training rows"
    remedy = "Correct the targets, or add a column that distinguishes these rows."
    yield f"{what}: {effect}. {remedy}"


def _find_deciding(dataset: Dataset, columns: Sequence[Column]) -> Iterator[str]:
    """Find columns that determine the target without any other column.

    Classes are predicted by a tree, and numbers by interpolation between the nearest rows.
    """
    inputs: Any = dataset.parts["train"].inputs
    target: Any = dataset.parts["train"].target
    if len(columns) < 2 or len(target) < _FEWEST_TREE_ROWS:
        return
    n_rows = max(_FEWEST_TREE_ROWS, min(_TREE_ROWS, _TREE_VALUES // len(columns)))
    rows = sample_rows(len(target), n_rows)
    half, name = len(rows) // 2, dataset.target_names[0]
    seen, held_out = target[rows[:half]], target[rows[half:]]
    is_number = dataset.task == "regression"
    has_rare_classes = not is_number and len(np.unique(seen)) > half / 2  # nothing to learn from
    if np.ptp(held_out) == 0 or has_rare_classes:
        return
    most_frequent = np.unique(held_out, return_counts=True)[1].max() / len(held_out)
    least = _VARIANCE if is_number else most_frequent + _SKILL * (1 - most_frequent)
    for column in columns:
        values = [_number(inputs[each][rows]) for each in column.inputs]
        X = np.nan_to_num(np.column_stack(values))
        if is_number:
            order = np.argsort(X[:half, 0], kind="stable")
            x, y, x_new = X[order, 0], seen[order], X[half:, 0]
            is_inside = (x_new >= x[0]) & (x_new <= x[-1])
            actual = held_out[is_inside]
            if len(actual) < len(held_out) / 2 or np.ptp(actual) == 0:
                continue
            errors = actual - np.interp(x_new[is_inside], x, y)
            score = 1 - np.mean(errors**2) / np.var(actual)
            what = f"explains {score:.1%} of the variance of {name}"
        else:
            from sklearn.tree import DecisionTreeClassifier

            tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=0)
            score = tree.fit(X[:half], seen).score(X[half:], held_out)
            what = f"predicts {name} right for {score:.1%} of rows"
            what += f" (the most frequent class: {most_frequent:.0%})"
        if score >= least:
            what = f"{column.name} alone {what}, in a sample of {len(rows):,} training rows."
            remedy = f"Leave it out with drop: {write_value([column.name])}"
            yield f"{what} {remedy} if it is not known before {name} is."


def _find_drift(
    dataset: Dataset, names: Sequence[str], not_random: Collection[str]
) -> Iterator[str]:
    """Find held-out parts whose rows a classifier distinguishes from training rows."""
    for name in not_random:
        pair = dataset.parts["train"], dataset.parts[name]
        n_rows = min(*map(len, pair), _TREE_ROWS)
        if n_rows < _FEWEST_TREE_ROWS or not names:
            continue
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import cross_val_score

        some: Any = [take_rows(each.inputs, sample_rows(len(each), n_rows)) for each in pair]
        columns = [np.concatenate([one[each] for one in some]) for each in names]
        values, is_held_out = np.column_stack([*map(_number, columns)]), np.repeat([0, 1], n_rows)
        forest = RandomForestClassifier(30, min_samples_leaf=5, random_state=0)
        auc = cross_val_score(forest, values, is_held_out, cv=3, scoring="roc_auc").mean()
        if auc < _DRIFT:
            continue
        worst = forest.fit(values, is_held_out).feature_importances_.argmax()
        what = f"The {name} rows differ from the training rows: a classifier separates them with an"
        effect = "A score on these rows applies to such rows only."
        yield f"{what} AUC of {auc:.2f}. They differ most in {names[worst]}. {effect}"


def _number(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Numbers as they are, and a number for each category."""
    if values.dtype.kind == "O":
        return np.unique(values.astype(str), return_inverse=True)[1].astype(float)
    return values.astype(float)
