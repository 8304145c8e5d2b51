"""Rows on a disk behave as the array that they stand for, and are read only when they are taken."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasrecipes.errors import RunFailed
from kerasrecipes.rows.dataset import choose_rows, count_rows, take_rows
from kerasrecipes.rows.disk import ColumnFile, DiskRows, are_on_disk
from kerasrecipes.rows.kinds import make_column

VALUES = np.arange(60, dtype=np.float32).reshape(20, 3)


def make_rows(asked: list[Any] | None = None) -> DiskRows:
    def read(rows: np.ndarray) -> np.ndarray:
        if asked is not None:
            asked.append(rows.tolist())
        return VALUES[rows]

    return DiskRows(read, VALUES.shape, VALUES.dtype)


@pytest.mark.parametrize(
    "some", [slice(None), slice(3, 7), np.array([5, 2, 2]), VALUES[:, 0] > 30, 4, slice(0, 0)]
)
def test_indexing_gives_what_an_array_gives(some: Any) -> None:
    rows = make_rows()
    np.testing.assert_array_equal(rows[some], VALUES[some])
    assert (rows.shape, rows.ndim, rows.dtype, len(rows)) == ((20, 3), 2, np.float32, 20)


def test_chosen_rows_are_not_read_until_they_are_taken() -> None:
    asked: list[Any] = []
    chosen: Any = choose_rows(make_rows(asked), np.array([9, 4, 7]))
    again: Any = choose_rows(chosen, slice(1, None))
    assert asked == []
    np.testing.assert_array_equal(again[:], VALUES[[4, 7]])
    np.testing.assert_array_equal(np.asarray(chosen), VALUES[[9, 4, 7]])
    assert asked == [[4, 7], [9, 4, 7]]


def test_a_change_is_made_after_reading() -> None:
    doubled = make_rows().map(lambda values: values[:, :2] * 2, (2,))
    assert doubled.shape == (20, 2)
    np.testing.assert_array_equal(doubled[3:5], VALUES[3:5, :2] * 2)


def make_columns(n_rows: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two columns, written in pieces of 7 rows."""
    monkeypatch.setenv("TMPDIR", str(folder))
    columns = {
        "x": np.arange(n_rows, dtype=np.float32) / 3,
        "c": np.array([f"k{i % 5}" if i % 4 else "" for i in range(n_rows)], object),
    }
    file = ColumnFile([make_column("x"), make_column("c")], n_rows)
    for start in range(0, n_rows, 7):
        file.write(start, {name: each[start : start + 7] for name, each in columns.items()})
    stored = file.open_columns()
    assert os.listdir(folder) == []  # it has no name, and so cannot be left behind
    for name, values in columns.items():
        np.testing.assert_array_equal(np.asarray(stored[name]), values)
    return stored


def test_columns_come_back_as_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = make_columns(50, tmp_path, monkeypatch)
    assert are_on_disk(stored)
    assert count_rows(stored) == 50
    some = take_rows(choose_rows(stored, np.array([1, 8, 30])), np.array([2, 0]))
    assert isinstance(some, dict)
    assert some["c"].tolist() == ["k0", "k1"]
    np.testing.assert_allclose(some["x"], [10, 1 / 3], rtol=1e-6)


def test_a_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", fail)
    with pytest.raises(RunFailed, match=r"in .*, of 0\.4 GB: No space left.* Set TMPDIR"):
        ColumnFile([make_column("x")], 100_000_000)
