"""Residuals over columns, with missing values and categories."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from matplotlib.figure import Figure

from kerasrecipes.report import keep_columns
from kerasrecipes.report.plots import plot_residuals_by_column
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


def test_means_of_numbers_are_drawn_without_missing_values():
    values, residuals = np.array([1.5, np.nan, 1.5, 2.5] * 10), np.arange(40.0)
    ax = Figure().subplots()
    plot_residuals_by_column(values, residuals, ax)
    x, y = ax.collections[1].get_offsets().T
    np.testing.assert_allclose(np.unique(x), [1.5, 2.5])
    means = [residuals[values == each].mean() for each in (1.5, 2.5)]
    np.testing.assert_allclose(np.unique(y), means)


def test_categories_are_named_and_have_no_line_between_them():
    ax = Figure().subplots()
    texts = np.array(["Ulm", "Bonn", "Ulm"])
    plot_residuals_by_column(texts, np.array([1.0, 5.0, 3.0]), ax)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Bonn", "Ulm"]
    means = [line.get_ydata() for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(means[0], [5, 2])


def test_the_same_residuals_give_the_same_picture():
    texts, residuals = np.array(["Ulm", "Bonn", "Ulm"] * 20), np.arange(60.0)
    pictures = []
    for _ in range(2):
        figure = Figure()
        plot_residuals_by_column(texts, residuals, figure.subplots())
        figure.savefig(picture := BytesIO())
        pictures.append(picture.getvalue())
    assert pictures[0] == pictures[1]
