"""Parts by groups, by time, by both, and folds: on row numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from kerasrecipes.errors import DataError
from kerasrecipes.recipe.schema import DatasetSpec
from kerasrecipes.rows.dataset import Dataset, Part, Source
from kerasrecipes.rows.splits import compute_fingerprint, split_source

N_ROWS = 600
GROUP = {"group": "patient"}
TIME = {"time": "date"}


LEFT_OUT = (
    "rows left out of every part: their windows or groups overlap with another part, or they are "
    "later than the fold."
)


def make_source(
    groups: Any = None, times: Any = None, target: Any = None, n_rows: int = N_ROWS
) -> Source:
    n_rows = n_rows if groups is None else len(groups)
    n_rows = n_rows if times is None else len(times)
    return Source(
        inputs={"x": np.arange(n_rows, dtype=np.float32)},
        target=np.arange(n_rows) % 2 if target is None else target,
        rows=np.arange(n_rows),
        task="classification",
        target_names=("y",),
        class_names=("no", "yes"),
        groups=None if groups is None else np.asarray(groups, np.int64),
        times=None if times is None else np.asarray(times),
    )


def split(source: Source, **keys: Any) -> Dataset:
    return split_source("rows", source, DatasetSpec.model_validate({"path": "rows.csv", **keys}))


def count_rows(dataset: Dataset) -> dict[str, int]:
    return {name: len(part) for name, part in dataset.parts.items()}


def draw_groups(n_groups: int, n_rows: int = N_ROWS, seed: int = 0) -> np.ndarray:
    """Groups of very different sizes, in no order."""
    rng = np.random.default_rng(seed)
    shares = rng.pareto(3, n_groups) + 0.1
    return rng.permutation(
        np.r_[np.arange(n_groups), rng.choice(n_groups, n_rows - n_groups, p=shares / shares.sum())]
    )


def assert_no_group_twice(dataset: Dataset) -> None:
    sets = [{*part.groups} for part in dataset.parts.values()]
    assert sum(map(len, sets)) == len(set.union(*sets))


@pytest.mark.parametrize("n_groups", [25, 60, 300])
@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_no_group_stands_in_two_parts_and_shares_are_of_rows(
    n_groups: int, stratify: bool, seed: int
) -> None:
    source = make_source(draw_groups(n_groups, seed=seed))
    keys = GROUP | {"test_split": 0.25, "validation_split": 0.2, "stratify": stratify}
    dataset = split(source, **keys, split_seed=seed)
    assert_no_group_twice(dataset)
    assert sum(count_rows(dataset).values()) == N_ROWS
    assert len(dataset.parts["test"]) == pytest.approx(150, abs=10)
    assert len(dataset.parts["validation"]) == pytest.approx(90, abs=10)
    assert dataset.warnings == ()


def test_split_seed_chooses_the_groups() -> None:
    source = make_source(draw_groups(60))
    tests = [{*split(source, **GROUP, split_seed=i).parts["test"].groups} for i in (1, 1, 2)]
    assert tests[0] == tests[1] != tests[2]


def test_stratified_groups_keep_the_shares_of_classes() -> None:
    """Every patient has one diagnosis, so chance alone gives unequal parts."""
    groups = np.repeat(np.arange(60), 10)
    sick = (np.arange(60) < 15).astype(np.int64)
    source = make_source(groups, target=sick[groups])
    plain, stratified = (
        [
            split(source, **GROUP, stratify=stratify, split_seed=i).parts["test"].target.mean()
            for i in range(10)
        ]
        for stratify in (False, True)
    )
    assert stratified == [pytest.approx(0.25)] * 10
    assert np.std(plain) > 0.05


def test_a_group_that_is_larger_than_a_part_is_trained_on() -> None:
    groups = np.r_[np.zeros(400), np.repeat(np.arange(1, 21), 10)].astype(int)
    for seed in range(5):
        dataset = split(make_source(groups), **GROUP, split_seed=seed)
        assert 0 in dataset.parts["train"].groups
        assert len(dataset.parts["test"]) == 120


def test_two_groups_are_a_part_each() -> None:
    dataset = split(make_source(np.repeat([0, 1], 300)), **GROUP)
    assert count_rows(dataset) == {"train": 300, "test": 300}
    assert dataset.split == "train 1 group; test 1 group"


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(DataError) as caught:
        split(make_source(np.zeros(20, int)), **GROUP)
    assert caught.value.problems == (
        "test_split: all 20 rows left are of one patient. Remove group.",
    )
    two = make_source(np.repeat([0, 1], 10))
    with pytest.raises(DataError, match="validation_split: all 10 rows left are of one patient"):
        split(two, **GROUP, validation_split=0.2)


def test_the_past_is_trained_on_and_the_future_is_scored() -> None:
    times = np.random.default_rng(0).permutation(N_ROWS).astype("M8[D]")
    dataset = split(make_source(times=times), **TIME, validation_split=0.25)
    assert count_rows(dataset) == {"train": 360, "validation": 120, "test": 120}
    for part, days in (("train", (0, 359)), ("validation", (360, 479)), ("test", (480, 599))):
        found = dataset.parts[part].times
        assert (found.min(), found.max()) == tuple(np.array(days).astype("M8[D]"))
        assert (np.diff(found) > 0).all()
        np.testing.assert_array_equal(times[dataset.parts[part].rows], found)
    assert dataset.split == (
        "train 1970-01-01 to 1970-12-26; validation 1970-12-27 to 1971-04-25; "
        "test 1971-04-26 to 1971-08-23"
    )


def test_rows_of_the_same_time_stand_on_one_side() -> None:
    years = np.repeat([2019.0, 2020, 2021, 2022], [300, 150, 100, 50])
    dataset = split(make_source(times=years), time="year", test_split=0.2)
    assert {name: sorted({*part.times}) for name, part in dataset.parts.items()} == {
        "train": [2019, 2020, 2021],
        "test": [2022],
    } or count_rows(dataset)["test"] == 150
    assert count_rows(dataset) == {"train": 450, "test": 150}
    assert dataset.split == "train 2019 to 2020; test 2021 to 2022"


def test_one_time_cannot_be_split() -> None:
    with pytest.raises(DataError) as caught:
        split(make_source(times=np.full(20, 2024.0)), time="year")
    assert caught.value.problems == (
        "test_split: a split in order needs 2 different times (received: 1). Add rows, or choose "
        "fewer folds.",
    )


def test_new_groups_of_the_future_are_held_out() -> None:
    """Group p0 has rows all the time; the others follow each other."""
    times = np.arange(100).astype("M8[D]")
    groups = np.where(np.arange(100) % 4 == 0, 0, 1 + np.arange(100) // 10)
    dataset = split(make_source(groups, times), **GROUP, **TIME)
    assert_no_group_twice(dataset)
    train, test = dataset.parts["train"], dataset.parts["test"]
    assert train.times.max() < test.times.min()
    assert {*test.groups} == {8, 9, 10}
    assert {*train.groups} == {*range(8)}
    left_out = 100 - len(train) - len(test)
    assert (train.times.max(), left_out) == (np.datetime64("1970-03-11"), 7)
    assert dataset.warnings == (f"7 {LEFT_OUT}",)


def test_groups_that_all_begin_together_have_no_future() -> None:
    source = make_source(np.arange(40) % 4, np.arange(40) // 4 * 1.0)
    with pytest.raises(DataError, match="needs 2 different times"):
        split(source, **GROUP, **TIME)


@pytest.mark.parametrize(
    ("keys", "source"),
    [
        ({}, make_source()),
        ({}, make_source(target=np.arange(N_ROWS) / 7)),
        (GROUP, make_source(draw_groups(60))),
    ],
)
def test_each_row_is_in_the_test_part_of_one_fold(keys: dict[str, Any], source: Source) -> None:
    is_number = source.target.dtype.kind == "f"
    source = dataclasses.replace(source, task="regression") if is_number else source
    folds = [split(source, **keys, folds=5, fold=i, validation_split=0.25) for i in range(1, 6)]
    rows = np.concatenate([fold.parts["test"].rows for fold in folds])
    assert sorted(rows) == [*range(N_ROWS)]
    for fold in folds:
        assert sum(count_rows(fold).values()) == N_ROWS
        assert len(fold.parts["test"]) == pytest.approx(120, abs=40 if keys else 0)
        if keys:
            assert_no_group_twice(fold)
        elif not is_number:
            assert fold.parts["test"].target.mean() == 0.5
    again = split(source, **keys, folds=5, fold=1, validation_split=0.25)
    np.testing.assert_array_equal(again.parts["train"].rows, folds[0].parts["train"].rows)
    assert folds[1].split.startswith("fold 2 of 5")


def test_folds_of_groups_have_as_many_rows_in_a_regression() -> None:
    target = np.arange(N_ROWS) / 7
    source = dataclasses.replace(make_source(draw_groups(60), target=target), task="regression")
    sizes = [len(split(source, **GROUP, folds=4, fold=i).parts["test"]) for i in range(1, 5)]
    assert sum(sizes) == N_ROWS
    assert np.ptp(sizes) <= 30


@pytest.mark.parametrize(
    ("keys", "times"),
    [({"shuffle": False}, None), (TIME, np.arange(N_ROWS)[::-1].astype("M8[h]"))],
)
def test_folds_in_order_roll_forward(keys: dict[str, Any], times: Any) -> None:
    source = make_source(times=times)
    for fold in range(1, 6):
        dataset = split(source, **keys, folds=5, fold=fold, validation_split=0.2)
        rows = {name: part.rows for name, part in dataset.parts.items()}
        rows = rows if times is None else {name: N_ROWS - 1 - each for name, each in rows.items()}
        assert [*rows["test"]] == [*range(100 * fold, 100 * fold + 100)]
        assert [*rows["train"]] == [*range(80 * fold)]
        assert [*rows["validation"]] == [*range(80 * fold, 100 * fold)]


def test_folds_in_time_keep_groups_apart() -> None:
    source = make_source(draw_groups(60), np.sort(np.arange(N_ROWS) // 3).astype(float))
    for fold in (1, 2, 3):
        dataset = split(source, **GROUP, **TIME, folds=3, fold=fold)
        assert_no_group_twice(dataset)
        assert dataset.parts["train"].times.max() < dataset.parts["test"].times.min()


@pytest.mark.parametrize("counts", [(76, 79, 113, 32), (20, 70, 140, 70), (1, 1, 1, 297)])
def test_no_row_of_few_times_is_in_two_folds(counts: tuple[int, ...]) -> None:
    years = np.repeat([2001.0, 2002, 2003, 2004], counts)
    source = make_source(times=years)
    tests = [split(source, **TIME, folds=3, fold=fold).parts["test"] for fold in (1, 2, 3)]
    assert [{*part.times.tolist()} for part in tests] == [{2002}, {2003}, {2004}]
    for fold in (1, 4):
        with pytest.raises(DataError, match="needs 5 different times"):
            split(source, **TIME, folds=4, fold=fold)


@pytest.mark.parametrize(
    ("source", "keys", "message"),
    [
        (make_source(np.arange(12) // 4), GROUP, "5 folds need more groups (received: 3)"),
        (make_source(n_rows=4), {}, "5 folds need more rows (received: 4)"),
        (
            make_source(n_rows=5),
            {"shuffle": False},
            "folds: a split in order needs 6 rows (received: 5)",
        ),
        (
            make_source(times=np.repeat([1.0, 2], 10)),
            TIME,
            "needs 6 different times (received: 2)",
        ),
    ],
)
def test_too_few_rows_for_the_folds(source: Source, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        split(source, **keys, folds=5, fold=3)
    assert message in str(caught.value)


def test_a_part_of_the_data_is_no_fold() -> None:
    own = {"test": Part({"x": np.zeros(2)}, np.zeros(2, int), np.arange(2))}
    source = dataclasses.replace(make_source(), own_parts=own)
    with pytest.raises(DataError, match="folds: rows has a test part of its own, of 2 rows"):
        split(source, folds=5, fold=1)


def test_fingerprints_cover_groups_and_times() -> None:
    sources = [
        make_source(),
        make_source(np.arange(N_ROWS) % 7),
        make_source(np.arange(N_ROWS) % 8),
        make_source(times=np.arange(N_ROWS) * 1.0),
        make_source(times=np.arange(N_ROWS).astype("M8[D]")),
    ]
    assert len({*map(compute_fingerprint, sources)}) == len(sources)


def test_windows_in_order_of_time_leave_a_gap() -> None:
    series = np.random.default_rng(0).normal(size=105).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(series, 5)[:-1]
    source = dataclasses.replace(make_source(times=np.arange(100.0)), inputs=windows)
    dataset = split(source, **TIME)
    assert dataset.split == "train 0 to 75; test 80 to 99"
    assert dataset.warnings == (f"4 {LEFT_OUT}",)


def test_stratified_groups_keep_the_shares_of_labels() -> None:
    """A row's labels together are its class, as in scikit-learn's train_test_split."""
    groups, labels = np.arange(400) // 8, np.array([[0, 1], [1, 1]])
    source = make_source(groups, target=labels[groups % 2])
    source = dataclasses.replace(source, task="multilabel", target_names=("a", "b"), class_names=())
    for seed in range(5):
        test = split(source, **GROUP, stratify=True, split_seed=seed).parts["test"]
        assert [*test.target.mean(axis=0)] == [0.5, 1]
