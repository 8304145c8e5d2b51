"""Several recipes side by side, with what the differences prove; reads runs, trains in workers."""

from kerasrecipes.compare.comparison import (
    compare_contenders,
    load_contenders,
    make_draws,
    train_contenders,
    tune_learning_rates,
)
from kerasrecipes.compare.contender import Contender
from kerasrecipes.compare.description import describe
from kerasrecipes.compare.page import render_comparison
from kerasrecipes.compare.statistics import Comparison, compare_scores
from kerasrecipes.compare.table import (
    make_differences,
    make_rows,
    make_table,
    to_csv,
    to_json,
    to_markdown,
)

__all__ = [
    "Comparison",
    "Contender",
    "compare_contenders",
    "compare_scores",
    "describe",
    "load_contenders",
    "make_differences",
    "make_draws",
    "make_rows",
    "make_table",
    "render_comparison",
    "to_csv",
    "to_json",
    "to_markdown",
    "train_contenders",
    "tune_learning_rates",
]
