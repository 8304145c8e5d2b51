"""Compares recipes and tests the differences; reads runs, trains in worker processes."""

from kerasrecipes.comparison.comparison import Comparison, compare

__all__ = ["Comparison", "compare"]
