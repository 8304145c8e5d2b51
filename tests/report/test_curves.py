"""Residuals over columns, with missing values and categories."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from kerasrecipes.report import keep_columns
from kerasrecipes.report.curves import plot_residuals_by_column
from kerasrecipes.rows import Part


def make_part(n_rows: int = 400) -> Part:
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(size=n_rows).astype(np.float32) for name in "abcde"}
    numbers["e"][::7] = np.nan
    town = rng.choice(["Ulm", "Köln", ""], n_rows).astype(object)
    same, ids = np.ones(n_rows, np.float32), np.array([f"id {i}" for i in range(n_rows)], object)
    inputs = numbers | {"town": town, "same": same, "id": ids}
    return Part(inputs, numbers["a"], np.arange(n_rows))


def test_the_first_inputs_that_can_be_drawn_are_kept():
    part = make_part()
    ranked = ["same", "c", "id", "town", "e", "b", "a", "d"]
    kept = keep_columns(part, ranked)
    assert [*kept] == ["input_c", "input_town", "input_e", "input_b"]
    np.testing.assert_array_equal(kept["input_town"], part.inputs["town"])
    assert keep_columns(part) == {}


def test_means_of_groups_are_drawn_without_missing_values():
    values, residuals = ["1.5", "nan", "1.5", "2.5"] * 10, np.arange(40.0)
    ax = Figure().subplots()
    plot_residuals_by_column(values, residuals, ax)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, [1.5, 2.5])
    numbers = np.array(values, float)
    np.testing.assert_allclose(y, [residuals[numbers == each].mean() for each in (1.5, 2.5)])


def test_categories_are_named_and_have_no_line_between_them():
    ax = Figure().subplots()
    plot_residuals_by_column(["Ulm", "Bonn", "Ulm"], np.array([1.0, 5.0, 3.0]), ax)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Bonn", "Ulm"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [5, 2])
    assert ax.lines[0].get_linestyle() == "None"
